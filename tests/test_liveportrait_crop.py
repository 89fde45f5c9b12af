"""Where the networks look: squares that lie as the original's do around the landmarks that stand in the same places."""

from __future__ import annotations

import contract
import numpy as np
import pytest
from numpy.typing import NDArray

from heads import mesh, paste, rigid
from heads.liveportrait import crop, openings


def face(lean: float = 0.0, yaw: float = 0.0) -> NDArray[np.float64]:
    """The mean head in pixels, leaning (degrees, clockwise) and turned."""
    turn = rigid.to_matrix(np.radians([0, yaw, 0]))
    turn = rigid.to_matrix(np.radians([0, 0, lean])) @ turn
    return np.asarray(contract.model().landmark_mean @ turn.T * 100 + np.array([300, 250, 0]))


def test_the_face_fills_the_square_as_in_the_original() -> None:
    points = face()
    within = paste.apply(crop.portrait(points), points)[:, :2]
    extent = np.ptp(within[list(crop.EXTENT)], axis=0)
    assert extent.max() == pytest.approx(1 / 2.3, rel=1e-4)
    box = within[list(crop.EXTENT)]
    middle = (box.min(0) + box.max(0)) / 2
    # The middle of the square lies an eighth of it above that of the face, so the face below.
    assert middle == pytest.approx((0.5, 0.625), abs=1e-4)
    assert within.min() > 0.1 and within.max() < 0.9, "forehead and chin are well inside"


@pytest.mark.parametrize("lean", [-100, -30, 0, 45, 170])
def test_the_square_leans_with_the_face(lean: float) -> None:
    points = face(lean)
    within = paste.apply(crop.portrait(points), points)[:, :2]
    eyes, mouth = within[list(crop.EYES)].mean(0), within[list(crop.MOUTH)].mean(0)
    assert eyes[0] == pytest.approx(mouth[0], abs=1e-4)
    assert eyes[1] < mouth[1]
    np.testing.assert_allclose(within, paste.apply(crop.portrait(face()), face())[:, :2], atol=1e-4)


def test_the_forehead_does_not_count() -> None:
    high = face()
    high[10, 1] -= 80
    np.testing.assert_array_equal(crop.portrait(high), crop.portrait(face()))
    assert not {10, 338, 297, 67, 109, 103} & set(crop.EXTENT)
    assert set(crop.JAW) < set(mesh.FACE_OVAL)


def test_a_driver_is_watched_through_upright_squares() -> None:
    frames = np.stack([face(), face(20) + np.array([30, -10, 0])])
    boxes = crop.boxes(frames)
    assert boxes.shape == (2, 4) and boxes.dtype == np.float32
    side = boxes[:, 2] - boxes[:, 0]
    np.testing.assert_allclose(side, boxes[:, 3] - boxes[:, 1], rtol=1e-4)
    # The side is measured in the face's own upright, so that leaning does not change it.
    np.testing.assert_allclose(side[0], side[1], rtol=1e-4)
    extent = np.ptp(frames[0][list(crop.EXTENT), :2], axis=0).max()
    assert side[0] == pytest.approx(2.2 * extent, rel=1e-4)


def test_squares_are_those_of_the_formula_for_any_landmarks() -> None:
    points = np.array([[(0.0, 0), (4, 0), (4, 2), (0, 2)]])
    made = crop.squares(points, np.array([[2.0, 0]]), np.array([[2.0, 2]]), crop.Margin(2.0, -0.25))
    assert made.side[0] == 8
    assert made.middle[0] == pytest.approx((2, 1 - 2))
    lost = crop.squares(points, np.array([[2.0, 1]]), np.array([[2.0, 1]]), crop.SOURCE)
    assert lost.upright[0] == pytest.approx((0, 1)), "without a line from eyes to mouth, down is down"


def test_openings_are_ratios_that_no_size_or_turn_in_the_plane_changes() -> None:
    rest = openings.openings(face())
    assert rest.shape == (3,) and rest.dtype == np.float32
    np.testing.assert_allclose(openings.openings(face(40) * 3.0), rest, rtol=1e-4)
    shut = contract.cues(9)[-1].points
    assert openings.openings(shut)[1] < 0.4 * rest[1], "the left eye closes"
    assert openings.openings(shut)[2] > rest[2] + 0.2, "the mouth opens"
    both = openings.openings(np.stack([face(), face(10)]))
    assert both.shape == (2, 3)


def test_wanted_openings_start_from_the_portraits_own() -> None:
    portrait, rest = np.array([0.2, 0.22, 0.05], np.float32), np.array([0.3, 0.3, 0.1], np.float32)
    np.testing.assert_allclose(openings.wanted(portrait, rest, rest), (0.21, 0.05), rtol=1e-5)
    shut = np.array([0.0, 0.0, 0.0], np.float32)
    np.testing.assert_allclose(openings.wanted(portrait, shut, rest), (0, 0), atol=1e-6)
    wide = np.array([0.6, 0.6, 0.5], np.float32)
    np.testing.assert_allclose(openings.wanted(portrait, wide, rest), (0.42, 0.45), rtol=1e-5)
    np.testing.assert_allclose(openings.wanted(portrait, wide, None), (0.6, 0.5), rtol=1e-5)
