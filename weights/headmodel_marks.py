"""Where MediaPipe's landmarks lie on the mesh: `make_headmodel` draws known heads and looks where they are found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from weights.headmodel_data import EYES, MOUTH, SKIN, Array, Ints, Mesh, align, person

RENDERS = 150
TINTS = {MOUTH: (0.3, 0.08, 0.08), 4: (0.9, 0.87, 0.8), 5: (0.85, 0.82, 0.75), 6: (0.7, 0.35, 0.33), 7: (0.1, 0.07, 0.05)}
"""Colour of the parts that have one of their own, RGB in [0, 1]: an ordinary mouth."""
SIZE = 448
"""Side of the renders that MediaPipe looks at, pixels."""
PIXELS = 115.0
"""Scale of those renders, pixels per decimetre: the head is about 270 pixels high."""
FAR = 2000.0
"""Distance of the camera of the rasteriser in pixels: far enough that the image is a parallel projection."""
IRIS = 0.064
"""Radius of the iris in decimetres of the mesh: 5.9 mm, the mean adult's, where the outer eye corners are 92 mm apart."""


def rasterise(pixels: Array, triangles: Ints, size: int) -> tuple[Ints, Array]:
    """Which triangle each pixel shows, (size, size) with -1 for none, and where in it, (size, size, 3) corner weights."""
    corners = pixels[triangles].reshape(-1, 3)
    place = np.stack([corners[:, 0] - size / 2, size / 2 - corners[:, 1], -corners[:, 2] - FAR], 1)
    place[:, :2] *= -place[:, 2:] / FAR
    number = (np.arange(len(triangles)) + 1.0) / len(triangles)
    code = np.stack([np.tile([1.0, 0, 0], len(triangles)), np.tile([0, 1.0, 0], len(triangles)), number.repeat(3)], 1)
    colour, depth = np.zeros((size, size, 3), np.float32), np.full((size, size), 2 * FAR, np.float32)
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    cv2.triangleRasterize(
        place.astype(np.float32),
        np.arange(len(corners), dtype=np.int32).reshape(-1, 3),
        code.astype(np.float32),
        colour,
        depth,
        np.eye(4, dtype=np.float32),
        2 * np.arctan(size / 2 / FAR),
        100.0,
        2 * FAR,
        settings,
    )
    shown = np.rint(colour[..., 2] * len(triangles)).astype(np.int64) - 1
    return shown, np.concatenate([colour[..., :2], 1 - colour[..., :2].sum(2, keepdims=True)], 2).astype(np.float64)


def normals(points: Array, triangles: Ints) -> Array:
    """(V, 3) unit normals that point out of the head."""
    total = np.zeros_like(points)
    face = np.cross(points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]])
    for corner in range(3):
        np.add.at(total, triangles[:, corner], face)
    return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12))


def paint(mesh: Mesh, pixels: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A plain picture of a head, (SIZE, SIZE, 3) uint8: enough colour that MediaPipe sees brows, lips, lashes and irises."""
    shown, weight = rasterise(pixels, mesh.triangles, SIZE)
    seen = shown >= 0
    corner, w = mesh.triangles[shown[seen]], weight[seen][..., None]
    x, y, z = ((mesh.rest[corner] * w).sum(1)).T
    part, lips = mesh.part[shown[seen]], (mesh.lips[corner] * w[..., 0]).sum(1)
    skin = rng.uniform(0.3, 1.0) * np.array([0.95, 0.74, 0.62]) * rng.normal(1, 0.05, 3)
    colour = np.tile(skin, (len(x), 1))
    colour = colour * (1 - 0.55 * lips[:, None] * np.array([0.25, 0.7, 0.6]))
    arch = -0.23 - 0.06 * np.sin(np.clip((np.abs(x) - 0.1) / 0.45, 0, 1) * 2.6)
    brow = np.clip(1.2 - np.abs(y - arch) / 0.035, 0, 1) * ((np.abs(x) > 0.1) & (np.abs(x) < 0.53) & (z < 0))
    hair = np.clip((-0.62 - y - 0.25 * np.abs(x) + 0.8 * np.maximum(z - 0.1, 0)) / 0.1, 0, 1)
    dark = np.maximum(0.75 * brow, hair * (part == SKIN))[:, None]
    colour = colour * (1 - dark) + dark * np.array([0.16, 0.11, 0.08])
    for eye in EYES:
        mine = np.unique(mesh.triangles[mesh.part == eye])
        middle = mesh.rest[mine].mean(0)
        off = np.hypot(x - middle[0], y - middle[1])
        on = part == eye
        colour[on] = np.where(off < 0.03, 0.04, np.where(off < IRIS, 0.25, 0.88))[on, None] * np.array([1, 0.97, 0.93])
    for number, tint in TINTS.items():
        colour[part == number] = tint
    normal = (normals(pixels, mesh.triangles)[corner] * w).sum(1)
    key = np.array([rng.uniform(-0.6, 0.6), -0.5, -0.8])
    shade = 0.45 + 0.6 * np.clip(normal @ key, 0, 1)[:, None]
    image = np.tile(rng.uniform(0.25, 0.75, 3), (SIZE, SIZE, 1))
    image[seen] = np.clip(colour * shade, 0, 1)
    return np.asarray(cv2.GaussianBlur((image * 255).astype(np.uint8), (3, 3), 0.6), np.uint8)


class Finder:
    """MediaPipe's Face Landmarker on single pictures."""

    def __init__(self, task: Path) -> None:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(task)), output_facial_transformation_matrixes=True
        )
        self.task = vision.FaceLandmarker.create_from_options(options)

    def find(self, image: NDArray[np.uint8]) -> tuple[Array, Array] | None:
        """Landmarks (478, 2) in pixels and the pose (3, 3), head axes to camera axes, y down and z away; None: no face."""
        found = self.task.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)))
        if not found.face_landmarks:
            return None
        points = np.array([[p.x * image.shape[1], p.y * image.shape[0]] for p in found.face_landmarks[0]])
        flip = np.diag([1.0, -1.0, -1.0])  # MediaPipe's camera has y up and z towards the viewer
        return points, flip @ np.asarray(found.facial_transformation_matrixes[0], np.float64)[:3, :3] @ flip


