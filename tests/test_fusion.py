"""Several portraits of one rendered person: each part of the face comes from the one that shows it, and nothing flickers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

import weights
from examples.people import Person, Rendering, render
from heads import mesh, paste
from heads.base import Cue, Face, Floats, HeadError, Image, Portrait
from heads.warp.head import Warp
from heads.warp.nearness import ENOUGH, LEAST, MOST
from heads.warp.nearness import weights as mixture

SIDE = 320

SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5}
SHUT = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
OPEN = {"jawOpen": 0.7}


def shapes(wanted: dict[str, float]) -> Floats:
    out = np.zeros(52, np.float32)
    for name, value in wanted.items():
        out[mesh.SHAPE[name]] = value
    return out


class Sitter:
    """One person before the camera."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self.rest = self.shot()
        self.align = paste.align(self.rest.points)
        self.neutral = self.cue({})

    def shot(self, wanted: dict[str, float] | None = None, yaw: float = 0.0) -> Rendering:
        return render(self._person, size=(SIDE, SIDE), yaw=yaw, expression=shapes(wanted or {}), eye_distance=100)

    def portrait(self, wanted: dict[str, float], yaw: float = 0.0, image: Image | None = None, name: str = "a") -> Portrait:
        shot = self.shot(wanted, yaw)
        face = Face(shot.points, shapes(wanted), shot.pose)
        return Portrait(shot.image if image is None else image, face, paste.align(face.points), shot.matte, name * 64)

    def cue(self, wanted: dict[str, float], yaw: float = 0.0) -> Cue:
        shot = self.shot(wanted, yaw)
        return Cue(0.0, paste.apply(self.align, shot.points), shapes(wanted), shot.pose)


@pytest.fixture(scope="module")
def sitter() -> Sitter:
    return Sitter(Person.random(11))


@pytest.fixture(scope="module")
def warp() -> Warp:
    return Warp.from_files({"headmodel.safetensors": weights.path("headmodel.safetensors")})


def frames(warp: Warp, sitter: Sitter, portraits: Sequence[Portrait], cues: Sequence[Cue]) -> list[Image]:
    return list(warp.animate(warp.enroll(portraits), sitter.neutral, iter(cues)))


def box(points: Floats) -> tuple[slice, slice]:
    low, high = points[:, :2].min(0).astype(int), points[:, :2].max(0).astype(int) + 1
    return np.s_[low[1] : high[1], low[0] : high[0]]


def psnr(one: Image, other: Image) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((one.astype(float) - other) ** 2).mean())))


def between(one: dict[str, float], share: float) -> dict[str, float]:
    return {name: share * value for name, value in one.items()}


@pytest.mark.slow
def test_more_portraits_come_nearer_to_the_person(warp: Warp, sitter: Sitter) -> None:
    wanted = [({**SMILE, "jawOpen": 0.25}, 3.0), (SHUT, 0.0), (OPEN, 0.0), (between(SMILE, 0.6), -4.0)]
    shown = [
        sitter.portrait(*given, name=str(i)) for i, given in enumerate([({}, 0.0), (SMILE, 2.0), (SHUT, 0.0), (OPEN, 0.0)])
    ]
    cues = [sitter.cue(*given) for given in wanted]
    true = [sitter.shot(*given) for given in wanted]
    quality = []
    for count in (1, 2, 4):
        made = frames(warp, sitter, shown[:count], cues)
        quality.append(np.mean([psnr(m[box(t.points)], t.image[box(t.points)]) for m, t in zip(made, true, strict=True)]))
    assert quality[1] > quality[0] + 0.1
    assert quality[2] > quality[0] + 1.5


def test_at_rest_the_frame_is_the_first_portrait(warp: Warp, sitter: Sitter) -> None:
    shown = [sitter.portrait({}), sitter.portrait(between(SMILE, 0.2), 2.0, name="b"), sitter.portrait(SHUT, name="c")]
    (frame,) = frames(warp, sitter, shown, [sitter.neutral])
    assert psnr(frame, shown[0].image) >= 45


