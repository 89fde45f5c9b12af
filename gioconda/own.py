"""Settings that only some heads heed: an error says where one was given in vain, nothing is left aside in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, cast

import heads
from gioconda.errors import SettingError
from gioconda.job import Job
from heads.base import Adjustable, Head

OWN = ("stitching", "driving_multiplier", "region", "retarget_eyes", "retarget_lips", "normalize_lips")
"""Fields of `Job` that a head takes by itself (`heads.base.Head.settings`); None in all of them is the head's own default."""

PIXELS = ("mouth", "shading")
"""Fields that say how the portrait's own pixels are moved: nothing to say to a head that paints."""


def unfit(job: Job, name: str) -> str | None:
    """What of the job's settings a head does not heed, as part of a sentence; None where it heeds all.

    Raises:
        HeadError: there is no head of that name.
    """
    kind = heads.kind(name)
    if vain := [f"--{field.replace('_', '-')}" for field in OWN if given(job, field) and field not in kind.settings]:
        return f"the {name} head has no {' and no '.join(vain)}"
    if kind.paints and (vain := [f"--{field}" for field in PIXELS if given(job, field)]):
        return f"the {name} head paints the face anew, where {' and '.join(vain)} {'has' if len(vain) == 1 else 'have'} no say"
    return None


def given(job: Job, field: str) -> bool:
    """Whether a setting is not what it is by default."""
    return bool(getattr(job, field) != {one.name: one.default for one in fields(Job)}[field])


def check(job: Job, name: str, why: str) -> None:
    """Check that a head heeds all that was set.

    Args:
        job: the settings.
        name: of the head.
        why: the reason for which it was taken.

    Raises:
        SettingError: it does not.
    """
    if (vain := unfit(job, name)) is None:
        return
    able = list(_able(job))
    do = f"Leave the setting out, or choose --head {able[0]}." if able else "Leave the setting out."
    raise SettingError(f"A setting has no effect: {vain}.", f"That head was taken: {why}.", do)


def _able(job: Job) -> Iterator[str]:
    return (name for name in heads.REGISTRY if unfit(job, name) is None)


def adjusted(job: Job, head: Head) -> Head:
    """The head with its own settings as the job has them; where the job leaves one open, the head has the say."""
    chosen = {name: value for name in sorted(head.settings) if (value := getattr(job, name)) is not None}
    return cast(Adjustable, head).adjusted(chosen) if chosen else head


def chosen(head: Head) -> Mapping[str, Any]:
    """The settings of its own that a head works with, for the report."""
    return cast(Adjustable, head).chosen() if head.settings else {}
