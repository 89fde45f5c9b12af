"""Movement measured finer than landmarks can say: one picture of a face is registered to another one.

Landmarks are the network's idea of where an eyebrow is; between two frames they err by a few pixels, and each frame by others.
What the skin itself did between the frames is seen in the pictures. So a frame is laid over the first one by its landmarks,
the optical flow that is left is measured (T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast Optical Flow using Dense Inverse
Search", ECCV 2016), and the landmarks are corrected by it. No pixel goes on from here, only movement.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh, rigid
from heads.base import Floats, Image
from heads.shares import shares

SIDE = 160
"""Pixels of the square in which faces are laid over each other. With the flow's settings below the cheapest of fifteen within
0.15 dB of the best in self-reenactment; variational refinement only cost time."""

MARGIN = 1.3
"""Side of that square over the longer side of the landmarks' box."""

RIM = 1.3
"""How far the ring of points around the face's oval lies from its middle: what moves just outside steadies the edge."""

FINE, COARSE = 0.012, 0.032
"""Standard deviation of the window over which flow is averaged, sides of the square; the larger one for eyes: lids and irises
change their look rather than move, so that only the movement of what is around them counts."""

DOUBT = 8.0
"""Grey levels of difference, after the flow, at which it is believed half (the weight of G. Geman and D. McClure, 1987)."""

PRIOR = 0.05
"""Weight of "the landmark is right" against the flow around it, which has up to 1: where nothing fits, nothing is corrected."""

STILL = (0.10, 0.35)
"""Pixels of the square by which the picture itself can have moved, told from its change over its slope, between which a
landmark is taken to have moved: below, the picture is the neutral one's and what the landmarks say is noise."""

SLOPE = 2.0
"""Grey levels a pixel below which a place is too even to tell whether it moved: what is around it tells."""

WIDE = 0.06
"""Window over which it is told, sides of the square."""

LIMIT = 0.1
"""Distances between the outer eye corners by which a landmark is corrected at most: 9 mm."""

SHADED = 0.015
"""Window, likewise, over which brightness is compared: creases, not pores."""

BLACK = 8.0
"""Grey levels added to brightnesses before they are compared: about the noise of a dark place."""

_OVAL = list(mesh.FACE_OVAL)
_EYES = sorted({*mesh.RIGHT_EYE, *mesh.LEFT_EYE, *mesh.RIGHT_IRIS, *mesh.LEFT_IRIS})

_NOSE_TIP = 2

_OPENINGS = (mesh.LIPS_INNER, mesh.RIGHT_EYE, mesh.LEFT_EYE)


