"""What a job's settings do to a performance that was not tracked now."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import contract
import numpy as np

from gioconda import motion
from gioconda.job import Job
from gioconda.performance import Performance, prepared
from heads.base import Motion, Step


def given(folder: Path, **settings: Any) -> Performance:
    """The performance of nine cues in a motion file, 25 frames per second."""
    cues = contract.cues(9)
    points, expression, pose = (np.stack([getattr(cue, name) for cue in cues]) for name in ("points", "expression", "pose"))
    times = np.arange(9) / 25
    recorded = Motion(times, Fraction(25), Fraction(1, 25), points, expression, pose, np.ones(9, bool), 2)
    motion.save(recorded, folder / "m.safetensors")
    return run(folder, motion=folder / "m.safetensors", **settings)


def run(folder: Path, **settings: Any) -> Performance:
    done: list[Performance] = []

    def work() -> Iterator[Step]:
        done.append((yield from prepared(Job(portraits=(), **settings), contract.portrait().face, contract.model(), folder)))

    assert list(work()) == [], "nothing is read that takes long"
    return done[0]


def test_the_neutral_frame_of_a_motion_file_can_be_set(tmp_path: Path) -> None:
    cues = contract.cues(9)
    np.testing.assert_allclose(given(tmp_path).neutral.pose, cues[2].pose)
    chosen = given(tmp_path, neutral=0.15, start=0.08)
    np.testing.assert_allclose(chosen.neutral.pose, cues[4].pose)
    assert chosen.motion.neutral == 2 and len(chosen.motion) == 7


def test_a_performance_without_pictures_says_that_it_shows_no_mouth(tmp_path: Path) -> None:
    assert given(tmp_path).notes == ()
    assert "holds no pictures" in given(tmp_path, mouth="driving").notes[0]


def test_a_gesture_is_played_at_the_rate_that_is_asked_for(tmp_path: Path) -> None:
    fine, coarse = (run(tmp_path, gesture="nod", fps=Fraction(rate)) for rate in (60, 20))
    assert fine.motion.rate == 60 and coarse.motion.rate == 20
    np.testing.assert_allclose(fine.motion.pose[::3][: len(coarse.motion)], coarse.motion.pose, atol=1e-6)
    np.testing.assert_allclose(fine.motion.points[3], coarse.motion.points[1], atol=1e-5)
