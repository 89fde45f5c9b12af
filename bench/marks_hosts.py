"""Unmarked results for bench/marks.py: the bundled portraits by the product, of many sizes, and hard scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from gioconda import Job, animate
from gioconda.media import VideoReader
from heads.base import Image

ROOT = Path(__file__).resolve().parent.parent
PORTRAITS, MOTIONS = ROOT / "examples" / "portraits", ROOT / "examples" / "motions"

MADE: dict[str, dict[str, Any]] = {
    "ada": {"gesture": "smile"},
    "astronaut": {"motion": "speak"},
    "drawing": {"motion": "speak", "max_side": 640},
    "kofi": {"motion": "glance", "max_side": 512},
    "marble": {"motion": "speak", "max_side": 1280},
    "bram": {"gesture": "smile", "crop": (1, 1), "max_side": 256},
    "ines": {"motion": "speak", "crop": (9, 16), "max_side": 640},
    "mei": {"motion": "speak", "crop": (4, 3), "max_side": 640},
}
"""Results by portrait: how they move, their shape (W, H) and their size."""


@dataclass(frozen=True)
class Host:
    """A clip without a mark."""

    name: str
    size: tuple[int, int]
    rate: Fraction
    frames: Callable[[], Iterator[Image]]


def wall(size: tuple[int, int], colour: tuple[int, int, int]) -> Image:
    """An even picture (H, W, 3)."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def hosts(folder: Path, others: Path | None) -> list[Host]:
    """All of them; what is missing in the folder is made, some ten seconds each."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [_clip(_made(name, dict(how), folder)) for name, how in MADE.items()]
    by_name = {host.name: host for host in found}
    found += [
        _changed(by_name["kofi"], "dark", _dark),
        _changed(by_name["mei"], "cartoon", _cartoon),
        _changed(by_name["ada"], "wide", _wide),
        Host("flat", (512, 512), Fraction(30), lambda: _flat((512, 512))),
        Host("flat-small", (256, 256), Fraction(25), lambda: _flat((256, 256))),
    ]
    if others:
        found += [_clip(path) for path in sorted(others.glob("*.mp4"))]
    return found


def _made(name: str, how: dict[str, Any], folder: Path) -> Path:
    """The path of a result, made when it is not there."""
    path = folder / f"{name}.mp4"
    if path.exists():
        return path
    print(f"making {path.name}", flush=True)
    portrait = PORTRAITS / f"{name}.jpg"
    if shape := how.pop("crop", None):
        picture = Pillow.open(portrait)
        unit = min(picture.width / shape[0], picture.height / shape[1])
        width, height = round(shape[0] * unit), round(shape[1] * unit)
        left = (picture.width - width) // 2
        portrait = folder / f"{name}.png"
        picture.crop((left, 0, left + width, height)).save(portrait)
    if motion := how.pop("motion", None):
        how["motion"] = MOTIONS / f"{motion}.safetensors"
    unmarked: dict[str, Any] = {"watermark": False} if "watermark" in {field.name for field in fields(Job)} else {}
    job = Job(portraits=[portrait], output=path, label=False, audio=False, crf=3, head="warp", **unmarked, **how)
    for _ in animate(job):
        pass
    return path


def _clip(path: Path) -> Host:
    reader = VideoReader(path)
    return Host(path.stem, reader.size, reader.rate, lambda: (frame.image for frame in VideoReader(path)))


def _changed(host: Host, name: str, change: Callable[[Image], Image]) -> Host:
    first = change(next(iter(host.frames())))
    return Host(name, (first.shape[1], first.shape[0]), host.rate, lambda: (change(image) for image in host.frames()))


def _dark(image: Image) -> Image:
    """A night scene: a quarter of the light, with the sensor's grain gone."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=0.22, beta=2), np.uint8)


def _cartoon(image: Image) -> Image:
    """Flat colours within hard edges."""
    smooth = cv2.medianBlur(image, 9)
    return np.asarray((smooth // 40) * 40 + 20, np.uint8)


def _wide(image: Image) -> Image:
    """1280 × 720, enlarged, so without fine texture."""
    height = image.shape[1] * 9 // 16
    return np.asarray(cv2.resize(image[100 : 100 + height], (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8)


def _flat(size: tuple[int, int]) -> Iterator[Image]:
    """A smooth head that sways before an even wall, without any noise or texture."""
    width, height = size
    for index in range(120):
        image = wall(size, (172, 178, 190))
        x = round(width * (0.5 + 0.04 * np.sin(index / 9)) * 16)
        axes = (round(width * 0.17 * 16), round(height * 0.24 * 16))
        cv2.ellipse(image, (x, height * 8), axes, 0, 0, 360, (214, 170, 148), -1, cv2.LINE_AA, 4)
        yield image
