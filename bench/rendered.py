"""People who do not exist, with the truth about them: an examination that drives, and portraits of the kinds that go wrong.

The examination is a performance in which one thing after another is done: turning to both sides, nodding, opening the mouth,
smiling, blinking, looking about, raising the brows. Everything is kept below `out/`, because drawing it takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import clips, store
from examples.people import NAMES, Person, Rendering, named, render
from heads.base import Floats, Image
from heads.mesh import SHAPE

PEOPLE = ("ada", "kofi", "bram")
"""Who takes the examination: light, dark, bearded."""

RATE = Fraction(25)
OVER = 2
"""Pictures are drawn this many times larger and averaged."""
EYES = 0.23
"""Distance of the outer eye corners over the side of the picture: head and shoulders."""
TURN, NOD = 20.0, 14.0
"""Degrees to each side."""

SOURCES = ("examples/*.py", "weights/headmodel.safetensors", "heads/headmodel.py")
"""What the pictures depend on."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done: over `length` frames a curve leads from 0 to its ends and back to 0."""

    name: str
    length: int
    both: bool
    """Whether it goes to both sides (a sine) or to one and back (a hump)."""
    yaw: float = 0.0
    pitch: float = 0.0
    forth: tuple[tuple[str, float], ...] = ()
    """Blendshapes at full strength on the way to the positive side."""
    back: tuple[tuple[str, float], ...] = ()
    """And on the way to the negative side."""


