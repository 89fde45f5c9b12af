"""Crop to photograph and back: the aligned square around a face, cutting it out, pasting it in, matching its colours.

Conventions: points and affines use continuous pixel coordinates with the origin at the top left corner of the top left pixel,
so the centre of pixel (column, row) is (column + 0.5, row + 0.5). The unit crop runs from (0, 0) top left to (1, 1) bottom
right; an affine (2, 3) maps pixels (x, y) to it: `A[:, :2] @ (x, y) + A[:, 2]`. The identity is `((1, 0, 0), (0, 1, 0))`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from heads.base import Floats, Image

Array: TypeAlias = NDArray[np.floating]

_OUTER_EYES = (33, 263)
"""Outer corners of the subject's right and left eye, which no expression moves."""
_TEMPLES = (127, 356)
"""Right and left temple at the height of the eyes; half way between them lies the middle of the head, however it turns."""
_BROW_TO_NOSE = (10, 2)
"""Top of the forehead and base of the nose: the upright part of the face that the jaw does not move."""

_HEIGHT_BY_EYES = 17.666 / 8.892
"""Face height (landmarks 10 to 152, mouth closed) over the distance of the outer eye corners in MediaPipe's canonical face."""
_HEIGHT_BY_NOSE = 17.666 / 10.470
"""Face height over the distance from the forehead to the base of the nose in the same face."""
_BELOW_EYES = 3.235 / 17.666
"""How far the middle of the face lies below the line of the eyes, in face heights, in the same face."""

SPAN = 2.0
"""Side of the crop in face heights (forehead to chin, mouth closed): the whole head with its hair, and the neck."""
MIDDLE = (0.5, 0.54)
"""Where the middle of the face stands in the unit crop: lower than half, since hair takes more room than the neck."""

_STEEP = 0.5
"""Below this share of its true length the line of the eyes points towards the viewer and no longer says what level is; the
upright of the nose then takes over (a turn of 60 degrees)."""

_SPREAD = (0.5, 2.0)
"""Limits of the contrast factor of `match_colour`: beyond them it would raise noise or flatten the picture."""


def align(points: Array) -> Floats:
    """The crop of a face: similarity (2, 3) float32 from the coordinates of `points` to the unit crop.

    The eyes are level, the middle of the face stands at `MIDDLE`, the side of the crop is `SPAN` face heights. Size and
    position are read in three dimensions from landmarks that expressions do not move, so that neither an opened jaw nor
    a turning head changes the crop much.

    Args:
        points: (478, 3) landmarks, any unit, x right, y down, z away in the scale of x.
    """
    p = np.asarray(points, np.float64)
    right, left = p[_OUTER_EYES[0]], p[_OUTER_EYES[1]]
    top, base = p[_BROW_TO_NOSE[0]], p[_BROW_TO_NOSE[1]]
    eyes = float(np.linalg.norm(left - right))
    height = (eyes * _HEIGHT_BY_EYES + float(np.linalg.norm(base - top)) * _HEIGHT_BY_NOSE) / 2
    level = (left - right)[:2]
    upright = (base - top)[:2]
    missing = max(0.0, _STEEP * eyes - float(np.linalg.norm(level)))
    level = level + missing * np.array([upright[1], -upright[0]]) / max(float(np.linalg.norm(upright)), 1e-9 * height)
    cosine, sine = level / np.linalg.norm(level)
    between = (p[list(_OUTER_EYES), :2].mean(0) + p[list(_TEMPLES), :2].mean(0)) / 2
    middle = between + _BELOW_EYES * height * np.array([-sine, cosine])
    turn = np.array([[cosine, sine], [-sine, cosine]]) / (SPAN * height)
    return np.column_stack([turn, np.array(MIDDLE) - turn @ middle]).astype(np.float32)


def invert(affine: Array) -> Floats:
    """The inverse (2, 3) float32 of an affine: from the unit crop back to pixels."""
    a = np.asarray(affine, np.float64)
    back = np.linalg.inv(a[:, :2])
    return np.column_stack([back, -back @ a[:, 2]]).astype(np.float32)


def scale(affine: Array) -> float:
    """By how much an affine enlarges lengths: the square root of its determinant."""
    return float(np.sqrt(abs(np.linalg.det(np.asarray(affine, np.float64)[:, :2]))))


def apply(affine: Array, points: Array) -> Floats:
    """Move points (..., 2) or (..., 3): float32 of the same shape. A third coordinate is depth and is scaled like a length."""
    a, p = np.asarray(affine, np.float64), np.asarray(points, np.float64)
    moved = p[..., :2] @ a[:, :2].T + a[:, 2]
    return np.concatenate([moved, p[..., 2:] * scale(a)], axis=-1).astype(np.float32)


def cut(image: Image, affine: Array, side: int) -> Image:
    """The crop itself, (side, side, 3) uint8. Shrinking averages, so nothing flickers; outside the image its edge goes on.

    Args:
        image: (H, W, 3) uint8.
        affine: (2, 3) from pixels of the image to the unit crop.
        side: pixels of the crop.
    """
    return np.asarray(_resample(image, np.asarray(affine, np.float64) * side, (side, side)), np.uint8)


def feather(side: int, width: float = 0.12) -> Floats:
    """A mask (side, side) float32 for `paste`: 1 inside, falling smoothly to 0 over `width` of the side towards every edge."""
    from_edge = (np.arange(side) + 0.5) / side
    ramp = np.clip(np.minimum(from_edge, 1 - from_edge) / width, 0, 1)
    smooth = ramp * ramp * (3 - 2 * ramp)
    return np.outer(smooth, smooth).astype(np.float32)


