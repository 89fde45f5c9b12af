"""Lids and lips that meet: what the tracker leaves open of a shut eye or a smile is shut in the portrait."""

from __future__ import annotations

import numpy as np
import pytest

from examples.people import Person, render
from heads import mesh, paste
from heads.base import Cue, Floats
from heads.warp.transfer import Transfer

UPPER_LIDS, LOWER_LIDS = (list(side) for side in zip(*mesh.LID_PAIRS, strict=True))
UPPER_LIP, LOWER_LIP = (list(side) for side in zip(*mesh.LIP_PAIRS, strict=True))


def weights_of(**shapes: float) -> Floats:
    out = np.zeros(52, np.float32)
    for name, value in shapes.items():
        out[mesh.SHAPE[name]] = value
    return out


@pytest.fixture(scope="module")
def points() -> Floats:
    """Landmarks of somebody at rest, pixels."""
    return render(Person.random(3), size=(256, 256), expression=weights_of()).points


def moved(points: Floats, upper: list[int], lower: list[int], share: float, widened: float = 0.0, **shapes: float) -> Floats:
    """The portrait's landmarks when its driver's gap is this share of the neutral one, plus some eye distances."""
    align = paste.align(points)
    neutral = paste.apply(align, points)
    now = neutral.copy()
    gap = now[lower, 1] - now[upper, 1]
    now[upper, 1] += (1 - share) * gap - widened * mesh.eye_distance(neutral)
    rest = Cue(0.0, neutral, weights_of(), np.eye(3, dtype=np.float32))
    return Transfer(points, align, rest)(Cue(0.1, now, weights_of(**shapes), np.eye(3, dtype=np.float32))).points


def gap_of(points: Floats, upper: list[int], lower: list[int]) -> float:
    return float((points[lower, 1] - points[upper, 1]).mean())


def test_a_quarter_that_the_tracker_leaves_of_a_shut_eye_is_shut(points: Floats) -> None:
    rest = gap_of(points, UPPER_LIDS, LOWER_LIDS)
    shut = gap_of(moved(points, UPPER_LIDS, LOWER_LIDS, 0.24), UPPER_LIDS, LOWER_LIDS)
    half = gap_of(moved(points, UPPER_LIDS, LOWER_LIDS, 0.625), UPPER_LIDS, LOWER_LIDS)
    assert abs(shut) < 0.03 * rest
    assert half == pytest.approx(0.5 * rest, rel=0.1)


def test_closed_lids_meet_above_the_lower_lid_of_the_open_eye(points: Floats) -> None:
    now = moved(points, UPPER_LIDS, LOWER_LIDS, 0.0)
    rest = gap_of(points, UPPER_LIDS, LOWER_LIDS)
    raised = float((points[LOWER_LIDS, 1] - now[LOWER_LIDS, 1]).mean())
    assert 0.05 * rest < raised < 0.3 * rest


def test_lips_that_no_blendshape_parts_stay_closed(points: Floats) -> None:
    rest = gap_of(points, UPPER_LIP, LOWER_LIP)
    smile = gap_of(moved(points, UPPER_LIP, LOWER_LIP, 1, 0.035, mouthSmileLeft=1.0), UPPER_LIP, LOWER_LIP)
    spoken = gap_of(moved(points, UPPER_LIP, LOWER_LIP, 1, 0.035, jawOpen=0.3), UPPER_LIP, LOWER_LIP)
    assert smile == pytest.approx(rest, abs=0.2)
    assert spoken > rest + 0.025 * mesh.eye_distance(points)
