"""The driver's motion as changes from a rest: what can be added up, averaged over time and made stronger or weaker.

A change is (70,) float64: expression (21 x 3), rotation vector (3, radians), shift (3), logarithm of the size (1).
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from heads import rigid
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.sizes import KEYPOINTS

Change = NDArray[np.float64]

EXPRESSION = 3 * KEYPOINTS
"""Numbers of a change that tell of the expression; the others tell of the pose."""

GROUPS = np.repeat(np.arange(KEYPOINTS + 3), [3] * KEYPOINTS + [3, 3, 1])
"""(70,) the group of each number: those of one keypoint, of the rotation, of the shift, and the size, belong together."""

SMALLEST = 1e-6
"""Size at or below which a face is none."""


def change(motion: KeyMotion, rest: KeyMotion) -> Change:
    """What one frame's motion changes from another's; both of one picture, on the CPU."""
    turn = motion.rotation[0].double() @ rest.rotation[0].double().T
    sizes = [max(float(size), SMALLEST) for size in (motion.scale, rest.scale)]
    parts = [
        (motion.exp[0] - rest.exp[0]).flatten().double().numpy(),
        rigid.to_vector(turn.numpy()),
        (motion.t[0] - rest.t[0]).double().numpy(),
        np.array([np.log(sizes[0] / sizes[1])]),
    ]
    return np.concatenate(parts)


def changed(rest: KeyMotion, by: Change) -> KeyMotion:
    """The inverse of `change`: the motion that differs from `rest` by that."""
    turn = torch.from_numpy(rigid.to_matrix(by[EXPRESSION : EXPRESSION + 3]))
    return replace(
        rest,
        exp=rest.exp + torch.from_numpy(by[:EXPRESSION]).float().reshape(1, KEYPOINTS, 3),
        rotation=(turn @ rest.rotation[0].double()).float()[None],
        t=rest.t + torch.from_numpy(by[EXPRESSION + 3 : EXPRESSION + 6]).float()[None],
        scale=rest.scale * float(np.exp(by[-1])),
    )


def strengthened(by: Change, strength: tuple[float, float]) -> Change:
    """A change with its expression and its pose multiplied by the two factors."""
    out = by.copy()
    out[:EXPRESSION] *= strength[0]
    out[EXPRESSION:] *= strength[1]
    return out


def stacked(motions: list[KeyMotion]) -> KeyMotion:
    """Motions of one picture each as one of all."""
    return KeyMotion(*(torch.cat([getattr(motion, field.name) for motion in motions]) for field in fields(KeyMotion)))