@dataclass(frozen=True)
class Seen:
    """R renders of known heads with the landmarks that MediaPipe found in them."""

    pixels: Array
    """(R, V, 2) where each vertex stands in the picture."""
    marks: Array
    """(R, 478, 2) where the landmarks were found."""
    outward: Array
    """(R, V) cosine between a vertex's normal and the direction to the viewer: positive means turned to the viewer."""
    plain: NDArray[np.bool_]
    """(R,) frontal and without expression."""


def observe(mesh: Mesh, finder: Finder, rng: np.random.Generator) -> Seen:
    """Random people, half of them with an expression, turned up to 25 degrees, as MediaPipe sees them."""
    pixels, marks, outward, plain = [], [], [], []
    names = sorted(set(mesh.units) - {"tongueOut", "cheekPuff"})
    for number in range(RENDERS):
        shape, still = align(person(mesh, rng), mesh), number % 3 == 0
        if not still:
            for name in rng.choice(names, 4, replace=False):
                shape = shape + rng.uniform(0.2, 0.8) * mesh.units[name]
            shape = shape + rng.choice([0.0, 0.5]) * rng.random() * mesh.units["jawOpen"]
        limit = np.array([4.0, 4.0, 3.0]) if still else np.array([25.0, 15.0, 10.0])
        turn = Rotation.from_euler("yxz", rng.uniform(-limit, limit), degrees=True).as_matrix()
        place = shape @ turn.T * PIXELS + [SIZE / 2, SIZE * 0.45, 0]
        found = finder.find(paint(mesh, place, rng))
        if found is not None:
            pixels.append(place[:, :2])
            marks.append(found[0])
            outward.append(-normals(place, mesh.triangles)[:, 2])
            plain.append(still)
    return Seen(np.array(pixels), np.array(marks), np.array(outward), np.array(plain))


def mirrored(points: Array) -> Ints:
    """For each of (N, 2 or 3) points about x = 0 the one that stands at its mirror image, one to one."""
    other = points * np.where(np.arange(points.shape[1]) == 0, -1.0, 1.0)
    cost = ((points[:, None] - other[None]) ** 2).sum(2)
    rows, columns = linear_sum_assignment(cost)
    assert (rows == np.arange(len(points))).all()
    return np.asarray(columns, np.int64)


def twins(mesh: Mesh) -> Ints:
    """(V,) for each vertex its mirror image across the middle of the face."""
    result = np.arange(len(mesh.rest))
    other = mesh.rest * [-1.0, 1.0, 1.0]
    for start in range(0, len(other), 500):
        block = slice(start, start + 500)
        result[block] = ((mesh.rest[None] - other[block, None]) ** 2).sum(2).argmin(1)
    return result


def both_sides(seen: Seen, mesh: Mesh) -> tuple[Seen, Ints]:
    """Every render and its mirror image, so that what is learnt is the same left and right; and the landmarks' twins."""
    front = seen.marks[seen.plain].mean(0) - [SIZE / 2, SIZE * 0.45]
    pair, twin = mirrored(front - [front[:, 0].mean(), 0]), twins(mesh)
    flip = np.array([-1.0, 1.0])
    shift = np.array([SIZE, 0.0])
    return Seen(
        np.concatenate([seen.pixels, seen.pixels[:, twin] * flip + shift]),
        np.concatenate([seen.marks, seen.marks[:, pair] * flip + shift]),
        np.concatenate([seen.outward, seen.outward[:, twin]]),
        np.concatenate([seen.plain, seen.plain]),
    ), pair


