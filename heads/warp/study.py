"""Several portraits of one person are looked at once: registered to the first, brought into its light, and judged.

What is kept is in the terms of the sheet on which all of them lie in the same place (`heads.warp.atlas`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh
from heads.base import Floats, Portrait
from heads.likeness import even, smaller
from heads.register import Registration
from heads.warp import atlas, relight
from heads.warp.atlas import Atlas
from heads.warp.eyes import CLOSED, slit
from heads.warp.relight import Shown

STATE = ("points", "tones", "gains", "facing", "trust", "worth")
"""What `studied` gives an identity of several portraits to keep."""

STEP = 4
"""Pixels of the sheet per value of trust and weight: they change softly."""

FACING = (0.1, 0.4)
"""Pixels of a portrait per pixel of a face seen from the front, between which skin begins to be trusted."""

PERSON = (0.3, 0.7)
"""Matte, likewise."""

HAIR = 24.0
"""Grey levels of difference to the first portrait, coarsely seen, at which what lies around the face is trusted half: other
hair, another collar."""

COARSE = 0.08
"""Window of that look, in distances between the outer eye corners."""

EDGE = (1.0, 1.0, 0.0)
"""Trust in the rings around the face: at the outermost one the first portrait's picture has taken over."""

SHADOW = 0.12
"""Natural logarithm by which the factors that take light out jump within a window of `COARSE`, where skin is trusted half."""

OTHER_LIGHT = 0.7
"""Worth of a portrait in other light: what is left of it shows where two are mixed."""

BLURRED = 0.25
"""Least worth of a blurred portrait against a sharp one."""

_EYES = (list(mesh.RIGHT_EYE + mesh.RIGHT_IRIS), list(mesh.LEFT_EYE + mesh.LEFT_IRIS))


def distinct(portraits: Sequence[Portrait]) -> list[Portrait]:
    """The first portrait and the others, each once, in an order that does not depend on the one they are given in."""
    others = {portrait.digest: portrait for portrait in portraits[1:] if portrait.digest != portraits[0].digest}
    return [portraits[0], *(others[digest] for digest in sorted(others))]


def studied(portraits: Sequence[Portrait]) -> dict[str, Floats]:
    """Register portraits of one person to the first, and find what each can be trusted to show.

    Args:
        portraits: from `distinct`.

    Returns:
        points (K, 478, 3): landmarks in pixels of each portrait, registered to the first one's.
        tones (K, 3, 2), gains (K, h, w, 3): what gives it the first one's light (`heads.warp.relight`), the gains over every
            `STEP`-th pixel of the sheet.
        facing (K, h, w): likewise, 0 … 1, how far the skin there is turned to the viewer.
        trust (K, h, w): likewise, how far it shows the same as the first one: 1 on the face, less around it.
        worth (K,): 0 … 1, how sharp it is against the first one, and whether it was taken in its light.
    """
    sheet = Atlas(portraits[0])
    seen = [Shown.of(sheet, one, one.face.points) for one in portraits]
    points = _registered(portraits, [relight.differs(sheet, seen[0], one) for one in seen])
    shown = [Shown.of(sheet, one, at) for one, at in zip(portraits, points, strict=True)]
    other = [relight.differs(sheet, shown[0], one) for one in shown]
    tones = [relight.tone(sheet, shown[0], one, share) for one, share in zip(shown, other, strict=True)]
    toned = [replace(one, colours=relight.lit(one.colours, tone)) for one, tone in zip(shown, tones, strict=True)]
    gains = [_small(relight.gain(sheet, shown[0], one, share)) for one, share in zip(toned, other, strict=True)]
    trust = [_trusted(sheet, shown[0], one, gain) for one, gain in zip(toned, gains, strict=True)]
    facing = [_facing(sheet, one) for one in shown]
    sharp = np.array([_sharpness(sheet, one) for one in toned])
    worth = np.clip(sharp / max(float(sharp[0]), 1e-3), BLURRED, 1) * (1 - (1 - OTHER_LIGHT) * np.array(other))
    state = (np.array(points), np.array(tones), np.array(gains), np.array(facing), np.array(trust), worth)
    return {name: np.asarray(value, np.float32) for name, value in zip(STATE, state, strict=True)}


