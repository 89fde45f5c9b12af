"""What can be said before a run: settings and paths of a job, a portrait, a driving clip."""

from __future__ import annotations

import math
import os
import re
import tempfile
from itertools import combinations
from pathlib import Path

from gioconda.device import DEVICES
from gioconda.errors import OutputError, SettingError
from gioconda.job import Job
from gioconda.own import OWN

RANGES = {
    "expression_strength": (0.0, 2.0),
    "pose_strength": (0.0, 2.0),
    "smooth": (0.0, 4.0),
    "driving_multiplier": (0.0, 2.0),
    "max_side": (64, 4096),
    "crf": (0, 51),
}
"""Least and largest value of each setting that is a number."""

CHOICES = {
    "motion_mode": ("relative", "absolute"),
    "mouth": ("auto", "portraits", "driving"),
    "precision": ("auto", "fp32", "fp16", "bf16"),
    "region": ("all", "exp", "pose", "lip", "eyes"),
}
"""The values of each setting that is a word."""

FASTEST = 240
"""Frames per second of the fastest result: more than any common screen shows."""


LONGEST_CONSENT = 1000
"""Characters of a consent statement."""

PREVIEWS = (".gif", ".webp")
"""How the name of a preview may end."""


def check_job(job: Job) -> None:
    """Check everything about a job that needs no decoding.

    Raises:
        SettingError, DrivingError, HeadError: as `check_asked`.
        OutputError: the output cannot be written or is there already.
    """
    check_asked(job)
    _check_output(job)


def check_asked(job: Job) -> None:
    """Check what is asked for, apart from where it comes out; no file is looked at.

    Raises:
        SettingError: a setting is out of its range, or not exactly one of driving, motion and gesture is given.
        DrivingError: there is no gesture of that name.
        HeadError: there is no head of that name.
    """
    if not job.portraits:
        raise SettingError("No portrait was given.", "One or more pictures of one person are needed.", "Name a picture.")
    given = [name for name in ("driving", "motion", "gesture") if getattr(job, name) is not None]
    if len(given) != 1:
        found = (
            "None of driving clip, motion file and gesture was given."
            if not given
            else f"{' and '.join(given).capitalize()} were given together."
        )
        raise SettingError(
            found, "Exactly one of them says how the portrait moves.", "Give --driving CLIP, --motion FILE or --gesture NAME."
        )
    _check_names(job)
    check_settings(job)


def _check_names(job: Job) -> None:
    from gioconda import gestures, own

    if job.head != "auto":
        own.check(job, job.head, "it was named by --head")
    if job.gesture is not None:
        gestures.named(job.gesture)


def check_settings(job: Job) -> None:
    """Check each setting of a job by itself, apart from what goes in and where it comes out.

    Raises:
        SettingError: a setting is out of its range.
    """
    for name, (low, high) in RANGES.items():
        value = getattr(job, name)
        if not (name in OWN and value is None) and not low <= value <= high:
            raise SettingError(
                f"{_flag(name)} is {value}.", f"It goes from {low:g} to {high:g}.", "Choose a value in that range."
            )
    for name, choices in CHOICES.items():
        if getattr(job, name) not in choices and not (name in OWN and getattr(job, name) is None):
            raise SettingError(
                f"{_flag(name)} is {getattr(job, name)!r}.", f"It is one of {', '.join(choices)}.", "Choose one of them."
            )
    if not re.fullmatch(DEVICES, job.device):
        raise SettingError(
            f"--device is {job.device!r}.", "It is one of auto, cpu, cuda, cuda:N and mps.", "Choose one of them."
        )
    _check_times(job)
    if job.consent is not None and not 0 < len(job.consent.strip()) <= LONGEST_CONSENT:
        raise SettingError(
            f"--consent has {len(job.consent.strip()):,} characters.",
            f"A statement has 1 to {LONGEST_CONSENT:,}.",
            "Say it in a sentence or two, or leave it out.",
        )
    if job.face is not None and job.face < 1:
        raise SettingError(f"--face is {job.face}.", "Faces are counted from 1, the largest.", "Choose 1 or more.")


def _check_times(job: Job) -> None:
    """Seconds and rates."""
    for name in ("start", "end", "neutral"):
        value = getattr(job, name)
        if value is not None and not math.isfinite(value):
            raise SettingError(f"{_flag(name)} is {value}.", "It is a time in seconds.", "Give a number of seconds.")
    if job.start < 0 or (job.end is not None and job.end <= job.start):
        raise SettingError(
            f"The part from {job.start} s to {job.end} s holds nothing.",
            "--end must lie behind --start, and --start at 0 or later.",
            "Change them.",
        )
    if job.fps is not None and not 1 <= job.fps <= FASTEST:
        raise SettingError(
            f"--fps is {job.fps}.",
            f"It goes from 1 to {FASTEST}; fractions such as 30000/1001 are fine.",
            "Choose another rate.",
        )
    if job.neutral is not None and job.neutral < 0:
        raise SettingError(f"--neutral is {job.neutral} s.", "It is a time in the driving clip.", "Choose 0 or more.")


def _check_output(job: Job) -> None:
    from gioconda.reel import reel_path

    output = Path(job.output)
    if output.suffix.lower() != ".mp4":
        raise OutputError(
            f"The output {output.name} does not end in .mp4.", "The result is an MP4.", f"Name it {output.stem}.mp4."
        )
    inputs = [*job.portraits, *(p for p in (job.driving, job.motion) if p is not None)]
    if job.preview is not None and Path(job.preview).suffix.lower() not in PREVIEWS:
        raise OutputError(
            f"The preview {Path(job.preview).name} does not end in {' or '.join(PREVIEWS)}.",
            "A preview is a GIF or a WebP.",
            f"Name it {Path(job.preview).stem}.webp.",
        )
    places = [output, *(Path(extra) for extra in (job.preview, job.report) if extra is not None)]
    places += [reel_path(output)] if job.compare else []
    for first, second in combinations(places, 2):
        if first.absolute() == second.absolute():
            raise OutputError(
                f"Two results would go to {first}.",
                "Video, reel, preview and report need a file each.",
                "Choose another name for one of them.",
            )
    for place in places:
        if place.exists() and any(Path(given).exists() and place.samefile(given) for given in inputs):
            raise OutputError(
                f"{place} is one of the inputs.", "A result never replaces what it is made from.", "Choose another name."
            )
        check_place(place, overwrite=job.overwrite)


def check_place(place: Path, *, overwrite: bool) -> None:
    """Check that a file can be written at `place`.

    Raises:
        OutputError: it exists and may not be replaced, its folder does not exist or cannot be written.
    """
    # A link is followed: what it points to is what is written.
    folder = Path(os.path.realpath(place)).parent if place.is_symlink() else place.parent
    if place.is_dir():
        raise OutputError(f"{place} is a folder.", "A file's name is needed.", f"Write {place / 'result.mp4'}, for instance.")
    if place.exists() and not overwrite:
        raise OutputError(
            f"{place} exists already.", "Nothing is replaced unless you say so.", "Choose another name or add --overwrite."
        )
    if not folder.is_dir():
        raise OutputError(
            f"The folder {folder} does not exist.", "The result needs a folder to go to.", f"Make it first: mkdir -p {folder}"
        )
    try:
        # Permission bits do not say it all: file systems are read-only, root may write where nothing can be made.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written to ({error.strerror}).",
            "Permission to write there is needed.",
            "Choose another place.",
        ) from error


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