def locate(seen: Seen, mesh: Mesh) -> tuple[Ints, Array, Array]:
    """For each landmark the point of the skin whose image stays nearest to it over all renders.

    Every triangle near a first guess is tried: the best corner weights by least squares, kept inside the triangle, with
    observations far off or turned away counting little. Returns corners (478, 3), weights (478, 3) and the error (478,)
    in pixels, root mean square. The iris points (468 to 477) are left to `irises`.
    """
    seen_sky = shadow(mesh, mesh.rest)  # skin hidden behind the lids and lips projects to the same places: left out
    allowed = (mesh.part == SKIN) & (seen_sky[mesh.triangles].min(1) > 0.12)
    skin = np.unique(mesh.triangles[allowed])
    corners, weights, errors = np.zeros((478, 3), np.int64), np.zeros((478, 3)), np.zeros(478)
    middle = mesh.rest[mesh.triangles].mean(1)
    for mark in range(468):
        error = np.linalg.norm(seen.pixels[:, skin] - seen.marks[:, mark, None], axis=2)
        error += 100.0 * (seen.outward[:, skin] < 0.1)
        guess = np.median(mesh.rest[skin[error[seen.plain].argmin(1)]], 0)
        near = np.linalg.norm(middle - guess, axis=1) < 0.17
        options = mesh.triangles[near & allowed]
        around = skin[np.linalg.norm(mesh.rest[skin] - guess, axis=1) < 0.1]
        turned = np.clip(np.percentile(seen.outward[:, around], 75, axis=1) * 3, 0.02, 1)
        trust = turned
        for _ in range(3):
            share, rest = solve(seen.pixels[:, options], seen.marks[:, mark], trust)
            best = int((trust[:, None] * rest**2).sum(0).argmin())
            corners[mark], weights[mark] = options[best], share[best]
            trust = turned / (1 + (rest[:, best] / (2.5 * max(np.median(rest[:, best]), 0.5))) ** 2)
        errors[mark] = np.sqrt((rest[:, best] ** 2).mean())
    return corners, weights, errors


def solve(points: Array, aim: Array, trust: Array) -> tuple[Array, Array]:
    """Corner weights (C, 3) in C triangles, points (R, C, 3, 2), that come nearest to aim (R, 2), and distances (R, C)."""
    origin, u, v = points[:, :, 0], points[:, :, 1] - points[:, :, 0], points[:, :, 2] - points[:, :, 0]
    to = aim[:, None] - origin
    w = trust[:, None]
    uu, uv, vv = ((w * (a * b).sum(2)).sum(0) for a, b in ((u, u), (u, v), (v, v)))
    ua, va = ((w * (a * to).sum(2)).sum(0) for a in (u, v))
    determinant = uu * vv - uv * uv + 1e-9 * uu * vv + 1e-12
    second, third = (vv * ua - uv * va) / determinant, (uu * va - uv * ua) / determinant
    share = np.clip(np.stack([1 - second - third, second, third], 1), 0, None)
    share /= share.sum(1, keepdims=True)
    return share, np.linalg.norm((points * share[None, :, :, None]).sum(2) - aim[:, None], axis=2)


def irises(mesh: Mesh) -> tuple[Ints, Array]:
    """The ten iris points on the eyeballs: corners (10, 3) and weights (10, 3), by geometry.

    Centre, then the rim to the right, above, to the left and below in the picture, as the Face Landmarker orders them;
    the subject's right eye (part 3) comes first.
    """
    steps = np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]]) * IRIS
    corners, weights = np.zeros((10, 3), np.int64), np.zeros((10, 3))
    for first, part in ((0, 3), (5, 2)):
        ball = mesh.triangles[mesh.part == part]
        middle = mesh.rest[np.unique(ball)].mean(0)
        front = ball[mesh.rest[ball][..., 2].mean(1) < middle[2]]
        flat = mesh.rest[front][None, ..., :2]
        for number, step in enumerate(steps):
            share, rest = solve(flat, (middle[:2] + step)[None], np.ones(1))
            best = int(rest[0].argmin())
            corners[first + number], weights[first + number] = front[best], share[best]
    return corners, weights


def shadow(mesh: Mesh, mean: Array, directions: int = 96) -> Array:
    """How much of the sky each vertex of the resting mean head sees, (V,) from 0 (none) to 1: ambient occlusion."""
    golden = np.pi * (3 - 5**0.5)
    normal, size, open_sky, total = normals(mean, mesh.triangles), 384, np.zeros(len(mean)), np.zeros(len(mean))
    solid = mesh.triangles[mesh.part != 7]
    for number in range(directions):
        height = 1 - (2 * number + 1) / directions
        ring = np.sqrt(1 - height * height)
        towards = np.array([ring * np.cos(golden * number), height, ring * np.sin(golden * number)])
        side = np.cross(towards, [0.31, 0.91, 0.27])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(towards, side), -towards])
        place = mean @ frame.T * 55 + [size / 2, size / 2, 0]
        shown, weight = rasterise(place, solid, size)
        depth = np.where(shown >= 0, (place[solid[shown]][..., 2] * weight).sum(2), np.inf)
        at = np.clip(place[:, :2].astype(int), 0, size - 1)
        facing = np.clip(normal @ towards, 0, None)
        open_sky += facing * (depth[at[:, 1], at[:, 0]] > place[:, 2] - 2.5)
        total += facing
    return np.asarray(open_sky / np.maximum(total, 1e-9))
