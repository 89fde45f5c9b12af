"""Staying on one person: `Follower` tracks a block of frames, starting from what is known of the face before it.

A block's result depends on the block alone (its frames and `Last`), never on what the follower saw earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gioconda.errors import DrivingError
from gioconda.faces import search
from gioconda.faces.landmarks import Lane, Stills
from heads.base import Face, Floats, Image

_WINDOW = 2.0
"""Sides of the tracked window in sizes of the face on each side of its middle; the face may go one size away from there."""

_SEEN = 320.0
"""Pixels: a face that is larger is averaged down to this size before it is tracked; the network sees about 170 pixels of it."""

_SETTLE = 2
"""Further looks at the frame where the detector found the face: its landmarks then agree with steady tracking to 0.15 % of
the distance of the eyes (measured; 0.6 % with one)."""

_STRAY = 0.6
"""From one frame to the next the face's centre stays within this share of its size."""
_STRAY_GROWTH = 0.1
"""The same, more for every frame in which it was not seen."""
_GROWTH = 1.6
"""From one sight to the next the face's size changes by less than this factor."""

_PATIENCE = 45
"""Frames without the face after which another face is accepted as the one to follow."""

_CUT = (40, 12.0)
"""There is a cut between two frames when all but this percentage of their 24 x 24 thumbnails' cells differ by more than so many
grey levels: somebody who comes, goes or turns in front of a standing camera leaves more than that as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Last:
    """What is known of the face before a block."""

    face: Face
    missing: int
    """Frames since it was seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Frames that are tracked together."""

    images: Sequence[Image]
    """Each (H, W, 3) uint8."""
    last: Last | None
    """The face that is looked for; None: none was seen yet."""
    number: int
    """Which face to take, by size, when none was seen yet; 1 is the largest."""


class Follower:
    """Tracks blocks. Owns native threads: use it as a context manager, in one Python thread at a time."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        with ExitStack() as stack:
            self._lane = stack.enter_context(Lane())
            self._stills = stack.enter_context(Stills())
            self._open = stack.pop_all()

    def track(self, block: Block) -> list[Face | None]:
        """The face in every frame, in pixels of the frame; None where it was not seen. Ends early when told to stop.

        Raises:
            DrivingError: faces are seen for the first time, but fewer than `block.number`.
        """
        faces: list[Face | None] = []
        last, window, before = block.last, None, None
        for index, image in enumerate(block.images):
            if self._stop():
                break
            thumb = _thumbnail(image)
            cut = before is not None and float(np.percentile(np.abs(thumb - before).mean(-1), _CUT[0])) > _CUT[1]
            before = thumb
            face = None
            if window is not None and window.fits(image) and not cut:
                face = self._step(image, window)
                if face is not None and not (last is not None and _plausible(face, last)):
                    face = None
            if face is None:
                face, window = self._catch(image, last, block.number, cut, thorough=index == 0)
            elif window is not None and not window.holds(face):
                face, window = self._begin(image, face)
            faces.append(face)
            if face is not None:
                last = Last(face, 0)
            elif last is not None:
                last = Last(last.face, last.missing + 1)
        return faces

    def _step(self, image: Image, window: _Window) -> Face | None:
        """The face where steady tracking sees it."""
        seen = self._lane.see(window.cut(image))
        return search.move(seen[0], window.back) if seen else None

    def _catch(
        self, image: Image, last: Last | None, number: int, cut: bool, *, thorough: bool
    ) -> tuple[Face | None, _Window | None]:
        """Find the face with the detector and begin to track it: near where it was, else in the whole frame."""
        if last is not None and not cut:
            window = _Window.around(last.face, image)
            self._lane.forget()
            face = self._step(image, window)
            if face is not None and _plausible(face, last):
                return self._begin(image, face, window if window.holds(face) else None)
        faces: Sequence[Face] = search.glance(image, self._stills)
        if (not faces and thorough) or (last is None and number > len(faces) > 0):
            faces = search.find(image, self._stills, self._lane, self._stop)
        chosen = _choose(faces, last, number, cut)
        if chosen is None:
            return None, None
        window = _Window.around(chosen, image)
        self._lane.forget()
        # with everything else painted over, the lane cannot take somebody else
        seen = self._lane.see(window.cut(_only(chosen, image) if len(faces) > 1 else image))
        if not seen or search.apart(search.move(seen[0], window.back), chosen) > _STRAY:
            return chosen, None
        return self._begin(image, chosen, window)

    def _begin(self, image: Image, face: Face, window: _Window | None = None) -> tuple[Face | None, _Window | None]:
        """Settle on a face that the lane has just seen; a window that was not made for it is made anew."""
        if window is None:
            window = _Window.around(face, image)
            self._lane.forget()
        for _ in range(_SETTLE):
            again = self._step(image, window)
            if again is None or search.apart(again, face) > _STRAY:
                return face, None
            face = again
        return face, window

    def close(self) -> None:
        """Stop the native threads."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The part of the frames that is tracked, brought to a size that suits the network."""

    shape: tuple[int, int]
    """(H, W) of the frames."""
    box: tuple[int, int, int, int]
    """left, top, right, bottom in pixels of the frame."""
    size: tuple[int, int]
    """(W, H) of what the network gets."""
    back: Floats
    """(2, 3) affine from there to pixels of the frame."""

    @classmethod
    def around(cls, face: Face, image: Image) -> Self:
        height, width = image.shape[:2]
        across, middle = search.size(face), search.centre(face)
        reach = _WINDOW * across
        left, top = (int(max(0.0, m - reach)) for m in middle)
        right, bottom = (int(min(float(end), m + reach + 1)) for end, m in zip((width, height), middle, strict=True))
        left, top = min(left, width - 1), min(top, height - 1)
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        factor = min(1.0, _SEEN / across)
        size = (max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor)))
        back = np.array([[(right - left) / size[0], 0, left], [0, (bottom - top) / size[1], top]], np.float32)
        return cls((height, width), (left, top, right, bottom), size, back)

    def fits(self, image: Image) -> bool:
        """Whether the image has the size that the window was made for."""
        return image.shape[:2] == self.shape

    def holds(self, face: Face) -> bool:
        """Whether the face is still well inside, or where it is not, the frame ends there too."""
        (left, top, right, bottom), (height, width) = self.box, self.shape
        (x, y), reach = search.centre(face), search.size(face)
        inside_x = (left == 0 or x - reach > left) and (right == width or x + reach < right)
        return bool(inside_x and (top == 0 or y - reach > top) and (bottom == height or y + reach < bottom))

    def cut(self, image: Image) -> Image:
        left, top, right, bottom = self.box
        part = image[top:bottom, left:right]
        if self.size == (right - left, bottom - top):
            return part
        import cv2

        return np.asarray(cv2.resize(part, self.size, interpolation=cv2.INTER_AREA), np.uint8)


