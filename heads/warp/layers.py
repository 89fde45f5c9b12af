"""Two layers of a portrait, the person and what is behind, and how a moved person is laid over the still background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from heads.base import Floats, Image

ESTIMATE_RADIUS = 0.02
"""Radius of the box over which foreground and background colours are averaged, as a share of the picture's longer side."""

STILL = 0.02
"""Pixels of movement up to which a pixel keeps the portrait's own value, bit for bit."""

MOVING = 0.35
"""Pixels of movement from which the resampled value is taken; in between both are mixed. Below a third of a pixel bilinear
resampling only blurs."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """A portrait taken apart."""

    person: Image
    """(H, W, 3) uint8: the person's own colours, continued beyond the matte's edge so that no background sticks to it."""
    behind: Image
    """(H, W, 3) uint8: the background, filled in where the person hides it."""
    matte: Floats
    """(H, W) float32 0 … 1."""


def split(image: Image, matte: Floats) -> Layers:
    """Estimate the person's and the background's colours under a matte (H, W) float32 0 … 1.

    M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, equations 5 to 7, with the mean over a box of the
    person's colours (weights alpha) and of the background's (weights 1 - alpha); where a box holds none of one kind the
    colour comes from ever larger boxes.
    """
    picture = image.astype(np.float32)
    alpha = matte[..., None]
    radius = max(2, round(ESTIMATE_RADIUS * max(image.shape[:2])))
    person_mean, behind_mean = spread(picture, matte, radius), spread(picture, 1 - matte, radius)
    person = person_mean + alpha * (picture - alpha * person_mean - (1 - alpha) * behind_mean)
    behind = behind_mean + (1 - alpha) * (picture - alpha * person_mean - (1 - alpha) * behind_mean)
    # Where only one of the layers is seen it is the picture itself.
    person = np.where(alpha >= 1, picture, person)
    behind = np.where(alpha <= 0, picture, behind)
    return Layers(_bytes(person), _bytes(behind), matte)


def spread(picture: Floats, weight: Floats, radius: int) -> Floats:
    """Weighted mean colour around each pixel; what has no weight near it takes the mean of a wider box (a pyramid)."""
    if max(picture.shape[:2]) <= 4:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to((picture * weight[..., None]).sum((0, 1)) / total, picture.shape).astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)
    near = cv2.boxFilter(weight, -1, size, borderType=cv2.BORDER_REFLECT)
    mean = (
        cv2.boxFilter(picture * weight[..., None], -1, size, borderType=cv2.BORDER_REFLECT) / np.maximum(near, 1e-6)[..., None]
    )
    half = (max(2, picture.shape[1] // 2), max(2, picture.shape[0] // 2))
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = (
        cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA) / np.maximum(small_weight, 1e-6)[..., None]
    )
    wide = cv2.resize(spread(small, small_weight, radius), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    trust = np.clip(near / 0.15, 0, 1)[..., None]
    return np.asarray(trust * mean + (1 - trust) * wide, np.float32)


def _bytes(picture: Floats) -> Image:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def compose(image: Image, layers: Layers, across: Floats, down: Floats, origin: tuple[int, int]) -> Image:
    """Lay the moved person over the still background within a box.

    Args:
        image: (h, w, 3) uint8, the portrait's own pixels of the box.
        layers: of the whole portrait.
        across, down: (h, w) float32, for each pixel of the box the pixel of the portrait that is seen there (index
            coordinates: the centre of the first pixel is 0).
        origin: (x, y) of the box in the portrait.

    Returns:
        (h, w, 3) uint8, new; pixels that do not move are those of `image`.
    """
    h, w = across.shape
    person = cv2.remap(layers.person, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(layers.matte, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y = origin
    behind = layers.behind[y : y + h, x : x + w]
    moved = cv2.blendLinear(person, behind, alpha, 1 - alpha)
    columns = np.arange(x, x + w, dtype=np.float32)[None]
    rows = np.arange(y, y + h, dtype=np.float32)[:, None]
    distance = np.maximum(np.abs(across - columns), np.abs(down - rows))
    share = np.clip((distance - STILL) * (1 / (MOVING - STILL)), 0, 1)
    # Where neither the old nor the new place shows the person, nothing is seen to move.
    share *= np.maximum(alpha, layers.matte[y : y + h, x : x + w]) > 0
    out = cv2.blendLinear(moved, image, share, 1 - share)
    np.copyto(out, image, where=(share == 0)[..., None])
    return np.asarray(out, np.uint8)
