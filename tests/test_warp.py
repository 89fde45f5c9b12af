"""The warp head on rendered people: nothing is lost, nothing tears, what is closed closes, what is still stays still."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

import weights
from examples.people import Person, Rendering, render
from heads import mesh, paste
from heads.base import Cue, Face, Floats, Image, Portrait
from heads.headmodel import HeadModel
from heads.warp.head import Warp

SIDE = 384


def weights_of(**shapes: float) -> Floats:
    out = np.zeros(52, np.float32)
    for name, value in shapes.items():
        out[mesh.SHAPE[name]] = value
    return out


def portrait_of(picture: Rendering, image: Image | None = None, digest: str = "0" * 64) -> Portrait:
    face = Face(picture.points, weights_of(), picture.pose)
    shown = picture.image if image is None else image
    return Portrait(shown, face, paste.align(face.points), picture.matte, digest)


def cue_of(picture: Rendering, align: Floats, **shapes: float) -> Cue:
    return Cue(0.0, paste.apply(align, picture.points), weights_of(**shapes), picture.pose)


@pytest.fixture(scope="module")
def person() -> Person:
    return Person.random(3)


@pytest.fixture(scope="module")
def still(person: Person) -> Rendering:
    return render(person, size=(SIDE, SIDE), expression=weights_of())


@pytest.fixture(scope="module")
def warp() -> Warp:
    return Warp.from_files({"headmodel.safetensors": weights.path("headmodel.safetensors")})


@pytest.fixture(scope="module")
def driver() -> dict[str, Rendering]:
    """Another person, in the poses and expressions that the tests need."""
    other = Person.random(1)

    def shot(yaw: float = 0.0, **shapes: float) -> Rendering:
        return render(other, size=(256, 256), yaw=yaw, expression=weights_of(**shapes))

    return {
        "rest": shot(),
        "blink": shot(eyeBlinkLeft=1, eyeBlinkRight=1),
        "open": shot(jawOpen=0.8),
        "left": shot(eyeLookInLeft=1, eyeLookOutRight=1),
        "right": shot(eyeLookOutLeft=1, eyeLookInRight=1),
        "turned": shot(yaw=18),
        "away": shot(yaw=-18),
    }


def frames(warp: Warp, portraits: list[Portrait], rest: Cue, cues: list[Cue]) -> Iterator[Image]:
    return warp.animate(warp.enroll(portraits), rest, iter(cues))


def driven(warp: Warp, portraits: list[Portrait], driver: dict[str, Rendering], names: list[str]) -> list[Image]:
    align = paste.align(driver["rest"].points)
    rest = cue_of(driver["rest"], align)
    shapes = {"open": {"jawOpen": 0.8}}
    return list(frames(warp, portraits, rest, [cue_of(driver[n], align, **shapes.get(n, {})) for n in names]))


def psnr(one: Image, other: Image) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, ((one.astype(float) - other) ** 2).mean())))


def test_a_driver_that_rests_gives_the_portrait_back(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    (frame,) = driven(warp, [portrait_of(still)], driver, ["rest"])
    assert psnr(frame, still.image) >= 45


def test_frames_painted_side_by_side_are_those_painted_one_by_one(
    warp: Warp, still: Rendering, driver: dict[str, Rendering], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine of eight cores; and the cues that are asked for stay within the look-ahead."""
    portrait = portrait_of(still)
    identity = warp.enroll([portrait])
    cues = [cue_of(picture, paste.align(driver["rest"].points)) for picture in driver.values()] * 3
    alone = list(warp.animate(identity, cues[0], iter(cues), lookahead=0))
    monkeypatch.setattr("heads.warp.head.lanes", lambda: 4)
    asked = 0

    def counted() -> Iterator[Cue]:
        nonlocal asked
        for cue in cues:
            asked += 1
            yield cue

    for done, frame in enumerate(warp.animate(identity, cues[0], counted(), lookahead=6)):
        assert asked <= done + 6
        np.testing.assert_array_equal(frame, alone[done])


