"""The driver's pictures on their way to a head: read again, cut where the head looks, as strong as asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import cast

import numpy as np

from gioconda import motion as motions
from gioconda.job import Job
from gioconda.performance import TRACKED_SIDE, Performance
from heads import mesh, paste
from heads.base import Cue, Floats, Head, Image, Portrait, Watching

CROP_SIDE = 256
"""Pixels of the pictures of the driver's face that go to a head."""

BLOCK = 256
"""Frames whose landmarks are looked at together: 1.5 MB."""

EARLIER = 1e-4
"""Seconds before a frame's time at which reading begins, so that rounding does not lose it: less than frames lie apart."""


def cues(job: Job, performance: Performance, head: Head, portraits: Sequence[Portrait]) -> Iterator[Cue]:
    """The performance as a head takes it: with the driver's pictures where they are wanted, as strong as asked for."""

    def tracked() -> Iterator[Cue]:
        if performance.align is None or not (watches(head) or _wants_mouth(job, portraits)):
            yield from performance.motion
            return
        box = window(performance, cast(Watching, head).boxes) if watches(head) else None
        begun = performance.resting is not None
        with closing(pictures(performance)) as images:  # type: ignore[type-var]
            for index, (cue, image) in enumerate(zip(performance.motion, images, strict=True)):
                if box is not None and not performance.shows(index):
                    yield replace(cue, found=cue.found and begun)  # with nothing to go on from, the portrait stays as it is
                    continue
                begun = True
                share = 1.0 if performance.shares is None else float(performance.shares[index])
                yield with_crop(replace(cue, strength=(share, share)), image, performance.align, box)

    with closing(tracked()) as found:  # type: ignore[type-var]
        strength, turn = job.expression_strength, job.pose_strength
        yield from motions.retargeted(performance.neutral, found, expression=strength, pose=turn, shading=job.shading)


def resting(performance: Performance, head: Head) -> Cue:
    """The neutral cue for a head: with the driver's picture where the head watches one and a frame of the driver's is meant."""
    if not watches(head) or performance.resting is None:
        return performance.neutral
    from gioconda.media import VideoReader

    assert performance.clip is not None and performance.align is not None, "a frame of the driver's lies in a clip"
    start = max(0.0, performance.resting - EARLIER)
    with closing(iter(VideoReader(performance.clip.path, start=start, max_side=TRACKED_SIDE))) as frames:  # type: ignore[type-var]
        image = next(frames).image
    box = window(performance, cast(Watching, head).boxes)
    return with_crop(performance.neutral, image, performance.align, box)


def watches(head: Head) -> bool:
    """Whether a head reads the driver's face in pictures that are cut in one place."""
    return "crops" in head.drives


def window(performance: Performance, boxes: Callable[[Floats], Floats]) -> Floats:
    """Where all pictures are cut: (4,) float32 left, top, right, bottom, pixels; the mean of the frames that show the face.

    Args:
        performance: taken from a clip.
        boxes: `heads.base.Watching.boxes`.
    """
    motion = performance.motion
    assert performance.align is not None, "only a performance taken from a clip has pictures"
    back = paste.invert(performance.align)
    total, count = np.zeros(4), 0
    for start in range(0, len(motion), BLOCK):
        stop = min(start + BLOCK, len(motion))
        shown = [index - start for index in range(start, stop) if motion.found[index] and performance.shows(index)]
        if shown:
            total += boxes(paste.apply(back, motion.points[start:stop][shown])).sum(0, dtype=np.float64)
            count += len(shown)
    if not count:  # a part of a clip without a face in it
        return np.asarray(boxes(paste.apply(back, performance.neutral.points)[None])[0], np.float32)
    return np.asarray(total / count, np.float32)


def pictures(performance: Performance) -> Iterator[Image]:
    """The driving clip's frame (H, W, 3) uint8 for each cue, read once more from the file."""
    assert performance.clip is not None, "only a performance taken from a clip has pictures"
    frames = iter(performance.clip)
    try:
        at, image = -1, None
        for wanted in performance.frames:
            while at < wanted:
                image, at = next(frames).image, at + 1
            assert image is not None
            yield image
    finally:
        frames.close()  # type: ignore[attr-defined]


def with_crop(cue: Cue, image: Image, align: Floats, box: Floats | None = None) -> Cue:
    """The cue with the driver's face cut out of its frame.

    Args:
        cue: as it was tracked, before it is made stronger or weaker.
        image: (H, W, 3) uint8, the frame.
        align: (2, 3) affine from the frame's pixels to the performance's unit crop.
        box: (4,) left, top, right, bottom, pixels: a square; None cuts around the face as it is in this frame.
    """
    if box is None:
        within = paste.align(cue.points)
        whole = _after(within, align)
    else:
        side = float(box[2] - box[0])
        whole = np.array([[1 / side, 0, -box[0] / side], [0, 1 / side, -box[1] / side]], np.float32)
        within = _after(whole, paste.invert(align))
    return replace(cue, crop=paste.cut(image, whole, CROP_SIDE), crop_points=paste.apply(within, cue.points))


def _after(second: Floats, first: Floats) -> Floats:
    """The affine (2, 3) that does what `first` does and then what `second` does."""
    turn = second[:, :2].astype(np.float64)
    return np.column_stack([turn @ first[:, :2], turn @ first[:, 2] + second[:, 2]]).astype(np.float32)


def _wants_mouth(job: Job, portraits: Sequence[Portrait]) -> bool:
    """Whether the inside of the mouth is to come from the driver's picture."""
    if job.mouth == "auto":
        return all(mesh.mouth_gap(portrait.face.points) < mesh.SHOWS_MOUTH for portrait in portraits)
    return job.mouth == "driving"
