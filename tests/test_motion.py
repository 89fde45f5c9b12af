"""Performances: recorded without lag, held where the face is lost, retargeted, resampled, saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import contract
import numpy as np
import pytest
from safetensors.numpy import save_file

from gioconda import motion
from gioconda.errors import DrivingError, SettingError
from gioconda.record import Recorded, Recorder
from heads import mesh, rigid
from heads.base import Cue, Face, Motion

RATE = Fraction(30000, 1001)


def face(
    shapes: dict[str, float], turn: tuple[float, float, float] = (0, 0, 0), shift: float = 0.0, noise: np.ndarray | float = 0.0
) -> Face:
    """The mean head with an expression, turned (radians) and shifted (pixels), 120 pixels between the eyes' outer corners."""
    weights = np.zeros(52, np.float32)
    for name, value in shapes.items():
        weights[mesh.SHAPE[name]] = value
    rotation = rigid.to_matrix(np.array(turn)).astype(np.float32)
    points = 120 * (MODEL.landmark_mean + np.tensordot(weights, MODEL.landmark_units, 1)) @ rotation.T + [256 + shift, 240, 0]
    return Face((points + noise).astype(np.float32), weights, rotation)


MODEL = contract.model()


def record(
    folder: Path, faces: Sequence[Face | None], *, strength: float = 1.0, rest: Face | None = None, neutral: float | None = None
) -> Recorded:
    recorder = Recorder(folder, RATE, Fraction(1, 30000))
    for i, one in enumerate(faces):
        recorder.add(1001 * i, one)
    return recorder.finish(rest, strength=strength, neutral=neutral)


def in_pixels(recorded: Recorded) -> np.ndarray:
    back = np.linalg.inv(np.vstack([recorded.align, [0, 0, 1]]))
    points = recorded.motion.points[: len(recorded.motion)]
    return points[..., :2] @ back[:2, :2].T + back[:2, 2]


def test_what_was_tracked_comes_back_exactly_without_smoothing(tmp_path: Path) -> None:
    faces = [face({"jawOpen": 0.02 * i}, (0, 0.01 * i, 0), shift=i) for i in range(20)]
    recorded = record(tmp_path, faces, strength=0)
    np.testing.assert_allclose(in_pixels(recorded), np.stack([f.points[:, :2] for f in faces]), atol=0.02)
    assert recorded.lost == ()
    assert [round(Fraction(t) / recorded.motion.clock) for t in recorded.motion.times] == [1001 * i for i in range(20)]


