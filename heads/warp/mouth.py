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

_JAW = mesh.SHAPE["jawOpen"]

JAW_CERTAIN = 0.5
"""Rise of the jaw's blendshape from which the chin's landmark is believed whole."""

STRETCH = (1.5, 2.3)
"""Opening over the portrait's own from which, and up to which, its own teeth give way to others: stretched teeth are seen."""

PARTING = 0.012
"""Rise of the gap of closed lips, in distances between the outer eye corners, over which what lies behind appears: 1 mm."""

AROUND = (164, 165, 391, 18, 83, 313, 92, 322, 106, 335)
"""Landmarks of the skin around the lips, where the light on the mouth is read."""

IVORY = np.array([1.0, 0.96, 0.89], np.float32)
GUM = np.array([0.72, 0.40, 0.40], np.float32)
TONGUE = np.array([0.66, 0.34, 0.33], np.float32)
CAVITY = np.array([0.15, 0.06, 0.06], np.float32)
"""Colours as shares of the light: teeth (about A1, a light natural shade of the VITA guide), gums, tongue, throat."""

GAPS = np.array([0.0, 0.094, 0.166, 0.249, 0.327, 0.405], np.float32)
"""Where one tooth ends and the next begins, to either side of the middle, in distances between the outer eye corners: widths
of 8.5, 6.5, 7.5, 7, 7 mm (S. J. Nelson, "Wheeler's Dental Anatomy", 10th edition, 2015, upper jaw) over 90 mm."""

GAP_WIDTH = 0.007
"""Half width of the dark line between two teeth, in the same unit."""

CROWN = 0.117
"""Height of an upper incisor's crown, in the same unit: 10.5 mm (Nelson, 2015)."""

SHOWN = 0.034
"""How far the upper incisors' edge lies below the line between closed lips, in the same unit: 3 mm show when the lips part
(Vig and Brundo, "The kinetics of anterior tooth display", J. Prosthet. Dent. 39, 1978)."""

VIVID = 0.25
"""Saturation of skin around the mouth from which a portrait counts as coloured: faces of all tones have 0.25 to 0.6."""

LIT_SKIN = 1.3
"""Brightness of teeth over that of light skin beside them, in photographs (looked at: six clips of people who smile)."""

OVERBITE = 0.022
"""How far the upper incisors cover the lower ones in a closed bite, in the same unit: 2 mm (Nelson, 2015)."""

CHEEK = 0.45
"""Distance from the middle, in the same unit, at which the cheek's shadow has taken all light from the teeth."""

SUPERSAMPLE = 2
"""Teeth are painted this many times finer than the frame and averaged."""

TONGUE_DEPTH = 0.8
"""Length of the tongue from its tip into the throat, in distances between the outer eye corners (the 3-D head's)."""

ATLAS = 200
"""Rows of the painted atlas for each kind of tooth: a row is 0.2 mm."""

REACH = 0.45
"""Half width and whole height of what the atlas shows, in distances between the outer eye corners."""

