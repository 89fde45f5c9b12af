"""The inside of the mouth: the portrait's own when it shows it, the driver's when his picture is given, else teeth.

The lips are the portrait's and are drawn by the mesh; this fills the opening between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import headmodel, mesh, rigid
from heads.base import Cue, Floats, Image, Portrait
from heads.warp import raster, teeth
from heads.warp.eyes import ramp
from heads.warp.transfer import Placed

_JAW = mesh.SHAPE["jawOpen"]
_SMILE = [mesh.SHAPE["mouthSmileLeft"], mesh.SHAPE["mouthSmileRight"]]
_DRAWN = [mesh.SHAPE["mouthLowerDownLeft"], mesh.SHAPE["mouthLowerDownRight"]]
_ROUND = [mesh.SHAPE["mouthPucker"], mesh.SHAPE["mouthFunnel"]]

JAW_CERTAIN = 0.5
"""Rise of the jaw's blendshape from which the chin's landmark is believed whole."""

STRETCH = (1.5, 2.3)
"""Opening over a portrait's own from which, and up to which, what it shows inside gives way: stretched teeth are seen. With
several portraits (`heads.warp.fusion`) of an eye as well."""

PARTING = 0.012
"""Rise of the gap of closed lips, in distances between the outer eye corners, over which what lies behind appears: 1 mm."""

AROUND = (164, 165, 391, 18, 83, 313, 92, 322, 106, 335)
"""Landmarks of the skin around the lips, where the light on the mouth is read."""

TONGUE = np.array([0.92, 0.55, 0.53], np.float32)
PALATE = np.array([0.46, 0.25, 0.25], np.float32)
THROAT = np.array([0.34, 0.17, 0.17], np.float32)
"""Colours as shares of the light."""

SHOWN = 0.056
"""How far the upper incisors' edge lies below the line between closed lips, in distances between the outer eye corners: 2 to 4
mm show when the lips part (Vig and Brundo, "The kinetics of anterior tooth display", J. Prosthet. Dent. 39, 1978), one more of
those whose teeth are seen in six clips."""

RAISED = 0.03
"""How much further below it that edge lies in a portrait with a full smile of closed lips, which draws the line up."""

LOWER_SHOWN = (0.008, 0.030, 0.10)
"""Most of the lower incisors that shows above the lower lip, in the same unit: with lips just apart, with the jaw wide open
(2.9 mm: it takes the lip along), and where the blendshape says that the lip is drawn down as far as can be."""

DRAWN = 0.6
"""Weight of that blendshape at which it is."""

OPEN_JAW = 0.25
"""Gap of the lips, in the same unit, at which the jaw counts as wide open."""

TONGUE_TOP = (0.45, 0.40)
"""How far down the opening the tongue's back lies, as a share of its height, with lips just apart and wide open."""

VIVID = 0.25
"""Saturation of skin around the mouth from which a portrait counts as coloured: faces of all tones have 0.25 to 0.6."""

LIT_SKIN = 1.45
"""Brightness of teeth over that of light skin beside them, in photographs (looked at: six clips of people who smile)."""

OVERBITE = 0.022
"""How far the upper incisors cover the lower ones in a closed bite, in the same unit: 2 mm (Nelson, 2015)."""

SUPERSAMPLE = 2
"""Teeth are painted this many times finer than the frame and averaged."""

ROUNDED = (0.2, 0.5)
"""Weight of the blendshapes that push the lips forward, between which the teeth behind them are lost in the dark."""

HIDDEN = 0.75
"""Share of them that is: such lips stand before them like a tube (looked at: a child's "oh")."""

LIP_SHADE = 0.02
"""How far down the upper lip's shadow reaches, in distances between the outer eye corners."""

MIDDLE = teeth.STEPS // 2
"""Vertex in the middle of the lower row's edge."""

TINTED = (0.9, 1.1)
"""Limits of that light's colour over its grey: glasses reflect green, a beam of the sun is no more yellow."""

