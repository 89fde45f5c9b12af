"""How living things move: eased steps, blinks, breath and slow noise, all functions of seconds.

Every curve takes times (T,) float64 in seconds and gives (T,) or (T, …) float64, so that the same performance can be sampled
at any rate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLINK_CLOSING = 0.08
"""Seconds in which the lids close, and BLINK_OPENING in which they open again: C. Evinger, K. A. Manning, P. A. Sibony, "Eyelid
movements", Invest. Ophthalmol. Vis. Sci. 32(2), 1991 (down-phase 75 … 100 ms, up-phase two to three times as long)."""
BLINK_CLOSED = 0.04
"""Seconds for which they stay shut: with 25 frames per second at least one frame then shows the eyes closed."""
BLINK_OPENING = 0.24
BLINK = BLINK_CLOSING + BLINK_CLOSED + BLINK_OPENING
"""Seconds of a whole blink."""


CORNER = 0.15
"""Hertz below which noise no longer grows stronger: what is slower would only look like another pose."""


def ease(t: Array, start: float, length: float) -> Array:
    """From 0 to 1 with the least jerk: T. Flash, N. Hogan, "The coordination of arm movements", J. Neurosci. 5(7), 1985.

    The speed is at most 1.875 / length.
    """
    x = np.clip((t - start) / length, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def hump(t: Array, start: float, rise: float, hold: float, fall: float) -> Array:
    """From 0 to 1 in `rise` seconds, there for `hold`, and back in `fall`."""
    return ease(t, start, rise) - ease(t, start + rise + hold, fall)


def blink(t: Array, start: float, closed: float = BLINK_CLOSED) -> Array:
    """One blink, 0 open … 1 shut: the lids fall fast, stay, and open at first fast, then ever slower."""
    x = np.clip((t - start - BLINK_CLOSING - closed) / BLINK_OPENING, 0, 1)
    return ease(t, start, BLINK_CLOSING) - ease(x**0.8, 0, 1)


def track(t: Array, keys: Sequence[tuple[float, Sequence[float], float]], width: int) -> Array:
    """Stay at a value, move to the next with the least jerk, stay: (T, width).

    Args:
        t: seconds.
        keys: (second at which a move begins, where it ends, seconds it takes), rising; a move that the next one would
            cut short is made quicker. Before the first it rests at 0.
        width: numbers of a value.
    """
    if not keys:
        return np.zeros((len(t), width))
    starts = np.array([key[0] for key in keys])
    values = np.array([[0.0] * width, *(key[1] for key in keys)])
    spans = np.minimum([key[2] for key in keys], np.append(np.diff(starts), np.inf))
    at = np.searchsorted(starts, t, side="right")
    last = np.maximum(at - 1, 0)
    share = np.where(at > 0, ease((t - starts[last]) / spans[last], 0, 1), 0)[:, None]
    return np.asarray(values[last] + share * (values[last + 1] - values[last]))


def waves(t: Array, length: float, low: float, high: float, rng: np.random.Generator) -> Array:
    """Smooth noise (T,) of a band of frequencies, 1 root mean square, that begins at 0 and comes back to it after `length`.

    Sines of random phase whose strength falls as one over the frequency, as the sway of a held head does (power as one
    over its square, S. Gurfinkel et al., "Kinesthetic reference for human orthograde posture", Neuroscience 68(1), 1995).

    Args:
        t: seconds.
        length: seconds after which it repeats.
        low: hertz, least frequency; raised to 1 / length where that is more.
        high: hertz, greatest frequency.
        rng: chooses the phases.
    """
    first = max(1, round(low * length))
    last = max(first, round(high * length))
    turns = np.unique(np.rint(np.geomspace(first, last, 7)))
    phase = rng.uniform(0, 2 * np.pi, len(turns))
    strength = 1 / (CORNER + turns / length)
    strength *= np.sqrt(2 / (strength**2).sum())
    angle = 2 * np.pi * turns / length
    # Begin where the noise crosses 0, so that it plays to both sides of rest.
    grid = np.linspace(0, length, 64 * int(turns[-1]), endpoint=False)
    value = (np.sin(np.outer(grid, angle) + phase) * strength).sum(-1)
    at = int(np.argmax(np.signbit(value[1:]) != np.signbit(value[:-1])))
    phase = phase + angle * (grid[at] + (grid[1] - grid[0]) * value[at] / (value[at] - value[at + 1]))
    return np.asarray((np.sin(np.outer(t, angle) + phase) * strength).sum(-1) - (np.sin(phase) * strength).sum(-1))


def breath(t: Array, length: float, period: float) -> Array:
    """The chest, 0 empty … 1 full: a whole number of breaths of about `period` seconds, quicker in than out."""
    turns = max(1, round(length / period))
    angle = 2 * np.pi * turns * t / length
    return np.asarray(0.5 - 0.5 * np.cos(angle + 0.35 * np.sin(angle)))
