"""The driver's pictures as a head gets them: one square for all, the neutral frame's own picture, and how strong they count."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import contract
import numpy as np
import pytest
from media_made import make_clip
from test_contract import Still

from gioconda import watch
from gioconda.job import Job
from gioconda.media import VideoReader
from gioconda.performance import Performance
from heads import paste
from heads.base import Channel, Floats, Image, Motion

SIZE = (128, 96)
FRAMES = 6


class Watcher(Still):
    """Looks at a square around the landmarks, as wide as they are."""

    drives: frozenset[Channel] = frozenset({"crops"})
    paints: ClassVar[bool] = True

    @staticmethod
    def boxes(points: Floats) -> Floats:
        low, side = points[..., :2].min(1), np.ptp(points[..., :2], axis=1).max(1, keepdims=True)
        return np.concatenate([low, low + side], 1).astype(np.float32)


def image(index: int) -> Image:
    """A frame whose columns say where they are, and whose blue says which frame it is."""
    out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    out[..., 0] = np.arange(SIZE[0]) * 2
    out[..., 2] = 20 + 30 * index
    return out


@pytest.fixture
def performance(tmp_path: Path) -> Performance:
    """A face that goes to the right by four pixels a frame, twenty pixels wide."""
    clip = make_clip(tmp_path / "c.mp4", FRAMES, size=SIZE, images=[image(i) for i in range(FRAMES)], options={"crf": "1"})
    reader = VideoReader(clip)
    face = contract.model().landmark_mean
    face = (face - face.min(0)) * 20 / np.ptp(face[:, :2], axis=0).max()
    pixels = np.stack([face + np.array([20 + 4 * i, 30, 0]) for i in range(FRAMES)]).astype(np.float32)
    align = paste.align(pixels[2])
    times, found = np.arange(FRAMES) / float(reader.rate), np.ones(FRAMES, bool)
    pose = np.broadcast_to(np.eye(3, dtype=np.float32), (FRAMES, 3, 3))
    points = paste.apply(align, pixels)
    motion = Motion(times, reader.rate, reader.clock, points, np.zeros((FRAMES, 52), np.float32), pose, found, 2)
    return Performance(motion, motion.cue(2), reader, range(FRAMES), align, resting=float(times[2]))


JOB = Job(portraits=(), driving="c.mp4", mouth="portraits")


def test_all_pictures_are_cut_in_one_place(performance: Performance) -> None:
    cues = list(watch.cues(JOB, performance, Watcher(), []))
    crops = [cue.crop for cue in cues if cue.crop is not None]
    assert [crop.shape for crop in crops] == [(256, 256, 3)] * FRAMES
    # The mean of the boxes begins at 30 and is 20 wide; red is twice the column.
    for index, crop in enumerate(crops):
        assert crop[128, 128, 0] == pytest.approx(2 * 40, abs=4)
        assert crop[..., 2].mean() == pytest.approx(20 + 30 * index, abs=4)
    within = np.stack([cue.crop_points for cue in cues if cue.crop_points is not None])
    np.testing.assert_allclose(within[..., 0].min(1), (np.arange(FRAMES) * 4 - 10) / 20, atol=0.01)


def test_other_heads_get_the_face_in_the_middle_of_each_picture(performance: Performance) -> None:
    assert all(cue.crop is None for cue in watch.cues(JOB, performance, Still(), []))
    cues = list(watch.cues(replace(JOB, mouth="driving"), performance, Still(), []))
    within = np.stack([cue.crop_points for cue in cues if cue.crop_points is not None])
    np.testing.assert_allclose(within, np.broadcast_to(within[:1], within.shape), atol=1e-3)


def test_the_square_is_the_mean_of_the_frames_that_show_the_face(performance: Performance) -> None:
    np.testing.assert_allclose(watch.window(performance, Watcher.boxes)[[0, 2]], (30, 50), atol=0.01)
    seen = np.arange(FRAMES) < 2
    np.testing.assert_allclose(watch.window(replace(performance, seen=seen), Watcher.boxes)[[0, 2]], (22, 42), atol=0.01)
    nowhere = replace(performance, seen=np.zeros(FRAMES, bool))
    np.testing.assert_allclose(watch.window(nowhere, Watcher.boxes)[[0, 2]], (28, 48), atol=0.01)


def test_the_neutral_cue_shows_its_own_frame(performance: Performance) -> None:
    neutral = watch.resting(performance, Watcher())
    cues = list(watch.cues(JOB, performance, Watcher(), []))
    assert neutral.crop is not None and cues[2].crop is not None
    np.testing.assert_array_equal(neutral.crop, cues[2].crop)
    assert watch.resting(performance, Still()) is performance.neutral


def test_a_neutral_face_that_is_not_the_drivers_has_no_picture(performance: Performance) -> None:
    assert watch.resting(replace(performance, resting=None), Watcher()).crop is None


def test_a_picture_without_the_face_is_left_out(performance: Performance) -> None:
    seen = np.array([True, True, False, False, True, True])
    cues = list(watch.cues(JOB, replace(performance, seen=seen), Watcher(), []))
    assert [cue.crop is not None for cue in cues] == seen.tolist()
    assert all(cue.found for cue in cues)


def test_pictures_say_how_strongly_they_count(performance: Performance) -> None:
    shares = np.linspace(0, 1, FRAMES, dtype=np.float32)
    job = replace(JOB, expression_strength=1.5, pose_strength=0.5)
    cues = list(watch.cues(job, replace(performance, shares=shares), Watcher(), []))
    np.testing.assert_allclose([cue.strength for cue in cues], np.outer(shares, (1.5, 0.5)), rtol=1e-6)
    assert all(cue.strength == (1, 1) for cue in watch.cues(JOB, performance, Watcher(), []))


def test_frames_that_are_shown_twice_are_watched_twice(performance: Performance) -> None:
    motion = performance.motion
    doubled = Motion(
        np.arange(4) / 50, Fraction(50), Fraction(1, 50), motion.points[:4], motion.expression[:4], motion.pose[:4],
        motion.found[:4],
    )  # fmt: skip
    seen = np.array([True, False, True, True, True, True])
    cues = list(watch.cues(JOB, replace(performance, motion=doubled, frames=(0, 0, 1, 2), seen=seen), Watcher(), []))
    assert [cue.crop is None for cue in cues] == [False, False, True, False]