def test_the_background_is_the_portraits_own_bit_for_bit(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    reach = cv2.dilate((still.matte > 0).astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
    assert (~reach).mean() > 0.1
    for frame in driven(warp, [portrait_of(still)], driver, ["turned", "open", "away"]):
        assert (frame[~reach] == still.image[~reach]).all()


def test_no_outline_of_the_person_stays_behind(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    """Where the head was and is no more, the background is as smooth as it is elsewhere."""
    plain = np.where(still.matte[..., None] > 0, still.image, np.uint8(150)).astype(np.uint8)
    edge = (still.matte > 0) & (still.matte < 1)
    portrait = portrait_of(
        still,
        np.where(edge[..., None], (still.matte[..., None] * still.image + (1 - still.matte[..., None]) * 150), plain).astype(
            np.uint8
        ),
    )
    turned, away = driven(warp, [portrait], driver, ["turned", "away"])
    left = np.abs(turned.astype(int) - 150).max(-1) < 3
    right = np.abs(away.astype(int) - 150).max(-1) < 3
    outside = still.matte == 0
    top = np.s_[: int(still.points[:, 1].min())]
    uncovered = (left | right)[top] & ~outside[top]
    assert uncovered.sum() > 30, "turning uncovers background"


def test_a_mole_stays_a_mole(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    """A six-pixel dot on the cheek keeps 80 % of its contrast while the head turns."""
    at = still.points[[50, 205]].mean(0)[:2]
    spotted = still.image.copy()
    cv2.circle(spotted, (round(float(at[0])), round(float(at[1]))), 3, (40, 25, 20), -1, cv2.LINE_AA)

    def contrast(image: Image) -> float:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        # The darkest dot of that size anywhere on the cheek, against what surrounds it.
        cheek = np.s_[int(at[1]) - 40 : int(at[1]) + 40, int(at[0]) - 40 : int(at[0]) + 40]
        return float((cv2.blur(grey, (25, 25)) - cv2.GaussianBlur(grey, (0, 0), 1.5))[cheek].max())

    own = contrast(spotted)
    for frame in driven(warp, [portrait_of(still, spotted)], driver, ["turned", "away"]):
        assert contrast(frame) > 0.8 * own


def box_of(points: Floats) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of points (N, 2) in whole pixels."""
    low, high = points.min(0), points.max(0) + 1
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def test_lids_close_when_the_drivers_do(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    """Closed lids are skin: the eye's opening loses its contrast of white and pupil."""
    rest, blink = driven(warp, [portrait_of(still)], driver, ["rest", "blink"])
    for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE):
        x0, y0, x1, y1 = box_of(still.points[list(eye), :2])
        third = (x1 - x0) // 3
        window = np.s_[y0 : (y0 + y1) // 2, x0 + third : x1 - third]
        assert np.ptp(blink[window].mean(-1)) < 0.75 * np.ptp(rest[window].mean(-1))


def test_an_opened_mouth_shows_teeth_or_throat_that_were_never_in_the_picture(
    warp: Warp, still: Rendering, driver: dict[str, Rendering]
) -> None:
    (frame,) = driven(warp, [portrait_of(still)], driver, ["open"])
    mouth = still.points[[61, 291, 13]].mean(0)[:2].astype(int)
    depth = round(0.12 * mesh.eye_distance(still.points))
    inside = frame[mouth[1] : mouth[1] + 2 * depth, mouth[0] - depth : mouth[0] + depth].reshape(-1, 3).mean(-1)
    assert inside.min() < 0.55 * np.percentile(inside, 90), "a dark throat"
    assert np.percentile(inside, 90) > 110, "teeth or lip in the light"


def test_the_iris_goes_where_the_driver_looks(warp: Warp, still: Rendering, driver: dict[str, Rendering]) -> None:
    left, rest, right = driven(warp, [portrait_of(still)], driver, ["left", "rest", "right"])

    def pupil(image: Image) -> float:
        x0, y0, x1, y1 = box_of(still.points[list(mesh.LEFT_EYE), :2])
        smooth = np.asarray(cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 2), np.float32)
        grey = 255 - smooth[y0 + 2 : y1 - 2, x0:x1]
        column = np.clip(grey.mean(0) - np.median(grey.mean(0)), 0, None)
        return float((column * np.arange(len(column))).sum() / max(column.sum(), 1e-6))

    assert pupil(left) < pupil(rest) - 0.5
    assert pupil(right) > pupil(rest) + 0.5


def test_a_second_portrait_lends_its_open_mouth(
    warp: Warp, person: Person, still: Rendering, driver: dict[str, Rendering]
) -> None:
    laughing = render(person, size=(SIDE, SIDE), expression=weights_of(jawOpen=0.7))
    red = laughing.image.copy()
    lips = laughing.points[list(mesh.LIPS_INNER), :2].astype(np.int32)
    cv2.fillPoly(red, [lips], (250, 0, 250))
    alone = driven(warp, [portrait_of(still)], driver, ["open"])[0]
    both = driven(warp, [portrait_of(still), portrait_of(laughing, red, "1" * 64)], driver, ["open"])[0]
    violet = (both[..., 0].astype(int) + both[..., 2] - 2 * both[..., 1].astype(int)) > 150
    assert violet.sum() > 50
    outside = cv2.dilate((still.matte > 0).astype(np.uint8), np.ones((25, 25), np.uint8)) == 0
    assert (alone[outside] == both[outside]).all()


def test_what_one_picture_cannot_carry_is_limited(warp: Warp, still: Rendering) -> None:
    """A driver who walks out of the picture or turns his back does not tear the portrait."""
    align = paste.align(still.points)
    rest = cue_of(still, align)
    points = rest.points + np.array([3.0, 0, 0], np.float32)
    (frame,) = frames(warp, [portrait_of(still)], rest, [Cue(0.0, points, rest.expression, rest.pose)])
    shift = cv2.phaseCorrelate(
        still.image[..., 1].astype(np.float32),
        frame[..., 1].astype(np.float32),
        cv2.createHanningWindow((SIDE, SIDE), cv2.CV_32F),
    )[0][0]
    assert 0 <= shift < 1.1 * mesh.eye_distance(still.points)


def test_the_head_model_is_the_one_that_is_catalogued() -> None:
    model = HeadModel.from_arrays(load_file(weights.path("headmodel.safetensors")))
    assert model.landmark_units.shape == (52, 478, 3)


@pytest.mark.parametrize("way", [-1, 1])
def test_a_portrait_that_looks_aside_turns_back_without_a_hole_in_its_cheek(warp: Warp, person: Person, way: int) -> None:
    aside = render(person, size=(SIDE, SIDE), yaw=18.0 * way, expression=weights_of())
    green = np.array([0, 255, 0], np.float32)
    cover = aside.matte[..., None]
    portrait = portrait_of(aside, np.rint(cover * aside.image + (1 - cover) * green).astype(np.uint8))
    rest = cue_of(aside, portrait.align)
    turn = cv2.Rodrigues(np.array([0.0, np.radians(22.0 * way), 0.0]))[0]
    middle = rest.points[list(mesh.STABLE)].mean(0)
    # Which way is "back" depends on the sign of a camera's yaw: the one that brings the nose to the middle is taken.
    moved = max(
        ((rest.points - middle) @ sign.T + middle for sign in (turn, turn.T)),
        key=lambda points: -abs(float(points[1, 0] - points[[234, 454], 0].mean())),
    )
    cue = Cue(0.1, moved.astype(np.float32), rest.expression, rest.pose)
    identity = warp.enroll([portrait])
    _, frame = warp.animate(identity, rest, iter([rest, cue]))
    oval = paste.apply(paste.invert(portrait.align), moved.astype(np.float32))[list(mesh.FACE_OVAL), :2]
    face = np.zeros((SIDE, SIDE), np.uint8)
    middle_2d = oval.mean(0)
    cv2.fillPoly(face, [np.rint(middle_2d + 0.94 * (oval - middle_2d)).astype(np.int32)], 1)
    seen = frame[face > 0].astype(int)
    assert (seen[:, 1] - seen[:, [0, 2]].max(1) > 60).mean() < 0.002
