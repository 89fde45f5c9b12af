"""The inside of the mouth: the person's own when a portrait shows it, the driver's when his picture is given, else teeth.

The lips are the portrait's and are drawn by the mesh; this fills the opening between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import headmodel, mesh, rigid
from heads.base import Cue, Floats, Image, Portrait
from heads.warp import raster
from heads.warp.transfer import Placed

CHIN = (152, 148, 377, 176, 400)
"""Landmarks of the chin, which the lower jaw carries."""

AROUND = (164, 165, 391, 18, 83, 313, 92, 322, 106, 335)
"""Landmarks of the skin around the lips, where the light on the mouth is read."""

IVORY = np.array([0.98, 0.94, 0.86], np.float32)
"""Colour of teeth under white light, linear share of full (A1 … A2 of the VITA shade guide, the commonest natural shades)."""

TONGUE = np.array([0.62, 0.30, 0.28], np.float32)
CAVITY = np.array([0.16, 0.06, 0.05], np.float32)
"""Colours of tongue and throat, share of the light."""

GAIN = (0.4, 2.2)
"""Limits of the colour gain from the driver's mouth to the portrait's light."""


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Upper teeth, lower teeth and tongue of the 3-D head, in its units, with the landmarks they are placed by."""

    vertices: Floats
    """(V, 3) x right, y down, z away."""
    triangles: NDArray[np.int32]
    """(F, 3)"""
    lower: NDArray[np.bool_]
    """(V,) True for what the lower jaw carries."""
    colour: Floats
    """(V, 3) share of the light, 0 … 1."""
    landmarks: Floats
    """(478, 3) of the same head."""

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take the teeth out of the arrays of `headmodel.safetensors`."""
        model = headmodel.HeadModel.from_arrays(arrays)
        wanted = (headmodel.UPPER_TEETH, headmodel.LOWER_TEETH, headmodel.TONGUE)
        used, renumbered = np.unique(model.triangles[np.isin(model.part, wanted)], return_inverse=True)
        part = model.vertex_part[used]
        colour = np.where((part == headmodel.TONGUE)[:, None], TONGUE, IVORY)
        corners = renumbered.reshape(-1, 3).astype(np.int32)
        return cls(model.mean[used], corners, part != headmodel.UPPER_TEETH, colour.astype(np.float32), model.landmark_mean)

    @classmethod
    def tiny(cls, seed: int) -> Self:
        """Four random triangles behind random landmarks, for tests."""
        rng = np.random.default_rng(seed)
        vertices = rng.normal(size=(12, 3), scale=0.1).astype(np.float32) + np.array([0, 0.6, 0.2], np.float32)
        lower = np.arange(12) >= 6
        landmarks = rng.normal(size=(478, 3), scale=0.4).astype(np.float32)
        return cls(vertices, np.arange(12, dtype=np.int32).reshape(4, 3), lower, np.ones((12, 3), np.float32) * IVORY, landmarks)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A picture that shows an open mouth, and where its inner lips are in it."""

    image: Image
    lips: Floats
    """(20, 2) index coordinates, `heads.mesh.LIPS_INNER`."""
    light: Floats
    """(3,) mean colour of the skin around the mouth."""


