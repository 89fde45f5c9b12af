"""The rendered people: found by MediaPipe from all sides, where they say they are, and showing what they are told to show."""

from __future__ import annotations

from collections.abc import Iterator

import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import weights
from examples.people import NAMES, Person, Rendering, named, render
from heads.mesh import BLENDSHAPES, SHAPE

FLIP = np.diag([1.0, -1.0, -1.0])
"""MediaPipe's camera has y up and z towards the viewer."""


@pytest.fixture(scope="module")
def finder() -> Iterator[vision.FaceLandmarker]:
    """MediaPipe itself, not our tracker: this is about the people."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights.path("face_landmarker.task"))),
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as task:
        yield task


Found = tuple[NDArray[np.float64], NDArray[np.float64], dict[str, float]]


def look(finder: vision.FaceLandmarker, picture: Rendering) -> Found:
    """Landmarks (478, 2) in pixels, pose (3, 3) and blendshapes that MediaPipe finds; fails where it finds no face."""
    found = finder.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=picture.image))
    assert len(found.face_landmarks) == 1
    height, width = picture.image.shape[:2]
    points = np.array([[p.x * width, p.y * height] for p in found.face_landmarks[0]])
    pose = FLIP @ np.asarray(found.facial_transformation_matrixes[0])[:3, :3] @ FLIP
    return points, pose, {shape.category_name: shape.score for shape in found.face_blendshapes[0]}


def off(points: NDArray[np.float64], picture: Rendering, eyes: float) -> float:
    """Mean distance of the face's landmarks from the truth as a share of the eyes' distance `eyes`, the irises apart."""
    return float(np.linalg.norm(points[:468] - picture.points[:468, :2], axis=1).mean() / eyes)


@pytest.mark.parametrize("seed", [1, 3])
def test_found_from_all_sides_where_the_truth_says(finder: vision.FaceLandmarker, seed: int) -> None:
    person = Person.random(seed)
    straight = render(person, size=(320, 320))
    eyes = float(np.linalg.norm(straight.points[33, :2] - straight.points[263, :2]))
    for yaw in (-30, -15, 0, 15, 30):
        picture = render(person, yaw=yaw, size=(320, 320))
        points, pose, _ = look(finder, picture)
        assert off(points, picture, eyes) < (0.03 if abs(yaw) < 20 else 0.045)
        seen = Rotation.from_matrix(pose).as_euler("YXZ", degrees=True)[0]
        assert seen == pytest.approx(yaw, abs=3 if yaw == 0 else 8), "MediaPipe's own matrix flattens turned heads"
        assert yaw == 0 or seen * yaw > 0


def test_everybody_is_found_from_the_sides(finder: vision.FaceLandmarker) -> None:
    for name in NAMES:
        for yaw in (-30, 30):
            look(finder, render(named(name), yaw=yaw, size=(256, 256)))


@pytest.mark.parametrize("name", ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthPucker"])
def test_an_expression_reads_as_what_it_is(finder: vision.FaceLandmarker, name: str) -> None:
    weights_of = np.zeros(len(BLENDSHAPES), np.float32)
    still = look(finder, render(named("mei"), expression=weights_of, size=(320, 320)))[2]
    weights_of[SHAPE[name]] = 1
    shown = look(finder, render(named("mei"), expression=weights_of, size=(320, 320)))[2]
    assert shown[name] > still[name] + 0.25


def test_the_truth_is_in_the_projects_conventions() -> None:
    picture = render(named("kofi"), yaw=20, size=(256, 256))
    assert picture.image.shape == (256, 256, 3) and picture.image.dtype == np.uint8 and picture.image.flags.c_contiguous
    assert picture.points.shape == (478, 3) and picture.pose.shape == (3, 3) and picture.matte.shape == (256, 256)
    nose, eyes = picture.points[1], picture.points[[33, 263]].mean(0)
    assert nose[0] < eyes[0] and nose[2] < eyes[2], "turned to picture left, and the nose is nearer than the eyes"
    assert (picture.pose @ [0, 0, -1])[0] < 0
    assert picture.matte[128, 128] == 1 and picture.matte[:10, :10].max() == 0


def test_same_arguments_same_bits() -> None:
    assert (render(Person.random(7), size=(128, 128)).image == render(Person.random(7), size=(128, 128)).image).all()


def test_a_smile_pushes_no_teeth_through_the_skin() -> None:
    weights_of = np.zeros(len(BLENDSHAPES), np.float32)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        weights_of[SHAPE[name]] = 1
    picture = render(named("kofi"), expression=weights_of, size=(384, 384), eye_distance=110)
    lips = picture.points[[61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291], :2]
    below = picture.image[int(lips[:, 1].max()) + 4 : int(picture.points[152, 1]) - 4, int(lips[0, 0]) : int(lips[-1, 0])]
    assert below.size and below.mean(2).max() < 150, "teeth would be the only bright thing in this beard"


def test_nobody_has_a_name_that_is_not_known() -> None:
    with pytest.raises(KeyError, match="nobody called 'lisa'"):
        named("lisa")


@pytest.mark.slow
def test_fine_pictures_show_the_same_face(finder: vision.FaceLandmarker) -> None:
    picture = render(named("ada"), yaw=-9, size=(320, 400), quality="fine")
    points, _, _ = look(finder, picture)
    assert off(points, picture, 64.0) < 0.035
