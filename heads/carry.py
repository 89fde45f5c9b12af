"""What a portrait cannot carry: where a head shows less of a motion than was asked for, so that a face does not break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from heads.base import Cue, Identity

Motion = Literal["turn", "shift", "size"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One kind of motion at one cue that is more than the portrait can carry."""

    time: float
    """Seconds, the cue's."""
    motion: Motion
    """turn: of the head against the portrait; shift: through the picture; size: of the head over the portrait's."""
    asked: float
    shown: float
    """turn in degrees; shift in distances between the outer eye corners; size as a factor, or one over it if below 1."""


@runtime_checkable
class Careful(Protocol):
    """A head that can say beforehand what it will hold back."""

    def limits(self, identity: Identity, neutral: Cue, cues: Iterator[Cue]) -> Iterator[Limit]:
        """Where motions are more than the portrait can carry; pure, and much quicker than `animate`.

        Arguments are those of `heads.base.Head.animate`; any selection of the cues will do.
        """
        ...
