"""How a performance's work is cut into batches, and what goes on at the same time: the device paints, frames are laid out.

A GPU is given the next batch before the one before has arrived, so it never waits for what the CPU does in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from heads.ahead import lanes

T = TypeVar("T")

SHARED = 4
"""Cues of look-ahead from which it is cut into two batches: one on its way, one that arrives."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the cues that may be known are used."""

    batch: int
    """Frames that the networks work on at once."""
    ahead: int
    """Cues that are read together; with those that wait never more than the look-ahead."""
    waiting: int
    """Batches that the device has been given before the oldest is waited for."""
    threads: int
    """Threads in which frames are laid into the portrait."""

    @classmethod
    def on(cls, device: str, lookahead: int) -> Self:
        """The plan for a kind of device ("cpu", "cuda", "mps").

        A CPU is busy with one frame, which takes all of its cores; and one by one each frame has the same bits, whatever
        is known.
        """
        if device == "cpu":
            return cls(1, lookahead, 0, 1)
        if lookahead < SHARED:
            return cls(max(1, lookahead), lookahead, 0, 1)
        # Apple's GPU has one queue: pictures that are asked for would come after the batch that was sent behind them.
        return cls(lookahead // 2, lookahead // 2, 1 if device == "cuda" else 0, lanes())


def delayed(items: Iterator[T], waiting: int) -> Iterator[T]:
    """Each item once so many later ones have been drawn, or there are no more."""
    held: deque[T] = deque()
    for item in items:
        held.append(item)
        if len(held) > waiting:
            yield held.popleft()
    yield from held
