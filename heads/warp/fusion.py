"""Several portraits of one person: every part of the face takes its texels from those that show it best.

Frame by frame, what the other portraits show is laid over what the first one does: a smile with its own creases, closed lids,
the far cheek, teeth. Hair and background stay the first portrait's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from heads import mesh, rigid
from heads.base import Cue, Floats, Image, Portrait
from heads.warp import nearness, raster
from heads.warp.atlas import Atlas
from heads.warp.eyes import CLOSED, slit
from heads.warp.layers import spread
from heads.warp.mouth import PARTING, STRETCH
from heads.warp.relight import lit
from heads.warp.study import STEP
from heads.warp.transfer import Placed

GRID = 140
"""Pixels along the longer side of the grid on which is drawn where the face goes: places change evenly between its vertices."""

ROUGH = 4
"""Pixels of that grid per look at where a portrait is seen at all."""

FAINT = 0.04
"""Share of a portrait's texels that is not worth mixing in: two grey levels where portraits differ by fifty."""

PRINT = 1.5
"""How many times larger than the first portrait's face the others' texels are kept: a bilinear look-up then blurs little."""

PRINT_SIDE = 1024
"""Pixels of the longer side of a kept face, at most: 3 MB."""

HIDDEN = 0.2
"""Share of the texels' weight, with what the first portrait shows taken as whole, from which the others replace it."""

LIT_SIDE = 256
"""Pixels of the longer side of the grid over a kept face on which its colours are corrected."""

MADE, MADE_EYES, MADE_MOUTH = 20.0, 4.0, 6.0
"""Squares of the distance (`heads.warp.nearness`) at which another portrait's skin, eyes and mouth are no better than what the
first one's frame has: filled-in lids, eyes laid together anew, teeth of the 3-D head (of five settings each the best over six
clips, of which 2, 4 and 8 frames were given)."""

SLOW = 0.05
"""Seconds in which two thirds of a change from one portrait to another are done: noise in what a frame shows is not seen to
flicker, and a lid that falls in a tenth of a second is not late by more than a frame."""

