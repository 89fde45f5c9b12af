"""Still pictures: any common format in, upright sRGB out; and the two ways in which the project changes a picture's size."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gioconda.errors import InputError, PortraitError
from heads.base import Floats, Image

if TYPE_CHECKING:
    import PIL.Image

Array = TypeVar("Array", bound=NDArray[Any])

MAX_PIXELS = 64_000_000
"""Pixels of the largest picture that is decoded: above every phone and most cameras, 192 MB as RGB."""

MAX_SIDE = 10_000
"""Pixels of the longest side that is decoded."""

MIN_SIDE = 64
"""Pixels of the shortest side that is accepted: a face in anything smaller cannot be followed."""

BACKDROP = 224
"""Grey level, 0 … 255 sRGB, behind transparent parts: light, so that dark hair keeps its outline, yet not paper white."""

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF")
"""What Pillow may try. It is never left to guess: some of its readers (EPS, FITS, XBM …) are no business of a portrait."""

READS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"

BROKEN = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise on damaged files (Pillow's own fuzz tests list them)."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A still picture as it came from a file."""

    image: Image
    """(H, W, 3) uint8 sRGB, upright; transparent parts lie on `BACKDROP`."""
    alpha: Floats | None
    """(H, W) float32 in [0, 1], 1 where the picture is solid; None where all of it is."""
    digest: str
    """SHA-256 of the file, 64 hexadecimal digits."""


def read_image(path: str | Path) -> Picture:
    """Read a picture: JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP, or the first frame of a GIF.

    EXIF orientation is honoured; CMYK, Lab and wide-gamut pictures come through their ICC profile to sRGB; sixteen bits are
    scaled to eight. Size is judged from the header, before anything is decoded.

    Raises:
        PortraitError: the file is missing, a folder, empty, no picture, damaged, larger than `MAX_PIXELS` or `MAX_SIDE`,
            smaller than `MIN_SIDE`, or wholly transparent.
    """
    path = check_file(path, "A picture", PortraitError)
    with open_picture(path) as picture:
        try:
            picture.load()
            image, alpha = to_rgb(_upright(picture))
        except BROKEN as error:
            raise PortraitError(
                f"{path.name} starts as a {picture.format} picture of {picture.width} × {picture.height} pixels but breaks off "
                f"or is damaged inside ({reason(error)}).",
                "A complete picture is needed.",
                "Copy or download it again.",
            ) from error
    if alpha is not None and not alpha.any():
        raise PortraitError(f"{path.name} is fully transparent.", "A visible person is needed.", "Choose another picture.")
    with path.open("rb") as file:
        return Picture(image, alpha, hashlib.file_digest(file, "sha256").hexdigest())


def check_file(path: str | Path, wanted: str, error: type[InputError]) -> Path:
    """The path of a file that exists and holds something; `wanted` ("A picture") and `error` word the complaint.

    Raises:
        error: it is missing, a folder, unreadable or empty.
    """
    path = Path(path)
    needed = f"{wanted} is needed."
    try:
        if path.is_fifo():  # opening it would wait for a writer, and it cannot be read twice
            raise error(f"{path} is a pipe.", f"{needed} It is read more than once.", "Save it to a file first.")
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError as cause:
        raise error(f"There is no file {path}.", needed, "Check the name and the folder.") from cause
    except IsADirectoryError as cause:
        raise error(f"{path} is a folder.", needed, "Name one file in it.") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{path} cannot be opened ({reason(cause)}).", needed, "Check its name and permissions.") from cause
    if not first:
        raise error(f"{path.name} is empty (0 bytes).", needed, "Copy or download it again.")
    return path


def open_picture(path: Path) -> PIL.Image.Image:
    """Open a picture with Pillow, its header read and its size judged, nothing decoded.

    Raises:
        PortraitError: no picture in one of `FORMATS`, or too large or too small.
    """
    import PIL.Image

    _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            picture = PIL.Image.open(path, formats=FORMATS)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        count = re.search(r"\d+", str(error))
        raise _too_large(path, f"{int(count[0]) / 1e6:,.0f} million pixels" if count else "too many pixels") from error
    except BROKEN as error:
        raise PortraitError(
            f"{path.name} is not a picture that can be read ({path.stat().st_size:,} bytes).",
            f"A picture is needed: {READS}.",
            "Save it in one of these formats, or choose another file.",
        ) from error
    width, height = picture.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        picture.close()
        raise _too_large(path, f"{width:,} × {height:,} pixels")
    if min(width, height) < MIN_SIDE:
        picture.close()
        raise PortraitError(
            f"{path.name} is only {width} × {height} pixels.",
            f"At least {MIN_SIDE} pixels on each side are needed, and 512 make a good portrait.",
            "Choose a larger picture.",
        )
    return picture


