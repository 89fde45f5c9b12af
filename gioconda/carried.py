"""The report on what the portrait could not carry: how much of which motion was held back, when, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from gioconda import motion
from gioconda.job import Job
from gioconda.performance import Performance
from heads.base import Cue, Head, Identity
from heads.carry import Careful, Limit, Motion

LOOKS = 300
"""Cues of a performance that are looked at, at most: a quick turn lasts longer than one in 300 of a clip of a minute."""

TOLD = {"turn": 3.0, "shift": 0.08, "size": 1.05}
"""What is held back less than this (degrees, distances between the outer eye corners, a factor) is not worth a word."""

_WORDS: dict[Motion, tuple[str, str, str]] = {
    "turn": (
        "turns up to {:.0f} degrees away from the portrait",
        "{:.0f} are shown",
        "one picture does not show more of a head",
    ),
    "shift": ("moves up to {:.1f} eye distances through the picture", "{:.1f} are shown", "the neck would be torn"),
    "size": ("comes or goes until it is {:.2f} times the portrait's size", "{:.2f} is shown", "the neck would not fit"),
}


def carried(job: Job, head: Head, identity: Identity, performance: Performance) -> Performance:
    """The performance with what the head will hold back of it told in its report ("held_back") and notes.

    Args:
        job: how strong the performance will be shown.
        head: heads that do not say are taken to carry everything.
        identity: of the portraits.
        performance: as it was recorded.
    """
    if not isinstance(head, Careful):
        return performance
    step = -(-len(performance.motion) // LOOKS)
    cues = motion.retargeted(
        performance.neutral, _some(performance, step), expression=job.expression_strength, pose=job.pose_strength
    )
    limits = [limit for limit in head.limits(identity, performance.neutral, cues) if _matters(limit)]
    gap = 1.5 * step / float(performance.motion.rate) + 0.5
    entries, notes = [], []
    for kind, group in groupby(sorted(limits, key=lambda limit: limit.motion), key=lambda limit: limit.motion):
        found = sorted(group, key=lambda limit: limit.time)
        worst = max(found, key=lambda limit: limit.asked)
        spans = _spans([limit.time for limit in found], gap)
        asked, shown, why = _WORDS[kind]
        entries.append(
            {
                "motion": kind,
                "asked": round(worst.asked, 3),
                "shown": round(worst.shown, 3),
                "seconds": [[round(a, 2), round(b, 2)] for a, b in spans],
                "why": why,
            }
        )
        times = f"{'At times from' if len(spans) > 1 else 'From'} {spans[0][0]:.1f} s to {spans[-1][1]:.1f} s"
        notes.append(f"{times} the driver's head {asked.format(worst.asked)}; {shown.format(worst.shown)}, because {why}.")
    report = {**performance.report, "held_back": entries}
    return replace(performance, report=report, notes=(*performance.notes, *notes))


def _some(performance: Performance, step: int) -> Iterator[Cue]:
    return (performance.motion.cue(index) for index in range(0, len(performance.motion), step))


def _matters(limit: Limit) -> bool:
    if limit.motion == "size":
        return limit.asked / limit.shown > TOLD["size"]
    return limit.asked - limit.shown > TOLD[limit.motion]


def _spans(times: list[float], gap: float) -> list[tuple[float, float]]:
    """Runs of times that stand no further apart than `gap` seconds."""
    edges = np.flatnonzero(np.diff(times) > gap)
    starts, ends = np.concatenate([[0], edges + 1]), np.concatenate([edges, [len(times) - 1]])
    return [(times[a], times[b]) for a, b in zip(starts, ends, strict=True)]
