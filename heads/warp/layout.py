"""The mesh that is drawn: the face, rings of hair and neck around it, eyeballs and the mouth's inside behind it.

Landmarks stop at the face's edge; a head does not. Rings around the face oval, set back in depth like a skull and reaching to
where the person's matte ends, turn with the head; towards the shoulders they stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats
from heads.warp import raster
from heads.warp.eyes import EYES
from heads.warp.transfer import Placed

RING_REACH = (0.12, 0.35, 0.65, 1.0, 2.0)
"""How far out each ring lies: share of the way from the oval (0) to the head's outline (1); the last one does not move."""

RING_DEPTH = (0.10, 0.26, 0.42, 0.50, 0.50)
"""How far behind the oval each ring lies, in distances between the outer eye corners: half a head's depth at the outline
(a head is about as deep as two such distances: Farkas, "Anthropometry of the Head and Face", 1994)."""

RING_EXPRESSION = (1.0, 0.8, 0.5, 0.2, 0.0)
"""Share of the oval's expression (a jaw that drops) that each ring follows."""

RING_NEAR = (1.0, 1.0, 0.5, 0.0, 0.0)
"""Which rings lie so near to the face that they show its sides: they have no gaps, and may be softened."""

RING_FOLLOW = (1.0, 1.0, 0.95, 0.8, 0.0)
"""Share of the skull's motion that each ring takes part in: what the landmarks say of a head's turn is partly the expression's,
and hair that hangs stays behind. Of eight settings the one with the best whole frames that keeps a turned head solid."""

HEAD_REACH = 0.65
"""Least distance from the oval to the head's outline, as a share of the distance from the face's centre to the oval."""

HEAD_LIMIT = 1.7
"""Largest such distance: a hat or a bun, but not a curtain behind it."""

NECK = (-0.4, 0.1)
"""Below the chin, in face heights: where neck and hanging hair begin to stay behind and where nothing moves any more."""

RING_NECK = (0.3, 0.7, 1.0, 1.0, 1.0)
"""Share of that staying behind which each ring takes part in: the skin right beside the jaw goes with it. These, the rings'
expression and reach: of some twenty settings those with the best whole frames over six clips of people who talk."""

CUT = 0.5
"""Matte at a picture's edge from which the person is cut off there."""

EDGE = 0.5
"""Distance from such an edge, in distances between the outer eye corners, from which everything follows again."""

HIDDEN = (0.35, 0.0)
"""Cosine between the skin's normal and the view between which a place counts as hidden in the portrait."""

SHOWN = (0.1, 0.35)
"""Rise of that cosine over which a turn brings a hidden place wholly into view."""

DRAWN = 0.06
"""How far from inside the outline the texels of such a place then come, in distances between the outer eye corners: the skin
next to it is drawn over it, and what lies beyond the outline (an ear, hair, the background) stays beyond."""

DEEP, ALONG = 0.14, 0.15
"""Distance from the outline, in the same unit, over which that dies away inside it, and over which it is evened along it."""

RING_DRAWN = (0.9, 0.6, 0.2, 0.0, 0.0)
"""Share of that in which each ring follows its oval landmark."""

EYE_BEHIND = 0.03
"""How far eyeballs lie behind the lids, in distances between the outer eye corners."""

MOUTH_BEHIND = 0.06
"""How far the mouth's inside lies behind the lips, in the same unit."""


EYE_VERTICES = 16 + 1
"""Vertices of an eyeball: a rim a little outside the lids' contour, and its middle."""

