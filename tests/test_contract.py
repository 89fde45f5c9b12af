"""Every head keeps the contract, and the contract's check refuses heads that break any part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import contract
import numpy as np
import pytest

import heads
from heads.base import Channel, Cue, HeadError, Identity, Image, Portrait, Precision


@pytest.mark.parametrize("name", sorted(heads.REGISTRY))
def test_a_head_keeps_the_contract(name: str) -> None:
    contract.check(heads.kind(name).tiny(seed=0))


class Still:
    """The smallest head that keeps the contract: a patch in the middle that brightens with the jaw."""

    name: ClassVar[str] = "still"
    needs: ClassVar[tuple[str, ...]] = ()
    accelerated: ClassVar[bool] = False
    paints: ClassVar[bool] = False
    settings: ClassVar[frozenset[str]] = frozenset()
    shots = range(1, 3)
    drives: frozenset[Channel] = frozenset({"expression"})

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        if (device, precision) != ("cpu", "fp32"):
            raise HeadError(f"{device} and {precision} were asked for. This head takes cpu and fp32. Leave them out.")
        return cls()

    @classmethod
    def tiny(cls, seed: int = 0) -> Self:
        return cls()

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        if len(portraits) not in self.shots:
            raise HeadError(f"{len(portraits)} portraits were given. One or two are needed. Choose the sharpest.")
        return Identity(self.name, tuple(portraits))

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        if identity.head != self.name:
            raise HeadError("The identity is another head's. One of this head is needed. Enroll the portrait again.")
        return self._frames(identity, cues)

    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        level = 0.0
        for cue in cues:
            level = float(cue.expression[25]) if cue.found else level
            yield self.frame(identity, level)

    def frame(self, identity: Identity, level: float) -> Image:
        out = identity.portraits[0].image.copy()
        out[40:80, 30:60] = np.clip(out[40:80, 30:60] + 200 * level, 0, 255).astype(np.uint8)
        return out


def test_the_smallest_head_keeps_the_contract() -> None:
    contract.check(Still())


class ChecksLate(Still):
    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        yield from super().animate(identity, neutral, cues, lookahead=lookahead)


class StartsEarly(Still):
    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        first = next(cues, None)
        frames = super().animate(identity, neutral, cues)
        return frames if first is None else iter([self.frame(identity, 0.0), *frames])


class ReusesItsBuffer(Still):
    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        buffer = np.empty_like(identity.portraits[0].image)
        for frame in super()._frames(identity, cues):
            buffer[:] = frame
            yield buffer


class GivesThePortraitAway(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return super().frame(identity, level) if level else identity.portraits[0].image


class DropsAFrame(Still):
    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        yield from list(super()._frames(identity, cues))[:-1]


class SharesACounter(Still):
    count = 0

    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        for frame in super()._frames(identity, cues):
            SharesACounter.count += 1
            frame[40, 30] = SharesACounter.count % 256
            yield frame


class RollsDice(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        out = super().frame(identity, level)
        out[50, 40] = np.random.default_rng().integers(0, 256, 3)
        return out


class GivesFloats(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return super().frame(identity, level).astype(np.float32)


class GivesViews(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return super().frame(identity, level)[:, ::-1][:, ::-1].transpose(1, 0, 2).copy().transpose(1, 0, 2)


class IsDeaf(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return super().frame(identity, 0.0)


class MovesEverything(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return np.asarray(np.clip(identity.portraits[0].image + 20 * level, 0, 255), np.uint8)


class ForgetsWhoIsLost(Still):
    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        for cue in cues:
            yield self.frame(identity, float(cue.expression[25]))


class LooksTooFarAhead(Still):
    def _frames(self, identity: Identity, cues: Iterator[Cue]) -> Iterator[Image]:
        yield from super()._frames(identity, iter(list(cues)))


class TakesAnything(Still):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        return Identity(self.name, tuple(portraits))


class GoesAnywhere(Still):
    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        return cls()


class CannotSayWhetherItIsFinite(Still):
    accelerated = True


class OverflowsInSinglePrecision(Still):
    accelerated = True

    def finite(self) -> bool:
        return False


class Mumbles(Still):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        if len(portraits) not in self.shots:
            raise HeadError("wrong number")
        return Identity(self.name, tuple(portraits))


class SignsForAnother(Still):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        super().enroll(portraits)
        return Identity("warp", tuple(portraits))


class StartsChanged(Still):
    def frame(self, identity: Identity, level: float) -> Image:
        return super().frame(identity, level + 0.2)


MUTANTS = [
    ChecksLate, StartsEarly, ReusesItsBuffer, GivesThePortraitAway, DropsAFrame, SharesACounter, RollsDice, GivesFloats,
    GivesViews, IsDeaf, MovesEverything, ForgetsWhoIsLost, LooksTooFarAhead, TakesAnything, GoesAnywhere,
    CannotSayWhetherItIsFinite, OverflowsInSinglePrecision, Mumbles, SignsForAnother, StartsChanged,
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_a_head_that_breaks_the_contract_is_refused(mutant: type[Still]) -> None:
    with pytest.raises(contract.Broken):
        contract.check(mutant())


def test_an_unknown_head_is_named_with_those_there_are() -> None:
    with pytest.raises(HeadError, match=r"nobody.*warp"):
        heads.kind("nobody")
