"""A video file through FFmpeg: what is in it, and its frames with exact times."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from gioconda.errors import DrivingError
from gioconda.media.stills import MAX_PIXELS, MAX_SIDE, reason
from gioconda.media.upright import Upright
from heads.base import Image

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,ivf"
"""FFmpeg's readers that may be tried. Others would "decode" a text file as video, follow playlists or open the network."""

READS = "MP4, MOV, MKV, WebM, AVI, MPEG, FLV, WMV, Ogg, GIF or WebP"

FINE = Fraction(1, 10_000)
"""Seconds: a clock at least this fine needs no help. Matroska's and FLV's millisecond does, where 29.97 stumbles 33, 34, 33."""

NEAR = Fraction(1, 1000)
"""Seconds by which a time stamp of a coarse clock may be moved onto the even grid of its frame rate."""

SAME_RATE = Fraction(1, 1000)
"""Relative difference below which the average and the nominal frame rate are the same one, measured twice."""

ROUNDED = Fraction(1, 100_000)
"""Relative difference from a whole rate, or from a whole rate · 1000/1001, that is the container's rounding."""

MAX_TICKS = 2**31 - 1
"""Ticks per second that an MP4 track can count (ISO/IEC 14496-12, 8.4.2: 32 bits)."""

JUMP = Fraction(1)
"""Seconds back in time after which a clip is taken to have started anew (joined recordings) rather than to stutter."""

MAX_RATE = 480
"""Frames per second above which a rate is a clock: the fastest slow motion of phones is half of it."""

MEASURED_FRAMES = 120
"""Frames by which a rate is measured where the file's own cannot be true."""

FALLBACK_RATE = Fraction(25)
"""Frames per second where a file tells nothing: PAL, the middle of what cameras do."""

LONGEST = 60
"""Seconds for which a last frame may be shown: a slide is held that long, and a damaged figure says hours."""

SHORTFALL = 0.5
"""Seconds that may be missing at the end before a clip counts as cut off: more than any encoder's rounding."""


