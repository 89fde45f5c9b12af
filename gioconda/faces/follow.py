"""One face followed through a clip, on two cores, with memory that does not grow and the same bits on every run.

The clip is cut into short blocks. Two followers (`gioconda.faces.person`) track a block each; every block begins with the last
frame of the one before, so that both have seen the same picture. Where they disagree about the face in it, the block is
tracked anew from what the earlier one knew: the result is that of one follower going through the whole clip, only sooner.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from typing import Protocol

import numpy as np

from gioconda.errors import DrivingError, SettingError
from gioconda.faces import search
from gioconda.faces.person import Block, Follower, Last
from heads import paste
from heads.ahead import lanes
from heads.base import Face, Floats, Image

BLOCK_BYTES = 32_000_000
"""Size of a block's pictures; with the number of lanes it bounds the memory, whatever the length and size of the clip."""
BLOCK_FRAMES = (8, 32)
"""Fewest and most frames of a block: each starts with four more looks at one frame, which fewer frames would not repay."""

MAX_SIDE = 1280
"""Pixels: larger frames are averaged down before tracking; a face of a fifth of the frame still has 256 pixels."""

CROP = 256
"""Pixels: side of the crops that go with cues (`heads.base.Cue`)."""

_AGREE = 0.12
"""Two lanes agree about a face in the same frame when its centre differs by less than this share of its size."""


class TimedImage(Protocol):
    """What `gioconda.media.VideoReader` yields."""

    @property
    def ticks(self) -> int:
        """Time stamp in units of the clip's clock."""

    @property
    def time(self) -> Fraction | float:
        """Seconds."""

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 RGB, upright."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """The face in one frame of a clip."""

    ticks: int
    """The frame's time stamp in units of the clip's clock."""
    time: Fraction | float
    """Seconds, as the frame said."""
    face: Face | None
    """The face in pixels of the frame; the last one seen where there is none, None before the first one."""
    found: bool
    """Whether the face was seen in this very frame."""
    crop: Image | None = None
    """(256, 256, 3) uint8, what `heads.paste.align` cuts out around the face, when crops were asked for and a face is known."""


def follow(frames: Iterable[TimedImage], *, face: int | None = None, crops: bool = False) -> Iterator[Sighting]:
    """Follow one face through a clip: one sighting per frame, in order.

    The face is the largest one where faces are first seen, or number `face` of them by size; another person is not
    taken for it, except after a cut or when it was gone for long. Where it is lost the last face is held. Landmarks are
    the network's own, without lag; the same frames give the same bits. Closing the iterator ends its threads.

    Args:
        frames: images (H, W, 3) uint8 RGB with time stamps; read in the caller's thread, a few blocks ahead.
        face: 1 is the largest face, 2 the next; None means the largest.
        crops: whether sightings carry a crop of the face.

    Raises:
        DrivingError: after the last frame when none showed a face, or at the first sight when there are fewer than `face`.
    """
    number = 1 if face is None else face
    if number < 1:
        raise SettingError(
            f"Face {number} of the driving clip was asked for.", "Faces are numbered from 1, the largest.", "Choose 1 or more."
        )
    return _follow(iter(frames), number, crops)


def _follow(frames: Iterator[TimedImage], number: int, crops: bool) -> Iterator[Sighting]:
    stop = Event()
    with ExitStack() as stack:
        wide = lanes(alone=True)
        followers = _Followers(wide, stop)
        stack.callback(followers.close)
        threads = [stack.enter_context(ThreadPoolExecutor(1, "track")) for _ in range(wide)]
        stack.callback(stop.set)  # unwound first, so that the threads end and can be joined
        known = _Known(number)
        waiting: deque[tuple[_Part, Future[list[Face | None]]]] = deque()
        parts = _parts(frames)
        count = 0
        while True:
            # where a face by number is asked for, the block that sees it first decides which one it is
            # one block for each lane and one waiting, so that no lane idles while the caller works
            ahead = wide + 1 if known.last is not None or number == 1 else 1
            while len(waiting) < ahead and (part := next(parts, None)) is not None:
                lane = part.index % wide
                waiting.append((part, threads[lane].submit(followers.track, lane, part.block(known))))
            if not waiting:
                break
            part, future = waiting.popleft()
            faces = future.result()
            if part.overlaps and not _agree(known.latest, faces[0]):
                lane = part.index % wide
                faces = threads[lane].submit(followers.track, lane, part.block(known)).result()
            faces = faces[1:] if part.overlaps else faces
            for frame, image, face in zip(part.frames, part.images, faces, strict=True):
                known.learn(face)
                count += 1
                yield _sighting(frame, image, known, crops)
        if known.last is None:
            raise DrivingError(
                "The driving clip has no frames."
                if count == 0
                else f"No face was found in any of the driving clip's {count} frames.",
                "The driving clip needs one face that is seen from the front or up to about 45 degrees from the side.",
                "Choose another clip, or cut it to the part that shows the face.",
            )


class _Followers:
    """One follower for each lane, made in the lane's own thread when it gets its first block: they start side by side."""

    def __init__(self, count: int, stop: Event) -> None:
        self._stop = stop
        self._made: list[Follower | None] = [None] * count

    def track(self, lane: int, block: Block) -> list[Face | None]:
        """As `Follower.track`; to be called in the lane's thread."""
        follower = self._made[lane]
        if follower is None:
            follower = self._made[lane] = Follower(self._stop.is_set)
        return follower.track(block)

    def close(self) -> None:
        """Stop them, once their threads have ended."""
        for follower in self._made:
            if follower is not None:
                follower.close()


