"""Two layers of a portrait, the person and what is behind, and how a moved person is laid over the still background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Image
from heads.warp import raster
from heads.warp.raster import Maps

ESTIMATE_RADIUS = 0.09
"""Radius of the box over which foreground and background colours are averaged, in distances between the outer eye corners."""

GAIN = 1.5
"""Slope by which the fitted matte is made steeper about its middle: a fit to edges leaves it flatter than edges are."""

GROWTH = 0.006
"""How far the matte's edge is moved outwards, in the same unit: a pixel where the eyes stand 170 apart."""

CLEARANCE = 0.033
"""How far from the matte's edge the background is not believed, in the same unit: mattes come from a 256-pixel network, and
in a portrait of head and shoulders this is about two of its pixels."""

TRACE = 0.03
"""Matte below which a pixel is background."""

STILL = 0.02
"""Pixels of movement up to which a pixel keeps the portrait's own value, bit for bit."""

MOVING = 0.35
"""Pixels of movement from which the resampled value is taken; in between both are mixed. Below a third of a pixel bilinear
resampling only blurs."""

WEB = 0.12
"""Half the width of gaps in the person's outline, between cheek and ear or neck, that are closed where the head turns and what
lies in them is drawn out, in distances between the outer eye corners."""

CLOSING = (0.02, 0.08)
"""Movement, in the same unit, over which they close."""

SOLID = 250
"""Cover, of 255, from which nothing of the face is missing."""

COARSE = 4
"""How many times smaller than the portrait the picture is from which drawn-out places are taken."""

EDGE_REACH = 0.08
"""Distance, in the same unit, over which the matte is fitted to the picture's own edges."""

EDGE_NOISE = 1e-4
"""Variance of colours (0 … 1) that is no edge: about 2.5 grey levels."""

CERTAIN = (0.03, 0.05)
"""How far inside and outside the matte's edge it is believed as it is, in the same unit: a few pixels of the network's own."""

CALM = 0.5
"""Pixels of the portrait (standard deviation) by which moving hair is softened: how it moves is known to a pixel or two only,
and strands sharper than that shimmer. Standing still it is the portrait's own; the face is never softened."""

STEPS = 1.1
"""Pixels (standard deviation) by which the steps along a mesh's edge are smoothed."""

REACH = 4
"""Pixels that this looks at to each side."""

