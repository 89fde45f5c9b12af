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


class Canvas:
    """The box of a picture that moves, and the maps of each frame over it.

    Args:
        box: (x, y, W, H) pixels of the picture.
        side: pixels; the maps of a larger box are drawn at this size and enlarged, since movement is smooth.
    """

    def __init__(self, box: tuple[int, int, int, int], side: int) -> None:
        self.box = box
        x, y, w, h = box
        self._scale = min(1.0, side / max(w, h))
        small_w, small_h = max(1, round(w * self._scale)), max(1, round(h * self._scale))
        self._columns = (x + (np.arange(small_w, dtype=np.float32) + 0.5) * (w / small_w))[None]
        self._rows = (y + (np.arange(small_h, dtype=np.float32) + 0.5) * (h / small_h))[:, None]
        self._grid = np.stack(np.meshgrid(np.arange(x, x + w, dtype=np.float32), np.arange(y, y + h, dtype=np.float32)))

    def maps(self, vertices: Floats, values: Floats, triangles: NDArray[np.int32]) -> tuple[Floats, Floats, Floats, Floats]:
        """Draw one frame's mesh: `vertices` and `values` as for `draw`, the values being source x, source y and a kind.

        Returns:
            across, down: (H, W) float32, the picture's pixel that is seen at each pixel of the box, as `cv2.remap` takes it
            (the centre of the first pixel is 0); the pixel itself where nothing was drawn. moved: (H, W) float32, how far it
            comes from, pixels, the larger of both directions. kind: (H, W) float32, 0 where nothing was drawn.
        """
        drawn = draw(vertices, values, triangles, self.box, self._scale)
        x, y, kind = cv2.split(drawn)
        empty = x == NOTHING
        # Movement instead of place: it is zero where nothing was drawn and enlarges without steps.
        x -= self._columns
        y -= self._rows
        x[empty] = y[empty] = kind[empty] = 0
        fields = cv2.merge([x, y, cv2.max(np.abs(x), np.abs(y)), kind])
        if fields.shape[:2] != self._grid.shape[1:]:
            fields = cv2.resize(fields, (self.box[2], self.box[3]), interpolation=cv2.INTER_LINEAR)
        dx, dy, moved, kind = (np.asarray(field, np.float32) for field in cv2.split(fields))
        return dx + self._grid[0], dy + self._grid[1], moved, kind
