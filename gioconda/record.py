"""From tracked faces to a performance: gaps bridged, the neutral frame chosen, jitter measured and smoothed away.

The landmarks lie in a file of the job's folder and are worked on in blocks, so memory does not grow with the clip.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gioconda import smooth
from gioconda.errors import DrivingError, SettingError
from gioconda.motion import Spool
from heads import mesh, paste, rigid
from heads.base import POINTS, SHAPES, Face, Floats, Motion, Rows

BLOCK = 256
"""Frames worked on at once: 1.5 MB of landmarks."""

EASE = 0.25
"""Seconds in which the face moves from where it was held to where it is found again: about as fast as a quick glance."""

POSE_UNIT = np.radians(25.0)
"""Radians of turning that count as much as a difference of one in blendshape distance when the neutral frame is chosen. Turning
is carried over between heads that look different ways; an open mouth cannot be closed further than shut."""

TELLING = {"jawOpen": 3.0, "eyeBlinkLeft": 2.0, "eyeBlinkRight": 2.0}
"""Blendshapes that count more than others there: what opens and closes."""

Bridges = Mapping[int, tuple[int, int, float]]
"""Eased frame to (row before the gap, row after it, weight of the latter)."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A performance taken from a clip, and what was found out about it."""

    motion: Motion
    align: Floats
    """(2, 3) float32 affine from pixels of the clip's tracked frames to the performance's unit crop."""
    lost: tuple[tuple[float, float], ...]
    """Seconds (from, to) in which no face was seen."""
    noise: float
    """Standard deviation of the tracker's jitter, percent of the distance between the outer eye corners."""
    seen: NDArray[np.bool_]
    """(T,) whether the face shows in the frame itself; the motion also calls those found that lead over to it."""


