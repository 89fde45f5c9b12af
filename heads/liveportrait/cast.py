"""Several portraits of one person: which of them paints a frame.

The one whose own head is turned and whose own face is set most like what the frame asks for needs the least invention. Who
paints changes seldom and softly: a change must be worth it for a while, and one picture is faded into the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heads import mesh
from heads.base import SHAPES, Cue, Floats, Portrait

POSE_UNIT = float(np.radians(25.0))
"""Radians of turning that count as much as a difference of one in blendshape distance. As in `gioconda.record`: what another
way of looking hides is missing, and so is the inside of a mouth that is closed."""

TELLING = {"jawOpen": 3.0, "eyeBlinkLeft": 2.0, "eyeBlinkRight": 2.0}
"""Blendshapes that count more than others there: what opens and closes."""

LAZY = 0.15
"""Seconds over which distances are averaged: a blink alone changes nobody."""

WORTH = 0.25
"""How much nearer than the one that paints another one must be, in the same unit: about six degrees of turning."""

LEAST = 0.5
"""Seconds for which one paints at least."""

FADE = 0.2
"""Seconds in which one picture is faded into the other."""


class Cast:
    """Chooses for one performance. What it says depends on the cues so far alone.

    Args:
        portraits: the first gives the frames their geometry.
        neutral: the cue at which the first portrait is as it is.
    """

    def __init__(self, portraits: Sequence[Portrait], neutral: Cue) -> None:
        self._neutral, self._first = neutral, portraits[0].face
        self._poses = np.stack([portrait.face.pose for portrait in portraits]).astype(np.float64)
        self._shapes = np.stack([portrait.face.expression for portrait in portraits]).astype(np.float64)
        self._weight = np.ones(SHAPES)
        self._weight[0] = 0  # the rest weight says nothing that the others do not
        for name, count in TELLING.items():
            self._weight[mesh.SHAPE[name]] = count
        self._far: Floats | None = None
        self._before, self._now = 0, 0
        self._since, self._time = -np.inf, 0.0

    def shares(self, cue: Cue) -> list[tuple[int, float]]:
        """Who paints the frame of a cue: (index, share), shares add up to 1; one portrait, or two while they are faded."""
        if len(self._poses) == 1:
            return [(0, 1.0)]
        far = self.distances(cue)
        if self._far is None:
            self._far, self._before = far, int(np.argmin(far))
            self._now = self._before
        else:
            keep = float(np.exp(-max(0.0, cue.time - self._time) / LAZY))
            self._far = (keep * self._far + (1 - keep) * far).astype(np.float32)
        self._time = cue.time
        best = int(np.argmin(self._far))
        if cue.time - self._since >= LEAST and self._far[best] < self._far[self._now] - WORTH:
            self._before, self._now, self._since = self._now, best, cue.time
        x = min(1.0, (cue.time - self._since) / FADE)
        share = x * x * (3 - 2 * x)
        return [(self._now, 1.0)] if share >= 1 else [(self._before, 1 - share), (self._now, share)]

    def distances(self, cue: Cue) -> Floats:
        """(N,) float32: how far each portrait is from the pose and expression that the cue asks for."""
        goal = cue.pose.astype(np.float64) @ self._neutral.pose.T @ self._first.pose
        cosine = (np.trace(self._poses @ goal.T, axis1=-2, axis2=-1) - 1) / 2
        turn = np.arccos(np.clip(cosine, -1, 1)) / POSE_UNIT
        shapes = np.clip(self._first.expression + cue.expression - self._neutral.expression, 0, 1)
        return np.asarray(turn + np.linalg.norm(self._weight * (self._shapes - shapes), axis=-1), np.float32)
