"""Creases and shadows of a performance on the portrait: only as far as its own light goes, and only when wanted."""

from __future__ import annotations

import numpy as np
import pytest

from examples.people import Person, Rendering, render
from gioconda import motion
from heads import mesh, paste, rigid
from heads.base import Cue, Floats
from heads.warp.shading import BEYOND, LIMIT, Shading
from heads.warp.transfer import Placed

STAY = rigid.Similarity(np.array(1.0), np.eye(3), np.zeros(3))
CHEEK = (50, 101, 118)


@pytest.fixture(scope="module")
def still() -> Rendering:
    return render(Person.random(3), size=(320, 320), expression=np.zeros(52, np.float32))


def cue_of(still: Rendering, shade: Floats | None = None) -> Cue:
    points = paste.apply(paste.align(still.points), still.points)
    return Cue(0.0, points, np.zeros(52, np.float32), still.pose, shade=shade)


def bump(still: Rendering, depth: float) -> Floats:
    """(478,) a dark or bright place on the subject's right cheek."""
    away = np.linalg.norm((still.points - still.points[50])[:, :2], axis=1) / mesh.eye_distance(still.points)
    return np.asarray(depth * np.exp(-((away / 0.12) ** 2)), np.float32)


def test_a_shadow_falls_where_the_driver_has_one(still: Rendering) -> None:
    shading, placed = Shading(still.image, still.points), Placed(still.points, STAY)
    frame = still.image.copy()
    shading.shade(frame, cue_of(still, bump(still, -0.2)), placed, (0, 0))
    x, y = still.points[50, :2].astype(int)
    other_x, other_y = still.points[280, :2].astype(int)
    assert frame[y, x].mean() < 0.93 * still.image[y, x].mean()
    assert abs(int(frame[other_y, other_x].mean()) - int(still.image[other_y, other_x].mean())) <= 2
    outside = np.ones(frame.shape[:2], bool)
    low, high = still.points[:, :2].min(0).astype(int) - 1, still.points[:, :2].max(0).astype(int) + 2
    outside[low[1] : high[1], low[0] : high[0]] = False
    assert np.array_equal(frame[outside], still.image[outside])


def test_no_place_leaves_the_portraits_own_range_of_light(still: Rendering) -> None:
    shading, placed = Shading(still.image, still.points), Placed(still.points, STAY)
    deep, bright = (shading.ratio(cue_of(still, bump(still, depth)), placed) for depth in (-3.0, 3.0))
    assert -LIMIT <= deep.min() < -0.1
    assert bright.max() <= LIMIT
    flat = np.full_like(still.image, 128)  # a face without any light and shade of its own: paper
    paper = Shading(flat, still.points)
    assert np.abs(paper.ratio(cue_of(still, bump(still, -3.0)), placed)).max() <= BEYOND + 1e-3


def test_shading_can_be_turned_off_and_made_weaker(still: Rendering) -> None:
    shading, placed = Shading(still.image, still.points), Placed(still.points, STAY)
    cue = cue_of(still, bump(still, -0.2))
    (off,) = motion.retargeted(cue_of(still), iter([cue]), expression=1, pose=1, shading=False)
    (half,) = motion.retargeted(cue_of(still), iter([cue]), expression=0.5, pose=1)
    frame = still.image.copy()
    shading.shade(frame, off, placed, (0, 0))
    assert np.array_equal(frame, still.image)
    weak, strong = (np.abs(shading.ratio(c, placed)[list(CHEEK)]).max() for c in (half, cue))
    assert 0.3 * strong < weak < 0.7 * strong


def test_made_up_performances_shade_by_how_the_surface_turns(still: Rendering) -> None:
    shading = Shading(still.image, still.points)
    assert np.abs(shading.ratio(cue_of(still), Placed(still.points, STAY))).max() < 1e-3
    smile = render(Person.random(3), size=(320, 320), expression=_weights(mouthSmileLeft=1.0, mouthSmileRight=1.0))
    ratio = shading.ratio(cue_of(still), Placed(smile.points, STAY))
    assert 0.02 < np.abs(ratio).max() <= LIMIT
    # A head that only turns is no expression: nothing is shaded.
    turned = rigid.Similarity(np.array(1.0), rigid.to_matrix(np.array([0, 0.3, 0])), np.zeros(3))
    placed = Placed(turned.apply(still.points).astype(np.float32), turned)
    assert np.abs(shading.ratio(cue_of(still), placed)).max() < 1e-3


def _weights(**shapes: float) -> Floats:
    out = np.zeros(52, np.float32)
    for name, value in shapes.items():
        out[mesh.SHAPE[name]] = value
    return out
