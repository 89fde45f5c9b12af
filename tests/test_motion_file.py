"""Motion files from anywhere: what is no performance of a face is told in a sentence, before anything is worked out from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from gioconda import motion
from gioconda.errors import DrivingError
from heads import mesh

Arrays = dict[str, NDArray[Any]]

COUNT = 6


def sound() -> tuple[Arrays, dict[str, str]]:
    """Arrays and metadata of a file that can be read."""
    points = np.random.default_rng(0).uniform(0.2, 0.8, (COUNT, 478, 3)).astype(np.float32)
    arrays: Arrays = {
        "points": points,
        "expression": np.full((COUNT, 52), 0.5, np.float32),
        "pose": np.repeat(np.eye(3, dtype=np.float32)[None], COUNT, axis=0),
        "times": np.arange(COUNT) / 25,
        "found": np.ones(COUNT, np.uint8),
    }
    return arrays, {"format": motion.FORMAT, "rate": "25", "clock": "1/25", "neutral": "0"}


def put(name: str, value: object) -> Callable[[Arrays, dict[str, str]], None]:
    def damage(arrays: Arrays, facts: dict[str, str]) -> None:
        if isinstance(value, str):
            facts[name] = value
        else:
            arrays[name] = np.asarray(value)

    return damage


def set_at(name: str, where: Any, value: float) -> Callable[[Arrays, dict[str, str]], None]:
    def damage(arrays: Arrays, facts: dict[str, str]) -> None:
        arrays[name][where] = value

    return damage


BAD = {
    "points without an axis": put("points", np.float32(1)),
    "times in two columns": put("times", np.zeros((COUNT, 2))),
    "times without an axis": put("times", np.float64(0)),
    "times that start later": put("times", 1 + np.arange(COUNT) / 25),
    "times of a century": set_at("times", -1, 3e9),
    "times between two ticks": put("times", np.arange(COUNT) / 1000),
    "times that are none": set_at("times", 2, np.nan),
    "a clock finer than an MP4's": put("clock", "1/99999999999"),
    "a clock that stands": put("clock", "0"),
    "a rate with an exponent": put("rate", "1e999999999"),
    "a rate of nothing": put("rate", "1/0"),
    "a rate beyond cameras": put("rate", "1000000"),
    "a neutral frame before the first": put("neutral", "-1"),
    "a landmark a million crops away": set_at("points", (2, 7), 1e6),
    "a landmark at infinity": set_at("points", (2, 7), np.inf),
    "a face in one point": set_at("points", (3, list(mesh.STABLE)), 0.5),
    "weights beyond one": set_at("expression", (1, 3), 7.0),
    "weights that are none": set_at("expression", (1, 3), np.nan),
    "a pose of zeros": set_at("pose", 4, 0.0),
    "a pose in a mirror": set_at("pose", (4, 0, 0), -1.0),
    "a pose of huge numbers": set_at("pose", 4, 1e30),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_performance_is_refused(tmp_path: Path, name: str) -> None:
    arrays, facts = sound()
    BAD[name](arrays, facts)
    save_file(arrays, tmp_path / "bad.safetensors", facts)
    with pytest.raises(DrivingError, match=r"^bad\.safetensors .* motion CLIP -o FILE"):
        motion.load(tmp_path / "bad.safetensors")


def test_what_is_one_is_read_in_the_types_of_the_contract(tmp_path: Path) -> None:
    arrays, facts = sound()
    arrays["points"] = arrays["points"].astype(np.float64)
    save_file(arrays, tmp_path / "good.safetensors", facts)
    loaded = motion.load(tmp_path / "good.safetensors")
    assert loaded.points[0].dtype == loaded.expression.dtype == loaded.pose.dtype == np.float32
    assert loaded.times.dtype == np.float64 and loaded.found.dtype == np.bool_
