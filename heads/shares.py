"""Pixels of a sheet of triangles: in which triangle each lies, and what share each corner has in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

_SHIFT = 4
"""Bits behind the point of the coordinates that triangles are filled with."""


def shares(
    corners: NDArray[np.floating], triangles: NDArray[np.int32], size: tuple[int, int], *, beyond: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.int32], Floats]:
    """Barycentric coordinates of the pixels of a flat mesh.

    Args:
        corners: (V, 2) pixels of the sheet.
        triangles: (F, 3) indices into them; where some lie over each other the last one counts.
        size: (W, H) of the sheet.
        beyond: also for pixels in no triangle, which take what the nearest pixel in one has.

    Returns:
        (H, W) where a pixel lies in a triangle; for each of those pixels, or with `beyond` for all, in the order of rows, the
        triangle's corners (P, 3) and their shares (P, 3) float32, which add up to 1; with `beyond` none is below 0.
    """
    drawn = np.full((size[1], size[0]), -1, np.int32)
    for index, triangle in enumerate(triangles):
        cv2.fillConvexPoly(drawn, np.rint((corners[triangle] - 0.5) * (1 << _SHIFT)).astype(np.int32), index, shift=_SHIFT)
    inside = drawn >= 0
    y, x = np.nonzero(inside)
    if beyond and len(y):
        mask = (~inside).astype(np.uint8)
        _, nearest = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        where = np.zeros((int(nearest.max()) + 1, 2), np.int64)
        where[nearest[y, x]] = np.column_stack([y, x])
        y, x = where[nearest.ravel()].T
    chosen = triangles[drawn[y, x]]
    a, b, c = (corners[chosen[:, k]] for k in range(3))
    p = np.stack([x + 0.5, y + 0.5], 1)
    whole = crossed(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-6, 1e-6, whole)
    second, third = crossed(p - a, c - a) / whole, crossed(b - a, p - a) / whole
    each = np.stack([1 - second - third, second, third], 1)
    if beyond:
        # A pixel is filled also where its middle lies a little outside; in a sliver that little is many times its width.
        each = np.clip(each, 0, 1)
        each /= each.sum(1, keepdims=True)
    return inside, chosen, each.astype(np.float32)


def crossed(u: NDArray[np.floating], v: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) cross products of pairs of vectors (N, 2): twice the signed areas of the triangles that they span."""
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
