"""Lids that come down: the skin of an upper lid, which an open eye folds away and a picture never shows.

Stretching the strip of lashes and crease over the eye draws them out into streaks. So the skin is filled in from what lies
around the eye and laid over what the lid newly covers; lashes stay the portrait's own, at the lid's edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Image
from heads.warp import raster
from heads.warp.eyes import EYES, carried, opening, ramp
from heads.warp.layers import spread
from heads.warp.transfer import Placed

CLOSING = (0.15, 0.55)
"""Share of the opening that is gone, between which the filled-in skin fades in."""

SHUTTING = (0.7, 0.92)
"""The same, between which what is left of the eye is covered."""

LOWERED = (0.4, 0.85)
"""The same, between which the line of lashes is drawn anew along the lid's edge: seen from above it is all there is of them."""

THICK = (0.6, 1.3)
"""Least and largest thickness of that line, in the thickness of lashes below: made-up ones are thick."""

SEAM = 0.12
"""How far below the lower lid's edge that cover reaches, in openings."""

FOLD = 0.4
"""How far above the open lid's edge its fold lies, in openings: lashes, crease and their shadow are left out of the skin."""

OUTER = 0.6
"""Share of that which remains at the eye's outer corner."""

REACH = 0.06
"""How far past the outer corner, in eye widths, lashes are covered."""

UNDER = 0.25
"""How far below the lower lid's edge its lashes and their shadow reach, in openings."""

LASH_REACH = 0.25
"""How far around the eye lashes are looked for, in eye widths."""

DARK = 0.82
"""Brightness below which, over the skin's around the eye, they are seen."""

LASHES = 0.022
"""Thickness of the lashes that stay at the closed lid's edge, in distances between the outer eye corners: 2 mm."""

SOFT = 0.014
"""Softness of the skin's edge, in the same unit."""

LEAST = 1.5
"""Pixels of opening below which there is nothing to cover."""

_ALONG = np.linspace(0, np.pi, 9)[:, None]
"""(9, 1) where the landmarks of the upper lid's edge stand from the inner to the outer corner."""

_ARCH = np.sin(_ALONG)
"""Rise over it of the line of lashes, and of the seam, as a share of that in the middle."""

_OVER = np.maximum(np.sqrt(_ARCH), OUTER * np.sin(_ALONG / 2) ** 4)
"""The same of the fold. Towards the corners lid and fold run together, steeply at the outer one, where lashes are longest."""

_PAST = np.sin(_ALONG / 2) ** 8
"""Share of `REACH` by which the fold is drawn outwards."""


@dataclass(frozen=True, slots=True, eq=False)
class _Lid:
    """One eye's lid skin."""

    origin: Floats
    """(2,) pixels: the box's corner in the portrait."""
    skin: Image
    """(h, w, 3) uint8: the box around the eye without the eye."""
    rest: Floats
    """(9, 3) pixels: the upper lid's edge from inner to outer corner, in the portrait."""
    lash: Floats
    """(3,) the colour of the lashes, 0 … 255."""
    thick: float
    """Pixels of the line of lashes."""
    opening: float
    """Pixels."""


