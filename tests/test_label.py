"""The visible label is there, can be read on any ground, and touches nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from gioconda.marks.label import TEXT, Label


def labelled(level: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    before = np.full((size[1], size[0], 3), level, np.uint8)
    after = before.copy()
    Label(before).draw(after)
    return before, after


@pytest.mark.parametrize("level", [0, 60, 128, 200, 255])
def test_it_stands_out_from_any_ground(level: int) -> None:
    before, after = labelled(level, (512, 512))
    change = np.abs(after.astype(int) - before).max(-1)
    rows, columns = np.nonzero(change)
    corner = after[rows.min() : rows.max(), columns.min() : columns.max(), 0].astype(int)
    dark, light = np.percentile(corner, [5, 97])
    assert light - dark > 100, "letters in a clear contrast to what is around them"
    assert rows.min() > 512 * 0.9 and columns.max() < 512 * 0.6, "in the lower left corner"
    assert (change > 0).mean() < 0.02, "in nobody's way"


@pytest.mark.parametrize("size", [(64, 64), (128, 720), (1920, 1080), (96, 128)])
def test_it_fits_every_frame(size: tuple[int, int]) -> None:
    before, after = labelled(90, size)
    changed = (after != before).any(-1)
    assert changed.any()
    assert not changed[: size[1] // 2].any()


def test_every_frame_gets_the_same_pixels() -> None:
    ground = np.full((256, 256, 3), 77, np.uint8)
    label = Label(ground)
    frames = [ground.copy() for _ in range(2)]
    for frame in frames:
        label.draw(frame)
    assert np.array_equal(frames[0], frames[1])


def test_it_says_what_the_picture_is() -> None:
    assert TEXT == "AI-animated portrait"
