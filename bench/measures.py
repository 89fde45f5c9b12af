"""What is measured: likeness of pictures, distance of faces, how two performances go together, how still a background stays."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Image

STIRS = 0.03
"""Standard deviation of a blendshape weight below which a driver is said not to use it: correlation would be that of noise."""

CLOSED_LIDS = 0.5
"""MediaPipe's eyeBlink from which an eye counts as closed."""
CLOSED_LIPS = 0.03
"""Gap of the lips, in distances between the outer eye corners, up to which a mouth counts as closed: 3 mm."""
SLACK = 0.7
"""Lids that close in the driver count as closed in the result from this share of the driver's weight on; lips up to the gap
above over it."""

LASTS = 2
"""Frames from which closed lids or lips are no accident of a threshold."""

FEW = 0.01
"""Share of the picture below which there is no background to speak of."""

Box = tuple[slice, slice]


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB; 138 where nothing differs."""
    error = float(((one.astype(np.float32) - other) ** 2).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ssim_map(one: Image, other: Image) -> Floats:
    """(H, W, 3) structural similarity, window of 7 pixels in each colour (Wang et al., "Image quality assessment", IEEE TIP
    13(4), 2004, with the settings that scikit-image takes by default).
    """
    from skimage.metrics import structural_similarity

    return np.asarray(structural_similarity(one, other, channel_axis=2, full=True)[1], np.float32)


def ssim(one: Image, other: Image) -> float:
    """The mean of that map without its rim of three pixels, as scikit-image takes it."""
    return float(ssim_map(one, other)[3:-3, 3:-3].mean(dtype=np.float64))


def face_box(points: Floats) -> Box:
    """The box of the landmarks (478, 3), pixels, not padded, cut at the picture's edge."""
    low = np.maximum(np.floor(points[:, :2].min(0)).astype(int), 0)
    high = np.maximum(np.ceil(points[:, :2].max(0)).astype(int), low + 1)
    return np.s_[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]


def landmark_distance(one: Floats, other: Floats) -> Floats:
    """Mean distance of landmarks (T, 478, 3) in the picture's plane, percent of the distance between the outer eye corners.

    The irises' centres are counted as they are; the yardstick is that of `other`, frame by frame. Returns (T,).
    """
    apart = np.linalg.norm((one - other)[..., :2], axis=-1).mean(-1)
    return np.asarray(100 * apart / _eyes(other), np.float32)


def _eyes(points: Floats) -> NDArray[np.floating]:
    """(T,) distance between the outer eye corners in three dimensions, so that a turned head has no smaller one."""
    return np.asarray(np.linalg.norm(points[..., 33, :] - points[..., 263, :], axis=-1))


def pose_error(one: Floats, other: Floats) -> Floats:
    """(T,) angle in degrees between rotations (T, 3, 3)."""
    cosine = (np.einsum("tij,tij->t", one, other) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.float32)


def blendshape_distance(one: Floats, other: Floats) -> Floats:
    """(T,) mean absolute difference of the 51 weights beside MediaPipe's rest weight, times 100."""
    return np.asarray(100 * np.abs(one - other)[:, 1:].mean(-1), np.float32)


def correlation(one: NDArray[np.floating], other: NDArray[np.floating], least: float = STIRS) -> float | None:
    """Pearson's correlation of two signals (T, ...), all columns taken together about their own means.

    None where `other`, the driver, stirs less than `least` (standard deviation): there is nothing to follow.
    """
    a = (one - one.mean(0)).ravel()
    b = (other - other.mean(0)).ravel()
    if b.std() < least:
        return None
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def blink(expression: Floats) -> Floats:
    """(T, 2) how far the left and the right eye are closed, of blendshape weights (T, 52)."""
    return np.asarray(expression[:, [mesh.SHAPE["eyeBlinkLeft"], mesh.SHAPE["eyeBlinkRight"]]], np.float32)


def jaw(expression: Floats) -> Floats:
    """(T, 1) how far the jaw is open."""
    return np.asarray(expression[:, [mesh.SHAPE["jawOpen"]]], np.float32)


