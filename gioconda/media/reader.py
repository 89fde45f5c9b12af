"""The driving clip, frame by frame, with exact times."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from gioconda.errors import DrivingError
from gioconda.media.film import Film
from gioconda.media.flipbook import Flipbook, is_picture
from gioconda.media.stills import check_file
from heads.base import Image


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a clip."""

    ticks: int
    """Time stamp: ticks of the reader's `clock` from the first kept frame; 0, then strictly rising."""
    time: float
    """The same in seconds."""
    image: Image
    """(H, W, 3) uint8 RGB, upright, contiguous, owned by the caller."""


class VideoReader:
    """A clip, an animated picture or a single picture as frames: upright, square pixels, sRGB levels, exact times.

    Reads MP4, MOV, MKV, WebM, AVI, MPEG, FLV, WMV, Ogg, GIF, animated WebP, PNG and AVIF, and single pictures as one frame.
    Every iteration decodes anew, with a handful of frames in memory whatever the length; several may be open at once.
    Interlaced clips are decoded as they are; HDR (PQ, HLG) is tone-mapped to BT.709.

    Attributes:
        path: the file.
        size: (W, H) pixels of the frames, after turning and scaling.
        rate: frames per second as a Fraction, the average where steps are uneven.
        clock: seconds per tick as a Fraction: the stream's own time base, or a finer one where that is too coarse for `rate`.
        seconds: expected length of the selection, or None where the file does not say.
        count: expected number of frames of the selection, for a progress bar, or None.
        has_audio: whether the file holds sound.
        still: whether it is a single picture.
        begins: seconds from the first frame of the file to the first kept one, once an iteration has begun.
    """

    def __init__(self, path: str | Path, *, start: float = 0.0, end: float | None = None, max_side: int | None = None) -> None:
        """Open a clip, reading its header and its first frame.

        Args:
            path: the clip or picture.
            start: seconds from the first frame of the file; earlier frames are left out.
            end: seconds from the first frame of the file; frames from there on are left out. None reads to the end.
            max_side: pixels; larger frames are scaled down on the way, which costs less than doing so later.

        Raises:
            DrivingError: missing, empty, no video, no picture in it, damaged, or nothing left between `start` and `end`.
        """
        self.path = check_file(path, "A driving clip", DrivingError)
        self._start = Fraction(max(0.0, start))
        self._end = None if end is None else Fraction(end)
        self._source: Film | Flipbook
        self._source = Flipbook(self.path, max_side) if is_picture(self.path) else Film(self.path, max_side)
        source = self._source
        self.size, self.rate, self.clock = source.size, source.rate, source.clock
        self.has_audio, self.still = source.has_audio, source.still
        self.seconds, self.count = self._selection()
        self.begins = 0.0
        self._open: weakref.WeakSet[Generator[Frame]] = weakref.WeakSet()

    @property
    def skipped(self) -> int:
        """Frames of the latest iteration, so far, that could not be decoded."""
        return self._source.skipped

    @property
    def tail(self) -> Fraction | None:
        """Seconds for which the last frame of the selection is shown, once an iteration went to its end; None if unknown."""
        return self._source.tail

    def __iter__(self) -> Iterator[Frame]:
        """The frames of the selection, from its first one anew.

        Raises:
            DrivingError: while iterating, when the clip breaks off much earlier than it says.
        """
        frames = self._frames()
        self._open.add(frames)
        return frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the iterations that are still open, and the file with them."""
        for frames in list(self._open):
            frames.close()

    def _frames(self) -> Generator[Frame]:
        first = None
        source = self._source.frames(self._start, self._end)
        try:
            for ticks, image in source:
                if first is None:
                    first, self.begins = ticks, float(ticks * self.clock)
                yield Frame(ticks - first, float((ticks - first) * self.clock), image)
        finally:
            source.close()
        if first is None:
            raise self._nothing_left()

    def _selection(self) -> tuple[float | None, int | None]:
        """Expected seconds and frames between start and end."""
        whole, count = self._source.seconds, self._source.count
        end = self._end
        if (end is not None and end <= self._start) or (whole is not None and self._start >= whole):
            raise self._nothing_left()
        limits = [float(limit) for limit in (whole, end) if limit is not None]
        if not limits:
            return None, None
        stop = min(limits)
        seconds = stop - float(self._start)
        if self._start == 0 and stop == whole and count:
            return seconds, count
        return seconds, max(1, round(seconds * self.rate))

    def _nothing_left(self) -> DrivingError:
        start, end = float(self._start), "its end" if self._end is None else f"{float(self._end):.2f} s"
        length = f" It lasts {self._source.seconds:.2f} s." if self._source.seconds else ""
        return DrivingError(
            f"No frame of {self.path.name} lies between {start:.2f} s and {end}.{length}",
            "At least one frame is needed.",
            "Choose an earlier --start or a later --end.",
        )
