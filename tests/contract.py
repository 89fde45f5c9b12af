"""What every head promises (`heads.base.Head`), as one function that a head passes or not, and a face to try it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
from safetensors.numpy import load_file

import weights
from heads import mesh, paste, rigid
from heads.base import Accelerated, Adjustable, Cue, Face, Head, HeadError, Identity, Image, Portrait, Precision, Watching
from heads.headmodel import HeadModel

SIZE = (96, 128)
"""(W, H) of the portrait: small, even, not square."""


class Broken(AssertionError):
    """A head broke a promise; the message says which."""


def promise(kept: object, what: str) -> None:
    if not kept:
        raise Broken(what)


def model() -> HeadModel:
    return HeadModel.from_arrays(load_file(weights.path("headmodel.safetensors")))


def portrait(seed: int = 0) -> Portrait:
    """A face without a picture of anybody: noise, with the mean head's landmarks laid over it."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    coarse = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    image = np.ascontiguousarray(np.kron(coarse, np.ones((4, 4, 1), np.uint8)))
    points = model().landmark_mean * 34 + np.array([width / 2, 52, 0], np.float32)
    face = Face(points.astype(np.float32), np.zeros(52, np.float32), np.eye(3, dtype=np.float32))
    y, x = np.mgrid[:height, :width]
    matte = np.clip(1.2 - np.hypot((x - width / 2) / 36, (y - 62) / 46), 0, 1) * 4
    return Portrait(image, face, paste.align(face.points), np.clip(matte, 0, 1).astype(np.float32), "0" * 64)


def cues(count: int, look: int = 0) -> list[Cue]:
    """A performance: the first cue is neutral, then jaw, brows, gaze and head move; each cue differs from the last.

    Its pictures show the landmarks as dots; `look` is how the driver looks.
    """
    head = model()
    align = paste.align(head.landmark_mean)
    skin = np.random.default_rng(look).integers(60, 160, (8, 8, 3), np.uint8).repeat(32, 0).repeat(32, 1)
    out = []
    for i in range(count):
        x = i / max(1, count - 1)
        shapes = np.zeros(52, np.float32)
        shapes[mesh.SHAPE["jawOpen"]] = 0.7 * x
        shapes[mesh.SHAPE["eyeBlinkLeft"]] = x
        turn = rigid.to_matrix(np.array([0.05 * x, 0.2 * x, 0.0])).astype(np.float32)
        points = (head.landmark_mean + np.tensordot(shapes, head.landmark_units, 1)) @ turn.T
        unit = paste.apply(align, points)
        crop = skin.copy()
        for x, y in np.clip(unit[:, :2] * 256, 1, 254).astype(int):
            crop[y - 1 : y + 2, x - 1 : x + 2] = 255
        out.append(Cue(i / 25, unit, shapes, turn, True, crop, unit))
    return out


class Counted:
    """An iterator that counts how many cues were asked for."""

    def __init__(self, items: list[Cue]) -> None:
        self._items, self.asked = iter(items), 0

    def __iter__(self) -> Iterator[Cue]:
        return self

    def __next__(self) -> Cue:
        self.asked += 1
        return next(self._items)


def check(head: Head) -> None:
    """Raise `Broken` where the head breaks a promise of the contract."""
    _check_place(head)
    _check_own(head)
    person = portrait()
    performance = cues(9)
    neutral = performance[0]
    identity = head.enroll([person])
    promise(identity.head == type(head).name, "an identity names the head that made it")
    promise(all(a.dtype == np.float32 for a in identity.state.values()), "an identity's state is float32")
    frames = [f.copy() for f in _shaped(head.animate(identity, neutral, iter(performance)))]
    promise(len(frames) == len(performance), f"one frame per cue, not {len(frames)} for {len(performance)}")
    promise(any((a != b).any() for a, b in pairwise(frames)), "the performance moves something")
    if type(head).paints:
        others = cues(2, look=1)
        other = next(iter(head.animate(identity, others[0], iter(others))))
        promise(_near(other, frames[0]), "a neutral cue gives the same picture of the portrait for every driver")
    else:
        promise(_near(frames[0], person.image), "a neutral cue gives the portrait")
    promise((frames[-1][:2] == person.image[:2]).all(), "pixels far from the face are the portrait's own")
    again = list(head.animate(head.enroll([person]), neutral, iter(performance)))
    promise(_same(again, frames), "the same inputs give the same bits")
    _check_iterators(head, identity, performance, frames)
    _check_live(head, identity, performance)
    _check_lost(head, identity, performance, frames)
    _check_refusals(head, identity, neutral)


def _check_place(head: Head) -> None:
    """Where it runs: a head of networks says whether they are finite, another one refuses all but the CPU in fp32."""
    kind = type(head)
    promise(isinstance(kind.paints, bool), "a head says whether a trained network paints: its results are marked accordingly")
    if kind.accelerated:
        promise(callable(getattr(head, "finite", None)), "an accelerated head can say whether its networks are finite")
        promise(cast(Accelerated, head).finite(), "a head is finite in fp32")
        return
    nowhere = {name: Path("nowhere") for name in kind.needs}
    wrong: list[tuple[str, Precision]] = [("cuda:0", "fp32"), ("cpu", "fp16")]
    for device, precision in wrong:
        try:
            kind.from_files(nowhere, device, precision)
        except HeadError as error:
            promise(str(error).count(".") >= 3, f"{device} in {precision}: found, needed, do: {error}")
        else:
            raise Broken(f"a head without networks refuses {device} in {precision}")