ACTS = (
    Act("turn", 26, True, yaw=TURN),
    Act("nod", 18, True, pitch=NOD),
    Act("jaw", 14, False, forth=(("jawOpen", 0.9),)),
    Act("smile", 14, False, forth=(("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8), ("jawOpen", 0.15))),
    Act("blink", 12, False, forth=(("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0))),
    Act(
        "gaze",
        18,
        True,
        forth=(("eyeLookOutLeft", 0.8), ("eyeLookInRight", 0.8)),
        back=(("eyeLookInLeft", 0.8), ("eyeLookOutRight", 0.8)),
    ),
    Act("brows", 12, False, forth=(("browInnerUp", 0.9), ("browOuterUpLeft", 0.9), ("browOuterUpRight", 0.9))),
    Act("pucker", 12, False, forth=(("mouthPucker", 0.9),)),
)

_STARTS = np.cumsum([2, *(act.length for act in ACTS)]).tolist()
SPANS = {act.name: range(start, start + act.length) for act, start in zip(ACTS, _STARTS, strict=False)}
"""Frames of each act; the first two rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """The examination of one person."""

    take: clips.Take
    points: Floats
    """(T, 478, 3) true landmarks, pixels."""
    pose: Floats
    """(T, 3, 3)"""
    expression: Floats
    """(T, 52) as drawn."""
    mattes: NDArray[np.uint8]
    """(T, SIDE, SIDE), 255 on the person."""


def course() -> tuple[Floats, Floats]:
    """Yaw and pitch (T, 2) in degrees, and blendshapes (T, 52), of the whole performance."""
    count = 2 + sum(act.length for act in ACTS) + 1
    turns, weights = np.zeros((count, 2), np.float32), np.zeros((count, len(SHAPE)), np.float32)
    for act in ACTS:
        span = SPANS[act.name]
        t = np.arange(act.length) / act.length
        curve = np.sin(2 * np.pi * t) if act.both else np.sin(np.pi * t) ** 2
        turns[span] += curve[:, None] * np.array([act.yaw, act.pitch])
        for names, side in ((act.forth, curve), (act.back, -curve)):
            for name, weight in names:
                weights[span, SHAPE[name]] += weight * np.maximum(side, 0)
    return turns, weights


def drawn(person: Person, expression: Floats, yaw: float, pitch: float, side: int = clips.SIDE) -> Rendering:
    """A picture of a person (side, side), smoothed, with the truth in its pixels."""
    large = side * OVER
    made = render(
        person, expression=expression, yaw=yaw, pitch=pitch, size=(large, large), eye_distance=EYES * large,
        centre=(large / 2, 0.45 * large),
    )  # fmt: skip
    image, matte = (cv2.resize(a, (side, side), interpolation=cv2.INTER_AREA) for a in (made.image, made.matte))
    points = np.asarray(made.points / OVER, np.float32)
    return Rendering(np.asarray(image, np.uint8), points, made.pose, np.asarray(matte, np.float32))


def exam(name: str, folder: Path) -> Exam:
    """The examination of one of `examples.people.NAMES`."""
    person, (turns, weights) = named(name), course()
    for rest, weight in person.rest:
        weights[:, SHAPE[rest]] = np.maximum(weights[:, SHAPE[rest]], weight)

    def make() -> store.Arrays:
        made = [drawn(person, w, float(yaw), float(pitch)) for w, (yaw, pitch) in zip(weights, turns, strict=True)]
        mattes = np.rint(255 * np.stack([each.matte for each in made])).astype(np.uint8)
        columns = {field: np.stack([getattr(each, field) for each in made]) for field in ("image", "points", "pose")}
        return {**columns, "mattes": mattes}

    key = store.digest("exam", name, turns, weights, store.of_sources(*SOURCES), OVER, EYES)
    arrays = store.kept(f"exam-{name}-{key}", make)
    frames = list(enumerate(arrays["image"]))
    take = clips.of_frames(f"exam-{name}", frames, (RATE, 1 / RATE), folder, 1, key)
    return Exam(take, arrays["points"], arrays["pose"], weights, arrays["mattes"])


def turning(folder: Path) -> Path:
    """A clip of the first person of the examination who turns to both sides and does nothing else."""
    whole = exam(PEOPLE[0], folder).take
    frames = list(enumerate(whole.frames[: SPANS["turn"].stop + 1]))
    return clips.of_frames("turning", frames, (RATE, 1 / RATE), folder, 1, f"turn{whole.key}").driving


def cases(folder: Path) -> list[Path]:
    """Portraits of the kinds that go wrong, drawn where they are missing: PNG files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    places = []
    for name, make in CASES.items():
        place = folder / f"{name}-{store.of_sources(*SOURCES, 'bench/rendered.py')[:8]}.png"
        if not place.is_file():
            clips.save(place, make())
        places.append(place)
    return places


def _shot(person: Person, yaw: float = 0.0, pitch: float = 0.0, **shapes: float) -> Image:
    weights = np.zeros(len(SHAPE), np.float32)
    for name, value in (dict(person.rest) | shapes).items():
        weights[SHAPE[name]] = value
    return drawn(person, weights, yaw, pitch).image


def spectacles(made: Rendering, colour: tuple[int, int, int] = (35, 28, 24)) -> Image:
    """The picture with a pair of glasses drawn around the eyes."""
    image = made.image.copy()
    eyes = float(np.linalg.norm(made.points[33, :2] - made.points[263, :2]))
    middles = [made.points[list(pair), :2].mean(0) for pair in ((33, 133), (362, 263))]
    across = np.degrees(np.arctan2(*(middles[1] - middles[0])[::-1]))
    thick = max(2, round(0.03 * eyes))
    axes = (round(0.23 * eyes), round(0.18 * eyes))
    for middle in middles:
        at = (round(float(middle[0])), round(float(middle[1] + 0.03 * eyes)))
        cv2.ellipse(image, at, axes, float(across), 0, 360, colour, thick, cv2.LINE_AA)
    inner = [(round(float(m[0] + s * axes[0])), round(float(m[1]))) for m, s in zip(middles, (1, -1), strict=True)]
    cv2.line(image, inner[0], inner[1], colour, thick, cv2.LINE_AA)
    for middle, sign, ear in zip(middles, (-1, 1), (127, 356), strict=True):
        start = (round(float(middle[0] + sign * axes[0])), round(float(middle[1])))
        end = (round(float(made.points[ear, 0])), round(float(made.points[ear, 1])))
        cv2.line(image, start, end, colour, thick, cv2.LINE_AA)
    return image


def child() -> Person:
    """Somebody with the proportions of a child: MakeHuman's child shapes without further deviation."""
    from examples.cast import head_model
    from heads.headmodel import ARCHETYPES

    rows = head_model().archetypes
    weights = (rows[ARCHETYPES.index("african-female-child")] + rows[ARCHETYPES.index("asian-female-child")]) / 2
    mei = named("mei")
    return replace(
        mei, identity=tuple(float(round(x, 4)) for x in weights), look=replace(mei.look, tone=0.6, paint=0.05, age=0.0)
    )


def _spectacled() -> Image:
    person = Person.random(5)
    weights = np.zeros(len(SHAPE), np.float32)
    return spectacles(drawn(person, weights, 0.0, 0.0))


CASES: dict[str, Callable[[], Image]] = {
    "beard-dark": lambda: _shot(replace(named("kofi"), beard=0.3, hair="bald"), 0.0),
    "glasses": _spectacled,
    "child": lambda: _shot(child()),
    "turned-right": lambda: _shot(named("ines"), yaw=32.0),
    "turned-left": lambda: _shot(named("kofi"), yaw=-32.0),
    "looks-up": lambda: _shot(named("ada"), pitch=-18.0, yaw=8.0),
    "open-mouth": lambda: _shot(named("mei"), jawOpen=0.7),
}
"""Name to how it is drawn."""

assert set(PEOPLE) <= set(NAMES)
