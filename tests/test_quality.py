"""The measures of bench/quality.py, and with the slow tests what it says of the warp head on what the repository has."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bench import bars, clips, measures, mole, reenact, rendered, tables
from examples.people import named

ROOT = Path(__file__).resolve().parent.parent


def noise(*shape: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_psnr_of_a_known_error() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert measures.psnr(grey, grey + np.uint8(10)) == pytest.approx(20 * np.log10(25.5), abs=1e-4)


def test_ssim_of_a_picture_and_itself() -> None:
    image = np.clip(128 + 40 * noise(32, 32, 3), 0, 255).astype(np.uint8)
    other = np.clip(128 + 40 * noise(32, 32, 3, seed=1), 0, 255).astype(np.uint8)
    assert measures.ssim(image, image) == pytest.approx(1)
    assert measures.ssim(image, other) < 0.2


def test_correlation_wants_a_driver_that_stirs() -> None:
    wave = np.sin(np.linspace(0, 9, 60))[:, None]
    assert measures.correlation(0.5 * wave + 0.2, wave) == pytest.approx(1)
    assert measures.correlation(-wave, wave) == pytest.approx(-1)
    assert measures.correlation(wave, 0.001 * wave) is None


def test_a_blink_that_stays_open_is_not_kept() -> None:
    driver = np.zeros((20, 2), np.float32)
    driver[5:8] = driver[14:16] = 0.8
    half = driver.copy()
    half[14:16] = 0.2
    assert measures.kept_times(driver, driver, lips=False) == 1
    assert measures.kept_times(half, driver, lips=False) == pytest.approx(0.5)
    assert measures.kept_times(driver, np.zeros_like(driver), lips=False) is None


def test_jitter_is_that_of_noise_and_not_of_an_even_motion() -> None:
    rest = np.tile(noise(478, 3), (12, 1, 1))
    rest[:, 33], rest[:, 263] = (0, 0, 0), (100, 0, 0)
    evenly = rest + np.arange(12, dtype=np.float32)[:, None, None]
    assert measures.jitter(evenly) < 1e-4
    assert measures.jitter(evenly + noise(12, 478, 3, seed=2)) > 1


def test_gaze_of_irises_that_move_by_a_tenth_of_an_eye() -> None:
    points = np.zeros((2, 478, 3), np.float32)
    for iris, first, second, left in ((468, 33, 133, 0.0), (473, 362, 263, 50.0)):
        points[:, first, 0], points[:, second, 0] = left, left + 30
        points[:, iris, 0] = left + 15 + np.array([0.0, 3.0])
    assert measures.gaze(points)[:, 0] == pytest.approx([0, 0.1], abs=1e-5)


def test_a_bar_is_judged_by_the_row_that_is_furthest_from_it() -> None:
    bar = bars.Bar("blinks", "self", "blink", 0.9)
    verdict = bars.judged(bar, {"self": {"one": {"blink": 0.95}, "two": {"blink": 0.85}, "three": {"blink": None}}})
    assert verdict is not None
    assert (verdict.where, verdict.holds, verdict.failing, verdict.of) == ("two", False, 1, 2)
    below = bars.Bar("jitter", "self", "jitter", 0.0, most=True, of="own")
    held = bars.judged(below, {"self": {"one": {"jitter": 0.1, "own": 0.2}}})
    assert held is not None
    assert held.holds
    assert bars.judged(bar, {}) is None


def test_a_page_shows_what_was_and_what_is() -> None:
    found = {"head": "warp", "date": "2026-01-01 00:00", "commit": "abc", "machine": "m", "rest": {"one": {"rest": 50.0}}}
    before = {**found, "rest": {"one": {"rest": 40.0}}}
    page = tables.page(found, before)
    assert "40.0 → 50.0" in page
    assert "**no**" not in page
    assert "**no**" in tables.page(before, None)


@pytest.mark.slow
def test_the_example_drives_its_own_first_frame_as_well_as_is_promised(tmp_path: Path) -> None:
    take = clips.take(ROOT / "examples" / "driving.mp4", tmp_path)
    found = reenact.whole(take, "warp").figures
    for key in ("face_psnr", "ssim", "psnr"):
        assert (found[key] or 0) > (found[f"{key}_still"] or 0), key
    for key, least in (("blink", 0.9), ("jaw", 0.9), ("gaze", 0.8), ("lips_kept", 1.0), ("blinks_kept", 1.0)):
        assert found[key] is None or (found[key] or 0) >= least, key
    assert (found["pose"] or 0) < 3
    assert (found["jitter"] or 0) <= (found["jitter_driver"] or 0)
    assert found["outside_changed"] == 0
    assert (found["drift"] or 0) <= 0.5
    assert found["lost"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ada", "kofi", "drawing", "astronaut"])
def test_a_driver_that_is_the_portrait_gives_it_back(name: str) -> None:
    assert (reenact.resting(ROOT / "examples" / "portraits" / f"{name}.jpg", "warp")["rest"] or 0) >= 45


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kofi", "drawing"])
def test_a_mole_keeps_its_contrast_while_the_head_turns(name: str, tmp_path: Path) -> None:
    rest = np.zeros(52, np.float32)
    yaws = [0, 7, 14, 20, 14, 0, -14, -20, -10]
    frames = [(i, rendered.drawn(named("ada"), rest, float(yaw), 0.0).image) for i, yaw in enumerate(yaws)]
    driving = clips.of_frames("turning", frames, (Fraction(10), Fraction(1, 10)), tmp_path, 1, "test").driving
    kept = mole.kept(ROOT / "examples" / "portraits" / f"{name}.jpg", driving, "warp")
    assert kept
    assert min(each.worst for each in kept.values()) >= 0.8
