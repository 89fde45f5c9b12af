"""The invisible mark stands what it has to, through real encoders, from the first and the last three seconds of a result."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import attacks
from gioconda.marks.detection import detect
from gioconda.marks.watermark import Watermark
from heads.base import Image

NUMBER = 0xBADC0DE5
RATE = Fraction(30)


def result(path: Path, side: int, seconds: float) -> list[Image]:
    """A result as the product writes it: a head that sways before a soft still ground, marked, at crf 18."""
    chance = np.random.default_rng(3)
    ground = np.full((side, side, 3), 110, np.float32)
    for cells, strength in ((3, 40), (16, 6), (100, 3)):
        noise = chance.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        ground += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    mark, images = Watermark(NUMBER, (side, side)), []
    for index in range(round(seconds * RATE)):
        image = np.clip(ground, 0, 255).astype(np.uint8)
        x = round(side * (0.5 + 0.05 * np.sin(index / 11)) * 16)
        axes = (round(side * 0.16 * 16), round(side * 0.22 * 16))
        cv2.ellipse(image, (x, side * 8), axes, 5 * np.sin(index / 17), 0, 360, (206, 160, 138), -1, cv2.LINE_AA, 4)
        mark.apply(image)
        images.append(image)
    attacks.written(images, RATE, path)
    return attacks.read(path)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Image]]:
    folder = tmp_path_factory.mktemp("results")
    return {side: result(folder / f"{side}.mp4", side, 3.5) for side in (512, 256)}


@pytest.mark.slow
@pytest.mark.parametrize("side", [512, 256])
@pytest.mark.parametrize("attack", attacks.REQUIRED)
def test_the_number_comes_back(videos: dict[int, list[Image]], side: int, attack: str) -> None:
    length = int(3 * RATE)
    for window in (slice(0, length), slice(-length, None))[: 2 if "H.264" in attack else 1]:
        found = detect(attacks.REQUIRED[attack](videos[side][window], RATE))
        assert found and found.clip_id == NUMBER
        assert found.flipped is (attack == "flipped")


def test_h264_at_its_own_default_leaves_the_number(tmp_path: Path) -> None:
    """The quick one of them: half a second of a small result."""
    images = result(tmp_path / "a.mp4", 320, 0.5)
    found = detect(attacks.encoded(images, RATE))
    assert found and found.clip_id == NUMBER
