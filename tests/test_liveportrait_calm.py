"""Jitter of the driver's motion: taken away as measured, with nothing of blinks, speech or their timing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heads import rigid
from heads.liveportrait import track
from heads.liveportrait.calm import Calm
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.networks import Networks

RATE, SECONDS = 30, 12
TIMES = np.arange(RATE * SECONDS) / RATE
STILL, LID, LIP, TURN = 0, 34, 18, 63
"""Channels: a keypoint that does not move, one of a lid, one of the lips, and the head's turning."""
BLINKS = np.arange(2, SECONDS, 3)

Array = NDArray[np.float64]


def performed() -> Array:
    """A head that sways, blinks of a quarter of a second, and lips that move four times a second, some of the time."""
    out = np.zeros((len(TIMES), 70))
    out[:, TURN] = 0.2 * np.sin(2 * np.pi * 0.3 * TIMES)
    out[:, LIP] = 0.02 * np.sin(2 * np.pi * 4 * TIMES) * np.clip(np.sin(2 * np.pi * 0.2 * TIMES), 0, 1)
    for blink in BLINKS:
        out[:, LID] += 0.03 * np.exp(-0.5 * ((TIMES - blink) / 0.06) ** 2)
    return out


def noisy(level: float) -> Array:
    return performed() + level * np.random.default_rng(0).normal(size=(len(TIMES), 70))


def smoothed(track: Array, strength: float, ahead: int) -> Array:
    """What the head would see: `ahead` frames known beyond the present one; 0 is live."""
    calm, out, met = Calm(strength), [], 0
    for index, time in enumerate(TIMES):
        while met < min(len(track), index + 1 + ahead):
            calm.meet(track[met])
            met += 1
        low, high = max(0, index - ahead), min(len(track), index + ahead + 1)
        out.append(
            calm.among(list(track[low:high]), list(TIMES[low:high]), index - low) if ahead else calm.alone(track[index], time)
        )
    return np.array(out)


def jitter(track: Array) -> float:
    """Root mean square of the second differences."""
    return float(np.sqrt((np.diff(track, 2, axis=0) ** 2).mean()))


def lag(made: Array, true: Array) -> int:
    """Frames by which one track is later than another, from their correlation."""
    a, b = true - true.mean(), made - made.mean()
    return int(np.argmax([(np.roll(b, -k) * a).sum() for k in range(-4, 5)])) - 4


@pytest.mark.parametrize("level", [0.0005, 0.002])
def test_with_a_look_ahead_jitter_goes_and_nothing_else(level: float) -> None:
    true, given = performed(), noisy(level)
    made = smoothed(given, 1.0, 5)
    late = slice(RATE, None)  # the noise is known by then
    assert jitter(made[late, STILL]) < 0.35 * jitter(given[late, STILL])
    assert jitter((made - true)[late, TURN]) < 0.65 * jitter((given - true)[late, TURN]), "of a head that moves, too"
    peaks = made[(BLINKS * RATE).astype(int), LID] / 0.03
    assert peaks.mean() > (0.98 if level < 0.001 else 0.88)
    assert lag(made[:, LIP], true[:, LIP]) == 0
    assert (made[:, LIP] @ true[:, LIP]) / (true[:, LIP] @ true[:, LIP]) > (0.96 if level < 0.001 else 0.88)


def test_live_it_costs_no_frame_of_lag() -> None:
    true, given = performed(), noisy(0.001)
    made = smoothed(given, 1.0, 0)
    assert jitter(made[RATE:, STILL]) < 0.45 * jitter(given[RATE:, STILL])
    assert lag(made[:, LIP], true[:, LIP]) == 0
    assert (made[:, LIP] @ true[:, LIP]) / (true[:, LIP] @ true[:, LIP]) > 0.9
    assert np.mean([made[int(b * RATE) - 1 : int(b * RATE) + 4, LID].max() for b in BLINKS]) > 0.9 * 0.03


@pytest.mark.parametrize("ahead", [0, 5])
def test_more_strength_is_calmer_and_a_clean_track_is_left_alone(ahead: int) -> None:
    weak, strong = (smoothed(noisy(0.002), strength, ahead) for strength in (0.5, 2.0))
    assert jitter(strong[RATE:, STILL]) < jitter(weak[RATE:, STILL])
    np.testing.assert_allclose(smoothed(performed(), 1.0, ahead)[:, STILL], 0, atol=1e-12)
    if ahead:
        np.testing.assert_allclose(smoothed(performed(), 1.0, ahead)[:, LID], performed()[:, LID], atol=2e-3)


def test_noise_is_known_after_a_moment_and_forgotten_at_a_gap() -> None:
    calm, given = Calm(1.0), noisy(0.002)
    for row in given[:4]:
        calm.meet(row)
    assert not calm.noise().any(), "too little is known"
    for row in given[4:200]:
        calm.meet(row)
    assert np.median(calm.noise()[:60]) == pytest.approx(0.002, rel=0.2)
    known = calm.noise().copy()
    calm.parted()
    calm.meet(given[200] + 5)
    calm.meet(given[201] + 5)
    np.testing.assert_array_equal(calm.noise(), known)


def motions(count: int) -> KeyMotion:
    networks = Networks.tiny(0)
    return networks.motion(torch.rand(count, 3, networks.side, networks.side, generator=torch.manual_seed(0)))


def test_a_change_says_all_that_differs() -> None:
    read = motions(2)
    rest, other = read[0:1], read[1:2]
    by = track.change(other, rest)
    assert by.shape == (70,) and track.GROUPS.shape == (70,)
    back = track.changed(rest, by)
    for name in ("exp", "rotation", "t", "scale"):
        torch.testing.assert_close(getattr(back, name), getattr(other, name), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(track.change(rest, rest), 0, atol=1e-7)


def test_strength_acts_on_expression_and_pose_apart() -> None:
    read = motions(2)
    rest, other = read[0:1], read[1:2]
    by = track.change(other, rest)
    calm = track.changed(rest, track.strengthened(by, (2.0, 0.0)))
    torch.testing.assert_close(calm.rotation, rest.rotation, atol=1e-6, rtol=0)
    torch.testing.assert_close(calm.t, rest.t)
    torch.testing.assert_close(calm.exp - rest.exp, 2 * (other.exp - rest.exp), atol=1e-6, rtol=1e-4)
    half = track.changed(rest, track.strengthened(by, (0.0, 0.5)))
    whole = rigid.to_vector((other.rotation[0] @ rest.rotation[0].T).numpy())
    np.testing.assert_allclose(rigid.to_vector((half.rotation[0] @ rest.rotation[0].T).numpy()), whole / 2, atol=1e-4)
    torch.testing.assert_close(half.scale, (rest.scale * other.scale).sqrt(), atol=1e-5, rtol=1e-5)
