"""The product's own road, watched: `gioconda.animate`, with the head's frames kept as they were before marks and encoding.

What the tracker sees in a clip is kept below `out/`, by the clip's content and the tracker's code: a second run is quick.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import gioconda.faces
import gioconda.media
import gioconda.register
import gioconda.studio
from bench import store
from gioconda import Job, animate, choose
from gioconda.faces import Sighting, Tracker, follow
from gioconda.job import Clip, Finished
from gioconda.marks import places
from gioconda.media import VideoReader, VideoWriter
from heads.base import Cue, Face, Floats, Head, Identity, Image, Portrait

TRACKING = ("gioconda/faces/*.py", "heads/paste.py", "heads/rigid.py", "heads/mesh.py", "weights/*.task")
"""Code on which it depends what the tracker sees."""

QUIET = {"label": False, "audio": False, "overwrite": True}
"""Settings of `Job`, as far as it has them, that leave a head's frames alone."""


@dataclass(slots=True, eq=False)
class Taken:
    """One run of the road."""

    portraits: tuple[Portrait, ...] = ()
    neutral: Cue | None = None
    cues: list[Cue] = field(default_factory=list)
    """The performance as the head was given it."""
    frames: dict[int, Image] = field(default_factory=dict)
    """Number of a frame to (H, W, 3) uint8, as the head made it."""
    clip: Clip | None = None


class Watched:
    """A head that keeps what goes in and what comes out.

    Args:
        head: the head.
        taken: where to keep it.
        chosen: numbers of the frames that are wanted; the head is given their cues alone, and the frames between repeat the
            last one that was made. None wants them all.
    """

    def __init__(self, head: Head, taken: Taken, chosen: frozenset[int] | None) -> None:
        self._head, self._taken, self._chosen = head, taken, chosen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._head, name)

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        """As the head does."""
        self._taken.portraits = tuple(portraits)
        return self._head.enroll(portraits)

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        """As the head does, for the chosen cues."""
        self._taken.neutral = neutral
        given: list[int] = []

        def thinned() -> Iterator[Cue]:
            for index, cue in enumerate(cues):
                self._taken.cues.append(replace(cue, crop=None))
                if self._chosen is None or index in self._chosen:
                    given.append(index)
                    yield cue

        last = identity.portraits[0].image
        done = 0
        for count, frame in enumerate(self._head.animate(identity, neutral, thinned(), lookahead=lookahead)):
            while done < given[count]:
                yield last.copy()
                done += 1
            self._taken.frames[done] = last = frame.copy()
            yield frame
            done += 1
        # The cues that come after the last chosen one were all drawn when the head asked for another.
        while done < len(self._taken.cues):
            yield last.copy()
            done += 1


class Brief(VideoWriter):
    """A writer that encodes the first frame alone, for runs whose video nobody looks at."""

    def write(self, image: Image, ticks: int) -> None:
        """Take a frame."""
        if self.frames == 0:
            super().write(image, ticks)


def job(portraits: Sequence[Path], output: Path, **settings: Any) -> Job:
    """A job with nothing of ours drawn into its frames and nothing of the driver's pixels in them."""
    known = {each.name for each in fields(Job)}
    quiet = {name: value for name, value in QUIET.items() if name in known}
    return Job(portraits=list(portraits), output=output, **{"mouth": "portraits", **quiet, **settings})


def run(wanted: Job, *, chosen: Iterable[int] | None = None, encode: bool = True) -> Taken:
    """Run a job and keep what the head was given and made.

    Args:
        wanted: the job.
        chosen: numbers of the frames that are wanted; None takes all.
        encode: whether the video is wanted too; it must be where `chosen` is None and the clip is looked at afterwards.
    """
    taken = Taken()
    rendering = choose.rendering

    def watching(job: Job) -> Generator[Any, None, Any]:
        head, *rest = yield from rendering(job)
        return Watched(head, taken, None if chosen is None else frozenset(chosen)), *rest

    with ExitStack() as stack:
        # Runs that are only measured are nothing for the ledger of whoever measures.
        private = stack.enter_context(scratch())
        own = {place: str(Path(private, place)) for place in (places.CONFIG, places.DATA)}
        stack.enter_context(mock.patch.dict(os.environ, own))
        stack.enter_context(mock.patch("gioconda.studio.rendering", watching))
        stack.enter_context(remembered())
        if not encode:
            stack.enter_context(mock.patch("gioconda.media.VideoWriter", Brief))
        for step in animate(wanted):
            if isinstance(step, Finished):
                taken.clip = step.clip
    return taken


