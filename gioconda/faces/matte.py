"""The person told from the background: MediaPipe's selfie segmentation, looked at closely and refined on the picture's edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import weights
from gioconda.faces import search
from gioconda.faces.landmarks import quiet
from heads.base import Face, Floats, Image

MODEL = "selfie_segmentation.tflite"
"""MediaPipe's general selfie segmentation (model card: 2021), 256 x 256 in and out."""

_REACH = (2.2, 1.6, 3.2)
"""Sizes of the face that the close look shows to the sides, above and below its middle: head, hair and shoulders."""

_MODERATE = 768
"""Pixels: the longer side at which edges are refined; finer detail is brushwork and weave rather than outline."""

_RADIUS = 0.012
"""Radius of the guided filter's windows in longer sides of the picture: about as wide as the model's own blur."""
_EPSILON = 2e-4
"""Variance of colour (0 ... 1) from which the guided filter takes a change for an edge: a step of 1.4 %."""


def matte(image: Image, face: Face | None = None, *, others: Sequence[Face] = (), alpha: Floats | None = None) -> Floats:
    """How much of each pixel is the person: (H, W) float32 in [0, 1].

    Args:
        image: (H, W, 3) uint8.
        face: the person meant; None takes everybody.
        others: further faces, whose persons are left out.
        alpha: (H, W) in [0, 1], the picture's own transparency; nothing transparent is the person.
    """
    height, width = image.shape[:2]
    with _Segmenter() as segment:
        cover = segment(image)
    refined = _refine(image, cover)
    if alpha is not None:
        refined = refined * alpha
    return np.asarray(refined, np.float32).reshape(height, width)


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


def _refine(image: Image, cover: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay the edges of a soft mask onto those of the picture."""
    import cv2

    height, width = cover.shape
    factor = min(1.0, _MODERATE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    guide = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
    radius = max(2, round(_RADIUS * max(size)))
    slope, offset = _guide(guide.mean(-1), small, radius)
    slope, offset = (cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in (slope, offset))
    full = image.mean(-1, dtype=np.float32) / 255
    return np.asarray(np.clip(slope * full + offset, 0, 1), np.float32)


def _guide(guide: NDArray[Any], mask: NDArray[Any], radius: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Slope and offset of the guided filter: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, equations 5 and 6."""
    import cv2

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1)))

    mean_guide, mean_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (mean(guide * guide) - mean_guide**2 + _EPSILON)
    return mean(slope), mean(mean_mask - slope * mean_guide)
