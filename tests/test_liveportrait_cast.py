"""Several portraits: who paints a frame, that it changes seldom and softly, and that all stays in the first one's place."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import contract
import numpy as np
import pytest
from test_liveportrait_canvas import person
from test_liveportrait_head import Counted, differs, shown

from heads import mesh, rigid
from heads.base import Cue, Floats, Portrait
from heads.liveportrait.cast import FADE, LEAST, Cast
from heads.liveportrait.head import LivePortrait
from heads.liveportrait.pace import Plan

JAW = mesh.SHAPE["jawOpen"]
RATE = 30


def turned(yaw: float) -> Floats:
    return rigid.to_matrix(np.radians([0, yaw, 0])).astype(np.float32)


def portrait(yaw: float = 0.0, jaw: float = 0.0) -> Portrait:
    base = person(2)
    shapes = np.zeros(52, np.float32)
    shapes[JAW] = jaw
    return replace(base, face=replace(base.face, pose=turned(yaw), expression=shapes))


def cue(time: float, yaw: float = 0.0, jaw: float = 0.0, blink: float = 0.0) -> Cue:
    shapes = np.zeros(52, np.float32)
    shapes[[JAW, mesh.SHAPE["eyeBlinkLeft"], mesh.SHAPE["eyeBlinkRight"]]] = jaw, blink, blink
    return Cue(time, np.zeros((478, 3), np.float32), shapes, turned(yaw))


def who(cast: Cast, cues: list[Cue]) -> list[int]:
    """Who has the largest share of each frame."""
    return [max(cast.shares(cue), key=lambda one: one[1])[0] for cue in cues]


def test_the_nearest_in_pose_and_expression_paints() -> None:
    three = [portrait(), portrait(yaw=30), portrait(jaw=0.8)]
    cast = Cast(three, cue(0))
    assert cast.distances(cue(0)).argmin() == 0
    assert cast.distances(cue(0, yaw=28)).argmin() == 1
    assert cast.distances(cue(0, jaw=0.9)).argmin() == 2
    # What counts is the change from the neutral face, added to the first portrait.
    shifted = Cast(three, cue(0, yaw=-30))
    assert shifted.distances(cue(0, yaw=-30)).argmin() == 0
    assert shifted.distances(cue(0, yaw=0)).argmin() == 1


def test_it_changes_softly_and_shares_add_up() -> None:
    cast = Cast([portrait(), portrait(yaw=30)], cue(0))
    shares = []
    for index in range(4 * RATE):
        given = dict(cast.shares(cue(index / RATE, yaw=30 * min(1, index / RATE))))
        assert sum(given.values()) == pytest.approx(1)
        assert len(given) <= 2
        shares.append(given.get(1, 0.0))
    assert shares[0] == 0 and shares[-1] == 1
    steps = [b - a for a, b in pairwise(shares)]
    assert min(steps) >= 0, "once is enough"
    assert max(steps) < 2.2 / (FADE * RATE), "no jump"


def test_a_head_that_sways_around_the_middle_does_not_flicker() -> None:
    cast = Cast([portrait(), portrait(yaw=20)], cue(0))
    rng = np.random.default_rng(0)
    sway = [cue(i / RATE, yaw=10 + 2.5 * np.sin(i / 5) + rng.normal()) for i in range(10 * RATE)]
    chosen = who(cast, sway)
    assert sum(a != b for a, b in pairwise(chosen)) <= 1
    nearest = [int(cast.distances(one).argmin()) for one in sway]
    assert sum(a != b for a, b in pairwise(nearest)) > 20, "as it would if the nearest always painted"


def test_a_blink_changes_nobody_and_a_change_lasts() -> None:
    sleepy = portrait()
    shapes = sleepy.face.expression.copy()
    shapes[[mesh.SHAPE["eyeBlinkLeft"], mesh.SHAPE["eyeBlinkRight"]]] = 1
    closed = replace(sleepy, face=replace(sleepy.face, expression=shapes))
    cast = Cast([portrait(), closed], cue(0))
    blinks = [cue(i / RATE, blink=1.0 if i % 60 in (30, 31, 32) else 0.0) for i in range(6 * RATE)]
    assert set(who(cast, blinks)) == {0}
    quick = Cast([portrait(), portrait(yaw=30)], cue(0))
    chosen = who(quick, [cue(i / RATE, yaw=30 if (i // 9) % 2 else 0) for i in range(6 * RATE)])
    changes = [i for i, (a, b) in enumerate(pairwise(chosen)) if a != b]
    assert all(b - a >= LEAST * RATE - 1 for a, b in pairwise(changes))


def test_one_portrait_needs_no_choice() -> None:
    assert Cast([portrait()], cue(0)).shares(cue(3, yaw=50)) == [(0, 1.0)]


def test_others_paint_the_head_and_the_first_one_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = Counted.tiny(0)
    head = LivePortrait(networks)
    rng = np.random.default_rng(5)
    first, second = person(2), person(2)
    other = np.ascontiguousarray(
        np.clip(second.image.astype(int) + rng.integers(-60, 60, second.image.shape), 0, 255), np.uint8
    )
    smiling = replace(second, image=other, face=replace(second.face, pose=turned(25)))
    one, two = head.enroll([first]), head.enroll([first, smiling])
    assert {len(array) for array in two.state.values()} == {2}
    for name, array in one.state.items():
        np.testing.assert_array_equal(array[0], two.state[name][0])
    still = [replace(made, time=index / 25, pose=turned(0)) for index, made in enumerate(contract.cues(4))]
    for a, b in zip(shown(head, one, still), shown(head, two, still), strict=True):
        np.testing.assert_array_equal(a, b, "near the first portrait the others have no say")
    away = [replace(made, time=index / 4, pose=turned(25 * min(1, index))) for index, made in enumerate(contract.cues(6))]
    alone, both = shown(head, one, away), shown(head, two, away)
    assert differs(alone[0], both[0]) == 0
    assert differs(alone[-1], both[-1]) > 0
    height = first.image.shape[0]
    np.testing.assert_array_equal(alone[-1][-height // 12 :], both[-1][-height // 12 :], "shoulders are the first one's")
    monkeypatch.setattr(Plan, "on", lambda _, lookahead: Plan(1, lookahead // 2, 1, 2))
    for a, b in zip(both, shown(head, two, away), strict=True):
        np.testing.assert_array_equal(a, b, "batches under way change nothing")
