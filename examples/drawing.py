"""Drawing by numbers: rasterising triangles, smooth subdivision, noise. What the rendered people are drawn with.

Screen space everywhere: (..., 3) with x right and y down in pixels and z away from the viewer in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_matrix, vstack

Floats = NDArray[np.float32]
Reals = NDArray[np.floating]
Ints = NDArray[np.int32]

FAR = 4000.0
"""Distance of the rasteriser's camera in pixels: far enough for a parallel projection, near enough for float32 depths."""
LATTICE = 48
"""Side of the noise lattice; noise repeats after this many periods."""


def rasterise(points: Floats, triangles: Ints, values: Floats, buffer: Floats, depth: Floats) -> None:
    """Draw triangles with three interpolated values per vertex into `buffer` (H, W, 3) where they are nearer than `depth`.

    Both buffers are changed in place; pixel centres lie at half numbers. Depth (H, W) is z + FAR, fill it with 2 FAR.
    """
    height, width = depth.shape
    place = np.empty_like(points)
    scale = 1 + points[:, 2] / FAR
    place[:, 0] = (points[:, 0] - width / 2) * scale
    place[:, 1] = (height / 2 - points[:, 1]) * scale
    place[:, 2] = -points[:, 2] - FAR
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    cv2.triangleRasterize(
        np.ascontiguousarray(place),
        np.ascontiguousarray(triangles),
        np.ascontiguousarray(values),
        buffer,
        depth,
        np.eye(4, dtype=np.float32),
        2 * np.arctan(height / 2 / FAR),
        50.0,
        2 * FAR,
        settings,
    )


@dataclass(frozen=True)
class Hit:
    """Which surface each of N covered pixels shows."""

    mask: NDArray[np.bool_]
    """(H, W) covered pixels; the other arrays follow its True entries."""
    triangle: Ints
    """(N,) index of the triangle."""
    weight: Floats
    """(N, 3) weights of its corners."""
    depth: Floats
    """(H, W) z + FAR, 2 FAR where nothing is."""

    def pick(self, triangles: Ints, values: Floats) -> Floats:
        """Values per vertex (V,) or (V, C), interpolated at the covered pixels."""
        corner, w = triangles[self.triangle], self.weight
        if values.ndim == 1:
            return np.asarray((values[corner] * w).sum(1), np.float32)
        return np.asarray(sum(values[corner[:, k]] * w[:, k, None] for k in range(3)), np.float32)


@lru_cache(maxsize=8)
def _numbers(count: int) -> tuple[Floats, Ints]:
    """What `see` draws instead of colours: two corner weights and the triangle's number; and the corners in a row."""
    code = np.zeros((count, 3, 3), np.float32)
    code[:, 0, 0] = code[:, 1, 1] = 1
    code[:, :, 2] = ((np.arange(count) + 1) / count)[:, None]
    return code.reshape(-1, 3), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def see(points: Floats, triangles: Ints, size: tuple[int, int]) -> Hit:
    """What a picture of `size` (width, height) of the mesh shows at each pixel."""
    width, height = size
    count = len(triangles)
    code, order = _numbers(count)
    buffer, depth = np.zeros((height, width, 3), np.float32), np.full((height, width), 2 * FAR, np.float32)
    flat = points[triangles].reshape(-1, 3)
    rasterise(flat, order, code, buffer, depth)
    mask = buffer[..., 2] > 0.5 / count
    inside = buffer[mask]
    number = np.clip(np.rint(inside[:, 2] * count).astype(np.int32) - 1, 0, count - 1)
    weight = np.stack([inside[:, 0], inside[:, 1], 1 - inside[:, 0] - inside[:, 1]], 1)
    return Hit(mask, number, np.clip(weight, 0, 1), depth)


