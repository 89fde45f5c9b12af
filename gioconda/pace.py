"""How often a run tells the page where it is: what is worth telling of its steps, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterator

from gioconda.job import Finished
from heads.base import Step

TELL_EVERY = 0.12
"""Seconds between two reports of a run's progress. A run is stopped at one, so this is also how soon Stop takes effect."""

GLIMPSE_EVERY = 0.5
"""Seconds between two pictures of a running job."""

SURE_AFTER = 1.0
"""Seconds into a stage after which its length can be told."""


def told(steps: Iterator[Step | Finished]) -> Iterator[tuple[Step | Finished, float | None]]:
    """The steps worth telling, with the seconds that are left of their stage.

    Those are the first of each stage, one every `TELL_EVERY`, with a picture every `GLIMPSE_EVERY`, and the last.
    """
    label, begun, last, shown = "", 0.0, 0.0, 0.0
    picture = None
    for step in steps:
        now = time.monotonic()
        picture = step.preview if step.preview is not None else picture
        if isinstance(step, Finished):
            yield step, None
        elif step.label != label or now - last >= TELL_EVERY:
            label, begun, last = step.label, begun if step.label == label else now, now
            left = (now - begun) / step.done * (step.total - step.done) if now - begun >= SURE_AFTER and step.done else None
            fresh = picture is not None and now - shown >= GLIMPSE_EVERY
            yield Step(step.label, step.done, step.total, picture if fresh else None), left
            if fresh:
                shown, picture = now, None
