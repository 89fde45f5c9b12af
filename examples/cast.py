"""The mesh that people are drawn from, prepared once, and a person's own hair, prepared once a person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix

from examples.brows import Tied, brows, grids, lashes, whiskers
from examples.drawing import Floats, Ints, normals, subdivide
from examples.hair import STYLES, Body, Strands, grow, scalp
from examples.skin import Look, skin_colour
from heads.headmodel import LASHES, LEFT_EYE, MOUTH, RIGHT_EYE, SKIN, HeadModel
from weights import path

QUICK = 0.16
"""Share of the hairs that a quick picture shows."""


@dataclass(frozen=True, eq=False)
class Kit:
    """The head model's mesh without lashes; F vertices, subdivided once in the fine one."""

    model: HeadModel
    smoother: csr_matrix
    """(F, V): fine vertices from the model's."""
    mean: Floats
    """(F, 3) the fine mean head."""
    triangles: Ints
    """(T, 3) without lashes."""
    part: NDArray[np.uint8]
    """(T,)"""
    lips: Floats
    """(F,)"""
    sky: Floats
    """(F,)"""
    strips: list[Ints]
    """The four lash strips, rows by columns of vertices of the model."""
    mouth: Ints
    """Numbers of triangles that are neither teeth nor tongue."""


@lru_cache(maxsize=1)
def head_model() -> HeadModel:
    """The head, read from `weights/headmodel.safetensors`."""
    return HeadModel.from_arrays(load_file(path("headmodel.safetensors")))


@lru_cache(maxsize=2)
def kit(fine: bool) -> Kit:
    """The mesh, made smooth for fine pictures, as it is for quick ones."""
    model = head_model()
    first, second = model.triangles[0::2], model.triangles[1::2]
    quads = np.concatenate([first, second[:, 2:]], 1)
    if fine:
        smoother, small = subdivide(quads, len(model.mean))
    else:
        smoother, small = csr_matrix(np.eye(len(model.mean), dtype=np.float32)), quads
    triangles = np.stack([small[:, :3], small[:, [0, 2, 3]]], 1).reshape(-1, 3)
    part = model.part[0::2].repeat(8 if fine else 2)
    lash = quads[model.part[0::2] == LASHES]
    shown = part != LASHES
    triangles, part = np.ascontiguousarray(triangles[shown]), part[shown]
    mean = np.asarray(smoother @ model.mean, np.float32)
    solid = np.flatnonzero(np.isin(part, (SKIN, MOUTH, LEFT_EYE, RIGHT_EYE))).astype(np.int32)
    lips, sky = (np.asarray(smoother @ values, np.float32) for values in (model.lips, model.sky))
    return Kit(model, smoother, mean, triangles, part, lips, sky, grids(model.mean, lash), solid)


@dataclass(frozen=True, eq=False)
class Grown:
    """A person's hair, grown."""

    rest: Floats
    """(F, 3) fine vertices of the person at rest."""
    hair: Strands | None
    brows: Tied
    lashes: Tied
    beard: Tied | None
    scalp: Floats
    """(F,) where hair grows, see `hair.scalp`; negative all over on the bald."""
    colour: Floats
    """(F, 3) linear colour of the skin, for quick pictures."""


@lru_cache(maxsize=16)
def grown(identity: tuple[float, ...], look: Look, style: str, brow: tuple[float, float], lash: float, beard: float,
          fine: bool) -> Grown:  # fmt: skip
    """The hair of a person with these identity weights, look, style, brows (thickness, arch), lashes and beard length."""
    mesh = kit(fine)
    rest = np.asarray(mesh.smoother @ mesh.model.shape(np.asarray(identity, np.float32)), np.float32)
    skin = mesh.triangles[mesh.part == SKIN]
    body = Body(rest, mesh.mean, normals(rest, skin), skin)
    share = 1.0 if fine else QUICK
    where = scalp(mesh.mean, STYLES[style].recess) if style in STYLES else np.full(len(mesh.mean), -1, np.float32)
    return Grown(
        rest,
        grow(body, STYLES[style], look.seed, share) if style in STYLES else None,
        brows(body, brow[0], brow[1], look.seed, 1.0 if fine else 0.5),
        lashes(mesh.strips, rest, lash, look.seed, 1.0 if fine else 0.5),
        whiskers(body, beard, look.seed, share) if beard else None,
        where,
        skin_colour(look, mesh.mean, mesh.lips, where, 0.0),
    )
