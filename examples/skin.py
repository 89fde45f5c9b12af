"""Skin, eyes, teeth and cloth, painted by formula: every function gives linear colours at places on the mean head.

"Places" are coordinates on the mean head at rest (N, 3), the same for every person and expression, so that a freckle stays
where it is when its owner smiles. `grain` scales the finest detail: 1 for fine pictures, 0 for quick ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from examples.drawing import Floats, linear, noise, smooth

TONES = np.array(
    [[0.91, 0.745, 0.665], [0.87, 0.67, 0.56], [0.82, 0.60, 0.46], [0.68, 0.46, 0.33], [0.51, 0.33, 0.23], [0.33, 0.205, 0.145]]
)
"""sRGB skin tones from the lightest to the darkest, chosen by eye along the six Fitzpatrick types."""
IRIS_RADIUS, BALL_RADIUS = 0.068, 0.173
"""Iris and eyeball of the mean head in its unit."""


@dataclass(frozen=True)
class Look:
    """The colours of a person; all colours sRGB in [0, 1]."""

    tone: float = 0.3
    """0 the lightest skin to 1 the darkest."""
    blush: float = 0.5
    lips: tuple[float, float, float] = (0.72, 0.36, 0.34)
    paint: float = 0.35
    """How much of the lips' colour covers the skin's own."""
    eyes: tuple[float, float, float] = (0.36, 0.25, 0.14)
    hair: tuple[float, float, float] = (0.16, 0.10, 0.07)
    age: float = 0.2
    """0 smooth to 1 deeply lined."""
    freckles: float = 0.0
    stubble: float = 0.0
    marble: bool = False
    """All of veined stone."""
    seed: int = 0


def spot(at: Floats, x: float, y: float, size: float) -> Floats:
    """A soft round spot on the front of the face and its mirror image, 0 to 1, at places (N, 3)."""
    far = ((np.abs(at[:, 0]) - x) ** 2 + (at[:, 1] - y) ** 2) / size**2
    return np.asarray(np.exp(-far) * smooth(1.0, 0.5, at[:, 2]), np.float32)


def skin_colour(look: Look, at: Floats, lips: Floats, scalp: Floats, grain: float) -> Floats:
    """Linear colour (N, 3) of skin at places, with lips (N,) and scalp (N,) shares."""
    step = np.clip(look.tone, 0, 1) * (len(TONES) - 1)
    low = min(int(step), len(TONES) - 2)
    base = linear(TONES[low] + (step - low) * (TONES[low + 1] - TONES[low]))
    broad = noise(at * 2.3, look.seed, 2)[:, None]
    colour = base * (1 + 0.05 * broad)
    red = 0.55 * spot(at, 0.52, 0.38, 0.27) + 0.40 * spot(at, 0.0, 0.42, 0.13) + 0.30 * spot(at, 0.0, 1.08, 0.22)
    red = red + 0.5 * smooth(0.84, 0.95, np.abs(at[:, 0])) * smooth(0.75, 0.55, at[:, 1]) + 0.12 * spot(at, 0.3, -0.1, 0.16)
    red = np.clip(red * (0.75 + 0.5 * noise(at * 5, 2 + look.seed)), 0, 1) * look.blush
    colour = colour * np.exp(-red[:, None] * np.array([0.05, 0.34, 0.28]) * (1 - 0.45 * look.tone))
    pale = 0.5 * spot(at, 0.0, -0.5, 0.5)[:, None]
    colour = colour * (1 + pale * np.array([0.02, 0.03, -0.03]))
    under = (spot(at, 0.30, 0.17, 0.11) * (0.30 + 0.5 * look.age) + 0.15 * spot(at, 0.33, -0.13, 0.12))[:, None]
    colour = colour * np.exp(-under * np.array([0.20, 0.24, 0.18]))
    if grain:
        mottle = noise(at * 14, 7, 2)[:, None]
        colour = colour * (1 + 0.045 * grain * mottle * np.array([0.6, 1.0, 1.0]))
        fine = noise(at * 60, 11)[:, None]
        colour = colour * (1 + 0.03 * grain * fine)
    if look.freckles:
        where = spot(at, 0.42, 0.25, 0.36) + spot(at, 0.0, 0.2, 0.28) + 0.25 * smooth(0.2, -0.1, at[:, 2])
        colour = colour * np.exp(-(look.freckles * where * freckles(at, look.seed))[:, None] * np.array([0.30, 0.75, 1.0]))
    colour = moles(look, at, colour)
    if look.stubble:
        colour = colour * np.exp(-0.75 * (look.stubble * beard(at))[:, None] * np.array([0.75, 0.62, 0.48]))
    mouth = linear(look.lips)
    own = base * np.array([0.78, 0.50, 0.50])
    red_lips = (own * (1 - look.paint) + mouth * look.paint) * (1 + 0.10 * noise(at * [30, 6, 6], 13))[:, None]
    colour = colour * (1 - lips[:, None]) + lips[:, None] * red_lips
    under_hair = (0.96 * smooth(-0.01, 0.13, scalp + 0.02 * noise(at * 12, 4)))[:, None]
    return np.asarray(colour * (1 - under_hair) + under_hair * (0.6 * linear(look.hair) + 0.035 * base), np.float32)


def freckles(at: Floats, seed: int) -> Floats:
    """Small soft dots of many sizes, (N,) from 0 to 1."""
    rng = np.random.default_rng(seed)
    count = 900
    dots = rng.uniform([-0.85, -0.7], [0.85, 1.2], (count, 2))
    size, strength = rng.gamma(3.0, 0.0026, count) + 0.003, rng.uniform(0.25, 1.0, count)
    result = np.zeros(len(at), np.float32)
    near = np.flatnonzero(at[:, 2] < 0.6)
    uneven = at[near, :2] + 0.004 * np.stack([noise(at[near] * 40, 5), noise(at[near] * 40, 6)], 1)
    far, which = cKDTree(dots).query(uneven)
    result[near] = strength[which] * smooth(1.25, 0.45, far / size[which])
    return result


def moles(look: Look, at: Floats, colour: Floats) -> Floats:
    """The colour with a few moles that are the person's own."""
    rng = np.random.default_rng(look.seed + 99)
    beside, down = rng.choice([-1, 1], 3) * rng.uniform(0.25, 0.7, 3), rng.uniform(0.2, 1.8, 3)
    sizes = rng.uniform(0.006, 0.011, 3)
    for x, y, size in zip(beside, down, sizes, strict=True):
        off = np.hypot(at[:, 0] - x, at[:, 1] - y)
        colour = colour * np.exp(-(0.9 * smooth(size * 1.4, size * 0.6, off) * (at[:, 2] < 0.6))[:, None] * [0.6, 0.85, 1.0])
    return np.asarray(colour, np.float32)