class Recorder:
    """Takes tracked faces one by one and makes a performance of them.

    Args:
        folder: the job's folder; the landmarks lie there as long as the performance is used.
        rate: frames per second of the clip, the average where the steps are uneven.
        clock: seconds per tick of the clip's time stamps.
    """

    def __init__(self, folder: Path, rate: Fraction, clock: Fraction) -> None:
        self._folder, self._rate, self._clock = folder, rate, clock
        self._raw = Spool(folder / "landmarks")
        # Copied into a few large buffers: small arrays that are kept one by one, between those of the decoded pictures, would
        # hold on to the heap around them (80 kB a frame).
        self._ticks, self._found = array("q"), bytearray()
        self._expression, self._pose = array("f"), array("f")
        self._last: Face | None = None
        self._neutral: int | None = None
        self._shade: Spool | None = None

    def add(self, ticks: int, face: Face | None) -> None:
        """Take the next frame: its time stamp in ticks and the face seen in it, landmarks in pixels, or None."""
        self._last = last = face or self._last
        self._ticks.append(ticks)
        self._found.append(face is not None)
        self._expression.frombytes(np.asarray(np.zeros(SHAPES) if last is None else last.expression, np.float32).tobytes())
        self._pose.frombytes(np.asarray(np.eye(3) if last is None else last.pose, np.float32).tobytes())
        self._raw.append(np.zeros((POINTS, 3)) if last is None else last.points)

    def settle(self, rest: Face | None, neutral: float | None = None) -> int:
        """Take no more frames and choose the neutral one; returns its index.

        Args:
            rest: the portrait's face; the neutral frame is the found one nearest to it in pose and blendshapes. None takes
                the frame nearest to a resting face that looks straight ahead.
            neutral: seconds of the frame to take as neutral instead.

        Raises:
            DrivingError: no face was found in any frame.
            SettingError: `neutral` does not lie in the performance.
        """
        self._raw.close()
        found = np.array(self._found, bool)
        if not found.any():
            raise DrivingError(
                f"No face was found in any of the clip's {len(found)} frames.",
                "The driving clip needs one face that is seen from the front or up to about 45 degrees from the side.",
                "Choose another clip, or cut it to the part that shows the face with --start and --end.",
            )
        expression, pose = self._shapes(found)
        self._neutral = _nearest(found, expression, pose, rest) if neutral is None else _at(self._times(), found, neutral)
        return self._neutral

    def __len__(self) -> int:
        return len(self._found)

    def landmarks(self, index: int) -> Floats | None:
        """The tracked landmarks (478, 3) of a frame, pixels, or None where no face was found; after `settle`."""
        return self._raw[index] if self._found[index] else None

    def correct(self, rows: Iterator[tuple[Floats, Floats] | None]) -> Iterator[int]:
        """Take better landmarks (478, 3), pixels, and the shade (478,) for every frame; yields how many are taken.

        Where no face was found there is None, and the frame before goes on.
        """
        points, shades = Spool(self._folder / "corrected"), Spool(self._folder / "shades", (POINTS,))
        with closing(points), closing(shades):
            last = np.zeros((POINTS, 3), np.float32), np.zeros(POINTS, np.float32)
            for count, row in enumerate(rows, 1):
                last = row if row is not None else last
                points.append(last[0])
                shades.append(last[1])
                yield count
        self._raw, self._shade = points, shades

    def finish(self, rest: Face | None, *, strength: float, neutral: float | None = None) -> Recorded:
        """Smooth, and bring everything into the neutral frame's unit crop.

        Args:
            rest: as for `settle`, which is called when it was not yet.
            strength: 0 … 4, factor on the measured noise that is smoothed away; 0 leaves the landmarks as they are.
            neutral: likewise.

        Raises:
            DrivingError, SettingError: as `settle`.
        """
        index = self.settle(rest, neutral) if self._neutral is None else self._neutral
        found, times = np.array(self._found, bool), self._times()
        expression, pose = self._shapes(found)
        align = paste.align(self._raw[index])
        raw = Motion(times, self._rate, self._clock, self._raw, expression, pose, found, index, self._shade)
        bridged, held = _bridge(raw)
        spool, shades = Spool(self._folder / "performance"), Spool(self._folder / "performed shades", (POINTS,))
        with closing(spool), closing(shades):
            result, noise = _written(bridged, held, align, strength, (spool, shades))
        return Recorded(result, align, _spans(times, found, float(1 / self._rate)), noise, found)

    def _times(self) -> NDArray[np.float64]:
        """(T,) seconds from the first frame."""
        return np.asarray((np.array(self._ticks) - self._ticks[0]) * float(self._clock))

    def _shapes(self, found: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Blendshape weights (T, 52) and poses (T, 3, 3); gaps repeat the last face, the time before the first one shows it."""
        expression = np.array(self._expression, np.float32).reshape(-1, SHAPES)
        pose = np.array(self._pose, np.float32).reshape(-1, 3, 3)
        first = int(np.argmax(found))
        expression[:first], pose[:first] = expression[first], pose[first]
        return expression, pose

    def close(self) -> None:
        """Stop taking frames; does nothing after `finish`."""
        self._raw.close()


def _nearest(found: NDArray[np.bool_], expression: Floats, pose: Floats, rest: Face | None) -> int:
    """Index of the found frame nearest to `rest` in pose and blendshapes."""
    aim_shapes = np.zeros(SHAPES, np.float32) if rest is None else rest.expression
    aim_pose = np.eye(3, dtype=np.float32) if rest is None else rest.pose
    # From the trace: unlike a rotation vector it also tells a head that stands upside down.
    cosine = (np.trace(pose @ aim_pose.T, axis1=-2, axis2=-1) - 1) / 2
    turn = np.arccos(np.clip(cosine, -1, 1)) / POSE_UNIT
    weight = np.ones(SHAPES, np.float32)
    weight[0] = 0  # the rest weight says nothing that the others do not
    for name, count in TELLING.items():
        weight[mesh.SHAPE[name]] = count
    cost = turn + np.linalg.norm(weight * (expression - aim_shapes), axis=-1)
    return int(np.argmin(np.where(found, cost, np.inf)))


def _at(times: NDArray[np.float64], found: NDArray[np.bool_], seconds: float) -> int:
    """Index of the found frame nearest to a time.

    Raises:
        SettingError: the time does not lie in the performance.
    """
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    if not -step <= seconds <= times[-1] + step:
        raise SettingError(
            f"--neutral lies {seconds - times[-1]:.2f} s behind the part's end."
            if seconds > 0
            else "--neutral lies before --start.",
            f"The part that drives the portrait lasts {times[-1] + step:.2f} s.",
            "Choose a time within it, in seconds of the clip.",
        )
    return int(np.argmin(np.where(found, np.abs(times - seconds), np.inf)))


def _spans(times: NDArray[np.float64], found: NDArray[np.bool_], step: float) -> tuple[tuple[float, float], ...]:
    """Seconds (from, to) of the runs in which nothing was found."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], found.astype(int), [1]])))
    ends = np.append(times, times[-1] + step)
    return tuple((round(float(times[a]), 3), round(float(ends[b]), 3)) for a, b in edges.reshape(-1, 2))


def _bridge(motion: Motion) -> tuple[Motion, Bridges]:
    """Plan how the face eases from where it was lost to where it is found again, so that it does not jump.

    Returns:
        The performance with expression and pose eased and those frames called found, and for each eased frame
        (held row, next row, weight of the next) from which the landmarks are to be mixed.
    """
    expression, pose, found = motion.expression.copy(), motion.pose.copy(), motion.found.copy()
    held: dict[int, tuple[int, int, float]] = {}
    first = int(np.argmax(motion.found))
    for i in range(first):
        held[i] = (first, first, 0.0)
        found[i] = True
    lost = np.flatnonzero(~found)
    for run in np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1):
        if not len(run) or run[-1] + 1 >= len(motion):
            continue
        before, after = int(run[0]) - 1, int(run[-1]) + 1
        for i in run:
            x = 1 - (motion.times[after] - motion.times[i]) / EASE
            if x <= 0:
                continue
            weight = float(x * x * (3 - 2 * x))
            held[int(i)] = (before, after, weight)
            found[i] = True
            expression[i] = (1 - weight) * expression[before] + weight * expression[after]
            turn = rigid.to_vector(pose[after] @ pose[before].T)
            pose[i] = rigid.to_matrix(weight * turn) @ pose[before]
    return replace(motion, expression=expression, pose=pose, found=found), held


