"""The whole road from portraits and a performance to a finished MP4.

Rendering onwards is one chain of generators: a handful of frames exist, whatever the length of the clip.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import weights
from gioconda import provenance, report, sitter, watch
from gioconda.carried import carried
from gioconda.checks import check_job
from gioconda.choose import rendering
from gioconda.device import lookahead
from gioconda.errors import PortraitError
from gioconda.job import Finished, Job
from gioconda.performance import Performance, prepared
from heads.ahead import ahead
from heads.base import Head, Identity, Step

if TYPE_CHECKING:
    from gioconda.faces import Found
    from gioconda.marks.seal import Seal
    from heads.headmodel import HeadModel

LOOKING = "Looking at the portraits"
RENDERING = "Painting the frames"

PREVIEW_EVERY = 8
"""Frames between two steps that carry a preview."""


def animate(job: Job) -> Iterator[Step | Finished]:
    """Animate a portrait: yields steps while it works; the last one is a `Finished` that carries the `Clip`.

    Settings and paths are checked at the call; work starts at the first `next`. Closing the iterator stops the work and
    leaves nothing behind; an output appears at its path only when it is whole.

    Raises:
        SettingError, OutputError, DrivingError (unknown gesture), HeadError (unknown head): at the call.
        IdentityError, PortraitError, DrivingError, OutputError, weights.WeightsError, heads.base.HeadError: while iterating.
        UnsignedError: at the end, where the finished video could not be signed; it lies beside its place.
    """
    check_job(job)
    return _run(job)


def _run(job: Job) -> Generator[Step | Finished, None, None]:
    clock = time.perf_counter()
    seconds: dict[str, float] = {}

    def lap(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[stage], clock = round(now - clock, 3), now

    signer = provenance.signer()
    with tempfile.TemporaryDirectory(prefix="gioconda-") as folder:
        head, choice = yield from rendering(job)
        job = replace(job, head=choice.head, device=choice.device, precision=choice.precision)
        lap("choosing")
        found = yield from _portraits(job)
        model = head_model()
        lap("portraits")
        face, register = found[0].portrait.face, "points" in head.drives
        performance = yield from prepared(job, face, model, Path(folder), register=register)
        lap("reading")
        identity = head.enroll([one.portrait for one in found])
        performance = carried(job, head, identity, performance)
        seal = provenance.seal(job, signer, identity.portraits)
        path, reel = yield from _written(job, head, identity, performance, seal)
        lap("painting")
        height, width = found[0].portrait.image.shape[:2]
        told = report.report(job, choice, found, performance, seconds)
        clip = report.clip(job, performance, (width, height), path, reel, told, seal)
        if job.report is not None:
            report.write(clip, Path(job.report))
        seal.check()
        yield Finished("Done", clip.frames, clip.frames, None, clip)


def head_model() -> HeadModel:
    """The free 3-D head, which gestures and absolute motion are worked out on."""
    from safetensors.numpy import load_file

    from heads.headmodel import HeadModel

    return HeadModel.from_arrays(load_file(weights.path("headmodel.safetensors")))


def _portraits(job: Job) -> Generator[Step, None, list[Found]]:
    """Read every portrait and find its face; all have to be of one person."""
    from gioconda.faces import Tracker
    from gioconda.media import read_image, resize_to

    found = []
    yield Step(LOOKING, 0, len(job.portraits))
    with Tracker() as tracker:
        for index, path in enumerate(job.portraits):
            picture = read_image(path)
            small = resize_to(picture.image, job.max_side)
            alpha = None if picture.alpha is None else resize_to(picture.alpha, job.max_side)
            whole, picture = picture.image, replace(picture, image=small, alpha=alpha)
            try:
                found.append(tracker.portrait(picture, face=job.face if index == 0 else None, name=Path(path).name))
            except PortraitError as error:
                if max(whole.shape) <= job.max_side:
                    raise
                made = f"It was made smaller, from {max(whole.shape)} to {max(small.shape)} pixels on its longer side."
                raise PortraitError(
                    f"{error.found} {made}", error.needed, f"{error.do} Or give a larger --max-side."
                ) from error
            yield Step(LOOKING, index + 1, len(job.portraits), found[0].portrait.image)
    doubts = sitter.check([one.portrait for one in found], [Path(path).name for path in job.portraits])
    found[0] = replace(found[0], notes=(*found[0].notes, *doubts))
    return found


def _written(
    job: Job, head: Head, identity: Identity, performance: Performance, seal: Seal
) -> Generator[Step, None, tuple[Path, Path | None]]:
    """Render, mark and write every frame; returns the paths of the video and of the side-by-side reel."""
    from gioconda.media import Sound, VideoWriter
    from gioconda.reel import Reel, reel_path

    first, timing = identity.portraits[0].image, performance.motion
    size, total = (first.shape[1], first.shape[0]), len(timing)
    sound = (
        Sound.of(performance.clip.path, job.start, job.end)
        if performance.clip and job.audio and not performance.clip.still
        else None
    )
    with ExitStack() as stack:

        def writer_to(path: Path, size: tuple[int, int], output: str) -> VideoWriter:
            return stack.enter_context(
                VideoWriter(
                    path,
                    size=size,
                    rate=timing.rate,
                    clock=timing.clock,
                    crf=job.crf,
                    tags=provenance.tags(job),
                    sound=sound,
                    tail=performance.tail,
                    settle=partial(seal.settle, output=output),
                )
            )

        writer = writer_to(Path(job.output), size, "video")
        reel = None
        if job.compare:
            driver = stack.enter_context(closing(watch.pictures(performance))) if performance.clip else None  # type: ignore[type-var]
            reel = Reel(first, driver)
            side = writer_to(reel_path(Path(job.output)), reel.size, "reel")
        # Reading the driver's pictures, painting and encoding go on at the same time.
        neutral = watch.resting(performance, head)
        known = lookahead(job.device)
        # As many cues wait as a head may ask for at once, so that none has to be read while a GPU is idle.
        met = watch.cues(job, performance, head, identity.portraits)
        cues = stack.enter_context(closing(ahead(met, depth=known // 2)))
        painted = head.animate(identity, neutral, cues, lookahead=known)
        # A few frames wait here, so that encoding goes on while a batch is sent to a GPU.
        frames = stack.enter_context(closing(ahead(painted, depth=known // 4)))
        imprint = seal.imprint(first)
        yield Step(RENDERING, 0, total)
        for done, (frame, moment) in enumerate(zip(frames, timing.times, strict=True), 1):
            ticks = round(Fraction(moment) / timing.clock)
            imprint.label(frame)
            if reel is not None:
                side.write(imprint.mark(reel.frame(frame), "reel"), ticks)
            writer.write(imprint.mark(frame, "video"), ticks)
            yield Step(RENDERING, done, total, frame if done % PREVIEW_EVERY == 1 else None)
    return writer.path, side.path if reel is not None else None
