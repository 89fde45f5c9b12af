"""What a face looks like with given blendshape weights: landmarks of the free 3-D head, with lids and lips that meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from heads import mesh, paste
from heads.base import POINTS, Floats
from heads.headmodel import LEFT_EYE, RIGHT_EYE, HeadModel
from heads.mesh import LEFT_IRIS, RIGHT_IRIS, SHAPE

Array = NDArray[np.float64]

GAZE_ACROSS = 28.0
GAZE_UP = 22.0
GAZE_DOWN = 26.0
"""Degrees that an eye turns when its eyeLook weight is 1: eyes seldom turn further before the head takes over (J. S. Stahl,
"Amplitude of human head movements associated with horizontal saccades", Exp. Brain Res. 126, 1999)."""

NECK = (0.0, 1.2, 1.0)
"""Point about which the head turns, in distances between the outer eye corners from the middle between the eyes: x right, y
down, z away. The middle of the cervical spine, over which small nods and turns are spread."""

UPPER_LID_SHARE = 0.88
"""How much of the closing is done by the upper lid (MediaPipe's landmarks in the blinks of real clips: 0.11 of 0.12 distances
between the outer eye corners)."""

LID_PAIRS, LIP_PAIRS = np.array(mesh.LID_PAIRS), np.array(mesh.LIP_PAIRS)
"""(14, 2) and (9, 2): landmarks that meet, the upper one first."""

BETWEEN = {145: (144, 153), 374: (373, 380), 95: (78, 88), 324: (308, 318)}
"""Landmarks that are taken from half way between two others: at a lid's and a lip's edge the model's place can lie on the
surface behind (the eye's socket, the other lip)."""

_EYES = ((RIGHT_IRIS, RIGHT_EYE, "Right", -1, LID_PAIRS[:7]), (LEFT_IRIS, LEFT_EYE, "Left", 1, LID_PAIRS[7:]))
"""Iris, part of the eyeball, side's name, side of the picture on which "out" lies, lids."""


class Puppet:
    """The mean head as a function of blendshape weights and of how it is held.

    Args:
        model: the free 3-D head.
    """

    def __init__(self, model: HeadModel) -> None:
        self._mean = model.landmark_mean.astype(np.float64)
        self._units = model.landmark_units.astype(np.float64)
        for landmark, (one, other) in BETWEEN.items():
            self._mean[landmark] = (self._mean[one] + self._mean[other]) / 2
            self._units[:, landmark] = (self._units[:, one] + self._units[:, other]) / 2
        for mid, low in ((145, 159), (374, 386)):
            # the lid's arc is deepest in its middle
            self._mean[mid, 1] += 0.1 * (self._mean[mid, 1] - self._mean[low, 1])
        gap = self._mean[LIP_PAIRS[:, 1], 1] - self._mean[LIP_PAIRS[:, 0], 1]
        self._mean[LIP_PAIRS[:, 0], 1] += gap / 2
        self._mean[LIP_PAIRS[:, 1], 1] -= gap / 2
        for iris, *_ in _EYES:
            self._units[:, list(iris)] = 0
        self._balls = [
            (low + high) / 2
            for part in (RIGHT_EYE, LEFT_EYE)
            for ball in [model.mean[model.vertex_part == part].astype(np.float64)]
            for low, high in [(ball.min(0), ball.max(0))]
        ]
        self._crop = paste.align(self._mean)

    def shape(self, expression: NDArray[np.floating]) -> Array:
        """Landmarks (T, 478, 3) in the model's unit and axes, for weights (T, 52) in [0, 1]."""
        weights = np.asarray(expression, np.float64)
        points = self._mean + np.einsum("ts,snc->tnc", weights, self._units, optimize=True)
        for ball, (iris, _, name, out, lids) in zip(self._balls, _EYES, strict=True):
            look = {way: weights[:, SHAPE[f"eyeLook{way}{name}"]] for way in ("In", "Out", "Up", "Down")}
            across = np.radians(GAZE_ACROSS) * out * (look["Out"] - look["In"])
            down = np.radians(GAZE_DOWN * look["Down"] - GAZE_UP * look["Up"])
            points[:, list(iris)] = ball + (self._mean[list(iris)] - ball) @ turned(across, down, 0 * down).swapaxes(1, 2)
            shut = weights[:, SHAPE[f"eyeBlink{name}"], None, None]
            self._close(points, lids, shut, self._units[SHAPE[f"eyeBlink{name}"]])
        upper, lower = LIP_PAIRS.T
        overlap = np.maximum(points[:, upper, 1] - points[:, lower, 1], 0)
        points[:, upper, 1] -= overlap / 2
        points[:, lower, 1] += overlap / 2
        return np.asarray(points)

    @staticmethod
    def _close(points: Array, lids: NDArray[np.intp], shut: Array, unit: Array) -> None:
        """Bring the lids together in place: the model's own blink leaves them crossed."""
        upper, lower = lids.T
        over, under = points[:, upper] - shut * unit[upper], points[:, lower] - shut * unit[lower]
        gap = under - over
        gap[..., 1] = np.maximum(gap[..., 1], 0)
        points[:, upper] = over + shut * UPPER_LID_SHARE * gap
        points[:, lower] = under - shut * (1 - UPPER_LID_SHARE) * gap

    def place(self, points: Array, rotation: Array, shift: Array) -> Floats:
        """Turn landmarks (T, 478, 3) about the neck by (T, 3, 3), shift them by (T, 3) and give them in the unit crop."""
        neck = np.array(NECK)
        held = (points - neck) @ rotation.swapaxes(1, 2) + neck + shift[:, None]
        return paste.apply(self._crop, held)


def turned(yaw: Array, pitch: Array, roll: Array) -> Array:
    """Rotations (T, 3, 3) from radians (T,): roll about z, after pitch about x, after yaw about -y (`faces.pose.angles`).

    Yaw > 0 looks to the right of the picture, pitch > 0 looks down, roll > 0 leans clockwise as the viewer sees it.
    """
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def about(*rows: tuple[Array, Array, Array]) -> Array:
        return np.stack([np.stack(row, -1) for row in rows], -2)

    y, x, z = -np.asarray(yaw), np.asarray(pitch), np.asarray(roll)
    ry = about((np.cos(y), zero, np.sin(y)), (zero, one, zero), (-np.sin(y), zero, np.cos(y)))
    rx = about((one, zero, zero), (zero, np.cos(x), -np.sin(x)), (zero, np.sin(x), np.cos(x)))
    rz = about((np.cos(z), -np.sin(z), zero), (np.sin(z), np.cos(z), zero), (zero, zero, one))
    return np.asarray(rz @ rx @ ry)


@dataclass(frozen=True, slots=True, eq=False)
class Acted:
    """Landmarks (T, 478, 3) of a performance, worked out when they are read: an hour of it takes no memory."""

    puppet: Puppet
    expression: Floats
    """(T, 52) in [0, 1]."""
    rotation: Floats
    """(T, 3, 3)"""
    shift: Floats
    """(T, 3) in distances between the outer eye corners."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, 478, 3)."""
        return (len(self.expression), POINTS, 3)

    def __len__(self) -> int:
        return len(self.expression)

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> Floats: ...
    def __getitem__(self, index: int | slice) -> Floats:
        if not isinstance(index, slice):
            at = range(len(self))[index]
            return np.asarray(self[at : at + 1][0])
        points = self.puppet.shape(self.expression[index])
        return self.puppet.place(points, self.rotation[index].astype(np.float64), self.shift[index].astype(np.float64))
