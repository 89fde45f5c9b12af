"""Performances as values: kept in a file, resampled, retargeted to a portrait, saved and loaded.

A motion file is one `.safetensors` with the landmarks, blendshape weights and poses of a performance and a few words of
metadata. It holds no picture of the driver and nothing that runs when it is read.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from gioconda.errors import DrivingError, OutputError
from gioconda.media.film import MAX_TICKS
from heads import mesh, rigid
from heads.base import POINTS, SHAPES, Cue, Face, Floats, Motion, Rows

FORMAT = "gioconda-motion-1"
"""Name and version in the metadata of a motion file."""

LIPS_APART = 0.08
"""Share of a wholly opened jaw by which a driver's neutral mouth may be more open than the portrait's: 3 mm of gap."""

MAX_FRAMES = 60 * 60 * 60
"""Frames of the longest motion file that is read: an hour at 60 frames per second, 1.2 GB of landmarks."""

MAX_SECONDS = 6 * 60 * 60.0
"""The longest such performance: `MAX_FRAMES` at ten frames per second."""

SLOWEST, FASTEST = Fraction(1, 60), Fraction(1000)
"""Frames per second between which the rate of a motion file lies: time lapse and slow motion are well inside."""

FARTHEST = 1000.0
"""Sides of the crop: landmarks lie nearer to it, however small the face in its frame is."""

NARROWEST = 1e-3
"""Sides of the crop that the rigid part of a face spans at least; a face spans some 0.4."""

SHADE = "shade"
"""Array of a motion file that may be missing: (T, 478), `heads.base.Cue.shade`."""

BRIGHTEST = 6.0
"""Natural logarithm of the largest ratio of brightness that eight bits can show, with room."""

ROUNDING = 0.01
"""By how much weights may lie outside 0 … 1 and poses differ from rotations: more than any rounding."""

_RATIO = re.compile(r"[0-9]{1,12}(/[0-9]{1,12})?", re.ASCII)
"""A rate or a clock as text; exponents could ask for numbers of any length."""

_ROWS = {"times": (), "points": (POINTS, 3), "expression": (SHAPES,), "pose": (3, 3), "found": ()}
"""Arrays of a motion file, and the shape of a row of each."""


class Spool:
    """Rows of float32 kept in a file, landmarks (478, 3) unless told otherwise: appended to once, then read a few at a time."""

    def __init__(self, path: Path, row: tuple[int, ...] = (POINTS, 3)) -> None:
        self._path, self._row = path, row
        self._file = path.open("wb")
        self._rows = 0

    def append(self, rows: NDArray[np.floating]) -> None:
        """Add one row, or several (n, …), at the end."""
        block = np.ascontiguousarray(rows, np.float32).reshape(-1, *self._row)
        try:
            self._file.write(block.data)
        except OSError as error:
            raise _no_room(error) from error
        self._rows += len(block)

    def close(self) -> None:
        """Write out what is buffered; rows can be read from now on."""
        try:
            self._file.close()
        except OSError as error:
            raise _no_room(error) from error

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, …): rows, then the shape of a row."""
        return (self._rows, *self._row)

    def __len__(self) -> int:
        return self._rows

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> Floats: ...
    def __getitem__(self, index: int | slice) -> Floats:
        row = math.prod(self._row)
        if isinstance(index, slice):
            first, last, step = index.indices(self._rows)
            if step != 1:
                raise IndexError(f"a spool is read in steps of 1, not {step}")
            count = max(0, last - first)
            return np.fromfile(self._path, np.float32, count * row, offset=first * row * 4).reshape(-1, *self._row)
        if not -self._rows <= index < self._rows:
            raise IndexError(f"row {index} of {self._rows}")
        return np.fromfile(self._path, np.float32, row, offset=index % self._rows * row * 4).reshape(self._row)


