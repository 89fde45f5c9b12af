"""The invisible mark's keyed tile: six noise patterns, five of which carry a number in their cyclic shifts.

After the broadcast monitoring mark JAWS (T. Kalker, G. Depovere, J. Haitsma, M. Maes, "A video watermarking system for
broadcast monitoring", SPIE 3657, 1999): a tile of noise repeats over the picture and stays over time, and what it says lies in
the shift between patterns. Ours are drawn in the Fourier domain: unit amplitudes within a band, phases from the key.
Independent uniform phases are also what makes the false-alarm bound of `detection` exact.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

ALGORITHM = "org.gioconda.tile.1"
"""Name of the mark in the soft binding of a manifest."""

DEFAULT_KEY = hashlib.sha256(b"Gioconda's public watermark key, 1").digest()
"""The key that everybody has: anyone can find a mark that was made with it, and so can anyone who wants to remove one."""

VARIABLE = "GIOCONDA_WATERMARK_KEY"
"""Environment variable with an operator's own key: any text; whoever has it can find the operator's marks."""

SIDE = 128
"""Samples along a side of the tile."""

GRID = 4
"""Samples between two neighbouring shifts: within the main lobe of a pattern's autocorrelation they would be confused."""

CELLS = SIDE // GRID
"""Shifts along each axis."""

PAYLOADS = 5
"""Patterns that carry ten bits each (32 × 32 shifts), beside one that tells where the tile begins."""

PATTERNS = PAYLOADS + 1

ID_BITS, CHECK_BITS = 32, 18
"""Bits of the number and of its check: ten times `PAYLOADS` together."""

CRC = 0x23979
"""Generator x^18 + x^17 + x^13 + … of the check without its highest term. Any polynomial of degree 18 with the term 1 finds
every burst of up to 18 wrong bits, so one wrong shift (ten neighbouring bits) never passes."""

LOW, HIGH = 4.0, 18.0
"""Band in cycles per tile: below it pictures have most of their energy and eyes see blotches, above it codecs keep nothing."""

COLUMNS = int(HIGH) + 1
"""Columns of a half spectrum that the band reaches."""


def operator_key() -> bytes:
    """The key to mark with: the operator's, hashed, where `GIOCONDA_WATERMARK_KEY` is set, else the public one."""
    text = os.environ.get(VARIABLE, "")
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() if text else DEFAULT_KEY


def known_keys() -> tuple[bytes, ...]:
    """The keys to look for: the operator's, if there is one, and the public one."""
    return tuple(dict.fromkeys((operator_key(), DEFAULT_KEY)))


def check(number: int) -> int:
    """The 18 check bits of a number (cyclic redundancy check, highest bit first; start value all ones)."""
    rest = (1 << CHECK_BITS) - 1
    for bit in range(ID_BITS - 1, -1, -1):
        top = (rest >> (CHECK_BITS - 1)) & 1
        rest = (rest << 1) & ((1 << CHECK_BITS) - 1)
        if top ^ ((number >> bit) & 1):
            rest ^= CRC
    return rest


def shifts(number: int) -> list[tuple[int, int]]:
    """The shifts (down, right), in cells, of the payload patterns that say a number.

    Raises:
        ValueError: it is not one of 0 … 2³² − 1.
    """
    if not 0 <= number < 1 << ID_BITS:
        raise ValueError(f"the mark carries a number of 0 … 2**32 - 1, not {number}")
    word = number << CHECK_BITS | check(number)
    symbols = [word >> 10 * place & 1023 for place in range(PAYLOADS - 1, -1, -1)]
    return [divmod(symbol, CELLS) for symbol in symbols]


def number(cells: list[tuple[int, int]]) -> int | None:
    """The number that shifts say, or None where the check fails."""
    word = 0
    for down, right in cells:
        word = word << 10 | (down * CELLS + right)
    value, rest = word >> CHECK_BITS, word & ((1 << CHECK_BITS) - 1)
    return value if check(value) == rest else None


@lru_cache(1)
def band() -> NDArray[np.bool_]:
    """Which bins (SIDE, SIDE // 2 + 1) of a tile's half spectrum the patterns fill."""
    rows, columns = np.fft.fftfreq(SIDE, 1 / SIDE)[:, None], np.arange(SIDE // 2 + 1)[None]
    radius = np.hypot(rows, columns)
    # Of the column of zero horizontal frequency, one half is the mirror of the other.
    return np.asarray((radius >= LOW) & (radius <= HIGH) & ((columns > 0) | (rows > 0)))


@lru_cache(4)
def spectra(key: bytes) -> NDArray[np.complex64]:
    """Half spectra (6, bins of the band) of the key's patterns: amplitude 1, phases of 16 random bits each."""
    bins = int(band().sum())
    stream = hashlib.shake_256(ALGORITHM.encode() + key).digest(PATTERNS * bins * 2)
    phases = np.frombuffer(stream, "<u2").reshape(PATTERNS, bins) * (2 * np.pi / 65536)
    return np.asarray(np.exp(1j * phases), np.complex64)


def planes(bins: NDArray[np.complex64]) -> Floats:
    """Real planes (…, SIDE, SIDE) of half spectra (…, bins of the band): sums of unit waves, not yet divided by anything."""
    half = np.zeros((*bins.shape[:-1], SIDE, COLUMNS), np.complex64)
    half[..., band()[:, :COLUMNS]] = bins
    # The mirrored half of the zero column, which the inverse transform of real planes expects.
    half[..., 1:, 0] += np.conj(half[..., :0:-1, 0])
    # The columns beyond the band are empty, and the second transform takes them so.
    rows = np.fft.ifft(half, axis=-2)
    return np.asarray(np.fft.irfft(rows, SIDE, axis=-1), np.float32) * (SIDE * SIDE / 2)


def tile(clip_id: int, key: bytes) -> Floats:
    """The tile (SIDE, SIDE) that says a number: the first pattern and the shifted others; mean 0, deviation 1."""
    patterns = planes(spectra(key))
    total = patterns[0].copy()
    for pattern, (down, right) in zip(patterns[1:], shifts(clip_id), strict=True):
        total += np.roll(pattern, (down * GRID, right * GRID), (0, 1))
    return np.asarray(total / total.std(), np.float32)
