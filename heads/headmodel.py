"""The free 3-D head: shapes, expressions and the places of the 478 landmarks on it.

Data: MakeHuman's base mesh and targets (MPFB2) and the "Face Units" of Mika Suominen, both CC0 1.0, packed into
`weights/headmodel.safetensors` by `weights/make_headmodel.py`, which tells how each array came about. Identities are the
principal components of 320 random heads (160 and their mirror images); the landmarks' places were found by letting the
tracker look at renders of known heads.

Conventions: x right in the picture, y down, z away from the viewer; the unit is the distance of the outer corners of the
mean head's eyes (landmarks 33 and 263), about 9.2 cm; the origin lies midway between the mean head's eyeballs; turned by
the identity the head looks straight at the viewer, as the tracker sees it. The subject's left is at x > 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heads.base import POINTS, SHAPES, Floats, HeadError

SKIN, MOUTH, LEFT_EYE, RIGHT_EYE, UPPER_TEETH, LOWER_TEETH, TONGUE, LASHES = range(8)
"""Numbers in `HeadModel.part`; MOUTH is the skin inside the mouth, LEFT and RIGHT are the subject's own."""

ARCHETYPES = tuple(
    f"{race}-{sex}-{age}"
    for race in ("african", "asian", "caucasian")
    for sex in ("female", "male")
    for age in ("child", "young", "old")
)
"""MakeHuman's names of its macro shapes: typical heads to start from, no statement about anybody."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadModel:
    """A head and how it may differ and move: vertices = mean + identity · components + expression · units.

    V vertices, T triangles, K identity components. Arrays are shared and read-only.
    """

    mean: Floats
    """(V, 3) the mean head at rest: skin down to the chest, inside of the mouth, eyeballs, teeth, tongue, lashes."""
    identity: Floats
    """(K, V, 3) main ways in which heads differ, largest first; weights of a random person are standard normal."""
    archetypes: Floats
    """(18, K) identity weights of the macro shapes, in the order of `ARCHETYPES`."""
    units: Floats
    """(52, V, 3) move of each blendshape at full strength, in the order of `heads.mesh.BLENDSHAPES`; row 0 is zero."""
    tongue_out: Floats
    """(V, 3) move of the tongue put out, which is not among the 52."""
    triangles: NDArray[np.int32]
    """(T, 3) corners; (b - a) x (c - a) points outwards. Triangles 2i and 2i + 1 are one quad, (a, b, c), (a, c, d)."""
    part: NDArray[np.uint8]
    """(T,) part of each triangle, from SKIN to LASHES."""
    vertex_part: NDArray[np.uint8]
    """(V,) part of each vertex; on the border of skin and mouth it is SKIN."""
    lips: Floats
    """(V,) in [0, 1]: 1 on the red of the lips."""
    sky: Floats
    """(V,) in [0, 1]: share of the surroundings that a vertex of the resting mean head sees (ambient occlusion)."""
    twin: NDArray[np.int32]
    """(V,) vertex at the mirror image across the middle of the face."""
    landmark_corners: NDArray[np.int32]
    """(478, 3) vertices of the triangle that a landmark lies in; iris points lie on the eyeballs."""
    landmark_weights: Floats
    """(478, 3) its weights in that triangle, not negative, sum 1."""
    landmark_twin: NDArray[np.int32]
    """(478,) landmark at the mirror image."""
    landmark_mean: Floats
    """(478, 3) landmarks of the mean head at rest."""
    landmark_identity: Floats
    """(K, 478, 3) how the landmarks move with the identity."""
    landmark_units: Floats
    """(52, 478, 3) how the landmarks move with the expression."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> HeadModel:
        """The model from the arrays of `headmodel.safetensors`, as safetensors loads them.

        Raises:
            HeadError: an array is missing or has a shape that does not fit the others.
        """
        missing = [name for name in _NAMES if name not in arrays]
        if missing:
            raise HeadError(
                f"The head model lacks {', '.join(missing)}. It needs all of {', '.join(_NAMES)}. "
                "Get weights/headmodel.safetensors anew, or make it with weights/make_headmodel.py."
            )
        mean = np.asarray(arrays["mean"], np.float32)
        starts = np.asarray(arrays["unit_starts"], np.int64)
        corners = np.asarray(arrays["landmark_corners"], np.int32)
        if len(starts) != SHAPES + 2 or corners.shape != (POINTS, 3) or arrays["identity"].shape[1:] != mean.shape:
            raise HeadError(
                f"The head model has {len(starts) - 2} units, landmarks of shape {corners.shape} and components of shape "
                f"{arrays['identity'].shape} for {len(mean)} vertices. It needs {SHAPES} units, landmarks ({POINTS}, 3) and "
                "components (K, V, 3). Get weights/headmodel.safetensors anew."
            )
        moves = np.zeros((SHAPES + 1, *mean.shape), np.float32)
        for row, (first, last) in enumerate(pairwise(starts.tolist())):
            moves[row, arrays["unit_vertices"][first:last]] = arrays["unit_moves"][first:last]
        identity = np.asarray(arrays["identity"], np.float32)
        weights = np.asarray(arrays["landmark_weights"], np.float32)
        triangles, part = np.asarray(arrays["triangles"], np.int32), np.asarray(arrays["part"], np.uint8)
        vertex_part = np.full(len(mean), LASHES, np.uint8)
        np.minimum.at(vertex_part, triangles, part[:, None])
        units = moves[:SHAPES]
        fields: tuple[Any, ...] = (
            mean,
            identity,
            np.asarray(arrays["archetypes"], np.float32),
            units,
            moves[SHAPES],
            triangles,
            part,
            vertex_part,
            np.asarray(arrays["lips"], np.float32) / 255,
            np.asarray(arrays["sky"], np.float32) / 255,
            np.asarray(arrays["twin"], np.int32),
            corners,
            weights,
            np.asarray(arrays["landmark_twin"], np.int32),
            _pick(mean, corners, weights),
            _pick(identity, corners, weights),
            _pick(units, corners, weights),
        )
        for array in fields:
            array.flags.writeable = False
        return cls(*fields)

    def shape(self, identity: Floats | None = None, expression: Floats | None = None) -> Floats:
        """The vertices (V, 3) of a person, `identity` (K or fewer,) in standard deviations, with `expression` (52,) in [0, 1].

        None stands for zeros: the mean head, at rest.
        """
        vertices = self.mean.copy()
        if identity is not None:
            vertices += np.tensordot(np.asarray(identity, np.float32), self.identity[: len(identity)], 1)
        if expression is not None:
            used = np.flatnonzero(expression)
            vertices += np.tensordot(np.asarray(expression, np.float32)[used], self.units[used], 1)
        return vertices

    def landmarks(self, vertices: Floats) -> Floats:
        """The 478 landmarks of vertices (..., V, 3): (..., 478, 3) in the same unit."""
        return _pick(vertices, self.landmark_corners, self.landmark_weights)


_NAMES = (
    "mean",
    "identity",
    "archetypes",
    "triangles",
    "part",
    "lips",
    "sky",
    "twin",
    "landmark_corners",
    "landmark_weights",
    "landmark_twin",
    "unit_starts",
    "unit_vertices",
    "unit_moves",
)


def _pick(vertices: Floats, corners: NDArray[np.int32], weights: Floats) -> Floats:
    """Points inside triangles: vertices (..., V, 3) at corners (N, 3) with weights (N, 3), to (..., N, 3)."""
    return np.asarray(sum(vertices[..., corners[:, k], :] * weights[:, k, None] for k in range(3)), np.float32)
