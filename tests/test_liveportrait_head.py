"""The neural head with small networks, and with an oracle that paints the portrait itself: geometry, settings, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, cast

import contract
import cv2
import numpy as np
import pytest
import torch
from test_liveportrait_canvas import person
from torch import Tensor

from heads.base import Cue, HeadError, Identity, Image, Portrait
from heads.liveportrait import openings
from heads.liveportrait.head import LivePortrait
from heads.liveportrait.networks import Networks
from heads.liveportrait.pace import Plan
from heads.liveportrait.sizes import TINY


class Oracle(Networks):
    """Networks that paint what they were shown last, as true ones nearly do for a portrait that does not move."""

    shown: Tensor

    def features(self, images: Tensor) -> Tensor:
        self.shown = torch.nn.functional.interpolate(images, scale_factor=2, mode="bicubic").clamp(0, 1)
        return super().features(images)

    def render(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        return self.shown.expand(len(x_d), -1, -1, -1)


class Counted(Networks):
    """Networks that remember how many frames they painted at once, and run out of memory beyond a limit."""

    limit = 1000

    def render(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        self.sizes_seen.append(len(x_d))
        if len(x_d) > self.limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return super().render(features, x_s, x_d)

    @property
    def sizes_seen(self) -> list[int]:
        return self.__dict__.setdefault("_sizes_seen", [])  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def head() -> LivePortrait:
    return LivePortrait.tiny(0)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return person()


@pytest.fixture(scope="module")
def identity(head: LivePortrait, portrait: Portrait) -> Identity:
    return head.enroll([portrait])


def shown(head: LivePortrait, identity: Identity, cues: Sequence[Cue], **more: Any) -> list[Image]:
    """The frames of a performance whose first cue is neutral, or another one that is given."""
    neutral = more.pop("neutral", cues[0])
    return list(head.animate(identity, neutral, iter(cues), **more))


def differs(some: Image, other: Image) -> float:
    return float(np.abs(some.astype(int) - other).mean())


def test_an_oracles_frame_is_the_portrait(portrait: Portrait) -> None:
    # Made-up weights would stitch the head to another place.
    head = LivePortrait(Oracle.tiny(0)).adjusted({"stitching": False})
    identity = head.enroll([portrait])
    frames = shown(head, identity, contract.cues(1))
    difference = np.abs(frames[0].astype(int) - portrait.image)
    # 64 pixels show four to five of the portrait's in one; the matte says where.
    assert difference.mean() < 3
    outside = cv2.distanceTransform((portrait.matte < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > 40
    assert outside.any()
    np.testing.assert_array_equal(frames[0][outside], portrait.image[outside])
    factor, addition = identity.state["colour"][0]
    np.testing.assert_allclose(factor, 1, atol=0.15)
    np.testing.assert_allclose(addition, 0, atol=0.06)


def test_colours_are_matched_once_for_all_frames(portrait: Portrait) -> None:
    class Tinted(Oracle):
        def render(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
            tint = torch.tensor([0.9, 0.8, 1.0])[:, None, None]
            return (super().render(features, x_s, x_d) * tint + 0.05).clamp(0, 1)

    head = LivePortrait(Tinted.tiny(0))
    identity = head.enroll([portrait])
    frame = shown(head, identity, contract.cues(1))[0]
    inside = portrait.matte > 0.95
    means = [picture[inside].mean(0) for picture in (frame, portrait.image)]
    np.testing.assert_allclose(means[0], means[1], atol=2.0)


def test_an_identity_is_arrays_for_each_portrait(identity: Identity) -> None:
    state = identity.state
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}
    assert {len(array) for array in state.values()} == {1}
    assert state["features"].shape == (1, TINY.channels, TINY.depth, TINY.map, TINY.map)
    assert state["kp"].shape == state["exp"].shape == (1, 21, 3)


def test_the_same_head_can_be_adjusted(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(3)
    plain = shown(head, identity, cues)
    still = shown(head.adjusted({"driving_multiplier": 0.0}), identity, cues)
    assert differs(still[2], still[0]) == 0
    assert differs(plain[2], plain[0]) > 0
    calm = shown(head.adjusted({"driving_multiplier": 0.5}), identity, cues)
    assert 0 < differs(calm[2], calm[0]) < differs(plain[2], plain[0])
    assert differs(shown(head.adjusted({"stitching": False}), identity, cues)[2], plain[2]) > 0
    np.testing.assert_array_equal(shown(head, identity, cues)[2], plain[2])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"region": "nose"}, r"region is 'nose'\. It is one of all, exp"),
        ({"driving_multiplier": 3.0}, r"driving_multiplier is 3.0\. It is a number from 0 to 2"),
        ({"smooth": -1.0}, r"smooth is -1.0\. It is a number from 0 to 4"),
        ({"stitching": "yes"}, r"stitching is 'yes'\. It is either on or off"),
        ({"hair": True}, r"the setting 'hair'\. It has smooth, stitching"),
    ],
)
def test_settings_that_are_none_are_refused(head: LivePortrait, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(HeadError, match=says):
        head.adjusted(settings)


def test_regions_take_their_part_of_the_motion(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(2)
    frames = {
        region: shown(head.adjusted({"region": region}), identity, cues) for region in ("all", "exp", "pose", "lip", "eyes")
    }
    moved = {region: differs(made[1], made[0]) for region, made in frames.items()}
    assert all(change > 0 for change in moved.values())
    assert len({made[1].tobytes() for made in frames.values()}) == len(frames)


@pytest.mark.parametrize("setting", ["retarget_eyes", "retarget_lips", "normalize_lips"])
def test_openings_come_from_landmarks(head: LivePortrait, portrait: Portrait, setting: str) -> None:
    points = portrait.face.points.copy()
    points[14, 1] += 12  # lips that the portrait shows open
    parted = replace(portrait, face=replace(portrait.face, points=points))
    assert openings.openings(points)[2] > 0.03
    identity, cues = head.enroll([parted]), contract.cues(2)
    plain, made = (shown(one, identity, cues) for one in (head, head.adjusted({setting: True})))
    assert differs(plain[1], made[1]) > 0
    # The same pictures with other landmarks: only the openings differ.
    other = [replace(cue, points=cues[0].points) for cue in cues]
    again = shown(head.adjusted({setting: True}), identity, other)
    assert (differs(made[1], again[1]) > 0) == (setting != "normalize_lips")


def test_the_driver_as_he_is_where_there_is_no_picture_of_his_rest(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(3)
    nobody = replace(cues[0], crop=None, crop_points=None)
    relative, absolute = shown(head, identity, cues), shown(head, identity, cues, neutral=nobody)
    assert differs(relative[0], absolute[0]) > 0, "his first frame is not the portrait's"
    none = [replace(cue, strength=(0.0, 0.0)) for cue in cues]
    assert differs(shown(head, identity, none, neutral=nobody)[2], shown(head, identity, none)[2]) < 0.01


def test_strength_says_how_much_of_a_picture_is_meant(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(2)
    whole = shown(head, identity, cues)
    none = shown(head, identity, [replace(cue, strength=(0.0, 0.0)) for cue in cues])
    half = shown(head, identity, [replace(cue, strength=(0.5, 0.5)) for cue in cues])
    assert differs(none[1], whole[0]) < 0.05
    assert 0 < differs(half[1], whole[0]) < differs(whole[1], whole[0])


def test_a_performance_without_pictures_is_refused(head: LivePortrait, identity: Identity) -> None:
    blind = [replace(cue, crop=None) for cue in contract.cues(2)]
    with pytest.raises(HeadError, match=r"no picture of the driver at 0.00 s.*Drive it with a clip"):
        shown(head, identity, blind)


def test_a_gap_is_led_over_as_soon_as_its_end_is_seen(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(9)
    gap = [replace(cue, crop=None) if 3 <= index < 6 else cue for index, cue in enumerate(cues)]
    seen, blind = shown(head, identity, gap), shown(head, identity, gap, lookahead=0)
    np.testing.assert_array_equal(seen[6], blind[6])
    for index in (3, 4, 5):
        np.testing.assert_array_equal(blind[index], blind[2], "nothing is known live")
    steps = [differs(b, a) for a, b in pairwise(seen[2:7])]
    assert max(steps) < 0.6 * differs(seen[6], seen[2]), "no step is the whole way"


def test_a_face_that_comes_late_finds_the_portrait_at_rest(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(4)
    late = [replace(cue, found=False) if index < 2 else cue for index, cue in enumerate(cues)]
    frames = shown(head, identity, late)
    np.testing.assert_array_equal(frames[0], shown(head, identity, cues)[0])
    np.testing.assert_array_equal(frames[1], frames[0])
    np.testing.assert_array_equal(frames[2], shown(head, identity, cues)[2])


def test_the_look_ahead_changes_no_bits_on_a_cpu(head: LivePortrait, identity: Identity) -> None:
    cues = contract.cues(3)
    for lookahead in (0, 2):
        for one, other in zip(shown(head, identity, cues, lookahead=lookahead), shown(head, identity, cues), strict=True):
            np.testing.assert_array_equal(one, other)


def shaken(count: int) -> list[Cue]:
    """A driver that keeps still before a noisy camera."""
    rng, (cue, *_) = np.random.default_rng(3), contract.cues(1)
    assert cue.crop is not None
    out = []
    for index in range(count):
        grain = rng.normal(0, 12, cue.crop.shape)
        out.append(replace(cue, time=index / 30, crop=np.clip(cue.crop + grain, 0, 255).astype(np.uint8)))
    return out


@pytest.mark.parametrize("lookahead", [0, 16])
def test_smoothing_calms_a_noisy_camera(head: LivePortrait, identity: Identity, lookahead: int) -> None:
    def unrest(strength: float) -> float:
        made = shown(head.adjusted({"smooth": strength}), identity, shaken(18), lookahead=lookahead)
        return float(np.mean([differs(b, a) for a, b in pairwise(made[10:])]))

    assert unrest(1.0) < 0.75 * unrest(0.0)


def test_batches_are_as_large_as_the_look_ahead_and_smaller_where_memory_ends(
    portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU; here its name stands for one."""
    networks = cast(Counted, Counted.tiny(0))
    head = LivePortrait(networks)
    identity, cues = head.enroll([portrait]), contract.cues(9)
    alone = shown(head, identity, cues, lookahead=8)
    assert set(networks.sizes_seen) == {1}
    monkeypatch.setattr(Plan, "on", lambda device, lookahead: Plan(lookahead, lookahead, 0, 1))
    networks.sizes_seen.clear()
    together = shown(head, identity, cues, lookahead=8)
    assert networks.sizes_seen == [8, 1]
    assert max(differs(a, b) for a, b in zip(alone, together, strict=True)) < 0.1
    networks.sizes_seen.clear()
    monkeypatch.setattr(Counted, "limit", 3)
    fewer = shown(head, identity, cues, lookahead=8)
    assert networks.sizes_seen == [8, 4, 2, 2, 2, 2, 1]
    assert max(differs(a, b) for a, b in zip(together, fewer, strict=True)) < 0.1


