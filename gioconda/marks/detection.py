"""Finds the invisible mark in frames of a clip or in a still, whatever their size, cropped or mirrored.

All frames are added up, what is picture is pressed down, and what is left is folded into one tile at every scale in question.
There the phases of the tile are compared with those of the key's patterns. False alarms are bounded, not tuned: `bound`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from gioconda.marks.pattern import (
    CELLS,
    COLUMNS,
    DEFAULT_KEY,
    GRID,
    ID_BITS,
    PATTERNS,
    PAYLOADS,
    SIDE,
    band,
    known_keys,
    number,
    planes,
    spectra,
)
from heads.base import Floats, Image

FRAMES = 300
"""Frames that are read at most: ten seconds."""

LOOKS = (45, 120)
"""Frames after which it is tried at the expected scales already, to stop early."""

LARGEST = 512
"""Pixels of the shorter side that are kept of larger frames: four tiles."""

FALSE_ALARM = 1e-9
"""Probability of calling a picture marked that is not: the bound from which the threshold follows."""

EXPECTED = (1.0, 2.0)
"""Sides of the tile, in quarters of the frame's shorter side, of frames that were not cropped."""

CROPPED = 1.45
"""How much larger a crop makes the tile, measured in the frame's shorter side, at most: 30 % cropped away."""

STEP = 0.009
"""Ratio between neighbouring scales less 1: with four tiles a row, none is off by more than 1.2 samples from the middle."""

FINE = 0.003
"""Step of the last search around the best scale."""

PASS = 4.0
"""Samples of the tile: standard deviation of the smoothing that the high-pass takes off."""

SURE, CLIP = 9.0, 2.5
"""Powers of a bin, and magnitudes, in those of the picture around it, above which a bin does not count for more."""

DOUBT = 0.04
"""Weight (squared) of rings of the spectrum that hold no more than the picture."""

CANDIDATES = 4
"""Best scales that are searched finely."""

LIKELY, MISREAD = 4, 2
"""Shifts of each pattern that are considered, and patterns of which another than the likeliest may be the right one. The check
bits say which; a number that was not written passes them once in 2¹⁸ tries."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An invisible mark that was found."""

    clip_id: int
    """What it says, 0 … 2³² − 1."""
    score: float
    """Sum of the six correlation peaks, in standard deviations of one without a mark."""
    threshold: float
    """Score from which a mark counts."""
    false_alarm: float
    """Bound of the probability that frames without a mark (or marked with another key) reach such a score in such a search."""
    frames: int
    """Frames that were looked at."""
    scale: float
    """Side of the tile, relative to that of an uncropped frame of this size: 1.11 where a tenth was cropped away."""
    flipped: bool
    """Whether the picture is mirrored."""
    key_index: int
    """Which of the keys found it."""
    public: bool
    """Whether that was the public key, which anybody can make marks with."""


@dataclass(frozen=True, slots=True)
class _Match:
    """The best reading of a tile at one scale."""

    score: float
    scale: float
    flipped: bool
    key: int
    cells: list[list[tuple[float, tuple[int, int]]]]
    """For each pattern its likeliest shifts, and how much each takes off the score."""


def detect(frames: Iterable[Image], *, keys: Sequence[bytes] | None = None, limit: int = FRAMES) -> Detection | None:
    """Look for the mark; None where there is none to be found.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one size: a clip from any place on, or a still. Closing them is the caller's.
        keys: what to look for; by default the operator's key and the public one.
        limit: frames to read at most; fewer are read when the mark is plain.

    Raises:
        ValueError: frames of several sizes.
    """
    tried = tuple(known_keys() if keys is None else keys)
    least = threshold(len(tried))
    total = _Sum()
    for image in frames:
        total.add(image)
        if total.count in LOOKS and (early := _read(total, tried, least, early=True)):
            return early
        if total.count >= limit:
            break
    return _read(total, tried, least, early=False) if total.count else None


