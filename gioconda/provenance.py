"""From a job to what its results say about themselves: MP4 tags, the facts that are signed, and the seal on every output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import heads
import weights
from gioconda import __version__
from gioconda.job import Job
from gioconda.marks import label
from gioconda.marks.manifest import Facts, Input
from gioconda.marks.seal import Seal

if TYPE_CHECKING:
    from gioconda.marks.identity import Signer
    from heads.base import Portrait

UNTOLD = {"consent", "overwrite"}
"""Fields of `Job` that are no settings of the result, besides the paths."""

GESTURE_SEED = 0
"""Seed of a gesture's chance (`gioconda.gestures.perform`); nothing else is left to chance."""


def tags(job: Job) -> dict[str, str]:
    """What the MP4 says of itself to plain players."""
    tool = f"Gioconda {__version__}"
    return {
        "title": f"{label.TEXT}: {Path(job.portraits[0]).stem}",
        "comment": f"{label.TEXT}. Made with {tool} ({job.head} head). The movement is not a recording of the person shown.",
        "description": label.TEXT,
        "encoder": tool,
        "artist": tool,
        "genre": label.TEXT,
    }


def signer() -> Signer:
    """Who signs the results of a run; asked before the work begins, so that nothing is lost when nobody can.

    Raises:
        IdentityError: the certificate or the key cannot be used.
    """
    from gioconda.marks import identity, rehearsal

    chosen = identity.signer()
    rehearsal.rehearse(chosen)
    return chosen


def notes() -> tuple[str, ...]:
    """What the owner of a page or a service has to know before it begins: what of the marks cannot be kept.

    Raises:
        IdentityError: the certificate or the key cannot be used.
    """
    from gioconda.marks import ledger

    trouble = ledger.trouble()
    return (*signer().notes, *([f"Results will not be entered in the ledger. {trouble}"] if trouble else []))


def seal(job: Job, by: Signer, portraits: Sequence[Portrait]) -> Seal:
    """The seal on every output of a run.

    Args:
        job: what is done.
        by: who signs.
        portraits: the job's, in its order.
    """
    return Seal(by, _facts(job, by, portraits))


def _facts(job: Job, by: Signer, portraits: Sequence[Portrait]) -> Facts:
    from gioconda.marks.certificates import now

    kind = heads.kind(job.head)
    facts = Facts(
        made=now(),
        head=job.head,
        trained=kind.paints,
        weights={entry.name: entry.sha256 for entry in weights.catalogue().values() if _used(entry, kind.needs)},
        settings=settings(job),
        seed=GESTURE_SEED if job.gesture is not None else None,
        inputs=_inputs(job, portraits),
        consent=job.consent.strip() if job.consent else None,
        label=job.label,
        mark_id=None,
    )
    return replace(facts, mark_id=_mark_id(facts, by)) if job.watermark else facts


def _mark_id(facts: Facts, by: Signer) -> int:
    """The 32 bits of the invisible mark: the same for the same run by the same signer, so that it gives the same pictures.

    Another installation's run has other bits, whatever it animates.
    """
    told = {**facts.record(), "made": None, "signer": by.chain.fingerprint}
    return int.from_bytes(hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()[:4])


def settings(job: Job) -> dict[str, Any]:
    """The settings of a job in JSON types, without consent and paths."""
    told = [one.name for one in fields(job) if "Path" not in str(one.type) and one.name not in UNTOLD]
    values = {name: getattr(job, name) for name in told}
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in values.items()}


def _used(entry: weights.Entry, needs: Sequence[str]) -> bool:
    """Whether a run uses a weight file: the head's own, and those that find the faces and play the performance."""
    return entry.name in needs or any(user.startswith("gioconda.") for user in entry.used_by)


def _inputs(job: Job, portraits: Sequence[Portrait]) -> tuple[Input, ...]:
    given = [
        Input(f"Portrait {number}", Path(path), portrait.digest)
        for number, (path, portrait) in enumerate(zip(job.portraits, portraits, strict=True), 1)
    ]
    for part, path in (("Driving clip", job.driving), ("Motion file", job.motion)):
        if path is not None:
            with Path(path).open("rb") as file:
                given.append(Input(part, Path(path), hashlib.file_digest(file, "sha256").hexdigest()))
    return tuple(given)
