"""Pictures in every format that a portrait may come in, and in every way in which one can be wrong."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PIL
from PIL import ImageCms

from gioconda.errors import PortraitError
from gioconda.media import MAX_PIXELS, MAX_SIDE, MIN_SIDE, even, read_image, resize_to

CORNER = (230, 40, 30)


def scene(width: int = 120, height: int = 90) -> np.ndarray:
    """A smooth picture whose top left corner is red."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([60 + x, 90 + y, 120 + 0 * x], -1).astype(np.uint8)
    image[:20, :30] = CORNER
    return image


@pytest.mark.parametrize(
    ("suffix", "tolerance", "options"),
    [
        ("png", 0, {}),
        ("bmp", 0, {}),
        ("tiff", 0, {}),
        ("jpg", 6, {"quality": 95, "subsampling": 0}),
        ("webp", 0, {"lossless": True}),
        ("avif", 8, {"quality": 95, "subsampling": "4:4:4"}),
        ("heic", 10, {"quality": 95, "chroma": 444}),
        ("gif", 40, {}),
    ],
)
def test_formats(tmp_path: Path, suffix: str, tolerance: int, options: dict[str, Any]) -> None:
    path = tmp_path / f"portrait.{suffix}"
    picture = PIL.fromarray(scene())
    if suffix == "heic":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(path, **options)
    else:
        picture.save(path, **options)
    found = read_image(path)
    assert found.image.shape == (90, 120, 3)
    assert found.image.dtype == np.uint8
    assert found.alpha is None
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.abs(found.image[4:16, 4:26].astype(int) - CORNER).mean() <= tolerance + 1
    assert np.abs(found.image[30:].astype(int) - scene()[30:]).mean() <= max(1, tolerance)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "top left"), (2, "top right"), (3, "bottom right"), (4, "bottom left"), (5, "top left"), (6, "top right"),
     (7, "bottom right"), (8, "bottom left")],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["jpg", "tiff", "webp", "png"])
def test_exif_orientation(tmp_path: Path, orientation: int, corner: str, suffix: str) -> None:
    exif = PIL.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"phone.{suffix}"
    options: dict[str, Any] = {"quality": 95} if suffix in ("jpg", "webp") else {}
    PIL.fromarray(scene()).save(path, exif=exif, **options)
    image = read_image(path).image
    assert image.shape == ((90, 120, 3) if orientation < 5 else (120, 90, 3))
    rows = slice(4, 14) if "top" in corner else slice(-14, -4)
    columns = slice(4, 14) if "left" in corner else slice(-14, -4)
    assert np.abs(image[rows, columns].astype(int) - CORNER).mean() < 12


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(80, 0)
    expected = np.arange(256)
    for name in ("grey.png", "grey.tiff"):
        PIL.fromarray(ramp).save(tmp_path / name)
    for name in ("colour.png", "colour.tiff"):
        cv2.imwrite(str(tmp_path / name), np.dstack([ramp] * 3))
    for name in ("grey.png", "grey.tiff", "colour.png", "colour.tiff"):
        image = read_image(tmp_path / name).image
        assert np.abs(image[40].astype(int) - expected[:, None]).max() <= 1, name


