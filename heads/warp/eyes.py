"""Eyes that look elsewhere: an eyeball's white without its iris, and the iris by itself, laid together anew under the lids.

A gaze cannot be made by stretching: what an iris leaves free was never seen. The white is filled in from what is seen of it,
the parts of the iris that lids hide from what is seen at the same distance from its centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Image
from heads.warp.layers import spread
from heads.warp.raster import polygon
from heads.warp.transfer import Placed

EYES = ((mesh.RIGHT_EYE, mesh.RIGHT_IRIS), (mesh.LEFT_EYE, mesh.LEFT_IRIS))
"""Lid contour and iris of each eye."""

CLOSED = 0.13
"""Height over width of an opening below which an eye is closed and shows neither white nor iris."""

LIMBUS = 1.12
"""Radius, in radii of the tracked iris, within which pixels are not white: the dark ring around an iris is soft."""

GAZE_LIMIT = 0.14
"""Farthest that an iris goes to any side, in distances between the outer eye corners: a little more than its own diameter (an
iris is 11.7 mm wide: Google, "MediaPipe Iris", 2020; the corners stand 90 mm apart: Farkas, "Anthropometry of the Head and
Face", 1994)."""

VERGENCE = 0.4
"""Share of the difference between the eyes that is kept: eyes look the same way (Hering's law of equal innervation, 1868), and
what else the landmarks say of small irises is mostly noise."""

LOOKING = (0.006, 0.02)
"""Movement of the iris, in the same unit, between which the portrait's own eye fades into the eye laid together anew."""

WIDER = (1.04, 1.15)
"""Opening over the portrait's own, between which the same happens: white appears that was behind the lid."""

LID_SHADOW = 0.3
"""Share of the light that the upper lid takes from what lies right under it."""

SOFT_EDGE = 0.7
"""Pixels by which the edge between lid and eyeball is softened: as soft as a lens draws it."""

PALE = 0.6
"""Share by which the colour of the white is drawn towards grey: the corners, where it is seen, are pink, the rest is not."""

LIT = 75
"""Percentile of the brightness around an eye that counts as skin in the light."""

OVER_SKIN = 1.06
"""Least brightness of the white over such skin, before lids and corners shade it (looked at: six clips)."""

CORNER_SHADE = 0.3
"""Share of the light that a ball has lost where it turns away into the eye's corners."""

PROFILE = 12
"""Steps of the iris's colour from its centre to its rim."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ball:
    """One eye of the portrait taken apart; pictures cover the same box."""

    origin: tuple[int, int]
    """(x, y) pixels of the box in the portrait."""
    white: Image
    """(h, w, 3) uint8"""
    iris: Image
    """(h, w, 3) uint8"""
    cover: Floats
    """(h, w) 0 … 1: where the iris is."""
    centre: Floats
    """(3,) pixels: the iris's centre in the portrait."""
    opening: float
    """Height of the opening, pixels."""


class Eyes:
    """Paints the gaze of one portrait, frame by frame.

    Args:
        image: (H, W, 3) uint8, the portrait.
        points: (478, 3) float32, its landmarks, pixels.
    """

    def __init__(self, image: Image, points: Floats) -> None:
        self._iod = mesh.eye_distance(points)
        self._centres = points[[iris[0] for _, iris in EYES]]
        self._balls = [_taken_apart(image, points, eye, iris) for eye, iris in EYES]

    def paint(self, patch: Image, kind: Floats, placed: Placed, origin: tuple[int, int]) -> None:
        """Lay the eyes together anew where they look elsewhere or open wider than in the portrait, in place.

        Args:
            patch: (h, w, 3) uint8, the frame's pixels of a box, the portrait's own eyes moved with the skull.
            kind: (h, w) float32, what is drawn there (`raster.Maps.kind`): -1 between the lids.
            placed: the face in this frame.
            origin: (x, y) of the box in the frame.
        """
        stills = placed.skull.apply(self._centres)
        gazes = placed.points[[iris[0] for _, iris in EYES], :2] - stills[:, :2]
        both = gazes.mean(0)
        gazes = np.clip(both + VERGENCE * (gazes - both), -GAZE_LIMIT * self._iod, GAZE_LIMIT * self._iod)
        for ball, (eye, _), still, gaze in zip(self._balls, EYES, stills, gazes, strict=True):
            if ball is None:
                continue
            looking = ramp(float(np.linalg.norm(gaze)) / self._iod, *LOOKING)
            wider = ramp(opening(placed.points, eye) / max(ball.opening * float(placed.skull.scale), 1e-3), *WIDER)
            share = max(looking, wider)
            lids = placed.points[list(eye), :2] - origin
            low = np.maximum(np.floor(lids.min(0)).astype(int) - 2, 0)
            high = np.minimum(np.ceil(lids.max(0)).astype(int) + 3, (patch.shape[1], patch.shape[0]))
            if share == 0 or (high - low < 3).any():
                continue
            window = np.s_[low[1] : high[1], low[0] : high[0]]
            free = np.asarray(cv2.GaussianBlur(np.maximum(-kind[window], 0), (0, 0), SOFT_EDGE), np.float32)
            mask = free * np.float32(share)
            if mask.any():
                eyeball = self._eyeball(ball, placed, still, gaze, free, (low + origin).astype(np.float64))
                patch[window] = cv2.blendLinear(eyeball, np.ascontiguousarray(patch[window]), mask, 1 - mask)

    def _eyeball(
        self,
        ball: _Ball,
        placed: Placed,
        still: Floats,
        gaze: NDArray[np.floating],
        between: Floats,
        corner: NDArray[np.floating],
    ) -> Image:
        """White and iris (h, w, 3) of a window whose upper left pixel is `corner` in the frame."""
        height, width = between.shape
        size, rest = (width, height), ball.centre[:2] - ball.origin
        white = carried(ball.white, placed, rest, still[:2], corner, size)
        iris, cover = (carried(picture, placed, rest, still[:2] + gaze, corner, size) for picture in (ball.iris, ball.cover))
        eyeball = cv2.blendLinear(iris, white, cover, 1 - cover)
        # Light falls from above: the lid shades what lies under it. The shifted opening is what the lid leaves free.
        depth = max(1.0, 0.03 * self._iod)
        free = cv2.GaussianBlur(
            cv2.warpAffine(between, np.array([[1, 0, 0], [0, 1, depth]]), (width, height)), (0, 0), depth * 0.6
        )
        shade = (1 - LID_SHADOW) + LID_SHADOW * free
        across = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
        light = shade * (1 - CORNER_SHADE * across**2)
        return np.asarray(np.rint(eyeball * light[..., None]), np.uint8)


def carried(
    picture: NDArray[Any],
    placed: Placed,
    rest: NDArray[np.floating],
    goal: NDArray[np.floating],
    corner: NDArray[np.floating],
    size: tuple[int, int],
) -> NDArray[Any]:
    """A picture from around a point of the portrait, turned in the plane and sized as the skull is, in a window of the frame.

    Args:
        picture: (h, w) or (h, w, 3).
        rest: (2,) the point in the picture, pixels.
        goal: (2,) where it goes in the frame, pixels.
        corner: (2,) the window's upper left pixel in the frame.
        size: (W, H) of the window.
    """
    # From the window's pixels back to the picture's: the skull's turn about the point, undone.
    turn = np.linalg.inv(float(placed.skull.scale) * placed.skull.rotation[:2, :2])
    back = np.column_stack([turn, turn @ (corner + 0.5 - goal) + rest - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def ramp(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, straight in between."""
    return float(np.clip((value - low) / (high - low), 0, 1))


def opening(points: Floats, eye: Sequence[int]) -> float:
    """Height of a lid contour: lower lid's middle to upper lid's middle."""
    return float(np.linalg.norm(points[eye[4], :2] - points[eye[12], :2]))


def slit(points: Floats, eye: Sequence[int]) -> float:
    """The same over the contour's width; see `CLOSED`."""
    return opening(points, eye) / max(float(np.linalg.norm(points[eye[0], :2] - points[eye[8], :2])), 1e-6)


def _taken_apart(image: Image, points: Floats, eye: tuple[int, ...], iris: tuple[int, ...]) -> _Ball | None:
    """One eye of the portrait, or None when it is closed, too small to have a white, or outside the picture."""
    lids, centre = points[list(eye), :2], points[iris[0]]
    width = float(np.linalg.norm(lids[0] - lids[8]))
    radius = float(np.linalg.norm(points[list(iris[1:]), :2] - centre[:2], axis=1).mean())
    if slit(points, eye) < CLOSED or radius < 1.5:
        return None
    margin = round(0.7 * width) + 2
    low = np.maximum(np.floor(lids.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(lids.max(0)).astype(int) + margin, image.shape[1::-1])
    if (high - low < 3).any():
        return None
    box = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    # Lashes and the lids' shadow lie along the contour: what counts as seen keeps away from it.
    between = polygon(lids - low, box.shape[:2])
    inset = max(1, round(0.05 * width))
    seen = cv2.erode(between, np.ones((2 * inset + 1, 1), np.uint8), borderValue=0).astype(bool)
    y, x = np.mgrid[: box.shape[0], : box.shape[1]].astype(np.float32)
    distance = np.hypot(x + 0.5 + low[0] - centre[0], y + 0.5 + low[1] - centre[1]) / radius
    white = _white(box, seen & (distance > LIMBUS), radius)
    disc = _iris(box, seen, distance)
    cover = np.clip((LIMBUS - distance) / (LIMBUS - 0.94), 0, 1).astype(np.float32)
    return _Ball((int(low[0]), int(low[1])), white, disc, cover, centre.astype(np.float32), opening(points, eye))


def _white(box: Floats, seen: NDArray[np.bool_], radius: float) -> Image:
    """The white of the eye over the whole box, from the brighter half of what is seen of it."""
    brightness = box.mean(-1)
    # Skin in the light; brows, lashes and shadows are darker.
    level = float(np.percentile(brightness, LIT))
    if seen.sum() < 4:
        # Nothing of it is seen: a grey a little brighter than the skin around.
        return np.full(box.shape, min(235.0, 1.1 * level), np.uint8)
    weight = (seen & (brightness >= np.median(brightness[seen]))).astype(np.float32)
    white = spread(box, weight, max(1, round(0.5 * radius)))
    grey = white.mean(-1, keepdims=True)
    # Little of it may be seen, and that in the corners' shade: a white is brighter than the skin around it.
    lift = max(1.0, OVER_SKIN * level / max(float(grey[seen].mean()), 1.0))
    return np.asarray(np.clip(np.rint(lift * ((1 - PALE) * white + PALE * grey)), 0, 245), np.uint8)


def _iris(box: Floats, seen: NDArray[np.bool_], distance: Floats) -> Image:
    """The iris with the parts that lids hide filled in from its mean colour at the same distance from the centre."""
    step = np.clip((distance / LIMBUS * PROFILE).astype(int), 0, PROFILE - 1)
    colours = np.empty((PROFILE, 3), np.float32)
    last = np.full(3, 40, np.float32)
    for ring in range(PROFILE):
        pixels = box[seen & (step == ring) & (distance <= LIMBUS)]
        last = colours[ring] = pixels.mean(0) if len(pixels) else last
    smooth = cv2.GaussianBlur(colours[step], (0, 0), 1.0)
    own = cv2.GaussianBlur((seen & (distance <= LIMBUS)).astype(np.float32), (0, 0), 1.0)[..., None] * seen[..., None]
    return np.asarray(np.clip(np.rint(own * box + (1 - own) * smooth), 0, 255), np.uint8)
