"""Writes the motion files of the examples: `python -m examples.make_motions`.

    smile.safetensors     5 s: a slow smile
    speak.safetensors     5 s: talk without words
    glance.safetensors    4 s: looks aside and back, as if somebody passed

They are performances of `gioconda.gestures` at 25 frames per second, CC0 1.0 like the free head that plays them.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import weights
from gioconda import motion
from gioconda.gestures import perform
from gioconda.gestures.face import Acted, Puppet, turned
from gioconda.gestures.life import live
from gioconda.gestures.scripts import aside
from gioconda.gestures.stage import Stage
from heads.base import Motion
from heads.headmodel import HeadModel

FOLDER = Path(__file__).parent / "motions"
RATE = Fraction(25)
LONG, SHORT = 5.0, 4.0
"""Seconds; a second is 0.15 MB."""


def main() -> None:
    """Write the files."""
    model = HeadModel.from_arrays(load_file(weights.path("headmodel.safetensors")))
    FOLDER.mkdir(exist_ok=True)
    made = {
        "smile": perform("smile", model, seconds=LONG, rate=RATE, seed=2),
        "speak": perform("speak", model, seconds=LONG, rate=RATE, seed=5),
        "glance": glance(model),
    }
    for name, played in made.items():
        path = FOLDER / f"{name}.safetensors"
        motion.save(played, path)
        print(f"{path.name}: {len(played)} frames, {path.stat().st_size / 1e6:.2f} MB")


def glance(model: HeadModel) -> Motion:
    """Something passes at the side: eyes, then head, follow it and come back."""
    count = round(SHORT * RATE)
    times = np.arange(count) / float(RATE)
    stage = Stage(times, SHORT, np.random.default_rng(7))
    aside(stage.part(0.3, SHORT - 0.2))
    live(stage)
    stage.finish()
    rotation = turned(*np.radians(stage.turn).T).astype(np.float32)
    expression = stage.weights.astype(np.float32)
    points = Acted(Puppet(model), expression, rotation, stage.shift.astype(np.float32))
    return Motion(times, RATE, 1 / RATE, points, expression, rotation, np.ones(count, np.bool_))


if __name__ == "__main__":
    main()
