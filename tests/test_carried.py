"""What a portrait cannot carry is held back, softly, and the report says when, how much and why."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import weights
from examples.people import Person, Rendering, render
from gioconda.carried import carried
from gioconda.job import Job
from gioconda.performance import Performance
from heads import paste
from heads.base import Cue, Face, Motion, Portrait
from heads.warp.head import Warp
from heads.warp.transfer import TURN

SHAPES = np.zeros(52, np.float32)
RATE = Fraction(25)


@pytest.fixture(scope="module")
def warp() -> Warp:
    return Warp.from_files({"headmodel.safetensors": weights.path("headmodel.safetensors")})


def portrait(yaw: float = 0.0) -> Portrait:
    seen = render(Person.random(3), size=(256, 256), yaw=yaw, expression=SHAPES)
    return Portrait(seen.image, Face(seen.points, SHAPES, seen.pose), paste.align(seen.points), seen.matte, "0" * 64)


@pytest.fixture(scope="module")
def turns() -> dict[int, Rendering]:
    return {yaw: render(Person.random(1), size=(200, 200), yaw=float(yaw), expression=SHAPES) for yaw in (0, 20, 60)}


def performance(turns: dict[int, Rendering], yaws: list[int]) -> Performance:
    align = paste.align(turns[0].points)
    points = np.stack([paste.apply(align, turns[yaw].points) for yaw in yaws])
    poses = np.stack([turns[yaw].pose for yaw in yaws])
    count = len(yaws)
    motion = Motion(
        np.arange(count) / 25, RATE, 1 / RATE, points, np.zeros((count, 52), np.float32), poses, np.ones(count, bool)
    )
    return Performance(motion, motion.cue(0))


def test_a_quiet_driver_is_carried_whole(warp: Warp, turns: dict[int, Rendering]) -> None:
    told = carried(Job(portraits=["x"]), warp, warp.enroll([portrait()]), performance(turns, [0, 20, 0]))
    assert told.report["held_back"] == []
    assert told.notes == ()


def test_a_far_turn_is_held_back_and_told(warp: Warp, turns: dict[int, Rendering]) -> None:
    told = carried(Job(portraits=["x"]), warp, warp.enroll([portrait()]), performance(turns, [0] * 25 + [60] * 5))
    (entry,) = [e for e in told.report["held_back"] if e["motion"] == "turn"]
    assert 45 < entry["asked"] < 70
    assert entry["shown"] <= np.degrees(TURN[1])
    assert entry["seconds"] == [[1.0, 1.16]]
    (note,) = [n for n in told.notes if "turns" in n]
    assert note.startswith("From 1.0 s to 1.2 s the driver's head turns up to")
    assert "because one picture does not show more of a head" in note


def test_half_the_strength_is_carried(warp: Warp, turns: dict[int, Rendering]) -> None:
    job = Job(portraits=["x"], pose_strength=0.3)
    assert carried(job, warp, warp.enroll([portrait()]), performance(turns, [0, 60])).report["held_back"] == []


def test_a_portrait_that_looks_aside_carries_less(warp: Warp, turns: dict[int, Rendering]) -> None:
    shown = []
    for yaw in (0.0, 35.0):
        (entry,) = [
            e
            for e in carried(Job(portraits=["x"]), warp, warp.enroll([portrait(yaw)]), performance(turns, [0, 60])).report[
                "held_back"
            ]
            if e["motion"] == "turn"
        ]
        shown.append(entry["shown"])
    assert shown[1] < 0.75 * shown[0]


def test_less_is_done_softly_and_without_an_end(warp: Warp) -> None:
    """More of a driver's turn never gives less of the portrait's, and the same holds for shifting."""
    front = portrait()
    identity = warp.enroll([front])
    points = paste.apply(front.align, front.face.points)
    neutral = Cue(0.0, points, SHAPES, front.face.pose)
    far = [Cue(float(d), points + np.array([d, 0, 0], np.float32), SHAPES, front.face.pose) for d in (0.1, 0.3, 0.6, 2.0)]
    limits = list(warp.limits(identity, neutral, iter(far)))
    shown = [limit.shown for limit in limits if limit.motion == "shift"]
    assert len(shown) >= 2
    assert shown == sorted(shown)
    assert shown[-1] <= 1.0
