"""Who the rendered people are: everything that tells one from another, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from examples.cast import head_model
from examples.skin import Look
from heads.headmodel import ARCHETYPES


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    identity: tuple[float, ...] = ()
    """Weights of the head model's components."""
    look: Look = field(default_factory=Look)
    hair: str = "crop"
    """A name in `hair.STYLES`, or "bald"."""
    brow: tuple[float, float] = (1.0, 0.0)
    """Thickness, and height of the arch."""
    lash: float = 0.6
    beard: float = 0.0
    """Length of the longest hairs in head units; 0 for none."""
    grey: float = 0.0
    """Share of white hairs."""
    shirt: tuple[float, float, float] = (0.18, 0.24, 0.32)
    collar: Literal["crew", "v", "boat", "polo"] = "crew"
    wall: tuple[float, float, float] = (0.42, 0.40, 0.37)
    rest: tuple[tuple[str, float], ...] = ()
    """Expression that the face wears at rest, by blendshape name."""

    @classmethod
    def random(cls, seed: int) -> Person:
        """One of endless people."""
        rng = np.random.default_rng(seed)
        woman = bool(rng.random() < 0.5)
        mix = rng.dirichlet([0.5, 0.5, 0.5])
        age = float(rng.choice([0.1, 0.25, 0.45, 0.8], p=[0.3, 0.3, 0.2, 0.2]))
        identity = blend(dict(zip(("african", "asian", "caucasian"), mix.tolist(), strict=True)), woman, age, seed, 0.4)
        tone = float(np.clip(mix @ [0.78, 0.32, 0.16] + rng.normal(0, 0.08), 0, 1))
        browns = [(0.08, 0.06, 0.05), (0.17, 0.10, 0.07), (0.30, 0.19, 0.11), (0.52, 0.38, 0.22), (0.42, 0.17, 0.08)]
        dark = int(rng.integers(5 if tone < 0.3 else 2))
        eyes = [(0.32, 0.20, 0.11), (0.40, 0.30, 0.16), (0.30, 0.40, 0.30), (0.28, 0.42, 0.55), (0.42, 0.46, 0.48)]
        styles = ("bob", "long", "bun", "curly", "swept") if woman else ("crop", "swept", "buzz", "curly", "crop")
        look = Look(
            tone,
            float(rng.uniform(0.3, 0.8)),
            paint=float(rng.uniform(0.3, 0.7)) if woman else 0.15,
            eyes=eyes[int(rng.integers(5 if tone < 0.35 else 2))],
            hair=browns[dark],
            age=age,
            freckles=float(max(0, rng.normal(-0.3, 0.6))) if tone < 0.35 else 0.0,
            stubble=0.0 if woman else float(rng.uniform(0, 0.6)),
            seed=seed,
        )
        cloths = [(0.16, 0.22, 0.32), (0.50, 0.20, 0.16), (0.80, 0.76, 0.68), (0.20, 0.30, 0.22), (0.12, 0.12, 0.13)]
        collars: tuple[Literal["crew", "v", "boat", "polo"], ...] = ("crew", "v", "boat", "polo")
        return cls(
            identity,
            look,
            styles[int(rng.integers(5))],
            (0.8 if woman else 1.2, float(rng.uniform(0, 1)) * woman),
            0.85 if woman else 0.5,
            0.0 if woman or rng.random() < 0.7 else float(rng.uniform(0.1, 0.4)),
            max(0.0, age - 0.45) * 2,
            cloths[int(rng.integers(5))],
            collars[int(rng.integers(4))],
        )


def blend(races: dict[str, float], woman: bool, age: float, seed: int, spread: float) -> tuple[float, ...]:
    """Identity weights: a mixture of the macro shapes by share, sex and age in [0, 1], and a personal deviation."""
    model = head_model()
    total = np.random.default_rng(seed).normal(0, spread, len(model.identity))
    for race, share in races.items():
        for when, part in (("young", 1 - age), ("old", age)):
            row = ARCHETYPES.index(f"{race}-{'female' if woman else 'male'}-{when}")
            total = total + 0.85 * share * part * model.archetypes[row]
    return tuple(float(round(x, 4)) for x in total)