@dataclass(slots=True)
class _Known:
    """What is known of the face after the frames that were given out."""

    number: int
    last: Last | None = None
    latest: Face | None = None

    def learn(self, face: Face | None) -> None:
        self.latest = face
        if face is not None:
            self.last = Last(face, 0)
        elif self.last is not None:
            self.last = Last(self.last.face, self.last.missing + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A piece of the clip on its way."""

    index: int
    before: Image | None
    """The last image of the part before."""
    frames: list[_Stamp]
    images: list[Image]

    @property
    def overlaps(self) -> bool:
        return self.before is not None

    def block(self, known: _Known) -> Block:
        images = self.images if self.before is None else [self.before, *self.images]
        return Block(images, known.last, known.number)


@dataclass(frozen=True, slots=True, eq=False)
class _Stamp:
    """When a frame is shown, and by how much it was made smaller."""

    ticks: int
    time: Fraction | float
    back: Floats
    """(2, 3) affine from pixels of the smaller image to those of the frame."""


def _parts(frames: Iterator[TimedImage]) -> Iterator[_Part]:
    """Cut a clip into parts; frames that come while the generator rests stay unread."""
    before: Image | None = None
    index = 0
    while True:
        stamps: list[_Stamp] = []
        images: list[Image] = []
        most = BLOCK_FRAMES[1]
        while len(images) < most and (frame := next(frames, None)) is not None:
            image, back = _smaller(frame.image)
            stamps.append(_Stamp(frame.ticks, frame.time, back))
            images.append(image)
            most = min(max(BLOCK_BYTES // image.nbytes, BLOCK_FRAMES[0]), BLOCK_FRAMES[1])
        if not images:
            return
        yield _Part(index, before, stamps, images)
        before = images[-1]
        index += 1


def _smaller(image: Image) -> tuple[Image, Floats]:
    """The image with sides up to `MAX_SIDE`, and the affine (2, 3) from its pixels to the given image's."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest > MAX_SIDE:
        import cv2

        size = (max(1, width * MAX_SIDE // longest), max(1, height * MAX_SIDE // longest))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    back = [[width / image.shape[1], 0, 0], [0, height / image.shape[0], 0]]
    return image, np.array(back, np.float32)


def _agree(known: Face | None, seen: Face | None) -> bool:
    """Whether two lanes saw the same in one frame."""
    if known is None or seen is None:
        return known is seen
    return search.apart(known, seen) < _AGREE


def _sighting(stamp: _Stamp, image: Image, known: _Known, crops: bool) -> Sighting:
    """What the caller gets: the face in pixels of the frame as it came."""
    if known.last is None:
        return Sighting(stamp.ticks, stamp.time, None, False)
    face = known.last.face
    crop = paste.cut(image, paste.align(face.points), CROP) if crops else None
    return Sighting(stamp.ticks, stamp.time, search.move(face, stamp.back), known.latest is not None, crop)