def test_smoothing_takes_noise_away_and_keeps_a_blink(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lid = np.concatenate([np.zeros(40), [0.4, 0.9, 1.0, 0.8, 0.5, 0.2], np.zeros(40)])
    clean = [face({"eyeBlinkLeft": float(x)}) for x in lid]
    noisy = [face({"eyeBlinkLeft": float(x)}, noise=rng.normal(0, 0.35, (478, 3))) for x in lid]
    for folder in ("raw", "calm"):
        (tmp_path / folder).mkdir()
    raw, calm = record(tmp_path / "raw", noisy, strength=0, neutral=0.3), record(tmp_path / "calm", noisy, neutral=0.3)
    truth = np.stack([f.points[:, :2] for f in clean])

    def jitter(recorded: Recorded) -> float:
        return float(np.abs(np.diff(in_pixels(recorded)[6:38], 2, axis=0)).mean())

    assert jitter(calm) < 0.4 * jitter(raw)
    assert np.abs(in_pixels(calm) - truth).mean() < 0.6 * np.abs(in_pixels(raw) - truth).mean()
    # The lid at the bottom of the blink, frame 42, is where it was.
    assert np.abs(in_pixels(calm)[42, 386] - truth[42, 386]).max() < 0.8
    assert calm.noise == pytest.approx(100 * 0.35 / 120, rel=0.25)


def test_smoothing_has_no_lag(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    swing = np.sin(np.arange(120) * 2 * np.pi * 0.8 / 30)
    faces = [face({}, (0, 0.25 * s, 0), shift=20 * s, noise=rng.normal(0, 0.3, (478, 3))) for s in swing]
    nose = in_pixels(record(tmp_path, faces))[:, 4, 0]
    truth = np.array([face({}, (0, 0.25 * s, 0), shift=20 * s).points[4, 0] for s in swing])
    lags = range(-3, 4)
    fits = [np.corrcoef(nose[10:-10], np.roll(truth, lag)[10:-10])[0, 1] for lag in lags]
    assert lags[int(np.argmax(fits))] == 0
    assert np.ptp(nose) > 0.97 * np.ptp(truth)


def test_a_lost_face_is_held_then_eased_to_where_it_is_found(tmp_path: Path) -> None:
    faces: list[Face | None] = [face({}, shift=0.0)] * 10 + [None] * 30 + [face({}, shift=60.0)] * 10
    recorded = record(tmp_path, faces, strength=0)
    x = in_pixels(recorded)[:, 4, 0]
    assert np.array(recorded.lost) == pytest.approx(np.array([[10, 40]]) * 1.001 / 30, abs=0.002)
    np.testing.assert_allclose(x[:32], x[0], atol=0.05)
    assert np.abs(np.diff(x)).max() < 0.35 * 60, "it does not jump"
    assert x[-1] - x[0] == pytest.approx(60, abs=0.1)
    assert not recorded.motion.found[20] and recorded.motion.found[39]


def test_a_face_that_comes_late_and_leaves_early(tmp_path: Path) -> None:
    faces: list[Face | None] = [None] * 5 + [face({"jawOpen": 0.5})] * 10 + [None] * 5
    recorded = record(tmp_path, faces)
    assert [round(b - a, 2) for a, b in recorded.lost] == [0.17, 0.17]
    np.testing.assert_allclose(in_pixels(recorded)[0], in_pixels(recorded)[7], atol=0.02)


def test_a_clip_without_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DrivingError, match="any of the clip's 4 frames"):
        record(tmp_path, [None] * 4)


def test_the_neutral_frame_is_the_one_nearest_to_the_portrait(tmp_path: Path) -> None:
    faces = [face({"mouthSmileLeft": 0.8}), face({}, (0, 0.5, 0)), face({}), face({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})]
    for name, rest, expected in (
        ("rest", None, 2),
        ("turned", face({}, (0, 0.45, 0)), 1),
        ("smile", face({"mouthSmileLeft": 0.7}), 0),
    ):
        folder = tmp_path / name
        folder.mkdir()
        assert record(folder, faces, rest=rest).motion.neutral == expected
    (tmp_path / "asked").mkdir()
    assert record(tmp_path / "asked", faces, neutral=3 * 1.001 / 30).motion.neutral == 3


def test_a_neutral_frame_beyond_the_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"--neutral lies 98\.\d+ s behind"):
        record(tmp_path, [face({})] * 5, neutral=99)


def performance(count: int = 12) -> Motion:
    cues = contract.cues(count)
    points, expression, pose = (np.stack([getattr(c, name) for c in cues]) for name in ("points", "expression", "pose"))
    return Motion(np.arange(count) / 25, Fraction(25), Fraction(1, 25), points, expression, pose, np.ones(count, bool))


def test_a_motion_file_holds_the_performance_and_nothing_else(tmp_path: Path) -> None:
    before = performance()
    path = tmp_path / "nod.safetensors"
    motion.save(before, path)
    after = motion.load(path)
    for name in ("times", "points", "expression", "pose", "found"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert (after.rate, after.clock, after.neutral) == (before.rate, before.clock, before.neutral)
    assert path.stat().st_size < 12 * (478 * 3 + 52 + 9 + 3) * 4 + 1000, "no picture of the driver"


@pytest.mark.parametrize("damage", ["text", "empty", "pickle", "other", "shape", "nan", "backwards", "neutral", "cut"])
def test_a_broken_motion_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.safetensors"
    good = performance()
    motion.save(good, path)
    arrays = {n: np.array(getattr(good, n)) for n in ("points", "expression", "pose", "times")} | {
        "found": np.ones(12, np.uint8)
    }
    facts = {"format": motion.FORMAT, "rate": "25", "clock": "1/25", "neutral": "0"}
    if damage in {"text", "empty", "pickle"}:
        path.write_bytes({"text": b"hello" * 50, "empty": b"", "pickle": b"\x80\x04K\x01."}[damage])
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-400])
    else:
        if damage == "other":
            facts = {"format": "something else"}
        elif damage == "shape":
            arrays["pose"] = arrays["pose"][:, :2]
        elif damage == "nan":
            arrays["points"][3, 5] = np.nan
        elif damage == "backwards":
            arrays["times"] = arrays["times"][::-1].copy()
        elif damage == "neutral":
            facts["neutral"] = "12"
        save_file(arrays, path, facts)
    with pytest.raises(DrivingError, match=r"bad\.safetensors"):
        motion.load(path)


