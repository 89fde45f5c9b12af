"""The list of jobs of a batch: one JSON object a line, read as a whole and refused as a whole before any work begins.

    {"portraits": "ada.jpg", "gesture": "smile"}
    {"name": "ben-talks", "portraits": ["ben.jpg", "ben-laughing.jpg"], "driving": "talk.mp4", "expression_strength": 1.2}

The keys are the fields of `gioconda.job.Job`, with its defaults, and `name`, by which the result is called. Paths are seen from
the list's own folder, so that the same list means the same on every machine that shares it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from gioconda.checks import check_asked
from gioconda.errors import GiocondaError, SettingError
from gioconda.job import Job
from gioconda.options import GIVEN_BY_THE_BATCH, OPTIONS
from gioconda.reel import reel_path
from heads.base import HeadError

NAME = re.compile(r"[\w][\w. -]{0,99}")
"""What a result may be called: letters, digits, spaces, dots, hyphens; it becomes the name of a file."""

SHOWN = 20
"""Bad lines that are told in full."""


@dataclass(frozen=True, slots=True)
class Task:
    """One job of a batch."""

    name: str
    """What its result is called, without a suffix."""
    line: int
    """Its line in the list, from 1."""
    job: Job
    """With its output and report in the batch's folder."""
    folder: Path
    """The list's own folder, from which its paths are seen."""

    def digest(self) -> str:
        """64 hexadecimal digits that change with the job: with its settings, and with path, size and time of its inputs.

        Contents are not read: a list of thousands of clips would take hours to begin. Where the result lies is left out.
        """
        told = {one.name: self._plain(getattr(self.job, one.name)) for one in fields(Job) if one.name not in GIVEN_BY_THE_BATCH}
        seen = [_seen(path) for path in inputs(self.job)]
        return hashlib.sha256(json.dumps([told, seen], sort_keys=True).encode()).hexdigest()

    def _plain(self, value: Any) -> Any:
        """A setting in JSON types; a path as the list has it, so that it is the same wherever the folder is mounted."""
        if isinstance(value, Path):
            return value.relative_to(self.folder).as_posix() if value.is_relative_to(self.folder) else value.as_posix()
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        return str(value) if isinstance(value, Fraction) else value


SUMMARY = "summary.json"
"""The file in the folder of the results that says what became of all jobs."""


def results(job: Job) -> list[Path]:
    """The files that a job of a batch may write."""
    video = Path(job.output)
    return [video, Path(str(job.report)), *([reel_path(video)] if job.compare else [])]


class _WrongError(Exception):
    """What is wrong with a line."""


def inputs(job: Job) -> list[Path]:
    """The files that a job reads."""
    return [Path(path) for path in (*job.portraits, job.driving, job.motion) if path is not None]


def _seen(path: Path) -> tuple[int, int] | None:
    """Size in bytes and time of change in whole seconds, which every file system keeps; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, int(stat.st_mtime)


def read(path: Path, out: Path, shared: Mapping[str, Any]) -> list[Task]:
    """Read a list.

    Args:
        path: the list, UTF-8.
        out: the folder of the results.
        shared: settings for all lines, which a line may overrule.

    Raises:
        SettingError: the list cannot be read or is empty, or lines of it are wrong; each is told with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        found = f"The list {path} cannot be read ({why})."
        raise SettingError(found, "A text of one job a line is needed.", _EXAMPLE) from error
    tasks: list[Task] = []
    wrong: list[str] = []
    taken = {SUMMARY: "the batch"}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            task = _task(text, number, path.parent, out, shared)
            for place in results(task.job):
                if (key := place.name.casefold()) in taken:  # file systems that do not tell a from A
                    raise _WrongError(f'The name "{task.name}": {place.name} is already the result of {taken[key]}.')
            taken |= dict.fromkeys((place.name.casefold() for place in results(task.job)), f"line {number}")
            tasks.append(task)
        except (_WrongError, GiocondaError, HeadError) as error:
            wrong.append(f"Line {number}: {error}")
    if wrong:
        more = [f"… and {len(wrong) - SHOWN} more lines."] if len(wrong) > SHOWN else []
        said = "\n  ".join([*wrong[:SHOWN], *more])
        count = f"{len(wrong)} line{'s' * (len(wrong) > 1)} of {path} cannot be used:\n  {said}\n"
        raise SettingError(f"{count}Nothing was begun.", "Every line is one JSON object with the settings of a job.", _EXAMPLE)
    if not tasks:
        raise SettingError(f"The list {path} holds no job.", "One job a line is needed.", _EXAMPLE)
    return tasks


_EXAMPLE = 'A line is, for instance: {"portraits": "me.jpg", "driving": "clip.mp4"}'


def _task(text: str, number: int, folder: Path, out: Path, shared: Mapping[str, Any]) -> Task:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise _WrongError(f"It is not JSON ({error}).") from error
    if not isinstance(given, dict):
        raise _WrongError(f"It is a {type(given).__name__}, not an object in braces.")
    name = given.pop("name", None)
    values = dict(shared) | {key: value for key, value in _values(given) if value is not None}
    if not values.get("portraits"):
        raise _WrongError('It has no "portraits".')
    values["portraits"] = [folder / one for one in values["portraits"]]
    for key in ("driving", "motion"):
        if values.get(key) is not None:
            values[key] = folder / values[key]
    name = f"{number:04d}-{_cleaned(values['portraits'][0].stem)}" if name is None else name
    if not isinstance(name, str) or not NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise _WrongError(f"The name {name!r} cannot name a file: letters, digits, spaces, dots and hyphens, up to 100.")
    job = Job(**values)
    check_asked(job)
    job = replace(job, output=out / f"{name}.mp4", report=out / f"{name}.json", overwrite=True)
    return Task(name, number, job, folder)


def _cleaned(stem: str) -> str:
    return re.sub(r"[^\w.-]+", "-", stem)[:60].strip("-.") or "portrait"


def _values(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings of a line, in the types of `Job`."""
    for key, value in given.items():
        if key in GIVEN_BY_THE_BATCH:
            raise _WrongError(f'"{key}" is not for a line: the batch says where results go.')
        if key == "portraits":
            many = [value] if isinstance(value, str) else value
            if not isinstance(many, list) or not all(isinstance(one, str) and one for one in many):
                raise _WrongError('"portraits" is neither a path nor a list of paths.')
            yield key, many
        elif key not in OPTIONS:
            known = ", ".join(("name", "portraits", *(name for name in OPTIONS if name not in GIVEN_BY_THE_BATCH)))
            raise _WrongError(f'There is no setting "{key}". The settings are {known}.')
        else:
            yield key, value if value is None else _value(key, value)


def _value(key: str, value: Any) -> Any:
    option = OPTIONS[key]
    switch = "action" in option.settings
    if switch != isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _WrongError(f'"{key}" is {json.dumps(value)}, not {"true or false" if switch else "a word or a number"}.')
    if switch:
        return value
    if option.kind is None:
        if not isinstance(value, str):
            raise _WrongError(f'"{key}" is {json.dumps(value)}, not a text.')
        return value
    try:
        return option.kind(value if isinstance(value, str) else json.dumps(value))
    except argparse.ArgumentTypeError as error:
        raise _WrongError(f'"{key}": {error}.') from error