class Lids:
    """Covers the eyes of one portrait, frame by frame.

    Args:
        image: (H, W, 3) uint8, the portrait.
        points: (478, 3) float32, its landmarks, pixels.
    """

    def __init__(self, image: Image, points: Floats) -> None:
        self._iod = mesh.eye_distance(points)
        self._lids = [_skin(image, points, eye) for eye, _ in EYES]

    def cover(self, patch: Image, placed: Placed, origin: tuple[int, int]) -> None:
        """Lay skin over what the upper lids newly cover, in place.

        Args:
            patch: (h, w, 3) uint8, the frame's pixels of a box.
            placed: the face in this frame.
            origin: (x, y) of the box in the frame.
        """
        for lid, (eye, _) in zip(self._lids, EYES, strict=True):
            if lid is None:
                continue
            scale = float(placed.skull.scale)
            gone = 1 - opening(placed.points, eye) / (lid.opening * scale)
            share = ramp(gone, *CLOSING)
            if share == 0:
                continue
            open_edge = placed.skull.apply(lid.rest)[:, :2]
            edge = placed.points[[*eye[8:], eye[0]], :2]
            up = open_edge[4] - edge[4]
            up = up / max(float(np.linalg.norm(up)), 1e-6)
            out = open_edge[-1] - open_edge[0]
            fold = open_edge + up * _OVER * (FOLD * lid.opening * scale) + REACH * out * _PAST
            lashes = edge + up * _ARCH * (LASHES * self._iod * scale)
            self._lay(patch, lid, placed, np.concatenate([fold, lashes[::-1]]) - origin, share, origin)
            shut = ramp(gone, *SHUTTING)
            if shut:
                # What the landmarks leave of the eye between shut lids is covered.
                under = placed.points[list(eye[8::-1]), :2] - up * _ARCH * (SEAM * lid.opening * scale)
                self._lay(patch, lid, placed, np.concatenate([lashes, under[::-1]]) - origin, shut, origin)
            lowered = ramp(gone, *LOWERED)
            if lowered:
                self._seam(patch, lid, edge - origin, lowered)

    def _seam(self, patch: Image, lid: _Lid, edge: NDArray[np.floating], share: float) -> None:
        """Draw the line of lashes along a lowered lid."""
        thick = max(1, round(lid.thick))
        low = np.maximum(np.floor(edge.min(0)).astype(int) - 3 * thick, 0)
        high = np.minimum(np.ceil(edge.max(0)).astype(int) + 3 * thick, (patch.shape[1], patch.shape[0]))
        if (high - low < 3).any():
            return
        line = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        path = [raster.fixed(edge - low)]
        cv2.polylines(line, path, isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA, shift=raster.SHIFT)
        cover = cv2.GaussianBlur(line.astype(np.float32), (0, 0), 0.35 * thick + 0.3)[..., None] * np.float32(
            0.75 * share / 255
        )
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        patch[window] = np.rint(patch[window] * (1 - cover) + lid.lash * cover).astype(np.uint8)

    def _lay(
        self, patch: Image, lid: _Lid, placed: Placed, outline: NDArray[np.floating], share: float, origin: tuple[int, int]
    ) -> None:
        soft = max(0.6, SOFT * self._iod)
        margin = round(3 * soft) + 1
        low = np.maximum(np.floor(outline.min(0)).astype(int) - margin, 0)
        high = np.minimum(np.ceil(outline.max(0)).astype(int) + margin, (patch.shape[1], patch.shape[0]))
        if (high - low < 3).any():
            return
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        mask = raster.polygon(outline - low, size[::-1], value=255, smooth=True)
        cover = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), soft) * np.float32(share / 255)
        middle = placed.skull.apply(lid.rest[4:5])[0, :2]
        skin = carried(lid.skin, placed, lid.rest[4, :2] - lid.origin, middle, low + np.array(origin), size)
        patch[window] = cv2.blendLinear(skin, np.ascontiguousarray(patch[window]), cover, 1 - cover)


def _skin(image: Image, points: Floats, eye: tuple[int, ...]) -> _Lid | None:
    """The surroundings of one eye with the eye filled in, or None where the eye is shut or outside the picture."""
    gap = opening(points, eye)
    contour = points[list(eye), :2]
    width = float(np.linalg.norm(contour[0] - contour[8]))
    margin = round(0.8 * width) + 2
    low = np.maximum(np.floor(contour.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(contour.max(0)).astype(int) + margin, image.shape[1::-1])
    if gap < LEAST or (high - low < 4).any():
        return None
    box = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    upper, lower = points[eye[12], :2], points[eye[4], :2]
    down = (lower - upper) / max(float(np.linalg.norm(lower - upper)), 1e-6)
    wide = contour + np.where(np.arange(len(eye))[:, None] < 8, UNDER, -FOLD) * gap * down
    middle = contour.mean(0)
    grown = middle + 1.12 * (np.concatenate([contour, wide]) - middle)
    hole = np.zeros(box.shape[:2], np.uint8)
    cv2.fillConvexPoly(hole, cv2.convexHull(raster.fixed(grown - low)), 1, shift=raster.SHIFT)
    # Lashes reach further at the outer corner: what is darker than the skin around the eye is none.
    grey = box.mean(-1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(LASH_REACH * width) + 1,) * 2)
    around = cv2.dilate(hole, disc) > hole
    dark = grey < DARK * np.median(grey[around] if around.any() else grey)
    hole[(cv2.dilate((dark & around).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & around] = 1
    filled = spread(box, (1 - hole).astype(np.float32), max(1, round(0.12 * width)))
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(0.6, 0.04 * width))[..., None]
    skin = np.clip(np.rint(soft * filled + (1 - soft) * box), 0, 255).astype(np.uint8)
    rest = points[[*eye[8:], eye[0]]]
    edge = rest[:, :2] - low
    band = raster.polygon(np.concatenate([edge, edge[::-1] - 0.5 * FOLD * gap * down]), hole.shape)
    unit = LASHES * mesh.eye_distance(points)
    thick = float(np.clip((dark & (band > 0)).sum() / width, THICK[0] * unit, THICK[1] * unit))
    return _Lid(low.astype(np.float32), skin, rest, _lash(image, rest), thick, gap)


def _lash(image: Image, edge: Floats) -> Floats:
    """(3,) the colour of the lashes: the darker pixels along the upper lid's edge (9, 3)."""
    at = np.clip(edge[:, :2].astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1))
    around = np.concatenate([image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3) for x, y in at[1:-1]])
    darkness = around.mean(1)
    return np.asarray(around[darkness <= np.percentile(darkness, 25)].mean(0), np.float32)
