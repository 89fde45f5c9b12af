"""The formulas of LivePortrait: from what the motion extractor reads to the keypoints that the warping takes.

Conventions: keypoints are row vectors (x right, y down, z into the picture) in units of half the crop; angles in degrees;
all arrays float32 tensors of any device, B faces or frames in the first axis, of which 1 stands for "the same for all".
Formulas: Guo et al. 2024 (arXiv 2407.03168) and KwaiVGI/LivePortrait at 1986663, src/live_portrait_pipeline.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import get_args

import torch
from torch import Tensor

from heads.base import HeadError
from heads.liveportrait.sizes import BINS, KEYPOINTS, Region

BIN, LOWEST = 3.0, -97.5
"""Width of a bin of an angle and the middle of the lowest one, in degrees (U:src/utils/camera.py)."""

LIP = (6, 12, 14, 17, 19, 20)
EYES = (11, 13, 15, 16, 18)
"""Keypoints that move the lips and the eyes (U:src/live_portrait_pipeline.py)."""

_FREE = (1, 2, 6, *range(11, 21))
"""Keypoints whose expression is taken whole when the driver's is absolute; of some others only these coordinates are:"""
_PARTLY = ((3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2))


@dataclass(frozen=True, slots=True, eq=False)
class KeyMotion:
    """What the motion extractor reads in B pictures. All float32, on one device."""

    kp: Tensor
    """(B, 21, 3) canonical keypoints: the person at rest, looking straight."""
    exp: Tensor
    """(B, 21, 3) what the expression adds to them, after turning."""
    pitch: Tensor
    """(B, 1) degrees."""
    yaw: Tensor
    """(B, 1) degrees."""
    roll: Tensor
    """(B, 1) degrees."""
    rotation: Tensor
    """(B, 3, 3) of the three angles; multiplied from the right: x R."""
    t: Tensor
    """(B, 3) shift; the third coordinate is never used."""
    scale: Tensor
    """(B, 1) size of the face."""

    @classmethod
    def of(cls, kp: Tensor, exp: Tensor, pitch: Tensor, yaw: Tensor, roll: Tensor, t: Tensor, scale: Tensor) -> KeyMotion:
        """From the numbers, the rotation made from the angles."""
        return cls(kp, exp, pitch, yaw, roll, rotation(pitch, yaw, roll), t, scale)

    @classmethod
    def read(cls, raw: Mapping[str, Tensor]) -> KeyMotion:
        """From the raw vectors of the motion extractor (`motion_extractor.HEADS`)."""
        pitch, yaw, roll = (degrees(raw[name])[:, None] for name in ("pitch", "yaw", "roll"))
        kp, exp = (raw[name].reshape(-1, KEYPOINTS, 3) for name in ("kp", "exp"))
        return cls.of(kp, exp, pitch, yaw, roll, raw["t"], raw["scale"])

    def __len__(self) -> int:
        return len(self.kp)

    def __getitem__(self, rows: slice) -> KeyMotion:
        """Some of the pictures; views of the same numbers."""
        return KeyMotion(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device | str) -> KeyMotion:
        """The same on another device."""
        return KeyMotion(*(getattr(self, field.name).to(device) for field in fields(self)))


def degrees(logits: Tensor) -> Tensor:
    """The angle that a distribution over bins means: (B, 66) logits to (B,) degrees in [-97.5, 97.5]."""
    bins = torch.arange(BINS, dtype=logits.dtype, device=logits.device)
    return (torch.softmax(logits, -1) * bins).sum(-1) * BIN + LOWEST


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """(B, 1) degrees each to R (B, 3, 3) = (Rz(roll) Ry(yaw) Rx(pitch)) transposed, for row vectors: x' = x R."""
    x, y, z = (angle[:, 0] * (math.pi / 180) for angle in (pitch, yaw, roll))
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    (cx, cy, cz), (sx, sy, sz) = (torch.cos(a) for a in (x, y, z)), (torch.sin(a) for a in (x, y, z))
    about_x = _matrix(one, zero, zero, zero, cx, -sx, zero, sx, cx)
    about_y = _matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_z = _matrix(cz, -sz, zero, sz, cz, zero, zero, zero, one)
    return (about_z @ about_y @ about_x).transpose(1, 2)