LIDS = (0.25, 0.6)
"""Share of a portrait's opening of an eye that is gone in a frame, between which its lid is not believed any more."""


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What one portrait shows in one frame."""

    portrait: int
    box: raster.Box
    """(x, y, W, H) pixels of the frame."""
    across: Floats
    down: Floats
    """(H, W) where its texels lie in its print, as `cv2.remap` takes it."""
    share: Floats
    """(H, W) 0 … 1, how much of them is taken."""


Overlay: TypeAlias = tuple[_Piece, ...]
"""What the other portraits show in one frame."""


class Others:
    """Lays what the other portraits of a person show over the first one's frames.

    Args:
        portraits: two or more, from `heads.warp.study.distinct`.
        state: what `heads.warp.study.studied` found out about them.
        rest: (52,) blendshapes of the driver's neutral frame.
    """

    def __init__(self, portraits: Sequence[Portrait], state: Mapping[str, Floats], rest: Floats) -> None:
        self._size = portraits[0].image.shape[1::-1]
        self._sheet = Atlas(portraits[0])
        self._points, self._facing, self._trust = state["points"], state["facing"], state["trust"]
        self._expression = np.array([portrait.face.expression for portrait in portraits])
        self._near = nearness.Nearness(self._points, self._expression)
        self._rest = self._expression[0] - rest
        self._last: tuple[Floats, float] = (np.zeros(0, np.float32), np.inf)
        self._made = np.full(len(nearness.REGIONS), MADE, np.float32)
        self._made[[*nearness.EYES]] = MADE_EYES
        self._made[nearness.MOUTH] = MADE_MOUTH
        self._masks = nearness.masks(self._sheet, STEP)
        shown = np.einsum("rhw,khw->rk", self._masks, self._facing * self._trust) / self._masks.sum((1, 2))[:, None]
        self._worth = np.asarray(np.maximum(shown, 1e-3) * state["worth"], np.float32)
        self._gaps = np.array([mesh.mouth_gap(points) for points in self._points])
        self._eyes = np.array([[slit(p, eye) for p in self._points] for eye in (mesh.RIGHT_EYE, mesh.LEFT_EYE)])
        prints = [
            _print(self._sheet, *given) for given in zip(portraits, self._points, state["tones"], state["gains"], strict=True)
        ]
        self._prints, self._whence = zip(*prints, strict=True)

    def overlay(self, placed: Placed, vertices: Floats, cue: Cue) -> Overlay:
        """What is to be laid over a frame; empty where the first portrait alone shows it.

        Args:
            placed: the face in the frame.
            vertices: (V, 3) the frame's moved mesh (`heads.warp.layout.Layout.moved`).
            cue: the driver's.
        """
        share = self._calmed(self._weights(placed, cue), cue.time)
        used = [k for k in range(1, share.shape[1]) if share[:, k].max() > 0]
        if not used:
            return ()
        seen = np.einsum("rk,rhw->khw", share, self._masks) * self._facing
        # What hardly anybody shows remains the first portrait's.
        whole = np.maximum(np.maximum(seen.sum(0), HIDDEN * self._facing[0]), 1e-6)
        taken = seen * self._trust / whole
        corners = self._sheet.vertices(placed.points, vertices[mesh.SURFACE : self._sheet.skin])
        box = _around(corners, self._size)
        values = np.column_stack([self._sheet.places, np.zeros(len(corners))]).astype(np.float32)
        scale = min(1.0, GRID / max(box[2:]))
        column, row, _ = cv2.split(raster.draw(corners, values, self._sheet.triangles, box, scale))
        column -= 0.5
        row -= 0.5
        pieces = (self._piece(k, taken[k], column, row, box) for k in used)
        return tuple(piece for piece in pieces if piece is not None)

    def _piece(self, k: int, taken: Floats, column: Floats, row: Floats, box: raster.Box) -> _Piece | None:
        """What one portrait shows, within the part of a box where it does.

        Args:
            taken: (h, w) its share over every `STEP`-th pixel of the sheet.
            column, row: (H, W) pixels of the sheet that the box's show, both perhaps smaller than it.
        """
        coarse = [field * np.float32(1 / STEP) + np.float32(0.5 / STEP - 0.5) for field in (column, row)]
        share = cv2.remap(taken, coarse[0], coarse[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        left, top, wide, high = cv2.boundingRect((share > FAINT).astype(np.uint8))
        if not wide:
            return None
        height, width = column.shape
        x, y = max(0, left - 1), max(0, top - 1)
        w, h = min(width, left + wide + 1) - x, min(height, top + high + 1) - y
        part = np.s_[y : y + h, x : x + w]
        here = [np.ascontiguousarray(field[part]) for field in (column, row)]
        found = cv2.remap(self._whence[k], here[0], here[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        grown = [box[2] / width, box[3] / height]
        low = [round(n * g) for n, g in zip((x, y), grown, strict=True)]
        size = [round((n + m) * g) - o for n, m, g, o in zip((x, y), (w, h), grown, low, strict=True)]
        fields = [*cv2.split(found), np.ascontiguousarray(share[part])]
        if size != [w, h]:
            fields = [cv2.resize(field, size, interpolation=cv2.INTER_LINEAR) for field in fields]
        across, down, shown = (np.asarray(field, np.float32) for field in fields)
        return _Piece(k, (box[0] + low[0], box[1] + low[1], size[0], size[1]), across, down, shown)

    def lay(self, patch: Image, overlay: Overlay, origin: tuple[int, int]) -> None:
        """Lay it over a frame's pixels (h, w, 3) uint8, in place; `origin` is their place (x, y) in the frame."""
        # Each is mixed with what is there by their shares, so that none counts more for coming later.
        have = np.ones(patch.shape[:2], np.float32)
        parts = []
        for piece in overlay:
            x, y, w, h = (a - b for a, b in zip(piece.box, (*origin, 0, 0), strict=True))
            left, top = max(x, 0), max(y, 0)
            right, bottom = min(x + w, patch.shape[1]), min(y + h, patch.shape[0])
            if right > left and bottom > top:
                window = np.s_[top:bottom, left:right]
                parts.append((piece, window, np.s_[top - y : bottom - y, left - x : right - x]))
                have[window] -= piece.share[parts[-1][2]]
        np.maximum(have, 0, out=have)
        whole = cv2.cvtColor(patch, cv2.COLOR_RGB2RGBA)
        for piece, window, part in parts:
            fields = (np.ascontiguousarray(field[part]) for field in (piece.across, piece.down, piece.share))
            across, down, share = fields
            texels = cv2.remap(self._prints[piece.portrait], across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            there = np.ascontiguousarray(whole[window])
            whole[window] = cv2.blendLinear(there, texels, np.ascontiguousarray(have[window]), share)
            have[window] += share
        cv2.cvtColor(whole, cv2.COLOR_RGBA2RGB, dst=patch)

    def _calmed(self, share: Floats, time: float) -> Floats:
        """Shares (regions, K) that follow slowly on the skin; what is between lids and lips changes at once, as it does."""
        before, when = self._last
        out = share.copy()
        if time > when:
            skin = [r for r in range(len(share)) if r not in (nearness.MOUTH, *nearness.EYES)]
            out[skin] = before[skin] + np.float32(1 - np.exp((when - time) / SLOW)) * (share[skin] - before[skin])
        self._last = out, time
        return out

    def _weights(self, placed: Placed, cue: Cue) -> Floats:
        """(regions, K): each portrait's share."""
        squares = self._near.squares(placed.points, self._rest + cue.expression)
        squares[:, 0] = np.minimum(squares[:, 0], self._made)
        worth = self._worth.copy()
        gap = mesh.mouth_gap(placed.points)
        shows = _shows(gap, self._gaps, mesh.SHOWS_MOUTH)
        worth[nearness.MOUTH] = np.where(np.arange(len(shows)) == 0, 1, shows)
        if cue.crop is not None:
            worth[nearness.MOUTH, 1:] = 0  # the driver's picture was asked for
        eyes = zip(nearness.EYES, nearness.LIDS, (mesh.RIGHT_EYE, mesh.LEFT_EYE), self._eyes, strict=True)
        for region, skin, eye, slits in eyes:
            now = slit(placed.points, eye)
            worth[region, 1:] *= _shows(now, slits, CLOSED)[1:]
            # A lid that comes down over more than a portrait shows of it would be drawn out: the first one's is filled in.
            gone = 1 - now / np.maximum(slits[1:], 1e-6)
            worth[skin, 1:] *= np.clip((LIDS[1] - gone) / (LIDS[1] - LIDS[0]), 0, 1)
        return nearness.weights(squares, worth, nearness.POWERS)


def _shows(now: float, own: NDArray[np.floating], least: float) -> NDArray[np.floating]:
    """(K,) 0 … 1: how far portraits show what is in an opening of size `now`.

    Args:
        own: (K,) sizes of theirs.
        least: the size of one that shows its inside. Closed ones show what there is as long as it stays closed.
    """
    inside = np.clip(own / least - 0.5, 0, 1)
    far = np.clip((STRETCH[1] - now / np.maximum(own, 1e-6)) / (STRETCH[1] - STRETCH[0]), 0, 1)
    alike = np.clip(2 - (now - own) / PARTING, 0, 1)
    return np.asarray(np.maximum(inside * far, alike))


def _print(sheet: Atlas, portrait: Portrait, points: Floats, tone: Floats, gain: Floats) -> tuple[Image, Floats]:
    """A portrait's face (h, w, 4) in the first one's light and size; where on it the sheet's pixels lie (H, W, 2)."""
    vertices = sheet.vertices(points, sheet.rings(points))
    size = float(rigid.fit_face(sheet.points, points).scale)
    low = np.maximum(np.floor(vertices[:, :2].min(0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(vertices[:, :2].max(0)).astype(int) + 2, portrait.image.shape[1::-1])
    high = np.maximum(high, low + 1)
    cut = portrait.image[low[1] : high[1], low[0] : high[0]]
    factor = min(PRINT / size, PRINT_SIDE / max(cut.shape[:2]))
    width, height = (max(2, round(n * factor)) for n in cut.shape[1::-1])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LANCZOS4
    picture = np.asarray(cv2.resize(cut, (width, height), interpolation=how), np.uint8)
    step = np.array([width / cut.shape[1], height / cut.shape[0]], np.float32)
    moved = vertices.copy()
    moved[:, :2] = (vertices[:, :2] - low) * step
    shown = _lit(sheet, picture, moved, tone, gain) if gain.any() else picture
    # Four channels are looked up faster than three.
    return np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2RGBA), np.uint8), sheet.laid(moved[:, :2]) - np.float32(0.5)


def _lit(sheet: Atlas, picture: Image, vertices: Floats, tone: Floats, gain: Floats) -> Image:
    """A picture (h, w, 3) with the tone and factors of `heads.warp.relight` on it; `vertices` are the sheet's in it."""
    height, width = picture.shape[:2]
    values = np.column_stack([sheet.places, np.zeros(len(vertices))]).astype(np.float32)
    scale = min(1.0, LIT_SIDE / max(width, height))
    across, down, _ = cv2.split(raster.draw(vertices, values, sheet.triangles, (0, 0, width, height), scale))
    known = (across != raster.NOTHING).astype(np.float32)
    there = [np.ascontiguousarray(field / STEP - np.float32(0.5)) for field in (across, down)]
    factors = cv2.remap(gain, there[0], there[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    spreading = spread(np.asarray(factors, np.float32), known, 2)
    factors = np.where(known[..., None] > 0, factors, spreading)
    larger = np.asarray(cv2.resize(factors, (width, height)), np.float32)
    return np.clip(np.rint(lit(picture.astype(np.float32), tone, larger)), 0, 255).astype(np.uint8)


def _around(points: Floats, size: tuple[int, ...]) -> raster.Box:
    """The part of a picture of a size (W, H) that holds all points; at least one pixel."""
    low = np.clip(np.floor(points[:, :2].min(0)).astype(int), 0, np.array(size) - 1)
    high = np.clip(np.ceil(points[:, :2].max(0)).astype(int), low + 1, size)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
