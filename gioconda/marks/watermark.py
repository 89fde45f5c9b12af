"""The invisible mark: a keyed noise tile on the luma of every frame, stronger where the picture hides it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gioconda.marks.pattern import ALGORITHM, DEFAULT_KEY, SIDE, known_keys, operator_key, tile
from heads.base import Floats, Image

__all__ = ["ALGORITHM", "DEFAULT_KEY", "Watermark", "known_keys", "operator_key", "repeats"]

SMALL = 384
"""Pixels of the shorter side up to which a frame holds 2 tiles along it, and 4 above: so a sample of the tile spans about a
pixel, and half of one after the frame was halved."""

FLAT = 0.6
"""Levels (rms) of the mark on flat ground; a deviation of one level begins to show as speckle at 200 %."""

MASKING = 0.4
"""Further levels per level of the picture's own local deviation, which hides them."""

MOST = 2.0
"""Levels (rms) at most: keeps the structural similarity of busy pictures above .985."""

WHOLE = 1.42
"""Levels (rms) over a whole frame at most: 44.5 dB with the rounding to whole levels."""

FEWER = 1.5
"""Times as much at most where texture hides it in frames of fewer pixels than SMALL: there is less to find it from."""

LOOK = 256
"""Pixels of the shorter side, at most, at which the picture's deviation is measured."""

NEAR = 5
"""Pixels there of the window of the deviation."""

LAG = 8.0
"""Frames over which the strength follows the picture, so that it never flickers."""


def repeats(short: int) -> int:
    """Tiles along the shorter side of a frame."""
    return 2 if short <= SMALL else 4


class Watermark:
    """Marks the frames of one stream, in their order. Not to be shared between streams: the strength follows the picture.

    Args:
        clip_id: what the mark says, 0 … 2³² − 1.
        size: (W, H) pixels of the frames. Below some 128 on the shorter side nothing can be found again.
        key: who can find it; whoever has the key can also remove it.

    Raises:
        ValueError: an impossible number or size.
    """

    def __init__(self, clip_id: int, size: tuple[int, int], key: bytes = DEFAULT_KEY) -> None:
        if min(size) < 1:
            raise ValueError(f"a frame of {size[0]} × {size[1]} pixels holds no mark")
        self.clip_id, self.size = clip_id, size
        self._field = _field(tile(clip_id, key), size)
        self._small = _look(size)
        self._strength: Floats | None = None
        width, height = size
        # Kept from frame to frame: fresh memory would cost more than the arithmetic.
        self._weight = np.empty((height, width), np.float32)
        self._change = np.empty((height, width), np.uint8)
        self._middle = np.full((height, width), 128, np.uint8)
        self._wide = np.empty((height, width, 3), np.uint8)

    def apply(self, frame: Image) -> None:
        """Mark a frame (H, W, 3) uint8 RGB, in place: all three channels change alike, by whole levels.

        Raises:
            ValueError: another size or type, or a frame that does not lie in one piece of memory.
        """
        import cv2

        if frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise ValueError(f"expected ({self.size[1]}, {self.size[0]}, 3) uint8, got {frame.shape} {frame.dtype}")
        if not frame.flags.c_contiguous:
            raise ValueError("the frame is a view of another array; mark a copy")
        weight = cv2.resize(self._followed(frame), self.size, dst=self._weight, interpolation=cv2.INTER_LINEAR)
        np.multiply(weight, self._field, out=weight)
        # Saturating sums of bytes are many times quicker than signed ones of mixed types: what is added, what is taken off.
        change = cv2.convertScaleAbs(weight, dst=self._change, alpha=1.0, beta=128.0)
        cv2.cvtColor(cv2.subtract(change, self._middle), cv2.COLOR_GRAY2RGB, dst=self._wide)
        cv2.add(frame, self._wide, dst=frame)
        cv2.cvtColor(cv2.subtract(self._middle, change), cv2.COLOR_GRAY2RGB, dst=self._wide)
        cv2.subtract(frame, self._wide, dst=frame)

    def _followed(self, frame: Image) -> Floats:
        """Levels (rms) of the mark, small (h, w) float32: those for this frame, smoothed in time."""
        import cv2

        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        small = np.asarray(cv2.resize(grey, self._small, interpolation=cv2.INTER_AREA), np.uint8)
        now = strength(small, min(FEWER, max(1.0, SMALL / min(self.size))))
        if self._strength is None:
            self._strength = now
        else:
            cv2.accumulateWeighted(now, self._strength, 1 / LAG)
        return self._strength


def strength(small: NDArray[np.uint8], more: float = 1.0) -> Floats:
    """Levels (rms) of the mark that a small luma plane (h, w) uint8 hides: (h, w) float32, from FLAT up.

    Args:
        more: factor on what texture hides and on the most there is, for frames of few pixels.
    """
    import cv2

    grey = small.astype(np.float32)
    away = cv2.absdiff(grey, cv2.blur(grey, (NEAR, NEAR)))
    # A lone edge is no texture: what stays of the deviation is the least of the neighbourhood, smoothed again.
    near = cv2.erode(cv2.blur(away, (NEAR, NEAR)), np.ones((3, 3), np.uint8))
    # 1.25: from mean absolute to root mean square deviation of a normal distribution.
    levels = np.minimum(cv2.blur(near, (3, 3)) * (1.25 * MASKING * more) + FLAT, MOST * more)
    return np.asarray(levels * min(1.0, WHOLE / math.sqrt(cv2.norm(levels, cv2.NORM_L2SQR) / levels.size)), np.float32)


def _look(size: tuple[int, int]) -> tuple[int, int]:
    """(W, H) of the small picture in which the deviation is measured: a whole fraction, which is quicker to make."""
    shrink = -(-min(size) // LOOK)
    return max(1, size[0] // shrink), max(1, size[1] // shrink)


def _field(samples: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """The tile (SIDE, SIDE) repeated over a frame of (W, H) pixels, from its upper left corner: (H, W), deviation 1."""
    import cv2

    width, height = size
    # A pixel's middle lies at (x + .5) · step samples from the corner, a sample's own at whole numbers and a half.
    step = SIDE * repeats(min(size)) / min(size)
    times = (int(height * step / SIDE) + 2, int(width * step / SIDE) + 2)
    sheet = np.tile(samples, times)
    move = np.array([[step, 0, 0.5 * step - 0.5], [0, step, 0.5 * step - 0.5]])
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    field = np.asarray(cv2.warpAffine(sheet, move, size, flags=how, borderMode=cv2.BORDER_WRAP), np.float32)
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)
