"""Where the networks look: the square around a portrait's face, and the one in which a driver's face is watched.

The networks were trained on squares that were laid around 106 or 203 landmarks (KwaiVGI/LivePortrait at 1986663,
src/utils/crop.py, src/config/crop_config.py: "U:" below). Those landmarks cover the jaw from ear to ear, brows, eyes, nose and
lips, and leave out the forehead. MediaPipe's 478 reach up to the hair, so that the same factors would give squares that are
too large and too high. Here the extent is taken from those of the 478 that stand where the original's landmarks stand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats

Array = NDArray[np.float64]

JAW = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)
"""The lower part of `mesh.FACE_OVAL`, from the subject's right temple at the height of the eye down to the chin and up to the
left temple: the run of the original's jaw line (108 to 144 of its 203 landmarks)."""

NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 129, 358)
"""Bridge, tip, base and wings: beyond the jaw line only when the head is turned far."""

EXTENT = (*JAW, *mesh.RIGHT_BROW, *mesh.LEFT_BROW, *mesh.RIGHT_EYE, *mesh.LEFT_EYE, *NOSE, *mesh.LIPS_OUTER)
"""The landmarks that the square is laid around."""

EYES = (33, 159, 133, 145, 362, 386, 263, 374)
"""Corners and the middles of the lids of both eyes, whose mean lies between the eyes: the original takes the same places (0, 6,
12, 18 and 24, 30, 36, 42 of 203). The irises would follow the gaze."""

MOUTH = (61, 291)
"""Outer corners of the lips (48 and 66 of 203): their middle stays where it is when the jaw opens."""

SHORTEST = 1e-3
"""Length of the line from eyes to mouth at or below which it says nothing of what is upright (U:src/utils/crop.py)."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How a square is laid around a face."""

    scale: float
    """Its side over the longer side of the face's box, which is measured in the face's own upright."""
    down: float
    """How far its middle lies below that of the box, in sides; negative is towards the forehead."""


SOURCE = Margin(2.3, -0.125)
"""Around a portrait's face; the square leans with the face (U:src/config/crop_config.py)."""

DRIVING = Margin(2.2, -0.1)
"""Around a driver's; the square stands straight, whichever way the head leans (same)."""


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """Squares in pictures, N of them."""

    middle: Array
    """(N, 2) pixels."""
    side: Array
    """(N,) pixels."""
    across: Array
    """(N, 2) unit vector from the face's right to its left, as seen in the picture."""
    upright: Array
    """(N, 2) unit vector from the eyes to the mouth, at right angles to `across`."""


def squares(points: NDArray[np.floating], eyes: NDArray[np.floating], mouth: NDArray[np.floating], margin: Margin) -> Squares:
    """The squares around N faces (U:src/utils/crop.py, parse_rect_from_landmark).

    Args:
        points: (N, K, 2) landmarks to lay them around, any unit.
        eyes: (N, 2) the middle between the eyes.
        mouth: (N, 2) the middle of the mouth.
        margin: how much room is left.
    """
    points, line = np.asarray(points, np.float64), np.asarray(mouth, np.float64) - np.asarray(eyes, np.float64)
    length = np.linalg.norm(line, axis=1, keepdims=True)
    upright = np.where(length > SHORTEST, line / np.maximum(length, SHORTEST), (0.0, 1.0))
    across = np.stack([upright[:, 1], -upright[:, 0]], 1)
    mean = points.mean(1)
    within = (points - mean[:, None]) @ np.stack([across, upright], 2)
    low, high = within.min(1), within.max(1)
    side = margin.scale * (high - low).max(1)
    offset = (low + high) / 2 + np.stack([np.zeros_like(side), margin.down * side], 1)
    middle = mean + offset[:, :1] * across + offset[:, 1:] * upright
    return Squares(middle, side, across, upright)


def _around(points: NDArray[np.floating], margin: Margin) -> Squares:
    flat = np.asarray(points, np.float64)[..., :2]
    return squares(flat[:, list(EXTENT)], flat[:, list(EYES)].mean(1), flat[:, list(MOUTH)].mean(1), margin)


def portrait(points: NDArray[np.floating]) -> Floats:
    """The crop of a portrait: similarity (2, 3) float32 from pixels to the unit crop (`heads.paste`); mouth below the eyes.

    Args:
        points: (478, 3) landmarks, pixels.
    """
    return to_unit(_around(points[None], SOURCE))


def to_unit(square: Squares) -> Floats:
    """The similarity (2, 3) float32 from pixels to the unit crop of the first of some squares, which lean with their faces."""
    turn = np.stack([square.across[0], square.upright[0]]) / square.side[0]
    return np.column_stack([turn, 0.5 - turn @ square.middle[0]]).astype(np.float32)


def boxes(points: NDArray[np.floating]) -> Floats:
    """Where a driver's face would be watched in N frames: (N, 4) float32 left, top, right, bottom, pixels; squares.

    The original averages them over a clip and cuts every frame there (U:src/utils/cropper.py): a square that followed the face
    would take its movement through the picture away, and add the tracker's jitter.

    Args:
        points: (N, 478, 3) landmarks, pixels of the frames.
    """
    square = _around(points, DRIVING)
    half = square.side[:, None] / 2
    return np.concatenate([square.middle - half, square.middle + half], 1).astype(np.float32)
