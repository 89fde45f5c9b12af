"""Zero-phase smoothing that takes away as much as the tracker's own noise, which is measured from the clip.

It looks both ways in time, so lips stay with the sound; where a movement stands out of the noise it is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from heads import rigid
from heads.base import POINTS, SHAPES, Floats

Array = NDArray[np.float64]

WINDOW = 0.05
"""Seconds, standard deviation of the smoothing window: a blink (0.1 … 0.4 s, Schiffman, "Sensation and Perception", 2001)
still stands out of it, tracking jitter from frame to frame does not."""

_SECOND_DIFFERENCE = 1 / (0.6745 * np.sqrt(6.0))
"""Median absolute second difference of white noise to its standard deviation: a normal median is 0.6745 sigma, and the
squares of 1, -2, 1 add up to 6."""

_TINY = 1e-18
"""Power (squared units) that stands in for nothing, so that a still track is divided by something."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """A stretch of T frames taken apart; or, with one row less dimension, the noise of each track."""

    scale: Array
    """(T, 1) logarithm of the head's size over its size in the neutral frame."""
    spin: Array
    """(T, 3) rotation vector of the landmarks against the neutral frame, radians."""
    shift: Array
    """(T, 3) translation that goes with them, unit crop."""
    local: Array
    """(T, 478 * 3) what the expression adds, in the neutral head's axes, unit crop."""
    shapes: Array
    """(T, 52) blendshape weights."""
    turn: Array
    """(T, 3) rotation vector of the tracked pose against the neutral frame's, radians."""
    shade: Array
    """(T, 478) brightness of the skin, or (T, 0) where it was not measured."""

    def points(self, rest: Floats) -> Floats:
        """The landmarks (T, 478, 3) float32 put together again on the neutral ones (478, 3)."""
        frame = rigid.Similarity(np.exp(self.scale[:, 0]), rigid.to_matrix(self.spin), self.shift)
        return frame.apply(rest + self.local.reshape(-1, POINTS, 3)).astype(np.float32)


_GROUPS = {"local": POINTS, "shapes": SHAPES, "shade": POINTS}
"""Tracks whose channels are judged apart: each landmark and each blendshape by itself, the rest as one."""


def reach(rate: float) -> int:
    """Frames to either side that smoothing looks at, at `rate` frames per second."""
    return int(np.ceil(3 * WINDOW * rate))


def noise(parts: Sequence[Tracks]) -> Tracks:
    """Standard deviation of the jitter of each track, in the track's unit, from stretches of the clip.

    The median over time of the absolute second difference: a face holds still or moves evenly most of the time, and what
    remains then is the tracker.
    """

    def sigma(name: str) -> Array:
        steps = np.concatenate([np.abs(np.diff(getattr(part, name), 2, axis=0)) for part in parts])
        width = steps.shape[1]
        return np.asarray(_SECOND_DIFFERENCE * np.median(steps, axis=0) if len(steps) else np.zeros(width))

    return Tracks(*(sigma(f.name) for f in fields(Tracks)))


def calmed(tracks: Tracks, times: Array, jitter: Tracks, strength: float, span: int) -> Tracks:
    """The tracks with `strength` times the jitter smoothed away; `times` (T,) seconds, `span` frames to either side."""
    weights = _kernel(times, span)

    def one(name: str) -> Array:
        if not getattr(tracks, name).size:
            return np.asarray(getattr(tracks, name))
        return _shrink(getattr(tracks, name), weights, strength * getattr(jitter, name), _GROUPS.get(name, 1))

    return Tracks(*(one(f.name) for f in fields(Tracks)))


def _shrink(track: Array, weights: Array, sigma: Array, groups: int) -> Array:
    """Smooth `track` (T, C) but keep whatever stands out of the noise `sigma` (C,).

    The track is split into its Gaussian average and the rest; the rest is multiplied by the Wiener gain signal / (signal +
    noise) (N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949), with the power
    measured around each moment and shared by the channels of a group.
    """
    middle = weights.shape[1] // 2
    rest = track - _average(track, weights)
    # Power of white noise in the rest: the average took away 2 w0 - sum of w squared of it.
    part = 1 - 2 * weights[:, middle] + (weights**2).sum(1)
    floor = part[:, None] * (sigma**2).reshape(groups, -1).sum(-1)
    power = _average((rest**2).reshape(len(track), groups, -1).sum(-1), weights)
    gain = np.maximum(power - floor, 0) / np.maximum(power, _TINY)
    return np.asarray(track - rest * np.repeat(1 - gain, track.shape[1] // groups, axis=1))


def _kernel(times: Array, span: int) -> Array:
    """Gaussian weights (T, 2 span + 1) of each frame's neighbours in time; rows add up to one."""
    offsets = np.arange(-span, span + 1)
    index = np.arange(len(times))[:, None]
    gap = times[np.clip(index + offsets, 0, len(times) - 1)] - times[:, None]
    # At the clip's ends only as many neighbours are taken as there are on both sides, or the average would lean inwards.
    both = np.minimum(index, len(times) - 1 - index)
    w = np.where(np.abs(offsets) <= both, np.exp(-0.5 * (gap / WINDOW) ** 2), 0)
    return np.asarray(w / w.sum(1, keepdims=True))


def _average(x: Array, weights: Array) -> Array:
    """Weighted mean of each row's neighbours: x (T, C), weights (T, 2 span + 1)."""
    span = weights.shape[1] // 2
    padded = np.pad(x, ((span, span), (0, 0)))
    total = np.zeros_like(x)
    for k in range(2 * span + 1):
        total += weights[:, k : k + 1] * padded[k : k + len(x)]
    return total
