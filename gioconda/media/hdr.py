"""High dynamic range to standard: a small table of colours, computed once, through which FFmpeg looks up every pixel.

swscale's own conversion (`scale=intent=perceptual`) prepares for four to thirteen seconds per clip and comes out a fifth
darker; this table takes milliseconds, and leaves what is darker than half of white, where faces are, as it was graded.
"""

from __future__ import annotations

import functools
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

PQ, HLG = 16, 18
"""Transfer characteristics SMPTE ST 2084 and ARIB STD-B67, numbered as in ITU-T H.273 table 3."""

WIDE: Final = 9
"""Colour primaries, and matrix, of BT.2020, numbered as in ITU-T H.273 tables 2 and 4."""

LEVEL = 6
"""Of the Hald table: an image of LEVEL³ squared holds LEVEL² = 36 steps of each colour."""

WHITE = 203.0
"""cd/m² of diffuse white in HDR (ITU-R BT.2408-7, table 1)."""

PEAK = 1000.0
"""cd/m² that become full white: the peak of HLG's reference display, and what most PQ is graded for."""

KNEE = 0.5
"""Of diffuse white, linear: darker light passes unchanged, brighter light is compressed into what is left."""

TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
"""Linear BT.2020 to linear BT.709 (ITU-R BT.2407-0, section 2)."""

LUMA = np.array([0.2627, 0.6780, 0.0593])
"""Luminance of linear BT.2020 (ITU-R BT.2020-2, table 4)."""


def needs_mapping(transfer: int, primaries: int) -> bool:
    """Whether pictures with these H.273 numbers look wrong on a BT.709 screen."""
    return transfer in (PQ, HLG) or primaries == WIDE


@functools.lru_cache(maxsize=4)
def table(transfer: int) -> NDArray[np.uint16]:
    """The Hald table (216, 216, 3) uint16 from R'G'B' of BT.2020 with this transfer to sRGB; red runs fastest."""
    steps = np.linspace(0, 1, LEVEL**2)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    signal = np.stack([red, green, blue], -1).reshape(-1, 3)
    light = np.clip(_linear(signal, transfer) @ TO_BT709.T, 0, None)
    if transfer in (PQ, HLG):
        light = _compressed(light)
    light = np.clip(light, 0, 1)
    # IEC 61966-2-1.
    srgb = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    colours: NDArray[np.uint16] = np.round(srgb * 65535).astype(np.uint16)
    return colours.reshape(LEVEL**3, LEVEL**3, 3)


def _linear(signal: Floats, transfer: int) -> Floats:
    """(N, 3) R'G'B' in [0, 1] to light on the screen, 1 = diffuse white."""
    light: Floats
    if transfer == PQ:
        # ITU-R BT.2100-2, table 4.
        power = signal ** (1 / 78.84375)
        light = 10000 / WHITE * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    elif transfer == HLG:
        # ITU-R BT.2100-2, table 5: to scene light, then the system gamma of 1.2 of a display of 1,000 cd/m².
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        light = PEAK / WHITE * scene * (scene @ LUMA)[:, None] ** 0.2
    else:
        light = np.where(signal > 0.04045, ((signal + 0.055) / 1.055) ** 2.4, signal / 12.92)
    return light


def _compressed(light: Floats) -> Floats:
    """(N, 3) linear light with everything up to `PEAK` brought under 1; hues stay, since all channels shrink alike.

    Reinhard's curve with a white point ("Photographic tone reproduction", 2002, equation 4), begun at the knee with slope 1.
    """
    brightest = light.max(1, keepdims=True)
    over = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    white = (PEAK / WHITE - KNEE) / (1 - KNEE)
    mapped = np.where(brightest > KNEE, KNEE + (1 - KNEE) * over * (1 + over / white**2) / (1 + over), brightest)
    shrunk: Floats = light * mapped / np.maximum(brightest, 1e-9)
    return shrunk
