"""Full-size networks with made-up weights against what the original networks gave for the same weights and inputs.

`tests/liveportrait_golden.json` holds 48 values of each output, computed with the original code, and the largest error that
means "the same arithmetic, other rounding". Weights and inputs are made here, bit by bit the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heads.liveportrait.images import prepare
from heads.liveportrait.networks import Networks, build
from heads.liveportrait.sizes import FULL, TINY
from heads.liveportrait.standin import StandIn, words

SEED = "A"
GOLDEN: Mapping[str, Any] = json.loads(
    (Path(__file__).resolve().parent.parent / "tests" / "liveportrait_golden.json").read_text(encoding="utf-8")
)


Case: TypeAlias = Callable[[], Iterator[tuple[str, Tensor]]]
"""Gives the name and the value of each output."""


class Compared(NamedTuple):
    """One output of one case."""

    name: str
    error: float
    """Largest difference from the original's values."""
    bound: float
    """The largest that means "the same arithmetic"."""


@cache
def nets(*full: str) -> Networks:
    """Networks of which some have the published widths, so that no others are made in vain."""
    sizes = {name: FULL if name in full else TINY for name in "GWMFS"}
    return Networks(FULL, {name: build(name, StandIn(name, SEED), size) for name, size in sizes.items()}, "cpu", torch.float32)


def uniform(name: str, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    """Evenly spread numbers that only the name decides."""
    raw = (words(f"lpkit1|{SEED}|input|{name}", int(np.prod(shape))) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return torch.from_numpy((low + (high - low) * raw).astype(np.float32).reshape(shape))


def picture(name: str) -> NDArray[np.uint8]:
    """(256, 256, 3) with detail at three scales, in integer arithmetic."""
    total = np.zeros((256, 256, 3), np.int64)
    for size, weight in ((5, 2), (17, 1), (65, 1)):
        raw = words(f"lpkit1|{SEED}|image|{name}|{size}", size * size * 3) >> np.uint64(56)
        grid = raw.astype(np.int64).reshape(size, size, 3)
        total += weight * ((_stretched(_stretched(grid, 0), 1) + (1 << 23)) >> 24)
    return (total // 4).astype(np.uint8)


def _stretched(grid: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    size = grid.shape[axis]
    place = np.arange(256, dtype=np.int64) * ((size - 1) * 4096) // 255
    low = np.minimum(place >> 12, size - 2)
    share = (place - (low << 12)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    mixed: NDArray[np.int64] = np.take(grid, low, axis) * (4096 - share) + np.take(grid, low + 1, axis) * share
    return mixed


def appearance() -> Iterator[tuple[str, Tensor]]:
    """F."""
    yield "F.feature_3d", nets("F").features(prepare([picture("F")], 256))


def motion() -> Iterator[tuple[str, Tensor]]:
    """M."""
    raw = nets("M").raw_motion(prepare([picture("M0"), picture("M1")], 256))
    yield from ((f"M.{name}", output) for name, output in raw.items())


def stitching() -> Iterator[tuple[str, Tensor]]:
    """S: stitching, and retargeting of lips and eyes."""
    both = uniform("S.st", (4, 126), -0.7, 0.7).reshape(4, 2, 21, 3)
    yield "S_stitching.out", nets("S").stitch(both[:, 0], both[:, 1])
    lip, eye = uniform("S.lip", (4, 65), -0.7, 0.7), uniform("S.eye", (4, 66), -0.7, 0.7)
    yield "S_lip.out", nets("S").lip(lip[:, :63].reshape(4, 21, 3), lip[:, 63:]).flatten(1)
    yield "S_eye.out", nets("S").eyes(eye[:, :63].reshape(4, 21, 3), eye[:, 63:]).flatten(1)


def warping() -> Iterator[tuple[str, Tensor]]:
    """W, for keypoints that move a little and a lot."""
    x_s, volume = uniform("W.kp_s", (1, 21, 3), -0.7, 0.7), uniform("W.feature", (1, 32, 16, 64, 64), -2.0, 2.0)
    for name, reach in (("near", 0.15), ("far", 0.9)):
        warped = nets("W").warp(volume, x_s, x_s + uniform(f"W.{name}", (1, 21, 3), -reach, reach))
        outputs = {"out": warped.seg, "deformation": warped.deformation, "occlusion_map": warped.occlusion}
        yield from ((f"W_{name}.{output}", value) for output, value in outputs.items())


def generator() -> Iterator[tuple[str, Tensor]]:
    """G."""
    yield "G.image", nets("G").generate(uniform("G.feature", (1, 256, 64, 64), -1.0, 1.0))


CASES: tuple[Case, ...] = (appearance, motion, stitching, warping, generator)


def compared(case: Case) -> Iterator[Compared]:
    """Run one of `CASES` and compare each of its outputs.

    Raises:
        ValueError: an output has another shape than the original's.
    """
    for name, output in case():
        known = GOLDEN[name]
        if list(output.shape) != known["shape"]:
            raise ValueError(f"{name} has the shape {list(output.shape)}, not {known['shape']}")
        places = (np.arange(len(known["values"]), dtype=np.uint64) * np.uint64(2654435761) + np.uint64(97)) % output.numel()
        values = output.flatten()[torch.from_numpy(places.astype(np.int64))]
        yield Compared(name, float((values - torch.tensor(known["values"])).abs().max()), known["tight"])
