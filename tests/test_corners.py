"""The line past the lips' end: gone when the mouth narrows or opens, the portrait's own when it rests."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from examples.people import Person, render
from heads import mesh
from heads.base import Floats, Image
from heads.rigid import Similarity
from heads.warp import corners
from heads.warp.raster import Maps
from heads.warp.transfer import Placed


@pytest.fixture(scope="module")
def lined() -> tuple[Image, Image, Floats]:
    """Somebody with a dark line drawn past both ends of the lips, without it, and the landmarks."""
    shot = render(Person.random(3), size=(384, 384), expression=np.zeros(52, np.float32))
    image, iod = shot.image.copy(), mesh.eye_distance(shot.points)
    for here, there in corners.CORNERS:
        out = shot.points[here, :2] - shot.points[there, :2]
        out = out / np.linalg.norm(out)
        start, end = (tuple(int(v) for v in shot.points[here, :2] + reach * iod * out) for reach in (0.02, 0.09))
        cv2.line(image, start, end, [int(v) for v in 0.5 * image[start[1], start[0]]], 2, cv2.LINE_AA)
    return image, shot.image, shot.points


def cleaned(image: Image, points: Floats, narrowed: float) -> Image:
    """The portrait where it stands, with its mouth said to be narrower."""
    still = np.zeros(image.shape[:2], np.float32)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    moved = points.copy()
    middle = points[[61, 291], 0].mean()
    moved[[61, 291], 0] = middle + narrowed * (points[[61, 291], 0] - middle)
    placed = Placed(moved, Similarity(np.ones(()), np.eye(3), np.zeros(3)))
    out = image.copy()
    whole = (0, 0, image.shape[1], image.shape[0])
    corners.Corners(image, points).clean(out, Maps(whole, columns, rows, still, still), placed, (0, 0))
    return out


def test_a_mouth_at_rest_keeps_its_corners_bit_for_bit(lined: tuple[Image, Image, Floats]) -> None:
    image, _, points = lined
    assert np.array_equal(cleaned(image, points, 1.0), image)


def test_a_narrowed_mouth_has_no_line_left_beside_it(lined: tuple[Image, Image, Floats]) -> None:
    image, clean, points = lined
    out = cleaned(image, points, 0.75)
    there = np.abs(image.astype(int) - clean).max(-1) > 20
    assert there.sum() > 10
    left = np.abs(out.astype(int) - clean)[there].mean() / np.abs(image.astype(int) - clean)[there].mean()
    assert left < 0.35
    # Nothing but the corners' surroundings was touched.
    far = np.ones(image.shape[:2], bool)
    reach = 2 * corners.REACH * mesh.eye_distance(points)
    for corner in (61, 291):
        x, y = points[corner, :2]
        far[max(0, int(y - reach)) : int(y + reach), max(0, int(x - reach)) : int(x + reach)] = False
    assert np.array_equal(out[far], image[far])
