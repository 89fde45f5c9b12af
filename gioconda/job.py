"""The values of a run: `Job` (every setting with its default), `Clip` (the result), `Finished` (the last step)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from heads.base import Image, Precision

MotionMode = Literal["relative", "absolute"]
Mouth = Literal["auto", "portraits", "driving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Every setting of a run. The page and the command line read their defaults from here.

    Exactly one of `driving`, `motion` and `gesture` says how the portrait moves.
    """

    portraits: Sequence[str | Path]
    """One or more pictures of one person; the first gives the video its frame."""
    driving: str | Path | None = None
    """A clip (MP4, MOV, MKV, WebM, AVI, GIF, WebP) or a single picture whose face drives the portrait."""
    motion: str | Path | None = None
    """A motion file (.safetensors) that `gioconda motion` wrote."""
    gesture: str | None = None
    """The name of a built-in performance (`gioconda.gestures.GESTURES`)."""
    output: str | Path = "gioconda.mp4"
    """Where the MP4 goes."""
    head: str = "auto"
    """Which head renders (`heads.REGISTRY`); `auto` takes one of networks where a GPU and its weights are there."""
    device: str = "auto"
    """Where a head of networks runs: auto, cpu, cuda, cuda:N or mps; `auto` takes a GPU where there is one."""
    precision: Precision | Literal["auto"] = "auto"
    """What a head of networks works in: auto, fp32, fp16 or bf16; `auto` is fp16 on a CUDA GPU and fp32 elsewhere."""
    motion_mode: MotionMode = "relative"
    """relative: changes from the neutral frame are added to the portrait; absolute: the driver's own pose and expression."""
    expression_strength: float = 1.0
    """0 … 2, factor on the change of expression."""
    pose_strength: float = 1.0
    """0 … 2, factor on the head's turning and moving."""
    smooth: float = 1.0
    """0 … 4, factor on the measured tracking noise that is smoothed away; 0 turns smoothing off."""
    shading: bool = True
    """Let creases and shadows of the performance fall on the portrait, as far as its own light allows."""
    mouth: Mouth = "auto"
    """Whence the inside of an opened mouth comes: the portraits and the head's own model, or the driver's picture. `auto`
    takes the driver's picture where there is one and the portrait's mouth is closed."""
    stitching: bool | None = None
    """Correct keypoints so that neck and shoulders stay joined. This and the next five are for heads that have them
    (`heads.base.Head.settings`); None is the head's own default."""
    driving_multiplier: float | None = None
    """0 … 2, factor on how far keypoints are moved, after everything else."""
    region: str | None = None
    """Which part of the driver's motion is taken: all, exp, pose, lip or eyes."""
    retarget_eyes: bool | None = None
    """Open and close the eyes by how far the driver's are open."""
    retarget_lips: bool | None = None
    """The same for the lips."""
    normalize_lips: bool | None = None
    """Close lips that the portrait shows open before anything moves."""
    face: int | None = None
    """Which face of the first portrait when there are several: 1 is the largest, 2 the next; None means the largest."""
    neutral: float | None = None
    """Seconds into the driving clip or motion file at which the driver's face rests; None chooses the frame nearest to the
    portrait, or leaves a motion file's own."""
    max_side: int = 1280
    """Pixels; larger portraits are made smaller so that the video's longer side is at most this."""
    fps: Fraction | None = None
    """Frames per second of the result; None keeps the driver's own time stamps."""
    start: float = 0.0
    """Seconds of the driving clip to skip."""
    end: float | None = None
    """Second of the driving clip to stop at; None goes to its end."""
    audio: bool = True
    """Carry the driving clip's sound over."""
    label: bool = True
    """Draw the visible label "AI-animated portrait"."""
    watermark: bool = True
    """Draw the invisible mark, which survives re-encoding; without it a copy that lost its credentials is not found again."""
    consent: str | None = None
    """What you say about the consent of the person shown: the credentials then say "asserted" with these words, otherwise "not
    asserted"."""
    compare: bool = False
    """Also write a side-by-side reel (portrait, driving clip, result) as OUTPUT-compare.mp4."""
    preview: str | Path | None = None
    """Where to write a small silent animation of the result, `.gif` or `.webp`; None writes none."""
    report: str | Path | None = None
    """Where to write the report of the run as JSON."""
    overwrite: bool = False
    """Replace an existing output."""
    crf: int = 18
    """x264 constant rate factor, 0 … 51; 18 is visually lossless (x264 documentation), larger is smaller."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished video."""

    path: Path
    frames: int
    rate: Fraction
    """Frames per second; the average where time stamps are uneven."""
    size: tuple[int, int]
    """(W, H) pixels."""
    seconds: float
    sha256: str
    """SHA-256 of the file, 64 hexadecimal digits."""
    head: str
    marks: tuple[str, ...]
    """The marks that the file carries, of: "label", "watermark", "credentials", "tags"."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What was found and decided on the way; JSON types only."""
    compare: Path | None = None
    """The side-by-side reel, when one was asked for."""
    preview: Path | None = None
    """The small silent animation, when one was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The last step of a run: a `heads.base.Step` by shape (label, done, total, preview) that carries the clip."""

    label: str
    done: int
    total: int
    preview: Image | None
    clip: Clip
