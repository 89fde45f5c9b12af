"""Every face of a still picture: a first look, and when it finds none a second one with more patience.

MediaPipe's detector sees faces from about a tenth of the picture's side up to nearly all of it, and leaning by up to some 45
degrees. The second look brings other faces into that range: it pads the picture, turns it, and goes through it in tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gioconda.faces.landmarks import Lane, Stills
from heads import mesh, paste
from heads.base import Face, Floats, Image

Square: TypeAlias = NDArray[np.float64]
"""(2, 3) affine from pixels of the picture to a unit square that is looked at by itself."""

_LOOK = 512
"""Side in pixels of a look: twice the face that the landmark network sees, and four times what the detector sees."""

_FIRST = 1280
"""Pixels: the first look at a larger picture is at a smaller copy, averaged so that it does not shimmer."""

_PADDED = 1.8
"""Side of the padded look in longer sides of the picture: a face that fills the picture then fills half of it."""

_TURNS = (90, -90, 180, 30, -30, 60, -60, 120, -120, 150, -150)
"""Degrees by which the second look turns the picture."""

_TURNED = 1.2
"""Width of a turned look in longer sides of the picture."""

_SMALLEST_TILE = 240
"""Pixels: tiles are halved down to this, so that the last ones, below 480, bring out faces of 48."""

_COMPANY = 5.0
"""Side of the tiles in which further faces are looked for, in sizes of the largest face: those of half its size show."""

_FINEST = 4.0
"""Tiles along the picture's longer side, at most (they overlap by half): 49 of them take a quarter of a second."""

_SETTLE = 4
"""Times that a found face is looked at again, each from the landmarks before: they move by less than 1 % of the distance of
the eyes after the third time."""

_STILL = 0.05
"""A face has settled when its landmarks moved by less than this share of its size; right ones move by 0.01, wrong ones by
0.07 and more."""

_ROUNDS = 3
"""Times that a face is brought upright again before it is given up."""

_SAME = 0.5
"""Two finds whose centres lie nearer than this share of the larger one's size are one face."""


def size(face: Face) -> float:
    """The face's size in pixels: the mean side of the box around the landmarks of its surface."""
    return float(np.ptp(face.points[: mesh.SURFACE, :2], axis=0).mean())


def centre(face: Face) -> Floats:
    """(2,) float32 pixels: the middle of the box around the landmarks of the surface."""
    surface = face.points[: mesh.SURFACE, :2]
    return np.asarray((surface.min(0) + surface.max(0)) / 2, np.float32)


def apart(one: Face, other: Face) -> float:
    """Distance of two faces' centres in sizes of the larger one."""
    return float(np.linalg.norm(centre(one) - centre(other))) / max(size(one), size(other))


def move(face: Face, affine: NDArray[np.floating]) -> Face:
    """The same face in other pixel coordinates, given by a similarity (2, 3); the pose turns with the picture."""
    across, down = float(affine[0, 0]), float(affine[1, 0])
    turned = face.pose
    if down:
        cosine, sine = np.array([across, down]) / np.hypot(across, down)
        turned = np.asarray(np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ face.pose, np.float32)
    return Face(paste.apply(affine, face.points), face.expression, turned)


def find(image: Image, stills: Stills, lane: Lane, stop: Callable[[], bool] = bool) -> tuple[Face, ...]:
    """All faces of a picture (H, W, 3) uint8, the largest first; empty when the second look found none either.

    Faces of less than half the largest one's size may be left out, as may those beyond `MOST_FACES` in one look.

    Args:
        image: the picture.
        stills: sees the faces.
        lane: looks at each again until its landmarks have settled.
        stop: asked between looks; when it says true the search ends with what it has.
    """
    height, width = image.shape[:2]
    found: list[Face] = []

    def add(faces: list[Face]) -> None:
        for face in faces:
            if any(apart(face, other) < _SAME for other in found):
                continue  # seen before, in another look
            better = settle(image, face, lane)
            if better is not None and all(apart(better, other) > _SAME for other in found):
                found.append(better)

    add(glance(image, stills))
    for square in _second_look(width, height):
        if found or stop():
            break
        add(_look(image, square, stills))
    side = max(_COMPANY * max(map(size, found), default=np.inf), max(width, height) / _FINEST)
    for square in _tiles(width, height, side):
        if stop():
            break
        add(_look(image, square, stills))
    return tuple(sorted(found, key=size, reverse=True))


def glance(image: Image, stills: Stills) -> list[Face]:
    """The first look: the faces that the detector sees in the whole picture, the largest first."""
    height, width = image.shape[:2]
    longest = max(height, width)
    seen = image
    if longest > _FIRST:
        import cv2

        small = (max(1, width * _FIRST // longest), max(1, height * _FIRST // longest))
        seen = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    back = np.array([[width / seen.shape[1], 0, 0], [0, height / seen.shape[0], 0]])
    return sorted((move(face, back) for face in stills.see(seen)), key=size, reverse=True)


def settle(image: Image, face: Face, lane: Lane) -> Face | None:
    """The face seen again, upright in the middle of a crop, until its landmarks stand still; None when they never do.

    A face that leans far, or was found upside down, turns upright by itself this way; what is no face does not last.
    """
    for _ in range(_ROUNDS):
        square = paste.align(face.points)
        crop = paste.cut(image, square, _LOOK)
        lane.forget()
        seen: list[Face] = []
        for _ in range(_SETTLE):
            seen = lane.see(crop)
        if not seen:
            return None
        again = move(seen[0], _from_look(square))
        moved = float(np.median(np.linalg.norm((again.points - face.points)[:, :2], axis=1)))
        face = again
        if moved < _STILL * size(face):
            return face
    return None


def _look(image: Image, square: Square, stills: Stills) -> list[Face]:
    """The faces in one square of the picture, in the picture's pixels."""
    back = _from_look(square)
    return [move(face, back) for face in stills.see(paste.cut(image, square, _LOOK))]


def _from_look(square: NDArray[np.floating]) -> Floats:
    """Affine (2, 3) from the pixels of a look to those of the picture."""
    back = paste.invert(square)
    return np.column_stack([back[:, :2] / _LOOK, back[:, 2]])


def _second_look(width: int, height: int) -> Iterator[Square]:
    """Where faces are looked for when the whole picture showed none: padded, turned, then in smaller and smaller tiles."""
    longest, middle = max(width, height), np.array([width / 2, height / 2])
    yield _square(middle, _PADDED * longest, 0)
    for degrees in _TURNS:
        yield _square(middle, _TURNED * longest, degrees)
    side = longest / 2
    while side >= _SMALLEST_TILE:
        yield from _tiles(width, height, side)
        side /= 2


def _tiles(width: int, height: int, side: float) -> Iterator[Square]:
    """Squares of `side` pixels all over the picture, each overlapping the next by half; none when one would show all of it."""
    if side >= max(width, height):
        return
    for y in _starts(height, side):
        for x in _starts(width, side):
            yield _square(np.array([x, y]) + side / 2, side, 0)


def _starts(length: int, side: float) -> NDArray[np.float64]:
    """Where tiles of `side` begin that cover `length` and overlap by half or more."""
    steps = max(0, int(np.ceil(2 * (length - side) / side)))
    return np.linspace(0, max(0.0, length - side), steps + 1)


def _square(middle: NDArray[np.float64], side: float, degrees: float) -> Square:
    """The square of `side` pixels around `middle`, turned so that what leans clockwise by `degrees` stands upright."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]]) / side
    return np.column_stack([turn, 0.5 - turn @ middle])
