"""Similarities are found again, also in batches, and rotations survive the way through vectors."""

from __future__ import annotations

import numpy as np
import pytest

from heads import rigid


def cloud(seed: int = 0, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3))


def test_a_known_similarity_is_found_again() -> None:
    rest, vectors = cloud(), np.array([[0.3, -0.2, 0.1], [0.0, 1.2, 0.0], [0.0, 0.0, 0.0]])
    truth = rigid.Similarity(
        np.array([1.5, 0.7, 1.0]), rigid.to_matrix(vectors), np.array([[1.0, 2, 3], [0, 0, 0], [-1, 0, 5]])
    )
    found = rigid.fit(rest, truth.apply(rest))
    np.testing.assert_allclose(found.scale, truth.scale, atol=1e-9)
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=1e-9)
    np.testing.assert_allclose(found.shift, truth.shift, atol=1e-9)


def test_undo_is_the_inverse_of_apply() -> None:
    frame = rigid.Similarity(np.array(1.3), rigid.to_matrix(np.array([0.2, 0.5, -0.4])), np.array([3.0, 1, 2]))
    np.testing.assert_allclose(frame.undo(frame.apply(cloud())), cloud(), atol=1e-12)


def test_a_mirror_image_is_not_matched_by_a_reflection() -> None:
    found = rigid.fit(cloud(), cloud() * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_weights_leave_out_what_moved_by_itself() -> None:
    rest = cloud()
    moved = rest.copy()
    moved[:5] += 10
    weights = np.ones(len(rest))
    weights[:5] = 0
    found = rigid.fit(rest, moved, weights)
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-9)
    assert np.abs(found.shift).max() < 1e-9


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.5, 3.1])
def test_rotation_vectors_go_there_and_back(angle: float) -> None:
    vector = angle * np.array([0.6, -0.64, 0.48])
    np.testing.assert_allclose(rigid.to_vector(rigid.to_matrix(vector)), vector, atol=1e-7)
