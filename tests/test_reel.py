"""The side-by-side reel shows portrait, driver and result next to each other, each in its own shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gioconda.reel import GROUND, Reel, reel_path


def flat(width: int, height: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_three_panels_in_order() -> None:
    reel = Reel(flat(300, 400, 60), iter([flat(640, 360, 120)] * 2))
    frame = reel.frame(flat(300, 400, 180))
    assert frame.shape == (400, 3 * 300 + 2 * 8, 3) and (frame.shape[1], frame.shape[0]) == reel.size
    assert [int(frame[200, x, 0]) for x in (150, 458, 766)] == [60, 120, 180]
    assert frame[10, 458, 0] == GROUND, "a wide driver keeps its shape between dark bars"


def test_without_a_driver_there_are_two_panels_and_large_ones_are_made_smaller() -> None:
    reel = Reel(flat(901, 1203, 60), None)
    frame = reel.frame(flat(901, 1203, 180))
    assert frame.shape[0] == 512 and reel.size[0] % 2 == 0
    assert {int(v) for v in frame[256, :, 0]} == {60, GROUND, 180}


def test_it_lies_beside_the_result() -> None:
    assert reel_path(Path("a/b.mp4")) == Path("a/b-compare.mp4")