def _registered(portraits: Sequence[Portrait], other: Sequence[float]) -> list[Floats]:
    """Each portrait's landmarks (478, 3), pixels, corrected by what its picture shows against the first one's.

    Args:
        other: how far each one's light is another than the first one's, 0 … 1. Then shadows are no landmarks, and only what
            stands out from its surroundings is compared.
    """
    first, *others = (smaller(portrait) for portrait in portraits)
    plain, unlit = Registration(*first[:2]), Registration(even(*first[:2]), first[1])
    out = [portraits[0].face.points]
    for portrait, share, (image, points, factor) in zip(portraits[1:], other[1:], others, strict=True):
        corrected = np.zeros_like(points)
        for register, weight, picture in ((plain, 1 - share, image), (unlit, share, even(image, points))):
            corrected += np.float32(weight) * (register(picture, points)[0] if weight else points)
        for eye in _EYES:
            # A shut lid has nothing of the open eye to be laid over: such an eye moves as a whole.
            if min(slit(points, eye), slit(first[1], eye)) < CLOSED:
                corrected[eye] = points[eye] + (corrected[eye] - points[eye]).mean(0)
        out.append(np.asarray(portrait.face.points + (corrected - points) / np.float32(factor), np.float32))
    return out


def _facing(sheet: Atlas, shown: Shown) -> Floats:
    """(h, w) 0 … 1 over every `STEP`-th pixel of the sheet: how far the skin is turned to the viewer."""
    facing = np.clip((shown.facing - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
    facing[sheet.skin :] = 1
    return _small(sheet.laid(facing[:, None])[..., 0])


def _trusted(sheet: Atlas, first: Shown, other: Shown, gain: Floats) -> Floats:
    """(h, w) 0 … 1 over every `STEP`-th pixel of the sheet: whether a portrait shows there what the first one does."""
    edge, ring = np.ones((sheet.skin, 1), np.float32), np.ones((sheet.skin, 1), np.float32)
    edge[mesh.SURFACE :, 0] = np.repeat(EDGE, len(mesh.FACE_OVAL))
    ring[: mesh.SURFACE] = 0
    inner = np.tile(np.array([[1, 0]], np.float32), (len(sheet.places) - sheet.skin, 1))
    soft, around = cv2.split(sheet.laid(np.concatenate([np.hstack([edge, ring]), inner])))
    # Between the first portrait's hair and another's there is no middle.
    window = COARSE * float(np.linalg.norm(sheet.places[33] - sheet.places[263]))
    pair = [cv2.GaussianBlur(c, (0, 0), window) for c in (first.colours, relight.lit(other.colours, gain=_whole(gain)))]
    alike = 1 / (1 + (np.abs(pair[0] - pair[1]).mean(-1) / HAIR) ** 4)
    cover = np.clip((np.minimum(first.cover, other.cover) - PERSON[0]) / (PERSON[1] - PERSON[0]), 0, 1)
    # Along the edge of a shadow that only one of them has, light cannot be taken out.
    whole = _whole(gain)
    jump = np.abs(whole - cv2.GaussianBlur(whole, (0, 0), window)).max(-1)
    # A face has no holes, but at its edge another background may show.
    face = np.ones(cover.shape, np.uint8)
    face[: atlas.SIDE] = cv2.erode(sheet.face_mask(), np.ones((2 * round(window) + 1,) * 2, np.uint8))
    cover = np.where(face > 0, 1, cover)
    trust = soft * cover * (1 - around * (1 - alike)) / (1 + (jump / SHADOW) ** 2)
    # The worst nearby counts.
    trust[: atlas.SIDE] = cv2.erode(trust[: atlas.SIDE], np.ones((STEP + 1, STEP + 1)))
    return _small(trust)


def _small(field: NDArray[np.floating]) -> Floats:
    """Every `STEP`-th pixel of a field (H, W) or (H, W, 3) over the sheet."""
    size = (atlas.SIDE // STEP, (atlas.SIDE + atlas.BELOW) // STEP)
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)


def _whole(field: Floats) -> Floats:
    """The way back."""
    return np.asarray(cv2.resize(field, (atlas.SIDE, atlas.SIDE + atlas.BELOW), interpolation=cv2.INTER_LINEAR), np.float32)


def _sharpness(sheet: Atlas, shown: Shown) -> float:
    """Fine detail of the skin over its contrast (the Laplacian's standard deviation, as in `gioconda.faces.tracker`)."""
    grey = cv2.cvtColor(np.clip(shown.colours[: atlas.SIDE], 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32)
    skin = cv2.erode(sheet.skin_mask(), np.ones((9, 9), np.uint8)) > 0
    return float(cv2.Laplacian(grey, cv2.CV_32F)[skin].std() / max(float(grey[skin].std()), 1.0))
