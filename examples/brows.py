"""Hair that moves with the face: brows, lashes and beard, strands whose points are tied to the surface of the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from examples.drawing import Floats, Ints, Reals, noise, see, smooth
from examples.hair import Body, Strands, scatter
from examples.skin import beard


@dataclass(frozen=True)
class Tied:
    """N strands of P points: point = weighted corners of the mesh + offset."""

    corners: Ints
    """(N, P, 3) vertices."""
    weights: Floats
    """(N, P, 3)"""
    offset: Floats
    """(N, P, 3)"""
    width: Floats
    """(N, P)"""
    tint: Floats
    """(N, P)"""

    def on(self, vertices: Floats) -> Strands:
        """The strands on a face with some expression, vertices (V, 3)."""
        at = sum(vertices[self.corners[..., k]] * self.weights[..., k, None] for k in range(3))
        return Strands(np.asarray(at + self.offset, np.float32), self.width, self.tint)


def brows(body: Body, thick: float, arch: float, seed: int, share: float = 1.0) -> Tied:
    """Both brows: short hairs that rise near the nose, lie outwards along the arch and meet in its tail."""
    rng = np.random.default_rng(seed)
    count, steps = int(640 * share), 5
    t = rng.beta(1.0, 1.15, count)
    v = rng.uniform(-1, 1, count)
    x = 0.135 + 0.45 * t
    peak = np.interp(t, [0, 0.43, 0.74, 1.0], [-0.272, -0.338, -0.356 - 0.02 * arch, -0.308])
    half = 1.2 * thick * np.interp(t, [0, 0.12, 0.5, 0.8, 1.0], [0.024, 0.034, 0.030, 0.018, 0.005])
    y = peak + v * half
    angle = np.interp(t, [0, 0.15, 0.5, 1.0], [-1.15, -0.70, -0.22, 0.42]) - v * np.interp(t, [0, 1], [-0.1, 0.45])
    angle = angle + rng.normal(0, 0.10, count)
    length = np.interp(t, [0, 0.2, 0.7, 1], [0.06, 0.10, 0.10, 0.07]) * rng.uniform(0.7, 1.1, count)
    along = np.linspace(0, 1, steps)
    bend = angle[:, None] + 0.35 * along
    px = x[:, None] + length[:, None] * along * np.cos(bend)
    py = y[:, None] + length[:, None] * along * np.sin(bend)
    sign = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    corners, weights = front(body, np.stack([px * sign[:, None], py], 2).reshape(-1, 2))
    lift = 0.006 + 0.016 * np.sin(along * 2.2)[None].repeat(count, 0) * rng.uniform(0.4, 1.0, (count, 1))
    corners, weights = corners.reshape(count, steps, 3), weights.reshape(count, steps, 3)
    normal = (body.normal[corners] * weights[..., None]).sum(2)
    width = np.tile((1 - 0.75 * along) * 0.0036, (count, 1)) / np.sqrt(share)
    tint = np.tile(rng.uniform(0.8, 1.7, (count, 1)), (1, steps))
    offset = (normal * lift[..., None]).astype(np.float32)
    return Tied(corners, weights, offset, width.astype(np.float32), tint.astype(np.float32))


def front(body: Body, at: Reals) -> tuple[Ints, Floats]:
    """Triangles' corners (N, 3) and weights (N, 3) under points (N, 2) of the mean head seen from the front."""
    side, scale = 1200, 600.0
    middle = np.array([side / 2, side * 0.45, 0], np.float32)
    hit = see((body.mean * scale + middle).astype(np.float32), body.triangles, (side, side))
    number = np.full((side, side), -1, np.int32)
    number[hit.mask] = np.arange(len(hit.triangle))
    spot = np.clip((at * scale + middle[:2]).astype(int), 0, side - 1)
    found = np.maximum(number[spot[:, 1], spot[:, 0]], 0)
    return body.triangles[hit.triangle[found]], hit.weight[found]


def grids(points: Floats, quads: Ints) -> list[Ints]:
    """The lash strips as grids of vertices (rows, columns), the row at the eyeball first, columns from the nose outwards."""
    result = []
    for part in islands(quads):
        neighbours: dict[int, set[int]] = {}
        for quad in part:
            for k in range(4):
                neighbours.setdefault(int(quad[k]), set()).update((int(quad[k - 1]), int(quad[(k + 1) % 4])))
        corner = next(v for v, n in neighbours.items() if len(n) == 2)
        first, second = sorted(neighbours[corner])
        rows = [walk(neighbours, corner, first)]
        done = set(rows[0])
        start = second
        while True:
            row = [start]
            for above in rows[-1][1:]:
                row.append(next(v for v in neighbours[row[-1]] & neighbours[above] if v not in done and v not in row))
            rows.append(row)
            done |= set(row)
            onward = [v for v in neighbours[start] if v not in done]
            if not onward:
                break
            start = onward[0]
        grid = np.array(rows, np.int32)
        grid = grid if grid.shape[0] < grid.shape[1] else grid.T
        z = points[grid][..., 2].mean(1)
        grid = grid if z[0] > z[-1] else grid[::-1]
        outwards = np.abs(points[grid[0]][:, 0])
        result.append(grid if outwards[0] < outwards[-1] else grid[:, ::-1])
    return result


def islands(quads: Ints) -> list[Ints]:
    """Quads (Q, 4) split into connected pieces."""
    label = np.arange(quads.max() + 1)
    while True:
        low = label[quads].min(1)
        new = label.copy()
        np.minimum.at(new, quads, low[:, None])
        if (new == label).all():
            break
        label = new
    owner = label[quads[:, 0]]
    return [quads[owner == one] for one in np.unique(owner)]


