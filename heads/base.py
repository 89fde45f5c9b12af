"""The contract of a head: the nouns that pass between the tracker, the heads and the studio, and what every head promises.

Conventions, used everywhere in the project:

    image   (H, W, 3) uint8, RGB, C-contiguous
    pixels  (x, y), x right, y down, origin at the top left corner of the top left pixel
    crop    the aligned square around a face (`heads.paste.align`) in unit coordinates: (0, 0) top left, (1, 1) bottom right
    depth   z away from the viewer, in the same scale as x; smaller is nearer
    pose    rotation matrix, head axes to camera axes, both x right, y down, z away; the identity looks straight at the viewer
    time    seconds, float64; frame rates are Fraction, never float or int
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""

Floats: TypeAlias = NDArray[np.float32]

Channel = Literal["points", "expression", "crops"]
"""What of a cue a head can follow: the landmarks, the blendshape weights, or pictures of the driver's face."""

Precision = Literal["fp32", "fp16", "bf16"]
"""Numbers that a head's networks work with: IEEE single, IEEE half, or the brain float of 16 bits."""

POINTS = 478
"""Landmarks of a face: 468 of the surface and 5 of each iris (MediaPipe Face Landmarker model card, 2023)."""

SHAPES = 52
"""Blendshape weights of a face, in the order of `heads.mesh.BLENDSHAPES`."""


