"""Clips and sounds made in code for the tests of `gioconda.media`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FILM = Fraction(30000, 1001)
PATCHES = np.array(
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (200, 150, 120), (30, 60, 90)],
    np.uint8,
)
"""Eight sRGB colours, the last two a skin tone and a dark blue."""


def picture(index: int, size: tuple[int, int] = (128, 96)) -> NDArray[np.uint8]:
    """A frame (H, W, 3) with a grey level that tells its index and a bright corner that tells which way is up."""
    image = np.full((size[1], size[0], 3), 40 + 5 * (index % 40), np.uint8)
    image[: size[1] // 4, : size[0] // 4] = (250, 60, 60)
    return image


def index_of(image: NDArray[np.uint8]) -> int:
    """Which `picture` it is, told by the grey of its middle; modulo 40."""
    height, width = image.shape[:2]
    return round((float(image[height // 2 :, width // 2 :].mean()) - 40) / 5)


def make_clip(
    path: Path,
    stamps: Sequence[int] | int = 30,
    *,
    rate: Fraction = FILM,
    clock: Fraction | None = None,
    codec: str = "libx264",
    size: tuple[int, int] = (128, 96),
    rotation: int | None = None,
    aspect: Fraction | None = None,
    sound: str | None = None,
    sound_start: Fraction = Fraction(0),
    sound_seconds: float = 1.0,
    images: Iterable[NDArray[np.uint8]] | None = None,
    matrix: int = 1,
    full_range: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip of `picture`s at `stamps` in ticks of `clock` (default: one per frame), perhaps with a tone."""
    stamps = range(stamps) if isinstance(stamps, int) else stamps
    clock = clock or 1 / rate
    images = images or (picture(i, size) for i in range(len(stamps)))
    with av.open(path, "w") as output:
        stream: Any = output.add_stream(
            codec, rate=rate, options=({"preset": "superfast"} if codec == "libx264" else {}) | (options or {})
        )
        stream.width, stream.height = size
        stream.pix_fmt = {"png": "rgb24", "libx264": "yuv420p" if size[0] % 2 + size[1] % 2 == 0 else "yuv444p"}.get(
            codec, "yuv420p"
        )
        context = stream.codec_context
        context.time_base = clock
        context.thread_count = 1
        if codec in ("mpeg4", "mpeg2video", "libvpx-vp9"):
            context.bit_rate = 4_000_000
        context.color_primaries = context.color_trc = 1
        context.colorspace, context.color_range = matrix, 2 if full_range else 1
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        tone = add_tone(output, sound, sound_start, sound_seconds) if sound else iter(())
        for stamp, image in zip(stamps, images, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if codec != "png":
                frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=matrix, dst_color_range=2 if full_range else 1)
            frame.pts, frame.time_base = stamp, clock
            output.mux(stream.encode(frame))
            for packet in tone:
                output.mux(packet)
                break
        output.mux(stream.encode(None))
        for packet in tone:
            output.mux(packet)
    return path


def add_tone(output: Any, codec: str, start: Fraction, seconds: float) -> Iterator[Any]:
    """Packets of a rising tone that begins at `start` seconds."""
    rate = 48000
    stream = output.add_stream(codec, rate=rate, layout="stereo", options={"strict": "-2"})  # for FFmpeg's own Vorbis
    names = {"libmp3lame": "s16p", "pcm_s16le": "s16", "libopus": "s16", "flac": "s16"}
    name = names.get(codec, "fltp")

    def packets() -> Iterator[Any]:
        for begin in range(0, int(seconds * rate), 1024):
            time = (begin + np.arange(1024)) / rate
            wave = 0.5 * np.sin(2 * np.pi * (300 + 200 * time) * time)
            wave = np.stack([wave, wave])
            data: Any = wave.astype(np.float32) if name == "fltp" else (wave * 32767).astype(np.int16)
            data = data if name.endswith("p") else np.ascontiguousarray(data.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(data, format=name, layout="stereo")
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = begin + round(start * rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()


def times(path: Path, kind: str = "video") -> list[Fraction]:
    """Time stamps of a file's packets in seconds, sorted: FFmpeg's own reading, without our reader."""
    with av.open(path) as container:
        stream = (container.streams.video if kind == "video" else container.streams.audio)[0]
        return sorted((p.pts or 0) * p.time_base for p in container.demux(stream) if p.size)


def packets(path: Path, kind: str = "audio") -> list[bytes]:
    """The packets of the sound, or of the "video"."""
    with av.open(path) as container:
        return [bytes(p) for p in container.demux(getattr(container.streams, kind)[0]) if p.size]