def gaze(points: Floats) -> Floats:
    """(T, 2) where the irises stand between the corners of their eyes, to picture right and down, in eye widths, of both eyes.

    Of landmarks (T, 478, 3): across as a share of the line from corner to corner, down at right angles to it.
    """
    total = np.zeros((len(points), 2))
    for iris, first, second in ((468, 33, 133), (473, 362, 263)):
        left, right, middle = (points[:, i, :2].astype(np.float64) for i in (first, second, iris))
        axis = right - left
        width = np.maximum((axis * axis).sum(-1), 1e-9)
        away = middle - (left + right) / 2
        total[:, 0] += (away * axis).sum(-1) / width / 2
        total[:, 1] += (axis[:, 0] * away[:, 1] - axis[:, 1] * away[:, 0]) / width / 2
    return total.astype(np.float32)


STIRS_GAZE = 0.01
"""Eye widths: a gaze that wanders less is that of somebody who does not look about."""


def jitter(points: Floats) -> float:
    """Mean length of the second difference in time of landmarks (T, 478, 3), percent of the outer eye corners' distance."""
    bend = np.linalg.norm((points[2:] - 2 * points[1:-1] + points[:-2])[..., :2], axis=-1).mean(-1)
    return float(100 * (bend / _eyes(points[1:-1])).mean())


def mouth_gaps(points: Floats) -> Floats:
    """(T,) gap of the lips in distances between the outer eye corners."""
    return np.asarray(np.linalg.norm((points[:, 13] - points[:, 14])[:, :2], axis=-1) / _eyes(points), np.float32)


def closed(result: Floats, driver: Floats, *, lips: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the driver is closed, and where the result is closed as well as the driver would be: two arrays (T, n).

    Args:
        result, driver: (T,) or (T, n): gaps of the lips, or weights of the blink.
        lips: which of the two.
    """
    mine, own = (np.reshape(side, (len(side), -1)) for side in (result, driver))
    if lips:
        return own <= CLOSED_LIPS, mine <= CLOSED_LIPS / SLACK
    return own >= CLOSED_LIDS, mine >= SLACK * np.maximum(own, CLOSED_LIDS)


def kept_closed(result: Floats, driver: Floats, *, lips: bool) -> float | None:
    """Share of the frames closed in the driver that are closed in the result; None where the driver never closes.

    Arguments are those of `closed`.
    """
    shut, kept = closed(result, driver, lips=lips)
    return float(kept[shut].mean()) if shut.any() else None


def kept_times(result: Floats, driver: Floats, *, lips: bool) -> float | None:
    """Share of the times that the driver closes (two frames or more) in which the result closes too, in any of the frames.

    None where the driver never closes. Arguments are those of `closed`.
    """
    times: list[bool] = []
    for shut, kept in zip(*(side.T for side in closed(result, driver, lips=lips)), strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], shut, [False]])))
        times += [bool(kept[start:stop].any()) for start, stop in edges.reshape(-1, 2) if stop - start >= LASTS]
    return float(np.mean(times)) if times else None


def opening(result: Floats, driver: Floats) -> float | None:
    """How far the mouth opens where the driver's stands open widest (the widest tenth of the frames), as a share of it."""
    wide = driver >= max(float(np.quantile(driver, 0.9)), 3 * CLOSED_LIPS)
    return float(result[wide].mean() / driver[wide].mean()) if wide.any() else None


def outside(mattes: list[Floats], reach: int) -> NDArray[np.bool_]:
    """(H, W) what is further than `reach` pixels from the person of every matte (H, W) 0 … 1."""
    person = np.max(mattes, axis=0) > 0.02
    near = cv2.dilate(person.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    return np.asarray(near == 0)


def drift(frames: list[Image], where: NDArray[np.bool_]) -> float | None:
    """Mean absolute change from frame to frame, of 255, over the pixels `where` (H, W); None where these are too few."""
    if where.mean() < FEW or len(frames) < 2:
        return None
    own = [frame[where].astype(np.int16) for frame in frames]
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(own)]))