def beard(at: Floats) -> Floats:
    """Where a beard grows, (N,) from 0 to 1."""
    x, y, z = np.abs(at[:, 0]), at[:, 1], at[:, 2]
    cheek = smooth(0.0, 0.14, y - (0.72 - 0.55 * smooth(0.35, 0.85, x)))
    lip = smooth(0.56, 0.62, y) * smooth(0.36, 0.26, x)
    jaw = smooth(1.36, 1.18, y - 0.28 * np.clip(z, 0, 1)) * smooth(0.72, 0.55, z)
    bare = smooth(0.05, 0.0, np.abs(y - 0.60)) * (x < 0.05) + smooth(1.25, 0.95, (x / 0.31) ** 2 + ((y - 0.79) / 0.145) ** 2)
    return np.asarray(np.maximum(cheek, lip) * jaw * (1 - np.clip(bare, 0, 1)), np.float32)


def relief(look: Look, at: Floats, lips: Floats, grain: float) -> Floats:
    """Height of the fine relief (N,) in head units: pores, creases of the lips, lines of age."""
    x, y = np.abs(at[:, 0]), at[:, 1]
    height = 0.0008 * grain * noise(at * 55, 21, 2) * (1 - lips)
    height = height + 0.0035 * grain * lips * noise(at * [26, 5, 5], 23)
    if look.age > 0.3:
        deep = (look.age - 0.3) * 1.4
        wave = y + 0.03 * noise(at * [2.5, 1, 1], 31) + 0.02 * np.cos(4 * at[:, 0])
        lines = np.maximum(0, np.cos(wave * 2 * np.pi / 0.105)) ** 6
        height = height - 0.006 * deep * lines * spot(at, 0.0, -0.52, 0.34) * smooth(-0.5, 0.3, noise(at * 3, 33))
        fan = np.arctan2(y - 0.02, x - 0.42) + 0.05 * noise(at * 4, 35)
        crow = np.maximum(0, np.cos(fan * 17)) ** 4 * np.exp(-(((x - 0.64) / 0.09) ** 2) - (((y - 0.03) / 0.13) ** 2))
        height = height - 0.006 * deep * crow
        bag = np.exp(-(((np.hypot((x - 0.33) / 1.5, y - 0.02) - 0.17) / 0.018) ** 2)) * (y > 0.08)
        frown = np.exp(-(((x - 0.075) / 0.014) ** 2) - (((y + 0.27) / 0.10) ** 2))
        height = height - 0.004 * deep * bag - 0.006 * deep * frown
        height = height + 0.003 * deep * noise(at * [9, 15, 9], 37, 2)
    return np.asarray(height, np.float32)