class Mouth:
    """Fills the opening of one person's mouth, frame by frame.

    Args:
        teeth: of the 3-D head.
        portraits: the first one is animated; the others may show the mouth open.
        neutral: the driver's neutral frame.
    """

    def __init__(self, teeth: Teeth, portraits: Sequence[Portrait], neutral: Cue) -> None:
        first = portraits[0]
        self._points = first.face.points
        self._iod = mesh.eye_distance(self._points)
        self._own = mesh.mouth_gap(self._points) >= mesh.SHOWS_MOUTH
        self._light = _around(first.image, self._points)
        self._white = _whites(first.image, self._points)
        widest = max(portraits, key=lambda p: mesh.mouth_gap(p.face.points))
        self._other = None if self._own or mesh.mouth_gap(widest.face.points) < mesh.SHOWS_MOUTH else _view(widest.image, widest.face.points)
        self._teeth, self._rest = teeth, self._placed_teeth(teeth)

    def _placed_teeth(self, teeth: Teeth) -> Floats:
        """The teeth (V, 3) in the portrait's pixels: the 3-D head laid over the face, then moved onto its mouth."""
        over = rigid.fit_face(teeth.landmarks, self._points)
        placed = over.apply(teeth.vertices)
        lips, model_lips = self._points[[61, 291]], over.apply(teeth.landmarks[[61, 291]])
        middle, model_middle = self._points[[13, 14]].mean(0), over.apply(teeth.landmarks[[13, 14]]).mean(0)
        width = np.linalg.norm(lips[0] - lips[1]) / max(1e-6, float(np.linalg.norm(model_lips[0] - model_lips[1])))
        centred = (placed - model_middle) * np.array([np.clip(width, 0.7, 1.3), 1, 1])
        return (centred + np.append(middle[:2], model_middle[2])).astype(np.float32)

    def fill(self, patch: Image, lips: Floats, placed: Placed, cue: Cue, origin: tuple[int, int]) -> None:
        """Paint the inside of the mouth into `patch` (h, w, 3), in place.

        Args:
            patch: the frame's pixels of a box.
            lips: (h, w) float32 0 … 1, 1 between the lips.
            placed: the face in this frame.
            cue: its crop, when there is one, is the driver's picture.
            origin: (x, y) of the box in the portrait.
        """
        inner = placed.points[list(mesh.LIPS_INNER), :2] - origin
        low = np.maximum(np.floor(inner.min(0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(inner.max(0)).astype(int) + 3, (patch.shape[1], patch.shape[0]))
        if (high - low < 3).any() or mesh.mouth_gap(placed.points) < mesh.SHOWS_MOUTH / 4:
            return
        box = (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
        window = np.s_[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        mask = cv2.GaussianBlur(lips[window], (3, 3), 0)
        if not mask.any():
            return
        if cue.crop is not None and cue.crop_points is not None:
            paint = self._seen(_view(cue.crop, cue.crop_points * cue.crop.shape[0]), inner, box)
        elif self._other is not None:
            paint = self._seen(self._other, inner, box)
        elif self._own:
            return
        else:
            paint = self._modelled(mask, placed, (box[0] + origin[0], box[1] + origin[1], box[2], box[3]))
        patch[window] = cv2.blendLinear(paint, np.ascontiguousarray(patch[window]), mask, 1 - mask)

    def _seen(self, view: _View, inner: Floats, box: tuple[int, int, int, int]) -> Image:
        """The inside of the mouth from a picture, stretched between the portrait's lips and put into its light."""
        loop = np.column_stack([inner, np.zeros(len(inner))]).astype(np.float32)
        vertices = np.concatenate([loop, loop.mean(0, keepdims=True)])
        places = np.concatenate([view.lips, view.lips.mean(0, keepdims=True)])
        source = np.column_stack([places + 0.5, np.zeros(len(places))]).astype(np.float32)
        count = len(inner)
        fan = np.array([(i, (i + 1) % count, count) for i in range(count)], np.int32)
        across, down = (np.ascontiguousarray(a) for a in cv2.split(raster.draw(vertices, source, fan, box, 1.0))[:2])
        paint = cv2.remap(view.image, across - 0.5, down - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gain = np.clip(self._light / np.maximum(view.light, 1), *GAIN)
        return np.clip(paint * gain, 0, 255).astype(np.uint8)

    def _modelled(self, mask: Floats, placed: Placed, box: tuple[int, int, int, int]) -> Image:
        """Teeth and tongue of the 3-D head in the portrait's light, over a dark cavity."""
        vertices = placed.skull.apply(self._rest)
        chin = list(CHIN)
        jaw = (placed.points[chin] - placed.skull.apply(self._points[chin])).mean(0)
        vertices[self._teeth.lower] += jaw
        drawn = raster.draw(vertices.astype(np.float32), self._teeth.colour, self._teeth.triangles, box, 1.0)
        base = np.where(drawn == raster.NOTHING, CAVITY, drawn)
        # Lips shade what lies behind them: the nearer to the opening's edge, the darker.
        depth = max(1.0, 0.04 * self._iod)
        shade = np.clip(2 * cv2.GaussianBlur(mask, (0, 0), depth) - 0.6, 0.25, 1)[..., None]
        return np.clip(cv2.GaussianBlur(base, (0, 0), 0.7) * shade * self._white, 0, 255).astype(np.uint8)


def _view(image: Image, points: Floats) -> _View:
    return _View(image, (points[list(mesh.LIPS_INNER), :2] - 0.5).astype(np.float32), _around(image, points))


def _around(image: Image, points: Floats) -> Floats:
    """(3,) mean colour of the skin around the mouth."""
    at = np.clip(points[list(AROUND), :2].astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1))
    size = max(1, round(0.03 * mesh.eye_distance(points)))
    patches = [image[max(0, y - size) : y + size + 1, max(0, x - size) : x + size + 1].reshape(-1, 3) for x, y in at]
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float32)


def _whites(image: Image, points: Floats) -> Floats:
    """(3,) 0 … 255: the light in the portrait, read from the whites of the eyes, half desaturated."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE):
        cv2.fillPoly(mask, [points[list(eye), :2].astype(np.int32)], 1)
    pixels = image[mask > 0].astype(np.float32)
    if not len(pixels):
        return np.full(3, 160, np.float32)
    brightness = pixels.mean(1)
    colour = pixels[brightness >= np.percentile(brightness, 75)].mean(0)
    colour = 0.5 * colour + 0.5 * colour.mean()
    return np.asarray(np.clip(colour, 70, 235), np.float32)