def _no_room(error: OSError) -> OutputError:
    folder = tempfile.gettempdir()
    return OutputError(
        f"The landmarks could not be kept in the temporary folder {folder} ({error.strerror or error}).",
        "It takes 11 kB for each frame of the clip.",
        "Free some space, or set TMPDIR to another folder.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """Rows mixed from neighbouring rows of others, worked out when they are read."""

    rows: Rows
    left: NDArray[np.intp]
    """(T,) index of the earlier row."""
    weight: Floats
    """(T,) share of the row after it, 0 … 1."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, …): rows, then the shape of a row."""
        return (len(self.left), *self.rows.shape[1:])

    def __len__(self) -> int:
        return len(self.left)

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> Floats: ...
    def __getitem__(self, index: int | slice) -> Floats:
        if isinstance(index, slice):
            return (
                np.stack([self[i] for i in range(*index.indices(len(self)))])
                if len(self)
                else np.empty((0, *self.rows.shape[1:]), np.float32)
            )
        first, share = int(self.left[index]), self.weight[index]
        pair = self.rows[first : first + 2]
        return np.asarray(pair[0] if share == 0 else (1 - share) * pair[0] + share * pair[1], np.float32)


def resampled(motion: Motion, rate: Fraction, seconds: float | None = None) -> Motion:
    """The same performance at an even `rate` (frames per second): faces between two frames are mixed from both.

    `seconds` is its length to the end of its last frame; None takes that one to last as long as a frame at its own rate.
    """
    length = motion.times[-1] + 1 / float(motion.rate) if seconds is None else seconds
    count = max(1, int(length * float(rate) + 1e-6))
    times = np.arange(count) / float(rate)
    left = np.clip(np.searchsorted(motion.times, times + 1e-9, side="right") - 1, 0, len(motion) - 1)
    right = np.minimum(left + 1, len(motion) - 1)
    gap = np.where(right > left, motion.times[right] - motion.times[left], 1.0)
    share = np.clip((times - motion.times[left]) / gap, 0, 1).astype(np.float32)
    # A frame without a face mixes with nothing.
    share[~(motion.found[left] & motion.found[right]) | (right == left)] = 0
    expression = (1 - share[:, None]) * motion.expression[left] + share[:, None] * motion.expression[right]
    turn = rigid.to_vector(motion.pose[right] @ motion.pose[left].transpose(0, 2, 1))
    pose = (rigid.to_matrix(share[:, None] * turn) @ motion.pose[left]).astype(np.float32)
    nearest = int(np.argmin(np.abs(times - motion.times[motion.neutral])))
    rows = Between(motion.points, left, share)
    shade = None if motion.shade is None else Between(motion.shade, left, share)
    return Motion(times, rate, 1 / rate, rows, expression, pose, motion.found[left], nearest, shade)


def rest_for(motion: Motion, face: Face, units: Floats) -> Cue:
    """The neutral cue for absolute motion: the driver's face with the portrait's pose and expression.

    A head adds to the portrait what a cue differs from its neutral; against this one, what it adds up to is the driver's
    own pose and expression.

    Args:
        motion: the driver's performance.
        face: the portrait's face.
        units: (52, 478, 3) change of the landmarks per blendshape, in distances between the outer eye corners
            (`heads.headmodel.HeadModel.landmark_units`).
    """
    cue = motion.cue(motion.neutral)
    frontal = cue.points @ cue.pose  # rows: pose transposed turns the head's axes back to straight ahead
    width = np.linalg.norm(frontal[33] - frontal[263])
    shaped = frontal + width * np.tensordot(face.expression - cue.expression, units, 1)
    turned = shaped @ face.pose.T
    # The head stays where it is: an opened jaw lowers the middle of the landmarks, not that of the skull.
    skull = list(mesh.STABLE)
    centre = cue.points[skull].mean(0) - turned[skull].mean(0)
    return Cue(cue.time, (turned + centre).astype(np.float32), face.expression, face.pose)


def with_closed_lips(neutral: Cue, face: Face, units: Floats) -> Cue:
    """The neutral cue with its mouth closed as far as the portrait's is, when it stands open further.

    A driver whose every frame has an open mouth would else close lips that are closed already, and crush them.

    Args:
        neutral: the driver's neutral frame.
        face: the portrait's face.
        units: as for `rest_for`.
    """
    jaw = units[mesh.SHAPE["jawOpen"]]
    opens = float((jaw[14] - jaw[13])[1])
    excess = min(1.0, (mesh.mouth_gap(neutral.points) - mesh.mouth_gap(face.points)) / opens)
    if excess < LIPS_APART:
        return neutral
    width = np.linalg.norm(neutral.points[33] - neutral.points[263])
    points = neutral.points - excess * width * jaw @ neutral.pose.T
    weights = neutral.expression.copy()
    weights[mesh.SHAPE["jawOpen"]] = max(0.0, weights[mesh.SHAPE["jawOpen"]] - excess)
    return replace(neutral, points=points.astype(np.float32), expression=weights)


def retargeted(neutral: Cue, cues: Iterator[Cue], *, expression: float, pose: float, shading: bool = True) -> Iterator[Cue]:
    """Cues whose change from `neutral` is stronger or weaker.

    Args:
        neutral: the resting face.
        cues: the performance.
        expression: factor on what the face does, 0 … 2.
        pose: factor on how the head turns, moves and grows, 0 … 2.
        shading: whether the skin's brightness may change; if not, it is said to stay what it is.
    """
    still = np.zeros(POINTS, np.float32)
    for cue in cues:
        cue = cue if shading else replace(cue, shade=still)  # noqa: PLW2901 - the same cue, told otherwise
        if expression == 1 and pose == 1:
            yield cue
            continue
        frame = rigid.fit_face(neutral.points, cue.points)
        local = frame.undo(cue.points) - neutral.points
        # The centre of the face moves `pose` times as far; a shift alone would depend on where the origin lies.
        centre = neutral.points.mean(0, dtype=np.float64)
        moved = frame.apply(centre[None])[0]
        turn = rigid.to_matrix(pose * rigid.to_vector(frame.rotation))
        placed = frame.scale**pose * (neutral.points + expression * local - centre) @ turn.T + centre + pose * (moved - centre)
        weights = np.clip(neutral.expression + expression * (cue.expression - neutral.expression), 0, 1)
        facing = rigid.to_matrix(pose * rigid.to_vector(cue.pose @ neutral.pose.T)) @ neutral.pose
        yield replace(
            cue,
            points=placed.astype(np.float32),
            expression=weights.astype(np.float32),
            pose=facing.astype(np.float32),
            shade=None if cue.shade is None else np.float32(expression) * cue.shade,
            strength=(expression * cue.strength[0], pose * cue.strength[1]),
        )


def save(motion: Motion, path: Path) -> None:
    """Write a motion file: points, expression, pose, times, found, shade; rate, clock and neutral frame as metadata."""
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {
        "points": np.ascontiguousarray(motion.points[: len(motion)]),
        "expression": np.ascontiguousarray(motion.expression, np.float32),
        "pose": np.ascontiguousarray(motion.pose, np.float32),
        "times": np.ascontiguousarray(motion.times, np.float64),
        "found": np.ascontiguousarray(motion.found, np.uint8),
    }
    if motion.shade is not None:
        arrays[SHADE] = np.ascontiguousarray(motion.shade[: len(motion)])
    facts = {"format": FORMAT, "rate": str(motion.rate), "clock": str(motion.clock), "neutral": motion.neutral}
    path.touch()
    mode = path.stat().st_mode  # what the umask gives; safetensors would make a file for its owner alone
    save_file(arrays, path, {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()})
    path.chmod(mode)


def load(path: Path) -> Motion:
    """Read a motion file.

    Raises:
        DrivingError: the file is missing, is not a motion file, its arrays do not fit together, or its numbers are no face's.
    """
    from safetensors import SafetensorError

    def broken(found: str) -> DrivingError:
        return DrivingError(
            f"{path.name} {found}.",
            f"A motion file is a .safetensors that `gioconda motion` wrote ({FORMAT}).",
            "Make it anew with `python -m gioconda motion CLIP -o FILE.safetensors`.",
        )

    if not path.is_file():
        raise broken("does not exist")
    try:
        facts, arrays = _arrays(path)
        if not (_RATIO.fullmatch(facts["rate"]) and _RATIO.fullmatch(facts["clock"])):
            raise ValueError(f"a rate of {facts['rate'][:20]!r} and a clock of {facts['clock'][:20]!r} are no ratios")
        rate, clock, neutral = Fraction(facts["rate"]), Fraction(facts["clock"]), int(facts["neutral"])
        times, points, expression, pose, found = (arrays[name] for name in _ROWS)
    except (SafetensorError, LookupError, TypeError, ValueError, ZeroDivisionError, OSError) as error:
        raise broken(f"cannot be read as a motion file ({error})") from error
    count = len(points)
    for name, shape in _ROWS.items():
        if arrays[name].shape != (count, *shape):
            raise broken(f"has {name} of shape {arrays[name].shape} where {(count, *shape)} is expected")
    if not (_rising(times, clock) and SLOWEST <= rate <= FASTEST and 0 <= neutral < count):
        raise broken("has times that do not rise, a rate that no clip has, or a neutral frame outside the performance")
    if not _face_like(points, expression, pose):
        raise broken("holds numbers that are no face's: landmarks far apart or in one place, weights beyond 1, or bent poses")
    shade = arrays.get(SHADE)
    if shade is not None and not (shade.shape == (count, POINTS) and np.abs(shade).max() <= BRIGHTEST):
        raise broken(f"has shades of shape {shade.shape} or beyond {BRIGHTEST:g} where {(count, POINTS)} is expected")
    return Motion(times, rate, clock, points, expression, pose, found.astype(bool), neutral, shade)


def _arrays(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Metadata and arrays of a motion file, points, expression and pose as float32, times as float64."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        facts = file.metadata() or {}
        if facts.get("format") != FORMAT:
            raise ValueError("its metadata name no motion file")
        frames = file.get_slice("points").get_shape()[0]
        if not 0 < frames <= MAX_FRAMES:
            raise ValueError(f"it holds {frames} frames; between 1 and {MAX_FRAMES} can be read")
        wanted = [*_ROWS, SHADE] if SHADE in file.keys() else [*_ROWS]  # noqa: SIM118 - a file handle, not a mapping
        arrays = {name: np.asarray(file.get_tensor(name)) for name in wanted}
    kinds = {"times": np.float64, "found": np.uint8}
    return facts, {name: array.astype(kinds.get(name, np.float32), copy=False) for name, array in arrays.items()}


def _rising(times: NDArray[np.float64], clock: Fraction) -> bool:
    """Whether times start at 0 and rise from tick to tick, no longer than `MAX_SECONDS`; false for NaN."""
    if clock <= 0 or clock.denominator > MAX_TICKS or times[0] != 0 or not times[-1] <= MAX_SECONDS:
        return False
    return bool((np.diff(times) > 0).all() and (np.diff(np.round(times / float(clock))) > 0).all())


def _face_like(points: Floats, expression: Floats, pose: Floats) -> bool:
    """Whether the arrays can be a face's, so that fits to them have an answer; false where anything is NaN or infinite."""
    stable = points[:, list(mesh.STABLE)]
    near = points.min() >= -FARTHEST and points.max() <= FARTHEST
    spread = near and np.ptp(stable, axis=1).max(1).min() >= NARROWEST
    within = expression.min() >= -ROUNDING and expression.max() <= 1 + ROUNDING
    straight = np.abs(pose).max() <= 1 + ROUNDING and (
        np.abs(pose @ pose.transpose(0, 2, 1) - np.eye(3, dtype=np.float32)).max() <= ROUNDING
        and (np.linalg.det(pose) > 0).all()
    )
    return bool(spread and within and straight)
