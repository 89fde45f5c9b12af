"""The side-by-side reel: portrait, driving clip, result, with every frame and the sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from heads.base import Image

HEIGHT = 512
"""Pixels: the panels of a larger portrait are made this high."""

GAP = 8
"""Pixels between the panels."""

GROUND = 24
"""Grey level, 0 … 255, of the gaps and of the bars beside the driver's picture."""


def reel_path(output: Path) -> Path:
    """Where the reel of an output goes: OUTPUT-compare.mp4 beside it."""
    return output.with_name(f"{output.stem}-compare{output.suffix}")


class Reel:
    """Puts portrait, driver and result next to each other.

    Args:
        portrait: (H, W, 3) uint8.
        driver: the driver's frames, one per result; None leaves that panel out.
    """

    def __init__(self, portrait: Image, driver: Iterator[Image] | None) -> None:
        height, width = portrait.shape[:2]
        scale = min(1.0, HEIGHT / height)
        self._panel = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
        self._driver = driver
        panels = 2 if driver is None else 3
        self.size = (panels * self._panel[0] + (panels - 1) * GAP, self._panel[1])
        """(W, H) pixels of the reel's frames, even."""
        self._portrait = self._fitted(portrait)

    def frame(self, result: Image) -> Image:
        """The next frame of the reel (H, W, 3) uint8 for the next frame of the result."""
        panels = [self._portrait, self._fitted(result)]
        if self._driver is not None:
            panels.insert(1, self._fitted(next(self._driver)))
        gap = np.full((self._panel[1], GAP, 3), GROUND, np.uint8)
        row = [part for panel in panels for part in (panel, gap)][:-1]
        return np.concatenate(row, axis=1)

    def _fitted(self, image: Image) -> Image:
        """The picture within a panel, its shape kept, the rest of the panel dark."""
        width, height = self._panel
        scale = min(width / image.shape[1], height / image.shape[0])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        small = (
            image
            if size == image.shape[1::-1]
            else cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        )
        out = np.full((height, width, 3), GROUND, np.uint8)
        x, y = (width - size[0]) // 2, (height - size[1]) // 2
        out[y : y + size[1], x : x + size[0]] = small
        return out
