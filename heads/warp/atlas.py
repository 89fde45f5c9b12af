"""The face unrolled: one sheet on which every portrait of a person lies in the same place.

The skin is laid out as the first portrait's would be seen from straight ahead, with the nearest rings around it; what lies
between the lips and between the lids has a patch of its own below. A point of the sheet is the same point of the face in every
portrait and in every frame, so pictures of one person can be mixed there, and nothing on it hides anything else.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh, rigid
from heads.base import Floats, Portrait
from heads.shares import crossed, shares
from heads.warp import layout

SIDE = 256
"""Pixels of the sheet's side: a lid is three of them high in most portraits."""

BELOW = 64
"""Rows below the skin for mouth and eyes."""

RINGS = 3
"""Rings around the face that are laid out: as far as ears and the rim of the hair; what lies beyond is the first portrait's."""

WIDENING = (1.12, 1.28, 1.5)
"""Size of each ring on the sheet over the face's oval."""

APART = 0.14
"""Least distance of two lips or lids on the sheet, in distances between the outer eye corners: what lies on one of them is not
mixed with what lies on the other where a portrait's touch."""

MARGIN = 4
"""Pixels of the sheet that stay free around the skin."""

BEHIND = 0.03
"""How far mouth and eyes lie behind the skin in a frame, in distances between the outer eye corners."""

OPENINGS = (mesh.LIPS_INNER, mesh.RIGHT_EYE, mesh.LEFT_EYE)
"""Contours of what has a patch of its own: `heads.mesh` gives their landmarks."""

_CENTRES = (None, mesh.RIGHT_IRIS[0], mesh.LEFT_IRIS[0])
"""Landmark in the middle of each; None: the mean of its contour."""

_PATCHES = ((0.25, 0.22), (0.61, 0.12), (0.87, 0.12))
"""Middle and half width of their patches, in sides of the sheet."""

_OVAL = list(mesh.FACE_OVAL)


def borders(step: int) -> list[int]:
    """Columns of every `step`-th pixel of the sheet where one patch of mouth and eyes ends and the next begins."""
    ends = [(a + b + c - d) / 2 for (a, b), (c, d) in pairwise(_PATCHES)]
    return [round(end * SIDE / step) for end in ends]


class Atlas:
    """The sheet of one person, made from the first portrait.

    Args:
        portrait: the first one.
    """

    def __init__(self, portrait: Portrait) -> None:
        self.points = portrait.face.points
        shape = layout.build(self.points, portrait.matte)
        count = RINGS * len(_OVAL)
        self._rings, self._share = shape.rest[mesh.SURFACE : mesh.SURFACE + count], shape.expression[:count]
        skin, self.scale = _skin(self.points, portrait.face.pose)
        patches = [_patch(loop, *where) for loop, where in zip(OPENINGS, _PATCHES, strict=True)]
        self.places: Floats = np.concatenate([skin, *patches]).astype(np.float32)
        """(V, 2) pixels of the sheet: skin (468), rings, then for mouth and eyes the contour and its middle."""
        triangles, at = [mesh.triangles(), layout.bands(_OVAL, mesh.SURFACE, RINGS)], len(skin)
        for loop in OPENINGS:
            triangles.append(layout.fan(at, len(loop)))
            at += len(loop) + 1
        self.triangles: NDArray[np.int32] = np.concatenate(triangles).astype(np.int32)
        self.skin = len(skin)
        """Vertices of skin and rings; the others are those of mouth and eyes."""
        _, self._corners, self._shares = shares(self.places, self.triangles, (SIDE, SIDE + BELOW), beyond=True)

    def below(self, values: Floats) -> Floats:
        """(V - skin, C): for the vertices of mouth and eyes what the same landmarks of the skin have in `values` (V, C)."""
        parts = []
        for loop in OPENINGS:
            contour = values[list(loop)]
            parts += [contour, contour.mean(0, keepdims=True)]
        return np.concatenate(parts).astype(np.float32)

    def vertices(self, points: Floats, rings: Floats) -> Floats:
        """(V, 3) float32: where the sheet's vertices are in a picture.

        Args:
            points: (478, 3) landmarks in it, pixels.
            rings: (R, 3) the rings' vertices in it (`rings`, or those of a frame's own layout).
        """
        parts = [points[: mesh.SURFACE], rings]
        back = np.array([0, 0, BEHIND * mesh.eye_distance(points)], np.float32)
        for loop, centre in zip(OPENINGS, _CENTRES, strict=True):
            contour = points[list(loop)]
            middle = contour.mean(0) if centre is None else points[centre]
            parts += [contour + back, middle[None] + back]
        return np.concatenate(parts).astype(np.float32)

    def rings(self, points: Floats) -> Floats:
        """(R, 3) float32: the rings in another picture of the person, where the whole head goes with the skull.

        Args:
            points: (478, 3) landmarks in it, pixels.
        """
        skull = rigid.fit_face(self.points, points)
        oval = points[_OVAL] - skull.apply(self.points[_OVAL])
        moved = skull.apply(self._rings) + self._share[:, None] * np.tile(oval, (RINGS, 1))
        return np.asarray(moved, np.float32)

    def laid(self, values: Floats) -> Floats:
        """(SIDE + BELOW, SIDE, C) float32: values (V, C) of the vertices over the sheet, also a little beyond its edges."""
        corners = values[self._corners]
        return np.asarray(np.einsum("pkc,pk->pc", corners, self._shares).reshape(SIDE + BELOW, SIDE, -1), np.float32)

    def face_mask(self) -> NDArray[np.uint8]:
        """(SIDE, SIDE) 1 within the face's oval, else 0."""
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [np.rint(self.places[_OVAL]).astype(np.int32)], 1)
        return mask

    def skin_mask(self) -> NDArray[np.uint8]:
        """The same with 0 between lips and lids."""
        mask = self.face_mask()
        for loop in OPENINGS:
            cv2.fillPoly(mask, [np.rint(self.places[list(loop)]).astype(np.int32)], 0)
        return mask

    def density(self, vertices: Floats) -> Floats:
        """(V,) float32: how many pixels of a picture each vertex' surroundings have, over those of the first portrait's front.

        Negative where they are seen from behind, which is hidden by something else.
        """
        now, rest = (_areas(p[:, :2].astype(np.float64), self.triangles) for p in (vertices, self.places))
        flat = np.abs(rest) < 1e-3
        ratio = np.where(flat, 1.0, now / np.where(flat, 1.0, rest)) * self.scale**2
        total, count = (np.zeros(len(vertices)) for _ in range(2))
        np.add.at(total, self.triangles, ratio[:, None])
        np.add.at(count, self.triangles, 1)
        return np.asarray(total / np.maximum(count, 1), np.float32)


