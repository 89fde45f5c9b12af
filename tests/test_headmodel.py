"""The free head: its conventions, its left and right, its expressions, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from heads.base import HeadError
from heads.headmodel import LEFT_EYE, LOWER_TEETH, RIGHT_EYE, SKIN, TONGUE, UPPER_TEETH, HeadModel
from heads.mesh import LEFT_EYE as LEFT_LIDS
from heads.mesh import LEFT_IRIS, LIPS_INNER, LIPS_OUTER, RIGHT_IRIS, SHAPE
from heads.mesh import RIGHT_EYE as RIGHT_LIDS

FILE = Path(__file__).parents[1] / "weights" / "headmodel.safetensors"


@pytest.fixture(scope="module")
def model() -> HeadModel:
    """The model that ships."""
    return HeadModel.from_arrays(load_file(FILE))


def expression(**weights: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Blendshape weights by name, (52,) float32."""
    result = np.zeros(len(SHAPE), np.float32)
    for name, weight in weights.items():
        result[SHAPE[name]] = weight
    return result


def test_the_unit_is_the_distance_of_the_outer_eye_corners(model: HeadModel) -> None:
    assert np.linalg.norm(model.landmark_mean[33] - model.landmark_mean[263]) == pytest.approx(1.0, abs=1e-3)


def test_origin_and_axes(model: HeadModel) -> None:
    balls = [model.mean[model.vertex_part == part].mean(0) for part in (LEFT_EYE, RIGHT_EYE)]
    assert np.allclose(balls[0] + balls[1], 0, atol=1e-3)
    assert balls[0][0] > 0.25 > -0.25 > balls[1][0], "the subject's left is at picture right"
    nose, chin, brow = model.landmark_mean[[1, 152, 10]]
    assert brow[1] < 0 < nose[1] < chin[1], "y points down"
    assert nose[2] == model.landmark_mean[:, 2].min() or nose[2] < -0.3, "the nose is nearest: z points away"


def test_triangles_face_outwards(model: HeadModel) -> None:
    ball = model.triangles[model.part == LEFT_EYE]
    middle = model.mean[ball].reshape(-1, 3).mean(0)
    a, b, c = (model.mean[ball[:, k]] for k in range(3))
    assert ((np.cross(b - a, c - a) * (a - middle)).sum(1) > 0).all()


def test_landmarks_of_the_mean_head_are_the_ready_ones(model: HeadModel) -> None:
    rng = np.random.default_rng(0)
    identity = rng.normal(size=len(model.identity)).astype(np.float32)
    weights = rng.random(52).astype(np.float32)
    points = model.landmarks(model.shape(identity, weights))
    ready = model.landmark_mean + np.tensordot(identity, model.landmark_identity, 1)
    ready = ready + np.tensordot(weights, model.landmark_units, 1)
    assert np.abs(points - ready).max() < 1e-4
    assert not model.units[0].any()


def test_landmarks_are_symmetric(model: HeadModel) -> None:
    other = model.landmark_mean[model.landmark_twin] * [-1, 1, 1]
    surface = slice(0, 468)
    assert np.abs(other[surface] - model.landmark_mean[surface]).max() < 0.02
    assert model.landmark_twin[33] == 263


def test_irises_sit_on_the_eyeballs_inside_the_lids(model: HeadModel) -> None:
    for iris, lids, part in ((LEFT_IRIS, LEFT_LIDS, LEFT_EYE), (RIGHT_IRIS, RIGHT_LIDS, RIGHT_EYE)):
        assert set(model.vertex_part[model.landmark_corners[list(iris)]].ravel()) == {part}
        rim, opening = model.landmark_mean[list(iris)], model.landmark_mean[list(lids)]
        radius = np.linalg.norm(rim[1:, :2] - rim[0, :2], axis=1)
        assert np.all((radius > 0.05) & (radius < 0.09)), "5.9 mm of about 92"
        assert opening[:, 0].min() < rim[:, 0].min() and rim[:, 0].max() < opening[:, 0].max()


@pytest.mark.parametrize(
    ("name", "side"), [("eyeBlinkLeft", 1), ("eyeBlinkRight", -1), ("mouthSmileLeft", 1), ("mouthSmileRight", -1)]
)
def test_units_move_their_own_side(model: HeadModel, name: str, side: int) -> None:
    move = np.linalg.norm(model.landmark_units[SHAPE[name]], axis=1)
    assert model.landmark_mean[move.argmax(), 0] * side > 0.1


def test_a_blink_closes_the_lids_and_an_open_jaw_the_mouth_opens(model: HeadModel) -> None:
    def gap(points: np.ndarray[tuple[int, int], np.dtype[np.float32]], top: int, bottom: int) -> float:
        return float(points[bottom, 1] - points[top, 1])

    still = model.landmark_mean
    shut = model.landmarks(model.shape(expression=expression(eyeBlinkLeft=1)))
    wide = model.landmarks(model.shape(expression=expression(jawOpen=1)))
    assert gap(shut, 386, 374) < 0.4 * gap(still, 386, 374)
    assert gap(shut, 159, 145) == pytest.approx(gap(still, 159, 145), abs=0.01)
    assert gap(wide, 13, 14) > gap(still, 13, 14) + 0.15


def test_parts(model: HeadModel) -> None:
    teeth, tongue = model.vertex_part == UPPER_TEETH, model.vertex_part == TONGUE
    jaw = expression(jawOpen=1) @ model.units.reshape(52, -1)
    moved = np.linalg.norm(jaw.reshape(-1, 3), axis=1)
    assert moved[teeth].max() < 0.02, "the upper teeth are fixed to the skull"
    assert moved[model.vertex_part == LOWER_TEETH].min() > 0.05 and moved[tongue].max() > 0.05
    lips = model.lips[model.landmark_corners[[*LIPS_OUTER, *LIPS_INNER]]].max(1)
    assert np.median(lips) > 0.5
    assert model.lips[model.vertex_part != SKIN].max() <= 1.0
    assert np.median(model.sky[model.landmark_corners[1]]) > 0.8, "the tip of the nose lies open"


def test_a_broken_file_is_refused_in_words(model: HeadModel) -> None:
    arrays = load_file(FILE)
    with pytest.raises(HeadError, match="lacks sky"):
        HeadModel.from_arrays({name: array for name, array in arrays.items() if name != "sky"})
    with pytest.raises(HeadError, match=r"landmarks of shape \(477, 3\)"):
        HeadModel.from_arrays({**arrays, "landmark_corners": arrays["landmark_corners"][:477]})


def test_the_arrays_cannot_be_changed_by_accident(model: HeadModel) -> None:
    with pytest.raises(ValueError, match="read-only"):
        model.mean[0] = 1
