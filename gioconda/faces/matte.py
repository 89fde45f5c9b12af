"""The person told from the background: MediaPipe's selfie segmentation, a closer look, and the picture's own edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import weights
from gioconda.faces import search
from gioconda.faces.landmarks import quiet
from heads import mesh
from heads.base import Face, Floats, Image

MODEL = "selfie_segmentation.tflite"
"""MediaPipe's general selfie segmentation (model card: 2021), 256 x 256 in and out."""

_LOOKS = ((2.4, 8.5), (0.6, 4.4))
"""Closer looks, at the body and at head and shoulders: how far the middle of each lies below that of the face, and its side, in
sizes of the face."""

_WORTH = 0.6
"""A closer look is taken when it shows less than this share of the picture; else it would say the same."""

_MODERATE = 1024
"""Pixels: the longer side at which edges are refined; finer detail is brushwork and weave rather than outline."""

_RADII = (0.020, 0.006)
"""Radii of the guided filter's windows, one pass after the other, in longer sides of the look: the first is as wide as the
network's own blur (256 pixels), the second takes back the haze that the first leaves beside the outline."""

_EPSILON = 1e-4
"""Variance of colour (0 ... 1) from which the guided filter takes a change for an edge: a step of 1 %."""

_HAZE = (0.15, 0.85)
"""What is less than the first is background, more than the second is the person; between them the matte rises smoothly."""

_RIM = 0.15
"""Feathering in sizes of the face where a person is parted from another one."""

_BLEND = 0.8
"""Feathering in sizes of the face where the close look ends."""


def matte(image: Image, face: Face | None = None, *, others: Sequence[Face] = (), alpha: Floats | None = None) -> Floats:
    """How much of each pixel is the person: (H, W) float32 in [0, 1].

    Args:
        image: (H, W, 3) uint8.
        face: the person meant; None takes everybody.
        others: further faces, whose persons are left out.
        alpha: (H, W) in [0, 1], the picture's own transparency; nothing transparent is the person.
    """
    with _Segmenter() as segment:
        cover = _refine(image, segment(image))
        if face is not None:
            for below, side in _LOOKS:
                cover = _closer(image, cover, face, below, side, segment)
    if face is not None:
        cover = _one(cover, face, others)
    if alpha is not None:
        cover = cover * alpha
    return np.ascontiguousarray(np.clip(cover, 0, 1), np.float32)


def _closer(image: Image, cover: Floats, face: Face, below: float, sizes: float, segment: _Segmenter) -> Floats:
    """Put a closer look in place of what a wider one gave there: a square of `sizes` faces, `below` the face's middle."""
    height, width = cover.shape
    across = search.size(face)
    side = sizes * across
    x, y = search.centre(face) + np.array([0, below * across])
    left, top = max(0, int(x - side / 2)), max(0, int(y - side / 2))
    right, bottom = min(width, int(x + side / 2)), min(height, int(y + side / 2))
    if (right - left) * (bottom - top) > _WORTH * height * width:
        return cover
    part = np.ascontiguousarray(image[top:bottom, left:right])
    close = _refine(part, segment(part))
    rim = max(1.0, _BLEND * across)
    # the look's own borders count only where the picture goes on beyond them
    weight = np.outer(_ramps(top, bottom, height, rim), _ramps(left, right, width, rim)).astype(np.float32)
    out = cover.copy()
    box = out[top:bottom, left:right]
    box += weight * (close - box)
    return out


def _ramps(start: int, end: int, whole: int, width: float) -> NDArray[np.float64]:
    """(end - start,) weights: 1, falling to 0 within `width` of an end that is not the end of the whole."""
    rise = np.clip((np.arange(end - start) + 0.5) / width, 0, 1)
    return np.asarray(np.minimum(rise if start > 0 else 1.0, rise[::-1] if end < whole else 1.0) * np.ones(end - start))


