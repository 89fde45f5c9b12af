"""Portraits taken in other light than the first one are brought into its: first the whole face's tone, then place by place.

Creases and the shadows of an expression belong to it and stay. So what differs is taken out only where the whole face tells
that the light is another one, and then down to a few millimetres, below which there are lashes, lines and pores.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from heads import mesh, rigid
from heads.base import Floats, Portrait
from heads.register import BLACK
from heads.warp import atlas
from heads.warp.atlas import Atlas
from heads.warp.eyes import ramp
from heads.warp.layers import spread

LIGHT = (0.07, 0.16)
"""Natural logarithm of the ratio of brightness and colour to the first portrait's, root mean square over the face, between
which a portrait counts as taken in other light. Within clips of one person it is 0.01 to 0.06, rendered people who turn 20
degrees in their light have 0.03 to 0.08, other lamps 0.25 to 0.4."""

BROAD, LOCAL = 0.3, 0.05
"""Half windows over which it is averaged, to tell other light and to take it out, in distances between the eyes."""

GAIN = 1.2
"""Natural logarithm of the largest correction of colour."""

CURVE = (0.5, 2.0)
"""Exponents of tone between which one is believed: beyond them a portrait has lost what it showed."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A portrait laid out on the sheet."""

    colours: Floats
    """(h, w, 3) 0 … 255."""
    cover: Floats
    """(h, w) 0 … 1: the matte."""
    facing: Floats
    """(V,) pixels of the portrait per pixel of a face of its size seen from the front."""

    @classmethod
    def of(cls, sheet: Atlas, portrait: Portrait, points: Floats) -> Shown:
        """Lay out a portrait whose landmarks are at `points` (478, 3) pixels."""
        vertices = sheet.vertices(points, sheet.rings(points))
        size = float(rigid.fit_face(sheet.points, points).scale)
        # As many pixels as the sheet has, or what is small in it would flicker in what is compared.
        factor = min(1.0, sheet.scale / size)
        image, matte = (
            cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else picture
            for picture in (portrait.image, portrait.matte)
        )
        where = sheet.laid(vertices[:, :2]) * np.float32(factor) - np.float32(0.5)
        across, down = cv2.split(where)
        colours, cover = (
            cv2.remap(np.ascontiguousarray(p), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for p in (image, matte)
        )
        facing = sheet.density(vertices) / np.float32(size**2)
        return cls(np.asarray(colours, np.float32), np.asarray(cover, np.float32), facing)


def differs(sheet: Atlas, first: Shown, other: Shown) -> float:
    """How far a portrait's light is another than the first one's, 0 … 1."""
    weight = _seen(sheet, first, other)
    whole = _ratio(sheet, first, other, weight, BROAD)
    apart = float(np.sqrt((weight[..., None] * whole**2).sum() / max(3 * float(weight.sum()), 1e-6)))
    return ramp(apart, *LIGHT)


def tone(sheet: Atlas, first: Shown, other: Shown, share: float) -> Floats:
    """(3, 2) of each colour: natural logarithm of a factor and an exponent that give its distribution over the face the first
    one's: another exposure, white balance or camera's curve. `share` 0 leaves it, 1 gives it whole.
    """
    weight = _seen(sheet, first, other)
    out = np.tile(np.array([0, 1], np.float32), (3, 1))
    if share == 0 or not weight.any():
        return out
    broad = [_mean(sheet, one, weight, BROAD) for one in (first, other)]
    # Contrast within a window: a lamp at the side makes a ramp over the face, but no contrast.
    spans = [_mean(sheet, one, weight, LOCAL) - mean for one, mean in zip((first, other), broad, strict=True)]
    deviation = [np.sqrt((weight[..., None] * span**2).sum((0, 1)) / weight.sum()) for span in spans]
    power = np.clip(deviation[0] / np.maximum(deviation[1], 1e-3), *CURVE)
    level = [(weight[..., None] * mean).sum((0, 1)) / weight.sum() for mean in broad]
    return np.asarray(np.column_stack([share * (level[0] - power * level[1]), 1 + share * (power - 1)]), np.float32)


def gain(sheet: Atlas, first: Shown, other: Shown, share: float) -> Floats:
    """(H, W, 3) natural logarithm of the factors over the sheet that then make every place as bright as the first one's."""
    local = np.clip(_ratio(sheet, first, other, _seen(sheet, first, other), LOCAL), -GAIN, GAIN)
    # Mouth and eyes are lit as the skin around them.
    inner = sheet.places.copy()
    inner[sheet.skin :] = sheet.below(sheet.places)
    across, down = cv2.split(sheet.laid(inner) - np.float32(0.5))
    return np.asarray(share * cv2.remap(local, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def lit(colours: Floats, tone: Floats | None = None, gain: Floats | None = None) -> Floats:
    """Colours (h, w, 3) 0 … 255 with a tone and with factors (h, w, 3) on them, float32; not cut off at 255."""
    out = colours + np.float32(BLACK)
    if tone is not None:
        out = np.exp(tone[:, 0]) * out ** tone[:, 1]
    if gain is not None:
        out = out * np.exp(gain)
    return np.asarray(out - BLACK, np.float32)


def _seen(sheet: Atlas, first: Shown, other: Shown) -> Floats:
    """(SIDE, SIDE) 0 … 1: skin that both show."""
    seen = np.clip(np.minimum(first.facing, other.facing), 0, 1)
    seen[mesh.SURFACE :] = 0
    return np.asarray(sheet.laid(seen[:, None])[: atlas.SIDE, :, 0] * sheet.skin_mask(), np.float32)


def _ratio(sheet: Atlas, first: Shown, other: Shown, weight: Floats, window: float) -> Floats:
    """(SIDE, SIDE, 3) natural logarithm of the first one's mean colours over the other's around each place."""
    return _mean(sheet, first, weight, window) - _mean(sheet, other, weight, window)


def _mean(sheet: Atlas, one: Shown, weight: Floats, window: float) -> Floats:
    """(SIDE, SIDE, 3) natural logarithm of a portrait's mean colours, with `BLACK` on them, around each place."""
    radius = max(1, round(window * float(np.linalg.norm(sheet.places[33] - sheet.places[263]))))
    return np.asarray(np.log(np.maximum(spread(one.colours[: atlas.SIDE], weight, radius), 0) + BLACK), np.float32)