def normals(points: Floats, triangles: Ints) -> Floats:
    """(V, 3) unit normals; they point where (b - a) x (c - a) points."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.stack([sum(np.bincount(triangles[:, k], face[:, axis], len(points)) for k in range(3)) for axis in range(3)], 1)
    return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12), np.float32)


def subdivide(quads: Ints, count: int) -> tuple[csr_matrix, Ints]:
    """One step of Catmull and Clark (1978) on quads (Q, 4) over `count` vertices, as a matrix (V', V) and quads (4 Q, 4)."""
    edges = np.stack([quads, np.roll(quads, -1, 1)], 2).reshape(-1, 2)
    key, owner = np.unique(np.sort(edges, 1), axis=0, return_inverse=True)
    owner = owner.reshape(-1, 4)
    faces, lines = len(quads), len(key)
    face = csr_matrix((np.full(4 * faces, 0.25), (np.arange(faces).repeat(4), quads.ravel())), (faces, count))
    touches = np.bincount(owner.ravel(), minlength=lines)
    middle = csr_matrix((np.full(2 * lines, 0.5), (np.arange(lines).repeat(2), key.ravel())), (lines, count))
    beside = csr_matrix((np.full(4 * faces, 0.5), (owner.ravel(), np.arange(faces).repeat(4))), (lines, faces)) @ face
    inner = (touches == 2).astype(float)
    edge = middle.multiply((1 - inner / 2)[:, None]) + beside.multiply((inner / 2)[:, None])
    rim = np.unique(key[touches == 1])
    valence = np.maximum(np.bincount(key.ravel(), minlength=count), 1)
    around = csr_matrix((np.ones(4 * faces), (quads.ravel(), np.arange(faces).repeat(4))), (count, faces)) @ face
    spokes = csr_matrix((np.ones(2 * lines), (key.ravel(), np.arange(lines).repeat(2))), (count, lines)) @ middle
    own = csr_matrix((np.ones(count), (np.arange(count), np.arange(count))), (count, count))
    fans = np.maximum(np.bincount(quads.ravel(), minlength=count), 1)
    point = own.multiply(((valence - 3) / valence)[:, None]) + around.multiply((1 / (fans * valence))[:, None])
    point = point + spokes.multiply((2 / valence**2)[:, None])
    still = np.zeros(count)
    still[rim] = 1
    point = point.multiply((1 - still)[:, None]) + own.multiply(still[:, None])
    corner, before = quads, np.roll(owner, 1, 1)
    centre = np.arange(faces)[:, None].repeat(4, 1) + count + lines
    fine = np.stack([corner, count + owner, centre, count + before], 2).reshape(-1, 4)
    return csr_matrix(vstack([point, edge, face])), fine.astype(np.int32)


@lru_cache(maxsize=8)
def _lattice(seed: int) -> Floats:
    """Random numbers in [-1, 1] on a periodic lattice."""
    return np.random.default_rng(seed).uniform(-1, 1, (LATTICE,) * 3).astype(np.float32)


def noise(points: Reals, seed: int = 0, octaves: int = 1) -> Floats:
    """Smooth noise of about [-1, 1] at points (N, 3), one wave per unit and, with octaves, finer ones of half the strength."""
    total, strength, size = np.zeros(len(points), np.float32), 1.0, 0.0
    for octave in range(octaves):
        place = points.T * 2**octave + 17.3 * octave
        whole = np.floor(place)
        part = place - whole
        place = whole + part * part * (3 - 2 * part)
        total += strength * map_coordinates(_lattice(seed + octave), place, order=1, mode="grid-wrap")
        size += strength
        strength /= 2
    return np.asarray(total / size * 1.5, np.float32)


def smooth(low: float | Reals, high: float | Reals, value: Reals) -> Floats:
    """0 below low, 1 above high, an S between them; also the other way round where low > high."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def linear(colour: NDArray[np.floating] | tuple[float, float, float]) -> Floats:
    """sRGB in [0, 1] to linear light (IEC 61966-2-1, by its power approximation)."""
    return np.asarray(np.power(np.asarray(colour, np.float32), 2.2), np.float32)