def resize_to(image: Array, max_side: int) -> Array:
    """The image (H, W) or (H, W, C) with sides that are even and at most `max_side` pixels (at least 2).

    Larger images are averaged down (INTER_AREA), each side rounded to the nearest even number; smaller ones are never
    enlarged, only made even by `even`.
    """
    import cv2

    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return even(image)
    # Banker's rounding would sometimes take the further of two even numbers; floor(x / 2 + 1 / 2) never does.
    limit = max_side // 2 * 2
    sides = [min(limit, max(2, int(side * scale / 2 + 0.5) * 2)) for side in (width, height)]
    return cv2.resize(image, (sides[0], sides[1]), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def even(image: Array) -> Array:
    """The image (H, W) or (H, W, C) with even sides, as H.264 in 4:2:0 needs: an odd last row or column is cropped.

    Cropping one row loses less than resizing by a fraction of a pixel, which would soften the whole picture; padding would
    invent a line that flickers beside the head's moving ones.
    """
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])  # type: ignore[return-value]


@functools.cache
def _register_heif() -> None:
    """Teach Pillow HEIC; Pillow reads AVIF by itself."""
    import pillow_heif

    pillow_heif.register_heif_opener()


def _too_large(path: Path, size: str) -> PortraitError:
    return PortraitError(
        f"{path.name} has {size}.",
        f"At most {MAX_SIDE:,} pixels on a side and {MAX_PIXELS / 1e6:.0f} million in all are read.",
        "Make it smaller; 2,000 pixels on a side are plenty.",
    )


def reason(error: BaseException) -> str:
    """The last words of a library's message, fit for a parenthesis."""
    # FFmpeg's errors carry `strerror` like the system's, and their full text names the server's folders.
    text = getattr(error, "strerror", None) or str(error)
    return text.strip().rstrip(".") or type(error).__name__


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Turned as its EXIF orientation says; EXIF that cannot be read counts as none."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except BROKEN:
        return picture


def to_rgb(picture: PIL.Image.Image) -> tuple[Image, Floats | None]:
    """Any Pillow mode to (H, W, 3) uint8 sRGB and (H, W) float32 alpha or None."""
    import PIL.Image

    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = PIL.Image.fromarray(_eight_bits(np.asarray(picture)))
    alpha: Floats | None = None
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        coverage = np.asarray(rgba.getchannel("A"))
        # Palettes and keyed colours turn to RGB first; a grey picture stays grey so that a grey profile still fits it.
        picture = picture.convert("L") if picture.mode in ("L", "LA", "La") else rgba.convert("RGB")
        alpha = coverage.astype(np.float32) / np.float32(255) if coverage.min() < 255 else None
    elif picture.mode in ("1", "P", "PA", "RGBX", "YCbCr", "HSV"):
        picture = picture.convert("RGB")
    rgb = np.array(_to_srgb(picture, profile))
    if alpha is not None:
        cover = alpha[..., None]
        rgb = (rgb * cover + BACKDROP * (1 - cover) + 0.5).astype(np.uint8)
    return rgb, alpha


def _to_srgb(picture: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """Through the embedded ICC profile to sRGB; a profile that is damaged or for other colours is left out."""
    from PIL import ImageCms

    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            if space == "RGB" and picture.mode == "L":
                picture = picture.convert("RGB")
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )  # fmt: skip
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    if picture.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        transform = ImageCms.buildTransform(lab, ImageCms.createProfile("sRGB"), "LAB", "RGB")
        picture = ImageCms.applyTransform(picture, transform) or picture
    return picture.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey levels of sixteen bits, of 32 bits or of floats as (H, W) uint8, scaled and never clipped.

    Integers up to 255 and floats up to 1 are taken at their word; integers up to 65,535 and floats up to 255 too; anything
    beyond (scientific TIFF) is spread from its least to its greatest value.
    """
    low, high = values.min(), values.max()
    if values.dtype == np.uint16 or (values.dtype.kind in "iu" and low >= 0 and 255 < high <= 65_535):
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 255:
        return (values * (255 if high <= 1 else 1) + 0.5).astype(np.uint8)
    return ((values - low) * (255 / (high - low)) + 0.5).astype(np.uint8)