GAIN = (0.4, 2.2)
"""Limits of the colour gain from the driver's mouth to the portrait's light."""


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Upper teeth, lower teeth and tongue of the 3-D head, in its units, with the landmarks they are placed by."""

    vertices: Floats
    """(V, 3) x right, y down, z away."""
    triangles: NDArray[np.int32]
    """(F, 3)"""
    kind: NDArray[np.uint8]
    """(V,) UPPER, LOWER or TONGUE of `heads.headmodel`; the lower jaw carries all but UPPER."""
    landmarks: Floats
    """(478, 3) of the same head."""
    jaw: Floats
    """(3,) how far the lower teeth go when the jaw opens as far as it can."""

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take the teeth out of the arrays of `headmodel.safetensors`."""
        model = headmodel.HeadModel.from_arrays(arrays)
        wanted = (headmodel.UPPER_TEETH, headmodel.LOWER_TEETH, headmodel.TONGUE)
        used, renumbered = np.unique(model.triangles[np.isin(model.part, wanted)], return_inverse=True)
        corners = renumbered.reshape(-1, 3).astype(np.int32)
        vertices, kind = model.mean[used].copy(), model.vertex_part[used]
        lower = kind == headmodel.LOWER_TEETH
        # In a closed bite the lower incisors' edge stands behind and above the upper ones'.
        vertices[lower, 1] += vertices[kind == headmodel.UPPER_TEETH, 1].max() - OVERBITE - vertices[lower, 1].min()
        jaw = model.units[_JAW][used][lower].mean(0)
        return cls(vertices, corners, kind, model.landmark_mean, jaw)

    @classmethod
    def tiny(cls, seed: int) -> Self:
        """Four random triangles behind random landmarks, for tests."""
        rng = np.random.default_rng(seed)
        vertices = rng.normal(size=(12, 3), scale=0.1).astype(np.float32) + np.array([0, 0.6, 0.2], np.float32)
        kind = np.repeat(np.array([headmodel.UPPER_TEETH, headmodel.LOWER_TEETH], np.uint8), 6)
        landmarks = rng.normal(size=(478, 3), scale=0.4).astype(np.float32)
        return cls(vertices, np.arange(12, dtype=np.int32).reshape(4, 3), kind, landmarks, np.array([0, 0.2, 0.1], np.float32))

    @property
    def edge(self) -> float:
        """Height y of the upper teeth's edge."""
        return float(self.vertices[self.kind == headmodel.UPPER_TEETH, 1].max())


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
        self._own = mesh.mouth_gap(self._points)
        self._light = _around(first.image, self._points)
        self._white = _white(first.image, self._points)
        self._vivid = min(1.0, _saturation(self._light) / VIVID)
        widest = max(portraits, key=lambda p: mesh.mouth_gap(p.face.points))
        helps = mesh.mouth_gap(widest.face.points) >= max(mesh.SHOWS_MOUTH, STRETCH[0] * self._own)
        self._other = _view(widest.image, widest.face.points) if helps else None
        self._jaw, self._jaw_rest = teeth.jaw * self._iod, float(neutral.expression[_JAW])
        self._teeth, self._rest = teeth, self._placed_teeth(teeth)
        self._colours, self._values = _atlas(teeth.edge), _places(teeth.vertices, teeth.kind, teeth.edge)

    def _placed_teeth(self, teeth: Teeth) -> Floats:
        """The teeth (V, 3) in the portrait's pixels: the 3-D head laid over the face, then moved onto its mouth."""
        over = rigid.fit_face(teeth.landmarks, self._points)
        placed = over.apply(teeth.vertices)
        lips, model_lips = self._points[[61, 291]], over.apply(teeth.landmarks[[61, 291]])
        middle, model_middle = self._points[[13, 14]].mean(0), over.apply(teeth.landmarks[[13, 14]]).mean(0)
        width = np.linalg.norm(lips[0] - lips[1]) / max(1e-6, float(np.linalg.norm(model_lips[0] - model_lips[1])))
        centred = (placed - model_middle) * np.array([np.clip(width, 0.7, 1.3), 1, 1])
        # From the lips' line the edge of the upper teeth is set by what people show, not by how the model closes its mouth.
        model_edge = (teeth.edge - teeth.landmarks[[13, 14], 1].mean()) * over.scale
        drop = np.array([0, SHOWN * self._iod - model_edge, 0])
        return np.asarray(centred + np.append(middle[:2], model_middle[2]) + drop, np.float32)

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
        if (high - low < 3).any() or mesh.mouth_gap(placed.points) < PARTING:
            return
        box = (int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
        window = np.s_[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        mask = np.asarray(cv2.GaussianBlur(lips[window], (3, 3), 0), np.float32)
        if not mask.any():
            return
        whole = (box[0] + origin[0], box[1] + origin[1], box[2], box[3])
        shows = self._own >= mesh.SHOWS_MOUTH
        driver = cue.crop is not None and cue.crop_points is not None
        # The driver's picture was asked for: it replaces teeth that the portrait shows. Closed lips stay the portrait's own.
        others = 1.0 if driver and shows else 1 - self._own_share(mesh.mouth_gap(placed.points))
        if others == 0:
            return
        mask *= np.float32(others)
        if cue.crop is not None and cue.crop_points is not None:
            paint = self._seen(_view(cue.crop, cue.crop_points * cue.crop.shape[0]), inner, box)
        elif self._other is not None:
            paint = self._seen(self._other, inner, box)
        else:
            paint = self._modelled(mask, placed, cue, whole)
        patch[window] = cv2.blendLinear(paint, np.ascontiguousarray(patch[window]), mask, 1 - mask)

    def _own_share(self, gap: float) -> float:
        """Share (0 … 1) of the portrait's own texels when the lips stand `gap` apart."""
        if self._own < mesh.SHOWS_MOUTH:
            # A gap of a pixel or so more is the landmarks' own uncertainty: what is behind fades in.
            return float(np.clip(2 - (gap - self._own) / PARTING, 0, 1))
        low, high = STRETCH
        return float(np.clip((high - gap / self._own) / (high - low), 0, 1))

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
        vivid = min(1.0, _saturation(self._light) / max(_saturation(view.light), 1e-3))
        return np.clip(_muted(paint * gain, vivid), 0, 255).astype(np.uint8)

    def _lowered(self, placed: Placed, cue: Cue) -> Floats:
        """(3,) pixels that the lower teeth have gone down: by the jaw's blendshape or the chin, whichever went further.

        The chin's skin also moves when a smile pulls at it, so it counts as far as the blendshape says that the jaw is open.
        """
        opened = max(0.0, float(cue.expression[_JAW] - self._jaw_rest))
        jaw = placed.skull.scale * placed.skull.rotation @ (opened * self._jaw)
        chin = placed.points[152] - placed.skull.apply(self._points[152][None])[0]
        believed = min(1.0, opened / JAW_CERTAIN) * chin
        return np.asarray(believed if np.linalg.norm(believed[:2]) > np.linalg.norm(jaw[:2]) else jaw, np.float32)

    def _modelled(self, mask: Floats, placed: Placed, cue: Cue, box: tuple[int, int, int, int]) -> Image:
        """Teeth and tongue of the 3-D head in the portrait's light, over a dark cavity."""
        vertices = placed.skull.apply(self._rest)
        vertices[self._teeth.kind != headmodel.UPPER_TEETH] += self._lowered(placed, cue)
        drawn = raster.draw(vertices.astype(np.float32), self._values, self._teeth.triangles, box, float(SUPERSAMPLE))
        column, row = drawn[..., 0].copy(), drawn[..., 1].copy()
        row[column == raster.NOTHING] = 4 * ATLAS - 1
        fine = cv2.remap(self._colours, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        colour = cv2.resize(fine, box[2:], interpolation=cv2.INTER_AREA)
        # Lips shade what lies right behind them.
        depth = max(0.8, 0.012 * self._iod)
        shade = np.clip(0.35 + 0.75 * cv2.GaussianBlur(mask, (0, 0), depth), 0.4, 1)[..., None]
        return np.asarray(np.clip(_muted(colour * shade * self._white, self._vivid), 0, 255), np.uint8)


def _atlas(edge: float) -> Floats:
    """Colours (4 ATLAS, 2 ATLAS + 1, 3), shares of the light: upper teeth, lower teeth, tongue, throat, one above the other.

    Columns run over x, the rows of each over y (`_places`); the teeth's vertices say where in it they lie.
    """
    x = np.abs(np.linspace(-REACH, REACH, 2 * ATLAS + 1, dtype=np.float32))[None]
    y = np.linspace(0, 1, ATLAS, dtype=np.float32)[:, None]
    shadow = np.clip(1 - (x / CHEEK) ** 2, 0.12, 1)[..., None]
    parts = []
    # Lower incisors are about two thirds as wide as upper ones (Nelson, 2015).
    for width, light in ((1.0, 1.0), (0.66, 0.86)):
        gap = np.abs(x[..., None] - GAPS * width).min(-1)
        line = 1 - 0.18 * np.exp(-((gap / GAP_WIDTH) ** 2))
        tooth = np.broadcast_to(IVORY * (line * light)[..., None], (ATLAS, x.shape[1], 3))
        if width == 1.0:
            gum = np.clip((edge - CROWN - (edge - REACH + y * REACH) + 0.25 * gap) / 0.012, 0, 1)[..., None]
            tooth = (1 - gum) * tooth + gum * GUM
        parts.append(tooth * shadow)
    # A tongue lies in the mouth's own shadow, the deeper the darker.
    depth = (1.0 - 0.72 * y - 0.35 * (x / REACH) ** 2)[..., None]
    parts += [np.clip(depth, 0.12, 1) * TONGUE, np.broadcast_to(CAVITY, parts[0].shape)]
    return np.concatenate(parts).astype(np.float32)


def _places(vertices: Floats, kind: NDArray[np.uint8], edge: float) -> Floats:
    """(V, 3): column and row of the atlas for each vertex of teeth and tongue, and 0."""
    row = np.clip((vertices[:, 1] - (edge - REACH)) / REACH, 0, 1)
    tongue = kind == headmodel.TONGUE
    back = vertices[:, 2] - vertices[tongue, 2].min() if tongue.any() else vertices[:, 2]
    row = np.select([kind == headmodel.UPPER_TEETH, tongue], [row, np.clip(back / (0.5 * TONGUE_DEPTH), 0, 1)], 0.5)
    # Half a row inside its part, so that interpolation does not mix parts.
    part = np.select([kind == headmodel.UPPER_TEETH, kind == headmodel.LOWER_TEETH], [0, 1], 2)
    column = (np.clip(vertices[:, 0] / REACH, -1, 1) + 1) * ATLAS
    return np.column_stack([column, part * ATLAS + 0.5 + row * (ATLAS - 2), np.zeros(len(row))]).astype(np.float32)


def _saturation(colour: Floats) -> float:
    """How far a colour (3,) is from grey, 0 … 1 (saturation of the HSV model)."""
    return float((colour.max() - colour.min()) / max(float(colour.max()), 1.0))


def _muted(picture: NDArray[np.floating], share: float) -> Floats:
    """Colours (h, w, 3) drawn towards their grey; `share` 1 leaves them, 0 is grey: in a drawing nothing is red but the ink."""
    grey = picture.mean(-1, keepdims=True)
    return np.asarray(grey + share * (picture - grey), np.float32)


def _view(image: Image, points: Floats) -> _View:
    return _View(image, (points[list(mesh.LIPS_INNER), :2] - 0.5).astype(np.float32), _around(image, points))


def _around(image: Image, points: Floats) -> Floats:
    """(3,) mean colour of the skin around the mouth."""
    at = np.clip(points[list(AROUND), :2].astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1))
    size = max(1, round(0.03 * mesh.eye_distance(points)))
    patches = [image[max(0, y - size) : y + size + 1, max(0, x - size) : x + size + 1].reshape(-1, 3) for x, y in at]
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float32)


def _white(image: Image, points: Floats) -> Floats:
    """(3,) 0 … 255: how something white looks in the portrait's light.

    The whites of the eyes say so, but lids shade them; skin in full light is nearly as bright on light faces and darker than
    teeth on dark ones. The brighter of both counts.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE):
        cv2.fillPoly(mask, [points[list(eye), :2].astype(np.int32)], 1)
    eyes, skin = image[mask > 0].astype(np.float32), _around(image, points)
    bright = np.percentile(eyes, 90, axis=0) if len(eyes) else skin
    level = max(float(bright.mean()), LIT_SKIN * float(skin.mean()))
    # Half of the light's tint: eyes and skin are not neutral themselves.
    tint = 0.5 + 0.5 * bright / max(float(bright.mean()), 1.0)
    return np.asarray(np.clip(level * tint, 60, 250), np.float32)