def strongest(frames: Iterable[Image], *, keys: Sequence[bytes] | None = None) -> float:
    """The best score of a whole search, whether it means anything or not: for the statistics of the mark."""
    total, tried = _Sum(), known_keys() if keys is None else keys
    best = -math.inf
    for image in frames:
        total.add(image)
        if total.count in LOOKS:
            best = max(best, *(match.score for match in _matches(_fitted(total.mean()), EXPECTED, tried)))
    return max(best, *(match.score for match in _all(_fitted(total.mean()), tried)))


def searches(keys: int) -> float:
    """How many numbers, places, scales, mirrorings and keys a call of `detect` compares at most."""
    scales = (len(LOOKS) + 1) * len(EXPECTED) + len(_scales()) + CANDIDATES * 2 * len(_FINER)
    return 2.0**ID_BITS * SIDE * SIDE * scales * 2 * keys


def bound(score: float, keys: int = 1) -> float:
    """Bound of the probability that a search among frames that know nothing of the key reaches a score.

    Each peak is a sum of w cos u over independent uniform phases u, with weights whose squares sum to 2.
    E exp(s cos u) = I0(s) ≤ exp(s²/4), so the sum of six at one place for one number exceeds x with a probability of at most
    exp(−x²/12) (Chernoff's bound), whatever the picture; the union over everything that is compared multiplies it. Only
    numbers whose check bits fit are ever reported, so 2³² count.
    """
    return min(1.0, math.exp(min(0.0, math.log(searches(keys)) - score * score / (2 * PATTERNS))))


def threshold(keys: int = 1) -> float:
    """Score whose `bound` is FALSE_ALARM."""
    return math.sqrt(2 * PATTERNS * (math.log(searches(keys)) - math.log(FALSE_ALARM)))


class _Sum:
    """The sum of all luma planes, at most LARGEST pixels on the shorter side."""

    def __init__(self) -> None:
        self.count = 0
        self._size: tuple[int, ...] = ()
        self._total: Floats | None = None

    def add(self, image: Image) -> None:
        import cv2

        if self._total is not None and image.shape != self._size:
            raise ValueError(f"frames of {self._size} and of {image.shape} are not of one clip")
        self._size = image.shape
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        short = min(luma.shape)
        if short > LARGEST:
            size = tuple(max(1, round(side * LARGEST / short)) for side in luma.shape[::-1])
            luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        if self._total is None:
            self._total = np.zeros(luma.shape, np.float32)
        cv2.accumulate(luma, self._total)
        self.count += 1

    def mean(self) -> Floats:
        assert self._total is not None
        return np.asarray(self._total / self.count, np.float32)


def whitened(luma: Floats, side: float = 1.0) -> Floats:
    """What is left of a luma plane (H, W) when the picture is pressed down: high-passed, and as strong everywhere.

    Args:
        side: of the tile, in quarters of the shorter side, to which the high-pass is fitted.
    """
    import cv2

    sigma = PASS * side * min(luma.shape) / 4 / SIDE
    high = luma - cv2.GaussianBlur(luma, (0, 0), sigma)
    power = cv2.GaussianBlur(high * high, (0, 0), 2 * sigma)
    flat = high / np.sqrt(power + 0.05)
    return np.asarray(np.clip(flat, -2.5, 2.5), np.float32)


