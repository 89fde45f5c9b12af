"""What is drawn into the frames of a run: the visible label, and the invisible mark in each of its streams."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from gioconda.marks import pattern
from gioconda.marks.label import Label
from gioconda.marks.watermark import Watermark
from heads.base import Image


class Marker:
    """Draws the invisible mark into the frames of one stream, in their order.

    Args:
        mark_id: what it says, 32 bits; None draws nothing.
    """

    def __init__(self, mark_id: int | None) -> None:
        self._mark_id = mark_id
        self._mark: Watermark | None = None

    def __call__(self, frame: Image) -> Image:
        """Mark a frame (H, W, 3) uint8, in place, and return it."""
        if self._mark_id is not None:
            if self._mark is None:
                self._mark = Watermark(self._mark_id, (frame.shape[1], frame.shape[0]), pattern.operator_key())
            self._mark.apply(frame)
        return frame


class Imprint:
    """Draws into the frames of one run, in their order.

    Args:
        ground: (H, W, 3) uint8, a frame of the video's size: its corner decides whether the label is light or dark.
        label: whether there is a label.
        mark_id: what the invisible mark says, 32 bits; None leaves it out.
    """

    def __init__(self, ground: Image, *, label: bool, mark_id: int | None) -> None:
        self._label = Label(ground) if label else None
        self._markers: defaultdict[str, Marker] = defaultdict(partial(Marker, mark_id))

    def label(self, frame: Image) -> None:
        """Draw the label into a frame (H, W, 3) uint8, in place."""
        if self._label is not None:
            self._label.draw(frame)

    def mark(self, frame: Image, stream: str) -> Image:
        """Draw the invisible mark into a frame (H, W, 3) uint8, in place, and return it; every stream is marked by itself."""
        return self._markers[stream](frame)
