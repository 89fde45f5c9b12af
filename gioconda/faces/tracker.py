"""`Tracker`: from a picture to a portrait, with notes on what may look poor later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from gioconda.errors import PortraitError
from gioconda.faces import search
from gioconda.faces.follow import Sighting, TimedImage, follow
from gioconda.faces.landmarks import Lane, Stills
from gioconda.faces.matte import matte
from gioconda.faces.pose import angles
from heads import paste
from heads.base import Face, Floats, Image, Portrait

MIN_FACE = 48
"""Pixels from ear to ear: below it the landmarks of lids and lips run together (about 1 pixel apart)."""

SMALL_FACE = 128
"""Pixels from ear to ear: below it a face can be animated but looks soft."""

FAR_TURN = 30.0
"""Degrees of yaw beyond which the far side of the face is mostly hidden."""

SHARP = 12.0
"""Sharpness below which a portrait is called blurred: see `_sharpness`."""


class StillPicture(Protocol):
    """What `gioconda.media.read_image` returns."""

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 RGB."""

    @property
    def alpha(self) -> Floats | None:
        """(H, W) float32 in [0, 1], or None where all is solid."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A portrait and what was noticed while looking at the picture."""

    portrait: Portrait
    faces: int
    """How many faces the picture shows."""
    notes: tuple[str, ...]
    """Complete sentences for the report, such as that the face is turned or small; empty when all is well."""


class Tracker:
    """Finds and follows faces. Owns native threads: use it as a context manager, or close it."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._stills = stack.enter_context(Stills())
            self._lane = stack.enter_context(Lane())
            self._open = stack.pop_all()

    def find(self, image: Image) -> tuple[Face, ...]:
        """All faces of a picture (H, W, 3) uint8 RGB, the largest first; empty when there is none.

        A second look (padded, turned, in tiles) is taken when the first one finds nothing.
        """
        return search.find(image, self._stills, self._lane)

    def portrait(self, picture: StillPicture, *, face: int | None = None, name: str = "The picture") -> Found:
        """The portrait of one person in a picture.

        The picture is cropped to even sides, and turned when the face in it lies on its side or stands on its head.

        Args:
            picture: image (H, W, 3) uint8, alpha (H, W) or None, digest.
            face: 1 is the largest face, 2 the next; None means the largest.
            name: what error messages call the picture, usually its file's name.

        Raises:
            PortraitError: no face, fewer faces than `face`, or the face is narrower than `MIN_FACE` pixels.
        """
        image, alpha = picture.image, picture.alpha
        faces = self.find(image)
        chosen = _choose(faces, face, name, image.shape[1::-1])
        others = [face for face in faces if face is not chosen]
        notes = []
        if turns := round(angles(chosen.pose)[2] / 90) % 4:
            upright = _turned(image.shape[1], image.shape[0], turns)
            image = np.ascontiguousarray(np.rot90(image, turns))
            alpha = None if alpha is None else np.rot90(alpha, turns)
            chosen, *others = (search.move(face, upright) for face in (chosen, *others))
            lay = ("", "on its side", "upside down", "on its side")[turns]
            notes.append(f"{name} lay {lay} and was turned upright.")
        height, width = (side // 2 * 2 for side in image.shape[:2])
        image = np.ascontiguousarray(image[:height, :width])
        alpha = None if alpha is None else np.ascontiguousarray(alpha[:height, :width])
        cover = matte(image, chosen, others=others, alpha=alpha)
        portrait = Portrait(image, chosen, paste.align(chosen.points), cover, picture.digest)
        return Found(portrait, len(faces), (*notes, *_notes(portrait, len(faces), face, name)))

    def follow(self, frames: Iterable[TimedImage], *, face: int | None = None, crops: bool = False) -> Iterator[Sighting]:
        """Follow one face through a clip: see `gioconda.faces.follow.follow`."""
        return follow(frames, face=face, crops=crops)

    def close(self) -> None:
        """Stop the native threads."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def width(face: Face) -> float:
    """From ear to ear in pixels, measured in three dimensions so that a turned head is not narrower."""
    return float(np.linalg.norm(face.points[234] - face.points[454]))


def _choose(faces: tuple[Face, ...], wanted: int | None, name: str, shape: tuple[int, ...]) -> Face:
    number = 1 if wanted is None else wanted
    if not faces:
        raise PortraitError(
            f"No face was found in {name} ({shape[0]} × {shape[1]} pixels), also not enlarged, turned or part by part.",
            "One face seen from the front, or up to about 45 degrees from the side, is needed.",
            "Choose another picture, or cut this one to head and shoulders.",
        )
    if not 1 <= number <= len(faces):
        many = "1 face was" if len(faces) == 1 else f"{len(faces)} faces were"
        raise PortraitError(
            f"Face {number} was asked for, but {many} found in {name}.",
            "The largest face is number 1, the next number 2.",
            "Choose 1." if len(faces) == 1 else f"Choose a number from 1 to {len(faces)}.",
        )
    chosen = faces[number - 1]
    if (across := width(chosen)) < MIN_FACE:
        raise PortraitError(
            f"The face in {name} is {across:.0f} pixels wide.",
            f"At least {MIN_FACE} pixels are needed, and {2 * SMALL_FACE} make a good portrait.",
            "Choose a larger or closer picture of the person.",
        )
    return chosen


def _turned(width: int, height: int, turns: int) -> Floats:
    """Affine (2, 3) of pixels when a picture of this size is turned counter-clockwise by `turns` quarters (numpy.rot90)."""
    table = {
        0: ((1, 0, 0), (0, 1, 0)),
        1: ((0, 1, 0), (-1, 0, width)),
        2: ((-1, 0, width), (0, -1, height)),
        3: ((0, -1, height), (1, 0, 0)),
    }
    return np.array(table[turns], np.float32)


def _notes(portrait: Portrait, faces: int, asked: int | None, name: str) -> list[str]:
    notes = []
    if faces > 1 and asked is None:
        notes.append(f"{name} shows {faces} faces; the largest was taken. Choose another one with the face's number.")
    yaw = angles(portrait.face.pose)[0]
    if abs(yaw) > FAR_TURN:
        side = "right" if yaw > 0 else "left"
        notes.append(f"The face in {name} is turned {abs(yaw):.0f} degrees to the {side}; its far side may look poor.")
    across = width(portrait.face)
    if across < SMALL_FACE:
        notes.append(f"The face in {name} is only {across:.0f} pixels wide and will look soft; {2 * SMALL_FACE} are better.")
    if across >= MIN_FACE and _sharpness(portrait) < SHARP:
        notes.append(f"The face in {name} is blurred; a sharper picture gives a better result.")
    return notes


def _sharpness(portrait: Portrait) -> float:
    """Fine detail of the face: how much its grey levels differ from their neighbours', in percent of their contrast.

    The standard deviation of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000),
    in the middle of the crop at 256 pixels.
    """
    import cv2

    crop = cv2.cvtColor(paste.cut(portrait.image, portrait.align, 256), cv2.COLOR_RGB2GRAY)[64:192, 64:192].astype(np.float32)
    return float(100 * cv2.Laplacian(crop, cv2.CV_32F).std() / max(float(crop.std()), 1.0))
