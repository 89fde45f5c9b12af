"""The picture that the network painted, laid into the portrait: only the person moves, the background is the portrait's own.

The original pastes the whole square back, so that whatever is behind the person wobbles with the head. Here a pixel is
replaced only where the person is: at rest, by the portrait's matte, or where the head has moved to.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh, paste
from heads.base import Floats, Image, Portrait

INSET, RAMP = 16 / 512, 16 / 512
"""How far from the square's edge the feathering ends, and how wide it is, in sides of the square (KwaiVGI/LivePortrait at
1986663, the shipped mask_template.png, which `template` reproduces)."""

ROOM, FADE = 0.02, 0.035
"""How far around the person the painted picture is taken whole, and over what width it then fades into the portrait's own, in
sides of the square: single hairs and the network's own softness lie within the first."""

NECK = 0.1
"""Height in sides of the square over which the head's own movement fades out below the chin: shoulders do not turn with it."""

FINE = 256
"""Pixels of the square in which the head's shape is kept; its edge is soft."""


def template(side: int) -> NDArray[np.uint8]:
    """The feathered square (side, side) uint8: 255, falling to 0 within a ramp along every edge.

    floor(255 max(0, 1 - d / 16)), d the distance from pixel (x, y) to the square 16 <= x, y <= 496 of 512; other sides alike.
    """
    inset, ramp = INSET * side, RAMP * side
    at = np.arange(side, dtype=np.float64)
    beyond = np.maximum(np.maximum(inset - at, at - (side - inset)), 0)
    distance = np.hypot(beyond[:, None], beyond[None])
    return np.asarray(np.floor(255 * np.maximum(0, 1 - distance / ramp)), np.uint8)


class Canvas:
    """Lays painted squares into one portrait. All that does not change from frame to frame is worked out once.

    Args:
        portrait: the first one, which gives the frames their geometry.
        affine: (2, 3) from its pixels to the unit crop (`crop.portrait`).
        side: pixels of the painted squares.
    """

    def __init__(self, portrait: Portrait, affine: Floats, side: int) -> None:
        self._image, self._side = portrait.image, side
        back = paste.invert(affine).astype(np.float64)
        corners = paste.apply(back, np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]))
        height, width = portrait.image.shape[:2]
        left, top = np.clip(np.floor(corners.min(0)), 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(0)), (left + 1, top + 1), (width, height)).astype(int)
        self._box = np.s_[top:bottom, left:right]
        self._size = (int(right - left), int(bottom - top))
        self._to_box = np.column_stack([back[:, :2], back[:, 2] - (left, top)])
        # How many pixels of the painted square become one of the portrait.
        self._shrinks = side / paste.scale(back)
        square = 1 / paste.scale(affine)
        matte = _fading(portrait.matte, ROOM * square, FADE * square)
        edge = cv2.warpAffine(template(side), _centred(self._to_box / side_of(side)), self._size, flags=cv2.INTER_LINEAR)
        self._edge = edge.astype(np.float32) / 255
        self._rest = np.ascontiguousarray(self._edge * matte[self._box])
        self._head = _head(portrait, affine, matte)

    def frame(self, body: Image, head: Image | None, moved: Floats) -> Image:
        """The portrait with a painted square (side, side, 3) laid in: a new picture (H, W, 3) uint8.

        Args:
            body: what the network made of the person.
            head: another picture of the same, to be taken on the head; None takes all from the first.
            moved: (2, 3) where the head has moved to, from unit crop to unit crop.
        """
        picture = body if head is None else self._crowned(body, head, moved)
        if self._shrinks > 1:
            # A bilinear tap is as wide as a pixel of the source: widen it to a pixel of the target (as `heads.paste` does).
            sigma = 0.5 * float(np.sqrt(self._shrinks**2 - 1))
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)
        to_box = _centred(self._to_box / side_of(self._side))
        new = cv2.warpAffine(picture, to_box, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        weight = np.maximum(self._rest, self._edge * self._moved(moved))
        frame = self._image.copy()
        frame[self._box] = cv2.blendLinear(new, np.ascontiguousarray(frame[self._box]), weight, 1 - weight)
        return frame

    def _crowned(self, body: Image, head: Image, moved: Floats) -> Image:
        """(side, side, 3): one square with the head of another."""
        square = np.column_stack([moved[:, :2] / FINE, moved[:, 2]]).astype(np.float64) * self._side
        shape = cv2.warpAffine(self._head, _centred(square), (self._side, self._side), flags=cv2.INTER_LINEAR)
        return np.asarray(cv2.blendLinear(head, body, shape, 1 - shape), np.uint8)

    def _moved(self, moved: Floats) -> Floats:
        """(h, w) 0 … 1: where the head is now."""
        turn = self._to_box[:, :2] @ moved[:, :2].astype(np.float64)
        shift = self._to_box[:, :2] @ moved[:, 2].astype(np.float64) + self._to_box[:, 2]
        to_box = _centred(np.column_stack([turn, shift]) / side_of(FINE))
        return np.asarray(cv2.warpAffine(self._head, to_box, self._size, flags=cv2.INTER_LINEAR), np.float32)


def side_of(pixels: int) -> NDArray[np.float64]:
    """What an affine from the unit crop is divided by to become one from a square of so many pixels."""
    return np.array([[pixels, pixels, 1.0]])


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Floats:
    """The plane similarity that brings keypoints (N, 2 or 3) nearest to others, in the unit crop: (2, 3) float32.

    Least squares (Umeyama 1991, in the plane); keypoints run from -1 to 1 over the crop.
    """
    a, b = (np.asarray(points, np.float64)[:, :2] / 2 + 0.5 for points in (source, target))
    centre, goal = a.mean(0), b.mean(0)
    p, q = a - centre, b - goal
    power = max(float((p**2).sum()), 1e-12)
    cosine = float((p * q).sum()) / power
    sine = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / power
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, goal - turn @ centre]).astype(np.float32)


def _centred(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same affine for OpenCV, which counts from the centres of pixels."""
    half = np.array([0.5, 0.5])
    return np.column_stack([affine[:, :2], affine[:, :2] @ half + affine[:, 2] - half])


def _fading(matte: Floats, room: float, fade: float) -> Floats:
    """(H, W) float32: 1 on the person and `room` pixels around, smoothly 0 another `fade` pixels farther."""
    outside = np.asarray(cv2.distanceTransform((matte < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    x = np.clip(1 - (outside - room) / max(fade, 1e-3), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def _head(portrait: Portrait, affine: Floats, matte: Floats) -> Floats:
    """(FINE, FINE) float32: the person above the neck, in the unit crop."""
    to_square = _centred(affine.astype(np.float64) * FINE)
    shape = cv2.warpAffine(matte, to_square, (FINE, FINE), flags=cv2.INTER_LINEAR)
    chin = float(paste.apply(affine, portrait.face.points[list(mesh.FACE_OVAL)])[:, 1].max())
    below = np.clip(((np.arange(FINE) + 0.5) / FINE - chin) / NECK, 0, 1)
    return np.ascontiguousarray(shape * (1 - below * below * (3 - 2 * below))[:, None], np.float32)
