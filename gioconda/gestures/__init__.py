"""Built-in performances: no driver is needed to make a portrait smile, nod, speak or just be alive.

    from gioconda.gestures import GESTURES, perform

    motion = perform("smile", model)           # a `heads.base.Motion`, like one recorded from a clip

Each is a function of seconds, so every frame rate samples the same performance, and chance comes from a seed alone. The first
frame is the neutral face; each ends where it began, so that all can follow one another and be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from gioconda.errors import DrivingError, SettingError
from gioconda.gestures.face import Acted, Puppet, turned
from gioconda.gestures.life import live
from gioconda.gestures.scripts import SCRIPTS
from gioconda.gestures.stage import Stage
from heads.base import Motion
from heads.headmodel import HeadModel

__all__ = ["GESTURES", "MAX_SECONDS", "Gesture", "named", "perform"]

MAX_SECONDS = 3600.0
"""The longest performance: an hour."""
MAX_RATE = Fraction(240)
"""Frames per second: more than any screen shows of a face."""

TALKING = 1.5
"""How much oftener people blink who talk (A. R. Bentivoglio et al., Mov. Disord. 12(6), 1997: 26 against 17 a minute)."""


SHORTEST = {"idle": 0.0, "living": 0.0, "speak": 3.0, "smile": 4.4}
"""Seconds down to which a gesture only becomes shorter (fewer words, a smile held less long); below, and all others below their
own length, it is played faster."""


@dataclass(frozen=True, slots=True)
class Gesture:
    """A built-in performance."""

    name: str
    """What `perform` and `--gesture` take."""
    title: str
    """For the page: two words at most."""
    about: str
    """One line."""
    seconds: float
    """How long it takes by itself."""
    loops: bool
    """Made to be repeated without an end; the others can be, but do one thing."""


GESTURES: Mapping[str, Gesture] = MappingProxyType(
    {
        gesture.name: gesture
        for gesture in (
            Gesture("idle", "Just there", "Breathes, blinks and looks at you.", 8.0, True),
            Gesture("smile", "Smile", "A slow smile that reaches the eyes, and goes again.", 6.0, False),
            Gesture("nod", "Nod", "Says yes.", 3.0, False),
            Gesture("shake", "Shake", "Says no.", 3.2, False),
            Gesture("wink", "Wink", "One eye, half a smile.", 3.0, False),
            Gesture("speak", "Speak", "Talks to you without words.", 7.0, False),
            Gesture("surprise", "Surprise", "Brows up, mouth open, and relief.", 3.8, False),
            Gesture("laugh", "Laugh", "A smile that breaks into laughter.", 5.0, False),
            Gesture("living", "Living portrait", "Looks about, thinks, breathes, almost smiles, without end.", 24.0, True),
        )
    }
)
"""Name to gesture, in the order in which the page shows them."""


def named(name: str) -> Gesture:
    """The gesture of a name.

    Raises:
        DrivingError: there is no gesture of that name.
    """
    if name not in GESTURES:
        raise DrivingError(f"There is no gesture {name!r}.", f"The gestures are {', '.join(GESTURES)}.", "Choose one of them.")
    return GESTURES[name]


def perform(
    name: str, model: HeadModel, *, seconds: float | None = None, rate: Fraction = Fraction(30), seed: int = 0
) -> Motion:
    """Play a gesture.

    Args:
        name: key of `GESTURES`.
        model: the free 3-D head whose face plays it.
        seconds: length; None for the gesture's own. A longer one holds or repeats; see `SHORTEST` for shorter ones.
        rate: frames per second.
        seed: chance of blinks, glances and sway; at least 0.

    Returns:
        A motion whose frame `neutral` = 0 is the neutral face: expression zero, pose identity. Its points are worked out
        when they are read.

    Raises:
        DrivingError: there is no gesture of that name.
        SettingError: `seconds`, `rate` or `seed` is out of its range.
    """
    gesture = named(name)
    length = gesture.seconds if seconds is None else float(seconds)
    if not (math.isfinite(length) and 0 < length <= MAX_SECONDS):
        raise SettingError(
            f"The gesture was to last {length:g} seconds.", f"It can last up to {MAX_SECONDS:g}.", "Choose another length."
        )
    if not 0 < rate <= MAX_RATE:
        raise SettingError(f"The rate is {rate} frames per second.", f"It may be up to {MAX_RATE}.", "Choose another one.")
    if seed < 0:
        raise SettingError(f"The seed is {seed}.", "It must be 0 or more.", "Choose another one.")
    count = max(1, round(Fraction(length) * rate))
    times = np.arange(count) * rate.denominator / rate.numerator
    natural = max(length, SHORTEST.get(name, gesture.seconds))
    stage = _played(gesture, times * (natural / length), natural, seed)
    rotation = turned(*np.radians(stage.turn).T).astype(np.float32)
    expression = stage.weights.astype(np.float32)
    points = Acted(Puppet(model), expression, rotation, stage.shift.astype(np.float32))
    return Motion(times, rate, 1 / rate, points, expression, rotation, np.ones(count, np.bool_))


def _played(gesture: Gesture, t: np.ndarray[tuple[int], np.dtype[np.float64]], length: float, seed: int) -> Stage:
    """The stage after the whole performance: `length` seconds of it, at the times `t`."""
    stage = Stage(t, length, np.random.default_rng([seed, *gesture.name.encode()]))
    script = SCRIPTS[gesture.name]
    whole = gesture.loops or gesture.name == "speak"
    parts = 1 if whole else max(1, round(length / (1.5 * gesture.seconds)))
    for k in range(parts):
        script(stage.part(k * length / parts, (k + 1) * length / parts))
    live(stage, TALKING if gesture.name == "speak" else 1.0)
    stage.finish()
    return stage