def folded(plane: Floats, scale: float) -> Floats:
    """A plane (H, W) folded into two by two tiles, (2 · SIDE, 2 · SIDE).

    Args:
        scale: the tile's side in quarters of the shorter side.
    """
    import cv2

    height, width = plane.shape
    step = scale * min(height, width) / 4 / SIDE
    size = (max(1, int(width / step)), max(1, int(height / step)))
    move = np.array([[step, 0, 0.5 * step - 0.5], [0, step, 0.5 * step - 0.5]])
    sheet = cv2.warpAffine(plane, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    pair = 2 * SIDE
    down, right = -(-size[1] // pair), -(-size[0] // pair)
    room = np.zeros((down * pair, right * pair), np.float32)
    room[: size[1], : size[0]] = sheet
    return np.asarray(room.reshape(down, pair, right, pair).sum((0, 2)), np.float32)


def weighed(sheet: Floats) -> NDArray[np.complex64]:
    """Bins of the band (n,) of two by two folded tiles, each as heavy as it is likely to hold the mark; their squares sum to 2.

    What repeats with the tile lies in every second bin of both axes; the four bins diagonally between hold the picture only,
    and say how strong that is. Weights come from magnitudes, so that phases remain the key's alone.
    """
    import cv2

    spectrum = np.fft.fft(np.fft.rfft(sheet, axis=1)[:, : 2 * COLUMNS], axis=0)
    power = (np.abs(spectrum) ** 2).astype(np.float32)
    between = np.pad(power[1::2, 1::2], ((1, 0), (1, 0)), mode="wrap")
    # Left of the column of zero lies the mirror of the column right of it, of the opposite rows.
    between[:, 0] = between[::-1, 1]
    picture = (between[1:, 1:] + between[:-1, 1:] + between[1:, :-1] + between[:-1, :-1]) / 4
    smooth = np.asarray(cv2.blur(picture, (3, 3), borderType=cv2.BORDER_REFLECT), np.float32)
    inside = band()[:, :COLUMNS]
    bins = spectrum[::2, ::2][inside]
    size = np.maximum(np.abs(bins), 1e-9)
    ratio = size / np.sqrt(smooth[inside] + 1e-9)
    count = np.bincount(_rings())
    excess = np.bincount(_rings(), np.minimum(ratio**2, SURE)) / np.maximum(count, 1) - 1
    weights = np.minimum(ratio, CLIP) * np.sqrt(np.maximum(excess, 0) + DOUBT)[_rings()] + 1e-9
    return np.asarray(bins / size * (weights * math.sqrt(2 / float((weights**2).sum()))), np.complex64)


def mirrored(bins: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Bins (n,) of the band, of the mirrored tile, which begins elsewhere: those of the opposite rows, conjugated."""
    half = np.zeros(band().shape, np.complex64)
    half[band()] = bins
    other = np.conj(np.roll(half[::-1], 1, 0))
    other[:, 0] = half[:, 0]  # a column that is its own mirror image
    return other[band()]


@lru_cache(1)
def _rings() -> NDArray[np.intp]:
    """For every bin of the band the ring, two cycles wide, that it lies in."""
    rows, columns = np.fft.fftfreq(SIDE, 1 / SIDE)[:, None], np.arange(SIDE // 2 + 1)[None]
    return np.asarray(np.rint(np.hypot(rows, columns) / 2)[band()], np.intp)


def matched(bins: NDArray[np.complex64], key: bytes) -> tuple[float, list[list[tuple[float, tuple[int, int]]]]]:
    """The best reading of weighed bins: the sum of the six peaks, and for each pattern the likeliest shifts in cells, the best
    first, with what each of them takes off the sum.

    The tile may begin anywhere; for every beginning the first pattern's correlation and the largest of each of the others on
    the grid of shifts from there add up, and the best beginning wins.
    """
    # Of unit deviation for phases that know nothing of the key.
    peaks = planes(bins * np.conj(spectra(key)))
    # (pattern, row of cells, row in a cell, column of cells, column in a cell): a shift keeps the place within the cell.
    cells = peaks[1:].reshape(PAYLOADS, CELLS, GRID, CELLS, GRID).transpose(0, 2, 4, 1, 3).reshape(PAYLOADS, GRID, GRID, -1)
    sums = cells.max(-1).sum(0)
    joint = peaks[0] + np.tile(sums, (CELLS, CELLS))
    down, right = divmod(int(joint.argmax()), SIDE)
    found = cells[:, down % GRID, right % GRID]
    likely = np.argsort(-found, axis=-1)[:, :LIKELY]
    shifts = []
    for values, order in zip(found, likely, strict=True):
        places = [(float(values[order[0]] - values[place]), divmod(int(place), CELLS)) for place in order]
        shifts.append([(less, ((r - down // GRID) % CELLS, (c - right // GRID) % CELLS)) for less, (r, c) in places])
    return float(joint[down, right]), shifts


def readings(cells: list[list[tuple[float, tuple[int, int]]]]) -> Iterator[tuple[float, list[tuple[int, int]]]]:
    """Combinations of likely shifts, the likeliest first: what they take off the score, and one shift for each pattern."""
    choices = [
        (
            sum(cells[pattern][place][0] for pattern, place in zip(others, places, strict=True)),
            dict(zip(others, places, strict=True)),
        )
        for count in range(MISREAD + 1)
        for others in combinations(range(len(cells)), count)
        for places in product(range(1, LIKELY), repeat=count)
    ]
    for less, changed in sorted(choices, key=lambda choice: choice[0]):
        yield less, [own[changed.get(pattern, 0)][1] for pattern, own in enumerate(cells)]


def _scales() -> list[float]:
    """The scales in question: both numbers of tiles, from uncropped frames to the smallest crop."""
    count = math.ceil(math.log(CROPPED) / STEP)
    return [side * (1 + STEP) ** place for side in EXPECTED for place in range(count)]


def _side(scale: float) -> float:
    """The expected side that a scale is a crop of."""
    return max(side for side in EXPECTED if side <= scale * 1.02)


_FINER = (-2, -1, 1, 2)


def _fitted(luma: Floats) -> dict[float, Floats]:
    """The luma plane whitened for each of the expected sides of the tile."""
    return {side: whitened(luma, side) for side in EXPECTED}


def _matches(fitted: dict[float, Floats], scales: Iterable[float], keys: Sequence[bytes]) -> Iterator[_Match]:
    for scale in scales:
        bins = weighed(folded(fitted[_side(scale)], scale))
        for flipped in (False, True):
            seen = mirrored(bins) if flipped else bins
            for index, key in enumerate(keys):
                score, cells = matched(seen, key)
                yield _Match(score, scale, flipped, index, cells)


def _read(total: _Sum, keys: Sequence[bytes], least: float, *, early: bool) -> Detection | None:
    """The best reading of what was added up: at the expected scales only, or at all of them where those fail."""
    fitted = _fitted(total.mean())
    best = list(_matches(fitted, EXPECTED, keys))
    if (found := _found(best, total, keys, least)) or early:
        return found
    return _found(_all(fitted, keys), total, keys, least)


def _all(fitted: dict[float, Floats], keys: Sequence[bytes]) -> list[_Match]:
    """The best readings at all scales in question, searched finely around those."""
    best = list(_matches(fitted, (*EXPECTED, *_scales()), keys))
    best = sorted(best, key=lambda match: -match.score)[:CANDIDATES]
    for match in tuple(best):
        best += _matches(fitted, (match.scale * (1 + FINE * step) for step in _FINER), keys)
    return best


def _found(matches: list[_Match], total: _Sum, keys: Sequence[bytes], least: float) -> Detection | None:
    """The best reading that is above the threshold and whose check bits fit."""
    for match in sorted(matches, key=lambda match: -match.score):
        if match.score < least:
            return None
        for less, shifts in readings(match.cells):
            score = match.score - less
            if score < least:
                break
            if (clip_id := number(shifts)) is None:
                continue
            scale = match.scale / _side(match.scale)
            return Detection(
                clip_id,
                round(score, 2),
                round(least, 2),
                bound(score, len(keys)),
                total.count,
                round(scale, 3),
                match.flipped,
                match.key,
                keys[match.key] == DEFAULT_KEY,
            )
    return None