EYE_MARGIN = 1.15
"""Size of the rim over the contour: the lids lie over it, so no crack opens where they slide."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A portrait's mesh at rest."""

    source: Floats
    """(V, 3) float32 for `raster.draw`: x, y in pixels of the portrait; 1 in the mouth, -1 on eyeballs,
    `raster.AROUND_FACE` on the rings, else 0."""
    triangles: NDArray[np.int32]
    """(F, 3)"""
    rest: Floats
    """(V, 3) float32 pixels, z away."""
    follow: Floats
    """(R,) float32, how far each ring vertex goes with the skull, 0 … 1."""
    expression: Floats
    """(R,) float32, how far each ring vertex follows the expression of its oval landmark."""
    iod: float
    """Distance between the outer eye corners, pixels."""
    normals: Floats
    """(S, 3) float32, unit, of the skin and the rings at rest; z is negative towards the viewer."""
    inward: Floats
    """(S, 2) float32 pixels: where, from each of these, the texels of what was hidden come from."""

    def sources(self, placed: Placed) -> Floats:
        """(V, 3) float32: `source`, with what a turn brings into view taken from beside what hid it."""
        rise = self.normals[:, 2] - self.normals @ placed.skull.rotation[2].astype(np.float32)
        out = self.source.copy()
        out[: len(self.inward), :2] += np.clip((rise - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0, 1)[:, None] * self.inward
        return out

    def moved(self, placed: Placed) -> Floats:
        """(V, 3) float32 pixels: where every vertex goes."""
        out = np.empty_like(self.rest)
        out[: mesh.SURFACE] = placed.points[: mesh.SURFACE]
        oval = list(mesh.FACE_OVAL)
        rings = self.rest[mesh.SURFACE : mesh.SURFACE + len(self.follow)]
        rigid_rings = placed.skull.apply(rings)
        rigid_oval = placed.skull.apply(self.rest[oval])
        extra = np.tile(placed.points[oval] - rigid_oval, (len(self.follow) // len(oval), 1))
        goal = rigid_rings + self.expression[:, None] * extra
        out[mesh.SURFACE : mesh.SURFACE + len(self.follow)] = rings + self.follow[:, None] * (goal - rings)
        at = mesh.SURFACE + len(self.follow)
        for eye, _ in EYES:
            out[at : at + EYE_VERTICES] = self._eye(placed, self.rest[at : at + EYE_VERTICES], placed.points[list(eye)])
            at += EYE_VERTICES
        lips = placed.points[list(mesh.LIPS_INNER)]
        out[at : at + len(lips)] = lips
        out[at + len(lips)] = lips.mean(0)
        out[at : at + len(lips) + 1, 2] += MOUTH_BEHIND * self.iod
        return out

    def _eye(self, placed: Placed, rest: Floats, lids: Floats) -> Floats:
        """An eyeball's vertices go with the skull; where the lids open wider than in the portrait the rim goes with them."""
        out = placed.skull.apply(rest)
        rim, centre = out[:-1], out[-1]
        reach, wanted = (np.linalg.norm((x - centre)[:, :2], axis=1) for x in (rim, lids))
        out[:-1] = centre + (rim - centre) * np.maximum(EYE_MARGIN * wanted / np.maximum(reach, 1e-3), 1)[:, None]
        out[:, 2] += EYE_BEHIND * self.iod
        return out.astype(np.float32)


def build(points: Floats, matte: Floats) -> Layout:
    """Lay the mesh over a portrait.

    Args:
        points: (478, 3) float32 landmarks, pixels.
        matte: (H, W) float32 0 … 1, 1 where the person is.
    """
    iod = mesh.eye_distance(points)
    rings, follow, expression = _rings(points, matte, iod)
    eyes = [_eyeball(points, eye) for eye, _ in EYES]
    lips = points[list(mesh.LIPS_INNER)]
    mouth = np.concatenate([lips, lips.mean(0, keepdims=True)])
    rest = np.concatenate([points[: mesh.SURFACE], rings, *eyes, mouth]).astype(np.float32)
    inside = np.zeros(len(rest), np.float32)
    inside[-len(mouth) :] = 1
    inside[mesh.SURFACE + len(rings) : -len(mouth)] = -1
    inside[list(mesh.FACE_OVAL)] = raster.AROUND_FACE / 2
    inside[mesh.SURFACE : mesh.SURFACE + len(rings)] = raster.AROUND_FACE * np.repeat(RING_NEAR, len(mesh.FACE_OVAL))
    source = np.stack([rest[:, 0], rest[:, 1], inside], 1)
    at = mesh.SURFACE + len(rings)
    triangles = [mesh.triangles(), bands(list(mesh.FACE_OVAL), mesh.SURFACE, len(RING_REACH))]
    for _ in EYES:
        triangles.append(fan(at, EYE_VERTICES - 1))
        at += EYE_VERTICES
    triangles.append(fan(at, len(lips)))
    normals, inward = _hidden(points, iod)
    return Layout(source, np.concatenate(triangles).astype(np.int32), rest, follow, expression, iod, normals, inward)


def _hidden(points: Floats, iod: float) -> tuple[Floats, Floats]:
    """Normals (S, 3) of skin and rings, and for those that look away from the viewer a way (S, 2) to what he sees."""
    face = points[: mesh.SURFACE].astype(np.float64)
    normals = mesh.normals(face)
    low, high = HIDDEN
    away = np.clip((low + normals[:, 2]) / (low - high), 0, 1)
    # Inwards in the picture: against the part of the normal that lies in it.
    across = normals[:, :2] / np.maximum(np.linalg.norm(normals[:, :2], axis=1, keepdims=True), 1e-6)
    # A smooth field that dies away from the outline more slowly than it is large: texels keep their order, none comes twice.
    oval = list(mesh.FACE_OVAL)
    apart = np.linalg.norm(face[:, None, :2] - face[None, oval, :2], axis=2) / iod
    weight = np.exp(-((apart / ALONG) ** 2))
    side = weight @ (away[oval, None] * across[oval]) / np.maximum(weight.sum(1, keepdims=True), 1e-9)
    inward = -DRAWN * iod * np.exp(-apart.min(1) / DEEP)[:, None] * side
    rings = [share * inward[oval] for share in RING_DRAWN]
    turned = [normals[oval]] * len(RING_DRAWN)
    return np.concatenate([normals, *turned]).astype(np.float32), np.concatenate([inward, *rings]).astype(np.float32)


def _rings(points: Floats, matte: Floats, iod: float) -> tuple[Floats, Floats, Floats]:
    """The ring vertices (R, 3), how far each follows the skull (R,), and the expression (R,)."""
    oval = points[list(mesh.FACE_OVAL)]
    centre = points[list(mesh.STABLE)].mean(0)
    top, chin = points[10, :2], points[152, :2]
    height = float(np.linalg.norm(chin - top))
    down = (chin - top) / height
    ray = (oval - centre)[:, :2]
    length = np.linalg.norm(ray, axis=1)
    # Only above the mouth does the matte say where the head ends: below there are neck and shoulders.
    upward = -(ray / length[:, None]) @ down
    reach = np.where(upward > -0.2, _outline(matte, oval[:, :2], ray), HEAD_REACH)
    reach = _evened(np.clip(reach, HEAD_REACH, HEAD_LIMIT))
    rings, follow, expression = [], [], []
    each = zip(RING_REACH, RING_DEPTH, RING_EXPRESSION, RING_NECK, RING_FOLLOW, strict=True)
    for out, depth, share, hold, goes in each:
        ring = oval.copy()
        ring[:, :2] += (out * reach)[:, None] * ray
        ring[:, 2] += depth * iod
        below = ((ring[:, :2] - chin) @ down) / height
        x = np.clip((below - NECK[0]) / (NECK[1] - NECK[0]), 0, 1)
        follow.append(goes * (1 - hold * x * x * (3 - 2 * x)))
        expression.append(np.full(len(oval), share))
        follow[-1] = follow[-1] * _inside(ring, matte, iod)
        rings.append(ring)
    return np.concatenate(rings), np.concatenate(follow).astype(np.float32), np.concatenate(expression).astype(np.float32)


def _inside(ring: Floats, matte: Floats, iod: float) -> Floats:
    """(36,) 0 … 1: how far each vertex of a ring may move for the picture's edges.

    Where the person is cut off by an edge, nothing beyond it can follow: what is there stays, and is stretched rather than
    made up.
    """
    height, width = matte.shape
    x, y = (np.clip(ring[:, i].astype(int), 0, limit - 1) for i, limit in ((0, width), (1, height)))
    share = np.ones(len(ring))
    # The matte at the point of each edge that is nearest to the vertex.
    edges = ((ring[:, 0], matte[y, 0]), (width - ring[:, 0], matte[y, -1]), (ring[:, 1], matte[0, x]))
    for distance, there in edges:
        share = np.where(there > CUT, np.minimum(share, np.clip(distance / (EDGE * iod), 0, 1)), share)
    return share.astype(np.float32)


def _outline(matte: Floats, oval: Floats, ray: Floats) -> Floats:
    """(36,) how far beyond the oval the matte goes on without a gap, as a share of each ray's length."""
    steps = np.linspace(0, HEAD_LIMIT, 64)
    at = oval[:, None] + steps[None, :, None] * ray[:, None]
    h, w = matte.shape
    x, y = np.clip(at[..., 0].round().astype(int), 0, w - 1), np.clip(at[..., 1].round().astype(int), 0, h - 1)
    person = matte[y, x] > 0.3
    first_gap = np.where(person.all(1), len(steps) - 1, np.argmin(person, axis=1))
    # A margin, so that the outline itself and its soft edge turn with the head.
    return np.asarray(steps[first_gap] * 1.08 + 0.08, np.float32)


def _evened(reach: Floats) -> Floats:
    """Smooth a closed curve of radii over neighbours, outwards rather than inwards, so that rings have no spikes."""
    for _ in range(4):
        around = (np.roll(reach, 1) + 2 * reach + np.roll(reach, -1)) / 4
        reach = np.maximum(around, 0.5 * (reach + around))
    return reach


def _eyeball(points: Floats, eye: tuple[int, ...]) -> Floats:
    """Vertices of one eyeball (EYE_VERTICES, 3): the rim around the lids' contour and the middle."""
    lids = points[list(eye)]
    centre = lids.mean(0)
    return np.concatenate([centre + EYE_MARGIN * (lids - centre), centre[None]])


def bands(oval: list[int], first: int, rings: int) -> NDArray[np.int32]:
    """Triangles between the oval and the first ring, and between each ring and the next."""
    n, out = len(oval), []
    loops = [oval] + [list(range(first + k * n, first + (k + 1) * n)) for k in range(rings)]
    for inner, outer in pairwise(loops):
        for i in range(n):
            j = (i + 1) % n
            out += [(inner[i], inner[j], outer[i]), (inner[j], outer[j], outer[i])]
    return np.array(out, np.int32)


def fan(at: int, count: int) -> NDArray[np.int32]:
    """Triangles of a loop of `count` vertices from `at` around a centre that follows them."""
    return np.array([(at + i, at + (i + 1) % count, at + count) for i in range(count)], np.int32)
