"""A head as one of networks is, without networks: runs anywhere, overflows in half precision, and needs a file from the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from heads.base import Channel, Cue, Identity, Image, Portrait, Precision

LARGE = 70_000.0
"""More than the largest half-precision number, 65504 (IEEE 754 binary16)."""


class Neural:
    """Brightens the portrait with the jaw, by its file's first byte."""

    name: ClassVar[str] = "neural"
    needs: ClassVar[tuple[str, ...]] = ("net.safetensors",)
    accelerated: ClassVar[bool] = True
    paints: ClassVar[bool] = True
    settings: ClassVar[frozenset[str]] = frozenset()
    shots: range = range(1, 3)
    drives: frozenset[Channel] = frozenset({"expression"})
    built: ClassVar[list[tuple[str, str]]] = []
    """Device and precision of every head that was built."""

    def __init__(self, device: str, precision: Precision) -> None:
        self.device, self.precision = device, precision
        self.built.append((device, precision))

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        paths["net.safetensors"].read_bytes()
        return cls(device, precision)

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        return cls("cpu", "fp32")

    def finite(self) -> bool:
        if self.precision == "bf16":
            raise NotImplementedError('"avg_pool3d_out_frame" not implemented for BFloat16')  # as torch says it
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.array(LARGE).astype(np.float16 if self.precision == "fp16" else np.float32)))

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        return Identity(self.name, tuple(portraits))

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        for cue in cues:
            yield np.clip(identity.portraits[0].image * (1 + float(cue.expression[25])), 0, 255).astype(np.uint8)


class Following(Neural):
    """The same, for a head that follows pictures of the driver."""

    name: ClassVar[str] = "following"
    drives: frozenset[Channel] = frozenset({"crops"})


REGISTER = """
import pathlib, sys
import heads, weights
sys.path.insert(0, {tests!r})
heads.REGISTRY = {{"neural": "neural:Neural", **heads.REGISTRY}}
weights.HOME = pathlib.Path({home!r})
"""
"""Statements that enter the head into the registry of another process, before all others."""
