"""The finished video: H.264 in MP4 that every player plays, with exact times, written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from gioconda.errors import OutputError
from gioconda.media.film import MAX_TICKS
from gioconda.media.sound import Sound, Track
from gioconda.media.stills import reason
from heads.base import Image

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer

X264 = {"preset": "superfast", "x264-params": "mbtree=1:rc-lookahead=10"}
"""Measured on a talking head of 512 × 512 at crf 18, two cores: `superfast` 2.6 ms of processor a frame and 695 kB;
with macroblock trees 2.4 ms and 440 kB; `veryfast` 4.8 ms and 393 kB; `faster` 9 ms and 430 kB."""

MP4 = {"movflags": "+faststart", "movie_timescale": "90000"}
"""The index goes to the front, and delays (edit lists) count in 1/90000 s, MPEG's own clock; FFmpeg would round to 1 ms."""

MAX_THREADS = 8
"""Encoder threads: each holds frames in memory, and pictures of a face keep no more of them busy."""

KEY_EVERY = Fraction(2)
"""Seconds between key frames at most: a player jumps to any place at once."""

BT709 = 1
"""Colour primaries, transfer and matrix of BT.709, numbered as in ITU-T H.273."""

LIMITED = 1
"""FFmpeg's number for levels 16 … 235, what players expect of H.264."""

Settle: TypeAlias = Callable[[Path, Path], Path]
"""Takes a finished part and the place it goes to, in the same folder, and says where it lies then."""


def renamed(part: Path, place: Path) -> Path:
    """The part in its place, with nothing done to it."""
    return part.replace(place)


TAGS = ("title", "artist", "album", "comment", "description", "synopsis", "copyright", "date", "genre", "encoder")
"""MP4 tags that players show. FFmpeg keeps `encoder` for its own name, so ours becomes `artist` and the track's handler."""


