"""The driver followed: pictures read in batches, gaps led over, jitter smoothed, and nothing seen too early."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from heads.base import Cue, HeadError
from heads.device import Batches
from heads.liveportrait import images, track
from heads.liveportrait.calm import Calm
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.networks import Networks
from heads.liveportrait.track import Change

REACH = 8
"""Frames to either side that smoothing may look at: 0.15 s at up to 60 frames per second (`calm.SPAN`)."""


@dataclass(slots=True, eq=False)
class Moment:
    """One cue, and the driver's motion at it."""

    cue: Cue
    """The cue; where no face was found, the last one that was."""
    held: bool
    """Whether no face was found: everything is as it was."""
    motion: KeyMotion | None = None
    """What its picture shows, on the CPU; None where there is none."""
    change: Change | None = None
    """The same against the rest."""


class Follower:
    """Reads one performance.

    Args:
        networks: the motion extractor among them.
        rest: the motion that changes are told from, of one picture, on the CPU.
        neutral: the cue that stands for the resting face.
        smooth: strength of the smoothing; 0 is off.
        largest: pictures that are read at once.
    """

    def __init__(self, networks: Networks, rest: KeyMotion, neutral: Cue, smooth: float, largest: int) -> None:
        self._networks, self._rest, self._smooth = networks, rest, smooth
        self._batches, self._calm = Batches(largest), Calm(smooth)
        self._held, self._level = neutral, track.change(rest, rest)
        self._given: KeyMotion | None = None
        self._any = neutral.crop is not None
        self._past: deque[Moment] = deque(maxlen=REACH)

    def groups(self, cues: Iterator[Cue], lookahead: int) -> Iterator[list[tuple[Moment, KeyMotion]]]:
        """The moments of the performance, in order, as many at once as are known; never more than `lookahead` cues ahead.

        Yields:
            Lists of (moment, the driver's motion at it, smoothed and as strong as the cue says; of one picture, on the CPU).

        Raises:
            HeadError: the cues have no pictures, or a device's memory holds not even one.
        """
        ahead = max(1, lookahead)
        reach = min(REACH, ahead // 2) if self._smooth > 0 else 0
        waiting: deque[Moment] = deque()
        ended = False
        while not ended or waiting:
            room = ahead - len(waiting)
            met = [self._met(cue) for cue in islice(cues, room)]
            ended = ended or len(met) < room
            self._read(met)
            waiting.extend(met)
            known = len(waiting) if ended else max(1, len(waiting) - reach)
            group: list[tuple[Moment, KeyMotion]] = []
            for _ in range(min(known, len(waiting))):
                group.append((waiting[0], self._settled(waiting, reach)))
                self._past.append(waiting.popleft())
            if group:
                yield group

    def _met(self, cue: Cue) -> Moment:
        if cue.found:
            self._held = cue
            if cue.crop is None and not self._any:
                raise HeadError(
                    f"The performance has no picture of the driver at {cue.time:.2f} s. The liveportrait head reads his face "
                    "in pictures. Drive it with a clip, or choose the warp head."
                )
            self._any = True
        return Moment(self._held, not cue.found)

    def _read(self, moments: Sequence[Moment]) -> None:
        """Fill in the changes of those moments whose picture shows the face."""
        shown = [moment for moment in moments if not moment.held and moment.cue.crop is not None]
        networks = self._networks

        def read(some: Sequence[Moment]) -> list[KeyMotion]:
            crops = [moment.cue.crop for moment in some if moment.cue.crop is not None]
            motion = networks.motion(images.prepare(crops, networks.side, networks.device)).to("cpu")
            return [motion[index : index + 1] for index in range(len(crops))]

        read_already = [motion for motions in self._batches.of(shown, read) for motion in motions]
        for moment, motion in zip(shown, read_already, strict=True):
            moment.motion, moment.change = motion, track.change(motion, self._rest)
        for moment in moments:
            if moment.change is None:
                self._calm.parted()
            else:
                self._calm.meet(moment.change)

    def _settled(self, waiting: Sequence[Moment], reach: int) -> KeyMotion:
        """The motion at the first of the waiting moments."""
        moment = waiting[0]
        strong = moment.cue.strength != (1, 1)
        if moment.change is not None:
            self._level = self._smoothed(waiting, reach) if self._smooth > 0 else moment.change
            self._given = None
        elif not moment.held:
            # Led from the last face to the next one, in equal steps, as soon as that one is in sight.
            later = [index for index, one in enumerate(waiting) if one.change is not None]
            if later and not any(one.held for one in list(waiting)[: later[0]]):
                goal = waiting[later[0]].change
                assert goal is not None, "later ones have their motion"
                self._level, self._given = self._level + (goal - self._level) / (later[0] + 1), None
        if moment.motion is not None and self._smooth == 0 and not strong:
            self._given = moment.motion  # to the bit
        if self._given is None or strong:
            by = track.strengthened(self._level, moment.cue.strength) if strong else self._level
            self._given = track.changed(self._rest, by)
        return self._given

    def _smoothed(self, waiting: Sequence[Moment], reach: int) -> Change:
        first = waiting[0]
        assert first.change is not None, "only what is known is smoothed"
        if reach == 0:
            return self._calm.alone(first.change, first.cue.time)
        before = _run(list(self._past)[::-1], reach)[::-1]
        after = _run(list(waiting)[1:], reach)
        run = [*before, first, *after]
        changes = [moment.change for moment in run if moment.change is not None]
        return self._calm.among(changes, [moment.cue.time for moment in run], len(before))


def _run(moments: Sequence[Moment], most: int) -> list[Moment]:
    """The first moments that follow on each other without a gap, at most so many."""
    end = next((index for index, moment in enumerate(moments) if moment.change is None), len(moments))
    return list(moments[: min(end, most)])
