"""The rigid part of a face's motion: similarity fits between sets of landmarks, and rotations as vectors.

A moving face is written as `scale * rotation @ (rest + offset) + shift`: what the skull does, and what is left over for the
expression. Points are (…, N, 3), x right, y down, z away, any unit; rotations act on column vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heads import mesh

Array = NDArray[np.float64]

_SMALL_ANGLE = 1e-8
"""Radians below which a rotation vector is taken as zero: its axis would be noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """`x -> scale * rotation @ x + shift`, one or a batch (…) of them."""

    scale: Array
    """(…,) factor, > 0."""
    rotation: Array
    """(…, 3, 3) proper rotation."""
    shift: Array
    """(…, 3) in the unit of the target points."""

    def apply(self, points: NDArray[np.floating]) -> Array:
        """Move points (…, N, 3)."""
        turned = points @ np.swapaxes(self.rotation, -1, -2)
        return self.scale[..., None, None] * turned + self.shift[..., None, :]

    def undo(self, points: NDArray[np.floating]) -> Array:
        """The inverse of `apply`, points (…, N, 3)."""
        return (points - self.shift[..., None, :]) @ self.rotation / self.scale[..., None, None]


def fit(rest: NDArray[np.floating], moved: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Similarity:
    """Least-squares similarity from `rest` (N, 3) to `moved` (…, N, 3).

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13(4), 1991,
    equations 40 to 42, with optional weights (N,).
    """
    w = np.ones(len(rest)) if weights is None else np.asarray(weights, np.float64)
    w = w / w.sum()
    rest64, moved64 = np.asarray(rest, np.float64), np.asarray(moved, np.float64)
    centre, centres = w @ rest64, np.einsum("n,...nc->...c", w, moved64)
    r, m = rest64 - centre, moved64 - centres[..., None, :]
    covariance = np.einsum("n,...nc,nd->...cd", w, m, r)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.ones_like(d)
    sign[..., 2] = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vt
    scale = (d * sign).sum(-1) / np.einsum("n,nc,nc->", w, r, r)
    shift = centres - scale[..., None] * np.einsum("...cd,d->...c", rotation, centre)
    return Similarity(np.asarray(scale), rotation, shift)


def fit_face(rest: NDArray[np.floating], moved: NDArray[np.floating]) -> Similarity:
    """The skull's motion between two faces (478, 3) and (…, 478, 3), read from the landmarks that expressions move least."""
    stable = list(mesh.STABLE)
    return fit(rest[stable], moved[..., stable, :])


def to_vector(rotation: NDArray[np.floating]) -> Array:
    """Rotation matrices (…, 3, 3) to rotation vectors (…, 3), radians, for angles below pi (Rodrigues)."""
    r = np.asarray(rotation, np.float64)
    skew = 0.5 * np.stack([r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1)
    sine = np.linalg.norm(skew, axis=-1)
    angle = np.arctan2(sine, 0.5 * (np.trace(r, axis1=-2, axis2=-1) - 1))
    return skew * np.where(sine > _SMALL_ANGLE, angle / np.maximum(sine, _SMALL_ANGLE), 1.0)[..., None]


def to_matrix(vector: NDArray[np.floating]) -> Array:
    """Rotation vectors (…, 3), radians, to matrices (…, 3, 3) (Rodrigues)."""
    v = np.asarray(vector, np.float64)
    angle = np.linalg.norm(v, axis=-1)[..., None, None]
    axis = v / np.maximum(angle[..., 0], _SMALL_ANGLE)
    zero = np.zeros_like(axis[..., 0])
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    k = np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k))