class HeadError(ValueError):
    """A head was given something that it cannot render; the message says what it found, what it needs and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What the tracker saw in one image."""

    points: Floats
    """(478, 3) float32, pixels of the image; z in pixels too, relative to the head's middle."""
    expression: Floats
    """(52,) float32 in [0, 1], blendshape weights in the order of `heads.mesh.BLENDSHAPES`."""
    pose: Floats
    """(3, 3) float32 rotation, head axes to camera axes."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A still picture with the face that was found in it: the input of every head."""

    image: Image
    """(H, W, 3) uint8, upright, H and W even."""
    face: Face
    align: Floats
    """(2, 3) float32 affine from pixels of the image to the unit crop."""
    matte: Floats
    """(H, W) float32 in [0, 1]: 1 where the person is, 0 where the background is."""
    digest: str
    """SHA-256 of the uploaded file, 64 hexadecimal digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Cue:
    """What one driving frame says."""

    time: float
    """Seconds from the start of the performance."""
    points: Floats
    """(478, 3) float32, unit crop of the performance's neutral frame: one fixed crop for the whole performance, so that
    a head that moves through the picture moves through the crop."""
    expression: Floats
    """(52,) float32 in [0, 1]."""
    pose: Floats
    """(3, 3) float32 rotation, head axes to camera axes."""
    found: bool = True
    """False where no face was seen; the arrays then repeat the last face seen."""
    crop: Image | None = None
    """(256, 256, 3) uint8, the driver's face cut out of the driving frame: for a head that is `Watching` from one place for the
    whole performance, for others by `heads.paste.align` anew in each frame. None for motion without a picture."""
    crop_points: Floats | None = None
    """(478, 3) float32, the driver's own landmarks in that picture, unit coordinates. They stay what they are when `points`
    are made stronger or weaker. None when `crop` is."""
    shade: Floats | None = None
    """(478,) float32, natural logarithm of the skin's brightness at each landmark over that of the neutral frame: creases and
    shadows, as numbers. None where it was not measured."""
    strength: tuple[float, float] = (1.0, 1.0)
    """At least 0: how strongly the expression and the pose in `crop` are meant to change from the neutral face. `points`,
    `expression` and `pose` have it in them already; a picture cannot."""


class Rows(Protocol):
    """An array that is read a few rows at a time: an ndarray, or rows kept in a file (`gioconda.motion.Spool`)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, then the shape of a row."""
        ...

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> Floats: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A whole performance: how one face moves in time. Iterates as cues; holds no picture of the driver."""

    times: NDArray[np.float64]
    """(T,) seconds, rising, starting at 0; whole multiples of `clock`."""
    rate: Fraction
    """Frames per second; the average where the steps are uneven."""
    clock: Fraction
    """Seconds per tick: `round(times / clock)` gives the exact integer time stamps."""
    points: Rows
    """(T, 478, 3) float32, unit crop of the neutral frame."""
    expression: Floats
    """(T, 52) float32 in [0, 1]."""
    pose: Floats
    """(T, 3, 3) float32 rotations, head axes to camera axes."""
    found: NDArray[np.bool_]
    """(T,) False where no face was seen and the last one is repeated."""
    neutral: int = 0
    """Index of the frame that stands for the resting face."""
    shade: Rows | None = None
    """(T, 478) float32, as `Cue.shade`; None where it was not measured."""

    def __len__(self) -> int:
        return len(self.times)

    def cue(self, index: int) -> Cue:
        """The performance at one frame, `0 <= index < len(self)`, as a cue without a picture."""
        return Cue(
            float(self.times[index]),
            self.points[index],
            self.expression[index],
            self.pose[index],
            bool(self.found[index]),
            shade=None if self.shade is None else self.shade[index],
        )

    def __iter__(self) -> Iterator[Cue]:
        return (self.cue(index) for index in range(len(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """What a head keeps of a person. A value: no device, no file; safe to share and to save."""

    head: str
    """Name of the head that made it; other heads refuse it."""
    portraits: tuple[Portrait, ...]
    """The portraits it was made from; the first one gives the frames their geometry."""
    state: Mapping[str, Floats] = field(default_factory=dict)
    """Flat name to float32 array; saved as it is in one safetensors file."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of long work, for a progress bar: done of total, and perhaps something to look at."""

    label: str
    done: int
    total: int
    preview: Image | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """An identity on its way; every one of them may be used, the last is the best."""

    step: Step
    identity: Identity


class Head(Protocol):
    """Turns portraits and a performance into frames.

    A head does no I/O and sets no global. Arguments are checked at the call, work starts at the first `next`. Progress is
    counting what was yielded; cancelling is closing the iterator. The same inputs give the same bits on a CPU.
    """

    name: ClassVar[str]
    """Key in `heads.REGISTRY`."""
    needs: ClassVar[tuple[str, ...]]
    """Names of its files in `weights/catalogue.toml`; empty when it has none."""
    accelerated: ClassVar[bool]
    """Whether it keeps `Accelerated` too: networks that want a GPU. One that does not runs on "cpu" in "fp32" alone."""
    paints: ClassVar[bool]
    """Whether a trained network paints the face. At the neutral cue the frame is then its picture of the portrait, the same for
    every driver, and results are marked as made by a trained algorithm. Other heads give the portrait, and move its pixels."""
    settings: ClassVar[frozenset[str]]
    """Names of the run's settings that it takes by itself (it then keeps `Adjustable` too); empty when it follows cues only."""
    shots: range
    """How many portraits `enroll` takes: `range(1, 2)` for one, `range(1, 33)` for up to 32."""
    drives: frozenset[Channel]
    """The channels it follows. Every performance carries points and expression; one without pictures is refused by a head that
    drives on "crops", which keeps `Watching` too."""

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        """Build the head from its weight files: name of each needed file to its path; device "cpu", "cuda:0" or "mps".

        Raises:
            HeadError: the head does not run on the device or in the precision, or a file does not hold what it should.
        """
        ...

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        """The real class, small, with random weights, for tests."""
        ...

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        """Read the person once. Pure: the same portraits give the same identity, and nothing is kept in the head.

        Raises:
            HeadError: the number of portraits is not in `shots`, or a portrait cannot be carried.
        """
        ...

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        """Yield one frame (H, W, 3) uint8 RGB per cue, in the geometry of the first portrait, owned by the caller.

        The performance is relative: where a cue equals `neutral`, the frame is the portrait (see `paints`). For a head that
        drives on "crops", a `neutral` without a picture stands for the portrait's own face: the driver's pose and expression
        then replace it (absolute motion). Pixels that the head does not animate are the portrait's own.

        At most `lookahead` cues are asked for before the frame of the first of them is yielded; 0 (live use) yields each
        frame before the next cue is asked for. Where `cue.found` is false the last cue that was found is held. Where only the
        picture is missing, its face does not show in it, and goes from the picture before to the next one as far as that is
        seen. Memory does not grow with the performance.

        Raises:
            HeadError: at the call, when the identity was made by another head or lacks what this one needs.
        """
        ...


class Accelerated(Head, Protocol):
    """A head of networks. It takes any device and precision, and falls back to no other by itself."""

    def finite(self) -> bool:
        """Run a made-up frame through every network; whether all their values are finite in the head's precision."""
        ...


class Watching(Head, Protocol):
    """A head that drives on "crops": it reads the driver's face in pictures that are all cut in one place."""

    @staticmethod
    def boxes(points: Floats) -> Floats:
        """Where it would cut N frames if each stood alone: squares (N, 4), left, top, right, bottom, pixels of the frames.

        Cues are cut at their mean over the performance; in live use over its first frames.

        Args:
            points: (N, 478, 3) landmarks, pixels of the frames.
        """
        ...


class Adjustable(Head, Protocol):
    """A head with settings of its own."""

    def adjusted(self, settings: Mapping[str, Any]) -> Self:
        """The same head, sharing its networks, with the values given for some of `settings`; the others stay as they are.

        Raises:
            HeadError: it has no setting of that name, or the value is outside its range.
        """
        ...

    def chosen(self) -> Mapping[str, Any]:
        """The values of all of `settings` that it works with, its own defaults among them."""
        ...


class Tunable(Head, Protocol):
    """A head that can learn a person better than `enroll` does."""

    def adapt(self, identity: Identity, portraits: Sequence[Portrait], *, steps: int, seed: int) -> Iterator[Adapted]:
        """Fine-tune on (H, W, 3) uint8 portraits, yielding an identity that may be used after every step.

        Raises:
            HeadError: at the call, when the identity was made by another head or no portrait was given.
        """
        ...
