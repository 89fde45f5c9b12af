"""A small silent animation of a video, for a README or a chat: GIF or WebP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gioconda.errors import OutputError, SettingError
from gioconda.media.reader import VideoReader
from gioconda.media.stills import reason
from gioconda.media.writer import Settle, renamed
from heads.base import Image

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.filter.context import FilterContext

HUNDREDTH = Fraction(1, 100)
"""Seconds: the unit in which GIF counts."""

QUALITY = 75
"""WebP quality, 0 … 100: libwebp's own default."""


Mark: TypeAlias = Callable[[Image], Image]
"""Draws into a frame (H, W, 3) uint8 in place, and returns it."""


def same(image: Image) -> Image:
    """The image as it is."""
    return image


def preview(
    source: str | Path,
    target: str | Path,
    *,
    max_side: int = 320,
    rate: Fraction = Fraction(12),
    start: float = 0.0,
    end: float | None = None,
    mark: Mark = same,
    settle: Settle = renamed,
) -> Path:
    """Write a video as an endless animation, and return its path.

    Args:
        source: a video that `VideoReader` reads.
        target: where it goes; `.gif` or `.webp` says what it becomes.
        max_side: pixels of the longer side at most.
        rate: frames per second at most.
        start: seconds of the video to skip.
        end: second of the video to stop at; None goes to its end.
        mark: draws into the frames, once they have the preview's size: what was drawn before does not survive WebP.
        settle: puts the finished part in its place, marked as it should be.

    Raises:
        SettingError: another suffix.
        DrivingError: the video cannot be read.
        OutputError: the place cannot be written to; nothing is left there.
    """
    import av

    target = Path(target)
    if target.suffix.lower() not in (".gif", ".webp"):
        raise SettingError(f"{target.name} is no preview.", "Its name has to end in .gif or .webp.", "Rename the output.")
    reader = VideoReader(source, start=start, end=end, max_side=max_side)
    part = target.with_name(target.name + ".part")
    try:
        part.open("wb").close()
        if target.suffix.lower() == ".gif":
            _write_gif(reader, part, rate, mark)
        else:
            _write_webp(reader, part, rate, mark)
        target = settle(part, target)
    except (OSError, av.FFmpegError) as error:
        raise OutputError(
            f"{target.name} could not be written ({reason(error)}).", "A writable place is needed.", "Choose another output."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _thinned(reader: VideoReader, rate: Fraction, mark: Mark) -> Iterator[tuple[int, Image]]:
    """At most `rate` frames per second, with their times in hundredths of a second."""
    slot = -1
    for frame in reader:
        now = frame.ticks * reader.clock
        if int(now * rate) > slot:
            slot = int(now * rate)
            yield round(now * 100), mark(frame.image)


def _write_gif(reader: VideoReader, path: Path, rate: Fraction, mark: Mark) -> None:
    """Two passes: one chooses the 256 colours of what moves, the next draws with them."""
    import av
    from av.filter import Graph

    width, height = reader.size

    def source(graph: Graph, width: int, height: int, pixels: str) -> FilterContext:
        return graph.add_buffer(width=width, height=height, format=av.VideoFormat(pixels), time_base=HUNDREDTH)

    first = Graph()
    choose = first.add("palettegen", "stats_mode=diff"), first.add("buffersink")
    first.link_nodes(source(first, width, height, "rgb24"), *choose).configure()
    for stamp, image in _thinned(reader, rate, mark):
        first.push(_frame(image, stamp))
    first.push(None)
    palette = first.pull()

    second = Graph()
    pictures, colours = source(second, width, height, "rgb24"), source(second, 16, 16, "bgra")
    draw, sink = second.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle"), second.add("buffersink")
    pictures.link_to(draw, 0, 0)
    colours.link_to(draw, 0, 1)
    draw.link_to(sink)
    second.configure()
    colours.push(palette)
    colours.push(None)
    with av.open(f"file:{path.absolute()}", "w", format="gif", container_options={"loop": "0"}) as output:
        stream = output.add_stream("gif", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = HUNDREDTH
        for stamp, image in _thinned(reader, rate, mark):
            pictures.push(_frame(image, stamp))
            _drain(sink, stream, output)
        pictures.push(None)
        _drain(sink, stream, output)
        output.mux(stream.encode(None))


def _drain(sink: FilterContext, stream: av.VideoStream, output: OutputContainer) -> None:
    import av

    while True:
        try:
            frame = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        output.mux(stream.encode(frame))  # type: ignore[arg-type]


def _write_webp(reader: VideoReader, path: Path, rate: Fraction, mark: Mark) -> None:
    import av

    options = {"quality": str(QUALITY)}
    with av.open(f"file:{path.absolute()}", "w", format="webp", container_options={"loop": "0"}) as output:
        stream = output.add_stream("libwebp_anim", rate=rate, options=options)
        stream.width, stream.height = reader.size
        stream.pix_fmt = "bgra"
        stream.codec_context.time_base = HUNDREDTH
        for stamp, image in _thinned(reader, rate, mark):
            output.mux(stream.encode(_frame(image, stamp).reformat(format="bgra")))
        output.mux(stream.encode(None))


def _frame(image: Image, stamp: int) -> av.VideoFrame:
    import av

    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts, frame.time_base = stamp, HUNDREDTH
    return frame
