"""How near each portrait of a person is to what a frame shows, part of the face by part: in shape, pose and expression.

What a portrait shows is right for a frame as far as the face is alike there. From the distances follow weights by which the
portraits' texels are mixed: the inverse distance weights of D. Shepard, "A two-dimensional interpolation function for
irregularly-spaced data", ACM National Conference, 1968. They are continuous, so nothing pops, and depend on the frame alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from heads import mesh, rigid
from heads.base import Floats
from heads.warp import atlas as sheet
from heads.warp.atlas import Atlas

SKIN_UNITS = (0.015, 0.05, 0.3)
"""What counts as one step of distance: root mean square distance of landmarks in distances between the outer eye corners (1.4
mm), turn of the head in radians (3 degrees), difference of blendshapes. With the two below and `SPREAD` of some forty settings
the best of six clips, of which 2, 8 and 16 frames were given; none of them matters by a third."""

MOUTH_UNITS = (0.022, 9.0, 0.6)
"""The same between the lips: what a turned head shows there is little else than what a frontal one does."""

EYE_UNITS = (0.01, 1.0, 0.25)
"""The same between the lids."""

SPREAD = 0.3
"""Square of a distance below which nearer portraits weigh hardly more: about what registration leaves."""

REST = 0.05
"""The same for the first portrait, whose frame is itself where nothing moves."""

POWER = 1.25
"""Of the squares, by which weights fall: a larger one is a quicker change from one portrait to the next, and no nearer to the
truth."""

POWER_MOUTH, POWER_EYES = 5.0, 1.5
"""The same between the lips and between the lids: two rows of teeth that lie over each other are seen as that, also where their
mean is nearer to the truth."""

MOST = 3
"""Portraits that are mixed in one part of the face, at most."""

LEAST = 0.15
"""Weight over the largest one at which a portrait is left out."""

ENOUGH = 4
"""Portraits besides the first that are mixed in a whole frame, at most: with three it is 0.08 dB less, with any 0.02 more, and
each takes a millisecond."""

WIDTH = 0.175
"""Softness of the border between two parts of the skin, in distances between the outer eye corners."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the face that takes its texels by itself."""

    middle: tuple[int, ...]
    """Landmarks that it lies around; empty for rings, mouth and eyes, which have their own place on the sheet."""
    points: tuple[int, ...]
    """Landmarks whose shape says how alike two faces are there."""
    shapes: tuple[str, ...]
    """Blendshapes that do."""
    units: tuple[float, float, float] = SKIN_UNITS


def _sided(names: Sequence[str], side: str) -> tuple[str, ...]:
    return tuple(name + side for name in names)


