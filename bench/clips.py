"""Driving clips cut to what is compared: the middle square at 512 × 512, the first frames, and the faces in every so-manyth."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from bench import road, store
from gioconda.media import VideoReader, VideoWriter, read_image
from heads.base import Face, Image

SIDE = 512
"""Pixels of the frames that are compared."""
FRAMES, EVERY = 240, 4
"""Frames of each clip that drive, and one in so many that is compared; the first, which is the portrait, is not."""

CLIPS = (".mp4", ".mov", ".mkv", ".webm", ".avi")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")

CRF = 6
"""x264 constant rate factor of the driving clips that are cut here: hardly any loss."""


@dataclass(slots=True, eq=False)
class Take:
    """A clip, ready to drive its own first frame."""

    name: str
    driving: Path
    """MP4, SIDE × SIDE."""
    portrait: Path
    """PNG of the first frame."""
    frames: list[Image]
    """(SIDE, SIDE, 3) uint8, before `driving` was encoded."""
    faces: dict[int, Face]
    """Number of each compared frame in which a face is seen, to that face."""
    rate: Fraction
    key: str
    """Tells the frames."""

    @property
    def last(self) -> int:
        """Number of the last compared frame."""
        return max(self.faces)


def square(image: Image) -> Image:
    """The middle square of a frame at SIDE × SIDE."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(middle, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def listed(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a folder with these endings, d2 before d10."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in endings)
    return sorted(files, key=lambda path: (len(path.stem), path.stem))


def take(clip: Path, folder: Path, count: int = FRAMES, every: int = EVERY) -> Take:
    """Cut a clip; its driving MP4 and portrait lie below `out/`, so that a second run finds them."""
    with VideoReader(clip) as reader:
        rate, clock = reader.rate, reader.clock
        frames = [(frame.ticks, square(frame.image)) for frame, _ in zip(reader, range(count), strict=False)]
    return of_frames(clip.stem, frames, (rate, clock), folder, every, store.digest(store.of_file(clip), count, "area"))


def of_frames(
    name: str, frames: list[tuple[int, Image]], timing: tuple[Fraction, Fraction], folder: Path, every: int, key: str
) -> Take:
    """A take of frames with their ticks; timing is rate and clock."""
    folder.mkdir(parents=True, exist_ok=True)
    rate, clock = timing
    driving, portrait = folder / f"{name}-{key}.mp4", folder / f"{name}-{key}.png"
    if not driving.is_file():
        save(portrait, frames[0][1])
        with VideoWriter(driving, size=(SIDE, SIDE), rate=rate, clock=clock, crf=CRF) as writer:
            for ticks, image in frames:
                writer.write(image, ticks)
    images = [image for _, image in frames]
    chosen = list(range(every, len(images), every))
    faces = road.found([images[i] for i in chosen], f"{key} {every}")
    seen = {i: face for i, face in zip(chosen, faces, strict=True) if face is not None}
    return Take(name, driving, portrait, images, seen, rate, key)


def save(path: Path, image: Image) -> None:
    """Write a picture (H, W, 3) uint8 RGB as PNG."""
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def read(path: Path) -> Image:
    """A picture (H, W, 3) uint8 RGB."""
    return read_image(path).image


def even(image: Image) -> Image:
    """The picture without the row and column that would make its sides odd."""
    height, width = (side // 2 * 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[:height, :width])
