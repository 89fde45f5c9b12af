"""The order of the steps between the driver's motion and the keypoints, and what each setting changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from heads.liveportrait import keypoints
from heads.liveportrait.keypoints import EYES, LIP, KeyMotion
from heads.liveportrait.networks import Networks
from heads.liveportrait.settings import Settings
from heads.liveportrait.steering import PARTED, Openings, closed, steered

NETWORKS = Networks.tiny(3)
PLAIN = Settings(stitching=False)


def motions(count: int) -> KeyMotion:
    side = NETWORKS.side
    return NETWORKS.motion(torch.rand(count, 3, side, side, generator=torch.manual_seed(1)))


READ = motions(5)
SOURCE, DRIVING, NEUTRAL = READ[0:1], READ[1:4], READ[4:5]
X_S = keypoints.transform(SOURCE)


def openings(lips: float = 0.2, count: int = 3) -> Openings:
    return Openings(torch.tensor([[0.3, 0.31, lips]]), torch.tensor([[0.1, 0.4]]).expand(count, -1))


def same(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_relative_motion_then_stitching() -> None:
    base = keypoints.follow(SOURCE, DRIVING, NEUTRAL)
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, PLAIN), base)
    joined = keypoints.stitched(base, NETWORKS.stitch(X_S, base))
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, Settings()), joined)
    doubled = X_S + 2 * (joined - X_S)
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, Settings(driving_multiplier=2.0)), doubled)


def test_absolute_motion_is_the_drivers_own() -> None:
    made = steered(NETWORKS, SOURCE, DRIVING, None, PLAIN)
    same(made, keypoints.follow(SOURCE, DRIVING, SOURCE, relative=False))
    assert (made - steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, PLAIN)).abs().max() > 1e-3


def test_a_neutral_driver_gives_the_portraits_keypoints() -> None:
    same(steered(NETWORKS, SOURCE, NEUTRAL, NEUTRAL, PLAIN), X_S)


def test_lips_are_closed_after_stitching_and_only_where_they_are_open() -> None:
    settings = Settings(normalize_lips=True)
    base = steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, Settings())
    offset = NETWORKS.lip(X_S, torch.tensor([[0.2, 0.0]]))
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, settings, openings()), base + offset)
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, settings, openings(lips=PARTED - 0.001)), base)
    same(closed(NETWORKS, X_S, torch.tensor([[0.01]])), torch.zeros(1, 21, 3))
    same(steered(NETWORKS, SOURCE, DRIVING, None, settings, openings()), steered(NETWORKS, SOURCE, DRIVING, None, Settings()))


@pytest.mark.parametrize(("eyes", "lips"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("relative", [True, False])
def test_retargeting_takes_the_place_of_the_drivers_expression_there(eyes: bool, lips: bool, relative: bool) -> None:
    settings, given = Settings(retarget_eyes=eyes, retarget_lips=lips), openings()
    rest = NEUTRAL if relative else SOURCE
    exp = DRIVING.exp.clone()
    kept = [*(EYES if eyes else ()), *(LIP if lips else ())]
    exp[:, kept] = rest.exp[:, kept]
    base = keypoints.follow(SOURCE, replace(DRIVING, exp=exp), rest, relative=relative)
    if eyes:
        base = base + NETWORKS.eyes(X_S, torch.tensor([[0.3, 0.31, 0.1]]))
    if lips:
        base = base + NETWORKS.lip(X_S, torch.tensor([[0.2, 0.4]]))
    wanted = keypoints.stitched(base, NETWORKS.stitch(X_S, base))
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL if relative else None, settings, given), wanted)
    also = replace(settings, normalize_lips=True)
    same(steered(NETWORKS, SOURCE, DRIVING, NEUTRAL if relative else None, also, given), wanted)


def test_the_head_still_turns_while_eyes_are_retargeted() -> None:
    """The original drops all of the driver's motion then."""
    made = steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, Settings(retarget_eyes=True), openings())
    assert (made - made[:1]).abs().max() > 1e-3


def test_expression_friendly_driving_is_the_same_as_pose_friendly() -> None:
    """The factor between them compares hulls of keypoints that relative motion makes equal at the neutral frame."""
    from scipy.spatial import ConvexHull

    first = steered(NETWORKS, SOURCE, NEUTRAL, NEUTRAL, PLAIN)
    factor = (ConvexHull(X_S[0].numpy()).volume / ConvexHull(first[0].numpy()).volume) ** 0.5
    assert factor == pytest.approx(1, abs=1e-5)
    friendly = (steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, PLAIN) - first) * factor + X_S
    same(friendly, steered(NETWORKS, SOURCE, DRIVING, NEUTRAL, PLAIN))