def _plausible(face: Face, last: Last) -> bool:
    """Whether a face can be the one that was seen `last.missing` frames ago, judged by where and how large it is."""
    ratio = search.size(face) / search.size(last.face)
    near = search.apart(face, last.face) < _STRAY + _STRAY_GROWTH * last.missing
    return near and 1 / _GROWTH < ratio < _GROWTH


def _choose(faces: Sequence[Face], last: Last | None, number: int, cut: bool) -> Face | None:
    """The face to follow among those of a frame, largest first; None when it is not there."""
    if not faces:
        return None
    if last is None:
        if len(faces) < number:
            raise DrivingError(
                f"Face {number} of the driving clip was asked for, but where faces are first seen there "
                f"{'is only one' if len(faces) == 1 else f'are only {len(faces)}'}.",
                "The largest face is number 1, the next number 2.",
                "Choose a smaller number, or start the clip where all of them are seen.",
            )
        return faces[number - 1]
    near = [face for face in faces if _plausible(face, last)]
    if near:
        return min(near, key=lambda face: search.apart(face, last.face))
    return faces[0] if cut or last.missing > _PATIENCE else None


def _only(face: Face, image: Image) -> Image:
    """The image with everything but the surroundings of one face painted in its mean colour."""
    middle, reach = search.centre(face), 0.8 * search.size(face)
    left, top = np.maximum(middle - reach, 0).astype(int)
    right, bottom = (middle + reach).astype(int)
    out = np.empty_like(image)
    out[:] = image[top:bottom, left:right].mean((0, 1)).astype(np.uint8)
    out[top:bottom, left:right] = image[top:bottom, left:right]
    return out


def _thumbnail(image: Image) -> NDArray[np.float32]:
    """(24, 24, 3) float32: enough to see a cut."""
    import cv2

    step = max(1, min(image.shape[:2]) // 96)
    return np.asarray(cv2.resize(image[::step, ::step], (24, 24), interpolation=cv2.INTER_AREA), np.float32)
