"""Fine shading: the creases and shadows of a smile or a raised brow, as far as the portrait's own light allows.

A face that moves is also lit anew. Z. Liu, Y. Shan, Z. Zhang, "Expressive Expression Mapping with Ratio Images", SIGGRAPH 2001,
multiply a face by the ratio of the driver's brightness over that of his resting face; here the ratio is known at the landmarks
(`heads.base.Cue.shade`), and where a performance was not seen but made up, it follows from how the face's surface turns.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Cue, Floats, Image
from heads.warp import raster
from heads.warp.transfer import Placed

LIMIT = 0.4
"""Natural logarithm of the ratio, at most: a third darker, half as bright again."""

EVEN = 0.5
"""Share that is kept of what is even or rises evenly across the face: that is the driver's head turning in his own light."""

RANGE = (3.0, 97.0)
"""Percentiles of the portrait's skin between which its own light lies."""

BEYOND = 0.10
"""How far a shaded place may leave that range, natural logarithm."""

FAINT = 0.004
"""Largest ratio's logarithm below which nothing is drawn: one grey level of 255."""

GRID = 144
"""Pixels of the grid on which the ratio is drawn, along the face's longer side: as fine as it was measured."""

TINT = (0.85, 1.0, 1.1)
"""Powers of the ratio for red, green and blue: light that comes back out of skin is red, so shadows on it are warm (H. W.
Jensen, S. Marschner, M. Levoy, P. Hanrahan, "A Practical Model for Subsurface Light Transport", SIGGRAPH 2001, table 1)."""

AMBIENT = 1.0
"""Share of the light that comes from all sides, where shading follows from the surface."""

FRONT_LIGHT = np.array([0.0, -0.5, -0.87])
"""Direction to the light where the portrait does not tell: from above, in front."""


class Shading:
    """Shades one portrait, frame by frame.

    Args:
        image: (H, W, 3) uint8, the portrait.
        points: (478, 3) float32, its landmarks, pixels.
    """

    def __init__(self, image: Image, points: Floats) -> None:
        self._triangles = mesh.triangles()
        self._rest = points[: mesh.SURFACE].astype(np.float64)
        size = max(1.0, 0.02 * mesh.eye_distance(points))
        grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), size)
        x, y = (
            np.clip(points[: mesh.SURFACE, i].astype(int), 0, limit - 1)
            for i, limit in ((0, grey.shape[1]), (1, grey.shape[0]))
        )
        light = np.log(grey[y, x].astype(np.float64) + 1)
        low, high = np.percentile(light, RANGE)
        # What a place may still lose and win before it leaves the portrait's own range of light.
        self._room = np.minimum(low - BEYOND - light, 0), np.maximum(high + BEYOND - light, 0)
        flat = self._rest[:, :2] - self._rest[:, :2].mean(0)
        self._even = np.linalg.qr(np.column_stack([np.ones(mesh.SURFACE), flat]))[0]
        self._normals = mesh.normals(self._rest)
        self._light = _light(self._normals, light)
        self._lit = np.maximum(self._normals @ self._light, 0)

    def ratio(self, cue: Cue, placed: Placed) -> Floats:
        """(468,) float32 natural logarithm of brightness over the portrait's, at each landmark of the skin."""
        if cue.shade is not None:
            given = cue.shade[: mesh.SURFACE].astype(np.float64)
            even = self._even @ (self._even.T @ given)
            given += (EVEN - 1) * even
        else:
            face = placed.skull.undo(placed.points[: mesh.SURFACE].astype(np.float64))
            now = np.maximum(mesh.normals(face) @ self._light, 0)
            given = np.log((AMBIENT + now) / (AMBIENT + self._lit))
        # Drawn in smoothly, so that nothing pops where the portrait's range ends.
        low, high = (np.clip(room, -LIMIT, LIMIT) for room in self._room)
        low, high = np.minimum(low, -1e-3), np.maximum(high, 1e-3)
        return np.asarray(np.where(given < 0, low * np.tanh(given / low), high * np.tanh(given / high)), np.float32)

    def shade(self, patch: Image, cue: Cue, placed: Placed, origin: tuple[int, int]) -> None:
        """Multiply the face's pixels by the ratio, in place.

        Args:
            patch: (h, w, 3) uint8, the frame's pixels of a box.
            cue, placed: the face in this frame.
            origin: (x, y) of the box in the frame.
        """
        ratio = self.ratio(cue, placed)
        if np.abs(ratio).max() < FAINT:
            return
        points = placed.points[: mesh.SURFACE]
        low = np.maximum(np.floor(points[:, :2].min(0)).astype(int) - origin, 0)
        high = np.minimum(np.ceil(points[:, :2].max(0)).astype(int) - origin + 1, (patch.shape[1], patch.shape[0]))
        if (high - low < 2).any():
            return
        w, h = int(high[0] - low[0]), int(high[1] - low[1])
        box = (int(low[0]) + origin[0], int(low[1]) + origin[1], w, h)
        values = np.column_stack([ratio, ratio, ratio])
        drawn = raster.draw(points, values, self._triangles, box, min(1.0, GRID / max(w, h)))[..., 0].copy()
        drawn[drawn == raster.NOTHING] = 0
        # Softened over a grid pixel: towards the face's edge the shading fades out.
        field = np.exp(cv2.resize(cv2.GaussianBlur(drawn, (0, 0), 1.0), (w, h), interpolation=cv2.INTER_LINEAR))
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        field = cv2.merge([field**share for share in TINT])
        patch[window] = cv2.multiply(patch[window], field, dtype=cv2.CV_8U)


def _light(normals: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) the direction from which the portrait seems lit: the brighter side of its skin, never from behind."""
    inner = np.abs(light - np.median(light)) < 0.5  # brows, nostrils and lips are dark for other reasons
    design = np.column_stack([normals[inner, :2], np.ones(int(inner.sum()))])
    slope = np.linalg.lstsq(design, light[inner], rcond=None)[0][:2] if inner.sum() > 8 else np.zeros(2)
    direction = FRONT_LIGHT + np.append(np.clip(slope, -0.7, 0.7), 0)
    return np.asarray(direction / np.linalg.norm(direction))
