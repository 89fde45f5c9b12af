"""Landmarks corrected by what the pictures show to have moved."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

from gioconda.faces import Tracker
from gioconda.media import read_image
from gioconda.register import registered
from heads import mesh
from heads.base import Floats, Image
from heads.register import LIMIT, Registration

PORTRAIT = Path(__file__).parent.parent / "examples" / "portraits" / "ada.jpg"

SKIN = sorted(set(range(468)) - {i for loop in (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.LIPS_INNER, mesh.FACE_OVAL) for i in loop})


@pytest.fixture(scope="module")
def rest() -> tuple[Image, Floats]:
    picture = read_image(PORTRAIT)
    with Tracker() as tracker:
        return picture.image, tracker.find(picture.image)[0].points


def moved(rest: tuple[Image, Floats]) -> tuple[Image, Floats]:
    """The portrait pulled about smoothly by up to 3 % of the eyes' distance, and where its landmarks then are."""
    image, points = rest
    height, width = image.shape[:2]
    iod = mesh.eye_distance(points)
    y, x = np.mgrid[:height, :width].astype(np.float32)

    def shift(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return 0.03 * iod * np.sin(x / (0.9 * iod)), 0.03 * iod * np.cos(y / (0.7 * iod))

    across, down = shift(x, y)
    picture = np.asarray(cv2.remap(image, x + across, y + down, cv2.INTER_CUBIC), np.uint8)
    true = points.copy()
    for _ in range(8):  # the picture says whence a pixel comes; where a landmark goes is its inverse
        across, down = shift(true[:, 0] - 0.5, true[:, 1] - 0.5)
        true[:, 0], true[:, 1] = points[:, 0] - across, points[:, 1] - down
    return picture, true


def error(points: Floats, true: Floats) -> float:
    """Median distance of the skin's landmarks in pixels."""
    return float(np.median(np.linalg.norm((points - true)[SKIN, :2], axis=1)))


def test_landmarks_that_miss_the_movement_find_it(rest: tuple[Image, Floats]) -> None:
    picture, true = moved(rest)
    corrected, _ = Registration(*rest)(picture, rest[1])  # as if the tracker had seen no movement at all
    assert error(corrected, true) < 0.25 * error(rest[1], true)
    assert (corrected[:, 2] == rest[1][:, 2]).all()


def test_landmarks_that_are_right_stay(rest: tuple[Image, Floats]) -> None:
    assert error(Registration(*rest)(*rest)[0], rest[1]) < 0.002 * mesh.eye_distance(rest[1])
    picture, true = moved(rest)
    assert error(Registration(*rest)(picture, true)[0], true) < 0.004 * mesh.eye_distance(rest[1])


def test_a_picture_that_is_repeated_moves_nothing_whatever_the_tracker_says(rest: tuple[Image, Floats]) -> None:
    image, points = rest
    rng = np.random.default_rng(3)
    noisy = np.clip(image + rng.normal(size=image.shape, scale=3), 0, 255).astype(np.uint8)
    said = points + rng.normal(size=points.shape, scale=0.01 * mesh.eye_distance(points)).astype(np.float32)
    corrected, shade = Registration(*rest)(noisy, said)
    np.testing.assert_allclose(corrected, points, atol=0.1)
    assert np.abs(shade).max() < 0.01


def test_an_eye_that_shuts_in_a_face_that_rests_is_seen(rest: tuple[Image, Floats]) -> None:
    image, points = rest
    shut = image.copy()
    eye = points[list(mesh.LEFT_EYE), :2]
    cheek = [int(v) for v in np.median(image[points[:, 1].astype(int), points[:, 0].astype(int)], axis=0)]
    cv2.fillPoly(shut, [np.rint(eye).astype(np.int32)], cheek)
    said = points.copy()
    upper, lower = (list(side) for side in zip(*mesh.LID_PAIRS[7:], strict=True))
    said[upper, :2] = points[lower, :2]
    corrected, _ = Registration(*rest)(shut, said)
    gap = np.abs(corrected[lower, 1] - corrected[upper, 1]).mean()
    assert gap < 0.4 * np.abs(points[lower, 1] - points[upper, 1]).mean()
    other, under = (list(side) for side in zip(*mesh.LID_PAIRS[:7], strict=True))
    np.testing.assert_allclose(corrected[other + under], points[other + under], atol=1e-3)


def test_another_picture_altogether_moves_nothing_far(rest: tuple[Image, Floats]) -> None:
    image, points = rest
    noise = np.random.default_rng(1).integers(0, 256, image.shape).astype(np.uint8)
    corrected, shade = Registration(*rest)(noise, points)
    assert np.linalg.norm((corrected - points)[:, :2], axis=1).max() <= 1.01 * LIMIT * mesh.eye_distance(points)
    assert error(corrected, points) < 0.03 * mesh.eye_distance(points)
    assert np.median(np.abs(shade)) < 0.1


def test_two_threads_give_the_same_bits_in_order(rest: tuple[Image, Floats]) -> None:
    picture, true = moved(rest)
    pairs = [(picture, rest[1]), (rest[0], None), (rest[0], true), *repeat((picture, true), 9)]
    rows = list(registered(rest, pairs))
    single = Registration(*rest)
    for row, (image, points) in zip(rows, pairs, strict=True):
        assert (row is None) == (points is None)
        assert row is None or points is None or all(map(np.array_equal, row, single(image, points)))


def test_a_shadow_is_measured_where_it_falls(rest: tuple[Image, Floats]) -> None:
    image, points = rest
    x = np.arange(image.shape[1], dtype=np.float32)[None, :, None]
    nose = float(points[4, 0])
    shadow = 1 - 0.3 / (1 + np.exp(-(x - nose) / (0.2 * mesh.eye_distance(points))))  # 0.7 of the light at the right
    _, shade = Registration(*rest)(np.rint(image * shadow).astype(np.uint8), points)
    right, left = shade[[280, 425, 352]], shade[[50, 205, 123]]  # cheeks
    assert (np.abs(right - np.log(0.7)) < 0.1).all()
    assert (np.abs(left) < 0.1).all()
    assert np.abs(Registration(*rest)(*rest)[1]).max() < 0.01
