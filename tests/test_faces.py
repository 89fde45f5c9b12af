"""Faces in pictures: found small, large, turned, several; portraits and their errors; the person's matte.

The face is that of Eileen Collins, a NASA photograph in the public domain that ships with scikit-image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import skimage.data

from gioconda.errors import PortraitError
from gioconda.faces import Tracker, angles, matte
from gioconda.faces.tracker import MIN_FACE, width
from heads.base import Floats, Image

EYES = (225, 102)
"""Between the eyes of the photograph, pixels, read off by hand."""


@dataclass(frozen=True)
class Still:
    """A picture as `read_image` gives it."""

    image: Image
    alpha: Floats | None = None
    digest: str = "a" * 64


@pytest.fixture(scope="module")
def tracker() -> Iterator[Tracker]:
    with Tracker() as tracker:
        yield tracker


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(skimage.data.astronaut(), np.uint8)


def scaled(image: Image, factor: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def canvas(width: int, height: int) -> Image:
    """A background that is neither flat nor a face: soft colour noise."""
    rough = np.random.default_rng(5).integers(90, 150, (height // 40 + 1, width // 40 + 1, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def eyes(points: Floats) -> Floats:
    return np.asarray((points[33, :2] + points[263, :2]) / 2, np.float32)


def test_face_is_where_it_is_and_looks_at_the_viewer(tracker: Tracker, photo: Image) -> None:
    (face,) = tracker.find(photo)
    assert face.points.shape == (478, 3)
    assert face.points.dtype == face.expression.dtype == face.pose.dtype == np.float32
    assert eyes(face.points) == pytest.approx(EYES, abs=4)
    assert face.expression.shape == (52,)
    assert 0 <= face.expression.min() <= face.expression.max() <= 1
    assert all(abs(angle) < 15 for angle in angles(face.pose))
    np.testing.assert_allclose(face.pose @ face.pose.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(face.pose) == pytest.approx(1, abs=1e-5)


def test_same_picture_gives_the_same_bits(tracker: Tracker, photo: Image) -> None:
    first = tracker.find(photo)[0]
    tracker.find(canvas(200, 200))
    with Tracker() as other:
        again, elsewhere = tracker.find(photo)[0], other.find(photo)[0]
    np.testing.assert_array_equal(again.points, first.points)
    np.testing.assert_array_equal(elsewhere.points, first.points)
    np.testing.assert_array_equal(elsewhere.expression, first.expression)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_pictures_on_their_side_give_points_in_their_own_pixels(tracker: Tracker, photo: Image, turns: int) -> None:
    upright = tracker.find(photo)[0]
    (face,) = tracker.find(np.ascontiguousarray(np.rot90(photo, turns)))
    x, y = EYES
    place = {1: (y, 512 - x), 2: (512 - x, 512 - y), 3: (512 - y, x)}[turns]
    assert eyes(face.points) == pytest.approx(place, abs=4)
    roll = {1: -90, 2: 180, 3: 90}[turns]
    assert (angles(face.pose)[2] - angles(upright.pose)[2] - roll + 180) % 360 - 180 == pytest.approx(0, abs=4)


@pytest.mark.parametrize("degrees", [-120, -45, 30, 135])
def test_leaning_heads_are_found_by_the_second_look(tracker: Tracker, photo: Image, degrees: float) -> None:
    turn = cv2.getRotationMatrix2D((256, 256), -degrees, 0.8)
    leaning = np.asarray(cv2.warpAffine(photo, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    (face,) = tracker.find(leaning)
    assert eyes(face.points) == pytest.approx(tuple(turn @ (*EYES, 1)), abs=5)
    roll = angles(face.pose)[2]
    assert (roll - degrees + 180) % 360 - 180 == pytest.approx(3, abs=8)


def test_small_face_in_a_large_picture_is_found_in_tiles(tracker: Tracker, photo: Image) -> None:
    large = canvas(2400, 1600)
    large[900 : 900 + 256, 1900 : 1900 + 256] = scaled(photo, 0.5)[:256, :256]
    (face,) = tracker.find(large)
    assert eyes(face.points) == pytest.approx((1900 + EYES[0] / 2, 900 + EYES[1] / 2), abs=3)


def test_face_that_fills_the_picture_is_found_padded(tracker: Tracker, photo: Image) -> None:
    tight = np.ascontiguousarray(photo[64:184, 168:284])
    (face,) = tracker.find(scaled(tight, 4))
    assert eyes(face.points) == pytest.approx((4 * (EYES[0] - 168), 4 * (EYES[1] - 64)), abs=16)


def test_large_pictures_give_the_same_face_as_small_ones(tracker: Tracker, photo: Image) -> None:
    double = np.asarray(cv2.resize(photo, (2048, 2048), interpolation=cv2.INTER_CUBIC), np.uint8)
    difference = tracker.find(double)[0].points / 4 - tracker.find(photo)[0].points
    assert np.abs(difference[:, :2]).max() < 1.0


def test_several_faces_come_largest_first(tracker: Tracker, photo: Image) -> None:
    both = canvas(900, 512)
    both[200:, :312] = scaled(photo, 312 / 512)
    both[:, 388:] = photo
    faces = tracker.find(both)
    assert len(faces) == 2
    assert eyes(faces[0].points) == pytest.approx((388 + EYES[0], EYES[1]), abs=4)
    assert eyes(faces[1].points) == pytest.approx((EYES[0] * 0.61, 200 + EYES[1] * 0.61), abs=4)


@pytest.mark.parametrize("name", ["coffee", "noise", "black"])
def test_nothing_is_found_where_there_is_nobody(tracker: Tracker, name: str) -> None:
    pictures = {
        "coffee": np.asarray(skimage.data.coffee(), np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8),
        "black": np.zeros((400, 300, 3), np.uint8),
    }
    image = pictures[name]
    assert tracker.find(image) == ()
    with pytest.raises(PortraitError, match=r"No face was found in cup\.png") as caught:
        tracker.portrait(Still(image), name="cup.png")
    assert f"{image.shape[1]} × {image.shape[0]} pixels" in caught.value.found
    assert caught.value.do


def test_portrait_has_even_sides_and_carries_the_digest(tracker: Tracker, photo: Image) -> None:
    found = tracker.portrait(Still(photo[:509, :511]))
    portrait = found.portrait
    assert portrait.image.shape == (508, 510, 3)
    assert portrait.image.flags.c_contiguous
    np.testing.assert_array_equal(portrait.image, photo[:508, :510])
    assert portrait.matte.shape == (508, 510)
    assert portrait.matte.dtype == portrait.align.dtype == np.float32
    assert portrait.digest == "a" * 64
    assert found.faces == 1


def test_portrait_that_lies_on_its_side_is_turned_upright_and_says_so(tracker: Tracker, photo: Image) -> None:
    for turns in (1, 2, 3):
        found = tracker.portrait(Still(np.ascontiguousarray(np.rot90(photo, turns))), name="lying.jpg")
        np.testing.assert_array_equal(found.portrait.image, photo)
        assert eyes(found.portrait.face.points) == pytest.approx(EYES, abs=4)
        assert "lying.jpg" in found.notes[0]
        assert "turned upright" in found.notes[0]


def test_face_of_40_pixels_is_refused_with_the_figure(tracker: Tracker, photo: Image) -> None:
    factor = 40 / width(tracker.find(photo)[0])
    with pytest.raises(PortraitError, match=r"The face in me\.png is (39|40|41) pixels wide") as caught:
        tracker.portrait(Still(scaled(photo, factor)), name="me.png")
    assert str(MIN_FACE) in caught.value.needed


def test_face_by_number(tracker: Tracker, photo: Image) -> None:
    both = np.concatenate([photo, np.zeros_like(photo)], 1)
    both[100:, 600:1012] = scaled(photo, 412 / 512)
    second = tracker.portrait(Still(both), face=2)
    assert eyes(second.portrait.face.points)[0] > 600
    assert second.faces == 2
    assert not any("largest" in note for note in second.notes)
    assert any("2 faces" in note for note in tracker.portrait(Still(both)).notes)
    with pytest.raises(PortraitError, match="Face 3 was asked for, but 2 faces were found"):
        tracker.portrait(Still(both), face=3)
    with pytest.raises(PortraitError, match="Face 0 was asked for"):
        tracker.portrait(Still(photo), face=0)


def test_notes_name_small_and_blurred_faces(tracker: Tracker, photo: Image) -> None:
    assert any("pixels wide" in note for note in tracker.portrait(Still(photo)).notes)
    double = np.asarray(cv2.resize(photo, (1024, 1024), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert not tracker.portrait(Still(double)).notes
    soft = np.asarray(cv2.GaussianBlur(double, (0, 0), 8), np.uint8)
    assert any("blurred" in note for note in tracker.portrait(Still(soft)).notes)


def test_matte_is_the_person(tracker: Tracker, photo: Image) -> None:
    cover = matte(photo, tracker.find(photo)[0])
    assert cover.min() >= 0
    assert cover.max() <= 1
    assert cover[75:150, 195:255].min() > 0.95, "the face"
    assert cover[40, 215] > 0.9, "the hair"
    assert cover[330:400, 120:200].min() > 0.9, "the suit"
    assert cover[:120, 320:400].max() < 0.05, "the wall"
    assert cover[:200, :80].max() < 0.05, "the flag"
    assert np.mean((cover > 0.05) & (cover < 0.95)) < 0.06, "the outline is narrow"


def test_matte_takes_only_the_person_meant(tracker: Tracker, photo: Image) -> None:
    pair = np.concatenate([photo[:, 60:340], photo[:, 340:59:-1]], 1)
    faces = sorted(tracker.find(pair), key=lambda face: float(face.points[:, 0].mean()))
    left = matte(pair, faces[0], others=faces[1:])
    assert left[75:150, 135:195].min() > 0.95
    assert left[:, 330:].max() < 0.05


def test_matte_knows_the_alpha_of_the_picture(tracker: Tracker, photo: Image) -> None:
    alpha = np.ones((512, 512), np.float32)
    alpha[:, 210:] = 0.25
    with_alpha = tracker.portrait(Still(photo, alpha)).portrait.matte
    without = tracker.portrait(Still(photo)).portrait.matte
    np.testing.assert_allclose(with_alpha, without * alpha, atol=1e-6)


def test_opening_a_tracker_writes_nothing_to_the_standard_error(capfd: pytest.CaptureFixture[str], photo: Image) -> None:
    with Tracker() as tracker:
        tracker.portrait(Still(photo))
    assert capfd.readouterr().err == ""
