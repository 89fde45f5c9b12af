"""From a job's driving clip, single picture, motion file or gesture to the performance that a head follows."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gioconda import motion as motions
from gioconda.errors import DrivingError
from gioconda.job import Job
from gioconda.record import Recorder
from heads import rigid
from heads.base import Cue, Face, Floats, Motion, Step

if TYPE_CHECKING:
    from gioconda.media import VideoReader
    from heads.headmodel import HeadModel

READING, MEASURING = "Reading the performance", "Measuring its movement"
"""Labels of the steps in which the driver's face is tracked, and in which its frames are registered to each other."""

TRACKED_SIDE = 960
"""Pixels: larger driving clips are read at this size; a face a quarter as wide still has 240 pixels, more than the
landmark network's own input of 256 shows of it."""

STILL_RATE = Fraction(30)
"""Frames per second of a performance made from a single picture, where --fps says no other."""

GESTURE_RATE = Fraction(30)
"""Frames per second of a gesture, likewise: it is played at the rate that is wanted, not resampled."""

STILL_SECONDS = (0.9, 1.4, 0.9)
"""Seconds in which the face of a single driving picture is arrived at, held and left."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """How the portrait is to move, and where that came from."""

    motion: Motion
    neutral: Cue
    """The face that stands for the portrait's own: where a cue equals it, the portrait is unchanged."""
    clip: VideoReader | None = None
    """The driving clip, to be read again for its pictures; None for motion files and gestures."""
    frames: tuple[int, ...] | range = ()
    """For each cue the index of the clip's frame it was taken from."""
    align: Floats | None = None
    """(2, 3) affine from pixels of the clip's frames to the performance's unit crop."""
    resting: float | None = None
    """Seconds of the clip at which the neutral frame is shown; None where `neutral` is no frame of the driver's."""
    seen: NDArray[np.bool_] | None = None
    """For each frame of the clip whether the face shows in it: where it was lost, cues lead from face to face."""
    shares: Floats | None = None
    """(T,) how much each cue means of what its picture shows, 0 … 1, where one picture stands for all; None means all of it."""
    tail: Fraction | None = None
    """Seconds for which the last cue is shown, where the clip says so; None is a frame at the motion's rate."""
    report: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def shows(self, index: int) -> bool:
        """Whether the face shows in the picture of a cue."""
        return self.seen is None or bool(self.seen[self.frames[index]])

    @property
    def seconds(self) -> float:
        """From the first cue to the end of the last."""
        return float(self.motion.times[-1]) + float(self.tail or 1 / self.motion.rate)


def prepared(
    job: Job, face: Face, model: HeadModel, folder: Path, *, register: bool = True
) -> Generator[Step, None, Performance]:
    """Work out the performance of a job, yielding steps; the generator's return value is the performance.

    Args:
        job: what to do.
        face: the first portrait's face, which says which driving frame is neutral.
        model: the 3-D head, for gestures and absolute motion.
        folder: the job's own folder.
        register: measure a clip's movement finer than landmarks say, for a head that drives on them.

    Raises:
        DrivingError: the clip, motion file or gesture cannot be used.
    """
    if job.driving is not None:
        performance = yield from driven(job, Path(job.driving), face, folder, register=register)
    elif job.motion is not None:
        performance = _given(job, motions.load(Path(job.motion)), Path(job.motion).name, "motion file")
    else:
        from gioconda import gestures

        played = gestures.perform(str(job.gesture), model, rate=job.fps or GESTURE_RATE)
        performance = _given(job, played, str(job.gesture), "gesture")
    if job.driving is not None and len(performance.motion) == 1:
        return _still(performance, face, model, job.fps or STILL_RATE)
    if job.fps is not None:
        performance = _at_rate(performance, job.fps)
    if job.motion_mode == "absolute":
        rest = motions.rest_for(performance.motion, face, model.landmark_units)
        return replace(performance, neutral=rest, resting=None)
    return replace(performance, neutral=motions.with_closed_lips(performance.neutral, face, model.landmark_units))


def driven(
    job: Job, path: Path, face: Face | None, folder: Path, *, register: bool = True
) -> Generator[Step, None, Performance]:
    """Track the face of a clip or picture, yielding steps; without a portrait's `face` the calmest frontal frame is neutral."""
    from gioconda.faces import follow
    from gioconda.media import VideoReader

    clip = VideoReader(path, start=job.start, end=job.end, max_side=TRACKED_SIDE)
    expected, done = clip.count or 0, 0
    yield Step(READING, 0, expected)
    with closing(Recorder(folder, clip.rate, clip.clock)) as recorder:
        with closing(follow(clip)) as sightings:  # type: ignore[type-var]
            for sighting in sightings:
                recorder.add(sighting.ticks, sighting.face if sighting.found else None)
                done += 1
                yield Step(READING, done, max(done, expected))
        # Seconds that people give and read are the clip's own, also where only a part of it is used.
        wanted = None if job.neutral is None else job.neutral - clip.begins
        neutral = recorder.settle(face, wanted)
        if register and len(recorder) > 1:
            for done in _corrected(clip, recorder, neutral):
                yield Step(MEASURING, done, len(recorder))
        recorded = recorder.finish(face, strength=job.smooth)
    motion = recorded.motion
    lost = [[round(clip.begins + moment, 3) for moment in span] for span in recorded.lost]
    notes = []
    if lost:
        spans = ", ".join(f"{a:.2f} to {b:.2f} s" for a, b in lost)
        notes.append(f"No face was seen in {path.name} from {spans}; the last face was held there.")
    if clip.skipped:
        notes.append(f"{clip.skipped} damaged frames of {path.name} could not be decoded and were left out.")
    report = {
        "kind": "clip",
        "name": path.name,
        "frames": len(motion),
        "size": list(clip.size),
        "rate": str(clip.rate),
        "seconds": round(float(motion.times[-1]) + float(clip.tail or 1 / clip.rate), 3),
        "neutral_seconds": round(clip.begins + float(motion.times[motion.neutral]), 3),
        "lost_seconds": lost,
        "noise_percent_of_eye_distance": recorded.noise,
        "skipped_frames": clip.skipped,
    }
    cue, frames = motion.cue(motion.neutral), range(len(motion))
    return Performance(
        motion,
        cue,
        clip,
        frames,
        recorded.align,
        resting=clip.begins + float(motion.times[motion.neutral]),
        seen=recorded.seen,
        tail=clip.tail,
        report=report,
        notes=tuple(notes),
    )