def _matrix(*entries: Tensor) -> Tensor:
    return torch.stack(entries, -1).reshape(-1, 3, 3)


def placed(kp: Tensor, turn: Tensor, exp: Tensor, scale: Tensor, t: Tensor) -> Tensor:
    """x = scale (kp R + exp) + (t_x, t_y, 0), (B, 21, 3).

    Args:
        kp: (1 or B, 21, 3); turn: (B, 3, 3); exp: (B, 21, 3); scale: (B, 1); t: (B, 3).
    """
    flat = t.clone()
    flat[:, 2] = 0
    return scale[:, None] * (kp @ turn + exp) + flat[:, None]


def transform(motion: KeyMotion) -> Tensor:
    """The keypoints as they stand in the picture, (B, 21, 3)."""
    return placed(motion.kp, motion.rotation, motion.exp, motion.scale, motion.t)


def follow(
    source: KeyMotion, driving: KeyMotion, neutral: KeyMotion, *, relative: bool = True, region: Region = "all"
) -> Tensor:
    """The source's keypoints moved as the driver moves, before stitching: (B, 21, 3).

    Args:
        source: 1 picture, or B that each have their own driving frame.
        driving: B frames.
        neutral: 1 frame of the driver, whose motion counts as none when `relative`; the original takes its first.
        relative: what changes from `neutral` is added to the source's own motion. Otherwise the driver's expression, pose
            and shift replace the source's; its size never does.
        region: which part is taken; everything else stays the source's.

    Raises:
        HeadError: there is no region of that name.
    """
    if region not in get_args(Region):
        raise HeadError(f"There is no region {region!r} to animate. The regions are {', '.join(get_args(Region))}.")
    posed = region in ("all", "pose")
    turn, scale, t = source.rotation, source.scale, source.t
    if relative:
        candidate = source.exp + (driving.exp - neutral.exp)
        if posed:
            turn = driving.rotation @ neutral.rotation.transpose(1, 2) @ source.rotation
            t = source.t + (driving.t - neutral.t)
        if region == "all":
            scale = source.scale * (driving.scale / neutral.scale)
    else:
        candidate = driving.exp
        if posed:
            turn, t = driving.rotation, driving.t
    exp = torch.where(_mask(region, relative, candidate.device), candidate, source.exp)
    return placed(source.kp, turn, exp, scale, t)


@lru_cache(maxsize=32)
def _mask(region: Region, relative: bool, device: torch.device) -> Tensor:
    """(21, 3) bool, not to be written to: of which keypoints and coordinates the driver's expression is taken."""
    mask = torch.zeros(KEYPOINTS, 3, dtype=torch.bool)
    if region in ("all", "exp"):
        mask[list(_FREE)] = True
        for point, axis in _PARTLY:
            mask[point, axis] = True
        mask |= relative
    elif region in ("lip", "eyes"):
        mask[list(LIP if region == "lip" else EYES)] = True
    return mask.to(device)


def stitched(x: Tensor, offsets: Tensor) -> Tensor:
    """Keypoints (B, 21, 3) with what the stitching network says (B, 65): a move of each, then one shift (x, y) of all."""
    split = 3 * KEYPOINTS
    shift = torch.nn.functional.pad(offsets[:, split:], (0, 1))
    return x + offsets[:, :split].reshape(-1, KEYPOINTS, 3) + shift[:, None]


def amplified(x_s: Tensor, x_d: Tensor, factor: float) -> Tensor:
    """The driven keypoints (B, 21, 3) `factor` times as far from the source's; the last step of all."""
    return x_s + (x_d - x_s) * factor
