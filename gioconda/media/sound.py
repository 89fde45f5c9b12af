"""The driving clip's sound: its packets, unchanged where MP4 can hold them, timed against the first kept frame."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gioconda.errors import DrivingError
from gioconda.media.film import JUMP, Film, open_container
from gioconda.media.flipbook import is_picture
from gioconda.media.stills import check_file

if TYPE_CHECKING:
    import av
    from av.container import InputContainer, OutputContainer

COPIED = ("aac", "mp3", "ac3", "eac3", "opus", "alac", "flac")
"""Codecs that MP4 holds and common players decode from it; others become AAC."""

AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
"""Samples per second that AAC knows (ISO/IEC 14496-3, table 1.18)."""

AAC_BITS = 192_000
"""Bits per second of transcoded sound: transparent for stereo in listening tests of AAC-LC."""

AAC_FRAME = 1024
"""Samples of an AAC frame."""

RUN_UP = Fraction(1)
"""Seconds before a selection at which its sound is looked for: more than the longest packet."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Which sound of a file goes with a selection of its frames. A value: nothing is held open."""

    path: Path
    stream: int
    """Index of the stream in the file."""
    origin: Fraction
    """Seconds on the file's clock at which the first kept frame is shown."""
    lead: Fraction
    """Seconds by which the file's sound is heard before its first frame; 0 where the selection starts later."""
    end: Fraction | None
    """Seconds from the first kept frame at which the selection ends; None to the end of the file."""
    whole: bool
    """Whether the selection starts with the file; then the sound does too, with all that it holds before its first sample."""
    copied: bool
    """Whether the packets go over unchanged."""
    note: str
    """A sentence for the report: what becomes of the sound."""

    @classmethod
    def of(cls, path: str | Path, start: float = 0.0, end: float | None = None) -> Sound | None:
        """The sound of a clip between two seconds from its first frame; None where it has none.

        Raises:
            DrivingError: the clip cannot be read, or no frame lies in the selection.
        """
        path = check_file(path, "A driving clip", DrivingError)
        if is_picture(path):
            return None
        film = Film(path, max_side=None)
        if not film.has_audio:
            return None
        first = film.first_shown(Fraction(max(0.0, start)))
        if first is None:
            return None
        with open_container(path) as container:
            stream = container.streams.best("audio")
            if stream is None or stream.codec_context is None:
                return None
            codec = stream.codec_context.name
            canonical = stream.codec_context.codec.canonical_name
            lead = Fraction(0)
            if start <= 0 and stream.start_time is not None:
                lead = max(Fraction(0), film.origin - stream.start_time * (stream.time_base or 0))
            copied = canonical in COPIED
            note = f"The sound ({canonical}) is copied packet by packet." if copied else (
                f"The sound ({codec}) is encoded anew as AAC, {AAC_BITS // 1000} kbit/s, because MP4 players do not read it."
            )  # fmt: skip
            stop = None if end is None else Fraction(end) - first
            return cls(path, stream.index, film.origin + first, lead, stop, start <= 0, copied, note)

    def attach(self, output: OutputContainer, clock: Fraction) -> Track:
        """Add a stream for this sound to an output whose picture counts in ticks of `clock`, before anything is written."""
        return Track(self, output, clock)


