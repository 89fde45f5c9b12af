"""Gestures: calm at both ends, the same at every rate, never frozen, never jumping, lids that shut and mouths that smile."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from gioconda.errors import DrivingError, SettingError
from gioconda.faces.pose import angles, pose
from gioconda.gestures import GESTURES, MAX_SECONDS, perform
from gioconda.gestures.face import LID_PAIRS, LIP_PAIRS, Puppet
from gioconda.gestures.speech import CONSONANTS, syllables
from gioconda.motion import load, save
from heads.base import Motion
from heads.headmodel import HeadModel
from heads.mesh import LEFT_IRIS, RIGHT_IRIS, SHAPE, eye_distance

NAMES = list(GESTURES)
LIMITS = {"nod": (3.0, 11.0, 3.0), "shake": (12.0, 4.0, 4.0)}
"""Degrees of yaw, pitch and roll that a gesture of the head may reach; the others keep within GENTLE."""
GENTLE = (10.0, 6.0, 5.0)
STEP = Fraction(60)
"""Frames per second at which speeds are measured."""


@pytest.fixture(scope="module")
def model() -> HeadModel:
    """The model that ships."""
    return HeadModel.from_arrays(load_file(Path(__file__).parents[1] / "weights" / "headmodel.safetensors"))


def rows(motion: Motion) -> NDArray[np.float64]:
    """All landmarks of a performance in distances between the outer eye corners."""
    points = np.asarray(motion.points[: len(motion)], np.float64)
    return np.divide(points, eye_distance(points[0]))


def shaped(model: HeadModel, **weights: float) -> NDArray[np.float64]:
    """Landmarks of the puppet with these blendshapes; a name without a side means both."""
    expression = np.zeros((1, len(SHAPE)))
    for name, weight in weights.items():
        for full in (name,) if name in SHAPE else (f"{name}Left", f"{name}Right"):
            expression[0, SHAPE[full]] = weight
    return np.asarray(Puppet(model).shape(expression)[0])


def gaps(points: NDArray[np.float64], pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """How far the lower landmarks of pairs lie below the upper ones."""
    return np.asarray(points[..., pairs[:, 1], 1] - points[..., pairs[:, 0], 1])


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_neutral_and_is_sound(name: str, model: HeadModel) -> None:
    motion = perform(name, model)
    assert motion.neutral == 0
    assert not motion.expression[0].any()
    assert np.array_equal(motion.pose[0], np.eye(3))
    points = motion.points[: len(motion)]
    assert points.shape == (len(motion), 478, 3)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert motion.expression.dtype == np.float32
    assert motion.expression.min() >= 0
    assert motion.expression.max() <= 1
    assert np.abs(motion.pose @ motion.pose.swapaxes(1, 2) - np.eye(3)).max() < 1e-5
    assert motion.found.all()
    assert len(motion) == round(GESTURES[name].seconds * 30)
    assert np.array_equal(points[17], motion.points[17])
    assert np.array_equal(points[-1], motion.points[-1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_end_goes_on_into_the_beginning(name: str, seed: int, model: HeadModel) -> None:
    motion = perform(name, model, rate=STEP, seed=seed)
    points = np.stack([motion.points[index] for index in (0, 1, -1)]).astype(np.float64)
    points /= eye_distance(points[0])
    assert np.abs(points[-1] - points[0]).max() < 0.004, "the last frame is one step away from the first"
    ahead, behind = points[1] - points[0], points[0] - points[-1]
    assert np.abs(ahead - behind).max() < 0.003, "the motion is carried on, not only the place"
    assert motion.expression[-1].max() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_every_rate_samples_the_same_performance(name: str, model: HeadModel) -> None:
    slow, fast = perform(name, model, rate=Fraction(30)), perform(name, model, rate=Fraction(60))
    assert np.allclose(slow.times, fast.times[::2], atol=1e-12)
    for index in range(0, len(slow), 7):
        assert np.allclose(slow.points[index], fast.points[2 * index], atol=1e-6)
    assert np.allclose(slow.expression, fast.expression[::2], atol=1e-6)
    ntsc = perform(name, model, rate=Fraction(30000, 1001))
    assert ntsc.rate == Fraction(30000, 1001)
    ticks = ntsc.times / float(ntsc.clock)
    assert np.abs(ticks - np.arange(len(ntsc))).max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_nothing_jumps_and_nothing_freezes(name: str, model: HeadModel) -> None:
    motion = perform(name, model, rate=STEP)
    speed = np.linalg.norm(np.diff(rows(motion), axis=0), axis=-1) * float(STEP)
    assert speed[:, :468].max() < 4.0, "the fastest thing in a face is a lid: 0.12 eye distances in 80 ms"
    assert speed[:, 4].max() < 3.0
    assert speed.max(1).min() > 0.003, "something moves in every frame"
    still = np.convolve(speed[:, 4], np.ones(18) / 18, "valid")
    assert still.min() > 0.004, "the head is never held still for 0.3 s"


@pytest.mark.parametrize("name", NAMES)
def test_the_head_turns_gently(name: str, model: HeadModel) -> None:
    for seed in range(3):
        turns = np.array([angles(rotation) for rotation in perform(name, model, seed=seed).pose])
        assert (np.abs(turns).max(0) < LIMITS.get(name, GENTLE)).all()
        assert np.ptp(turns, axis=0).max() > 0.8


@pytest.mark.parametrize("name", ["nod", "shake", "wink"])
def test_the_landmarks_are_turned_as_the_pose_says(name: str, model: HeadModel) -> None:
    motion = perform(name, model)
    seen = np.array([angles(rotation) for rotation in pose(motion.points[: len(motion)])])
    told = np.array([angles(rotation) for rotation in motion.pose])
    assert np.abs(seen - seen[0] - told).max() < 1.5


@pytest.mark.parametrize("name", NAMES)
def test_chance_comes_from_the_seed(name: str, model: HeadModel) -> None:
    one, same, other = perform(name, model, seed=3), perform(name, model, seed=3), perform(name, model, seed=4)
    assert np.array_equal(one.expression, same.expression)
    middle = len(one) // 2
    assert np.array_equal(one.points[middle], same.points[middle])
    assert np.abs(one.points[10:40] - other.points[10:40]).max() > 0.002


@pytest.mark.parametrize("name", ["idle", "smile", "speak", "living"])
def test_eyes_blink_and_shut(name: str, model: HeadModel) -> None:
    motion = perform(name, model, rate=Fraction(25))
    blinks = motion.expression[:, [SHAPE["eyeBlinkLeft"], SHAPE["eyeBlinkRight"]]].min(1)
    count = ((blinks[1:] > 0.5) & (blinks[:-1] <= 0.5)).sum()
    assert 0.15 < count / GESTURES[name].seconds < 0.75, "blinks a second"
    shut = int(blinks.argmax())
    assert blinks[shut] > 0.98
    upright = motion.points[shut].astype(np.float64) @ motion.pose[shut]
    assert np.abs(gaps(upright, LID_PAIRS)).max() / eye_distance(upright) < 0.004


def test_lids_meet_whatever_else_the_eye_does(model: HeadModel) -> None:
    assert gaps(shaped(model), LID_PAIRS).min() > 0.03, "open at rest"
    for others in ({}, {"eyeSquint": 1.0, "cheekSquint": 1.0}, {"eyeWide": 1.0}, {"eyeLookDown": 1.0}, {"eyeLookUp": 1.0}):
        assert np.abs(gaps(shaped(model, eyeBlink=1.0, **others), LID_PAIRS)).max() < 1e-6, others
        half = gaps(shaped(model, eyeBlink=0.5, **others), LID_PAIRS)
        assert (half >= 0).all()
        assert half.max() < 0.75 * gaps(shaped(model, **others), LID_PAIRS).max()


def test_closing_consonants_close_the_lips(model: HeadModel) -> None:
    vowel = gaps(shaped(model, jawOpen=0.4), LIP_PAIRS)[4]
    assert vowel > 0.1
    for consonant in "mb":
        assert gaps(shaped(model, **CONSONANTS[consonant]), LIP_PAIRS).max() < 0.012


def test_eyes_look_where_they_should(model: HeadModel) -> None:
    rest = shaped(model)
    for iris, to_right in ((LEFT_IRIS, "eyeLookOutLeft"), (RIGHT_IRIS, "eyeLookInRight")):
        moved = (shaped(model, **{to_right: 1.0}) - rest)[list(iris)]
        assert (moved[:, 0] > 0.03).all(), "the subject's left is at picture right"
        assert 0.06 < moved[0, 0] < 0.10
    assert ((shaped(model, eyeLookDown=1.0) - rest)[[LEFT_IRIS[0], RIGHT_IRIS[0]], 1] > 0.05).all()
    assert ((shaped(model, eyeLookUp=1.0) - rest)[[LEFT_IRIS[0], RIGHT_IRIS[0]], 1] < -0.05).all()
    sideways = shaped(model, eyeLookOutLeft=0.7)
    before = np.linalg.norm(rest[LEFT_IRIS[1]] - rest[LEFT_IRIS[0]])
    assert np.linalg.norm(sideways[LEFT_IRIS[1]] - sideways[LEFT_IRIS[0]]) == pytest.approx(before), "an iris is rigid"


def test_a_nod_keeps_the_eyes_on_the_viewer(model: HeadModel) -> None:
    motion = perform("nod", model)
    pitch = np.array([angles(rotation)[1] for rotation in motion.pose])
    up = motion.expression[:, SHAPE["eyeLookUpLeft"]]
    assert up[int(pitch.argmax())] > 0.2
    assert np.corrcoef(np.maximum(pitch, 0), up)[0, 1] > 0.9


def test_a_smile_lifts_the_corners_and_reaches_the_eyes(model: HeadModel) -> None:
    motion = perform("smile", model)
    points = rows(motion)
    upright = points @ motion.pose.astype(np.float64)
    width = np.linalg.norm(upright[:, 61] - upright[:, 291], axis=-1)
    lift = (upright[:, [61, 291], 1] - upright[:, [4], 1]).mean(1)
    assert width.max() > 1.15 * width[0]
    assert lift.min() < lift[0] - 0.08
    held = int(width.argmax())
    assert motion.expression[held, SHAPE["cheekSquintLeft"]] > 0.3
    mouth, brow = motion.expression[:, SHAPE["mouthSmileLeft"]], motion.expression[:, SHAPE["browInnerUp"]]
    assert np.argmax(brow > 0.1) < np.argmax(mouth > 0.3), "brows precede the mouth"
    assert abs(motion.expression[held, SHAPE["mouthSmileLeft"]] - motion.expression[held, SHAPE["mouthSmileRight"]]) > 0.01


def test_a_wink_is_one_eye(model: HeadModel) -> None:
    motion = perform("wink", model)
    left, right = (motion.expression[:, SHAPE[f"eyeBlink{side}"]] for side in ("Left", "Right"))
    at = int(np.abs(left - right).argmax())
    assert max(left[at], right[at]) > 0.98
    assert min(left[at], right[at]) < 0.3


def test_nod_and_shake_turn_the_head_back_and_forth(model: HeadModel) -> None:
    for name, axis in (("nod", 1), ("shake", 0)):
        turn = np.array([angles(rotation)[axis] for rotation in perform(name, model).pose])
        turn = turn[np.abs(turn) > 1.5] if name == "shake" else turn - 2.5
        assert np.count_nonzero(np.diff(np.sign(turn))) >= 3, name


def test_speech_opens_and_closes_the_mouth_in_the_rhythm_of_talk(model: HeadModel) -> None:
    motion = perform("speak", model, seconds=20.0, rate=STEP)
    gap = gaps(rows(motion) @ motion.pose.astype(np.float64), LIP_PAIRS)[:, 4]
    assert gap.max() > 0.10
    assert np.percentile(gap, 15) < 0.02
    power = np.abs(np.fft.rfft(gap - gap.mean())) ** 2
    hertz = np.fft.rfftfreq(len(gap), 1 / float(STEP))
    assert power[(hertz > 2) & (hertz < 8)].sum() > 0.35 * power[hertz > 0.5].sum(), "syllables, not only phrases"


def test_syllables_follow_one_another() -> None:
    spoken = syllables(30.0, np.random.default_rng(1))
    starts = np.array([one.start for one in spoken])
    ends = starts + [one.seconds for one in spoken]
    assert (starts[1:] >= ends[:-1] - 1e-9).all()
    assert ends[-1] < 30
    assert 60 < len(spoken) < 140


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [0.02, 0.7, 2.0, 31.0])
def test_any_length(name: str, seconds: float, model: HeadModel) -> None:
    motion = perform(name, model, seconds=seconds)
    assert len(motion) == max(1, round(seconds * 30))
    assert np.isfinite(motion.points[-1]).all()
    assert not motion.expression[0].any()
    if seconds == 31:
        late = motion.expression[len(motion) // 2 :]
        assert late.std(0).max() > 0.05, "the second half is played too"


def test_an_hour_takes_no_memory_for_landmarks(model: HeadModel) -> None:
    motion = perform("idle", model, seconds=MAX_SECONDS, rate=Fraction(2))
    assert not isinstance(motion.points, np.ndarray)
    assert motion.points.shape == (7200, 478, 3)
    with pytest.raises(IndexError):
        motion.points[7200]


def test_it_is_a_motion_like_any_other(model: HeadModel, tmp_path: Path) -> None:
    motion = perform("wink", model, rate=Fraction(25))
    save(motion, tmp_path / "wink.safetensors")
    again = load(tmp_path / "wink.safetensors")
    assert again.rate == 25
    assert again.neutral == 0
    assert np.array_equal(again.points[: len(again)], motion.points[: len(motion)])


def test_what_is_refused(model: HeadModel) -> None:
    with pytest.raises(DrivingError) as unknown:
        perform("frown", model)
    assert all(name in str(unknown.value) for name in ("frown", *NAMES))
    for wrong in (0.0, -1.0, float("nan"), MAX_SECONDS + 1):
        with pytest.raises(SettingError):
            perform("idle", model, seconds=wrong)
    with pytest.raises(SettingError):
        perform("idle", model, rate=Fraction(0))
    with pytest.raises(SettingError):
        perform("idle", model, seed=-1)