def test_closed_lids_are_those_of_the_portrait_that_shows_them(warp: Warp, sitter: Sitter) -> None:
    shut = sitter.shot(SHUT)
    image = shut.image.copy()
    for eye, brow in ((mesh.RIGHT_EYE, mesh.RIGHT_BROW), (mesh.LEFT_EYE, mesh.LEFT_BROW)):
        lid = shut.points[[*eye[8:], eye[0]], :2]
        line = 0.75 * lid + 0.25 * shut.points[list(brow), :2].mean(0)
        cv2.polylines(image, [line[2:-2].astype(np.int32)], False, (40, 60, 220), 3, cv2.LINE_AA)
    other = sitter.portrait(SHUT, image=image, name="b")
    opened, closed = frames(warp, sitter, [sitter.portrait({}), other], [sitter.neutral, sitter.cue(SHUT)])

    def blue(picture: Image) -> int:
        around = picture[box(shut.points[list(mesh.RIGHT_EYE + mesh.LEFT_EYE + mesh.RIGHT_BROW)])].astype(int)
        return int((around[..., 2] > around[..., 0] + 40).sum())

    assert blue(opened) == 0
    assert blue(closed) > 40


def test_the_far_cheek_is_the_turned_portraits(warp: Warp, sitter: Sitter) -> None:
    """A spot on the cheek that only a turned head shows whole is there when the head turns so."""
    turned = sitter.shot(yaw=18)
    at = turned.points[[425, 280]].mean(0)[:2]
    image = turned.image.copy()
    cv2.circle(image, (round(float(at[0])), round(float(at[1]))), 5, (30, 110, 30), -1, cv2.LINE_AA)
    portraits = [sitter.portrait({}), sitter.portrait({}, 18, image=image, name="b")]
    straight, aside = frames(warp, sitter, portraits, [sitter.neutral, sitter.cue({}, 18)])
    there = np.s_[int(at[1]) - 8 : int(at[1]) + 8, int(at[0]) - 8 : int(at[0]) + 8]

    def green(picture: Image) -> int:
        part = picture[there].astype(int)
        return int((part[..., 1] > part[..., 0] + 30).sum())

    assert green(straight) == 0
    assert green(aside) > 30