def _check_own(head: Head) -> None:
    """What it says of itself is so: where it watches, and which settings it takes."""
    if "crops" in head.drives:
        promise(callable(getattr(head, "boxes", None)), "a head that drives on pictures says where it watches")
        points = paste.apply(np.array([[100, 0, 50], [0, 100, 40]], np.float32), np.stack([c.points for c in cues(3)]))
        squares = cast(Watching, head).boxes(points)
        promise(squares.shape == (3, 4), "one square for each frame")
        promise(np.allclose(squares[:, 2] - squares[:, 0], squares[:, 3] - squares[:, 1], rtol=1e-3), "squares are square")
        nose = points[:, 4, :2]
        promise(((squares[:, :2] < nose) & (nose < squares[:, 2:])).all(), "the face is in them")
    if not type(head).settings:
        return
    adjustable = cast(Adjustable, head)
    promise(callable(getattr(head, "adjusted", None)), "a head with settings can be adjusted")
    promise(type(adjustable.adjusted({})) is type(head), "an adjusted head is of the same class")
    promise(callable(getattr(head, "chosen", None)), "a head with settings tells their values")
    promise(set(adjustable.chosen()) == type(head).settings, "of all of its settings")
    promise(adjustable.adjusted(adjustable.chosen()).chosen() == adjustable.chosen(), "and takes them back")
    try:
        adjustable.adjusted({"sharpness of the nose": 2})
    except HeadError as error:
        promise(str(error).count(".") >= 3, f"an unknown setting: found, needed, do: {error}")
    else:
        raise Broken("a setting that it does not have is refused")


def _shaped(frames: Iterator[Image]) -> Iterator[Image]:
    for frame in frames:
        promise(
            frame.dtype == np.uint8 and frame.shape == (SIZE[1], SIZE[0], 3),
            f"frames are uint8 (H, W, 3), not {frame.dtype} {frame.shape}",
        )
        promise(frame.flags["C_CONTIGUOUS"], "frames are contiguous")
        yield frame


def _near(some: Image, other: Image) -> bool:
    return bool(np.abs(some.astype(int) - other).mean() < 1.0)


def _same(some: list[Image], others: list[Image]) -> bool:
    return len(some) == len(others) and all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def _check_iterators(head: Head, identity: Identity, performance: list[Cue], frames: list[Image]) -> None:
    one = head.animate(identity, performance[0], iter(performance))
    two = head.animate(identity, performance[0], iter(performance))
    turns = [f.copy() for pair in zip(one, two, strict=True) for f in pair]
    promise(all(np.array_equal(f, frames[i // 2]) for i, f in enumerate(turns)), "two iterators do not disturb each other")
    kept = list(head.animate(identity, performance[0], iter(performance)))
    promise(_same(kept, frames), "a frame belongs to the caller and is not written to again")
    kept[0][:] = 0
    first = next(iter(head.animate(identity, performance[0], iter(performance))))
    promise(np.array_equal(first, frames[0]), "a frame is no view of memory that the head keeps")


def _check_live(head: Head, identity: Identity, performance: list[Cue]) -> None:
    for lookahead in (0, 3):
        source = Counted(performance)
        opened = head.animate(identity, performance[0], source, lookahead=lookahead)
        promise(source.asked == 0, "work starts at the first next, not at the call")
        promise(hasattr(opened, "close"), "animate gives an iterator that can be closed")
        with closing(opened) as frames:  # type: ignore[type-var]
            for done, _ in enumerate(frames, 1):
                promise(
                    source.asked <= done + max(0, lookahead - 1), f"lookahead={lookahead} asks for no more cues than it may"
                )
                if done == 5:
                    break
        asked = source.asked
        promise(asked <= 5 + max(0, lookahead - 1), "closing the iterator stops the work")


def _check_lost(head: Head, identity: Identity, performance: list[Cue], frames: list[Image]) -> None:
    lost = [replace(cue, found=False) if i in {4, 5} else cue for i, cue in enumerate(performance)]
    held = list(head.animate(identity, performance[0], iter(lost)))
    promise(
        np.array_equal(held[4], frames[3]) and np.array_equal(held[5], frames[3]),
        "where no face was found the last cue is held",
    )
    promise(np.array_equal(held[6], frames[6]), "a face that is found again is followed again")


def _check_refusals(head: Head, identity: Identity, neutral: Cue) -> None:
    stranger = replace(identity, head="somebody else's")
    too_many = [portrait()] * head.shots.stop
    for what, call in (
        ("enrolling nobody", lambda: head.enroll([])),
        ("enrolling too many portraits", lambda: head.enroll(too_many)),
        ("an identity of another head", lambda: head.animate(stranger, neutral, iter([neutral]))),
    ):
        try:
            call()
        except HeadError as error:
            promise(str(error).count(".") >= 3, f"{what}: the error says what was found, what is needed, what to do: {error}")
        else:
            raise Broken(f"{what} is refused with a HeadError at the call")
