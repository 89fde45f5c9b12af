"""Whether two portraits show one person: how the face is built, and what is seen on it.

No network that knows faces is at hand, so this is told by what lies open: where brows, eyes and nose stand once the heads are
laid over each other, and the pattern of the skin once the pictures are registered and freed of their light. It tells most
strangers from one person in two moods, lamps or poses, and is sure only of clear cases; it keeps nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from heads import mesh, rigid
from heads.base import Floats, Image, Portrait
from heads.register import BLACK, Registration

COMPARED = 320.0
"""Pixels of face height to which portraits are made smaller before they are compared: registration sees fewer."""

EVEN = 0.05
"""Window of the surroundings against which places are compared in other light, in the same unit: of 0.04 to 0.2 the best on
rendered people under three sets of lamps, whose landmarks were moved by 2 % of the eyes' distance (1.2 % were left; 2.2 % when
they were compared as they are)."""

UNEVEN, FLAT = 60.0, 10.0
"""Levels per natural logarithm of brightness there; contrast in them below which a place is flat."""

SHAPE = 6.0
"""What one distance between the outer eye corners by which landmarks differ (root mean square) counts, against a correlation
that falls from 1 to 0."""

DOUBTFUL, OTHER = 0.8, 1.15
"""Unlikeness from which two portraits may show two people, and from which they surely do. Of 1398 pairs of one person's
portraits (6 clips, 5 pictures and 24 rendered people in other moods, poses, lamps, sizes and colours) 5 % were above the first,
nearly all of them rendered people who laugh or shout as far as anybody can, and none above 1.06; of 1968 pairs of strangers
86 % and 17 % were."""

_BUILD = sorted({*mesh.STABLE, *mesh.FACE_OVAL, *mesh.RIGHT_BROW, *mesh.LEFT_BROW} - {*mesh.FACE_OVAL[13:24]})
"""Landmarks that tell how a face is built: all but the chin's, which the jaw moves."""


class Likeness:
    """Compares portraits with one of them.

    Args:
        portrait: the one.
    """

    def __init__(self, portrait: Portrait) -> None:
        image, points, _ = smaller(portrait)
        self._points = points
        self._register = Registration(even(image, points), points)

    def unlike(self, other: Portrait) -> float:
        """How unlike another portrait is, at least 0: 0 for the same picture; see `DOUBTFUL` and `OTHER`."""
        image, points, _ = smaller(other)
        skull = rigid.fit_face(self._points, points)
        apart = skull.undo(points.astype(np.float64))[_BUILD, :2] - self._points[_BUILD, :2]
        build = float(np.sqrt((apart**2).sum(1).mean())) / mesh.eye_distance(self._points)
        return max(0.0, 1 - self._register.alike(even(image, points), points)) + SHAPE * build


def unlikeness(portraits: Sequence[Portrait]) -> list[float]:
    """How unlike each portrait is to the nearest of those that show the first one's person; 0 for the first.

    A portrait that differs from the first, but hardly from another one that does not, is that person too: in another mood.
    """
    known = [Likeness(portraits[0])]
    out = [0.0] * len(portraits)
    open_questions = []
    for index, portrait in enumerate(portraits[1:], 1):
        out[index] = known[0].unlike(portrait)
        if out[index] < DOUBTFUL:
            known.append(Likeness(portrait))
        else:
            open_questions.append(index)
    for index in open_questions:
        own = Likeness(portraits[index])
        # It looks from either side, as one of them may show what the other hides.
        out[index] = min(out[index], own.unlike(portraits[0]), *(one.unlike(portraits[index]) for one in known))
    return out


def even(image: Image, points: Floats) -> Image:
    """A picture (h, w, 3) without its light: how each place stands out from its surroundings, in units of their contrast."""
    window = EVEN * mesh.eye_distance(points)
    grey = UNEVEN * np.log(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) + BLACK)
    out = grey - cv2.GaussianBlur(grey, (0, 0), window)
    contrast = np.sqrt(cv2.GaussianBlur(out * out, (0, 0), 1.5 * window) + np.float32(FLAT**2))
    level = np.clip(np.rint(128 + 12 * out / contrast), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(level, cv2.COLOR_GRAY2RGB), np.uint8)


def smaller(portrait: Portrait) -> tuple[Image, Floats, float]:
    """A portrait and its landmarks at the size at which they are compared, and the factor on lengths."""
    height = float(np.ptp(portrait.face.points[:, 1]))
    factor = min(1.0, COMPARED / max(height, 1.0))
    if factor == 1:
        return portrait.image, portrait.face.points, 1.0
    small = cv2.resize(portrait.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), portrait.face.points * np.float32(factor), factor