class Registration:
    """Corrects landmarks by what is seen to have moved against one frame. For one thread at a time.

    Args:
        image: (H, W, 3) uint8 RGB, the neutral frame.
        points: (478, 3) its landmarks, pixels.
    """

    def __init__(self, image: Image, points: Floats) -> None:
        flat = points[:, :2].astype(np.float64)
        low, high = flat.min(0), flat.max(0)
        side = MARGIN * float((high - low).max())
        self._points, self._scale = points.astype(np.float64), SIDE / side
        self._limit = LIMIT * mesh.eye_distance(points)
        origin = (low + high) / 2 - side / 2
        corners = (_with_ring(flat) - origin) * self._scale
        self._inside, self._triangle, self._share = _places(corners)
        within = ((flat - origin) * self._scale - 0.5).astype(np.float32)
        self._at = within[:, :1], within[:, 1:]
        self._trusted = self._inside.astype(np.float32)
        for loop in _OPENINGS:
            cv2.fillPoly(self._trusted, [np.rint(within[list(loop)]).astype(np.int32)], 0)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._flow.setFinestScale(1)
        self._flow.setGradientDescentIterations(6)
        self._flow.setVariationalRefinementIterations(0)
        self._rows, self._columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        self._rest = self._laid(image, points)
        shift = -origin * self._scale + 0.5 * self._scale - 0.5
        self._crop = np.column_stack([self._scale * np.eye(2), shift]).astype(np.float64)
        self._own = self._cropped(image)
        across, down = (cv2.Sobel(self._own, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
        self._slope = cv2.magnitude(across, down) * self._inside
        self._slope[self._slope < SLOPE] = 0
        self._sloped = cv2.GaussianBlur(self._slope, (0, 0), WIDE * SIDE)

    def __call__(self, image: Image, points: Floats) -> tuple[Floats, Floats]:
        """Correct the landmarks (478, 3), pixels, of a frame (H, W, 3) uint8.

        Returns:
            The landmarks (478, 3) float32, pixels; depth stays as it is. The shade (478,) float32: natural logarithm of the
            skin's brightness at each landmark over the neutral frame's.
        """
        seen = self._laid(image, points)
        flow = np.asarray(self._flow.calc(self._rest, seen, np.zeros((SIDE, SIDE, 2), np.float32)), np.float32)
        across, down = cv2.split(flow)
        fits = cv2.remap(seen, self._columns + across, self._rows + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        error = fits.astype(np.float32) - self._rest
        # Light that changes evenly is no movement.
        error = cv2.GaussianBlur(np.abs(error - cv2.GaussianBlur(error, (0, 0), 0.05 * SIDE)), (0, 0), FINE * SIDE)
        weight = self._trusted / (1 + (error / DOUBT) ** 2)
        moved = self._averaged(flow, weight, FINE)
        moved[_EYES] = self._averaged(flow, weight, COARSE)[_EYES]
        moved /= self._scale
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        moved *= np.minimum(1, self._limit / np.maximum(length, 1e-6))
        # Measured in the neutral frame's square: turned and sized as the head is in this one.
        head = rigid.fit_face(self._points, points)
        out = points.astype(np.float32)
        out[:, :2] += moved @ (head.scale * head.rotation[:2, :2]).T
        stirs = self._stirs(image)
        out = np.asarray(self._points + stirs[:, None] * (out - self._points), np.float32)
        return out, stirs * self._shade(np.asarray(fits, np.uint8), weight)

    def _stirs(self, image: Image) -> Floats:
        """(478,) 0 … 1: 0 where the picture around a landmark is the neutral frame's, as in a clip that repeats one picture.

        A change is at most slope times movement, so change over slope tells movement (B. Lucas and T. Kanade, "An Iterative
        Image Registration Technique", IJCAI 1981), without asking which way.
        """
        change = np.abs(self._cropped(image) - self._own) * (self._slope > 0)
        moved = cv2.GaussianBlur(change, (0, 0), WIDE * SIDE) / np.maximum(self._sloped, 1e-3)
        here = cv2.remap(moved, *self._at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        share = np.clip((here - STILL[0]) / (STILL[1] - STILL[0]), 0, 1)
        return np.asarray(share * share * (3 - 2 * share), np.float32)

    def _cropped(self, image: Image) -> Floats:
        """(SIDE, SIDE) float32 grey: the square of a frame where the neutral face is, softened against noise."""
        part = cv2.warpAffine(image, self._crop, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)

    def alike(self, image: Image, points: Floats) -> float:
        """How far a picture shows what the neutral frame does once it is registered: the correlation (-1 … 1) of both over the
        face down to the nose's tip, where expressions change little. Arguments as for a call.
        """
        seen = self._laid(image, self(image, points)[0]).astype(np.float64)
        weight = cv2.erode(self._trusted, np.ones((5, 5))).astype(np.float64)
        weight[int(self._at[1][_NOSE_TIP, 0]) :] = 0
        weight /= max(float(weight.sum()), 1e-6)
        one, other = (field - (weight * field).sum() for field in (self._rest.astype(np.float64), seen))
        both = float((weight * one * other).sum())
        return both / max(float(np.sqrt((weight * one * one).sum() * (weight * other * other).sum())), 1e-6)

    def _shade(self, fits: NDArray[np.uint8], weight: Floats) -> Floats:
        """(478,) logarithm of brightness over the neutral frame's, zero where the frame is not believed to fit."""
        both = np.dstack([fits, self._rest]).astype(np.float32) * weight[..., None]
        pair = cv2.GaussianBlur(both, (0, 0), SHADED * SIDE)
        near = cv2.GaussianBlur(weight, (0, 0), SHADED * SIDE)
        # Where it is black no ratio can be told.
        floor = (near + PRIOR) * BLACK
        ratio = np.log((pair[..., 0] + floor) / (pair[..., 1] + floor)) * near / (near + PRIOR)
        return np.asarray(cv2.remap(ratio, *self._at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0], np.float32)

    def _laid(self, image: Image, points: Floats) -> NDArray[np.uint8]:
        """(SIDE, SIDE) uint8 grey: a frame with its landmarks moved to where the neutral frame's are."""
        corners = _with_ring(points[:, :2]).astype(np.float32)
        place = np.full((SIDE, SIDE, 2), -1, np.float32)
        place[self._inside] = np.einsum("pkc,pk->pc", corners[self._triangle], self._share)
        grey = cv2.cvtColor(
            cv2.remap(image, place[..., 0] - 0.5, place[..., 1] - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            cv2.COLOR_RGB2GRAY,
        )
        grey[~self._inside] = 0
        return np.asarray(grey, np.uint8)

    def _averaged(self, flow: Floats, weight: Floats, window: float) -> Floats:
        """(478, 2) the flow around each landmark, pixels of the square, drawn towards zero where little of it is believed."""
        total = cv2.GaussianBlur(flow * weight[..., None], (0, 0), window * SIDE)
        mean = total / (cv2.GaussianBlur(weight, (0, 0), window * SIDE) + PRIOR)[..., None]
        return np.asarray(cv2.remap(mean, *self._at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0], np.float32)


def _with_ring(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """(504, 2) the surface's landmarks, and around them a ring of 36 that widens the oval."""
    middle = points[list(mesh.STABLE)].mean(0)
    return np.concatenate([points[: mesh.SURFACE], middle + RIM * (points[_OVAL] - middle)])


def _places(corners: NDArray[np.floating]) -> tuple[NDArray[np.bool_], NDArray[np.int32], Floats]:
    """Which pixels of the square lie in a triangle; for each of those (P, 3) the corners, and (P, 3) their shares."""
    following = np.roll(_OVAL, -1)
    ring = np.arange(mesh.SURFACE, mesh.SURFACE + len(_OVAL))
    after = np.roll(ring, -1)
    bands = np.concatenate([np.stack([_OVAL, following, ring], 1), np.stack([following, after, ring], 1)])
    # Eyes and mouth are filled by fans: they are laid over each other too, if not believed.
    fans = [[(loop[0], loop[i], loop[i + 1]) for i in range(1, len(loop) - 1)] for loop in _OPENINGS]
    triangles = np.concatenate([mesh.triangles(), bands, *fans]).astype(np.int32)
    return shares(corners, triangles, (SIDE, SIDE))