def open_container(path: Path) -> InputContainer:
    """Open a local file with one of `CONTAINERS`.

    Raises:
        DrivingError: it is in none of these formats, or broken at its head.
    """
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        # The prefix keeps a name with a colon from being read as a protocol; damaged tags are not worth a refusal.
        return av.open(f"file:{path.absolute()}", "r", container_options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DrivingError(
            f"{path.name} cannot be read as a video ({path.stat().st_size:,} bytes, {reason(error)}): it is something else, "
            "or its end is missing.",
            f"A complete video is needed: {READS}.",
            "Copy or download it again, or convert it to MP4.",
        ) from error


def video_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The stream with the moving picture; cover art does not count.

    Raises:
        DrivingError: there is none, it has no decoder, or its frames are too large.
    """
    from av.stream import Discard, Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        content = "only sound" if container.streams.audio else "no picture"
        raise DrivingError(
            f"{path.name} holds {content}.", "A clip with a picture of a speaking face is needed.", "Choose another file."
        )
    known = [s for s in streams if s.codec_context]
    if not known:
        raise DrivingError(
            f"{path.name} holds a video in a coding that is not known here.",
            f"A video is needed: {READS}.",
            "Convert it to MP4.",
        )
    stream = max(known, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height))
    if max(stream.width, stream.height) > MAX_SIDE or stream.width * stream.height > MAX_PIXELS:
        raise DrivingError(
            f"{path.name} has frames of {stream.width:,} × {stream.height:,} pixels.",
            f"At most {MAX_SIDE:,} pixels on a side are decoded.",
            "Make the clip smaller; 1,280 pixels on a side are plenty.",
        )
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    stream.thread_type = "AUTO"
    return stream


class Film:
    """A video file: its figures, read once, and its frames, decoded anew by every call of `frames`."""

    still = False

    def __init__(self, path: Path, max_side: int | None) -> None:
        """Open the file and decode its first frame.

        Raises:
            DrivingError: no video that can be decoded.
        """
        self.path, self.max_side, self.skipped = path, max_side, 0
        self.tail: Fraction | None = None
        with open_container(path) as container:
            self.has_audio = bool(container.streams.audio)
            stream = video_stream(container, path)
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise DrivingError(
                    f"{path.name} holds a video of which no frame can be decoded.",
                    "A readable clip is needed.",
                    "Copy or download it again.",
                )
            self.base = stream.time_base or Fraction(1, 1000)
            self.origin = (first.pts or 0) * self.base
            """Seconds on the container's own clock at which the first frame is shown."""
            self.aspect = stream.codec_context.sample_aspect_ratio
            upright = Upright(first, self.aspect, max_side)
            self.size = upright.size
            self.rate = _rate(stream) or _measured(path)
            self._promised = _promised(container, stream, self.origin)
            """Seconds that the file says its picture lasts, or None: what is missing of them is reported."""
            self._ends = _track_end(container, stream)
            estimate = container.duration / 1e6 if container.duration else None
            self.seconds = self._promised or estimate
            frames = stream.frames or (round(self.seconds * self.rate) if self.seconds else 0)
        self.count = frames or None
        self._spare = [upright]
        self.clock, self.on_grid = _clock(self.base, self.rate)

    def frames(self, start: Fraction, end: Fraction | None) -> Generator[tuple[int, Image]]:
        """Ticks from the first frame of the file and (H, W, 3) uint8 RGB, of the frames shown in [start, end).

        Raises:
            DrivingError: the file ends much earlier than it says, and before `end`.
        """
        # A converter serves one pass at a time; HDR's takes seconds to prepare, so passes hand it on.
        upright = self._spare.pop() if self._spare else None
        stamped = self._stamped(start, end)
        try:
            for ticks, frame in stamped:
                upright = upright or Upright(frame, self.aspect, self.max_side)
                yield ticks, upright(frame)
        finally:
            stamped.close()
            if upright:
                self._spare.append(upright)

    def first_shown(self, start: Fraction) -> Fraction | None:
        """Seconds from the first frame of the file to the first frame at or after `start`; None where there is none."""
        if start <= 0:
            return Fraction(0)
        stamped = self._stamped(start, None)
        ticks, _ = next(stamped, (None, None))
        stamped.close()
        return None if ticks is None else ticks * self.clock

    def _stamped(self, start: Fraction, end: Fraction | None) -> Generator[tuple[int, av.VideoFrame]]:
        """Ticks from the first frame of the file, and frames as they were decoded, of those shown in [start, end)."""
        self.skipped = 0
        times, reached, last, even = _Times(self), Fraction(0), Fraction(0), True
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            for frame in self._from(container, stream, start):
                ticks = times(frame.pts)
                shown = ticks * self.clock
                if end is not None and shown >= end:
                    self.tail = None if even else self._lasting(min(shown, end) - last)
                    return
                even = even and (shown == 0 or abs(shown - last - 1 / self.rate) < NEAR)
                last, reached = shown, shown + (frame.duration or 0) * self.base
                if shown >= start:
                    yield ticks, frame
        self._check_end(reached, end)
        self.tail = None if even else self._lasting((reached if self._ends is None else self._ends) - last)

    def _lasting(self, length: Fraction) -> Fraction | None:
        """Seconds for which the last frame is shown; None where `length` cannot be true."""
        return length if self.clock <= length <= LONGEST else None

    def _from(self, container: InputContainer, stream: av.VideoStream, start: Fraction) -> Iterator[av.VideoFrame]:
        """Frames from the last key frame before `start` on; from the beginning where the file cannot be searched."""
        import av

        if start > 0:
            try:
                container.seek(int((start + self.origin) / self.base), stream=stream)
                frames = self._decoded(container, stream)
                first = next(frames, None)
                if first is not None and first.pts is not None and first.pts * self.base - self.origin <= start:
                    yield first
                    yield from frames
                    return
            except av.FFmpegError:
                pass
            container.seek(0, stream=stream, any_frame=True)
            self.skipped = 0
        yield from self._decoded(container, stream)

    def _decoded(self, container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """All frames that can be decoded; those that cannot are counted in `skipped`."""
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                # The file breaks off here: what the decoder still holds is good.
                packet = None
            try:
                frames = packet.decode() if packet else stream.codec_context.decode(None)
            except av.EOFError:
                return
            except (av.FFmpegError, ValueError):
                self.skipped += 1
                frames = []
            for frame in frames:
                if frame.is_corrupt:
                    self.skipped += 1
                else:
                    yield frame
            if packet is None:
                return

    def _check_end(self, reached: Fraction, end: Fraction | None) -> None:
        """Raise where the file promises more than it holds, and more was asked for."""
        promised = self._promised or 0.0
        wanted = promised if end is None else min(float(end), promised)
        if wanted - float(reached) > SHORTFALL:
            readable = math.floor(float(reached) * 10) / 10
            raise DrivingError(
                f"{self.path.name} ends at {readable:.1f} s of {promised:.1f} s: the rest is missing or damaged.",
                "A complete clip is needed.",
                f"Copy or download it again, or use --end {readable:.1f} to use the readable part.",
            )


class _Times:
    """Time stamps of one pass through a film, made strictly rising.

    A missing time stamp is one frame after the last; one that stands still moves on by a tick; one that jumps back by more
    than `JUMP` starts the count anew, one frame after the last.
    """

    def __init__(self, film: Film) -> None:
        self.film, self.origin, self.last = film, film.origin, -1
        self.step = max(1, round(1 / film.rate / film.clock))

    def __call__(self, pts: int | None) -> int:
        """Ticks of `film.clock` from the first frame of the file."""
        film = self.film
        if pts is None:
            self.last = self.last + self.step if self.last >= 0 else 0
            return self.last
        seconds = pts * film.base - self.origin
        if self.last >= 0 and seconds < self.last * film.clock - JUMP:
            self.origin = pts * film.base - (self.last + self.step) * film.clock
            seconds = pts * film.base - self.origin
        if film.on_grid:
            even = round(seconds * film.rate) / film.rate
            if abs(even - seconds) < NEAR:
                seconds = even
        self.last = max(round(seconds / film.clock), self.last + 1)
        return self.last


def _rate(stream: av.VideoStream) -> Fraction | None:
    """Frames per second on average; the nominal rate where the two differ by rounding alone; None where neither can be true."""
    average, nominal = stream.average_rate, stream.guessed_rate
    rate = average or nominal
    if not rate or rate > MAX_RATE:
        return None
    if nominal and abs(nominal / rate - 1) < SAME_RATE:
        rate = nominal
    # Matroska keeps whole nanoseconds a frame, which FFmpeg reads back as 19001/317 where 60000/1001 was meant.
    for standard in (Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)):
        if abs(standard / rate - 1) < ROUNDED:
            return standard
    return rate


def _measured(path: Path) -> Fraction:
    """Frames per second of the first frames: what browsers record says 1,000, its clock, and means nothing by it."""
    with open_container(path) as container:
        stream = video_stream(container, path)
        packets = islice((p for p in container.demux(stream) if p.pts is not None), MEASURED_FRAMES)
        stamps = sorted({packet.pts for packet in packets if packet.pts is not None})
        if len(stamps) < 2 or not stream.time_base:
            return FALLBACK_RATE
        return ((len(stamps) - 1) / (stream.time_base * (stamps[-1] - stamps[0]))).limit_denominator(1001)


def _clock(base: Fraction, rate: Fraction) -> tuple[Fraction, bool]:
    """Seconds per tick for the file's frames, and whether they are to be moved onto the grid of their frame rate."""
    if base > FINE and (1 / rate / base).denominator != 1:
        ticks = rate.numerator * math.ceil(1 / FINE / rate.numerator)
        if ticks <= MAX_TICKS:
            return Fraction(1, ticks), True
    if base.denominator > MAX_TICKS:
        return Fraction(1, 1_000_000), False
    return base, False


def _track_end(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Seconds from the first frame to the end of the track; None where the frames say how long each is shown.

    In MP4 and MOV they say how long each is decoded, which is another thing where frames are not decoded in order; a fragmented
    file's track has no length, and 0 says so.
    """
    if "mp4" not in container.format.name:
        return None
    return (stream.duration or 0) * (stream.time_base or Fraction(0))


def _promised(container: InputContainer, stream: av.VideoStream, origin: Fraction) -> float | None:
    """Seconds from the first frame to the end of the video, as the file says; None where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska's writers leave the length of each stream in a tag.
    if tag := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
        end = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
        # A tag may have outlived a cut; the header has not.
        return float(min(end, Fraction(container.duration or 0, 1_000_000)) - origin)
    if container.duration and not container.streams.audio:
        return container.duration / 1e6 - float(origin) + (container.start_time or 0) / 1e6
    return None
