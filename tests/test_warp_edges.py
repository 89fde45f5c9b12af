"""The warp head with faces that a picture cuts off, and with landmarks that lie across each other."""

from __future__ import annotations

from dataclasses import replace

import contract
import numpy as np
import pytest

from heads import paste
from heads.base import Floats, Image, Portrait
from heads.warp.head import Warp


def with_points(portrait: Portrait, points: Floats) -> Portrait:
    return replace(portrait, face=replace(portrait.face, points=points), align=paste.align(points))


def animated(portrait: Portrait) -> list[Image]:
    warp, cues = Warp.tiny(0), contract.cues(3)
    return list(warp.animate(warp.enroll([portrait]), cues[0], iter(cues)))


@pytest.mark.parametrize("shift", [(60, 0), (-60, 0), (0, 110), (0, -60), (70, 80), (-100, 0)])
def test_an_eye_outside_the_picture_is_left_out(shift: tuple[int, int]) -> None:
    portrait = contract.portrait()
    moved = with_points(portrait, portrait.face.points + np.array([*shift, 0], np.float32))
    frames = animated(moved)
    assert len(frames) == 3
    np.testing.assert_array_equal(frames[0], portrait.image)


def test_lips_that_are_tracked_across_each_other_stay_so_at_rest() -> None:
    portrait = contract.portrait()
    points = portrait.face.points.copy()
    for upper, lower in ((13, 14), (312, 317), (82, 87)):
        points[upper, 1] += 1.5
        points[lower, 1] -= 1.5
    frames = animated(with_points(portrait, points))
    np.testing.assert_array_equal(frames[0], portrait.image)
    assert (frames[-1] != portrait.image).any()
