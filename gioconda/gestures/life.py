"""What never stops in a living face: breath, sway, small saccades, blinks and a play of small muscles."""

from __future__ import annotations

import numpy as np

from gioconda.gestures import curves
from gioconda.gestures.stage import Array, Stage

BREATH = 4.0
"""Seconds of a breath: 15 a minute, the middle of an adult's 12 … 20 at rest."""

BLINK_EVERY = 3.6
"""Seconds between blinks, on average: 17 a minute at rest (A. R. Bentivoglio et al., "Analysis of blink rate patterns in normal
subjects", Mov. Disord. 12(6), 1997)."""
BLINK_SPREAD = 0.4
"""Standard deviation of the logarithm of that time: blinks come unevenly."""
BLINK_LEAST = 1.2
"""Seconds between two blinks at least."""

FIXATION = (0.5, 2.2)
"""Seconds for which the eyes rest on one point of a face before they go to another one."""
DRIFT = (2.2, 1.4)
"""Degrees across and down within which these points lie: eyes and mouth of somebody at two metres."""

SWAY = (0.06, 0.8)
"""Hertz: the band in which a held head sways."""
SWAY_TURN = (0.8, 0.5, 0.45)
"""Degrees, root mean square: yaw, pitch, roll."""
SWAY_SHIFT = (0.006, 0.003, 0.006)
"""The same in distances between the outer eye corners: x, y, z."""

PULSE = (0.95, 1.3)
"""Hertz: the heart, whose beat nods the head a little (G. Balakrishnan et al., "Detecting pulse from head motions in video",
CVPR 2013)."""
PULSE_TURN = 0.05
"""Degrees, root mean square; never seen, but it leaves no moment in which a head stands as if held."""

PLAY = (0.08, 0.35)
"""Hertz: the band in which the small muscles of a resting face change their tone."""


def live(stage: Stage, rate: float = 1.0) -> None:
    """Add it all, so that it begins and ends at rest and the end goes on into the beginning.

    Args:
        stage: the whole performance, with its scripted blinks noted as busy.
        rate: how often blinks come, 1 at rest; talking people blink half as often again.
    """
    t, length, rng = stage.t, stage.length, stage.rng
    calm = min(1.0, length / BREATH)  # what must come back sooner goes less far
    for axis in range(3):
        stage.turn[:, axis] += calm * SWAY_TURN[axis] * curves.waves(t, length, *SWAY, rng)
        stage.shift[:, axis] += calm * SWAY_SHIFT[axis] * curves.waves(t, length, *SWAY, rng)
    stage.head(curves.waves(t, length, *PULSE, rng), pitch=calm * PULSE_TURN, yaw=0.5 * calm * PULSE_TURN)
    _breathe(stage)
    _fixate(stage)
    _play(stage)
    for start in _blinks(stage, rate):
        stage.blink(start)


def _breathe(stage: Stage) -> None:
    """The chest lifts head and shoulders, the head tips back a little, nostrils widen."""
    air = min(1.0, stage.length / BREATH) * curves.breath(stage.t, stage.length, BREATH)
    stage.head(air, pitch=-0.55)
    stage.shift += np.outer(air, (0, -0.010, -0.004))
    stage.add(air, noseSneer=0.03, jawOpen=0.008)


def _fixate(stage: Stage) -> None:
    """Small saccades from one point of the viewer's face to another."""
    rng, start, keys = stage.rng, 0.0, []
    while (start := start + float(rng.uniform(*FIXATION))) < stage.length - 0.4:
        place = rng.normal(0, 0.6, 2).clip(-1, 1) * DRIFT
        keys.append((start, tuple(place), 0.035))
    if keys:
        keys.append((stage.length - 0.3, (0.0, 0.0), 0.035))
    stage.gaze += curves.track(stage.t, keys, 2)


def _play(stage: Stage) -> None:
    """Brows, mouth corners, lids: hardly seen, and dead without it."""

    def tone() -> Array:
        wave = curves.waves(stage.t, stage.length, *PLAY, stage.rng)
        return np.asarray(wave**2 / (1 + wave**2))

    stage.add(tone(), browInnerUp=0.10)
    stage.add(tone(), browOuterUpLeft=0.05)
    stage.add(tone(), eyeSquint=0.12, cheekSquint=0.05)
    stage.add(tone(), mouthSmileLeft=0.07, mouthSmileRight=0.05)
    stage.add(tone(), mouthPress=0.07, mouthShrugLower=0.04)
    stage.add(tone(), browDown=0.05)


def _blinks(stage: Stage, rate: float) -> list[float]:
    """Seconds at which chance blinks begin."""
    result = []
    rng, at = stage.rng, float(stage.rng.uniform(0.6, 0.6 * BLINK_EVERY))
    while at < stage.length - curves.BLINK - 0.2:
        if all(at + curves.BLINK + 0.5 < first or at > last + 0.7 for first, last in stage.busy):
            result.append(at)
            if rng.random() < 0.1:
                result.append(at + curves.BLINK + 0.05)
        at += max(BLINK_LEAST, float(BLINK_EVERY / rate * rng.lognormal(-0.5 * BLINK_SPREAD**2, BLINK_SPREAD)))
    return result
