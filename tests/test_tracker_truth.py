"""The tracker against people whose pose and landmarks are known, because they were rendered."""

from __future__ import annotations

import numpy as np
import pytest

from examples.people import Person, Rendering, render
from gioconda.faces import Tracker, angles, matte
from heads.base import Face, Floats
from heads.mesh import SHAPE

PEOPLE = (1, 2, 3)
"""Seeds of people of different sex, age and descent; none wears a beard, which hides the landmarks of the mouth."""
YAWS = (-30, 0, 30)

Seen = list[tuple[Rendering, Face]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Every person in every yaw, and what the tracker makes of it."""
    pictures = [render(Person.random(seed), yaw=yaw, size=(256, 256)) for seed in PEOPLE for yaw in YAWS]
    with Tracker() as tracker:
        found = [tracker.find(picture.image) for picture in pictures]
    assert [len(faces) for faces in found] == [1] * len(pictures)
    return [(picture, faces[0]) for picture, faces in zip(pictures, found, strict=True)]


def off(one: Floats, other: Floats) -> float:
    """Angle between two rotations in degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(one.T @ other) - 1) / 2, -1, 1))))


def test_pose_is_right_to_three_degrees(seen: Seen) -> None:
    errors = np.array([off(face.pose, picture.pose) for picture, face in seen])
    assert errors.mean() < 2.5
    assert np.percentile(errors, 80) < 3
    assert errors.max() < 5


def test_yaw_points_to_the_same_side_as_the_rendered_head(seen: Seen) -> None:
    error = [angles(face.pose)[0] - angles(picture.pose)[0] for picture, face in seen]
    assert np.abs(error).max() < 4


def test_landmarks_are_right_to_three_hundredths_of_the_eyes_distance(seen: Seen) -> None:
    for picture, face in seen:
        eyes = np.linalg.norm(picture.points[33] - picture.points[263])
        apart = np.linalg.norm((face.points - picture.points)[:468, :2], axis=1)
        assert np.median(apart) < 0.03 * eyes


def test_pose_does_not_depend_on_the_place_in_the_picture(seen: Seen) -> None:
    head = seen[2][0].image[20:230, 30:230]
    with Tracker() as tracker:
        poses = []
        for x in (0, 260, 560):
            wide = np.full((400, 760, 3), 110, np.uint8)
            wide[60:270, x : x + 200] = head
            poses.append(tracker.find(wide)[0].pose)
    assert max(off(poses[0], pose) for pose in poses[1:]) < 1.0


def test_expression_that_is_worn_is_seen(seen: Seen) -> None:
    worn = np.zeros(52, np.float32)
    worn[[SHAPE["jawOpen"], SHAPE["eyeBlinkLeft"]]] = 0.8
    rest = seen[4][1]
    with Tracker() as tracker:
        made = tracker.find(render(Person.random(2), expression=worn, size=(256, 256)).image)[0]
    change = made.expression - rest.expression
    assert change[SHAPE["jawOpen"]] > 0.25
    assert change[SHAPE["eyeBlinkLeft"]] > 0.2
    assert change[SHAPE["eyeBlinkRight"]] < 0.15


def test_matte_covers_the_person(seen: Seen) -> None:
    picture, face = seen[1]
    cover, true = matte(picture.image, face), picture.matte
    assert (np.minimum(cover, true).sum() / np.maximum(cover, true).sum()) > 0.93