def test_floats_and_wide_integers_are_scaled(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(80, 0)
    cases: dict[str, np.ndarray] = {
        "unit": ramp,
        "bytes": ramp * 255,
        "wide": (ramp * 1_000_000).astype(np.int32),
        "short": (ramp * 65535).astype(np.int32),
    }
    for name, values in cases.items():
        path = tmp_path / f"{name}.tiff"
        PIL.fromarray(values).save(path)
        assert np.abs(read_image(path).image[40, :, 0].astype(int) - np.arange(256)).max() <= 1, name


def test_grey_and_palette(tmp_path: Path) -> None:
    grey = PIL.fromarray(scene()).convert("L")
    grey.save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png").image, np.dstack([np.asarray(grey)] * 3))
    PIL.fromarray(scene()).quantize(256).save(tmp_path / "palette.png")
    assert np.abs(read_image(tmp_path / "palette.png").image.astype(int) - scene()).mean() < 6
    grey.convert("1").save(tmp_path / "fax.tiff")
    assert set(np.unique(read_image(tmp_path / "fax.tiff").image)) == {0, 255}


def test_alpha_is_kept_and_lies_on_light_grey(tmp_path: Path) -> None:
    alpha = np.zeros((90, 120), np.uint8)
    alpha[:, 40:80], alpha[:, 80:] = 128, 255
    PIL.fromarray(np.dstack([scene(), alpha])).save(tmp_path / "cut.png")
    found = read_image(tmp_path / "cut.png")
    assert found.alpha is not None
    assert found.alpha.dtype == np.float32
    np.testing.assert_allclose(found.alpha, alpha / np.float32(255))
    assert np.all(found.image[:, :40] == 224)
    assert np.array_equal(found.image[:, 80:], scene()[:, 80:])
    half = scene()[:, 40:80] * (128 / 255) + 224 * (127 / 255)
    assert np.abs(found.image[:, 40:80] - half).max() <= 1


def test_solid_alpha_is_none_and_no_picture_at_all_is_refused(tmp_path: Path) -> None:
    PIL.fromarray(np.dstack([scene(), np.full((90, 120), 255, np.uint8)])).save(tmp_path / "solid.png")
    assert read_image(tmp_path / "solid.png").alpha is None
    PIL.fromarray(np.dstack([scene(), np.zeros((90, 120), np.uint8)])).save(tmp_path / "clear.png")
    with pytest.raises(PortraitError, match="transparent"):
        read_image(tmp_path / "clear.png")


def test_transparent_palette(tmp_path: Path) -> None:
    picture = PIL.fromarray(scene()).quantize(16)
    index = picture.getpixel((5, 5))
    picture.save(tmp_path / "keyed.png", transparency=index)
    found = read_image(tmp_path / "keyed.png")
    assert found.alpha is not None
    assert found.alpha[5, 5] == 0
    assert found.alpha[60, 60] == 1
    assert tuple(found.image[5, 5]) == (224, 224, 224)


def display_p3() -> bytes:
    """An ICC profile with the primaries of Display P3 and the sRGB curve, made from Pillow's own sRGB profile."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    columns = {b"rXYZ": (0.51512, 0.2412, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.1571, 0.06657, 0.78407)}
    count = struct.unpack(">I", data[128:132])[0]
    for index in range(count):
        name, offset, _ = struct.unpack(">4sII", data[132 + 12 * index : 144 + 12 * index])
        if name in columns:
            data[offset + 8 : offset + 20] = struct.pack(">3i", *(round(v * 65536) for v in columns[name]))
    return bytes(data)


def test_wide_gamut_comes_to_srgb(tmp_path: Path) -> None:
    flat = np.full((80, 80, 3), (180, 120, 90), np.uint8)
    PIL.fromarray(flat).save(tmp_path / "p3.png", icc_profile=display_p3())
    # (180, 120, 90) of Display P3, by the matrices of SMPTE EG 432-1 and IEC 61966-2-1, is (190, 118, 84) of sRGB.
    linear = np.where(flat[0, 0] / 255 > 0.04045, ((flat[0, 0] / 255 + 0.055) / 1.055) ** 2.4, 0)
    matrix = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
    expected = (1.055 * (matrix @ linear) ** (1 / 2.4) - 0.055) * 255
    found = read_image(tmp_path / "p3.png").image[40, 40]
    assert np.abs(found - expected).max() < 3
    assert abs(int(found[0]) - 180) > 5


def test_cmyk_and_damaged_profiles(tmp_path: Path) -> None:
    cmyk = np.zeros((80, 80, 4), np.uint8)
    cmyk[..., 1], cmyk[..., 2] = 255, 255
    for suffix in ("jpg", "tiff"):
        PIL.frombytes("CMYK", (80, 80), cmyk.tobytes()).save(tmp_path / f"print.{suffix}")
        red, green, blue = read_image(tmp_path / f"print.{suffix}").image[40, 40]
        assert red > 180
        assert max(green, blue) < 80
    PIL.fromarray(scene()).save(tmp_path / "bad.png", icc_profile=b"this is no profile" * 20)
    assert np.array_equal(read_image(tmp_path / "bad.png").image, scene())


def printers_profile(ink: tuple[int, int, int, int], lab: tuple[int, int, int]) -> bytes:
    """A CMYK profile of a strange printer: white everywhere but where `ink` (0 or 1 each) prints the colour CIE `lab`.

    ICC.1:2001-04: a header, one A2B0 tag of type lut8 with two steps per ink and Lab in eight bits.
    """
    cube = [bytes((255, 128, 128))] * 16
    cube[int("".join(map(str, ink)), 2)] = bytes((round(lab[0] * 2.55), lab[1] + 128, lab[2] + 128))
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + b"".join(cube) + ramp * 3
    white = struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut
    head = struct.pack(">I4sI4s4s4s12s4s", 128 + len(tags), b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    return (head + bytes(68 - len(head)) + white).ljust(128, b"\0") + tags


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_goes_through_its_profile(tmp_path: Path, suffix: str) -> None:
    ink = np.zeros((80, 80, 4), np.uint8)
    ink[..., 1:3] = 255
    options: dict[str, Any] = {"quality": 95} if suffix == "jpg" else {}
    picture = PIL.frombytes("CMYK", (80, 80), ink.tobytes())
    picture.save(tmp_path / f"print.{suffix}", icc_profile=printers_profile((0, 1, 1, 0), (54, 0, 0)), **options)
    found = read_image(tmp_path / f"print.{suffix}").image[40, 40].astype(int)
    # L* = 54 is sRGB grey 129 (IEC 61966-2-1); without the profile it would be red.
    assert np.abs(found - 129).max() <= 3


def test_a_profile_for_other_colours_is_left_out(tmp_path: Path) -> None:
    grey = PIL.fromarray(scene()).convert("L")
    grey.save(tmp_path / "grey.jpg", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), quality=95)
    assert np.abs(read_image(tmp_path / "grey.jpg").image[..., 0].astype(int) - np.asarray(grey)).mean() < 3


def refused(path: Path) -> str:
    with pytest.raises(PortraitError) as caught:
        read_image(path)
    error = caught.value
    for sentence in (error.found, error.needed, error.do):
        assert sentence[0].isupper() or sentence.startswith((path.name, str(path)))
        assert sentence.endswith(".")
    return str(error)


def test_what_is_no_picture(tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "absent.jpg")
    assert "folder" in refused(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "0 bytes" in refused(tmp_path / "empty.jpg")
    (tmp_path / "letter.jpg").write_text("Dear Lisa, " * 100)
    assert "not a picture" in refused(tmp_path / "letter.jpg")
    # PostScript is a picture to Pillow, and a program to Ghostscript.
    (tmp_path / "letter.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n")
    assert "not a picture" in refused(tmp_path / "letter.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "gif", "bmp", "avif"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    whole = io.BytesIO()
    PIL.fromarray(noise).save(whole, {"jpg": "jpeg"}.get(suffix, suffix))
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    assert path.name in refused(path)


def png_header(path: Path, width: int, height: int) -> Path:
    """A PNG that says how large it is and holds next to nothing: a decompression bomb's first bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    return path


def test_size_is_judged_before_decoding(tmp_path: Path) -> None:
    assert "12,000 × 200" in refused(png_header(tmp_path / "wide.png", 12_000, 200))
    assert "9,000 × 8,000" in refused(png_header(tmp_path / "large.png", 9_000, 8_000))
    assert "100 million" in refused(png_header(tmp_path / "larger.png", 10_000, 10_000))
    assert "3,600 million" in refused(png_header(tmp_path / "bomb.png", 60_000, 60_000))
    assert MAX_SIDE * MAX_SIDE > MAX_PIXELS


def test_too_small(tmp_path: Path) -> None:
    PIL.fromarray(scene(MIN_SIDE - 1, 90)).save(tmp_path / "small.png")
    assert f"{MIN_SIDE - 1} × 90" in refused(tmp_path / "small.png")
    PIL.fromarray(scene(MIN_SIDE, MIN_SIDE)).save(tmp_path / "enough.png")
    assert read_image(tmp_path / "enough.png").image.shape == (MIN_SIDE, MIN_SIDE, 3)


@pytest.mark.parametrize("size", [(4000, 3000), (641, 1280), (1281, 3), (3, 5000), (1280, 1280), (2559, 2561)])
@pytest.mark.parametrize("limit", [1280, 512, 333])
def test_resize_to(size: tuple[int, int], limit: int) -> None:
    width, height = size
    image = resize_to(np.zeros((height, width, 3), np.uint8), limit)
    assert image.shape[0] % 2 == image.shape[1] % 2 == 0
    assert max(image.shape) <= limit
    scale = min(1, limit / max(size))
    assert abs(image.shape[1] - width * scale) < 1.01 or image.shape[1] == 2
    assert abs(image.shape[0] - height * scale) < 1.01 or image.shape[0] == 2


def test_resize_averages_and_even_crops() -> None:
    board = np.indices((400, 400)).sum(0) % 2 * 255
    small = resize_to(np.dstack([board] * 3).astype(np.uint8), 100)
    assert np.all(np.abs(small.astype(int) - 128) <= 1)
    odd = scene(121, 91)
    assert np.array_equal(even(odd), odd[:90, :120])
    assert resize_to(odd[..., 0], 1000).shape == (90, 120)
    assert even(odd).flags["C_CONTIGUOUS"]
