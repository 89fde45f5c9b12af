"""The stage on which a gesture is played: channels over time, to which every movement adds its share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gioconda.gestures import curves
from gioconda.gestures.face import GAZE_ACROSS, GAZE_DOWN, GAZE_UP
from heads.base import SHAPES
from heads.mesh import SHAPE

Array = NDArray[np.float64]

SIDES = ("Left", "Right")

HEAD_SHARE = 0.45
"""Share of a glance that the head makes; the eyes make the rest, and all of it at first."""
HEAD_DELAY = 0.06
"""Seconds by which the eyes lead the head: 30 … 70 ms in free glances (W. H. Zangemeister, L. Stark, "Types of gaze
movement", Exp. Neurol. 77, 1982)."""
HEAD_TIME = 0.65
"""Seconds of the head's part of a glance."""
SACCADE = (0.03, 0.0022)
"""Seconds of a saccade, and seconds more per degree: A. T. Bahill, M. R. Clark, L. Stark, "The main sequence", Math. Biosci.
24, 1975; the first figure is 21 ms there, rounded up for lids that begin to follow."""

LID_FOLLOWS = 0.35
"""eyeWide weight that goes with eyeLookUp at 1; looking down lowers the lid by the blendshape itself."""


class Stage:
    """Channels of a performance at given times. Movements add to them; none knows of the others.

    Args:
        t: (T,) seconds.
        length: seconds of the performance.
        rng: chance of this performance.
    """

    def __init__(self, t: Array, length: float, rng: np.random.Generator) -> None:
        self.t, self.length, self.rng = t, length, rng
        self.weights = np.zeros((len(t), SHAPES))
        self.turn = np.zeros((len(t), 3))
        """(T, 3) degrees: yaw, pitch, roll of the head."""
        self.shift = np.zeros((len(t), 3))
        """(T, 3) in distances between the outer eye corners: x right, y down, z away."""
        self.gaze = np.zeros((len(t), 2))
        """(T, 2) degrees that the eyes look right and down in the world, not in the head: a nod keeps the eye on the viewer."""
        self.origin = 0.0
        """Second of the whole performance at which this stretch begins."""
        self.busy: list[tuple[float, float]] = []
        """Seconds of the whole performance in which lids are moved on purpose: no chance blink falls there."""

    def part(self, first: float, last: float) -> Stage:
        """A stretch of this stage, in seconds of its own; what is added there is added here."""
        low, high = np.searchsorted(self.t, (first, last))
        other = Stage.__new__(Stage)
        other.t, other.length, other.rng = self.t[low:high] - first, last - first, self.rng
        other.weights, other.turn = self.weights[low:high], self.turn[low:high]
        other.shift, other.gaze = self.shift[low:high], self.gaze[low:high]
        other.origin, other.busy = self.origin + first, self.busy
        return other

    def add(self, curve: Array, **amounts: float) -> None:
        """Add a curve (T,) times an amount to blendshapes; a name without its side moves left and right."""
        for name, amount in amounts.items():
            for shape in (name,) if name in SHAPE else (name + side for side in SIDES):
                self.weights[:, SHAPE[shape]] += amount * curve

    def head(self, curve: Array, yaw: float = 0, pitch: float = 0, roll: float = 0) -> None:
        """Turn the head by a curve (T,) times degrees; see `faces.pose.angles` for the signs."""
        self.turn += np.outer(curve, (yaw, pitch, roll))

    def blink(self, start: float, closed: float = curves.BLINK_CLOSED) -> None:
        """A blink of both eyes, the left one a little behind, with what moves along around them."""
        # Only the stretch in which something moves is worked on: an hour holds a thousand blinks.
        here = self.part(start - 0.1, start + closed + 0.9)
        here.add(curves.blink(here.t, 0.1, closed), eyeBlinkRight=1)
        here.add(curves.blink(here.t, 0.106, closed), eyeBlinkLeft=1)
        here.add(curves.hump(here.t, 0.08, 0.1, closed, 0.3), browDown=0.06, cheekSquint=0.05)
        self.keep_lids(start, start + curves.BLINK + closed)

    def keep_lids(self, first: float, last: float) -> None:
        """Let no chance blink fall between two seconds of this stretch."""
        self.busy.append((self.origin + first, self.origin + last))

    def glances(self, keys: Sequence[tuple[float, float, float]], head: float = HEAD_SHARE) -> None:
        """Look at places one after another: saccades first, the head after them.

        Args:
            keys: (second, degrees right, degrees down), rising; begin and end at (0, 0).
            head: share of the way that the head makes.
        """
        eyes, follows, before = [], [], (0.0, 0.0)
        for start, across, down in keys:
            way = float(np.hypot(across - before[0], down - before[1]))
            before = (across, down)
            eyes.append((start, before, SACCADE[0] + SACCADE[1] * way))
            place = (head * across, 0.7 * head * down, 0.12 * head * across)
            follows.append((start + HEAD_DELAY, place, HEAD_TIME + 0.012 * way))
        self.gaze += curves.track(self.t, eyes, 2)
        self.turn += curves.track(self.t, follows, 3)

    def finish(self) -> None:
        """Set the eyeLook weights from gaze and head, lids after them, and keep every weight in [0, 1]."""
        right = np.clip((self.gaze[:, 0] - self.turn[:, 0]) / GAZE_ACROSS, -1, 1)
        down = self.gaze[:, 1] - self.turn[:, 1]
        self.add(np.maximum(right, 0), eyeLookOutLeft=1, eyeLookInRight=1)
        self.add(np.maximum(-right, 0), eyeLookInLeft=1, eyeLookOutRight=1)
        self.add(np.clip(down / GAZE_DOWN, 0, 1), eyeLookDown=1)
        self.add(np.clip(-down / GAZE_UP, 0, 1), eyeLookUp=1, eyeWide=LID_FOLLOWS)
        np.clip(self.weights, 0, 1, out=self.weights)
