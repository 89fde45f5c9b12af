"""Keypoints to pictures: steered, warped and painted in batches, by one portrait or by two that are faded into each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch import Tensor

from heads.base import Cue, Floats, Identity, Image
from heads.device import Batches
from heads.liveportrait import enrolment, images, keypoints, openings, track
from heads.liveportrait.canvas import similarity
from heads.liveportrait.following import Moment
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.networks import Networks
from heads.liveportrait.pace import Plan
from heads.liveportrait.settings import Settings
from heads.liveportrait.steering import Openings, steered

Wanted: TypeAlias = tuple[Moment, KeyMotion, list[tuple[int, float]]]
"""A moment, the driver's motion at it, and which portraits paint it, with their shares."""


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What the networks made of one moment."""

    body: Image
    """(S, S, 3) uint8, the square as the first portrait's."""
    head: Image | None
    """(S, S, 3) uint8, the same as others show it, to be taken on the head alone; None where it is the first portrait's too."""
    moved: Floats
    """(2, 3) where the head has moved to, from unit crop to unit crop."""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One picture to paint."""

    portrait: int
    place: Tensor
    """(21, 3) the keypoints that it shall have."""


class Painter:
    """Paints one performance.

    Args:
        networks: all of them.
        identity: the person.
        neutral: the cue at which the first portrait is as it is.
        settings: how the driver's motion is carried over.
        plan: how many frames are worked on at once; with 1 a frame has the same bits whatever stands beside it.
    """

    def __init__(self, networks: Networks, identity: Identity, neutral: Cue, settings: Settings, plan: Plan) -> None:
        self._networks, self._settings, self._plan, self._batches = networks, settings, plan, Batches(plan.batch)
        person = self._person = enrolment.Person.of(identity.state, networks.device)
        count = len(identity.portraits)
        self._x_s = [keypoints.transform(person.source(index)) for index in range(count)]
        # Every portrait's own shape of the face, held as the first portrait holds it: so all faces stand in the same place.
        self._sources = [replace(person.source(0), kp=person.source(index).kp) for index in range(count)]
        self._flat = self._x_s[0][0].cpu().numpy()
        self._asked = settings.retarget_eyes or settings.retarget_lips or settings.normalize_lips
        self._open = identity.state["openings"][0]
        self._neutral: KeyMotion | None = None
        self._open_neutral: Floats | None = None
        if neutral.crop is not None:
            self._neutral = networks.motion(images.prepare([neutral.crop], networks.side, networks.device))
            self._open_neutral = openings.openings(neutral.points)

    @property
    def rest(self) -> KeyMotion:
        """The motion that the driver's changes are told from, on the CPU: his own at rest, or the portrait's."""
        return (self._sources[0] if self._neutral is None else self._neutral).to("cpu")

    def begun(self, wanted: Sequence[Wanted]) -> Iterator[Painted]:
        """What each moment shows, in order; nothing more than what was asked for is kept.

        Where the plan lets batches wait, the device is given all of its work at this call and does it while the caller goes
        on; otherwise the work is done when it is waited for.
        """
        if not wanted:
            return iter(())
        driving = track.stacked([motion for _, motion, _ in wanted]).to(self._networks.device)
        asked = self._openings([moment.cue for moment, _, _ in wanted]) if self._asked else None
        users: dict[int, list[int]] = {0: list(range(len(wanted)))}  # the body is always the first portrait's
        for row, (_, _, shares) in enumerate(wanted):
            for index, _ in shares:
                if index:
                    users.setdefault(index, []).append(row)
        tasks, keys = [], []
        for index, rows in sorted(users.items()):
            places = self._placed(index, driving, asked, rows)
            tasks += [_Task(index, place) for place in places]
            keys += [(row, index) for row in rows]
            if index == 0:
                flat = places.cpu().numpy()
        batches = self._batches.of(tasks, self._batch)
        if self._plan.waiting:
            batches = iter(list(batches))
        moved = [similarity(self._flat, place) for place in flat]
        if len(users) == 1:
            return _alone(batches, moved)
        return _together(batches, keys, [shares for _, _, shares in wanted], moved)

    def _placed(self, index: int, driving: KeyMotion, asked: Openings | None, rows: Sequence[int]) -> Tensor:
        """(len(rows), 21, 3) where the keypoints of a portrait go in some of the frames."""
        places = []
        for start in range(0, len(rows), self._plan.batch):
            at = torch.tensor(rows[start : start + self._plan.batch], device=self._networks.device)
            some = KeyMotion(*(getattr(driving, field.name)[at] for field in fields(KeyMotion)))
            open_so = None if asked is None else replace(asked, wanted=asked.wanted[at])
            places.append(steered(self._networks, self._sources[index], some, self._neutral, self._settings, open_so))
        return torch.cat(places)

    def _openings(self, cues: Sequence[Cue]) -> Openings:
        seen = openings.openings(np.stack([cue.points for cue in cues]))
        wanted = np.stack([openings.wanted(self._open, row, self._open_neutral) for row in seen])
        return Openings(self._person.openings[:1], torch.from_numpy(wanted).to(self._networks.device))

    def _batch(self, tasks: Sequence[_Task]) -> images.Coming:
        """(B, S, S, 3) uint8: the pictures of some tasks, in the first portrait's colours."""
        made = []
        with self._networks.aside():
            for index, some in groupby(tasks, lambda task: task.portrait):
                places = torch.stack([task.place for task in some])
                pictures = self._networks.render(self._person.features[index : index + 1], self._x_s[index], places)
                factor, addition = self._person.colour[index][:, None, :, None, None]
                made.append(pictures * factor + addition)
            return images.Coming(torch.cat(made), held=tasks)


def _alone(batches: Iterator[images.Coming], moved: Sequence[Floats]) -> Iterator[Painted]:
    """Pictures that one portrait paints."""
    pictures = (picture for batch in batches for picture in batch.arrived())
    for picture, turn in zip(pictures, moved, strict=True):
        yield Painted(picture, None, turn)


def _together(
    batches: Iterator[images.Coming],
    keys: Sequence[tuple[int, int]],
    shares: Sequence[list[tuple[int, float]]],
    moved: Sequence[Floats],
) -> Iterator[Painted]:
    """Pictures that several portraits paint; `keys` tells the row and the portrait of each that comes."""
    made = dict(zip(keys, [picture for batch in batches for picture in batch.arrived()], strict=True))
    for row, (mixed, turn) in enumerate(zip(shares, moved, strict=True)):
        head = None if mixed == [(0, 1.0)] else _faded([(made[row, index], share) for index, share in mixed])
        yield Painted(made[row, 0], head, turn)


def _faded(pictures: Sequence[tuple[Image, float]]) -> Image:
    """Pictures of the same place mixed by their shares, which add up to 1."""
    (out, _), *others = pictures
    total = pictures[0][1]
    for picture, share in others:
        total += share
        out = np.asarray(cv2.addWeighted(picture, share / total, out, 1 - share / total, 0), np.uint8)
    return out
