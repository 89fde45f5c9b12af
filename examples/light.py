"""Light on a rendered person: lamps, shadows, light that spreads under the skin, and the film it is caught on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.drawing import FAR, Floats, Ints, linear, noise, rasterise, smooth


def ray(x: float, y: float, z: float) -> Floats:
    """A direction towards a lamp at length 1."""
    v = np.array([x, y, z], np.float32)
    return np.asarray(v / np.linalg.norm(v), np.float32)


@dataclass(frozen=True)
class Lamp:
    """A far, wide lamp."""

    towards: Floats
    """(3,) direction to it, x right, y down, z away."""
    colour: Floats
    """(3,) linear strength."""


@dataclass(frozen=True)
class Studio:
    """A set of lamps; the first is the key and casts shadows."""

    lamps: tuple[Lamp, ...]
    above: Floats
    """(3,) light that falls from the ceiling."""
    below: Floats
    """(3,) light that comes back from the floor."""


def lamp(x: float, y: float, z: float, strength: float, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Lamp:
    """A lamp in direction (x, y, z)."""
    return Lamp(ray(x, y, z), np.asarray(tint, np.float32) * strength)


SOFT = Studio(
    (
        lamp(-0.80, -0.62, -0.62, 1.45, (1.0, 0.93, 0.84)),
        lamp(0.85, -0.05, -0.70, 0.16, (0.80, 0.90, 1.0)),
        lamp(0.80, -0.40, 0.55, 1.25, (1.0, 0.95, 0.88)),
        lamp(-0.85, -0.30, 0.60, 0.5, (0.85, 0.92, 1.0)),
    ),
    np.array([0.22, 0.24, 0.28], np.float32),
    np.array([0.11, 0.085, 0.07], np.float32),
)
"""A large warm window at the upper left, a reflector, two lamps behind."""
CATCH = (ray(-0.46, -0.40, -0.80), ray(0.50, 0.30, -0.80))
"""Where window and reflector stand for the eyes: nearer to the camera, as a painter would put the catch-light."""
SKIN_WRAP = np.array([0.28, 0.19, 0.15], np.float32)
"""How far light of each colour creeps past the shadow's edge on skin, as a share of a right angle's cosine."""
SPREAD = np.array([0.032, 0.014, 0.008])
"""How far light spreads under skin for red, green, blue, in head units: 2.9, 1.3 and 0.7 mm (after Jensen et al. 2001)."""


def irradiance(studio: Studio, normal: Floats, shadow: Floats, open_sky: Floats, wrap: Floats) -> Floats:
    """Light that falls on surfaces: normals (N, 3), `shadow` (N,) 1 where the key reaches, open_sky (N,), to (N, 3)."""
    up = 0.5 - 0.5 * normal[:, 1:2]
    total = (studio.above * up + studio.below * (1 - up)) * open_sky[:, None]
    for number, one in enumerate(studio.lamps):
        cosine = normal @ one.towards
        facing = np.clip((cosine[:, None] + wrap) / (1 + wrap), 0, 1)
        reach = shadow[:, None] if number == 0 else 0.35 + 0.65 * open_sky[:, None]
        total = total + one.colour * facing * reach
    return np.asarray(total, np.float32)


def gleam(studio: Studio, normal: Floats, shadow: Floats, rough: float, strength: float) -> Floats:
    """Highlights (N, 3) of a surface by Blinn (1977) with Schlick's Fresnel term (1994); the viewer is at -z."""
    view = np.array([0, 0, -1], np.float32)
    total = np.zeros_like(normal)
    power = 2 / rough**2
    fresnel = strength + (1 - strength) * np.clip(1 + normal[:, 2:], 0, 1) ** 5
    for number, one in enumerate(studio.lamps):
        half = one.towards + view
        half = half / np.linalg.norm(half)
        lobe = np.clip(normal @ half, 0, 1) ** power * (power + 8) / 25
        lit = np.clip(normal @ one.towards * 4, 0, 1) * (shadow if number == 0 else 1)
        total += (lobe * lit)[:, None] * one.colour * fresnel
    return np.asarray(total, np.float32)


def windows(studio: Studio, normal: Floats) -> Floats:
    """Mirror images (N, 3) of the key, a tall window, and faintly of the fill, on wet eyes with normals (N, 3)."""
    total = np.zeros_like(normal)
    for one, towards, wide, strength in zip(studio.lamps[:2], CATCH, (0.105, 0.07), (1.5, 1.2), strict=True):
        half = towards + np.array([0, 0, -1], np.float32)
        half = half / np.linalg.norm(half)
        x, y = np.abs(normal[:, 0] - half[0]) / wide, np.abs(normal[:, 1] - half[1]) / (1.3 * wide)
        pane = smooth(1.1, 0.85, np.maximum(x, y))
        total += pane[:, None] * one.colour * strength
    return np.asarray(total, np.float32)


