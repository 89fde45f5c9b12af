"""Corners of the mouth: the dark line past the lips' end, which opens up or is pulled in when a mouth moves.

Texels only move: when a smile becomes a kiss, or a closed mouth opens, the line in which a portrait's lips run out would stay
beside the mouth as a smudge. So the portrait is also kept without it, and that is faded in.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Image
from heads.warp.eyes import ramp
from heads.warp.layers import spread
from heads.warp.raster import Maps, polygon
from heads.warp.transfer import Placed

CORNERS = ((61, 291), (291, 61))
"""Landmark of each corner of the lips, and of the other one."""

REACH = 0.17
"""How far around a corner its line is looked for, in distances between the outer eye corners."""

ENDS = 0.1
"""Share of a half of the lips that runs out in that line."""

LIPS = 0.01
"""How far around the lips' landmarks pixels may still be lips, in the same unit."""

DARK = 0.97
"""Brightness below which, over the skin's around, the line is seen."""

NARROWED = (0.93, 0.8)
"""Width of the mouth over the portrait's own, between which the line goes."""

OPENED = (0.08, 0.2)
"""Rise of the lips' gap, in the same unit as above, over which it goes too."""


@dataclass(frozen=True, slots=True, eq=False)
class _Corner:
    """What must be added around one corner for its line to go."""

    origin: tuple[int, int]
    """(x, y) pixels: the box's corner in the portrait."""
    added: Floats
    """(h, w, 3) float32, -255 … 255; 0 along the rim."""


class Corners:
    """Cleans the corners of one portrait's mouth, frame by frame.

    Args:
        image: (H, W, 3) uint8, the portrait.
        points: (478, 3) float32, its landmarks, pixels.
    """

    def __init__(self, image: Image, points: Floats) -> None:
        self._iod = mesh.eye_distance(points)
        self._width, self._gap = _width(points), mesh.mouth_gap(points)
        self._corners = [_corner(image, points, *pair, self._iod) for pair in CORNERS]

    def share(self, placed: Placed) -> float:
        """0 … 1: how far the lines have gone in a frame."""
        narrow = _width(placed.points) / max(self._width * float(placed.skull.scale), 1e-3)
        return max(ramp(-narrow, -NARROWED[0], -NARROWED[1]), ramp(mesh.mouth_gap(placed.points) - self._gap, *OPENED))

    def clean(self, patch: Image, maps: Maps, placed: Placed, origin: tuple[int, int]) -> None:
        """Fade the lines out, in place.

        Args:
            patch: (h, w, 3) uint8, the frame's pixels of the maps' window.
            maps: where the frame's pixels come from.
            placed: the face in this frame.
            origin: (x, y) of the window in the frame.
        """
        share = self.share(placed)
        if share == 0:
            return
        reach = 1.5 * REACH * self._iod * float(placed.skull.scale)
        for corner, (here, _) in zip(self._corners, CORNERS, strict=True):
            if corner is None:
                continue
            middle = placed.points[here, :2] - origin
            low = np.maximum(np.floor(middle - reach).astype(int), 0)
            high = np.minimum(np.ceil(middle + reach).astype(int), (patch.shape[1], patch.shape[0]))
            if (high - low < 2).any():
                continue
            window = np.s_[low[1] : high[1], low[0] : high[0]]
            across, down = maps.across[window] - corner.origin[0], maps.down[window] - corner.origin[1]
            added = cv2.remap(corner.added, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            # Between the lips there is no skin.
            skin = np.clip(1 - maps.kind[window], 0, 1)[..., None]
            patch[window] = np.clip(np.rint(patch[window] + share * skin * added), 0, 255).astype(np.uint8)


def _width(points: Floats) -> float:
    """Distance between the corners of the lips, in space: a head that turns narrows no mouth."""
    return float(np.linalg.norm(points[CORNERS[0][0]] - points[CORNERS[0][1]]))


def _corner(image: Image, points: Floats, here: int, there: int, iod: float) -> _Corner | None:
    """The skin around one corner without the line, less what is there; None outside the picture."""
    out = points[here, :2] - points[there, :2]
    out = out / max(float(np.linalg.norm(out)), 1e-6)
    reach = REACH * iod
    middle = points[here, :2]
    low = np.maximum(np.floor(middle - reach).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach).astype(int), image.shape[1::-1])
    if (high - low < 6).any():
        return None
    box = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    y, x = np.mgrid[: box.shape[0], : box.shape[1]].astype(np.float32) + 0.5
    loop = points[list(mesh.LIPS_OUTER), :2]
    loop = loop - ENDS * ((loop - loop.mean(0)) @ out)[:, None] * out
    lips = polygon(loop - low, box.shape[:2])
    away = cv2.distanceTransform(1 - lips, cv2.DIST_L2, 5)
    # A wedge that opens outwards from the lips' end: beards and folds further off stay.
    along = (x + low[0] - middle[0]) * out[0] + (y + low[1] - middle[1]) * out[1]
    across = np.abs((y + low[1] - middle[1]) * out[0] - (x + low[0] - middle[0]) * out[1])
    inside = (along > -0.3 * reach) & (along < 0.75 * reach) & (across < 0.45 * reach) & (away > LIPS * iod)
    grey = cv2.GaussianBlur(box.mean(-1), (0, 0), max(0.6, 0.006 * iod))
    skin = (away > 2 * LIPS * iod) & ~inside
    if skin.sum() < 9 or not inside.any():
        return None
    line = inside & (grey < DARK * np.median(grey[skin]))
    hole = cv2.dilate(line.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (away > 0)
    known: NDArray[np.float32] = (~hole & (away > LIPS * iod)).astype(np.float32)
    filled = spread(box, known, max(1, round(0.02 * iod)))
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(0.6, 0.008 * iod))
    soft *= np.clip(away / max(LIPS * iod, 1e-3), 0, 1)
    rim = np.minimum.reduce([x, y, box.shape[1] - x, box.shape[0] - y]) - 0.5
    soft *= np.clip(rim / 2, 0, 1)
    return _Corner((int(low[0]), int(low[1])), np.asarray(soft[..., None] * (filled - box), np.float32))