def _corrected(clip: VideoReader, recorder: Recorder, neutral: int) -> Iterator[int]:
    """Register every frame to the neutral one and correct the recorder's landmarks; yields how many frames are done."""
    from gioconda.register import registered

    points = recorder.landmarks(neutral)
    with closing(iter(clip)) as frames:  # type: ignore[type-var]
        rest = next(frame.image for index, frame in enumerate(frames) if index == neutral)
    assert points is not None, "the neutral frame shows a face"
    with closing(iter(clip)) as frames:  # type: ignore[type-var]
        pairs = ((frame.image, recorder.landmarks(index)) for index, frame in enumerate(frames))
        yield from recorder.correct(registered((rest, points), pairs))


def _given(job: Job, motion: Motion, name: str, kind: str) -> Performance:
    """A performance that was not tracked now: its neutral frame as asked for, cut to start and end."""
    end = np.inf if job.end is None else job.end
    keep = np.flatnonzero((motion.times >= job.start - 1e-9) & (motion.times < end))
    if not len(keep):
        raise DrivingError(
            f"The {kind} {name} lasts {motion.times[-1] + 1 / float(motion.rate):.2f} s; nothing of it lies between "
            f"{job.start:g} s and {'its end' if job.end is None else f'{job.end:g} s'}.",
            "At least one frame is needed.",
            "Choose an earlier --start or a later --end.",
        )
    if job.neutral is not None:
        motion = replace(motion, neutral=int(np.argmin(np.abs(motion.times - job.neutral))))
    neutral = motion.cue(motion.neutral)
    a, b = int(keep[0]), int(keep[-1]) + 1
    if (a, b) != (0, len(motion)):
        times = motion.times[a:b] - motion.times[a]
        nearest = min(max(motion.neutral - a, 0), b - a - 1)
        motion = Motion(
            times,
            motion.rate,
            motion.clock,
            motion.points[a:b],
            motion.expression[a:b],
            motion.pose[a:b],
            motion.found[a:b],
            nearest,
            None if motion.shade is None else motion.shade[a:b],
        )
    report = {"kind": kind, "name": name, "frames": len(motion), "rate": str(motion.rate)}
    notes: tuple[str, ...] = ()
    if job.mouth == "driving":
        notes = (f"The {kind} {name} holds no pictures, so the inside of the mouth is the portrait's own or the model's.",)
    return Performance(motion, neutral, report=report, notes=notes)


def _at_rate(performance: Performance, rate: Fraction) -> Performance:
    motion = motions.resampled(performance.motion, rate, performance.seconds)
    given = performance.motion.times
    nearest = np.searchsorted((given[1:] + given[:-1]) / 2, motion.times, side="right")
    frames = tuple(int(i) for i in nearest) if performance.clip else ()
    return replace(performance, motion=motion, frames=frames, tail=None)


def _still(performance: Performance, face: Face, model: HeadModel, rate: Fraction) -> Performance:
    """A single driving picture: its pose and expression are arrived at, held and left again, at `rate` frames per second."""
    from gioconda.gestures import curves

    rest, goal = motions.rest_for(performance.motion, face, model.landmark_units), performance.motion.cue(0)
    arrive, hold, leave = STILL_SECONDS
    count = round(sum(STILL_SECONDS) * float(rate))
    times = np.arange(count) / float(rate)
    share = curves.hump(times, 0.0, arrive, hold, leave).astype(np.float32)
    turn = rigid.to_vector(goal.pose @ rest.pose.T)
    motion = Motion(
        times,
        rate,
        1 / rate,
        rest.points + share[:, None, None] * (goal.points - rest.points),
        rest.expression + share[:, None] * (goal.expression - rest.expression),
        (rigid.to_matrix(share[:, None] * turn) @ rest.pose).astype(np.float32),
        np.ones(count, bool),
    )
    note = "The driving file shows one picture: its pose and expression are arrived at, held and left again (absolute motion)."
    report = {**performance.report, "kind": "picture", "frames": count, "rate": str(rate)}
    return replace(
        performance,
        motion=motion,
        neutral=rest,
        frames=(0,) * count,
        resting=None,
        shares=share,
        tail=None,
        report=report,
        notes=(*performance.notes, note),
    )