def _skin(points: Floats, pose: Floats) -> tuple[Floats, float]:
    """Places of skin and rings on the sheet, and pixels of the sheet per pixel of the portrait."""
    front = _opened(((points[: mesh.SURFACE] - points[list(mesh.STABLE)].mean(0)) @ pose)[:, :2].astype(np.float64))
    rings = [widening * front[_OVAL] for widening in WIDENING]
    all_of_it = np.concatenate([front, *rings])
    low, high = all_of_it.min(0), all_of_it.max(0)
    scale = (SIDE - 2 * MARGIN) / float((high - low).max())
    return np.asarray((all_of_it - (low + high) / 2) * scale + SIDE / 2, np.float32), scale


def _opened(face: NDArray[np.float64]) -> NDArray[np.float64]:
    """A face (468, 2) from the front with lips and lids apart; the skin around gives way evenly, its edge stays.

    Evenly: every other vertex moves as the mean of its neighbours (a harmonic field on the mesh).
    """
    move = np.zeros(mesh.SURFACE)
    held = np.zeros(mesh.SURFACE, bool)
    held[_OVAL] = True
    for pairs in (mesh.LIP_PAIRS, mesh.LID_PAIRS[:7], mesh.LID_PAIRS[7:]):
        upper, lower = np.array(pairs).T
        arch = np.sin(np.pi * np.arange(1, len(pairs) + 1) / (len(pairs) + 1))
        lacking = np.maximum(APART * mesh.eye_distance(face) * arch - (face[lower, 1] - face[upper, 1]), 0) / 2
        move[upper], move[lower] = -lacking, lacking
        held[upper] = held[lower] = True
    # Lips keep their thickness: their outer edge goes with the inner one.
    for outer, inner in ((mesh.LIPS_OUTER[1:10], mesh.LIPS_INNER[1:10]), (mesh.LIPS_OUTER[11:], mesh.LIPS_INNER[11:])):
        move[list(outer)] = move[list(inner)]
        held[list(outer)] = True
    a, b = mesh.triangles()[:, [0, 1, 2, 1, 2, 0]].reshape(-1, 2, 3).transpose(1, 0, 2).reshape(2, -1)
    joined = np.zeros((mesh.SURFACE, mesh.SURFACE))
    joined[a, b] = joined[b, a] = 1
    pull = np.diag(joined.sum(1)) - joined
    free = ~held
    move[free] = np.linalg.solve(pull[np.ix_(free, free)], -pull[np.ix_(free, held)] @ move[held])
    out = face.copy()
    out[:, 1] += move
    return out


def _patch(loop: tuple[int, ...], middle: float, width: float) -> Floats:
    """Places of a contour (n + 1, 2): an ellipse, from the corner that is at the left or right in a picture, and its middle."""
    angle = np.pi - 2 * np.pi * np.arange(len(loop)) / len(loop)
    # The subject's left eye is listed from the outer corner, which is at the picture's right.
    across = -np.cos(angle) if loop is mesh.LEFT_EYE else np.cos(angle)
    centre = np.array([middle * SIDE, SIDE + BELOW / 2])
    ellipse = centre + np.column_stack([width * SIDE * across, (BELOW / 2 - MARGIN) * np.sin(angle)])
    return np.concatenate([ellipse, centre[None]]).astype(np.float32)


def _areas(points: NDArray[np.floating], triangles: NDArray[np.int32]) -> NDArray[np.floating]:
    """Twice the signed area of each triangle."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return crossed(b - a, c - a)