_LIPS = (
    "jawOpen", "mouthPucker", "mouthFunnel", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(name + side for side in ("Left", "Right") for name in (
        "mouthSmile", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPress")),
)  # fmt: skip
_LIDS = ("eyeBlink", "eyeSquint", "eyeWide", "eyeLookDown")
_BROW = ("browDown", "browOuterUp")
_CHEEK = ("mouthSmile", "cheekSquint", "mouthStretch")
_GAZE = ("eyeLookUp", "eyeLookIn", "eyeLookOut")
_OPEN = ("jawOpen", "mouthPucker", "mouthFunnel")

REGIONS = (
    Region((33, 133, 159, 145, 105), mesh.RIGHT_EYE + mesh.RIGHT_BROW, _sided((*_LIDS, *_BROW), "Right")),
    Region((263, 362, 386, 374, 334), mesh.LEFT_EYE + mesh.LEFT_BROW, _sided((*_LIDS, *_BROW), "Left")),
    Region((61, 291, 0, 17, 152, 199), mesh.LIPS_OUTER + mesh.LIPS_INNER + (152, 148, 377, 18, 200, 199), _LIPS),
    Region(
        (151, 10, 9, 67, 297),
        mesh.RIGHT_BROW + mesh.LEFT_BROW + (9, 8, 151, 108, 337),
        ("browInnerUp", *_sided(_BROW, "Left"), *_sided(_BROW, "Right")),
    ),
    Region(
        (1, 4, 5, 195, 6),
        (1, 2, 4, 5, 195, 98, 327, 129, 358, 49, 279, 61, 291),
        ("noseSneerLeft", "noseSneerRight", "mouthSmileLeft", "mouthSmileRight"),
    ),
    Region((50, 205, 187, 123, 147), (50, 205, 36, 101, 187, 207, 216, 61, 146, 91, 206), (*_OPEN, *_sided(_CHEEK, "Right"))),
    Region(
        (280, 425, 411, 352, 376), (280, 425, 266, 330, 411, 427, 436, 291, 375, 321, 426), (*_OPEN, *_sided(_CHEEK, "Left"))
    ),
    Region((), mesh.FACE_OVAL, ("jawOpen",)),
    Region((), (*mesh.LIPS_INNER, 152), _LIPS, MOUTH_UNITS),
    Region((), (*mesh.RIGHT_EYE, mesh.RIGHT_IRIS[0]), _sided((*_LIDS, *_GAZE), "Right"), EYE_UNITS),
    Region((), (*mesh.LEFT_EYE, mesh.LEFT_IRIS[0]), _sided((*_LIDS, *_GAZE), "Left"), EYE_UNITS),
)
"""Eyes with brows, mouth with chin, forehead, nose, cheeks; what is around the face; between lips and lids."""

LIDS, AROUND, MOUTH, EYES = (0, 1), 7, 8, (9, 10)
"""Their indices."""

POWERS = np.full((len(REGIONS), 1), POWER, np.float32)
POWERS[[MOUTH, *EYES], 0] = POWER_MOUTH, POWER_EYES, POWER_EYES
"""Of every region."""


class Nearness:
    """Weights of several portraits of one person.

    Args:
        points: (K, 478, 3) registered landmarks, pixels of each portrait; the first one gives the frames their geometry.
        expression: (K, 52) blendshapes.
    """

    def __init__(self, points: Floats, expression: Floats) -> None:
        self._rest, self._iod = points[0], mesh.eye_distance(points[0])
        known = [self._read(one) for one in points]
        self._turns = np.array([turn for _, turn in known])
        self._faces = [np.array([face[list(region.points)] for face, _ in known]) for region in REGIONS]
        self._index = [[mesh.SHAPE[name] for name in region.shapes] for region in REGIONS]
        self._shapes = [expression[:, index] for index in self._index]

    def _read(self, points: Floats) -> tuple[Floats, rigid.Array]:
        """(478, 2) how each landmark differs from the first portrait's when the skull is laid over its, and the turn (3,)."""
        skull = rigid.fit_face(self._rest, points)
        face = (skull.undo(points.astype(np.float64)) - self._rest) / self._iod
        return face[:, :2].astype(np.float32), rigid.to_vector(skull.rotation)

    def squares(self, points: Floats, expression: Floats) -> Floats:
        """(regions, K) float32: squares of the distances from a face to every portrait.

        Args:
            points: (478, 3) landmarks, pixels of the first portrait's frame.
            expression: (52,) blendshapes.
        """
        face, turn = self._read(points)
        angle = np.sum((self._turns - turn) ** 2, axis=1)
        rows = []
        for region, faces, index, shapes in zip(REGIONS, self._faces, self._index, self._shapes, strict=True):
            shape = np.sum((faces - face[list(region.points)]) ** 2, axis=(1, 2)) / len(region.points)
            mood = np.sum((shapes - expression[index]) ** 2, axis=1)
            a, b, c = region.units
            rows.append(shape / a**2 + angle / b**2 + mood / c**2)
        return np.asarray(rows, np.float32)


def weights(squares: Floats, worth: Floats, power: Floats | float = POWER) -> Floats:
    """(regions, K) float32, each row adds up to 1: how much of each portrait is taken; most of them 0.

    Args:
        squares: (regions, K) from `Nearness.squares`.
        worth: (regions, K) at least 0, what each portrait can show there: 0 takes it out. The first one is what remains.
        power: (regions, 1), see `POWER`.
    """
    count = squares.shape[1]
    near = worth / (squares + np.where(np.arange(count) == 0, REST, SPREAD)) ** power
    top = near.max(1, keepdims=True)
    floor = LEAST * top
    if count > MOST:
        # What the next one would weigh is taken from all: who enters or leaves the mixture does so at zero. Not quite all of
        # it, so that portraits of the same distance share the place.
        following = np.sort(near, axis=1)[:, [count - 1 - MOST]]
        floor = np.maximum(floor, 0.98 * following)
    share = _evened(np.maximum(near - floor, 0))
    if count > ENOUGH + 1:
        # Likewise for the frame as a whole.
        total = share[:, 1:].sum(0)
        following = 0.98 * np.sort(total)[-1 - ENOUGH]
        share[:, 1:] *= np.maximum(total - following, 0) / np.maximum(total, 1e-6)
    return _evened(share)


def _evened(kept: Floats) -> Floats:
    """Weights (regions, K) with rows that add up to 1; where there are none the first portrait has all."""
    total = kept.sum(1, keepdims=True)
    nobody = np.zeros_like(kept)
    nobody[:, 0] = 1
    return np.asarray(np.where(total > 1e-9, kept / np.maximum(total, 1e-9), nobody), np.float32)


def masks(atlas: Atlas, step: int) -> Floats:
    """(regions, h, w) float32: each region's share of every `step`-th pixel of the sheet; they add up to 1 everywhere."""
    places = atlas.places
    rows, columns = (sheet.SIDE + sheet.BELOW) // step, sheet.SIDE // step
    y, x = (np.mgrid[:rows, :columns] + 0.5) * step
    iod = float(np.linalg.norm(places[33] - places[263]))
    skin = [i for i, region in enumerate(REGIONS) if region.middle]
    score = np.stack(
        [-np.min([(x - places[v, 0]) ** 2 + (y - places[v, 1]) ** 2 for v in REGIONS[i].middle], axis=0) for i in skin]
    ) / (2 * (WIDTH * iod) ** 2)
    share = np.exp(score - score.max(0))
    out = np.zeros((len(REGIONS), rows, columns), np.float32)
    out[skin] = share / share.sum(0)
    ring = np.zeros((len(places), 1), np.float32)
    ring[mesh.SURFACE : atlas.skin] = 1
    around = atlas.laid(ring)[step // 2 :: step, step // 2 :: step, 0]
    out *= 1 - around
    out[AROUND] = around
    below = np.flatnonzero(y[:, 0] > sheet.SIDE)[0]
    out[:, below:] = 0
    bounds = [0, *sheet.borders(step), columns]
    for index, (left, right) in zip((MOUTH, *EYES), pairwise(bounds), strict=True):
        out[index, below:, left:right] = 1
    return out