FINE = 2
"""How many times larger than the portrait the person's texels are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """A portrait taken apart."""

    person: Image
    """(H, W, 3) uint8: the person's own colours, continued beyond the matte's edge so that no background sticks to it."""
    behind: Image
    """(H, W, 3) uint8: the background, filled in where the person hides it."""
    matte: Floats
    """(H, W) float32 0 … 1."""


def split(image: Image, matte: Floats, points: Floats) -> Layers:
    """Estimate the person's and the background's colours under a matte (H, W) float32 0 … 1.

    The person's: M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, equation 5 and 7, with means over a box
    of the person's colours (weights alpha) and of the background's (weights 1 - alpha). The background's, where the person
    hides it: from what is around, keeping clear of the matte's edge, or the person's outline would stay behind as a ghost.

    Args:
        points: (478, 3) landmarks, pixels; the distance between the outer eye corners is the yardstick along the edge.
    """
    iod = mesh.eye_distance(points)
    picture = image.astype(np.float32)
    cover = _grown(fitted(image, matte, iod), max(1, round(GROWTH * iod)))
    alpha = cover[..., None]
    radius = max(2, round(ESTIMATE_RADIUS * iod))
    inner, outer = spread(picture, cover, radius), spread(picture, 1 - cover, radius)
    person = inner + alpha * (picture - alpha * inner - (1 - alpha) * outer)
    # Where the person covers all, it is the picture itself.
    person = np.where(alpha >= 1, picture, person)
    # A face has no holes, also where its edge is hardly told from what is behind: turned about, that edge comes to the front.
    face = raster.polygon(points[list(mesh.FACE_OVAL), :2], matte.shape, value=255, smooth=True)
    cover = np.maximum(cover, face.astype(np.float32) / 255)
    clear = max(2, round(CLEARANCE * iod))
    hidden = cv2.dilate((cover > TRACE).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * clear + 1,) * 2))
    filled = spread(picture, (1 - hidden).astype(np.float32), radius)
    soft = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), clear / 2) * hidden
    behind = picture + np.asarray(np.clip(2 * soft, 0, 1), np.float32)[..., None] * (filled - picture)
    return Layers(_bytes(person), _bytes(behind), cover)


def fitted(image: Image, matte: Floats, iod: float) -> Floats:
    """The matte (H, W) with its edge moved to the picture's own: a network of 256 pixels knows it only roughly.

    The guided filter of K. He, J. Sun, X. Tang, "Guided Image Filtering", IEEE TPAMI 35(6), 2013, equations 19 to 21 with
    colours as the guide, at half size (He and Sun, "Fast Guided Filter", arXiv 1505.00996). Well inside and outside the matte
    stays what it is.
    """
    height, width = matte.shape
    size = (max(4, width // 2), max(4, height // 2))
    guide = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    side = 2 * max(1, round(EDGE_REACH * iod / 2)) + 1

    def mean(field: NDArray[np.floating]) -> Floats:
        return np.asarray(cv2.boxFilter(field, cv2.CV_32F, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    colour, cover = mean(guide), mean(small)
    shared = mean(guide * small[..., None]) - colour * cover[..., None]
    products = np.stack([mean(guide * guide[..., i : i + 1]) for i in range(3)], -1)
    spread_of = products - colour[..., None] * colour[..., None, :] + EDGE_NOISE * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(spread_of, shared[..., None])[..., 0]
    fit = np.dstack([slope, cover - (slope * colour).sum(-1)])
    fit = cv2.resize(mean(fit), (width, height), interpolation=cv2.INTER_LINEAR)
    guess = (fit[..., :3] * (image.astype(np.float32) / 255)).sum(-1) + fit[..., 3]
    inner, outer = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(r * iod)) + 1,) * 2) for r in CERTAIN)
    sure = cv2.erode((matte > 0.9).astype(np.uint8), inner, borderType=cv2.BORDER_REPLICATE)
    never = 1 - cv2.dilate((matte > 0.1).astype(np.uint8), outer, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(np.where(sure, 1, np.where(never, 0, guess)), 0, 1), np.float32)


def _grown(matte: Floats, reach: int) -> Floats:
    """A matte whose soft edge lies a little further out: an edge cut from the person is seen, a rim of background is not."""
    steep = np.clip(GAIN * (matte - 0.5) + 0.5, 0, 1)
    wide = cv2.dilate(steep, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * reach + 1,) * 2))
    return np.asarray(np.clip(cv2.GaussianBlur(wide, (0, 0), 0.7 * reach), 0, 1), np.float32)


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
    small_weight = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    heavy = cv2.resize(picture * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small = np.asarray(heavy / np.maximum(small_weight, 1e-6)[..., None], np.float32)
    wide = cv2.resize(spread(small, small_weight, radius), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    trust = np.clip(near / 0.15, 0, 1)[..., None]
    return np.asarray(trust * mean + (1 - trust) * wide, np.float32)


def _bytes(picture: Floats) -> Image:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _coarse(person: Image, cover: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """(h / COARSE, w / COARSE, 4): the person's colours without detail, and a cover without gaps narrower than 2 `reach`."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    closed = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE)
    # Colours at the very edge have the background in them.
    inside = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, reach // 3) + 1,) * 2)
    weight = np.asarray(cv2.erode(cover, inside, borderType=cv2.BORDER_REPLICATE), np.float32) / np.float32(255)
    colours = _bytes(spread(person.astype(np.float32), weight, max(1, reach // 2)))
    size = (max(1, person.shape[1] // COARSE), max(1, person.shape[0] // COARSE))
    return np.asarray(cv2.resize(np.dstack([colours, closed]), size, interpolation=cv2.INTER_AREA), np.uint8)


class Stage:
    """Lays the moved person over the still background, frame by frame.

    Args:
        image: (H, W, 3) uint8, the portrait.
        layers: the portrait taken apart.
        points: (478, 3) float32, its landmarks, pixels.
    """

    def __init__(self, image: Image, layers: Layers, points: Floats) -> None:
        self._iod = mesh.eye_distance(points)
        reach = max(1, round(WEB * self._iod))
        cover = np.rint(255 * layers.matte).astype(np.uint8)
        whole = np.dstack([layers.person, cover])
        # Sampled from twice the size, a bilinear look-up keeps what a bicubic one would, at a fraction of its cost.
        size = (FINE * image.shape[1], FINE * image.shape[0])
        person = cv2.resize(whole, size, interpolation=cv2.INTER_LANCZOS4)
        face = raster.polygon(FINE * points[list(mesh.FACE_OVAL), :2], person.shape[:2], value=255)
        inside = cv2.GaussianBlur(face, (0, 0), 0.05 * FINE * self._iod).astype(np.float32) / 255
        soft = cv2.GaussianBlur(person, (0, 0), CALM * FINE)
        self._person = np.asarray(cv2.blendLinear(person, soft, inside, 1 - inside), np.uint8)
        self._coarse = _coarse(layers.person, cover, reach)
        self._behind, self._own = (cv2.cvtColor(part, cv2.COLOR_RGB2RGBA) for part in (layers.behind, image))
        self.concerned: NDArray[np.bool_] = (cover > 0) | (layers.behind != image).any(-1)
        """(H, W): where the person is, or what is behind was filled in."""

    def compose(self, maps: Maps, oval: Floats) -> Image:
        """The window's pixels (h, w, 3) uint8 of one frame, new; those that do not move are the portrait's own.

        Args:
            maps: where they come from.
            oval: (36, 2) pixels: the face's outline in the frame.
        """
        x, y, w, h = maps.window
        window = np.s_[y : y + h, x : x + w]
        if not w or not h:
            return np.zeros((h, w, 3), np.uint8)
        strain = raster.strain(maps)
        # The centre of a pixel of the portrait lies between two pixels of its enlargement.
        offset = (FINE - 1) / 2
        across, down = (cv2.addWeighted(field, FINE, field, 0, offset) for field in (maps.across, maps.down))
        person = cv2.remap(self._person, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        person = self._softened(np.asarray(person, np.uint8), strain, maps, oval)
        alpha = np.multiply(cv2.extractChannel(person, 3), np.float32(1 / 255), dtype=np.float32)
        laid = cv2.blendLinear(person, np.ascontiguousarray(self._behind[window]), alpha, 1 - alpha)
        if (part := raster.part(strain.edge > 0, (h, w), REACH)) is not None:
            # A mesh has no half-covered pixels: where one part of the head ends before another, its steps are smoothed.
            steps, edge = np.ascontiguousarray(laid[part]), raster.enlarged(strain.edge, part)
            laid[part] = cv2.blendLinear(cv2.GaussianBlur(steps, (0, 0), STEPS), steps, edge, 1 - edge)
        share = cv2.addWeighted(maps.moved, 1 / (MOVING - STILL), maps.moved, 0, -STILL / (MOVING - STILL))
        share = np.clip(share, 0, 1, out=np.asarray(share))
        mixed = cv2.blendLinear(laid, np.ascontiguousarray(self._own[window]), share, 1 - share)
        return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_RGBA2RGB), np.uint8)

    def _softened(self, person: NDArray[np.uint8], strain: raster.Strain, maps: Maps, oval: Floats) -> NDArray[np.uint8]:
        """The person (h, w, 4) with what is drawn out beyond what it shows taken from a coarse picture without gaps."""

        def closing(moved: Floats) -> Floats:
            # A gap between cheek and ear closes as the head turns, not when it trembles.
            low, high = (limit * self._iod for limit in CLOSING)
            return np.asarray(np.clip((moved - low) * np.float32(1 / (high - low)), 0, 1), np.float32)

        def facing(where: raster.Part) -> Floats:
            # The face itself has no holes: the far cheek of a portrait that looks aside lies behind its outline, and there
            # another place of the picture is found.
            kind = np.clip(2 - np.abs(maps.kind[where]) * (4 / raster.AROUND_FACE), 0, 1)
            return np.asarray(closing(maps.moved[where]) * kind * (within[where] > 0), np.float32)

        turned = closing(maps.moved[:: raster.HALF, :: raster.HALF]) * strain.around
        concerned = (strain.soft > 0) | (turned > 0)
        within = raster.polygon(oval - maps.window[:2], maps.kind.shape, value=255)
        thin = cv2.bitwise_and(cv2.threshold(cv2.extractChannel(person, 3), SOLID - 1, 255, cv2.THRESH_BINARY_INV)[1], within)
        x, y, w, h = cv2.boundingRect(thin)
        holes = np.s_[y : y + h, x : x + w]
        hollow = bool(w) and bool((thin[holes] > 0)[facing(holes) > 0].any())
        if hollow:
            concerned[y // raster.HALF : -(-(y + h) // raster.HALF), x // raster.HALF : -(-(x + w) // raster.HALF)] = True
        if (part := raster.part(concerned, person.shape, raster.HALF)) is None:
            return person
        offset = (1 / COARSE - 1) / 2
        across, down = (cv2.addWeighted(field[part], 1 / COARSE, field[part], 0, offset) for field in (maps.across, maps.down))
        coarse = cv2.remap(self._coarse, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        own = np.ascontiguousarray(person[part])
        solid = cv2.extractChannel(own, 3)
        gap = np.multiply(cv2.subtract(cv2.extractChannel(coarse, 3), solid), np.float32(1 / 255), dtype=np.float32)
        gap *= raster.enlarged(np.asarray(turned, np.float32), part)
        share = cv2.max(raster.enlarged(strain.soft, part), gap)
        if hollow:
            face = facing(part)
            coarse[..., 3] = np.maximum(coarse[..., 3], np.rint(255 * face).astype(np.uint8))
            # The matte's soft rim has colours of what is behind in it.
            rim = cv2.erode(solid, np.ones((3, 3), np.uint8), iterations=max(1, round(0.012 * self._iod)))
            share = np.maximum(share, (1 - rim.astype(np.float32) * np.float32(1 / 255)) * face)
        person[part] = cv2.blendLinear(coarse, own, share, 1 - share)
        return person
