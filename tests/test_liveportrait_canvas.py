"""The painted square laid into the portrait: it comes back to where it was cut, and the background holds still bit for bit."""

from __future__ import annotations

from dataclasses import replace

import contract
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from heads import paste
from heads.base import Floats, Image, Portrait
from heads.liveportrait import canvas, crop
from heads.liveportrait.canvas import Canvas

STILL = np.eye(2, 3, dtype=np.float32)


def person(scale: int = 4) -> Portrait:
    """The contract's face, larger, with a picture that is smooth enough to be cut and pasted."""
    small = contract.portrait()
    height, width = (side * scale for side in small.matte.shape)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([60 + rows % 97, 80 + columns % 61, 90 + (rows + columns) % 80], -1)
    soft = cv2.GaussianBlur(image.astype(np.uint8), (0, 0), 4)
    face = replace(small.face, points=small.face.points * scale)
    matte = cv2.resize(small.matte, (width, height), interpolation=cv2.INTER_LINEAR)
    return Portrait(np.asarray(soft, np.uint8), face, paste.align(face.points), np.asarray(matte, np.float32), "0" * 64)


def moved(degrees: float, shift: tuple[float, float]) -> Floats:
    """A turn about the middle of the crop, and a shift, in unit crop."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, -s], [s, c]])
    return np.column_stack([turn, 0.5 + np.array(shift) - turn @ (0.5, 0.5)]).astype(np.float32)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return person()


@pytest.mark.parametrize("side", [128, 512])
def test_a_square_that_was_not_changed_leaves_the_portrait_as_it_is(portrait: Portrait, side: int) -> None:
    affine = crop.portrait(portrait.face.points)
    frame = Canvas(portrait, affine, side).frame(paste.cut(portrait.image, affine, side), None, STILL)
    difference = np.abs(frame.astype(int) - portrait.image)
    # Seldom more: a square of 128 pixels shows two to three of the portrait's in one.
    assert difference.max() <= (40 if side == 128 else 6)
    assert difference.mean() < (1.5 if side == 128 else 0.3)


def test_the_background_is_the_portraits_bit_for_bit(portrait: Portrait) -> None:
    loud = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    frame = Canvas(portrait, crop.portrait(portrait.face.points), 128).frame(loud, None, STILL)
    changed = (frame != portrait.image).any(-1)
    away = cv2.distanceTransform((portrait.matte < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    side = 1 / paste.scale(crop.portrait(portrait.face.points))
    assert not changed[away > (canvas.ROOM + canvas.FADE) * side + 1].any()
    assert changed[portrait.matte > 0.9].mean() > 0.9, "and the person is painted"


def test_where_the_head_goes_it_is_painted_over_the_background(portrait: Portrait) -> None:
    affine = crop.portrait(portrait.face.points)
    made, white = Canvas(portrait, affine, 128), np.full((128, 128, 3), 255, np.uint8)
    still, turned = made.frame(white, None, STILL), made.frame(white, None, moved(0, (0.1, 0)))
    more = (turned != still).any(-1)
    assert more.any()
    assert not (more & (portrait.matte > 0.9)).any(), "only the background beside the person differs"
    columns = np.nonzero(more)[1]
    middle = float(portrait.face.points[:, 0].mean())
    assert (columns > middle).mean() > 0.8, "and most of it where the head went"


def test_frames_do_not_share_memory(portrait: Portrait) -> None:
    made = Canvas(portrait, crop.portrait(portrait.face.points), 128)
    before, white = portrait.image.copy(), np.full((128, 128, 3), 255, np.uint8)
    one = made.frame(white, None, STILL)
    one[:] = 0
    np.testing.assert_array_equal(portrait.image, before)
    assert made.frame(white, None, STILL).any()


def test_another_head_is_taken_on_the_head_alone(portrait: Portrait) -> None:
    affine = crop.portrait(portrait.face.points)
    made = Canvas(portrait, affine, 128)
    body, head = (np.full((128, 128, 3), level, np.uint8) for level in (50, 200))
    square = made._crowned(body, head, STILL)[..., 0]
    within = paste.apply(affine, portrait.face.points)[:, :2] * 128
    at = np.clip(within.astype(int), 0, 127)
    assert (square[at[[4, 33, 263, 152], 1], at[[4, 33, 263, 152], 0]] > 150).all(), "nose, eyes and chin are the other's"
    assert (square[-4:] == 50).all(), "shoulders are the first one's"


def test_the_feathered_square_is_that_of_the_formula() -> None:
    mask = canvas.template(512)
    assert mask[256, 256] == 255 and mask[16, 16] == 255 and mask[496, 496] == 255
    assert mask[0, 256] == 0 and mask[8, 256] == 127 and mask[15, 256] == 239
    assert mask[504, 256] == 127 and mask[511, 256] == 15
    np.testing.assert_array_equal(mask, mask.T)
    assert canvas.template(128)[64, 64] == 255


def test_the_similarity_of_keypoints_is_that_which_moved_them() -> None:
    points = np.random.default_rng(1).normal(size=(21, 3)) * 0.4
    wanted = moved(17, (0.06, -0.03))
    there = (paste.apply(wanted, points[:, :2] / 2 + 0.5) - 0.5) * 2
    np.testing.assert_allclose(canvas.similarity(points, there), wanted, atol=1e-5)
    np.testing.assert_allclose(canvas.similarity(points, points), STILL, atol=1e-6)


def test_a_square_beyond_the_picture_is_no_trouble() -> None:
    small = contract.portrait()
    affine = crop.portrait(small.face.points)
    assert 1 / paste.scale(affine) > small.matte.shape[1], "the square is wider than the picture"
    frame = Canvas(small, affine, 128).frame(paste.cut(small.image, affine, 128), None, moved(-8, (0.05, 0.02)))
    assert frame.shape == small.image.shape


def seam(frame: Image, axis: int) -> NDArray[np.float64]:
    """How much neighbouring pixels differ along an axis, grey levels."""
    return np.asarray(np.abs(np.diff(frame.astype(np.float64).mean(-1), axis=axis)))


def test_no_seam_is_seen_where_colours_differ_a_little(portrait: Portrait) -> None:
    """A square six levels brighter: nowhere does a step between two pixels grow by more than a third of that."""
    affine = crop.portrait(portrait.face.points)
    brighter = np.clip(paste.cut(portrait.image, affine, 512).astype(int) + 6, 0, 255).astype(np.uint8)
    frame = Canvas(portrait, affine, 512).frame(brighter, None, STILL)
    for axis in (0, 1):
        assert (seam(frame, axis) - seam(portrait.image, axis)).max() < 2.5