@contextmanager
def remembered() -> Iterator[None]:
    """While this is open, clips that were followed and registered before are not worked on again."""
    memory = Memory()
    with mock.patch("gioconda.faces.follow", memory.followed), mock.patch("gioconda.register.registered", memory.registered):
        yield


class Memory:
    """Stands in for the two slow looks at a driving clip, and keeps what they give."""

    def __init__(self) -> None:
        self._register = gioconda.register.registered
        self._clip = ""
        """Key of the clip that was followed last: what is registered next are its frames."""

    def followed(self, clip: VideoReader, **settings: Any) -> Iterator[Sighting]:
        """As `gioconda.faces.follow`."""
        if settings.get("crops"):
            yield from follow(clip, **settings)
            return
        told = (clip.size, str(clip.rate), clip.seconds, clip.count, sorted(settings.items()))
        self._clip = store.digest("followed", store.of_file(clip.path), told, store.of_sources(*TRACKING))

        def make() -> store.Arrays:
            seen = list(follow(clip, **settings))
            first = next(sighting.face for sighting in seen if sighting.face is not None)
            return {
                "ticks": np.array([sighting.ticks for sighting in seen]),
                "time": np.array([float(sighting.time) for sighting in seen]),
                "found": np.array([sighting.found for sighting in seen]),
                "known": np.array([sighting.face is not None for sighting in seen]),
                **packed([sighting.face or first for sighting in seen]),
            }

        arrays = store.kept(self._clip, make)
        for index, face in enumerate(unpacked(arrays)):
            known, found = bool(arrays["known"][index]), bool(arrays["found"][index])
            yield Sighting(int(arrays["ticks"][index]), float(arrays["time"][index]), face if known else None, found)

    def registered(self, rest: tuple[Image, Floats], frames: Iterable[tuple[Image, Floats | None]]) -> Iterator[Any]:
        """As `gioconda.register.registered`."""
        code = store.of_sources("gioconda/register.py", "heads/register.py", *TRACKING)

        def make() -> store.Arrays:
            rows = list(self._register(rest, frames))
            there = [row for row in rows if row is not None]
            columns = {f"part{i}": np.stack([row[i] for row in there]) for i in range(len(there[0]))}
            return {"there": np.array([row is not None for row in rows]), **columns}

        arrays = store.kept(store.digest("registered", self._clip, code, *rest), make)
        columns = [arrays[name] for name in sorted(arrays) if name.startswith("part")]
        place = np.cumsum(arrays["there"]) - 1
        for there, index in zip(arrays["there"], place, strict=True):
            yield tuple(column[index] for column in columns) if there else None


def packed(seen: Sequence[Face]) -> store.Arrays:
    """Faces as arrays (T, ...)."""
    return {name: np.stack([getattr(face, name) for face in seen]) for name in ("points", "expression", "pose")}


def unpacked(arrays: store.Arrays) -> list[Face]:
    """Arrays (T, ...) as faces."""
    return [Face(*row) for row in zip(arrays["points"], arrays["expression"], arrays["pose"], strict=True)]


def tracked(path: Path) -> store.Arrays:
    """What the tracker sees in a clip: points (T, 478, 3) pixels, expression (T, 52), pose (T, 3, 3), found (T,)."""
    with VideoReader(path) as reader:
        seen = list(Memory().followed(reader))
    first = next(sighting.face for sighting in seen if sighting.face is not None)
    return {**packed([sighting.face or first for sighting in seen]), "found": np.array([sighting.found for sighting in seen])}


def found(images: Sequence[Image], key: str) -> list[Face | None]:
    """The largest face of each picture (H, W, 3), each looked at by itself; kept by `key`, which tells the pictures."""

    def make() -> store.Arrays:
        with Tracker() as tracker:
            each = [tracker.find(image) for image in images]
        there = [faces[0] for faces in each if faces]
        return {"there": np.array([bool(faces) for faces in each]), **packed(there)}

    arrays = store.kept(store.digest("found", key, store.of_sources(*TRACKING)), make)
    rest = iter(unpacked(arrays))
    return [next(rest) if there else None for there in arrays["there"]]


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for a run's files."""
    return tempfile.TemporaryDirectory(prefix="quality-")
