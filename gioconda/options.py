"""How the fields of `Job` are said on the command line; their defaults stand in `Job` alone."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from fractions import Fraction
from typing import Any, get_args

from gioconda.job import Job, MotionMode, Mouth


@dataclass(frozen=True, slots=True)
class Option:
    """How a field of `Job` is said on the command line; its default stands in `Job` alone."""

    group: str
    help: str
    kind: Callable[[str], Any] | None = None
    """Makes the value from the text; None for text."""
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    flags: tuple[str, ...] = ()
    """Flags where they are not the field's name."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `add_argument`."""


def number(text: str) -> float:
    """A decimal number; `nan` and `inf` are none."""
    if not re.fullmatch(r"[+-]?(\d{1,12}(\.\d{0,24})?|\.\d{1,24})([eE][+-]?\d{1,2})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return float(text)


def whole(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def rate(text: str) -> Fraction:
    """Frames per second, exactly as written: "30", "30000/1001", "12.5"."""
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,9}|/0*[1-9]\d{0,8})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a frame rate such as 30, 12.5 or 30000/1001")
    return Fraction(text)


_DRIVER, _MOVES, _PART, _RESULT = "what drives the portrait (exactly one)", "how it moves", "which part", "the result"
_PLACE = "what renders"
_OWN = "how it moves, for the liveportrait head alone"
_EITHER: Mapping[str, Any] = {"action": argparse.BooleanOptionalAction}

OPTIONS: Mapping[str, Option] = {
    "driving": Option(
        _DRIVER, "a clip (MP4, MOV, MKV, WebM, AVI, GIF, WebP) or a picture whose face drives the portrait", None, "CLIP"
    ),
    "motion": Option(_DRIVER, "a motion file that `python -m gioconda motion` wrote", None, "FILE"),
    "gesture": Option(_DRIVER, "a built-in performance; `python -m gioconda gestures` lists them", None, "NAME"),
    "head": Option(_PLACE, "the head that renders: auto, or one by name", None, "NAME"),
    "device": Option(_PLACE, "where a head of networks runs: auto, cpu, cuda, cuda:N or mps", None, "NAME"),
    "precision": Option(_PLACE, "what a head of networks works in", choices=("auto", "fp32", "fp16", "bf16")),
    "motion_mode": Option(
        _MOVES,
        "relative adds the driver's changes to the portrait; absolute takes over the driver's pose and expression",
        choices=get_args(MotionMode),
    ),
    "expression_strength": Option(_MOVES, "0 to 2, how strongly the expression follows", number, "X"),
    "pose_strength": Option(_MOVES, "0 to 2, how strongly the head turns and moves", number, "X"),
    "smooth": Option(_MOVES, "0 to 4, how much of the tracker's measured jitter is smoothed away; 0 is off", number, "X"),
    "shading": Option(_MOVES, "let creases and shadows fall on the portrait too", settings=_EITHER),
    "mouth": Option(
        _MOVES,
        "whence the inside of an opened mouth comes; auto takes the driver's where the portrait's is closed",
        choices=get_args(Mouth),
    ),
    "neutral": Option(
        _MOVES, "when the driver's face rests, in the clip or motion file (default: found by itself)", number, "SECONDS"
    ),
    "stitching": Option(_OWN, "keep neck and shoulders joined to what stands still (default: on)", settings=_EITHER),
    "driving_multiplier": Option(_OWN, "0 to 2, how far keypoints are moved, after everything else (default: 1)", number, "X"),
    "region": Option(
        _OWN, "which part of the driver's motion is taken (default: all)", choices=("all", "exp", "pose", "lip", "eyes")
    ),
    "retarget_eyes": Option(_OWN, "open and close the eyes by how far the driver's are open (default: off)", settings=_EITHER),
    "retarget_lips": Option(_OWN, "the same for the lips (default: off)", settings=_EITHER),
    "normalize_lips": Option(_OWN, "first close lips that the portrait shows open (default: off)", settings=_EITHER),
    "face": Option(_PART, "which face of the first portrait: 1 is the largest (default), 2 the next", whole, "N"),
    "start": Option(_PART, "seconds of the driving clip to skip", number, "SECONDS"),
    "end": Option(_PART, "second of the driving clip to stop at (default: its end)", number, "SECONDS"),
    "output": Option(_RESULT, "the MP4 to write", None, "OUT.mp4", flags=("-o", "--output")),
    "max_side": Option(_RESULT, "longest side of the video; larger portraits are made smaller", whole, "PIXELS"),
    "fps": Option(_RESULT, "frames per second: 30, 12.5 or 30000/1001 (default: the driver's own times)", rate, "RATE"),
    "audio": Option(_RESULT, "carry the clip's sound over", settings=_EITHER),
    "label": Option(_RESULT, 'draw the label "AI-animated portrait"', settings=_EITHER),
    "watermark": Option(_RESULT, "draw the invisible mark", settings=_EITHER),
    "consent": Option(_RESULT, "what you say about the consent of the person shown; the credentials keep it", None, "TEXT"),
    "compare": Option(_RESULT, "also write OUT-compare.mp4: portrait, driver and result", settings={"action": "store_true"}),
    "crf": Option(_RESULT, "x264 quality, 0 to 51; larger is a smaller file", whole, "N"),
    "preview": Option(_RESULT, "also write a small silent animation", None, "FILE.gif|.webp"),
    "report": Option(_RESULT, "write what was found and decided as JSON", None, "FILE.json"),
    "overwrite": Option(_RESULT, "replace files that exist", settings={"action": "store_true"}),
}
"""Every field of `Job` but the portraits."""

BROADCAST = {Fraction("23.976"): "24000/1001", Fraction("29.97"): "30000/1001", Fraction("59.94"): "60000/1001"}
"""Rates that people write rounded, and what television means by them."""

GIVEN_BY_THE_BATCH = ("output", "report", "preview", "overwrite")
"""Settings that a line of a batch may not have: the batch says where results go."""

SHARED = tuple(name for name in OPTIONS if name not in ("driving", "motion", "gesture", *GIVEN_BY_THE_BATCH))
"""Settings that may be given for all lines of a batch together."""

RECORDED = ("start", "end", "smooth", "neutral", "overwrite")
"""The settings that recording a motion file has too."""


def add(group: argparse._ActionsContainer, name: str, option: Option) -> None:
    """Add the option of a field of `Job`; where it is not given, nothing is passed on and `Job` has the say."""
    flags = option.flags or ("--" + name.replace("_", "-"),)
    more = {key: value for key in ("metavar", "choices") if (value := getattr(option, key)) is not None}
    if option.kind is not None:
        more["type"] = option.kind
    default = {one.name: one.default for one in fields(Job)}[name]
    told = default not in (None, MISSING) and not isinstance(default, bool)
    line = f"{option.help} (default: {_text(default)})" if told else option.help
    group.add_argument(*flags, dest=name, help=line, default=argparse.SUPPRESS, **more, **option.settings)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
