"""Hair as strands: where it grows, how it falls, how light runs along it. Everything in the head model's units.

A style grows some thousand strands from the scalp; each is a line of points that follows a flow, is pulled down and is
pushed out of the head. Brows, lashes and beards are strands too. They are drawn as narrow ribbons, see `ribbons`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from examples.drawing import Floats, Ints, Reals, noise, smooth

MIDDLE = np.array([0.0, -0.25, 0.95], np.float32)
"""Middle of the skull."""
CROWN_KNOT = np.array([0.0, -1.46, 1.05], np.float32)
"""Middle of a bun on the crown."""


@dataclass(frozen=True)
class Strands:
    """N hairs of P points each."""

    points: Floats
    """(N, P, 3) rest space of the person: neutral expression, unturned."""
    width: Floats
    """(N, P)"""
    tint: Floats
    """(N, P) factor on the hair's colour: roots and inner layers are darker, every hair differs a little."""


def join(*parts: Strands) -> Strands:
    """All strands of several sets with equal numbers of points."""
    return Strands(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("points", "width", "tint")))


def scalp(at: Floats, recess: float) -> Floats:
    """How far inside the hair's border points (N, 3) of the mean head lie, positive on the scalp; recess 0…1 bares temples."""
    x, y, z = np.abs(at[:, 0]), at[:, 1], at[:, 2]
    top = -0.70 - y - recess * (0.06 + 0.30 * np.exp(-(((x - 0.48) / 0.2) ** 2)))
    top = top + 0.10 * (1 - recess) * smooth(0.3, 0.75, x)
    front = 0.20 + 0.36 * smooth(-0.6, 0.1, y)
    low = np.interp(z, [0.3, 0.62, 0.72, 1.02, 1.1, 1.4, 2.3], [0.22, 0.2, -0.06, -0.06, 0.4, 0.8, 0.8])
    return np.asarray(np.maximum(top, np.minimum(z - front, low - y)), np.float32)