def test_strength_one_changes_nothing_and_zero_stops_everything() -> None:
    cues = contract.cues(6)
    same = list(motion.retargeted(cues[0], iter(cues), expression=1, pose=1))
    assert all(a is b for a, b in zip(same, cues, strict=True))
    still = list(motion.retargeted(cues[0], iter(cues), expression=0, pose=0))
    for cue in still:
        np.testing.assert_allclose(cue.points, cues[0].points, atol=1e-5)
        np.testing.assert_allclose(cue.pose, cues[0].pose, atol=1e-6)


def test_strength_is_a_factor_on_the_change() -> None:
    cues = contract.cues(6)
    double = list(motion.retargeted(cues[0], iter(cues), expression=1, pose=2))[-1]
    angle = np.linalg.norm(rigid.to_vector(cues[-1].pose @ cues[0].pose.T))
    assert np.linalg.norm(rigid.to_vector(double.pose @ cues[0].pose.T)) == pytest.approx(2 * angle, rel=1e-3)
    wide = list(motion.retargeted(cues[0], iter(cues), expression=2, pose=1))[-1]
    assert mesh.mouth_gap(wide.points) > 1.5 * mesh.mouth_gap(cues[-1].points)


def test_resampling_keeps_the_time_and_the_path() -> None:
    before = performance(26)
    after = motion.resampled(before, Fraction(60))
    assert after.rate == 60 and after.clock == Fraction(1, 60)
    assert len(after) == round(26 / 25 * 60)
    np.testing.assert_allclose(after.points[12 * 5], before.points[5 * 5], atol=1e-5)
    between = (before.points[0] + before.points[1]) / 2
    np.testing.assert_allclose(motion.resampled(before, Fraction(50)).points[1], between, atol=1e-5)
    np.testing.assert_array_equal(
        motion.resampled(before, Fraction(50)).points[0:3][1], motion.resampled(before, Fraction(50)).points[1]
    )


def test_absolute_motion_removes_what_the_portrait_has_already() -> None:
    driver = performance()
    wanted = Face(driver.points[0], driver.expression[8], driver.pose[8])
    rest = motion.rest_for(driver, wanted, MODEL.landmark_units)
    assert isinstance(rest, Cue)
    np.testing.assert_allclose(rest.points - rest.points.mean(0), driver.points[8] - driver.points[8].mean(0), atol=0.01)


def test_absolute_motion_leaves_the_head_where_it_is_whatever_the_jaw_does() -> None:
    driver = performance()
    wanted = Face(driver.points[0], driver.expression[8], driver.pose[0])
    rest = motion.rest_for(driver, wanted, MODEL.landmark_units)
    skull = list(mesh.STABLE)
    np.testing.assert_allclose(rest.points[skull].mean(0), driver.points[0][skull].mean(0), atol=1e-4)
    assert mesh.mouth_gap(rest.points) > 2 * mesh.mouth_gap(driver.points[0])


def test_a_spool_reads_back_what_was_appended(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(7, 478, 3)).astype(np.float32)
    spool = motion.Spool(tmp_path / "rows")
    spool.append(rows[0])
    spool.append(rows[1:])
    spool.close()
    assert len(spool) == 7 and spool.shape == (7, 478, 3)
    np.testing.assert_array_equal(spool[2:5], rows[2:5])
    np.testing.assert_array_equal(spool[-1], rows[-1])
    assert len(spool[7:9]) == 0
    with pytest.raises(IndexError):
        spool[7]


def test_a_driver_who_never_shuts_his_mouth_does_not_crush_closed_lips() -> None:
    driver = performance()
    open_mouth = driver.cue(8)
    shut = Face(120 * driver.points[0], driver.expression[0], driver.pose[0])
    rest = motion.with_closed_lips(open_mouth, shut, MODEL.landmark_units)
    assert mesh.mouth_gap(rest.points) == pytest.approx(mesh.mouth_gap(shut.points), abs=0.02)
    assert rest.expression[mesh.SHAPE["jawOpen"]] < 0.1 < open_mouth.expression[mesh.SHAPE["jawOpen"]]
    np.testing.assert_array_equal(motion.with_closed_lips(driver.cue(0), shut, MODEL.landmark_units).points, driver.points[0])
