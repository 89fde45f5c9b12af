"""The contract's check refuses every real head as soon as it breaks a promise, not only the smallest one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import contract
import numpy as np
import pytest

import heads
from heads.base import Accelerated, Adjustable, Cue, Floats, Head, HeadError, Identity, Image, Portrait, Precision, Watching


class Wrapped:
    """A head that does what another one does. Mutants change one thing."""

    def __init__(self, inner: Head) -> None:
        self.inner = inner

    @classmethod
    def around(cls, inner: Head) -> Head:
        """An instance that says of itself what `inner` does."""
        names = ("name", "needs", "accelerated", "paints", "settings", "shots", "drives")
        said = {name: getattr(type(inner), name) for name in names}
        return cast(Head, type(cls.__name__, (cls,), {**said, "origin": type(inner)})(inner))

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        cast(Any, cls).origin.from_files(paths, device, precision)
        raise AssertionError("no head runs from files that are nowhere")

    def finite(self) -> bool:
        return cast(Accelerated, self.inner).finite()

    def boxes(self, points: Floats) -> Floats:
        return cast(Watching, self.inner).boxes(points)

    def adjusted(self, settings: Mapping[str, Any]) -> Self:
        return type(self)(cast(Adjustable, self.inner).adjusted(settings))

    def chosen(self) -> Mapping[str, Any]:
        return cast(Adjustable, self.inner).chosen()

    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        return self.inner.enroll(portraits)

    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        heard = self.heard(cues, neutral)
        return self.shown(self.inner.animate(identity, neutral, heard, lookahead=lookahead), identity)

    def heard(self, cues: Iterator[Cue], neutral: Cue) -> Iterator[Cue]:
        yield from cues

    def shown(self, frames: Iterator[Image], identity: Identity) -> Iterator[Image]:
        for index, frame in enumerate(frames):
            yield self.frame(frame, index, identity)

    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        return frame


class ChecksLate(Wrapped):
    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        yield from super().animate(identity, neutral, cues, lookahead=lookahead)


class StartsEarly(Wrapped):
    def animate(self, identity: Identity, neutral: Cue, cues: Iterator[Cue], *, lookahead: int = 8) -> Iterator[Image]:
        known = [cue for cue in [next(cues, None)] if cue is not None]
        return super().animate(identity, neutral, iter([*known, *cues]), lookahead=lookahead)


class ReusesItsBuffer(Wrapped):
    def shown(self, frames: Iterator[Image], identity: Identity) -> Iterator[Image]:
        buffer = np.empty_like(identity.portraits[0].image)
        for frame in frames:
            buffer[:] = frame
            yield buffer


class GivesThePortraitAway(Wrapped):
    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        return frame if index else identity.portraits[0].image


class DropsAFrame(Wrapped):
    def shown(self, frames: Iterator[Image], identity: Identity) -> Iterator[Image]:
        yield from list(frames)[:-1]


class SharesACounter(Wrapped):
    count = 0

    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        SharesACounter.count += 1
        frame[40, 30] = SharesACounter.count % 256
        return frame


class RollsDice(Wrapped):
    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        frame[50, 40] = np.random.default_rng().integers(0, 256, 3)
        return frame


class GivesFloats(Wrapped):
    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        return frame.astype(np.float32)


class GivesViews(Wrapped):
    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        return np.ascontiguousarray(frame.transpose(1, 0, 2)).transpose(1, 0, 2)


class IsDeaf(Wrapped):
    def heard(self, cues: Iterator[Cue], neutral: Cue) -> Iterator[Cue]:
        yield from (replace(neutral, time=cue.time) for cue in cues)


class MovesEverything(Wrapped):
    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        return np.asarray(np.clip(frame.astype(int) + index, 0, 255), np.uint8)


class ForgetsWhoIsLost(Wrapped):
    def heard(self, cues: Iterator[Cue], neutral: Cue) -> Iterator[Cue]:
        yield from (replace(cue, found=True) for cue in cues)


class LooksTooFarAhead(Wrapped):
    def heard(self, cues: Iterator[Cue], neutral: Cue) -> Iterator[Cue]:
        yield from list(cues)


class TakesAnything(Wrapped):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        return self.inner.enroll([*portraits, contract.portrait()][:1])


class Mumbles(Wrapped):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        try:
            return self.inner.enroll(portraits)
        except HeadError as error:
            raise HeadError("wrong number") from error


class SignsForAnother(Wrapped):
    def enroll(self, portraits: Sequence[Portrait]) -> Identity:
        return replace(self.inner.enroll(portraits), head="another")


class StartsChanged(Wrapped):
    """Something of the driver's look gets into the portrait."""

    def heard(self, cues: Iterator[Cue], neutral: Cue) -> Iterator[Cue]:
        assert neutral.crop is not None
        self.look = neutral.crop.mean((0, 1))
        yield from cues

    def frame(self, frame: Image, index: int, identity: Identity) -> Image:
        frame[4:] = (0.7 * frame[4:] + 0.3 * self.look).astype(np.uint8)
        return frame


class LooksBesideTheFace(Wrapped):
    def boxes(self, points: Floats) -> Floats:
        return cast(Watching, self.inner).boxes(points) + np.float32(500)


class TakesAnySetting(Wrapped):
    def adjusted(self, settings: Mapping[str, Any]) -> Self:
        return self


class Overflows(Wrapped):
    def finite(self) -> bool:
        return False


MUTANTS = [
    ChecksLate, StartsEarly, ReusesItsBuffer, GivesThePortraitAway, DropsAFrame, SharesACounter, RollsDice, GivesFloats,
    GivesViews, IsDeaf, MovesEverything, ForgetsWhoIsLost, LooksTooFarAhead, TakesAnything, Mumbles, SignsForAnother,
    StartsChanged,
]  # fmt: skip
"""What any head may do wrong."""

ONLY_NETWORKS = [LooksBesideTheFace, TakesAnySetting, Overflows]
"""What only a head of networks that reads pictures can."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(heads.REGISTRY))
@pytest.mark.parametrize("mutant", [Wrapped, *MUTANTS, *ONLY_NETWORKS], ids=lambda m: m.__name__)
def test_a_head_that_breaks_a_promise_is_refused(mutant: type[Wrapped], name: str) -> None:
    kind = heads.kind(name)
    head = mutant.around(kind.tiny(0))
    if mutant is Wrapped or (mutant in ONLY_NETWORKS and not kind.accelerated):
        contract.check(head)
        return
    with pytest.raises(contract.Broken):
        contract.check(head)