GAIN = (0.4, 2.2)
"""Limits of the colour gain from the driver's mouth to the portrait's light."""


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Where the teeth stand in the 3-D head, in its units, with the landmarks they are placed by."""

    edge: Floats
    """(3,) the middle of the upper incisors' edge: x right, y down, z away."""
    landmarks: Floats
    """(478, 3) of the same head."""
    jaw: Floats
    """(3,) how far the lower teeth go when the jaw opens as far as it can."""

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take the places of the teeth out of the arrays of `headmodel.safetensors`."""
        model = headmodel.HeadModel.from_arrays(arrays)
        upper = model.mean[model.vertex_part == headmodel.UPPER_TEETH]
        edge = np.array([0, upper[:, 1].max(), upper[:, 2].min()], np.float32)
        jaw = model.units[_JAW][model.vertex_part == headmodel.LOWER_TEETH].mean(0)
        return cls(edge, model.landmark_mean, jaw)

    @classmethod
    def tiny(cls, seed: int) -> Self:
        """Teeth behind random landmarks, for tests."""
        landmarks = np.random.default_rng(seed).normal(size=(478, 3), scale=0.4).astype(np.float32)
        return cls(np.array([0, 0.8, -0.2], np.float32), landmarks, np.array([0, 0.2, 0.1], np.float32))


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
        bite: of the 3-D head.
        first: the portrait that is animated; what others show of the mouth is laid over it later (`heads.warp.fusion`).
        neutral: the driver's neutral frame.
    """

    def __init__(self, bite: Teeth, first: Portrait, neutral: Cue) -> None:
        self._points = first.face.points
        self._iod = mesh.eye_distance(self._points)
        self._own = mesh.mouth_gap(self._points)
        self._smile = float(np.mean(first.face.expression[_SMILE]))
        self._light = _around(first.image, self._points)
        self._white = _white(first.image, self._points)
        self._vivid = min(1.0, _saturation(self._light) / VIVID)
        self._round_rest = neutral.expression[_ROUND]
        self._jaw, self._jaw_rest = bite.jaw * self._iod, float(neutral.expression[_JAW])
        self._upper, self._lower = self._rows(bite)

    def _rows(self, bite: Teeth) -> tuple[Floats, Floats]:
        """Upper and lower row (V, 3) in the portrait's pixels: the 3-D head laid over the face, then moved onto its mouth."""
        over = rigid.fit_face(bite.landmarks, self._points)
        lips, model_lips = self._points[[61, 291]], over.apply(bite.landmarks[[61, 291]])
        width = np.linalg.norm(lips[0] - lips[1]) / max(1e-6, float(np.linalg.norm(model_lips[0] - model_lips[1])))
        upper, lower = self._points[13], self._points[14]
        # Between closed lips; from open ones the upper one says where the teeth are.
        line = upper + 0.5 * min(1.0, mesh.SHOWS_MOUTH / max(self._own, 1e-6)) * (lower - upper)
        depth = bite.edge[2] - bite.landmarks[[13, 14], 2].mean()
        wide = np.array([np.clip(width, 0.85, 1.2), 1, 1])
        shown, rows = SHOWN + RAISED * self._smile * (self._own < mesh.SHOWS_MOUTH), []
        for row, edge in ((teeth.row(True), (0, shown, depth)), (teeth.row(False), (0, shown - OVERBITE, depth + OVERBITE))):
            rows.append(line + over.scale * (row.vertices * wide + np.array(edge)) @ over.rotation.T)
        return rows[0].astype(np.float32), rows[1].astype(np.float32)

    def fill(self, patch: Image, kind: Floats, placed: Placed, cue: Cue, origin: tuple[int, int]) -> None:
        """Paint the inside of the mouth into `patch` (h, w, 3), in place.

        Args:
            patch: the frame's pixels of a box.
            kind: (h, w) float32, what is drawn there (`raster.Maps.kind`): 1 between the lips.
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
        mask = np.asarray(cv2.GaussianBlur(raster.openings(kind[window]), (0, 0), 0.9), np.float32)
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

    def _rounded(self, cue: Cue) -> float:
        """0 … 1: how far the lips are pushed forward, beyond the neutral frame's."""
        return ramp(float(np.max(cue.expression[_ROUND] - 0.5 * self._round_rest)), *ROUNDED)

    def _modelled(self, mask: Floats, placed: Placed, cue: Cue, box: tuple[int, int, int, int]) -> Image:
        """Teeth and tongue in the portrait's light, before a dark throat."""
        opened = float(np.clip(mesh.mouth_gap(placed.points) / OPEN_JAW, 0, 1))
        down = placed.skull.rotation @ np.array([0.0, 1.0, 0.0])
        lower = placed.skull.apply(self._lower) + self._lowered(placed, cue)
        edge = lower[MIDDLE].astype(np.float64)
        shown = float((placed.points[14] - edge)[:2] @ down[:2])
        drawn = min(1.0, float(np.mean(cue.expression[_DRAWN])) / DRAWN)
        closed, wide, bared = LOWER_SHOWN
        most = closed + opened * (wide - closed)
        most = (most + drawn * (bared - most)) * self._iod * float(placed.skull.scale)
        lower += max(0.0, shown - most) * down
        colour = _throat(placed.points, opened, box)
        clear = 1 - HIDDEN * self._rounded(cue)
        for row, vertices in ((teeth.row(False), lower), (teeth.row(True), placed.skull.apply(self._upper))):
            places = raster.draw(vertices.astype(np.float32), row.values, row.triangles, box, float(SUPERSAMPLE))
            column, line = (np.ascontiguousarray(places[..., i]) for i in (0, 1))
            fine = cv2.remap(row.atlas, column, line, cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT)
            seen = np.asarray(cv2.resize(fine, box[2:], interpolation=cv2.INTER_AREA), np.float32)
            cover = clear * seen[..., 3:]
            colour = colour * (1 - cover) + seen[..., :3] * cover
        # The upper lip shades what lies right behind it: the shifted opening is what it leaves in the light.
        depth = max(0.8, LIP_SHADE * self._iod)
        fallen = cv2.warpAffine(mask, np.array([[1, 0, 0], [0, 1, depth]]), box[2:], borderMode=cv2.BORDER_REPLICATE)
        shade = np.clip(0.6 + 0.4 * cv2.GaussianBlur(fallen, (0, 0), depth), 0.6, 1)[..., None]
        return np.asarray(np.clip(_muted(colour * shade * self._white, self._vivid), 0, 255), np.uint8)