def eye_colour(look: Look, local: Floats, left: Floats, grain: float) -> tuple[Floats, Floats]:
    """Linear colour (N, 3) of an eyeball seen at directions `local` (N, 3) of its own axes, and how glassy (N,) it is there.

    `left` (N,) is 1 on the subject's left eye, whose nose side lies at -x.
    """
    radius = np.hypot(local[:, 0], local[:, 1]) * BALL_RADIUS / IRIS_RADIUS
    angle = np.arctan2(local[:, 1], local[:, 0])
    ring = np.stack([np.cos(angle) * 2.2, np.sin(angle) * 2.2, radius * 0.6], 1)
    fibre = noise(ring * [6, 6, 1], 41 + look.seed % 7, 3)
    tint = linear(look.eyes)
    inner = tint * np.array([1.9, 1.45, 0.9]) + [0.02, 0.01, 0]
    mix = smooth(0.75, 0.30, radius + 0.12 * fibre)[:, None]
    iris = (tint * (1 - mix * 0.6) + inner * mix * 0.6) * (1.1 + 0.55 * fibre[:, None])
    iris = iris * (1 - 0.75 * smooth(0.78, 1.0, radius))[:, None]
    iris = iris * smooth(0.33, 0.42, radius)[:, None] + 0.004
    white = np.array([0.78, 0.735, 0.70]) * (1 + 0.03 * noise(local * 4, 45)[:, None])
    nose = smooth(0.45, 0.98, local[:, 0] * np.where(left > 0.5, -1, 1)) + 0.35 * smooth(0.5, 1.0, np.abs(local[:, 0]))
    vein = smooth(0.88, 1.0, 1 - np.abs(noise(local * [3, 11, 5], 47, 2))) * smooth(0.45, 0.8, np.abs(local[:, 0]))
    red = np.clip(0.30 * nose + 0.22 * grain * vein, 0, 0.8)[:, None]
    white = white * np.exp(-red * np.array([0.15, 0.9, 0.8]))
    inside = smooth(1.05, 0.96, radius)[:, None]
    return np.asarray(white * (1 - inside) + iris * inside, np.float32), inside[:, 0]


def marble(at: Floats) -> Floats:
    """Linear colour (N, 3) of white stone with grey veins."""
    bend = at + 0.25 * np.stack([noise(at * 1.7 + 9 * k, 51 + k, 2) for k in range(3)], 1)
    vein = smooth(0.80, 1.0, 1 - np.abs(noise(bend * 1.4, 57, 2))) * smooth(-0.2, 0.5, noise(at * 1.1, 59))
    cloud = noise(at * 1.3, 61, 3)
    stone = np.array([0.76, 0.74, 0.70]) * (1 + 0.06 * cloud)[:, None]
    return np.asarray(stone * np.exp(-vein[:, None] * np.array([0.35, 0.33, 0.30])), np.float32)


def cloth(colour: tuple[float, float, float], at: Floats, edge: Floats, ribbed: bool) -> tuple[Floats, Floats]:
    """Linear colour (N, 3) and relief (N,) of a garment at places, `edge` (N,) units from its hem."""
    fold = 0.05 * noise(at * [1.3, 0.7, 1.1] + 3, 71, 2) * smooth(0.05, 0.5, edge)
    angle = np.arctan2(at[:, 0], 0.9 - at[:, 2])
    weave = 0.0005 * np.sin(at[:, 0] * 130) * np.sin(at[:, 1] * 130)
    rib = np.sin(angle * (70 if ribbed else 95)) * (0.004 if ribbed else 0.003 * (edge < 0.075))
    band = -0.012 * np.exp(-(((edge - 0.085) / 0.012) ** 2)) * (not ribbed)
    tone = linear(colour) * (1 + 0.07 * noise(at * 30, 73, 2) + 0.05 * noise(at * 2, 75))[:, None]
    return np.asarray(tone, np.float32), np.asarray(fold + weave + rib + band, np.float32)
