"""Clips: the face followed exactly, lost and found again, the same person kept, the same bits, nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import pytest
import skimage.data

from gioconda.errors import DrivingError, SettingError
from gioconda.faces import Sighting, Tracker, follow
from heads import paste
from heads.base import Floats, Image

RATE = Fraction(30000, 1001)


@dataclass(frozen=True)
class Frame:
    """A frame as the video reader gives it."""

    ticks: int
    time: Fraction
    image: Image


def timed(images: Sequence[Image]) -> Iterator[Frame]:
    return (Frame(1001 * i, i / RATE, image) for i, image in enumerate(images))


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(skimage.data.astronaut(), np.uint8)


def placed(photo: Image, x: float, y: float, factor: float = 1.0, size: tuple[int, int] = (288, 256)) -> Image:
    """The photograph with the point between the eyes at (x, y), enlarged by `factor`."""
    move = np.array([[factor, 0, x - 225 * factor], [0, factor, y - 102 * factor]])
    return np.asarray(cv2.warpAffine(photo, move, size, borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_AREA), np.uint8)


def eyes(sighting: Sighting) -> Floats:
    assert sighting.face is not None
    return np.asarray((sighting.face.points[33, :2] + sighting.face.points[263, :2]) / 2, np.float32)


def empty(width: int = 288, height: int = 256) -> Image:
    """What is left when the person goes: the same wall."""
    return np.full((height, width, 3), (160, 150, 150), np.uint8)


@pytest.fixture(scope="module")
def moving(photo: Image) -> list[Image]:
    """70 frames, three blocks: the face swings by 40 pixels."""
    return [placed(photo, 144 + 40 * np.sin(i / 6), 110 + 10 * np.cos(i / 5)) for i in range(70)]


@pytest.fixture(scope="module")
def followed(moving: list[Image]) -> list[Sighting]:
    return list(follow(timed(moving)))


def test_every_frame_gives_one_sighting_with_its_own_stamps(followed: list[Sighting]) -> None:
    assert [s.ticks for s in followed] == [1001 * i for i in range(70)]
    assert [s.time for s in followed] == [i / RATE for i in range(70)]
    assert all(s.found and s.crop is None for s in followed)


def test_landmarks_follow_without_lag_or_jitter(followed: list[Sighting]) -> None:
    truth = np.array([(144 + 40 * np.sin(i / 6), 110 + 10 * np.cos(i / 5)) for i in range(70)])
    error = np.array([eyes(s) for s in followed]) - truth
    assert np.abs(np.median(error, 0)).max() < 2
    jitter = error - np.median(error, 0)
    assert np.hypot(*jitter.T).max() < 1.0, "a third of a frame's lag would be 2 pixels"
    speed = np.gradient(truth[:, 0])
    assert abs((jitter[:, 0] * speed).sum() / (speed**2).sum()) < 0.05, "frames of lag"


def test_blocks_agree_with_a_look_at_each_frame_by_itself(followed: list[Sighting], moving: list[Image]) -> None:
    with Tracker() as tracker:
        for i in (0, 31, 32, 33, 69):
            alone, face = tracker.find(moving[i])[0], followed[i].face
            assert face is not None
            apart = np.linalg.norm((alone.points - face.points)[:, :2], axis=1)
            assert np.median(apart) < 0.02 * np.linalg.norm(alone.points[33] - alone.points[263])


def test_same_clip_gives_the_same_bits(followed: list[Sighting], moving: list[Image]) -> None:
    for first, second in zip(followed, follow(timed(moving)), strict=True):
        assert first.face is not None
        assert second.face is not None
        np.testing.assert_array_equal(first.face.points, second.face.points)
        np.testing.assert_array_equal(first.face.expression, second.face.expression)
        np.testing.assert_array_equal(first.face.pose, second.face.pose)


def test_lost_face_is_held_and_found_again(photo: Image) -> None:
    images = [placed(photo, 140, 110)] * 10 + [empty()] * 30 + [placed(photo, 150, 112)] * 10
    sightings = list(follow(timed(images)))
    assert [s.found for s in sightings] == [True] * 10 + [False] * 30 + [True] * 10
    held = sightings[9].face
    assert held is not None
    for s in sightings[10:40]:
        assert s.face is not None
        np.testing.assert_array_equal(s.face.points, held.points)
    assert eyes(sightings[-1])[0] - eyes(sightings[9])[0] == pytest.approx(10, abs=1)


def test_before_the_first_sight_there_is_no_face(photo: Image) -> None:
    sightings = list(follow(timed([empty()] * 6 + [placed(photo, 140, 110)] * 4)))
    assert [s.found for s in sightings] == [False] * 6 + [True] * 4
    assert [s.face is None for s in sightings] == [True] * 6 + [False] * 4


def test_clip_without_a_face_ends_with_an_error_that_counts_its_frames() -> None:
    sightings = follow(timed([empty(160, 120)] * 12))
    assert not any(next(sightings).found for _ in range(12))
    with pytest.raises(DrivingError, match="No face was found in any of the driving clip's 12 frames"):
        next(sightings)


def test_clip_without_frames_is_an_error() -> None:
    with pytest.raises(DrivingError, match="no frames"):
        list(follow(timed([])))


def pair(photo: Image, i: int, *, both: bool = True) -> Image:
    """Two people, the left one larger; they lean together and apart. Without `both` the left one is gone."""
    left = placed(photo, 130 + 20 * np.sin(i / 5), 110, 1.0, (300, 256)) if both else empty(300, 256)
    return np.concatenate([left, placed(photo, 130 - 20 * np.sin(i / 5), 120, 0.8, (300, 256))], 1)


def test_largest_person_is_followed_and_nobody_else_taken_instead(photo: Image) -> None:
    images = [pair(photo, i, both=not 36 <= i < 46) for i in range(56)]
    sightings = list(follow(timed(images)))
    assert all(eyes(s)[0] < 300 for s in sightings)
    assert [s.found for s in sightings] == [not 36 <= i < 46 for i in range(56)]


def test_second_person_is_followed_by_number(photo: Image) -> None:
    sightings = list(follow(timed([pair(photo, i) for i in range(40)]), face=2))
    assert all(s.found and eyes(s)[0] > 300 for s in sightings)
    with pytest.raises(DrivingError, match="Face 3"):
        list(follow(timed([pair(photo, 0)] * 3), face=3))
    with pytest.raises(SettingError, match="Face 0"):
        follow(timed([]), face=0)


def test_after_a_cut_the_face_is_taken_where_it_is(photo: Image) -> None:
    dark = (placed(photo, 230, 80, 0.6)[:, ::-1] // 3).astype(np.uint8)
    sightings = list(follow(timed([placed(photo, 100, 110)] * 8 + [np.ascontiguousarray(dark)] * 8)))
    assert all(s.found for s in sightings)
    assert eyes(sightings[8]) == pytest.approx((288 - 230, 80), abs=3)


def test_large_frames_give_points_in_their_own_pixels(photo: Image) -> None:
    small = [placed(photo, 100 + i, 80) for i in range(9)]
    large = [np.asarray(cv2.resize(image, (1728, 1536), interpolation=cv2.INTER_CUBIC), np.uint8) for image in small]
    sightings = list(follow(timed(large)))
    for i, sighting in enumerate(sightings):
        assert eyes(sighting) == pytest.approx((6 * (100 + i), 6 * 80), abs=10)


def test_crops_are_cut_where_align_says(photo: Image) -> None:
    image = placed(photo, 140, 110)
    sightings = list(follow(timed([image] * 2 + [empty()]), crops=True))
    assert sightings[0].face is not None
    crop = sightings[0].crop
    assert crop is not None
    assert crop.shape == (256, 256, 3)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, paste.cut(image, paste.align(sightings[0].face.points), 256))
    assert sightings[2].crop is not None


def running() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def test_closing_early_ends_every_thread(moving: list[Image]) -> None:
    before = running()
    sightings = follow(timed(moving))
    next(sightings)
    assert running() - before, "tracking goes on ahead of the caller"
    sightings.close()  # type: ignore[attr-defined]
    assert not running() - before


def test_error_of_the_frames_reaches_the_caller_and_ends_every_thread(moving: list[Image]) -> None:
    def broken() -> Iterator[Frame]:
        yield from timed(moving[:40])
        raise OSError("the disk is gone")

    before = running()
    with pytest.raises(OSError, match="the disk is gone"):
        list(follow(broken()))
    assert not running() - before


def test_only_a_few_blocks_are_read_ahead(photo: Image) -> None:
    read = 0

    def endless() -> Iterator[Frame]:
        nonlocal read
        image = placed(photo, 140, 110)
        while True:
            yield Frame(read, read / RATE, image)
            read += 1

    sightings = follow(endless())
    ahead = 0
    for given in range(40):
        next(sightings)
        ahead = max(ahead, read - given)
    sightings.close()  # type: ignore[attr-defined]
    assert ahead < 150


def test_two_clips_at_once_do_not_disturb_each_other(followed: list[Sighting], moving: list[Image]) -> None:
    one, other = follow(timed(moving[:40])), follow(timed(moving[::-1]))
    for expected, (first, _) in zip(followed, zip(one, other, strict=False), strict=False):
        assert expected.face is not None
        assert first.face is not None
        np.testing.assert_array_equal(first.face.points, expected.face.points)
