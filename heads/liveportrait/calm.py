"""Jitter of the driver's motion smoothed away: as much as its own noise, which is measured on the way.

The motion extractor reads each frame by itself, so that codec noise and grain shake what it says; people see that first. With
frames to look ahead to, the smoothing is symmetric in time, so that lips stay with the sound. Without (live), a one-euro filter
(G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter", CHI 2012) gives up a little of the freshness of slow movements only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heads.liveportrait.track import GROUPS, Change

Array = NDArray[np.float64]

WINDOW = 0.05
"""Seconds, standard deviation of the window: a blink (0.1 … 0.4 s, Schiffman, "Sensation and Perception", 2001) stands out."""

SPAN = 3 * WINDOW
"""Seconds to either side that the window reaches."""

MEMORY = 256
"""Steps from which the noise is measured: the last ten seconds or so."""

FEWEST = 6
"""Steps before which nothing is known of the noise, and nothing is smoothed."""

_SECOND_DIFFERENCE = 1 / (0.6745 * np.sqrt(6.0))
"""Median absolute second difference of white noise to its standard deviation: a normal median is 0.6745 sigma, and the
squares of 1, -2, 1 add up to 6."""

_TINY = 1e-18
"""Power that stands in for nothing, so that a still track is divided by something."""

SLOW = 1.0
"""Hertz below which a still face is smoothed in live use, at strength 1."""

QUICK = 0.3
"""Hertz more for each standard deviation of the noise that a group moves in a second. Of 36 combinations of these three, this
one takes away 60 % of white noise's jitter and keeps 97 % of the height of blinks and of lips that move four times a second, at
noise of a twentieth of them, without a frame of lag (`tests/test_liveportrait_calm.py` repeats it)."""

SPEED_CUTOFF = 3.0
"""Hertz, of the filter through which that speed is measured; the authors' 1 Hz averages speech away."""


class Calm:
    """Smooths one performance's changes.

    Args:
        strength: 0 … 4, factor on the noise that is smoothed away.
    """

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._last: deque[Change] = deque(maxlen=3)
        self._steps: deque[Array] = deque(maxlen=MEMORY)
        self._noise: Array | None = None
        self._live: Change | None = None
        self._speed: Array | None = None
        self._time = 0.0

    def meet(self, change: Change) -> None:
        """Get to know the next frame, before it is smoothed: its noise counts from now on."""
        self._last.append(change)
        if len(self._last) == 3:
            before, middle, after = self._last
            self._steps.append(np.abs(before - 2 * middle + after))
            self._noise = None

    def parted(self) -> None:
        """The next frame does not follow on the one before."""
        self._last.clear()
        self._live = self._speed = None

    def noise(self) -> Array:
        """(70,) standard deviation of the jitter as it is known now, in the units of a change."""
        if self._noise is None:
            known = len(self._steps) >= FEWEST
            self._noise = _SECOND_DIFFERENCE * np.median(self._steps, axis=0) if known else np.zeros(len(GROUPS))
        return self._noise

    def among(self, changes: Sequence[Change], times: Sequence[float], at: int) -> Change:
        """The change at one moment, smoothed by as many neighbours as there are on both sides.

        A straight line in time is laid through the window; what is left is multiplied by the Wiener gain signal / (signal +
        noise) with the power around that moment (J.-S. Lee, "Digital Image Enhancement and Noise Filtering by Use of Local
        Statistics", IEEE TPAMI 2(2), 1980), so that whatever stands out of the noise is left as it is.

        Args:
            changes: consecutive frames.
            times: their seconds.
            at: the index of the one that is asked for.
        """
        reach = min(at, len(changes) - 1 - at)
        gap = np.asarray(times[at - reach : at + reach + 1]) - times[at]
        weights = np.where(np.abs(gap) <= SPAN, np.exp(-0.5 * (gap / WINDOW) ** 2), 0)
        weights = np.minimum(weights, weights[::-1])  # the same on both sides, or uneven steps would lean
        weights /= weights.sum()
        if reach == 0 or np.count_nonzero(weights) < 3:
            return changes[at]
        around = np.stack(changes[at - reach : at + reach + 1])
        level = weights @ around
        slope = (weights * gap) @ (around - level) / (weights @ gap**2)
        power = _summed(weights @ (around - level - np.outer(gap, slope)) ** 2)
        # What white noise leaves beside such a line: each residual is a row of 1 - hat.
        hat = weights[None] * (1 + np.outer(gap, gap) / (weights @ gap**2))
        share = float(weights @ ((np.eye(len(gap)) - hat) ** 2).sum(1))
        gain = np.maximum(power - share * self._floor(), 0) / np.maximum(power, _TINY)
        return np.asarray(level + gain[GROUPS] * (changes[at] - level))

    def alone(self, change: Change, time: float) -> Change:
        """The change of the newest frame, smoothed by those before it alone."""
        if self._live is None or time <= self._time:
            self._live, self._speed, self._time = change, np.zeros_like(change), time
            return change
        step, self._time = time - self._time, time
        assert self._speed is not None, "the speed is kept with the level"
        share = _share(np.array(SPEED_CUTOFF), step)
        self._speed = self._speed + share * ((change - self._live) / step - self._speed)
        noise = np.sqrt(_summed(self.noise() ** 2))
        moving = np.sqrt(_summed(self._speed**2)) / np.maximum(noise, np.sqrt(_TINY))
        cutoff = (SLOW + QUICK * moving) / max(self._strength, 1e-3)
        self._live = self._live + _share(cutoff, step)[GROUPS] * (change - self._live)
        return self._live

    def _floor(self) -> Array:
        return _summed((self._strength * self.noise()) ** 2)


def _summed(power: Array) -> Array:
    """(70,) to one number for each group."""
    return np.bincount(GROUPS, power).astype(np.float64)


def _share(cutoff: Array, step: float) -> Array:
    """How much of a new value a low-pass of `cutoff` hertz takes after `step` seconds (Casiez et al. 2012)."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff * step)))
