"""Crops: where they lie, that cutting and pasting undo each other, and that nothing outside the mask changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from heads import mesh, paste

SIDE = 64


def face(height: float = 200.0) -> NDArray[np.float64]:
    """A made-up face (478, 3): only the landmarks that `align` reads are placed, in canonical proportions, upright."""
    points = np.zeros((478, 3))
    points[:] = (300, 250, 0)
    unit = height / 17.666
    for index, place in {
        33: (-4.446, -2.664, -3.173), 263: (4.446, -2.664, -3.173), 127: (-7.743, -2.365, 2.005), 356: (7.743, -2.365, 2.005),
        10: (0, -8.262, -4.482), 2: (0, 2.089, -6.058), 152: (0, 9.403, -4.264),
    }.items():  # fmt: skip
        points[index] = np.array([300, 250, 0]) + unit * np.array(place)
    return points


def turned(points: NDArray[np.float64], axis: int, degrees: float) -> NDArray[np.float64]:
    """Turn (N, 3) about one axis through (300, 250, 0)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = [k for k in range(3) if k != axis]
    rotation = np.eye(3)
    rotation[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
    return np.asarray((points - (300, 250, 0)) @ rotation.T + (300, 250, 0))


def noise(shape: tuple[int, ...], seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def affine(degrees: float, side: float, middle: tuple[float, float]) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[c, s], [-s, c]]) / side
    return np.column_stack([turn, 0.5 - turn @ np.array(middle)])


def test_crop_is_twice_the_face_and_has_it_in_the_middle() -> None:
    moved = paste.apply(paste.align(face()), face())
    assert moved[152, 1] - moved[10, 1] == pytest.approx(1 / paste.SPAN, abs=0.01)
    assert (moved[10, :2] + moved[152, :2]) / 2 == pytest.approx(paste.MIDDLE, abs=0.01)
    assert moved[10, 1] > 1 - moved[152, 1], "more room above than below"


@pytest.mark.parametrize("lean", [-170, -60, 25, 90])
def test_eyes_are_level_however_the_head_leans(lean: float) -> None:
    leaning = turned(face(), 2, lean)
    moved = paste.apply(paste.align(leaning), leaning)
    assert moved[33, 1] == pytest.approx(moved[263, 1], abs=1e-5)
    assert moved[33, 0] < moved[263, 0]


@pytest.mark.parametrize("yaw", [-80, -45, 30, 80])
def test_size_does_not_shrink_with_a_turning_head(yaw: float) -> None:
    straight, away = paste.scale(paste.align(face())), paste.scale(paste.align(turned(face(), 1, yaw)))
    assert away == pytest.approx(straight, rel=1e-5)


def test_opened_jaw_does_not_move_the_crop() -> None:
    opened = face()
    opened[[152, 17, 14, 148, 377]] += (0, 60, 5)
    np.testing.assert_array_equal(paste.align(opened), paste.align(face()))


def test_align_follows_shift_and_scale() -> None:
    moved = face() * 0.37 + (11, -5, 3)
    deeper = np.array([0, 0, 3 * paste.scale(paste.align(moved))])
    in_crop = paste.apply(paste.align(face()), face())
    np.testing.assert_allclose(paste.apply(paste.align(moved), moved), in_crop + deeper, atol=1e-4)


def test_align_gives_float32_of_shape_2_3() -> None:
    result = paste.align(face().astype(np.float32))
    assert result.shape == (2, 3)
    assert result.dtype == np.float32


def test_invert_undoes_apply_for_any_batch() -> None:
    points = np.random.default_rng(0).normal(size=(4, 5, 3)) * 100
    a = affine(33, 150, (40, 60))
    back = paste.apply(paste.invert(a), paste.apply(a, points))
    assert back.shape == points.shape
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_apply_scales_depth_like_length_and_takes_flat_points() -> None:
    a = affine(33, 50, (40, 60))
    assert paste.apply(a, np.array([[1.0, 2.0, 10.0]]))[0, 2] == pytest.approx(0.2)
    assert paste.apply(a, np.array([[1.0, 2.0]])).shape == (1, 2)


def test_cut_of_the_whole_square_is_the_image() -> None:
    image = noise((SIDE, SIDE, 3))
    np.testing.assert_array_equal(paste.cut(image, affine(0, SIDE, (SIDE / 2, SIDE / 2)), SIDE), image)


def test_quarter_turn_is_exact() -> None:
    image = noise((SIDE, SIDE, 3))
    np.testing.assert_array_equal(paste.cut(image, affine(90, SIDE, (SIDE / 2, SIDE / 2)), SIDE), np.rot90(image))


