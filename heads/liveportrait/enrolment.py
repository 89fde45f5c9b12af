"""What is kept of a person: read once from each portrait, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from heads import mesh, paste
from heads.base import Floats, Image, Portrait
from heads.liveportrait import crop, images, keypoints, openings
from heads.liveportrait.canvas import template
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.networks import Networks

PARTS = ("features", "kp", "exp", "angles", "t", "scale", "openings", "colour")
"""Names of the arrays of an identity; the first axis of each counts the portraits."""

SKIN = 128
"""Pixels of the square in which the colours of faces are compared."""

GAIN = (0.7, 1.4)
"""Limits of the factor on contrast by which painted colours are matched: beyond them it would raise noise or flatten."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """An identity on the networks' device."""

    features: Tensor
    """(N, 32, 16, 64, 64) float32 feature volume of each portrait."""
    motion: KeyMotion
    """N portraits, on the device."""
    openings: Tensor
    """(N, 3) float32 on the device: how far eyes and lips are open."""
    colour: Tensor
    """(N, 2, 3) float32 on the device: factor and addition (0 … 1) that make painted colours those of the first portrait."""

    @classmethod
    def of(cls, state: Mapping[str, Floats], device: torch.device) -> Person:
        """From the arrays of `read`."""
        at = {name: torch.from_numpy(np.ascontiguousarray(state[name], np.float32)).to(device) for name in PARTS}
        pitch, yaw, roll = at["angles"].split(1, 1)
        motion = KeyMotion.of(at["kp"], at["exp"], pitch, yaw, roll, at["t"], at["scale"])
        return cls(at["features"], motion, at["openings"], at["colour"])

    def source(self, index: int) -> KeyMotion:
        """One portrait's motion."""
        return self.motion[index : index + 1]


def read(networks: Networks, portraits: Sequence[Portrait]) -> dict[str, Floats]:
    """The arrays of an identity (`PARTS`), float32."""
    rows = [_one(networks, portrait) for portrait in portraits]
    first = portraits[0]
    for index, (row, portrait) in enumerate(zip(rows, portraits, strict=True)):
        # One's own picture is compared as a whole; another one has other clothes, and perhaps other light on the same skin.
        target = _levels(_square(first, networks.output), _person(first, networks.output) if index == 0 else _skin(first))
        painted = _painted(networks, row)
        ours = _levels(painted, _person(first, networks.output) if index == 0 else _skin(portrait))
        row["colour"] = _matching(ours, target)
    return {name: np.stack([row[name] for row in rows]) for name in PARTS}


def _one(networks: Networks, portrait: Portrait) -> dict[str, Floats]:
    image = images.prepare([_square(portrait, networks.side)], networks.side, networks.device)
    motion = networks.motion(image).to("cpu")
    return {
        "features": networks.features(image)[0].cpu().numpy(),
        "kp": motion.kp[0].numpy(),
        "exp": motion.exp[0].numpy(),
        "angles": np.array([float(motion.pitch), float(motion.yaw), float(motion.roll)], np.float32),
        "t": motion.t[0].numpy(),
        "scale": motion.scale[0].numpy(),
        "openings": openings.openings(portrait.face.points),
    }


def _painted(networks: Networks, row: Mapping[str, Floats]) -> Image:
    """The network's own picture (S, S, 3) of a portrait that does not move."""
    still = {name: array[None] for name, array in row.items()} | {"colour": np.zeros((1, 2, 3), np.float32)}
    person = Person.of(still, networks.device)
    x_s = keypoints.transform(person.source(0))
    return np.asarray(images.to_uint8(networks.render(person.features, x_s, x_s))[0], np.uint8)


def _square(portrait: Portrait, side: int) -> Image:
    """The portrait's crop (side, side, 3)."""
    return paste.cut(portrait.image, crop.portrait(portrait.face.points), side)


def _person(portrait: Portrait, side: int) -> Floats:
    """(side, side): where the crop shows the person, away from its feathered edge."""
    grey = np.rint(portrait.matte * 255).astype(np.uint8)
    shape = paste.cut(np.stack([grey] * 3, -1), crop.portrait(portrait.face.points), side)[..., 0]
    return np.asarray((shape > 250) * (template(side) / np.float32(255)), np.float32)


def _skin(portrait: Portrait) -> Floats:
    """(side, side): the face within its oval, in the crop."""
    side = SKIN
    oval = paste.apply(crop.portrait(portrait.face.points), portrait.face.points[list(mesh.FACE_OVAL)])[:, :2] * side
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.rint(oval).astype(np.int32)], 1.0)
    return mask


def _levels(picture: Image, weight: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation (3,) each, 0 … 1, of the colours under a weight (any side); of all where it is nowhere."""
    side = weight.shape[0]
    small = picture if picture.shape[0] == side else cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    colours, share = small.reshape(-1, 3).astype(np.float64) / 255, weight.reshape(-1).astype(np.float64)
    share = share / share.sum() if share.any() else np.full(len(share), 1 / len(share))
    mean = share @ colours
    return mean.astype(np.float32), np.sqrt(share @ (colours - mean) ** 2).astype(np.float32)


def _matching(ours: tuple[Floats, Floats], target: tuple[Floats, Floats]) -> Floats:
    """(2, 3): factor and addition that give colours the mean and the contrast of others.

    E. Reinhard et al., "Color Transfer between Images", IEEE CG&A 21(5), 2001, equations 10 and 11, in RGB and for each
    portrait once: a match anew in every frame would flicker, and take the light away that moves over a face.
    """
    factor = np.clip(target[1] / np.maximum(ours[1], 1e-4), *GAIN)
    return np.stack([factor, target[0] - factor * ours[0]]).astype(np.float32)
