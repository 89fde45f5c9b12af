"""Two rows of teeth as curved strips, and the picture that is drawn on them.

Sizes are those of S. J. Nelson, "Wheeler's Dental Anatomy", 10th edition, 2015 (tables of the permanent teeth), in
millimetres; a face's yardstick, the distance between the outer eye corners, is 90 of them (Farkas, "Anthropometry of the Head
and Face", 1994).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

MILLIMETRE = 1 / 90
"""In distances between the outer eye corners."""

UPPER = ((8.5, 10.5), (6.5, 9.4), (7.5, 10.0), (7.0, 8.5), (7.0, 8.5), (10.0, 7.5))
LOWER = ((5.0, 9.0), (5.5, 9.4), (7.0, 10.6), (7.0, 8.5), (7.0, 8.0), (11.0, 7.5))
"""Width and height of the crowns from the middle to a side."""

DEEP = 0.030
"""Depth of a row behind its front over the square of the distance from the middle, per millimetre: canines, 17 mm to the side,
stand 9 mm behind the incisors' front."""

GUM = 8.0
"""Millimetres of gum that are drawn beyond the crowns."""

SCALE = 10
"""Pixels of the atlas per millimetre."""

STEPS = 33
"""Vertices along a strip's upper and lower edge."""

IVORY = np.array([1.0, 0.925, 0.86], np.float32)
PINK = np.array([0.80, 0.46, 0.45], np.float32)
"""Colours of teeth (about A1 of the VITA guide) and gums as shares of the light."""

GAP = 0.72
"""Share of the light that is left between two teeth."""

CHEEK = 38.0
"""Millimetres along the row at which the cheek's shadow has taken the light."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row of teeth: a strip and its picture."""

    vertices: Floats
    """(2 STEPS, 3) distances between the outer eye corners: x right, y down from the incisors' edge, z away from the front."""
    values: Floats
    """(2 STEPS, 3) column and row of the atlas at each vertex, and 0."""
    triangles: NDArray[np.int32]
    """(4 STEPS - 4, 3)"""
    atlas: Floats
    """(h, w, 4) float32: colour as shares of the light, and cover 0 … 1."""


@cache
def row(upper: bool) -> Row:
    """The upper or the lower row. Arrays are shared: not to be written to."""
    crowns = UPPER if upper else LOWER
    half = sum(width for width, _ in crowns)
    tall = max(height for _, height in crowns) + GUM
    picture = _painted(crowns, half, tall)
    if not upper:
        picture = np.ascontiguousarray(picture[::-1])
    along = np.linspace(-half, half, STEPS)
    x = _from_arc(np.abs(along)) * np.sign(along)
    z = DEEP * x**2
    ends = (-tall, 0.0) if upper else (0.0, tall)
    vertices = np.concatenate([np.stack([x, np.full(STEPS, y), z], 1) for y in ends]) * MILLIMETRE
    column = (along + half) * SCALE
    values = np.concatenate([np.stack([column, np.full(STEPS, y), np.zeros(STEPS)], 1) for y in (0.0, tall * SCALE)])
    a = np.arange(STEPS - 1)
    triangles = np.concatenate([np.stack([a, a + 1, a + STEPS], 1), np.stack([a + 1, a + STEPS + 1, a + STEPS], 1)])
    return Row(vertices.astype(np.float32), values.astype(np.float32), triangles.astype(np.int32), picture)


def _from_arc(length: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance x from the middle at which a row z = DEEP x², walked along, is `length` millimetres long."""
    x = np.linspace(0, 60, 1200)
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), DEEP * np.diff(x**2)))])
    return np.asarray(np.interp(length, arc, x))


def _painted(crowns: tuple[tuple[float, float], ...], half: float, tall: float) -> Floats:
    """The picture of an upper row: gums above, crowns hanging down, their edges at the lowest row of pixels."""
    width, height = round(2 * half * SCALE), round(tall * SCALE)
    s = np.abs((np.arange(width, dtype=np.float32) + 0.5) / SCALE - half)[None]
    y = (tall - (np.arange(height, dtype=np.float32) + 0.5) / SCALE)[:, None]  # above the incisors' edge
    colour = np.broadcast_to(PINK, (height, width, 3)).copy()
    cover = np.broadcast_to(y > 2.0, (height, width)).astype(np.float32)
    start, longest = 0.0, crowns[0][1]
    for wide, crown in crowns:
        across = np.clip((s - start) / wide, 0, 1) * 2 - 1
        here = (s >= start) & (s < start + wide)
        # An edge is nearly straight with rounded corners; other teeth are shorter than the first or hang as low.
        low = 0.35 * (longest - min(crown, longest)) + 0.9 * np.abs(across) ** 5 + 0.15 * across**2
        neck = low + crown - 0.5 - 1.6 * across**2
        tooth = np.clip((y - low) * 2 + 0.5, 0, 1) * np.clip((neck - y) * 1.5 + 0.5, 0, 1)
        # A crown is a little barrel: light falls off to its sides and towards the gum, its edge is translucent.
        round_off = 1 - (1 - GAP) * np.abs(across) ** 11 - 0.09 * across**2
        rise = np.clip((y - low) / crown, 0, 1)
        light = round_off * (0.90 + 0.12 * rise - 0.16 * rise**3)
        warm = IVORY * (1 - np.array([0.0, 0.02, 0.07], np.float32) * rise[..., None])
        share = np.asarray((tooth * here)[..., None], np.float32)
        colour = (1 - share) * colour + share * np.asarray(warm * light[..., None], np.float32)
        cover = np.asarray(np.where(here, np.clip((y - low) * 2 + 0.5, 0, 1), cover), np.float32)
        start += wide
    shadow = np.clip(1 - (s / CHEEK) ** 3, 0.15, 1)[..., None]
    gum = np.clip(1 - 0.04 * np.clip(y - longest, 0, None), 0.6, 1)[..., None]
    picture = np.dstack([colour * shadow * gum, cover])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), np.float32)
