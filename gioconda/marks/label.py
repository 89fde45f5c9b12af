"""The visible label: small, readable, in a corner for the whole clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont

from heads.base import Image

TEXT = "AI-animated portrait"
"""What the label says, and what the file's tags say."""

HEIGHT = 0.026
"""Height of the letters as a share of the frame's shorter side: readable at half size, in nobody's way."""

SMALLEST = 9
"""Pixels below which letters can no longer be read."""

MARGIN = 0.022
"""Distance from the frame's edges as a share of the shorter side."""

STRENGTH = 0.82
"""Opacity of the letters."""

SHADOW = 0.55
"""Opacity of the soft shadow around them, which keeps them readable on any ground."""


class Label:
    """Draws the label into the lower left corner of frames of one size.

    Args:
        ground: (H, W, 3) uint8, a frame of the size to come; its corner decides whether the letters are light or dark.
    """

    def __init__(self, ground: Image) -> None:
        height, width = ground.shape[:2]
        short = min(height, width)
        letters = _fitting(max(SMALLEST, round(HEIGHT * short)), width)
        left, top, right, bottom = (round(v) for v in letters.getbbox(TEXT))
        pad = max(2, (bottom - top) // 2)
        margin = round(MARGIN * short)
        w, h = min(width, right - left + 2 * pad), min(height, bottom - top + 2 * pad)
        x, y = max(0, min(margin - pad // 2, width - w)), max(0, height - h - margin + pad // 2)
        self._window = np.s_[y : y + h, x : x + w]
        mask = Pillow.new("L", (w, h), 0)
        ImageDraw.Draw(mask).text((pad - left, pad - top), TEXT, fill=255, font=letters)
        soft = mask.filter(ImageFilter.GaussianBlur(pad / 2.5))
        glyphs = np.asarray(mask, np.float32)[..., None] / 255 * STRENGTH
        halo = np.clip(np.asarray(soft, np.float32)[..., None] / 255 * 2, 0, 1) * SHADOW
        # Rec. 709 luma of the corner: light letters on dark ground and the other way about.
        dark = float((ground[self._window].reshape(-1, 3) @ np.array([0.2126, 0.7152, 0.0722])).mean()) < 140
        ink, shade = (255.0, 0.0) if dark else (16.0, 255.0)
        # frame * keep + add, both worked out once.
        self._keep: NDArray[np.float32] = ((1 - halo) * (1 - glyphs)).astype(np.float32)
        self._add: NDArray[np.float32] = (halo * shade * (1 - glyphs) + glyphs * ink).astype(np.float32)

    def draw(self, frame: Image) -> None:
        """Draw the label into a frame (H, W, 3) uint8, in place."""
        corner = frame[self._window]
        corner[:] = np.rint(corner * self._keep + self._add).astype(np.uint8)


def _fitting(height: int, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font whose text takes at most 90 % of the width; Pillow carries it (Aileron, CC0)."""
    letters = ImageFont.load_default(height)
    wide = letters.getlength(TEXT)
    return letters if wide <= 0.9 * width else ImageFont.load_default(max(4.0, height * 0.9 * width / wide))
