"""Backward maps: a moved mesh drawn with the source coordinates as its colours, visibility solved by a depth buffer."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

_FAR = 4000.0
"""Distance of the camera from the mesh, in pixels times the scale: so far that the view is as good as parallel."""

NOTHING = -1e4
"""Value of pixels that no triangle covers; no source coordinate is near it."""


def draw(
    vertices: Floats, values: Floats, triangles: NDArray[np.int32], box: tuple[int, int, int, int], scale: float
) -> Floats:
    """Draw three numbers per vertex over a box of the picture.

    Args:
        vertices: (V, 3) float32 pixels, z away from the viewer: of two triangles the one with smaller z is seen.
        values: (V, 3) float32, any three numbers; they are interpolated linearly over each triangle.
        triangles: (F, 3) int32 indices into the vertices.
        box: (x, y, W, H) pixels of the picture.
        scale: pixels of the result per pixel of the picture.

    Returns:
        (round(H * scale), round(W * scale), 3) float32; `NOTHING` where no triangle lies. Values belong to pixel centres.
    """
    x, y, w, h = box
    width, height = max(1, round(w * scale)), max(1, round(h * scale))
    sx, sy = width / w, height / h
    away = -(vertices[:, 2] * scale + _FAR)
    camera = np.empty((len(vertices), 3), np.float32)
    # A pixel's centre lies half a pixel from its corner; perspective is undone by the distance.
    camera[:, 0] = ((vertices[:, 0] - x) * sx - width / 2) * (-away / _FAR)
    camera[:, 1] = (height / 2 - (vertices[:, 1] - y) * sy) * (-away / _FAR)
    camera[:, 2] = away
    colour = np.full((height, width, 3), NOTHING, np.float32)
    depth = np.full((height, width), 2 * _FAR, np.float32)
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    field_of_view = 2 * np.arctan(height / 2 / _FAR)
    cv2.triangleRasterize(
        camera, triangles, values, colour, depth, np.eye(4, dtype=np.float32), field_of_view, _FAR / 40, 2 * _FAR, settings
    )
    return colour


def backward(drawn: Floats, box: tuple[int, int, int, int]) -> tuple[Floats, Floats, Floats]:
    """A drawn map as `cv2.remap` wants it, at the full size of its box (x, y, W, H).

    Returns:
        across, down: (H, W) float32 index coordinates of the source pixel (a pixel's centre is a whole number); the identity
        where nothing was drawn. inside: (H, W) float32, the third number drawn, 0 where nothing was.
    """
    x, y, w, h = box
    small_h, small_w = drawn.shape[:2]
    columns = x + (np.arange(small_w, dtype=np.float32) + 0.5) * (w / small_w)
    rows = y + (np.arange(small_h, dtype=np.float32) + 0.5) * (h / small_h)
    empty = drawn[..., 0] == NOTHING
    # Movement instead of place: it is zero where nothing was drawn and enlarges without steps.
    across = np.where(empty, 0, drawn[..., 0] - columns[None])
    down = np.where(empty, 0, drawn[..., 1] - rows[:, None])
    inside = np.where(empty, 0, drawn[..., 2])
    if (small_w, small_h) != (w, h):
        across, down, inside = (cv2.resize(a, (w, h), interpolation=cv2.INTER_LINEAR) for a in (across, down, inside))
    across = across + np.arange(x, x + w, dtype=np.float32)[None]
    down = down + np.arange(y, y + h, dtype=np.float32)[:, None]
    return across.astype(np.float32), down.astype(np.float32), inside.astype(np.float32)
