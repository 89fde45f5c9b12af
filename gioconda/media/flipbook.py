"""Pictures as a clip: animated GIF, WebP, PNG and AVIF, and a single picture as a clip of one frame.

Pillow composes them; FFmpeg's readers leave transparent parts black and read no animated WebP.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from gioconda.errors import DrivingError, PortraitError
from gioconda.media.stills import BROKEN, open_picture, read_image, reason, to_rgb
from gioconda.media.upright import fitted
from heads.base import Image

if TYPE_CHECKING:
    import PIL.Image

MILLISECOND = Fraction(1, 1000)
"""Seconds per tick: the unit of WebP's and Pillow's durations; GIF's is ten of it."""

SHORTEST = 11
"""Milliseconds; browsers show frames that ask for less as long as `INSTEAD` (WebKit's and Gecko's rule for GIF)."""

INSTEAD = 100
"""Milliseconds that a frame without a sensible duration is shown."""

STILL_RATE = Fraction(25)
"""Frames per second of a clip of one picture, which has none of its own."""

MOVING = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats whose further frames are an animation; a second picture in JPEG (MPO), TIFF or HEIC is something else."""

MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
"""First bytes of JPEG, PNG, GIF, BMP and TIFF."""

HEIF_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of the ISO base media files that hold pictures (ISO/IEC 23008-12, AVIF 1.1)."""


def is_picture(path: Path) -> bool:
    """Whether the first bytes are those of a picture format."""
    with path.open("rb") as file:
        head = file.read(12)
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(MAGIC) or webp or (head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS)


class Flipbook:
    """The frames of a picture file, with their times."""

    def __init__(self, path: Path, max_side: int | None) -> None:
        """Read the header and the durations.

        Raises:
            DrivingError: the picture cannot be read or is too large or too small.
        """
        self.path = path
        self.skipped = 0
        self.tail: Fraction | None = None
        self.has_audio = False
        self.clock = MILLISECOND
        try:
            with open_picture(path) as picture:
                frames = int(getattr(picture, "n_frames", 1)) if picture.format in MOVING else 1
                lengths = _durations(path, picture, frames)
            if len(lengths) == 1:
                self.still = True
                self.rate = STILL_RATE
                self.starts = [0, int(1 / STILL_RATE / MILLISECOND)]
                height, width = read_image(path).image.shape[:2]
            else:
                self.still = False
                self.starts = [0, *accumulate(lengths)]
                self.rate = Fraction(len(lengths) * 1000, self.starts[-1])
                width, height = picture.size
        except PortraitError as error:
            raise DrivingError(error.found, error.needed, error.do) from error
        except BROKEN as error:
            raise _damaged(path, 0, error) from error
        self.size = fitted(width, height, max_side)
        self.seconds = float(self.starts[-1] * MILLISECOND)
        self.count = len(self.starts) - 1

    def frames(self, start: Fraction, end: Fraction | None) -> Generator[tuple[int, Image]]:
        """Ticks from the first frame of the file and (H, W, 3) uint8 RGB, of the frames that begin in [start, end).

        Raises:
            DrivingError: a frame is damaged.
        """
        if self.still:
            if start <= 0 and (end is None or end > 0):
                yield 0, self._sized(read_image(self.path).image)
            return
        with open_picture(self.path) as picture:
            for index, ticks in enumerate(self.starts[:-1]):
                if end is not None and ticks * MILLISECOND >= end:
                    return
                self.tail = (self.starts[index + 1] - ticks) * MILLISECOND
                try:
                    picture.seek(index)
                    picture.load()
                    image, _ = to_rgb(picture.copy())
                except BROKEN as error:
                    raise _damaged(self.path, index, error) from error
                if ticks * MILLISECOND >= start:
                    yield ticks, self._sized(image)

    def _sized(self, image: Image) -> Image:
        import cv2

        if image.shape[1::-1] == self.size:
            return image
        return cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _damaged(path: Path, index: int, error: BaseException) -> DrivingError:
    return DrivingError(
        f"{path.name} is damaged from frame {index + 1} on ({reason(error)}).",
        "A complete file is needed.",
        "Copy or download it again.",
    )


def _durations(path: Path, picture: PIL.Image.Image, frames: int) -> list[int]:
    """Milliseconds that each frame is shown."""
    if picture.format == "WEBP" and frames > 1:
        found = _webp_durations(path)
    else:
        found = []
        for index in range(frames):
            picture.seek(index)
            if picture.format == "AVIF":
                picture.load()
            found.append(round(float(picture.info.get("duration", 0) or 0)))
    return [length if length >= SHORTEST else INSTEAD for length in found]


def _webp_durations(path: Path) -> list[int]:
    """From the ANMF chunks (RFC 9649, section 2.7.1.2), because Pillow would have to decode every frame to tell."""
    found = []
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"ANMF":
                body = file.read(16)
                found.append(int.from_bytes(body[12:15], "little"))
                file.seek(size - 16 + size % 2, 1)
            else:
                file.seek(size + size % 2, 1)
    return found
