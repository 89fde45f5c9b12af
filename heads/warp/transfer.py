"""The driver's motion onto the portrait: what the skull does, what the expression adds, and lids and lips that still meet.

H. Averbuch-Elor, D. Cohen-Or, J. Kopf, M. F. Cohen, "Bringing Portraits to Life", ACM TOG 36(6), 2017, move a portrait by
the driver's landmark offsets in the plane; here the offsets are taken in the head's own axes, so that two heads which do not
look the same way can still share an expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from heads import mesh, paste, rigid
from heads.base import Cue, Floats
from heads.carry import Limit, Motion

LID_REST = 0.25
"""Share of the neutral lid gap that MediaPipe's landmarks keep when an eye is fully closed: from none, in a long blink, to a
third, in a quick one; slits are drawn too open by as much (looked at: 48 pairs of eyes in six clips)."""

SHUT = 0.01
"""Gap of two lids, in distances between the outer eye corners, below which an eye is shut: 1 mm."""

SEAM = 0.10
"""How far above the tracked lower lid closed lids meet, as a share of the neutral opening: there the landmarks lie below the
lashes (looked at: three people's blinks)."""

LOWER_LID = 0.12
"""Share of a blink that the lower lid does; the upper one does the rest (MediaPipe's landmarks in the blinks of real clips:
0.01 against 0.11 distances between the outer eye corners)."""

DOUBTED = 0.045
"""Gap of the lips, in distances between the outer eye corners, that the landmarks see between lips which a smile stretches and
which are shut (seen: 0.04, one person smiling)."""

PARTED = (0.08, 0.25)
"""Weight of the blendshapes which part lips, between which a gap is believed."""

TURN = (0.45, 0.75)
"""Radians (26 and 43 degrees) of turning against the portrait from which less is done, and which is never passed: beyond it
one picture does not show enough of a head."""

ASIDE = 50.0
"""Degrees by which a portrait looks aside, up or down already at which its own turn would leave no room for more: the room of
`TURN` shrinks evenly towards it, since one cheek is seen ever less and the landmarks err beyond."""

LEAST_ROOM = 0.35
"""Share of that room that always remains."""

SHIFT = (0.5, 1.0)
"""Distances between the outer eye corners of moving through the picture, alike: beyond it the neck would be torn."""

GROWTH = (0.15, 0.35)
"""Natural logarithm of the head's size over the portrait's, alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where a face goes in one frame."""

    points: Floats
    """(478, 3) float32, pixels of the portrait."""
    skull: rigid.Similarity
    """The rigid part of it: pixels of the portrait to pixels of the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class _Skull:
    """What a skull does, in the portrait's axes."""

    turn: rigid.Array
    """(3,) rotation vector, radians."""
    shift: rigid.Array
    """(3,) distances between the outer eye corners."""
    growth: float
    """Natural logarithm of its size over its size at rest."""

    def amounts(self) -> tuple[float, float, float]:
        """How much of each of `_MOTIONS` it is, in the units of `heads.carry.Limit`."""
        turn, shift = (float(np.linalg.norm(v)) for v in (self.turn, self.shift))
        return float(np.degrees(turn)), shift, float(np.exp(abs(self.growth)))


_OPENING = [mesh.SHAPE["jawOpen"], mesh.SHAPE["mouthFunnel"]]
_PARTING = [[mesh.SHAPE[f"{name}{side}"] for side in ("Left", "Right")] for name in ("mouthUpperUp", "mouthLowerDown")]

_MOTIONS: tuple[Motion, ...] = ("turn", "shift", "size")


class Transfer:
    """Moves one portrait's face as one driver's face moves, relative to the driver's neutral frame.

    Args:
        points: (478, 3) landmarks of the portrait, pixels.
        align: (2, 3) affine from pixels to the portrait's unit crop.
        neutral: the driver's neutral frame.
        pose: (3, 3) the portrait's, head axes to camera axes.
    """

    def __init__(self, points: Floats, align: Floats, neutral: Cue, pose: Floats | None = None) -> None:
        self._align, self._back = align, paste.invert(align)
        self._rest = paste.apply(align, points).astype(np.float64)
        self._neutral = neutral.points.astype(np.float64)
        # How the portrait's head stands against the driver's: offsets and turns are carried over in the head's own axes.
        self._between = rigid.fit_face(self._neutral, self._rest)
        self._lids = _Gaps(mesh.LID_PAIRS, self._neutral, self._rest)
        self._lips = _Gaps(mesh.LIP_PAIRS, self._neutral, self._rest)
        self._width = mesh.eye_distance(self._rest)
        # Turning a head that looks aside already (a rotation about y) or up (about x) has less room.
        ahead = np.array([0.0, 0.0, -1.0]) if pose is None else -np.asarray(pose, np.float64)[:, 2]
        aside = np.degrees(np.arctan2(np.abs(ahead[[1, 0]]), np.hypot(ahead[2], ahead[[0, 1]])))
        self._room = np.append(np.clip(1 - aside / ASIDE, LEAST_ROOM, 1), 1.0)
        self._centre = self._rest[list(mesh.STABLE)].mean(0)
        self._centre_neutral = self._neutral[list(mesh.STABLE)].mean(0)

    def __call__(self, cue: Cue) -> Placed:
        """The portrait's face at one cue."""
        frame = rigid.fit_face(self._neutral, cue.points)
        local = frame.undo(cue.points.astype(np.float64)) - self._neutral
        turn, size = self._between.rotation, self._between.scale
        face = self._rest + size * local @ turn.T
        calm = self._neutral + local
        face = self._lids.close(face, calm, proportional=True)
        face = self._lips.close(face, calm, proportional=False, doubted=DOUBTED * (1 - parted(cue)) * self._width)
        _, shown = self._motions(frame)
        spin, scale = rigid.to_matrix(shown.turn), np.exp(shown.growth)
        moved = shown.shift * self._width
        skull = rigid.Similarity(scale, spin, self._centre + moved - scale * spin @ self._centre)
        points = paste.apply(self._back, skull.apply(face).astype(np.float32))
        return Placed(points, self._in_pixels(skull))

    def limits(self, cue: Cue) -> Iterator[Limit]:
        """What of a cue's motion is held back."""
        asked, shown = self._motions(rigid.fit_face(self._neutral, cue.points))
        for motion, wanted, given in zip(_MOTIONS, asked.amounts(), shown.amounts(), strict=True):
            if given < wanted - 1e-6:
                yield Limit(cue.time, motion, wanted, given)

    def _motions(self, frame: rigid.Similarity) -> tuple[_Skull, _Skull]:
        """What the driver's skull did, said in the portrait's axes, and how much of it the portrait can carry."""
        turn, size = self._between.rotation, self._between.scale
        vector = rigid.to_vector(turn @ frame.rotation @ turn.T)
        moved = size * (frame.apply(self._centre_neutral[None])[0] - self._centre_neutral) / self._width
        asked = _Skull(vector, moved, float(np.log(frame.scale)))
        # Where there is half the room, a turn counts double.
        spin = _limited(vector / self._room, *TURN) * self._room
        return asked, _Skull(spin, _limited(moved, *SHIFT), float(_limited(np.array([asked.growth]), *GROWTH)[0]))

    def _in_pixels(self, skull: rigid.Similarity) -> rigid.Similarity:
        """The same motion between pixels: undo the crop's own rotation, scale and shift on both sides."""
        linear = np.eye(3)
        scale = paste.scale(self._align)
        linear[:2, :2] = self._align[:, :2] / scale
        offset = np.append(self._align[:, 2], 0.0)
        rotation = linear.T @ skull.rotation @ linear
        inside = skull.scale * skull.rotation @ offset + skull.shift - offset
        return rigid.Similarity(skull.scale, rotation, linear.T @ inside / scale)


def parted(cue: Cue) -> float:
    """0 … 1: how far the blendshapes say that the lips are apart, whatever the landmarks say."""
    jaw, funnel = cue.expression[_OPENING]
    upper, lower = cue.expression[_PARTING].mean(1)
    total = float(jaw + funnel + 0.5 * upper + lower)
    return float(np.clip((total - PARTED[0]) / (PARTED[1] - PARTED[0]), 0, 1))


def _limited(vector: rigid.Array, start: float, limit: float) -> rigid.Array:
    """The vector as it is up to length `start`, then ever less of it, never longer than `limit`."""
    length = float(np.linalg.norm(vector))
    if length <= start:
        return vector
    room = limit - start
    return np.asarray(vector * ((start + room * np.tanh((length - start) / room)) / length))


class _Gaps:
    """Pairs of landmarks across an opening, and how far apart they stand in the driver and the portrait at rest."""

    def __init__(self, pairs: tuple[tuple[int, int], ...], neutral: rigid.Array, rest: rigid.Array) -> None:
        self._upper, self._lower = (np.array(side) for side in zip(*pairs, strict=True))
        self._neutral, self._rest = self._signed(neutral), self._signed(rest)
        self._floor = SHUT * mesh.eye_distance(rest)

    def _signed(self, face: rigid.Array) -> rigid.Array:
        """(n,) distance from upper to lower landmark, down being positive."""
        return np.asarray((face[self._lower] - face[self._upper])[:, 1])

    def close(self, face: rigid.Array, driver: rigid.Array, *, proportional: bool, doubted: float = 0.0) -> rigid.Array:
        """Set the gaps of `face` (478, 3), unit crop, so that what is closed in the driver is closed in the portrait.

        Lids (proportional): the driver's opening as a share of its neutral opening is the portrait's share too, so that eyes
        of another size close at the same moment. Lips: the gap may not become negative, or more so than in the portrait: its
        landmarks may lie across each other a little, and at rest nothing may move; of what they open, up to `doubted` is
        taken back.
        """
        now, gap = self._signed(driver), self._signed(face)
        least = np.minimum(self._rest, 0)
        if proportional:
            share = np.clip(now / np.maximum(self._neutral, self._floor), 0, 1)
            share = np.clip((share - LID_REST) / (1 - LID_REST), 0, 1)
            # An eye that is shut in the driver's neutral frame says nothing about how far it closes.
            closing = (now < self._neutral) & (self._neutral > self._floor)
            wanted = np.where(closing, self._rest * share, np.maximum(gap, least))
            lower, raised = LOWER_LID, np.where(closing, SEAM * (1 - share) * self._rest, 0)
        else:
            wanted = np.maximum(gap - np.clip(gap - self._rest, 0, doubted), least)
            lower, raised = 0.5, np.zeros_like(gap)
        out = face.copy()
        out[self._lower, 1] -= raised
        out[self._upper, 1] -= raised
        change = wanted - gap
        out[self._lower, 1] += lower * change
        out[self._upper, 1] -= (1 - lower) * change
        return out