class VideoWriter:
    """Writes an MP4 into a `.part` file beside the output and renames it when it is complete.

    Leaving the context by an exception deletes the part; nothing half-written is ever at the output's path. Memory does not
    grow with the length.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: tuple[int, int],
        rate: Fraction,
        clock: Fraction,
        crf: int = 18,
        tags: Mapping[str, str] | None = None,
        sound: Sound | None = None,
        tail: Fraction | None = None,
        settle: Settle = renamed,
    ) -> None:
        """Open the part file.

        Args:
            path: the MP4; an existing one is replaced when this one is complete.
            size: (W, H) pixels, both even.
            rate: frames per second, the average where steps are uneven.
            clock: seconds per tick of the time stamps.
            crf: x264 constant rate factor, 0 … 51.
            tags: MP4 tags, keys of `TAGS`.
            sound: what to carry over beside the picture.
            tail: seconds for which the last frame is shown; None takes as long as a frame at `rate`.
            settle: puts the finished part in its place, marked as it should be.

        Raises:
            OutputError: the folder is missing or cannot be written, or the output is a folder.
            ValueError: odd sides, an unknown tag, or a clock that MP4 cannot hold.
        """
        _check(size, clock, tags or {})
        self.path = Path(path)
        # A link stays a link: what it points to is replaced.
        self._place = Path(os.path.realpath(self.path))
        # Of two runs with one output the later one wins, and neither writes into the other's part. Names have 255 bytes.
        self.part = self._place.with_name(f"{self._place.name[:40]}.{secrets.token_hex(3)}.part")
        self.size, self.rate, self.clock = size, rate, clock
        self.frames = 0
        self._tail, self._settle = tail or 1 / rate, settle
        self._early: int | None = None
        """Ticks by which packets are decoded before they are shown."""
        self._tags = dict(tags or {})
        self._held: tuple[av.VideoFrame, int] | None = None
        self._track: Track | None = None
        self._output: OutputContainer | None = None
        self._closed = False
        self._guarded(self._check_place)
        self._guarded(self._open, crf, sound)

    def write(self, image: Image, ticks: int) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) uint8 RGB of the writer's size; it may be reused afterwards.
            ticks: time stamp in ticks of `clock`, greater than the last one.

        Raises:
            OutputError: the disk is full or the place cannot be written any more; the part file is gone then.
            ValueError: another size or type, or a time that does not rise.
        """
        import av

        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != "uint8":
            raise ValueError(f"expected ({height}, {width}, 3) uint8, got {image.shape} {image.dtype}")
        if self._held and ticks <= self._held[1]:
            raise ValueError(f"time stamp {ticks} does not come after {self._held[1]}")
        rgb = av.VideoFrame.from_ndarray(image, format="rgb24")
        # Without dst_colorspace FFmpeg converts by BT.601 whatever the stream says: up to 39 levels wrong.
        frame = self._reformatter.reformat(rgb, format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED)
        frame.color_primaries = frame.color_trc = frame.colorspace = BT709
        self._guarded(self._release, ticks)
        self._held = frame, ticks
        self.frames += 1

    def close(self) -> None:
        """Finish the file and put it in its place.

        Raises:
            OutputError: the disk is full, or the place cannot be written; the part file is gone then.
        """
        if not self._closed:
            self._guarded(self._finish)

    def abandon(self) -> None:
        """Stop and delete the part file; does nothing after `close`."""
        import av

        if self._closed:
            return
        self._closed = True
        self._held = None
        with suppress(av.FFmpegError, OSError, ValueError):
            if self._track:
                self._track.close()
        # Unlinked first, FFmpeg finds nothing to move its index to the front of, and is done at once.
        with suppress(OSError):
            self.part.unlink(missing_ok=True)
        with suppress(av.FFmpegError, OSError, ValueError):
            if self._output:
                self._output.close()
        with suppress(OSError):
            self.part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()

    def _check_place(self) -> None:
        folder = self._place.parent
        if self.path.is_dir():
            raise OutputError(f"{self.path} is a folder.", "The name of an MP4 file is needed.", "Add a file name to it.")
        if not folder.is_dir():
            raise OutputError(
                f"The folder {folder} does not exist.", "The output needs an existing folder.", "Create it, or choose another."
            )

    def _open(self, crf: int, sound: Sound | None) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        # Python opens the file first, because its errors say what is wrong with the place.
        self.part.open("wb").close()
        self._reformatter = VideoReformatter()
        output = av.open(f"file:{self.part}", "w", format="mp4", container_options=MP4)
        self._output = output
        tool = self._tags.pop("encoder", None)
        if tool:
            self._tags.setdefault("artist", tool)
        output.metadata.update(self._tags)
        stream = output.add_stream("libx264", rate=self.rate, options={**X264, "crf": str(crf)})
        if tool:
            stream.metadata["handler_name"] = tool
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = self.clock
        codec.gop_size = max(1, round(KEY_EVERY * self.rate))
        codec.thread_count = min(os.cpu_count() or 1, MAX_THREADS)
        codec.color_primaries = codec.color_trc = codec.colorspace = BT709
        codec.color_range = LIMITED
        stream.time_base = self.clock
        self._stream = stream
        if sound:
            self._track = sound.attach(output, self.clock)
        self._lead = self._track.lead_ticks if self._track else 0

    def _release(self, next_ticks: int) -> None:
        """Encode the frame that was held until its duration was known, and the sound beside it."""
        output = self._output
        if self._held is None or output is None:
            return
        frame, ticks = self._held
        self._held = None
        frame.time_base = self.clock
        frame.pts = ticks + self._lead
        frame.duration = next_ticks - ticks
        packets = self._stream.encode(frame)
        if packets and self._early is None and packets[0].dts is not None:
            self._early = (packets[0].pts or 0) - packets[0].dts
        output.mux(packets)
        if self._track:
            self._track.feed((next_ticks + self._lead) * self.clock)

    def _finish(self) -> None:
        output = self._output
        if self._held is None or output is None:
            raise OutputError(f"No frame was written to {self.path.name}.", "At least one is needed.", "Choose a longer clip.")
        last = self._held[1]
        step = max(1, round(self._tail / self.clock))
        self._release(last + step)
        packets = self._stream.encode(None)
        self._end_at(packets, last + self._lead, step)
        output.mux(packets)
        if self._track:
            # Sound may go on for a frame: its packets do not end where pictures do, and half of one cannot be copied.
            self._track.feed((last + step + self._lead) * self.clock + min(self._tail, 1 / self.rate))
            self._track.close()
        output.close()
        _check_complete(self.part)
        settled = self._settle(self.part, self._place)
        self.path = self.path if settled == self._place else settled
        self._closed = True

    def _end_at(self, packets: list[av.Packet[av.VideoStream]], last: int, step: int) -> None:
        """Let the picture end `step` ticks after its last frame, shown at `last`; FFmpeg adds a frame at the average rate.

        An MP4 counts lengths in decoding order: what the last packet there lasts makes the track as long as its pictures.
        """
        for packet in packets:
            if packet.pts is not None:
                packet.duration = step if packet.pts == last else min(step, last - packet.pts)
        if packets and packets[-1].dts is not None and self._early is not None:
            packets[-1].duration = max(1, last + step - self._early - packets[-1].dts)

    def _guarded(self, work: Callable[..., None], *args: Any) -> None:
        """Do a part of the work; where it fails, nothing is left behind."""
        import av

        try:
            work(*args)
        except (OSError, av.FFmpegError) as error:
            self.abandon()
            raise self._explained(error) from error
        except BaseException:  # an interruption leaves no part either
            self.abandon()
            raise

    def _explained(self, error: Exception) -> OutputError:
        """What a failed write means to the user."""
        name, folder = self.path.name, self._place.parent
        number = getattr(error, "errno", None)
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return OutputError(
                f"The disk is full: {name} could not be written to {folder}.",
                "More free space is needed.",
                "Free some space or choose another place.",
            )
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            return OutputError(
                f"{folder} cannot be written to ({reason(error)}).",
                "A writable folder is needed.",
                "Choose another output, or change its permissions.",
            )
        return OutputError(
            f"{name} could not be written to {folder} ({reason(error)}).",
            "A place that takes a file is needed.",
            "Choose another output.",
        )


def _check(size: tuple[int, int], clock: Fraction, tags: Mapping[str, str]) -> None:
    if size[0] % 2 or size[1] % 2 or min(size) <= 0:
        raise ValueError(f"H.264 in 4:2:0 needs even sides, not {size[0]} × {size[1]}")
    if clock <= 0 or clock.denominator > MAX_TICKS:
        raise ValueError(f"an MP4 track cannot count in ticks of {clock} s")
    if unknown := set(tags) - set(TAGS):
        raise ValueError(f"no MP4 tag is called {', '.join(sorted(unknown))}; there are {', '.join(TAGS)}")


def _check_complete(path: Path) -> None:
    """Walk the boxes of an MP4 (ISO/IEC 14496-12, 4.2): index before pictures, and the last one ends where the file does.

    FFmpeg moves the index to the front in a second pass, and a disk that fills then must not pass for a success.

    Raises:
        OSError: ENOSPC, when it is cut short.
    """
    size, names, place = path.stat().st_size, [], 0
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            head = file.read(16)
            if len(head) < 8:
                break
            length, name = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if length < 8:
                break
            names.append(name)
            place += length
    if place != size or b"moov" not in names or b"mdat" not in names or names.index(b"moov") > names.index(b"mdat"):
        raise OSError(errno.ENOSPC, "the file was cut short")
