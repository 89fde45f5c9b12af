"""Backward maps: a moved mesh drawn with the source coordinates as its colours, visibility solved by a depth buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

_FAR = 4000.0
"""Distance of the camera from the mesh, in pixels times the scale: so far that the view is as good as parallel."""

Box: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in whole pixels."""

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


SHIFT = 4
"""Bits behind the point of the coordinates that outlines are drawn with."""


def fixed(loop: NDArray[np.floating]) -> NDArray[np.int32]:
    """Points (N, 2), pixels, as OpenCV draws them with `SHIFT`: for it the centre of the first pixel is 0."""
    return np.asarray(np.rint((loop - 0.5) * (1 << SHIFT)), np.int32)


def polygon(loop: NDArray[np.floating], shape: tuple[int, ...], *, value: int = 1, smooth: bool = False) -> NDArray[np.uint8]:
    """(H, W) uint8: `value` within an outline, else 0.

    Args:
        loop: (N, 2) pixels.
        shape: (H, W) of the result.
        smooth: with the share of the value in between along the outline.
    """
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [fixed(loop)], value, cv2.LINE_AA if smooth else cv2.LINE_8, SHIFT)
    return mask


COARSE = 192
"""Pixels along the longer side of the grid on which the movement of hair and neck is drawn: they move smoothly."""

FINE = 400
"""Pixels along the longer side of the grid over the face, at most: a lid is two of them thick in a face that fills it."""

CROPPED = 3
"""A whole field is enlarged in less time than a part of it that is no smaller than one in so many."""

MARGIN = 4
"""Pixels around the face that are drawn as finely."""


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Where the pixels of one frame come from, within the window in which anything changes."""

    window: Box
    """(x, y, W, H) pixels of the picture."""
    across: Floats
    down: Floats
    """(H, W) float32: the picture's pixel that is seen at each pixel of the window, as `cv2.remap` takes it (the centre of the
    first pixel is 0); the pixel itself where nothing was drawn."""
    moved: Floats
    """(H, W) float32: how far it comes from, pixels, the larger of both directions."""
    kind: Floats
    """(H, W) float32: the third number drawn; 0 where nothing was."""


AROUND_FACE = 0.2
"""Third number of vertices around the face: less than the mouth's 1, more than the face's 0."""

STRETCHED = (0.6, 0.35)
"""Pixels of the picture per pixel of the frame, in the direction that is stretched most, between which softening sets in."""

TORN = 3.0
"""Pixels of the picture between neighbouring pixels of the frame from which one surface ends there before another."""

HALF = 2
"""Strain is measured at every so many pixels of the frame, across and down."""

Part: TypeAlias = tuple[slice, slice]
"""Rows and columns of a window."""


@dataclass(frozen=True, slots=True, eq=False)
class Strain:
    """What a frame's maps do to the picture, at every `HALF`th pixel of their window: (h, w) float32 0 … 1 each."""

    soft: Floats
    """How far what lies around the face is drawn out beyond what it shows."""
    edge: Floats
    """Where one part of the head hides another."""
    around: Floats
    """What lies around the face, as far as ears."""


def openings(kind: Floats) -> Floats:
    """`Maps.kind`, or some of it, to (H, W) float32 0 … 1: 1 between the lips."""
    return np.asarray(np.maximum(kind - 2 * AROUND_FACE, 0) * np.float32(1 / (1 - 2 * AROUND_FACE)), np.float32)


def strain(maps: Maps) -> Strain:
    """Where a frame's maps stretch what lies around the face, and where they break off."""
    across, down, kind = (field[::HALF, ::HALF] for field in (maps.across, maps.down, maps.kind))
    (a, b), (c, d) = _slopes(across, 1, 0), _slopes(down, 0, 1)
    # The smaller singular value of the map's derivative: 1 leaves as it is, 0.25 draws out fourfold.
    area, power = cv2.absdiff(a * d, b * c), a * a + b * b + c * c + d * d
    large = np.sqrt((power + np.sqrt(np.maximum(power * power - 4 * area * area, 0))) / 2)
    small = area / np.maximum(large, 1e-6)
    outside = np.clip(kind * (2 / AROUND_FACE), 0, 1) * (kind < 2 * AROUND_FACE)
    whole = large < TORN
    soft = np.clip((STRETCHED[0] - small) / (STRETCHED[0] - STRETCHED[1]), 0, 1) * outside * whole
    edge = (~whole).astype(np.float32)
    soft = np.minimum(1.3 * cv2.GaussianBlur(soft, (0, 0), 2.0), 1)
    edge = np.minimum(1.6 * cv2.GaussianBlur(edge, (0, 0), 0.8), 1)
    return Strain(*(np.asarray(field, np.float32) for field in (soft, edge, outside)))