def paste(image: Image, patch: Image, affine: Array, mask: Array) -> Image:
    """Put a crop back where it was cut; returns a new image (H, W, 3) uint8.

    Pixels where the mask is 0, and those outside the crop, keep the bits they had.

    Args:
        image: (H, W, 3) uint8.
        patch: (S, S, 3) uint8, in the geometry of the crop.
        affine: (2, 3) from pixels of the image to the unit crop.
        mask: (S, S) 0 ... 1, how much of the patch is taken; let it fall to 0 at its edge (`feather`).
    """
    side, (height, width) = patch.shape[0], image.shape[:2]
    back = np.asarray(invert(affine), np.float64)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ back[:, :2].T + back[:, 2]
    left, top = np.maximum(np.floor(corners.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int), (width, height))
    out = image.copy()
    if right <= left or bottom <= top:
        return out
    to_box = np.column_stack([back[:, :2] / side, back[:, 2] - (left, top)])
    size = (int(right - left), int(bottom - top))
    soft = np.asarray(mask, np.float32)
    weight = np.asarray(_resample(soft, to_box, size, border=cv2.BORDER_CONSTANT), np.float32)[..., None]
    new = np.asarray(_resample(patch, to_box, size), np.float32)
    box = out[top:bottom, left:right]
    mixed = np.rint(box + weight * (new - box)).astype(np.uint8)
    np.copyto(box, mixed, where=weight > 0)
    return out


def match_colour(patch: Image, reference: Image, weight: Array) -> Image:
    """Give a patch the mean and the contrast of a reference, channel by channel in CIE Lab; (H, W, 3) uint8.

    E. Reinhard et al., "Color Transfer between Images", IEEE CG&A 21(5), 2001, equations 10 and 11, in Lab instead of
    their l-alpha-beta, and with the contrast factor kept between 0.5 and 2.

    Args:
        patch: (H, W, 3) uint8, to be changed.
        reference: (H, W, 3) uint8, same geometry.
        weight: (H, W), at least 0: which pixels are compared. Where all are 0 the patch is returned as it is.
    """
    total = float(np.sum(weight))
    if total <= 0:
        return patch.copy()
    w = (np.asarray(weight, np.float32) / total)[..., None]
    ours, theirs = _lab(patch), _lab(reference)
    mean, target = (w * ours).sum((0, 1)), (w * theirs).sum((0, 1))
    spread = np.sqrt((w * (ours - mean) ** 2).sum((0, 1)))
    wanted = np.sqrt((w * (theirs - target) ** 2).sum((0, 1)))
    factor = np.clip(wanted / np.maximum(spread, 1e-3), *_SPREAD)
    changed = ((ours - mean) * factor + target).astype(np.float32)
    rgb = cv2.cvtColor(changed, cv2.COLOR_Lab2RGB)
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255), np.uint8)


def _lab(image: Image) -> NDArray[np.float32]:
    """CIE Lab (L 0 ... 100) of an sRGB image."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _resample(
    source: NDArray[Any], to_target: Array, size: tuple[int, int], border: int = cv2.BORDER_REPLICATE
) -> NDArray[Any]:
    """Draw `source` (H, W[, 3]) through an affine of pixel coordinates into a picture of `size` (W, H).

    Shrinking by 2 and more is done first by whole factors as an average over the pixels (INTER_AREA), the rest by a blur
    of the width that a further shrinking asks for, then bilinearly; enlarging is bilinear.
    """
    a = np.asarray(to_target, np.float64)
    source, a = _needed(source, a, size)
    factor = min(int(1 / max(scale(a), 1e-6)), *source.shape[:2])
    if factor >= 2:
        rows, columns = source.shape[0] // factor, source.shape[1] // factor
        trimmed = source[: rows * factor, : columns * factor]
        source = cv2.resize(trimmed, (columns, rows), interpolation=cv2.INTER_AREA)
        a = np.column_stack([a[:, :2] * factor, a[:, 2]])
    rest = 1 / max(scale(a), 1e-6)
    if rest > 1:
        # a bilinear tap is as wide as a pixel of the source: widen it to a pixel of the target
        sigma = 0.5 * np.sqrt(rest * rest - 1)
        source = cv2.GaussianBlur(source, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    half = np.array([0.5, 0.5])
    centred = np.column_stack([a[:, :2], a[:, :2] @ half + a[:, 2] - half])  # OpenCV counts from the centres of pixels
    return np.asarray(cv2.warpAffine(source, centred, size, flags=cv2.INTER_LINEAR, borderMode=border))


def _needed(
    source: NDArray[Any], to_target: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The part of `source` that the target shows, and the affine from there: small crops of large pictures stay cheap.

    An edge of the source within the target stays an edge, so a repeated border repeats the same pixels.
    """
    back = np.linalg.inv(to_target[:, :2])
    corners = (np.array([[0, 0], [size[0], 0], [0, size[1]], size]) - to_target[:, 2]) @ back.T
    margin = 4 / max(scale(to_target), 1e-6) + 4  # pixels of the source that the blur and a bilinear tap reach beyond
    height, width = source.shape[:2]
    left, top = np.clip(np.floor(corners.min(0) - margin), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0) + margin), (left + 1, top + 1), (width, height)).astype(int)
    shifted = np.column_stack([to_target[:, :2], to_target[:, 2] + to_target[:, :2] @ (left, top)])
    return source[top:bottom, left:right], shifted
