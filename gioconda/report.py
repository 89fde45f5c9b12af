"""The report of a run: what was given, what was found and decided, and what came out. JSON types only."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gioconda import __version__
from gioconda.choose import Choice
from gioconda.errors import OutputError
from gioconda.job import Clip, Job
from gioconda.performance import Performance

if TYPE_CHECKING:
    from gioconda.faces import Found
    from gioconda.marks.seal import Seal


def report(
    job: Job, choice: Choice, found: Sequence[Found], performance: Performance, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What is known before the output is looked at.

    Args:
        job: the settings.
        choice: what rendered it, and why.
        found: the portraits, in the job's order.
        performance: what drives them.
        seconds: name of a stage to how long it took.
    """
    settings = {k: str(v) if isinstance(v, (Path, Fraction)) else v for k, v in asdict(job).items()}
    settings["portraits"] = [str(path) for path in job.portraits]
    return {
        "tool": "Gioconda",
        "version": __version__,
        "head": job.head,
        "rendering": choice.facts(),
        "settings": settings,
        "portraits": [
            {
                "name": Path(path).name,
                "sha256": one.portrait.digest,
                "size": [one.portrait.image.shape[1], one.portrait.image.shape[0]],
                "faces": one.faces,
            }
            for path, one in zip(job.portraits, found, strict=True)
        ],
        "driving": performance.report,
        "notes": [*choice.notes, *(note for one in found for note in one.notes), *performance.notes],
        "seconds": dict(seconds),
    }


def clip(
    job: Job, performance: Performance, size: tuple[int, int], path: Path, reel: Path | None, told: dict[str, Any], seal: Seal
) -> Clip:
    """The finished video as a value; what is known of it is added to the report.

    Args:
        job: the settings.
        performance: what drove the portrait.
        size: (W, H) pixels of the video.
        path: the video.
        reel: the side-by-side reel, when one was asked for.
        told: the report so far; gains "output", and in "notes" what the seal has to tell.
        seal: what marks every output.
    """
    timing, length = performance.motion, performance.seconds
    digest = sha256(path)
    small = None
    if job.preview is not None:
        from gioconda.media import preview

        small = preview(path, job.preview, mark=seal.marker(), settle=partial(seal.settle, output="preview"))
    marks = (*seal.marks, "tags")
    told["notes"] += seal.notes
    told["output"] = {
        "path": os.fspath(path),
        "sha256": digest,
        "frames": len(timing),
        "rate": str(timing.rate),
        "size": list(size),
        "seconds": round(length, 3),
        "marks": list(marks),
        "consent": "asserted" if job.consent else "not asserted",
        "in_ledger": seal.recorded,
    }
    return Clip(path, len(timing), timing.rate, size, length, digest, job.head, marks, told, reel, small)


def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(made: Clip, path: Path) -> None:
    """Write the report of a finished video as a JSON file.

    Raises:
        OutputError: the place cannot be written; no half a report is left there.
    """
    try:
        path.write_text(json.dumps(made.report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(
            f"The video {made.path} is finished, but its report could not be written to {path} ({error.strerror}).",
            "A report needs a place with room for about 4 kB.",
            "Run again with another --report, or do without it.",
        ) from error