def _slopes(field: Floats, last_x: float, last_y: float) -> tuple[Floats, Floats]:
    """How a field (h, w) of every `HALF`th pixel changes per pixel, in x and in y; in the last column and row as told."""
    x, y = (np.full(field.shape, last, np.float32) for last in (last_x, last_y))
    np.subtract(field[:, 1:], field[:, :-1], out=x[:, :-1])
    np.subtract(field[1:], field[:-1], out=y[:-1])
    x[:, :-1] *= np.float32(1 / HALF)
    y[:-1] *= np.float32(1 / HALF)
    return x, y


def part(mask: NDArray[np.bool_], shape: tuple[int, ...], margin: int) -> Part | None:
    """The part of a window (H, W) where a mask of every `HALF`th pixel is set; None where it is nowhere.

    Args:
        mask: (h, w).
        shape: (H, W) of the window.
        margin: pixels of the window around it.
    """
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    if not w:
        return None
    spans = ((y, h, shape[0]), (x, w, shape[1]))
    rows, columns = (
        slice(max(0, first * HALF - margin), min(end, (first + count) * HALF + margin)) for first, count, end in spans
    )
    return rows, columns


def enlarged(field: Floats, part: Part) -> Floats:
    """A part of a window of a field that was measured at every `HALF`th pixel: (rows, columns) float32, linear in between."""
    low = [max(0, side.start // HALF - 1) for side in part]
    high = [-(-side.stop // HALF) + 1 for side in part]
    small = field[low[0] : high[0], low[1] : high[1]]
    large = cv2.resize(small, None, fx=HALF, fy=HALF, interpolation=cv2.INTER_LINEAR)
    rows, columns = (slice(side.start - HALF * first, side.stop - HALF * first) for side, first in zip(part, low, strict=True))
    return np.asarray(large[rows, columns], np.float32)


class Canvas:
    """The box of a picture that moves, and the maps of each frame over it.

    Movement is drawn twice: coarsely over the whole box, where hair and neck move smoothly, and finely over the face.

    Args:
        box: (x, y, W, H) pixels of the picture.
        concerned: (H, W) bool over the whole picture: where moving makes a difference, because the person is there.
        still: pixels of movement that make none.
    """

    def __init__(self, box: Box, concerned: NDArray[np.bool_], still: float) -> None:
        self._box, self._still = box, still
        x, y, w, h = box
        self._coarse = _Grid(box, COARSE)
        there = concerned[y : y + h, x : x + w].astype(np.float32)
        self._there = (cv2.resize(there, self._coarse.size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)

    def maps(self, vertices: Floats, values: Floats, triangles: NDArray[np.int32], face: Floats) -> Maps:
        """Draw one frame's mesh.

        Args:
            vertices, values, triangles: as for `draw`, the values being source x, source y and a kind.
            face: (N, 2 or more) pixels: points around which movement is drawn finely.
        """
        grid = self._coarse
        coarse, came = grid.fields(vertices, values, triangles, self._there)
        changes = (coarse[2] > self._still) & ((self._there > 0) | (came > 0))
        fine = _Grid(_around(face, self._box), FINE)
        window = _union(fine.box, grid.window(cv2.boundingRect(changes.astype(np.uint8))))
        fields = grid.enlarged(coarse, window)
        x, y, w, h = fine.box
        inner = np.s_[y - window[1] : y - window[1] + h, x - window[0] : x - window[0] + w]
        for field, finer in zip(fields, fine.enlarged(fine.fields(vertices, values, triangles)[0], fine.box), strict=True):
            field[inner] = finer
        across, down, moved, kind = fields
        across += np.arange(window[0], window[0] + window[2], dtype=np.float32)[None]
        down += np.arange(window[1], window[1] + window[3], dtype=np.float32)[:, None]
        return Maps(window, across, down, moved, kind)


Fields: TypeAlias = tuple[Floats, ...]
"""Arrays (h, w) float32 of one grid, each by itself: joining and parting them costs more than whatever is done with them."""


class _Grid:
    """Pixels over a box of a picture, as many as the picture's or fewer.

    Args:
        box: (x, y, W, H) pixels of the picture.
        side: pixels of the grid along the box's longer side, at most.
    """

    def __init__(self, box: Box, side: int) -> None:
        self.box = box
        x, y, w, h = box
        self._scale = min(1.0, side / max(w, h))
        self.size = (max(1, round(w * self._scale)), max(1, round(h * self._scale)))
        self._step = (w / self.size[0], h / self.size[1])
        self._columns = (x + (np.arange(self.size[0], dtype=np.float32) + 0.5) * np.float32(self._step[0]))[None]
        self._rows = (y + (np.arange(self.size[1], dtype=np.float32) + 0.5) * np.float32(self._step[1]))[:, None]

    def fields(
        self, vertices: Floats, values: Floats, triangles: NDArray[np.int32], there: NDArray[np.uint8] | None = None
    ) -> tuple[Fields, NDArray[np.uint8]]:
        """Movement in x and y, its larger amount, and the kind; and what `there` was at the sources."""
        x, y, kind = cv2.split(draw(vertices, values, triangles, self.box, self._scale))
        empty = x == NOTHING
        came = np.zeros((0, 0), np.uint8)
        if there is not None:
            column, row = ((a - b) / np.float32(s) - 0.5 for a, b, s in zip((x, y), self.box, self._step, strict=False))
            came = np.asarray(cv2.remap(there, column, row, cv2.INTER_LINEAR), np.uint8)
        # Movement instead of place: it is zero where nothing was drawn and enlarges without steps.
        x -= self._columns
        y -= self._rows
        x[empty] = y[empty] = kind[empty] = 0
        moved = cv2.max(np.abs(x), np.abs(y))
        return tuple(np.asarray(field, np.float32) for field in (x, y, moved, kind)), came

    def window(self, small: Sequence[int]) -> Box:
        """The box of the picture that a rectangle (x, y, W, H) of the grid covers, with one grid pixel of margin."""
        low = [max(0, int((v - 1) * s)) for v, s in zip(small[:2], self._step, strict=True)]
        high = [
            min(b, int((v + n + 1) * s) + 1) for v, n, s, b in zip(small[:2], small[2:], self._step, self.box[2:], strict=True)
        ]
        return self.box[0] + low[0], self.box[1] + low[1], max(0, high[0] - low[0]), max(0, high[1] - low[1])

    def enlarged(self, fields: Fields, window: Box) -> Fields:
        """The fields over a window of the picture, at the picture's own size."""
        if self._scale == 1 and window == self.box:
            return fields
        x, y, w, h = window
        whole = self.box[2:]
        if w * h * CROPPED > whole[0] * whole[1]:
            rows, columns = (slice(a - b, a - b + n) for a, b, n in ((y, self.box[1], h), (x, self.box[0], w)))
            return tuple(np.asarray(cv2.resize(field, whole)[rows, columns], np.float32) for field in fields)
        start = [(a - b + 0.5) / s - 0.5 for a, b, s in zip((x, y), self.box, self._step, strict=False)]
        back = np.array([[1 / self._step[0], 0, start[0]], [0, 1 / self._step[1], start[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        large = (cv2.warpAffine(field, back, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE) for field in fields)
        return tuple(np.asarray(field, np.float32) for field in large)


def _around(points: Floats, box: Box) -> Box:
    """The part of a box that holds all points, with a margin; at least one pixel of the box."""
    limit = np.array([box[0] + box[2], box[1] + box[3]])
    low = np.clip(np.floor(points[:, :2].min(0)).astype(int) - MARGIN, box[:2], limit - 1)
    high = np.clip(np.ceil(points[:, :2].max(0)).astype(int) + MARGIN, low + 1, limit)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _union(one: Box, other: Box) -> Box:
    """The smallest box (x, y, W, H) around two; a box without area counts for nothing."""
    if not other[2] or not other[3]:
        return one
    x, y = min(one[0], other[0]), min(one[1], other[1])
    return x, y, max(one[0] + one[2], other[0] + other[2]) - x, max(one[1] + one[3], other[1] + other[3]) - y