def scatter(at: Floats, triangles: Ints, density: Floats, count: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """`count` random places on triangles, chosen by area times density (T,): triangle (count,) and weights (count, 3)."""
    a, b, c = (at[triangles[:, k]] for k in range(3))
    chance = np.linalg.norm(np.cross(b - a, c - a), axis=1) * np.maximum(density, 0)
    chosen = rng.choice(len(triangles), count, p=chance / chance.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    return chosen.astype(np.int32), np.stack([1 - u, u * (1 - v), u * v], 1).astype(np.float32)


@dataclass(frozen=True)
class Body:
    """The surface that hair grows on and slides over."""

    rest: Floats
    """(V, 3) the person at rest."""
    mean: Floats
    """(V, 3) the mean head: where on a head each vertex is."""
    normal: Floats
    """(V, 3)"""
    triangles: Ints
    """(T, 3) skin only."""

    def roots(self, density: Floats, count: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Random roots by density per vertex: positions, normals and places on the mean head, (count, 3) each."""
        chosen, weight = scatter(self.rest, self.triangles, density[self.triangles].mean(1), count, rng)
        corner = self.triangles[chosen]
        return tuple(  # type: ignore[return-value]
            np.asarray((values[corner] * weight[..., None]).sum(1), np.float32)
            for values in (self.rest, self.normal, self.mean)
        )


def unit(vectors: Reals) -> Floats:
    """Vectors (..., 3) at length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9), np.float32)


@dataclass(frozen=True)
class Style:
    """How a head of hair falls."""

    count: int
    """Strands."""
    points: int
    """Points per strand."""
    length: float
    """Of the longest hair."""
    width: float
    volume: float
    """Thickness of the hair over the skull."""
    part: float
    """x of the parting."""
    gravity: float
    lift: float
    """How much hair leaves the scalp before it lies down."""
    end: float = 9.0
    """y at which hair is cut."""
    curl: float = 0.0
    """Radius of the curls."""
    turns: float = 0.0
    """Curls per unit of length."""
    comb: tuple[float, float, float] = (1.0, 0.3, 0.3)
    """Direction of the comb: away from the parting, down, back."""
    recess: float = 0.0
    knot: bool = False
    """Pulled to a bun on the crown."""
    sides: float = 1.0
    """Length at the sides over that on top."""


STYLES = {
    "crop": Style(15000, 7, 0.42, 0.008, 0.10, 0.32, 0.10, 0.75, comb=(0.8, -0.15, 0.55), recess=0.45, sides=0.35),
    "swept": Style(15000, 9, 0.75, 0.008, 0.16, 0.38, 0.14, 0.85, comb=(1.0, -0.05, 0.6), recess=0.3, sides=0.4),
    "bob": Style(17000, 16, 3.2, 0.008, 0.17, 0.16, 0.5, 0.5, end=1.28, comb=(1.0, 0.3, 0.42)),
    "long": Style(20000, 20, 4.6, 0.008, 0.20, -0.14, 0.60, 0.5, end=2.5, comb=(0.9, 0.25, 0.55), curl=0.04, turns=1.0),
    "bun": Style(17000, 12, 2.6, 0.007, 0.05, 0.0, 0.0, 0.22, knot=True, recess=0.5),
    "curly": Style(9000, 18, 1.0, 0.010, 0.24, 0.0, 0.10, 1.0, comb=(0.2, 0.1, 0.2), curl=0.055, turns=4.5, sides=0.8),
    "buzz": Style(16000, 4, 0.09, 0.008, 0.03, 0.0, 0.1, 0.6, comb=(0.1, 0.4, -0.6), recess=0.5, sides=0.8),
}


def grow(body: Body, style: Style, seed: int, share: float = 1.0) -> Strands:
    """The strands of a hair style on a person; `share` of them, wider in turn, for quick drawing."""
    rng = np.random.default_rng(seed)
    inside = scalp(body.mean, style.recess)
    count = int(style.count * share)
    root, normal, place = body.roots(0.03 * smooth(-0.05, 0.0, inside) + 0.97 * smooth(-0.02, 0.16, inside), count, rng)
    layer = rng.random(count).astype(np.float32)
    clump = np.stack([noise(place * 5 + 40 * k, 3 + k) for k in range(3)], 1)
    single = rng.normal(0, 1, (count, 3)).astype(np.float32)
    length = style.length * rng.uniform(0.8, 1.0, count) * (1 + 0.08 * clump[:, 0])
    above = smooth(-0.35, -0.85, place[:, 1])
    length *= style.sides + (1 - style.sides) * above
    clear = 0.012 + style.volume * (0.2 + 0.8 * layer) * (0.35 + 0.65 * above if style.sides < 1 else 1)
    tree = cKDTree(body.rest)
    beside = place[:, 0] - style.part + 0.03 * single[:, 1] + 0.03 * clump[:, 1]
    away = np.tanh(beside / (0.06 if style.length > 2 else 0.22))[:, None]
    p, points = root - 0.01 * normal, []
    d = unit(normal * style.lift + 0.25 * clump + 0.12 * single + comb(style, p, normal, away, 0.0))
    for step in range(style.points):
        points.append(p.copy())
        along = step / (style.points - 1)
        near = tree.query(p, workers=1)[1]
        surface = body.normal[near]
        aim = comb(style, p, surface, away, along) + np.array([0, style.gravity * (0.4 + 3.0 * along), 0], np.float32)
        d = unit(0.62 * d + 0.38 * unit(aim) + 0.10 * clump * (1 - 0.5 * along) + 0.025 * single)
        move = d * (length / (style.points - 1))[:, None]
        cut = style.end + 0.10 * clump[:, 1]
        move *= smooth(cut + 0.03 * single[:, 0], cut - 0.2, p[:, 1])[:, None]
        if style.knot:
            move *= smooth(0.20, 0.40, np.linalg.norm(p - CROWN_KNOT * [1, 0.9, 1], axis=1))[:, None]
        p = p + move
        near = tree.query(p, workers=1)[1]
        depth = ((p - body.rest[near]) * body.normal[near]).sum(1)
        reach = clear * min(1.0, 3.0 * along + 0.15)
        stray = np.clip(depth - 1.25 * reach - 0.03, 0, 0.2) * smooth(1.3, 0.7, p[:, 1]) * (0.6 if style.turns < 2 else 0.0)
        p = p + body.normal[near] * (np.clip(reach - depth, 0, 0.12) - stray)[:, None]
    line = np.stack(points, 1).astype(np.float32)
    if style.curl:
        line = line + curls(line, style, clump, rng)
    along_all = np.linspace(0, 1, style.points, dtype=np.float32)
    taper = (0.25 + 0.75 * np.sqrt(1 - along_all)) * smooth(-0.12, 0.12, along_all)
    width = np.tile(style.width * taper / np.sqrt(share), (count, 1)).astype(np.float32)
    tint = (0.45 + 0.55 * layer)[:, None] * np.linspace(0.75, 1.1, style.points)
    tint = tint * np.exp(0.16 * single[:, :1] + 0.16 * clump[:, 2:])
    hair = Strands(line, width, tint.astype(np.float32))
    if style.knot:
        hair = join(hair, bun(style, rng, share))
    order = rng.permutation(len(hair.points))
    return Strands(hair.points[order], hair.width[order], hair.tint[order])


def comb(style: Style, p: Floats, surface: Floats, away: Floats, along: float) -> Floats:
    """Direction in which the hair is combed at p (N, 3), along the surface."""
    flow: Reals
    if style.knot:
        flow = CROWN_KNOT - p
    else:
        flow = np.array([0, style.comb[1], style.comb[2]]) + away * np.array([style.comb[0], 0, 0])
        flow = flow + unit(p - MIDDLE) * 0.1
        face = smooth(0.25, -0.1, p[:, 2])[:, None] * smooth(-0.75, -0.4, p[:, 1])[:, None]
        flow = flow + face * np.array([0, 0, 1.2]) + face * np.sign(p[:, :1]) * np.array([1.0, 0, 0])
    along_surface = flow - surface * (flow * surface).sum(1, keepdims=True)
    return unit(along_surface) * (1.0 if style.knot else max(0.06, 1.0 - 1.6 * along))


def curls(line: Floats, style: Style, clump: Floats, rng: np.random.Generator) -> Floats:
    """Offsets (N, P, 3) that wind the lines into curls that widen from the root; neighbours curl alike."""
    tangent = unit(np.gradient(line, axis=1))
    side = unit(np.cross(tangent, [0.2, 0.3, 0.93]))
    up = np.cross(tangent, side)
    run = np.linspace(0, style.length, line.shape[1])[None] * style.turns * 2 * np.pi
    tight = style.turns > 2
    phase: Reals = rng.uniform(0, 6.28, (len(line), 1)) if tight else 5 * clump[:, :1]
    run = run * (1 + 0.15 * clump[:, 1:2]) + phase
    radius = style.curl * np.minimum(1, np.linspace(0, 3, line.shape[1]))[None] * (1 + 0.4 * clump[:, 2:])
    return np.asarray(radius[..., None] * (np.cos(run)[..., None] * side + np.sin(run)[..., None] * up), np.float32)


def bun(style: Style, rng: np.random.Generator, share: float) -> Strands:
    """A knot of wound strands on the crown, of the style's number of points."""
    count = int(4200 * share)
    tilt, start = rng.normal(0, 0.35, count), rng.uniform(0, 2 * np.pi, count)
    radius = 0.36 * rng.uniform(0.75, 1.0, count) ** 0.4
    height = rng.uniform(-0.85, 0.85, count)
    t = start[:, None] + np.linspace(0, 1.6, style.points)[None]
    ring = np.sqrt(1 - height**2)[:, None]
    line = np.stack([ring * np.cos(t), height[:, None] + 0.18 * np.sin(t + 3 * tilt[:, None]), ring * np.sin(t)], 2)
    line = CROWN_KNOT + line * radius[:, None, None] * [1.0, 0.72, 1.0]
    swirl = 0.72 + 0.38 * (0.5 + 0.5 * np.sin(9 * height + 2.5 * np.sin(start)))[:, None] * rng.uniform(0.8, 1.1, (count, 1))
    return Strands(
        line.astype(np.float32),
        np.full((count, style.points), style.width / np.sqrt(share), np.float32),
        np.tile(swirl, (1, style.points)).astype(np.float32),
    )


def shine(points: Floats, lights: list[tuple[Floats, Floats]], ambient: Floats, colour: Reals, gloss: float) -> Floats:
    """Colour (N, P, 3) of strands in turned space under lights (direction, colour) (Kajiya and Kay 1989), viewer at -z.

    `colour` (N, P, 3) is the pigment; `gloss` the strength of the white highlight, whose coloured twin lies lower (Marschner
    et al. 2003).
    """
    tangent = unit(np.gradient(points, axis=1))
    outward = unit(points - points.mean((0, 1)))
    view = np.array([0, 0, -1], np.float32)
    total = colour * ambient * (0.9 - 0.6 * outward[..., 1:2])
    for direction, strength in lights:
        half = unit((direction + view)[None])[0]
        across = np.sqrt(np.clip(1 - (tangent @ direction) ** 2, 0, 1))[..., None]
        facing = np.clip((outward @ direction)[..., None] * 0.75 + 0.25, 0, 1)
        lobes = []
        for shift, power in ((-0.06, 90.0), (0.10, 22.0)):
            along = unit(tangent + shift * outward) @ half
            lobes.append((np.clip(1 - along**2, 0, 1) ** (power / 2))[..., None])
        mirrored = gloss * lobes[0] * (0.07 + 0.8 * colour)
        total = total + strength * facing * (colour * (0.9 * across + 3.0 * lobes[1]) + mirrored)
    return np.asarray(total, np.float32)


def ribbons(points: Floats, width: Floats, colour: Floats) -> tuple[Floats, Ints, Floats]:
    """Strands on the screen (N, P, 3), widths in pixels (N, P), as vertices, triangles and colours to rasterise."""
    count, steps = points.shape[:2]
    along = np.gradient(points[..., :2], axis=1)
    side = np.stack([-along[..., 1], along[..., 0]], 2) / (np.linalg.norm(along, axis=2, keepdims=True) + 1e-6)
    offset = np.concatenate([side * width[..., None] / 2, np.zeros((count, steps, 1))], 2)
    vertices = np.stack([points - offset, points + offset], 2).reshape(-1, 3)
    first = (np.arange(count)[:, None] * steps + np.arange(steps - 1)[None]).ravel() * 2
    triangles = np.stack([first, first + 1, first + 2, first + 1, first + 3, first + 2], 1).reshape(-1, 3)
    return vertices.astype(np.float32), triangles.astype(np.int32), colour.repeat(2, 1).reshape(-1, 3)
