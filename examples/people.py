"""People who do not exist, rendered from the free head of `heads.headmodel`: known pose, known expression, nobody's picture.

    from examples.people import named, render
    picture = render(named("ada"), yaw=15, expression=smile, size=(512, 512))
    picture.image, picture.points, picture.pose, picture.matte

They are the faces of the examples and of the tests. `quality="fast"` takes about 0.2 s of one core for 512 x 512;
`quality="fine"` some seconds, with every hair, soft shadows and light under the skin. Same arguments, same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from examples import light
from examples.cast import grown, kit
from examples.drawing import Floats
from examples.paint import Camera, Stage, paint
from examples.person import Person, blend
from examples.skin import Look
from heads.mesh import SHAPE

SMILE = (("mouthSmileLeft", 0.36), ("mouthSmileRight", 0.36), ("cheekSquintLeft", 0.12), ("cheekSquintRight", 0.12))
"""A hint of a smile, lips closed."""
__all__ = ["NAMES", "Look", "Person", "Rendering", "blend", "named", "render"]

NAMES = ("ada", "kofi", "mei", "bram", "ines")
"""The people of the examples."""


@lru_cache(maxsize=8)
def named(name: str) -> Person:  # long: a table of people, formatted one field a line
    """One of the people of the examples, by a name of `NAMES`."""
    if name == "ada":
        return Person(
            blend({"caucasian": 0.85, "asian": 0.15}, True, 0.12, 11, 0.25),
            Look(0.20, 0.55, (0.66, 0.28, 0.27), 0.45, (0.30, 0.36, 0.24), (0.22, 0.13, 0.085), 0.15, 0.15, seed=11),
            "bun",
            (0.85, 0.5),
            0.8,
            shirt=(0.47, 0.19, 0.14),
            collar="v",
            wall=(0.40, 0.41, 0.38),
            rest=SMILE,
        )
    if name == "kofi":
        return Person(
            blend({"african": 0.9, "caucasian": 0.1}, False, 0.15, 23, 0.25),
            Look(0.84, 0.35, (0.46, 0.24, 0.22), 0.3, (0.26, 0.16, 0.09), (0.07, 0.055, 0.05), 0.2, stubble=0.6, seed=23),
            "buzz",
            (1.15, 0.0),
            0.5,
            0.07,
            shirt=(0.72, 0.66, 0.55),
            collar="crew",
            wall=(0.36, 0.30, 0.26),
            rest=SMILE,
        )
    if name == "mei":
        return Person(
            blend({"asian": 0.95, "caucasian": 0.05}, True, 0.05, 37, 0.22),
            Look(0.24, 0.5, (0.72, 0.30, 0.30), 0.55, (0.22, 0.14, 0.09), (0.10, 0.075, 0.065), 0.05, seed=37),
            "bob",
            (0.85, 0.1),
            0.6,
            shirt=(0.20, 0.27, 0.30),
            collar="polo",
            wall=(0.47, 0.43, 0.38),
            rest=SMILE,
        )
    if name == "bram":
        return Person(
            blend({"caucasian": 1.0}, False, 0.8, 41, 0.25),
            Look(0.17, 0.75, (0.62, 0.36, 0.33), 0.15, (0.34, 0.42, 0.47), (0.34, 0.31, 0.28), 0.9, 0.1, 0.35, seed=41),
            "swept",
            (1.2, 0.0),
            0.4,
            0.16,
            0.75,
            (0.13, 0.19, 0.28),
            "crew",
            (0.33, 0.35, 0.37),
            SMILE,
        )
    if name == "ines":
        return Person(
            blend({"caucasian": 0.7, "african": 0.3}, True, 0.1, 53, 0.25),
            Look(0.08, 0.6, (0.70, 0.34, 0.30), 0.4, (0.30, 0.40, 0.42), (0.46, 0.20, 0.09), 0.1, 0.55, seed=53),
            "long",
            (0.8, 0.4),
            0.75,
            shirt=(0.15, 0.27, 0.23),
            collar="boat",
            wall=(0.44, 0.40, 0.35),
            rest=SMILE,
        )
    raise KeyError(f"There is nobody called {name!r}. The people of the examples are {', '.join(NAMES)}. Use one of these.")


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture of a person, with the truth about it."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8, RGB."""
    points: Floats
    """(478, 3) float32 true landmarks in pixels; z relative to the middle of the eyes, away from the viewer."""
    pose: Floats
    """(3, 3) float32 rotation, head axes to camera axes."""
    matte: Floats
    """(H, W) float32 in [0, 1], 1 on the person."""


def render(
    person: Person,
    *,
    expression: Floats | None = None,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    size: tuple[int, int] = (512, 512),
    quality: Literal["fast", "fine"] = "fast",
    eye_distance: float | None = None,
    centre: tuple[float, float] | None = None,
    studio: light.Studio = light.SOFT,
) -> Rendering:
    """A picture of a person.

    Args:
        expression: (52,) blendshape weights in [0, 1]; None stands for the person's face at rest.
        yaw, pitch, roll: degrees about the y, x and z axes of the image (y down, z away), turned in that order from the
            outside: the pose is Ry Rx Rz. Positive yaw turns the face to picture left, positive pitch lowers it.
        size: width and height in pixels.
        quality: "fast" or "fine".
        eye_distance: pixels between the outer corners of the mean head's eyes; a fifth of the width by default.
        centre: pixel of the middle of the eyes of the unturned head; a little above the middle by default.
        studio: the lamps.
    """
    fine = quality == "fine"
    over = 2 if fine else 1
    width, height = size[0] * over, size[1] * over
    middle = centre or (size[0] / 2, size[1] * 0.44)
    camera = Camera(
        Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True),
        (eye_distance or size[0] / 5) * over,
        (middle[0] * over, middle[1] * over),
    )
    mesh = kit(fine)
    own = grown(person.identity, person.look, person.hair, person.brow, person.lash, person.beard, fine)
    weights = worn(person, expression)
    coarse = mesh.model.shape(np.asarray(person.identity, np.float32), weights)
    stage = Stage(person, mesh, own, camera, studio, (width, height), fine, np.asarray(mesh.smoother @ coarse, np.float32))
    picture, matte = paint(stage)
    image = light.film(picture, 0.012 if fine else 0.0, person.look.seed)
    if over > 1:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    neutral = mesh.model.landmarks(mesh.model.shape(np.asarray(person.identity, np.float32)))
    points = camera.project(camera.stand(mesh.model.landmarks(coarse), neutral)) / over
    return Rendering(
        np.rint(image * 255).astype(np.uint8),
        points.astype(np.float32),
        camera.turn.as_matrix().astype(np.float32),
        np.clip(matte, 0, 1).astype(np.float32),
    )


def worn(person: Person, expression: Floats | None) -> Floats:
    """The expression (52,) that is drawn: the given one, or the person's own at rest."""
    if expression is not None:
        return np.clip(np.asarray(expression, np.float32), 0, 1)
    result = np.zeros(len(SHAPE), np.float32)
    for name, weight in person.rest:
        result[SHAPE[name]] = weight
    return result