def _one(cover: Floats, face: Face, others: Sequence[Face]) -> Floats:
    """Keep the person with this face: the connected part that holds it, on its own side of the other faces."""
    import cv2

    height, width = cover.shape
    across = search.size(face)
    oval = face.points[list(mesh.FACE_OVAL), :2]
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(cv2.convexHull(oval)).astype(np.int32), 1)
    cover = np.maximum(cover, cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.02 * across + 0.5) * inside)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    mine = _far(columns, rows, face)
    for other in others:
        # halfway between two people, by their sizes, one ends and the other begins
        cover = cover * np.clip(0.5 + (_far(columns, rows, other) - mine) / (2 * _RIM), 0, 1)
    _, labels = cv2.connectedComponents((np.maximum(cover, inside) > 0.3).astype(np.uint8), connectivity=4)
    kept = np.isin(labels, np.setdiff1d(np.unique(labels[inside > 0]), [0])).astype(np.uint8)
    reach = 2 * max(1, round(0.05 * across)) + 1
    return np.asarray(cover * cv2.dilate(kept, np.ones((reach, reach), np.uint8)), np.float32)


def _far(columns: Floats, rows: Floats, face: Face) -> Floats:
    """Distance from a person in sizes of the face: from the head above, from the line down from it below."""
    x, y = search.centre(face)
    down = np.maximum(rows - y, 0) * 0.25  # a body widens below its head
    up = np.maximum(y - rows, 0)
    return np.asarray(np.hypot(columns - x, up + down) / search.size(face), np.float32)


class _Segmenter:
    """The segmentation graph."""

    def __init__(self) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.ImageSegmenterOptions(
            base_options=BaseOptions(model_asset_buffer=weights.path(MODEL).read_bytes()),
            output_confidence_masks=True,
            output_category_mask=False,
        )
        with quiet():
            self._graph = vision.ImageSegmenter.create_from_options(options)
            self(np.zeros((64, 64, 3), np.uint8))

    def __call__(self, image: Image) -> Floats:
        import mediapipe as mp

        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        return np.array(self._graph.segment(picture).confidence_masks[-1].numpy_view(), np.float32).reshape(image.shape[:2])

    def __enter__(self) -> _Segmenter:
        return self

    def __exit__(self, *_: object) -> None:
        self._graph.close()


def _refine(image: Image, cover: Floats) -> Floats:
    """Lay the edges of a soft mask (H, W) onto those of the picture (H, W, 3)."""
    import cv2

    height, width = cover.shape
    factor = min(1.0, _MODERATE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    guide = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mask = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.float32)
    for share in _RADII:
        mask = _guided(np.asarray(guide, np.float32), mask, max(1, round(share * max(size))))
    low, high = _HAZE
    t = np.clip((mask - low) / (high - low), 0, 1)
    smooth = t * t * (3 - 2 * t)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _guided(guide: Floats, mask: Floats, radius: int) -> Floats:
    """He, Sun, Tang, "Guided Image Filtering", ECCV 2010: equations 14 to 16, `guide` (H, W, 3) in 0 ... 1, `mask` (H, W)."""
    import cv2

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1)))

    colour, level = mean(guide), mean(mask)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    rr, rg, rb, gg, gb, bb = (
        mean(guide[..., i] * guide[..., j]) - colour[..., i] * colour[..., j] + (_EPSILON if i == j else 0) for i, j in pairs
    )
    cr, cg, cb = (mean(guide[..., i] * mask) - colour[..., i] * level for i in range(3))
    # Cramer's rule for the symmetric 3 x 3 system of each window
    a, b, c = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    d, e, f = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    det = rr * a + rg * b + rb * c
    slope = np.stack([a * cr + b * cg + c * cb, b * cr + d * cg + e * cb, c * cr + e * cg + f * cb], -1) / det[..., None]
    offset = level - (slope * colour).sum(-1)
    return np.asarray(np.clip((mean(slope) * guide).sum(-1) + mean(offset), 0, 1), np.float32)