def _rows(rows: Rows, held: Bridges, low: int, high: int) -> Floats:
    """Rows low … high, with eased frames mixed."""
    block = rows[low:high]
    for i in range(low, high):
        if i in held:
            before, after, weight = held[i]
            block[i - low] = (1 - weight) * rows[before] + weight * rows[after]
    return block


def _written(
    motion: Motion, held: Bridges, align: Floats, strength: float, spools: tuple[Spool, Spool]
) -> tuple[Motion, float]:
    """Write landmarks and shades into `spools`, in the unit crop, smoothed block by block; also return the noise in percent."""
    spool, shades = spools
    reach = smooth.reach(float(motion.rate))
    rest = paste.apply(align, motion.points[motion.neutral])
    facing = motion.pose[motion.neutral]
    # The noise is measured over up to three blocks spread over the clip: 25 seconds of it, and 25 MB.
    starts = np.linspace(0, max(0, len(motion) - BLOCK), min(3, -(-len(motion) // BLOCK))).astype(int)
    spans = [(int(start), min(int(start) + BLOCK, len(motion))) for start in starts]
    noise = smooth.noise([_tracks(motion, held, align, rest, facing, *span) for span in spans])
    expression, pose = motion.expression.copy(), motion.pose.copy()
    for start in range(0, len(motion), BLOCK):
        stop = min(start + BLOCK, len(motion))
        low, high = max(0, start - reach), min(len(motion), stop + reach)
        if strength > 0:
            tracks = _tracks(motion, held, align, rest, facing, low, high)
            calm = smooth.calmed(tracks, motion.times[low:high], noise, strength, reach)
            points, shade = calm.points(rest), calm.shade.astype(np.float32)
            expression[start:stop] = np.clip(calm.shapes, 0, 1)[start - low : stop - low]
            pose[start:stop] = (rigid.to_matrix(calm.turn) @ facing)[start - low : stop - low]
        else:
            points = paste.apply(align, _rows(motion.points, held, low, high))
            shade = _shades(motion, held, low, high)
        spool.append(points[start - low : stop - low])
        if motion.shade is not None:
            shades.append(shade[start - low : stop - low])
    spool.close()
    shades.close()
    percent = 100 * float(noise.local.mean()) / mesh.eye_distance(rest)
    shown = None if motion.shade is None else shades
    return replace(motion, points=spool, expression=expression, pose=pose, shade=shown), round(percent, 3)


def _shades(motion: Motion, held: Bridges, low: int, high: int) -> Floats:
    """Shades low … high (n, 478), or (n, 0) where they were not measured."""
    return np.zeros((high - low, 0), np.float32) if motion.shade is None else _rows(motion.shade, held, low, high)


def _tracks(motion: Motion, held: Bridges, align: Floats, rest: Floats, facing: Floats, low: int, high: int) -> smooth.Tracks:
    """Frames low … high taken apart into what the skull does and what the expression does."""
    points = paste.apply(align, _rows(motion.points, held, low, high))
    frame = rigid.fit_face(rest, points)
    return smooth.Tracks(
        scale=np.log(frame.scale)[:, None],
        spin=rigid.to_vector(frame.rotation),
        shift=frame.shift,
        local=(frame.undo(points) - rest).reshape(len(points), -1),
        shapes=np.asarray(motion.expression[low:high], np.float64),
        turn=rigid.to_vector(motion.pose[low:high] @ facing.T),
        shade=np.asarray(_shades(motion, held, low, high), np.float64),
    )
