"""How far eyes and lips are open, read from MediaPipe's contours as the retargeting networks want it.

The networks were trained on ratios of distances between 203 landmarks (KwaiVGI/LivePortrait at 1986663,
src/utils/retargeting_utils.py): lid to lid over corner to corner of an eye, inner lip to inner lip over the lips' corners.
The landmarks here stand in the same places; a ratio does not depend on size, place or the crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heads.base import Floats

EYES = ((159, 145, 33, 133), (386, 374, 362, 263))
"""For the eye at the left of the picture (the subject's right) and the other one: middle of the upper and of the lower lid, and
two corners. They stand in for 6, 18, 0, 12 and 30, 42, 24, 36 of the 203."""

LIPS = (13, 14, 61, 291)
"""Middle of the inner upper and inner lower lip, and the outer corners: for 90, 102, 48, 66."""

NEARLY = 1e-6
"""Added to the length that is divided by, as the original does."""


def ratio(points: NDArray[np.floating], places: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """|a - b| / |c - d| in the picture, for (…, N, 2 or 3) landmarks and the indices a, b, c, d: (…)."""
    a, b, c, d = (np.asarray(points[..., place, :2], np.float64) for place in places)
    return np.asarray(np.linalg.norm(a - b, axis=-1) / (np.linalg.norm(c - d, axis=-1) + NEARLY))


def openings(points: NDArray[np.floating]) -> Floats:
    """How far two eyes and the lips are open: (…, 478, 3) landmarks to (…, 3) float32."""
    return np.stack([ratio(points, EYES[0]), ratio(points, EYES[1]), ratio(points, LIPS)], -1).astype(np.float32)


def wanted(portrait: Floats, driver: Floats, neutral: Floats | None) -> Floats:
    """How far eyes and lips of the portrait shall be open: (2,) float32, both eyes, lips.

    The original hands over the driver's own ratios, of the eyes that of the first alone. So it is done when the driver's face
    replaces the portrait's. Where his changes are added to a portrait, his neutral face must give the portrait: its lids follow
    in proportion, so that closed is closed and narrow eyes stay narrow; its lips by as much as his part from where they rested.

    Args:
        portrait: (3,) of `openings`.
        driver: (3,) in this frame.
        neutral: (3,) at rest; None where the driver's face replaces the portrait's.
    """
    if neutral is None:
        return np.array([driver[0], driver[2]], np.float32)
    eyes = float(portrait[:2].mean()) * float(driver[:2].mean()) / max(float(neutral[:2].mean()), NEARLY)
    return np.array([eyes, max(0.0, float(portrait[2]) + float(driver[2]) - float(neutral[2]))], np.float32)
