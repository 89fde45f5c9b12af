"""From a clip to a motion file: what `python -m gioconda motion` does.

*steps, last = record_motion(Job(portraits=(), driving="clip.mp4", output="clip.safetensors"))
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gioconda import motion as motions
from gioconda.checks import check_place, check_settings
from gioconda.errors import OutputError, SettingError
from gioconda.job import Job
from heads.base import Image, Motion, Step

SUFFIX = ".safetensors"
"""How the name of a motion file ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The last step of a recording: a `heads.base.Step` by shape (label, done, total, preview) that says what was written."""

    label: str
    done: int
    total: int
    preview: Image | None
    path: Path
    """The motion file."""
    report: Mapping[str, Any]
    """What was found and decided on the way; JSON types only."""
    notes: tuple[str, ...]
    """Complete sentences on what may look poor, such as that the face was lost for a while."""


def record_motion(job: Job) -> Iterator[Step | Recording]:
    """Track the face of `job.driving` and write its performance to `job.output`; the last step is a `Recording`.

    Of the job only driving, output, start, end, smooth, neutral and overwrite matter; there need be no portrait. Closing the
    iterator stops the work and leaves nothing behind; the file appears at its path only when it is whole.

    Raises:
        SettingError, OutputError: at the call.
        DrivingError, OutputError: while iterating.
    """
    if job.driving is None:
        raise SettingError("No clip was given.", "A clip whose face is to be recorded is needed.", "Name one.")
    check_settings(job)
    output = Path(job.output)
    if output.suffix.lower() != SUFFIX:
        raise OutputError(
            f"The output {output.name} does not end in {SUFFIX}.",
            "The result is a motion file.",
            f"Name it {output.stem}{SUFFIX}.",
        )
    check_place(output, overwrite=job.overwrite)
    return _recorded(job, Path(job.driving), output)


def _recorded(job: Job, clip: Path, output: Path) -> Generator[Step | Recording, None, None]:
    from gioconda.performance import driven

    with tempfile.TemporaryDirectory(prefix="gioconda-") as folder:
        performance = yield from driven(job, clip, None, Path(folder))
        _write(performance.motion, output)
        count = len(performance.motion)
        report = {**performance.report, "output": str(output)}
        yield Recording("Done", count, count, None, output, report, performance.notes)


def _write(motion: Motion, output: Path) -> None:
    """Write a motion file beside its place and rename it when it is whole.

    Raises:
        OutputError: the disk is full, or the place cannot be written.
    """
    from safetensors import SafetensorError

    place = Path(os.path.realpath(output))
    part = place.with_name(f"{place.name[:40]}.{secrets.token_hex(3)}.part")
    try:
        motions.save(motion, part)
        part.replace(place)
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{output.name} could not be written to {output.absolute().parent} ({error}).",
            "A place with enough free space is needed.",
            "Free some space or choose another place.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
