"""What happens to a video on its way through the world, with real encoders: for bench/marks.py and the tests of the mark."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import cv2
import numpy as np

from gioconda.media import VideoReader, VideoWriter, preview
from heads.base import Image

Frames = Iterable[Image]

REUPLOAD = 23
"""crf of the second encoding after a picture was changed: x264's own default."""


def encoded(
    frames: Frames, rate: Fraction, codec: str = "libx264", crf: int = REUPLOAD, preset: str = "medium"
) -> Iterator[Image]:
    """Frames as they come back from an encoder; sides are cut to even ones, as 4:2:0 needs."""
    file, source = io.BytesIO(), iter(frames)
    first = next(source)
    height, width = (side & ~1 for side in first.shape[:2])
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=rate, options=_options(codec, crf, preset))
        if not isinstance(stream, av.VideoStream):
            raise TypeError(f"{codec} makes no video")
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in chain([first], source):
            picture = np.ascontiguousarray(image[:height, :width])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as back:
        for frame in back.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _options(codec: str, crf: int, preset: str) -> dict[str, str]:
    if codec == "libx265":
        return {"crf": str(crf), "preset": preset, "x265-params": "log-level=none"}
    return {"crf": str(crf), "preset": preset}


def resized(frames: Frames, factor: float) -> Iterator[Image]:
    """Smaller by area means, larger by cubic interpolation."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    for image in frames:
        size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
        yield np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def to_side(frames: Frames, short: int) -> Iterator[Image]:
    """Frames of another shorter side."""
    for image in frames:
        yield from resized([image], short / min(image.shape[:2]))


def cropped(frames: Frames, share: float, aside: tuple[float, float] = (0.3, 0.6)) -> Iterator[Image]:
    """A share of both sides cut away, more of it on one side than on the other."""
    for image in frames:
        height, width = image.shape[:2]
        h, w = round(height * (1 - share)), round(width * (1 - share))
        top, left = round((height - h) * aside[0]), round((width - w) * aside[1])
        yield np.ascontiguousarray(image[top : top + h, left : left + w])


def slower(frames: Frames, rate: Fraction, wanted: Fraction = Fraction(25)) -> Iterator[Image]:
    """Frames dropped to reach a lower rate."""
    slot = -1
    for index, image in enumerate(frames):
        if (now := int(index * wanted / rate)) > slot:
            slot = now
            yield image


def curved(frames: Frames, gamma: float) -> Iterator[Image]:
    """All levels through a gamma curve."""
    curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    for image in frames:
        yield np.asarray(cv2.LUT(image, curve), np.uint8)


def flipped(frames: Frames) -> Iterator[Image]:
    """Mirrored left to right."""
    for image in frames:
        yield np.ascontiguousarray(image[:, ::-1])


def jpegs(frames: Frames, count: int, quality: int = 75) -> Iterator[Image]:
    """Stills, evenly spread, saved as JPEG."""
    images = list(frames)
    for index in np.linspace(0, len(images) - 1, count).round().astype(int):
        data = cv2.imencode(".jpg", images[index][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def gif(frames: Frames, rate: Fraction, side: int | None = None, wanted: int = 25) -> Iterator[Image]:
    """Through the product's own GIF writer, which chooses 256 colours for a clip and dithers."""
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder) / "a.mp4", Path(folder) / "a.gif"
        size = written(frames, rate, path, crf=1)
        preview(path, target, max_side=side or max(size), rate=Fraction(wanted))
        for frame in VideoReader(target):
            yield frame.image


def written(frames: Frames, rate: Fraction, path: Path, crf: int = 18) -> tuple[int, int]:
    """Frames as a result of the product: its own writer's MP4. Returns (W, H)."""
    source = iter(frames)
    first = next(source)
    size = (first.shape[1], first.shape[0])
    with VideoWriter(path, size=size, rate=rate, clock=1 / rate, crf=crf) as writer:
        writer.write(first, 0)
        for ticks, image in enumerate(source, 1):
            writer.write(image, ticks)
    return size


def read(path: Path, start: int = 0, count: int | None = None) -> list[Image]:
    """Frames of a video."""
    return [frame.image for frame in islice(VideoReader(path), start, None if count is None else start + count)]


Attack = Callable[[list[Image], Fraction], Frames]

REQUIRED: dict[str, Attack] = {
    "the result itself (H.264 crf 18)": lambda f, _: f,
    "H.264 again, crf 18": lambda f, r: encoded(f, r, crf=18),
    "H.264 crf 23": encoded,
    "H.264 crf 28": lambda f, r: encoded(f, r, crf=28),
    "H.265 crf 28": lambda f, r: encoded(f, r, "libx265", 28),
    "half size": lambda f, r: encoded(resized(f, 0.5), r),
    "upscaled to 720p": lambda f, r: encoded(to_side(f, 720), r, preset="veryfast"),
    "upscaled to 1080p": lambda f, r: encoded(to_side(f, 1080), r, preset="veryfast"),
    "10 % cropped": lambda f, r: encoded(cropped(f, 0.1), r),
    "10 % cropped and half size": lambda f, r: encoded(resized(cropped(f, 0.1), 0.5), r),
    "frame rate to 25": lambda f, r: encoded(slower(f, r), Fraction(25)),
    "GIF": gif,
    "gamma 0.8": lambda f, r: encoded(curved(f, 0.8), r),
    "gamma 1.2": lambda f, r: encoded(curved(f, 1.2), r),
    "flipped": lambda f, r: encoded(flipped(f), r),
    "ten JPEG-75 screenshots": lambda f, _: jpegs(f, 10),
}
"""What the mark has to stand; every change of the picture is encoded again at crf 23, as an upload would."""

BEYOND: dict[str, Attack] = {
    "one JPEG-75 still": lambda f, _: jpegs(f[:1], 1),
    "one second at H.264 crf 28": lambda f, r: encoded(f[: int(r)], r, crf=28),
    "20 % cropped (each side)": lambda f, r: encoded(cropped(f, 0.2), r),
    "480 pixels on the short side, H.264 crf 32": lambda f, r: encoded(to_side(f, 480), r, crf=32),
    "the product's own GIF preview (320 pixels, 12 frames/s)": lambda f, r: gif(f, r, 320, 12),
    "median filter of 3 pixels": lambda f, r: encoded((np.asarray(cv2.medianBlur(i, 3), np.uint8) for i in f), r),
    "a third of the size": lambda f, r: encoded(resized(f, 1 / 3), r),
}
"""What is measured beyond that, to say where it ends."""