def spread(light: Floats, mask: NDArray[np.bool_], scale: float) -> Floats:
    """Light (H, W, 3) on skin, spread under it at `scale` pixels per unit, inside mask (after Borshukov and Lewis 2003)."""
    inside = mask.astype(np.float32)
    result = light.copy()
    for channel in range(3):
        sigma = float(SPREAD[channel] * scale)
        if sigma < 0.4:
            continue
        top = cv2.GaussianBlur(light[..., channel] * inside, (0, 0), sigma)
        result[..., channel] = top / np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-4)
    return np.asarray(result, np.float32)


def crevices(depth: Floats, mask: NDArray[np.bool_], scale: float) -> Floats:
    """How open (H, W) each pixel lies, 0 to 1, from what is nearer around it (Luft, Colditz and Deussen 2006)."""
    back = float(np.percentile(depth[mask], 99)) if mask.any() else 0.0
    filled = np.where(mask, np.minimum(depth, back), back).astype(np.float32)
    result = np.ones_like(filled)
    for radius, strength in ((0.02, 7.0), (0.06, 3.0), (0.18, 1.0)):
        deeper = (filled - cv2.GaussianBlur(filled, (0, 0), radius * scale)) / scale
        result *= np.exp(-np.clip(deeper, 0, 0.2) * strength)
    return np.asarray(result, np.float32)


def shadows(towards: Floats, points: Floats, triangles: Ints, at: Floats, scale: float, side: int = 900) -> Floats:
    """How much of the key light reaches places `at` (N, 3) on the screen past the triangles: (N,) from 0 to 1, soft-edged.

    A depth picture taken from the lamp (Williams 1978), looked up at many offsets (Reeves et al. 1987).
    """
    across = np.cross(towards, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(towards, across), -towards]).astype(np.float32)
    middle = np.median(at, 0)
    zoom = side / (5.2 * scale)

    def view(p: Floats) -> Floats:
        return np.asarray((p - middle) @ frame.T * zoom + np.array([side / 2, side / 2, 0], np.float32), np.float32)

    colour, depth = np.zeros((side, side, 3), np.float32), np.full((side, side), 2 * FAR, np.float32)
    rasterise(view(points), triangles, np.zeros((len(points), 3), np.float32), colour, depth)
    place = view(at)
    bias, total = 0.016 * scale * zoom, np.zeros(len(at), np.float32)
    golden = np.pi * (3 - 5**0.5)
    for number in range(20):
        reach = 0.055 * scale * zoom * np.sqrt((number + 0.5) / 20)
        x = np.clip((place[:, 0] + reach * np.cos(golden * number)).astype(int), 0, side - 1)
        y = np.clip((place[:, 1] + reach * np.sin(golden * number)).astype(int), 0, side - 1)
        total += smooth(bias * 2.2, bias * 0.8, place[:, 2] + FAR - depth[y, x])
    return np.asarray(total / 20, np.float32)


def film(light: Floats, grain: float, seed: int) -> Floats:
    """Linear light (H, W, 3) to sRGB in [0, 1]: a soft shoulder (Hable 2010 in Narkowicz's fit, 2015) and a little grain."""
    x = np.clip(light, 0, None) * 0.62
    curve = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    picture = np.power(curve, 1 / 2.2)
    if grain:
        rough = np.random.default_rng(seed).normal(0, grain, picture.shape[:2]).astype(np.float32)
        picture = picture + cv2.GaussianBlur(rough, (0, 0), 0.7)[..., None]
    return np.asarray(np.clip(picture, 0, 1), np.float32)


@lru_cache(maxsize=4)
def backdrop(size: tuple[int, int], colour: tuple[float, float, float], seed: int, painted: bool) -> Floats:
    """A painted studio wall (H, W, 3), linear, of an sRGB colour, lighter behind a shoulder, darker in the corners."""
    width, height = size
    quick = 1 if painted else 4
    y, x = np.mgrid[0 : height : 2 * quick, 0 : width : 2 * quick].astype(np.float32)
    place = np.stack([x.ravel() / width, y.ravel() / width, np.full(x.size, seed % 13 + 0.5)], 1)
    wash = noise(place * [2.2, 2.2, 1], seed, 3)
    bend = place + 0.05 * wash[:, None]
    strokes = noise(bend * [9, 26, 1] @ np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]]), seed + 3, 3 if painted else 1)
    glow = np.exp(-(((place[:, 0] - 0.62) / 0.55) ** 2) - ((place[:, 1] - 0.42 * height / width) / 0.6) ** 2)
    tone = (0.42 + 0.85 * glow) * (1 + 0.16 * wash + 0.07 * strokes)
    warm = 1 + 0.10 * wash[:, None] * np.array([1.0, 0.1, -0.9])
    wall = (tone[:, None] * warm * linear(colour)).reshape(*x.shape, 3).astype(np.float32)
    return np.asarray(cv2.resize(wall, size, interpolation=cv2.INTER_CUBIC), np.float32)
