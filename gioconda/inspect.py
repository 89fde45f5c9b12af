"""What is wrong with, or worth knowing about, a portrait, a driving clip or a motion file: told before the run.

The page shows it beside what was uploaded; nothing here knows of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from gioconda.errors import DrivingError, InputError
from gioconda.job import Job
from gioconda.performance import TRACKED_SIDE

if TYPE_CHECKING:
    from gioconda.media import VideoReader

LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds into a clip at which a face is looked for first: a driver is usually there from the start."""

FURTHER = 5
"""Looks spread evenly over the rest of a clip when those found nothing."""

SMALL = 96
"""Pixels from ear to ear in a clip below which lids and lips are followed roughly: about 2 pixels apart."""

LONG = 300.0
"""Seconds beyond which a run takes long enough to be told beforehand."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen."""

    ok: bool
    """False when a run with it would stop."""
    lines: tuple[str, ...]
    """Complete sentences, the most important first. Where `ok`, the first says what it is, the others what is notable."""


def inspect_portrait(path: str | Path, face: int | None = None) -> Inspection:
    """Look at a portrait as a run would: whether there is a face, and whether it is large, sharp and frontal enough.

    Args:
        path: the picture.
        face: which face, 1 is the largest; None means the largest.
    """
    from gioconda.faces import Tracker
    from gioconda.media import read_image, resize_to

    path = Path(path)
    most: int = Job(portraits=()).max_side
    try:
        picture = read_image(path)
        whole = picture.image.shape[1::-1]
        alpha = None if picture.alpha is None else resize_to(picture.alpha, most)
        picture = replace(picture, image=resize_to(picture.image, most), alpha=alpha)
        with Tracker() as tracker:
            found = tracker.portrait(picture, face=face, name=path.name)
    except InputError as error:
        return Inspection(False, (error.found, error.needed, error.do))
    faces = "1 face" if found.faces == 1 else f"{found.faces} faces"
    return Inspection(True, (f"{whole[0]} × {whole[1]} pixels, {faces}.", *found.notes))


def inspect_clip(path: str | Path) -> Inspection:
    """Look at a driving clip: its length, rate and sound, and whether a face is seen in a handful of its frames."""
    from gioconda.media import VideoReader

    path = Path(path)
    try:
        with VideoReader(path, max_side=TRACKED_SIDE) as reader:
            facts = _facts(reader)
            seen, looked = _first_face(path, reader.seconds or 0.0)
    except InputError as error:
        return Inspection(False, (error.found, error.needed, error.do))
    if seen is None:
        many = "it" if looked == 1 else f"any of the {looked} frames looked at in it"
        found = f"No face was found in {path.name}." if looked == 1 else f"No face was found in {path.name}: not in {many}."
        needed = "One face is needed, seen from the front or up to about 45 degrees from the side."
        return Inspection(False, (found, needed, "Choose another clip, or cut this one to the part that shows the face."))
    return Inspection(True, (facts, *_notable(path.name, seen, reader)))


def inspect_motion(path: str | Path) -> Inspection:
    """Look at a motion file: its length and rate."""
    from gioconda import motion

    try:
        loaded = motion.load(Path(path))
    except DrivingError as error:
        return Inspection(False, (error.found, error.needed, error.do))
    seconds = float(loaded.times[-1]) + 1 / float(loaded.rate)
    return Inspection(True, (f"{_duration(seconds)}, {len(loaded)} frames at {_rate(loaded.rate)}.",))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The first look that found a face."""

    time: float
    """Seconds into the clip."""
    faces: int
    across: float
    """Width of the largest face in pixels of a frame in the size that it is tracked in."""


def _first_face(path: Path, seconds: float) -> tuple[_Seen | None, int]:
    """The first of a handful of looks that found a face, and how many looks it took."""
    from gioconda.faces import Tracker
    from gioconda.faces.tracker import width
    from gioconda.media import VideoReader

    looked = 0
    with Tracker() as tracker:
        for time in _moments(seconds):
            try:
                with VideoReader(path, start=time, max_side=TRACKED_SIDE) as reader:
                    frame = next(iter(reader))
            except DrivingError:
                # A file may declare more than it holds; only the first look's complaint is about the clip itself.
                if time == 0:
                    raise
                break
            looked += 1
            faces = tracker.find(frame.image)
            if faces:
                return _Seen(time, len(faces), width(faces[0])), looked
    return None, looked


def _moments(seconds: float) -> Iterator[float]:
    """Seconds at which to look into a clip of this length: early ones, then some of the rest."""
    yield LOOKS[0]
    early = [time for time in LOOKS[1:] if time < seconds]
    yield from early
    after = early[-1] if early else 0.0
    if len(early) == len(LOOKS) - 1:
        yield from (after + (seconds - after) * step / (FURTHER + 1) for step in range(1, FURTHER + 1))


def _facts(reader: VideoReader) -> str:
    """What the clip is, in one line."""
    width, height = reader.size
    if reader.still:
        return f"A single picture, {width} × {height} pixels: its pose and expression are arrived at, held and left."
    length = _duration(reader.seconds) if reader.seconds else "Length unknown"
    sound = "with sound" if reader.has_audio else "without sound"
    return f"{length} at {_rate(reader.rate)}, {sound}."


def _notable(name: str, seen: _Seen, reader: VideoReader) -> Iterator[str]:
    if seen.time > 0:
        yield f"No face is seen in {name} at its start; the first look that found one was at {seen.time:.1f} s."
    if seen.faces > 1:
        yield f"{name} shows {seen.faces} faces; the largest one drives the portrait."
    if seen.across < SMALL:
        yield f"The face in {name} is only {seen.across:.0f} pixels wide; small movements of lids and lips will be lost."
    if reader.seconds and reader.seconds > LONG:
        yield f"{name} is long: the result will take minutes. Stop is possible at any time."


def _duration(seconds: float) -> str:
    """Seconds as a person says them: "4.2 seconds", "2 min 05 s"."""
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def _rate(rate: Fraction) -> str:
    """Frames per second, with as many digits as tell 29.97 from 30."""
    return f"{float(rate):.5g} frames per second"