def test_a_portrait_that_does_not_fit_is_told(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    head = LivePortrait(cast(Counted, Counted.tiny(0)))
    monkeypatch.setattr(Counted, "limit", 0)
    with pytest.raises(HeadError, match=r"out of memory with this head alone .*--precision fp16"):
        head.enroll([portrait])


def test_batches_under_way_change_nothing(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU's plan does, one frame at a time: the same pixels, where the face is lost too, and no cue too early."""
    head = LivePortrait.tiny(0)
    identity, cues = head.enroll([portrait]), contract.cues(9)
    gap = [replace(cue, found=index not in (0, 4, 5, 8)) for index, cue in enumerate(cues)]
    plain = {lookahead: shown(head, identity, gap, lookahead=lookahead) for lookahead in (0, 3, 8)}
    monkeypatch.setattr(Plan, "on", partial(_one_by_one, Plan.on))
    for lookahead, before in plain.items():
        after = shown(head, identity, gap, lookahead=lookahead)
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    contract._check_live(head, identity, cues)


def _one_by_one(plan: Callable[[str, int], Plan], device: str, lookahead: int) -> Plan:
    return replace(plan("cuda", lookahead), batch=1)


def test_closing_stops_the_work_at_once(portrait: Portrait) -> None:
    networks = cast(Counted, Counted.tiny(0))
    head = LivePortrait(networks)
    identity, cues = head.enroll([portrait]), contract.cues(9)
    networks.sizes_seen.clear()
    frames: Iterator[Image] = head.animate(identity, cues[0], iter(cues))
    with closing(frames):  # type: ignore[type-var]
        next(frames)
    assert networks.sizes_seen == [1], "of eight known cues one was painted"


@pytest.mark.slow
def test_a_long_performance_takes_no_more_memory_or_time(head: LivePortrait, identity: Identity) -> None:
    """Ten minutes at 30 frames per second would be 18,000 frames; 800 show whether anything grows."""
    import resource
    import time

    cues = contract.cues(9)
    endless = (replace(cues[index % 9], time=index / 30) for index in range(800))
    peaks, spent = [], []
    began = time.process_time()
    smooth = head.adjusted({"smooth": 1.0, "retarget_eyes": True})
    for index, _ in enumerate(smooth.animate(identity, cues[0], endless, lookahead=16), 1):
        if index % 200 == 0:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            spent.append(time.process_time() - began)
            began = time.process_time()
    assert peaks[-1] - peaks[0] < 8_000, f"kB: {peaks}"
    assert spent[-1] < 1.5 * spent[0], f"seconds for each 200 frames: {spent}"