@pytest.mark.parametrize("factor", [1.3, 2, 2.7, 6])
def test_shrinking_averages_instead_of_flickering(factor: float) -> None:
    board = np.repeat((np.indices((384, 384)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    small = paste.cut(board, affine(0, 32 * factor, (192.3, 192.3)), 32).astype(float)
    assert abs(small.mean() - 127.5) < 3
    assert small.std() < (60 if factor < 2 else 10), "a fine checkerboard must turn grey"


def test_cut_puts_a_landmark_where_apply_says() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[120:124, 210:214] = 255
    a = affine(20, 180, (200, 130))
    crop = paste.cut(image, a, 256)[..., 0].astype(float)
    rows, columns = np.indices(crop.shape) + 0.5
    seen = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum() / 256
    np.testing.assert_allclose(seen, paste.apply(a, np.array([[212.0, 122.0]]))[0], atol=0.002)


def test_small_cut_of_a_large_picture_equals_the_cut_of_its_surroundings() -> None:
    image = noise((900, 900, 3))
    whole = paste.cut(image, affine(15, 100, (450, 450)), 100)
    part = paste.cut(np.ascontiguousarray(image[300:600, 300:600]), affine(15, 100, (150, 150)), 100)
    assert np.abs(whole.astype(int) - part).max() <= 1


def test_outside_of_the_image_its_edge_goes_on() -> None:
    image = np.full((50, 50, 3), 7, np.uint8)
    assert (paste.cut(image, affine(10, 400, (0, 0)), 64) == 7).all()
    assert (paste.cut(image, affine(10, 20, (500, 500)), 64) == 7).all(), "wholly outside"


def test_paste_leaves_everything_outside_the_mask_bit_for_bit() -> None:
    image, patch = noise((200, 260, 3)), noise((96, 96, 3), 2)
    a = affine(25, 90, (130, 100))
    mask = np.zeros((96, 96), np.float32)
    mask[30:60, 30:60] = 1
    out = paste.paste(image, patch, a, mask)
    corners = paste.apply(paste.invert(a), np.array([[29, 29], [61, 29], [61, 61], [29, 61]]) / 96)
    changed = np.argwhere((out != image).any(-1))[:, ::-1] + 0.5
    assert len(changed) > 400
    edges = np.roll(corners, -1, 0) - corners
    for corner, edge in zip(corners, edges, strict=True):
        inward = edge[0] * (changed - corner)[:, 1] - edge[1] * (changed - corner)[:, 0]
        assert (inward > -1.5 * np.hypot(*edge)).all()


def test_paste_undoes_cut_where_nothing_was_changed() -> None:
    ramp = np.add.outer(np.arange(200), np.arange(260)) % 256 // 2 + 60
    image = np.repeat(ramp.astype(np.uint8)[..., None], 3, 2)[:, :120]
    a = affine(12, 80, (60, 60))
    out = paste.paste(image, paste.cut(image, a, 160), a, paste.feather(160))
    assert np.abs(out.astype(int) - image).max() <= 2


def test_paste_does_not_touch_its_input_and_takes_crops_beyond_the_border() -> None:
    image = noise((60, 60, 3))
    before = image.copy()
    out = paste.paste(image, np.full((64, 64, 3), 200, np.uint8), affine(0, 60, (0, 0)), np.ones((64, 64), np.float32))
    np.testing.assert_array_equal(image, before)
    assert (out[:29, :29] == 200).all()
    np.testing.assert_array_equal(out[31:, 31:], image[31:, 31:])
    far = paste.paste(image, image[:32, :32], affine(0, 20, (500, 500)), np.ones((32, 32), np.float32))
    np.testing.assert_array_equal(far, image)


def test_feather_is_whole_inside_and_nothing_at_the_edge() -> None:
    mask = paste.feather(100)
    assert mask[50, 50] == 1
    assert mask[0].max() < 0.02
    np.testing.assert_allclose(mask, mask.T)


def test_match_colour_takes_over_mean_and_contrast_where_weighed() -> None:
    rng = np.random.default_rng(3)
    patch = np.clip(rng.normal(90, 12, (40, 40, 3)), 0, 255).astype(np.uint8)
    reference = np.clip(rng.normal((180, 140, 110), 20, (40, 40, 3)), 0, 255).astype(np.uint8)
    weight = np.zeros((40, 40))
    weight[10:30, 10:30] = 1
    patch[:5] = 255
    matched = paste.match_colour(patch, reference, weight)[10:30, 10:30].reshape(-1, 3)
    wanted = reference[10:30, 10:30].reshape(-1, 3)
    np.testing.assert_allclose(matched.mean(0), wanted.mean(0), atol=2)
    np.testing.assert_allclose(matched.std(0), wanted.std(0), rtol=0.25)


def test_match_colour_without_weight_changes_nothing() -> None:
    patch = noise((10, 10, 3))
    np.testing.assert_array_equal(paste.match_colour(patch, noise((10, 10, 3), 4), np.zeros((10, 10))), patch)


def test_landmarks_of_the_crop_are_stable_ones() -> None:
    assert {10, 2, 33, 263, 127, 356} <= set(mesh.STABLE)
