"""The head's rotation from its landmarks: a similarity fit to MediaPipe's canonical face.

MediaPipe's own transformation matrix assumes one camera (63 degrees, axis through the middle of the picture), so the same face
reads 7 degrees of yaw and 5 of pitch differently in another corner or another crop of a picture. Fitted without
perspective, the pose depends on the landmarks alone, and is the same in every crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heads import rigid
from heads.base import Floats

_CANONICAL = np.array((
    (4, 0.0000, 0.4632, -7.5866, 0.07091),
    (6, 0.0000, -2.4733, -5.7886, 0.03210),
    (10, 0.0000, -8.2618, -4.4815, 0.00845),
    (33, -4.4459, -2.6640, -3.1734, 0.05872),
    (54, -6.2793, -6.6154, -1.4259, 0.00767),
    (67, -3.5240, -8.0060, -3.7292, 0.00908),
    (117, -5.2587, -0.9458, -2.9743, 0.00979),
    (119, -3.3007, -0.8616, -3.8728, 0.01457),
    (121, -1.8207, -1.4680, -4.2241, 0.01859),
    (127, -7.7431, -2.3650, 2.0052, 0.00520),
    (129, -1.7858, 0.9783, -4.8505, 0.12063),
    (132, -7.2709, 2.8909, 2.2525, 0.00556),
    (133, -1.8564, -2.5852, -3.7579, 0.05329),
    (136, -5.0853, 7.1786, -0.7147, 0.06689),
    (143, -6.4076, -2.2360, -1.5608, 0.01482),
    (147, -6.2349, 1.9444, -1.6635, 0.01426),
    (198, -1.2468, -0.2303, -5.6810, 0.02546),
    (205, -3.8329, 1.5373, -4.1377, 0.04725),
    (263, 4.4459, -2.6640, -3.1734, 0.05872),
    (284, 6.2793, -6.6154, -1.4259, 0.00767),
    (297, 3.5240, -8.0060, -3.7292, 0.00908),
    (346, 5.2587, -0.9458, -2.9743, 0.00979),
    (348, 3.3007, -0.8616, -3.8728, 0.01457),
    (350, 1.8207, -1.4680, -4.2241, 0.01859),
    (356, 7.7431, -2.3650, 2.0052, 0.00520),
    (358, 1.7858, 0.9783, -4.8505, 0.12063),
    (361, 7.2709, 2.8909, 2.2525, 0.00556),
    (362, 1.8564, -2.5852, -3.7579, 0.05329),
    (365, 5.0853, 7.1786, -0.7147, 0.06689),
    (372, 6.4076, -2.2360, -1.5608, 0.01482),
    (376, 6.2349, 1.9444, -1.6635, 0.01426),
    (420, 1.2468, -0.2303, -5.6810, 0.02546),
    (425, 3.8329, 1.5373, -4.1377, 0.04725),
))  # fmt: skip
"""The 33 landmarks that MediaPipe's geometry pipeline fits the head to: index, x right, y down, z away in centimetres, weight.
Source: `geometry_pipeline_metadata_landmarks.binarypb` inside face_landmarker.task (Apache-2.0), y and z turned to our axes."""

_INDEX = _CANONICAL[:, 0].astype(np.intp)

_YAW = 0.93
_PITCH = (1.08, -1.6)
"""True angle over fitted angle, and degrees added to pitch: what the network exaggerates, falls short of, and takes
for straight ahead. Regression over 168 renderings of 24 random people with known pose (yaw within 30, pitch within 20 degrees);
the mean error of people left out falls from 2.5 to 1.65 degrees, MediaPipe's own matrix has 3 to 4."""


def pose(points: NDArray[np.floating]) -> Floats:
    """Rotation (..., 3, 3) float32, head axes to camera axes, of landmarks (..., 478, 3), z in the scale of x.

    The axes are x right, y down, z away from the viewer; the identity looks straight at the viewer. With the head's
    forward direction `f = pose @ (0, 0, -1)`: f x > 0 looks to the right of the picture, f y > 0 looks down.
    """
    fitted = rigid.fit(_CANONICAL[:, 1:4], np.asarray(points, np.float64)[..., _INDEX, :], _CANONICAL[:, 4])
    yaw, pitch, roll = _split(fitted.rotation)
    return _compose(_YAW * yaw, _PITCH[0] * pitch + np.radians(_PITCH[1]), roll).astype(np.float32)


def angles(rotation: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation (3, 3).

    Yaw > 0 looks to the right of the picture, pitch > 0 looks down, roll > 0 leans clockwise as the viewer sees it:
    `rotation = (roll about z) @ (pitch about x) @ (yaw about -y)`.
    """
    yaw, pitch, roll = (float(np.degrees(angle)) for angle in _split(np.asarray(rotation, np.float64)))
    return yaw, pitch, roll


def _split(r: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Yaw, pitch, roll (...) in radians of rotations (..., 3, 3)."""
    yaw = np.arctan2(r[..., 2, 0], r[..., 2, 2])
    pitch = np.arcsin(np.clip(r[..., 2, 1], -1, 1))
    roll = np.arctan2(-r[..., 0, 1], r[..., 1, 1])
    return yaw, pitch, roll


def _compose(yaw: NDArray[np.float64], pitch: NDArray[np.float64], roll: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (..., 3, 3) of angles (...) in radians, the inverse of `_split`."""
    zero = np.zeros_like(yaw)
    about_y, about_x, about_z = (
        rigid.to_matrix(np.stack(vector, -1)) for vector in ((zero, -yaw, zero), (pitch, zero, zero), (zero, zero, roll))
    )
    return np.asarray(about_z @ about_x @ about_y)
