"""Several portraits have to be of one person: strangers are refused, doubts are told, moods and lamps are neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from gioconda import sitter
from gioconda.errors import PortraitError
from gioconda.faces import Tracker
from gioconda.media import read_image
from heads.base import Portrait
from heads.likeness import DOUBTFUL, unlikeness

FOLDER = Path(__file__).parent.parent / "examples" / "portraits"


@pytest.fixture(scope="module")
def shown() -> Callable[..., Portrait]:
    """A sample's portrait, perhaps in other light and tilted."""

    def look(name: str, gamma: float = 1.0, tilt: float = 0.0) -> Portrait:
        picture = read_image(FOLDER / f"{name}.jpg")
        height, width = picture.image.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1)
        lit = (255 * (picture.image / 255) ** gamma * np.linspace(0.6, 1, width)[None, :, None]).astype(np.uint8)
        image = (
            cv2.warpAffine(lit, turn, (width, height), borderMode=cv2.BORDER_REPLICATE) if tilt or gamma != 1 else picture.image
        )
        with Tracker() as tracker:
            return tracker.portrait(replace(picture, image=np.asarray(image, np.uint8)), name=name).portrait

    return look


def test_one_person_in_other_light_is_one_person(shown: Callable[..., Portrait]) -> None:
    assert sitter.check([shown("ada"), shown("ada", gamma=1.8, tilt=10)], ["ada.jpg", "dark.jpg"]) == []


def test_one_portrait_is_never_doubted(shown: Callable[..., Portrait]) -> None:
    assert sitter.check([shown("marble")], ["marble.jpg"]) == []


def test_clearly_different_people_are_refused(shown: Callable[..., Portrait]) -> None:
    with pytest.raises(PortraitError, match=r"ada\.jpg and marble\.jpg do not look like one person") as told:
        sitter.check([shown("ada"), shown("marble")], ["ada.jpg", "marble.jpg"])
    assert "Leave marble.jpg out" in told.value.do


def test_doubts_are_told(shown: Callable[..., Portrait]) -> None:
    (note,) = sitter.check([shown("ada"), shown("ada", gamma=0.8), shown("ines")], ["ada.jpg", "again.jpg", "ines.jpg"])
    assert note.startswith("ines.jpg may not show the person of ada.jpg")


def test_the_same_picture_is_not_unlike_itself(shown: Callable[..., Portrait]) -> None:
    ada, kofi = shown("ada"), shown("kofi")
    same, other = unlikeness([ada, ada, kofi])[1:]
    assert same < 0.01
    assert other > DOUBTFUL