def walk(neighbours: dict[int, set[int]], corner: int, onward: int) -> list[int]:
    """Vertices along the rim of a strip from one corner to the next."""
    line = [corner, onward]
    while len(neighbours[line[-1]]) == 3:
        line.append(next(v for v in neighbours[line[-1]] if len(neighbours[v]) < 4 and v not in line))
    return line


def lashes(strips: list[Ints], points: Floats, full: float, seed: int, share: float = 1.0) -> Tied:
    """Lashes along the mesh's four strips (rows, columns): long above, short and sparse below, in small tufts."""
    rng = np.random.default_rng(seed)
    parts = []
    for grid in strips:
        upper = points[grid[-1]][:, 1].mean() < points[grid[0]][:, 1].mean()
        count = int((190 if upper else 40) * share)
        rows, columns = grid.shape
        u = np.sort(rng.uniform(0.03, 0.97, count)) * (columns - 1)
        drift = rng.normal(0, 0.16, count)
        along = np.linspace(0, 1, rows)
        column = np.clip(u[:, None] + drift[:, None] * along, 0, columns - 1.001)
        low = column.astype(int)
        row = np.arange(rows)[None].repeat(count, 0)
        corners = np.stack([grid[row, low], grid[row, low + 1], grid[row, low]], 2)
        share_of = column - low
        weights = np.stack([1 - share_of, share_of, 0 * share_of], 2)
        reach = rng.uniform(0.55, 1.0, (count, 1)) * (full if upper else 0.45 * full)
        offset = (points[grid[0, low[:, 0]]][:, None] - (points[corners] * weights[..., None]).sum(2)) * (1 - reach[..., None])
        width = np.tile((1 - 0.85 * along) * (0.0042 if upper else 0.0028), (count, 1)) / np.sqrt(share)
        if upper:  # the dark line in which the lashes stand
            ends = np.linspace(0.02, 0.98, 41)[:, None] * (columns - 1) + np.linspace(0, 0.9, rows)[None]
            ends = np.clip(ends, 0, columns - 1.001)
            first, part_of = ends.astype(int), ends % 1
            line = np.stack([grid[0, first], grid[0, first + 1], grid[0, first]], 2)
            parts.append((line, np.stack([1 - part_of, part_of, 0 * part_of], 2), np.zeros((41, rows, 3)),
                          np.full((41, rows), 0.009), np.ones((41, rows))))  # fmt: skip
        parts.append((corners, weights, offset * along[None, :, None], width, np.ones((count, rows))))
    order = rng.permutation(sum(len(part[0]) for part in parts))
    corners, weights, offset, width, tint = (np.concatenate(column)[order] for column in zip(*parts, strict=True))
    return Tied(
        corners.astype(np.int32),
        weights.astype(np.float32),
        offset.astype(np.float32),
        width.astype(np.float32),
        tint.astype(np.float32),
    )


def whiskers(body: Body, length: float, seed: int, share: float = 1.0) -> Tied:
    """A beard: strands that leave the skin, fall and are kept off it."""
    rng = np.random.default_rng(seed)
    count, steps = int(12000 * share), 6
    density = beard(body.mean)[body.triangles].mean(1)
    chosen, weight = scatter(body.rest, body.triangles, np.where(density > 0.25, density, 0), count, rng)
    corner = body.triangles[chosen]
    root = (body.rest[corner] * weight[..., None]).sum(1)
    normal = (body.normal[corner] * weight[..., None]).sum(1)
    place = (body.mean[corner] * weight[..., None]).sum(1)
    wild = np.stack([noise(place * 9 + 30 * k, 80 + k) for k in range(3)], 1)
    lip = smooth(0.42, 0.30, np.abs(place[:, 0])) * smooth(0.56, 0.60, place[:, 1]) * smooth(1.0, 0.9, place[:, 1])
    chin = smooth(0.5, 1.1, place[:, 1]) * smooth(0.75, 0.1, np.abs(place[:, 0]))
    size = length * (0.35 + 0.65 * chin) * (1 - 0.6 * lip) * rng.uniform(0.6, 1.1, count)
    tree, p, points = cKDTree(body.rest), root.copy(), []
    d = normal * 0.7 + [0, 0.5, 0] + 0.3 * wild
    for _ in range(steps):
        points.append(p.copy())
        d = d / (np.linalg.norm(d, axis=1, keepdims=True) + 1e-9)
        p = p + d * (size / (steps - 1))[:, None]
        near = tree.query(p)[1]
        deep = ((p - body.rest[near]) * body.normal[near]).sum(1)
        p = p + body.normal[near] * np.clip(0.012 - deep, 0, 0.1)[:, None]
        d = 0.7 * d + [0, 0.35, 0] + 0.15 * wild + rng.normal(0, 0.07, (count, 3))
    offset = np.stack(points, 1) - root[:, None]
    tint = np.tile(rng.uniform(0.6, 1.2, (count, 1)) * np.exp(0.2 * wild[:, :1]), (1, steps))
    width = np.tile(np.linspace(0.005, 0.002, steps), (count, 1)) / np.sqrt(share)
    return Tied(
        corner[:, None].repeat(steps, 1),
        weight[:, None].repeat(steps, 1),
        offset.astype(np.float32),
        width.astype(np.float32),
        tint.astype(np.float32),
    )
