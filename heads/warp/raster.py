"""Backward maps: a moved mesh drawn with the source coordinates as its colours, visibility solved by a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Where the pixels of one frame come from, within the window in which anything changes."""

    window: tuple[int, int, int, int]
    """(x, y, W, H) pixels of the picture."""
    across: Floats
    down: Floats
    """(H, W) float32: the picture's pixel that is seen at each pixel of the window, as `cv2.remap` takes it (the centre of the
    first pixel is 0); the pixel itself where nothing was drawn."""
    moved: Floats
    """(H, W) float32: how far it comes from, pixels, the larger of both directions."""
    kind: Floats
    """(H, W) float32: the third number drawn; 0 where nothing was."""


class Canvas:
    """The box of a picture that moves, and the maps of each frame over it.

    Args:
        box: (x, y, W, H) pixels of the picture.
        side: pixels; the maps of a larger box are drawn at this size and enlarged, since movement is smooth.
        concerned: (H, W) bool over the whole picture: where moving makes a difference, because the person is there.
        still: pixels of movement that make none.
    """

    def __init__(self, box: tuple[int, int, int, int], side: int, concerned: NDArray[np.bool_], still: float) -> None:
        self._box, self._still = box, still
        x, y, w, h = box
        scale = min(1.0, side / max(w, h))
        self._small = (max(1, round(w * scale)), max(1, round(h * scale)))
        self._scale = scale
        small_w, small_h = self._small
        self._step = np.array([w / small_w, h / small_h])
        self._columns = (x + (np.arange(small_w, dtype=np.float32) + 0.5) * (w / small_w))[None]
        self._rows = (y + (np.arange(small_h, dtype=np.float32) + 0.5) * (h / small_h))[:, None]
        there = concerned[y : y + h, x : x + w].astype(np.float32)
        self._there = (cv2.resize(there, self._small, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)

    def maps(self, vertices: Floats, values: Floats, triangles: NDArray[np.int32]) -> Maps | None:
        """Draw one frame's mesh: `vertices` and `values` as for `draw`, the values being source x, source y and a kind.

        None where nothing changes.
        """
        drawn = draw(vertices, values, triangles, self._box, self._scale)
        x, y, kind = cv2.split(drawn)
        empty = x == NOTHING
        column, row = ((a - b) / np.float32(step) - 0.5 for a, b, step in zip((x, y), self._box, self._step, strict=False))
        # Movement instead of place: it is zero where nothing was drawn and enlarges without steps.
        x -= self._columns
        y -= self._rows
        x[empty] = y[empty] = kind[empty] = 0
        moved = cv2.max(np.abs(x), np.abs(y))
        came = cv2.remap(self._there, column, row, cv2.INTER_LINEAR)
        changes = ((moved > self._still) & ((self._there > 0) | (came > 0))) | (kind != 0)
        left, top, width, height = cv2.boundingRect(changes.astype(np.uint8))
        if not width:
            return None
        return self._enlarged(np.asarray(cv2.merge([x, y, moved, kind]), np.float32), (left, top, width, height))

    def _enlarged(self, fields: Floats, small: tuple[int, int, int, int]) -> Maps:
        """The window (x, y, W, H, small pixels) of movement, distance and kind at the picture's own size."""
        bx, by, bw, bh = self._box
        # One small pixel of margin on each side, in whole pixels of the picture.
        low = np.maximum(np.floor((np.array(small[:2]) - 1) * self._step).astype(int), 0)
        high = np.minimum(np.ceil((np.array(small[:2]) + small[2:] + 1) * self._step).astype(int), (bw, bh))
        w, h = (int(v) for v in high - low)
        start = (low + 0.5) / self._step - 0.5
        back = np.array([[1 / self._step[0], 0, start[0]], [0, 1 / self._step[1], start[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        dx, dy, moved, kind = cv2.split(cv2.warpAffine(fields, back, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE))
        x, y = bx + int(low[0]), by + int(low[1])
        dx += np.arange(x, x + w, dtype=np.float32)[None]
        dy += np.arange(y, y + h, dtype=np.float32)[:, None]
        return Maps((x, y, w, h), *(np.asarray(a, np.float32) for a in (dx, dy, moved, kind)))