def test_what_is_around_the_person_stays_the_first_portraits(warp: Warp, sitter: Sitter) -> None:
    shot = sitter.shot(SMILE)
    elsewhere = np.where(shot.matte[..., None] > 0.5, shot.image, np.array([200, 40, 160], np.uint8)).astype(np.uint8)
    portraits = [sitter.portrait({}), sitter.portrait(SMILE, image=elsewhere, name="b")]
    first = portraits[0]
    (frame,) = frames(warp, sitter, portraits, [sitter.cue(SMILE, 4.0)])
    reach = cv2.dilate((first.matte > 0).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
    assert (frame[~reach] == first.image[~reach]).all()
    pink = (frame[..., 0].astype(int) + frame[..., 2] - 2 * frame[..., 1].astype(int)) > 120
    assert pink.sum() == 0


@pytest.mark.slow
def test_other_light_is_taken_out(warp: Warp, sitter: Sitter) -> None:
    shot = sitter.shot(SMILE)
    ramp = np.linspace(0.45, 1.0, SIDE)[None, :, None] * np.array([0.8, 0.9, 1.1])
    dark = np.clip(shot.image * ramp, 0, 255).astype(np.uint8)
    steep = np.clip(200 * (shot.image / 255) ** 1.7, 0, 255).astype(np.uint8)
    true = shot.image[box(shot.points)].astype(float)
    results = []
    for image in (shot.image, dark, steep):
        portraits = [sitter.portrait({}), sitter.portrait(SMILE, image=image, name="b")]
        (frame,) = frames(warp, sitter, portraits, [sitter.cue(SMILE)])
        smooth = cv2.blur(frame[box(shot.points)].astype(float) - true, (9, 9))
        results.append(float(np.abs(smooth).mean()))
    assert max(results[1:]) < results[0] + 4


@pytest.mark.slow
def test_frames_change_as_slowly_as_the_face(warp: Warp, sitter: Sitter) -> None:
    """A smile that grows and a head that turns in equal steps: no step is much larger than the others anywhere."""
    shown = [({}, 0.0), (SMILE, 0.0), (between(SMILE, 0.5), 8.0), (OPEN, 0.0), ({}, -10.0)]
    portraits = [sitter.portrait(*given, name=str(i)) for i, given in enumerate(shown)]
    first, last = sitter.neutral, sitter.cue(SMILE, 12.0)
    cues = [
        replace(
            first,
            points=first.points + np.float32(t) * (last.points - first.points),
            expression=first.expression + np.float32(t) * (last.expression - first.expression),
        )
        for t in np.linspace(0.1, 1, 46)
    ]
    made = [cv2.blur(frame.astype(np.float32), (16, 16)) for frame in frames(warp, sitter, portraits, cues)]
    steps = np.array([np.abs(b - a).max() for a, b in pairwise(made)])
    assert steps.max() < 3 * np.median(steps) + 1


@pytest.mark.slow
def test_the_order_of_the_others_does_not_matter(warp: Warp, sitter: Sitter) -> None:
    first, *others = (sitter.portrait(w, y, name=n) for w, y, n in (({}, 0.0, "a"), (SMILE, 0.0, "b"), (OPEN, 5.0, "c")))
    cues = [sitter.cue({**between(SMILE, 0.7), "jawOpen": 0.3}, 3.0)]
    (one,) = frames(warp, sitter, [first, *others], cues)
    (two,) = frames(warp, sitter, [first, *others[::-1]], cues)
    assert (one == two).all()


@pytest.mark.slow
def test_any_number_of_portraits_will_do(warp: Warp, sitter: Sitter) -> None:
    """Also 32, also the same one again and again."""
    smiling = sitter.portrait(SMILE, name="b")
    cue = sitter.cue(SMILE)
    (two,) = frames(warp, sitter, [sitter.portrait({}), smiling], [cue])
    (many,) = frames(warp, sitter, [sitter.portrait({}), *[smiling] * 31], [cue])
    assert (two == many).all()


def test_an_identity_that_lacks_what_the_others_show_is_refused(warp: Warp, sitter: Sitter) -> None:
    identity = warp.enroll([sitter.portrait({}), sitter.portrait(SMILE, name="b")])
    kept = {name: value for name, value in identity.state.items() if name != "gains"}
    with pytest.raises(HeadError, match="gains"):
        warp.animate(replace(identity, state=kept), sitter.neutral, iter([]))


def test_mixtures_are_few_and_change_evenly() -> None:
    rng = np.random.default_rng(4)
    worth = np.ones((1, 9), np.float32)
    start, end = rng.uniform(0, 20, (2, 1, 9)).astype(np.float32)
    rows = [mixture(start + np.float32(t) * (end - start), worth)[0] for t in np.linspace(0, 1, 400)]
    assert all((row > 0.02).sum() <= MOST + 1 for row in rows)
    assert np.allclose([row.sum() for row in rows], 1, atol=1e-5)
    assert np.abs(np.diff(rows, axis=0)).max() < 0.05
    frame = mixture(rng.uniform(1, 9, (11, 9)).astype(np.float32), np.ones((11, 9), np.float32))
    assert (frame[:, 1:] > 0.01).any(0).sum() <= ENOUGH + 1
    assert (mixture(np.array([[0.0, 9.0]], np.float32), worth[:, :2])[0] == (1, 0)).all(), LEAST