def _throat(points: Floats, opened: float, box: tuple[int, int, int, int]) -> Floats:
    """(h, w, 3) shares of the light over a box of the frame: palate, throat and tongue between lips that are `opened` 0 … 1."""
    left, right, top = points[78, :2], points[308, :2], points[13, :2]
    half = max(1.0, float(np.linalg.norm(right - left)) / 2)
    across = (right - left) / (2 * half)
    down = np.array([-across[1], across[0]])
    height = max(1.0, float((points[14, :2] - top) @ down))
    x, y = np.arange(box[2]) + box[0] + 0.5, (np.arange(box[3]) + box[1] + 0.5)[:, None]
    u = ((x - (left + right)[0] / 2) * across[0] + (y - (left + right)[1] / 2) * across[1]) / half
    v = ((x - top[0]) * down[0] + (y - top[1]) * down[1]) / height
    # The tongue's back is a low arch; its tip lies behind the lower teeth, in the light.
    back = TONGUE_TOP[0] + opened * (TONGUE_TOP[1] - TONGUE_TOP[0]) + 0.22 * u**2
    tongue = np.clip((v - back) / 0.16 + 0.5, 0, 1)
    tongue = (tongue * tongue * (3 - 2 * tongue))[..., None]
    light = (0.50 + 0.50 * np.clip((v - back) / np.maximum(1 - back, 0.2), 0, 1)) * (1 - 0.35 * np.abs(u) ** 3)
    light = light * (1 - 0.10 * np.exp(-((u / 0.07) ** 2)))
    deep = np.clip(v / 0.45, 0, 1)[..., None]
    behind = PALATE * (1 - deep) + THROAT * deep
    return np.asarray((1 - tongue) * behind + tongue * TONGUE * np.clip(light, 0.2, 1)[..., None], np.float32)


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
    tint = 0.5 + 0.5 * np.clip(bright / max(float(bright.mean()), 1.0), *TINTED)
    return np.asarray(np.clip(level * tint, 60, 250), np.float32)