class Track:
    """The sound on its way into an output: pulled along by the picture, so that neither waits in memory."""

    def __init__(self, sound: Sound, output: OutputContainer, clock: Fraction) -> None:
        self.lead_ticks = round(sound.lead / clock)
        """Ticks by which the picture has to start later than the file."""
        self._sound, self._output = sound, output
        self._input = open_container(sound.path)
        source: av.AudioStream = self._input.streams[sound.stream]  # type: ignore[assignment]
        _only(self._input, source)
        self._shift = self.lead_ticks * clock - sound.origin
        """Seconds to add to a time of the input for one of the output."""
        if sound.copied:
            self._stream = output.add_stream_from_template(source)
            self._packets = self._copies(source)
        else:
            rate = source.rate if source.rate in AAC_RATES else 48000
            layout = "mono" if source.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=rate, layout=layout, bit_rate=AAC_BITS)
            self._packets = self._transcoded(source)
        self._next: av.Packet[av.AudioStream] | None = None

    def feed(self, until: Fraction) -> None:
        """Write every packet that ends by `until`, seconds on the output's clock."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = packet
            if packet is None or packet.pts is None:
                return
            if (packet.pts + (packet.duration or 0)) * packet.time_base > until:
                return
            self._next = None
            self._output.mux(packet)

    def close(self) -> None:
        """Close the input; what was not fed is left out."""
        self._packets.close()
        self._input.close()

    def _copies(self, source: av.AudioStream) -> Generator[av.Packet[av.AudioStream]]:
        """The packets within the selection, moved to the output's clock and otherwise unchanged."""
        base = source.time_base or Fraction(1, 1000)
        rate, length = source.rate, source.codec_context.frame_size or 0
        # A millisecond clock jitters; where frames have one length the samples themselves count the time.
        fine = Fraction(1, rate) if rate and length and base > Fraction(1, rate) else base
        expected: Fraction | None = None
        for packet in self._selected(source, base):
            time = packet.pts * base + self._shift  # type: ignore[operator]
            if fine != base and expected is not None and abs(time - expected) <= base:
                time = expected
            span = Fraction(length, rate) if fine != base else (packet.duration or 0) * base
            expected = time + span
            packet.time_base = fine
            packet.pts = packet.dts = round(time / fine)
            packet.duration = round(span / fine)
            packet.stream = self._stream
            yield packet

    def _selected(self, source: av.AudioStream, base: Fraction) -> Iterator[av.Packet[av.AudioStream]]:
        """Packets of the selection: from the one that is sounding at its start, to its end."""
        import av

        first, line = self._sound.origin, _Line(base)
        if not self._sound.whole:
            try:
                self._input.seek(int((first - RUN_UP) / base), stream=source)
            except av.FFmpegError:
                self._input.seek(0)
        try:
            for packet in self._input.demux(source):
                if packet.pts is None or not packet.size or not line(packet):
                    continue
                begins = packet.pts * base - first
                if not self._sound.whole and begins + (packet.duration or 0) * base <= 0:
                    continue
                if self._sound.end is not None and begins >= self._sound.end:
                    return
                yield packet
        except (av.FFmpegError, OSError):
            # The file breaks off here; the picture's end says so to the user.
            return

    def _transcoded(self, source: av.AudioStream) -> Generator[av.Packet[av.AudioStream]]:
        """The sound of the selection as AAC; gaps in it become silence."""
        encoder: av.AudioStream = self._stream
        graph: av.filter.Graph | None = None
        for frame in self._samples(source):
            graph = graph or _resampling(frame, encoder)
            frame.pts = round((frame.pts * frame.time_base + self._shift) * frame.sample_rate)  # type: ignore[operator]
            frame.time_base = Fraction(1, frame.sample_rate)
            graph.push(frame)
            yield from _encoded(graph, encoder)
        if graph is not None:
            graph.push(None)
            yield from _encoded(graph, encoder)
            yield from encoder.encode(None)

    def _samples(self, source: av.AudioStream) -> Iterator[av.AudioFrame]:
        """What can be decoded of the selection."""
        import av

        for packet in chain(self._selected(source, source.time_base or Fraction(1, 1000)), [None]):
            try:
                frames = source.codec_context.decode(packet)
            except (av.FFmpegError, ValueError):
                continue
            yield from (frame for frame in frames if frame.pts is not None)


class _Line:
    """One line of time through recordings that were joined: where it jumps back, it goes on after the last packet instead.

    Args:
        base: seconds per tick of the packets.
    """

    def __init__(self, base: Fraction) -> None:
        self._back = round(JUMP / base)
        self._shift, self._last, self._end = 0, -(2**63), -(2**63)

    def __call__(self, packet: av.Packet[av.AudioStream]) -> bool:
        """Put the packet on the line; False where it does not come after the last one, which MP4 cannot hold."""
        at = (packet.pts or 0) + self._shift
        if at < self._end - self._back:
            self._shift += self._end - at
            at = self._end
        if at <= self._last:
            return False
        packet.pts, self._last, self._end = at, at, at + (packet.duration or 0)
        return True


def _only(container: InputContainer, stream: av.stream.Stream) -> None:
    """Let the reader skip every other stream."""
    from av.stream import Discard

    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def _resampling(frame: av.AudioFrame, encoder: av.AudioStream) -> av.filter.Graph:
    """From samples like those of `frame` to frames that the AAC encoder takes."""
    from av.filter import Graph

    graph = Graph()
    rate = frame.sample_rate
    graph.link_nodes(
        graph.add_abuffer(sample_rate=rate, format=frame.format, layout=frame.layout, time_base=Fraction(1, rate)),
        graph.add("aresample", f"{encoder.rate}:async=1"),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={encoder.rate}:channel_layouts={encoder.layout.name}"),
        graph.add("asetnsamples", f"{AAC_FRAME}:p=0"),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _encoded(graph: av.filter.Graph, encoder: av.AudioStream) -> Iterator[av.Packet[av.AudioStream]]:
    import av

    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield from encoder.encode(frame)  # type: ignore[arg-type]
