"""The weight files as a user sees them: listed, fetched, checked, found; what `python -m gioconda weights` does."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import weights
from gioconda.errors import SettingError
from heads.base import Image, Step

FETCHING = "Fetching weights (MB)"
CHECKING = "Checking weights (MB)"

MB = 1_000_000
"""Bytes that are told as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelved:
    """The last step of `pull` and `verify`, a `heads.base.Step` by shape: what came of it."""

    label: str
    done: int
    total: int
    paths: tuple[Path, ...]
    """Where the files lie that are right."""
    notes: tuple[str, ...] = ()
    """What is worth knowing: a damaged file that was replaced, one that is not here."""
    wrong: tuple[str, ...] = ()
    """What is wrong with the others, in sentences."""
    preview: Image | None = None


def chosen(names: Sequence[str]) -> list[weights.Entry]:
    """The entries that names mean: a file, or a head whose files are meant; all when there is no name.

    Raises:
        SettingError: a name means nothing.
        weights.WeightsError: the catalogue cannot be read.
    """
    listed = weights.catalogue()
    if not names:
        return list(listed.values())
    found: dict[str, weights.Entry] = {}
    for name in names:
        meant = [entry for entry in listed.values() if entry.name == name or f"heads.{name}" in entry.used_by]
        if not meant:
            raise SettingError(
                f"No weight file and no head that has some is named {name!r}.",
                f"The files are {', '.join(listed)}.",
                "Choose one of them, or a head such as liveportrait.",
            )
        found |= {entry.name: entry for entry in meant}
    return list(found.values())


def rows(names: Sequence[str]) -> list[dict[str, Any]]:
    """Each file with its size, licence, source, where it lies ("bundled", "cache" or "Hub") and its path, unchecked."""
    table = []
    for entry in chosen(names):
        place = weights.located(entry.name)
        where = "Hub" if place is None else "bundled" if place.parent == weights.HOME else "cache"
        table.append(
            {
                "name": entry.name,
                "bytes": entry.bytes,
                "sha256": entry.sha256,
                "licence": entry.licence,
                "title": entry.title,
                "source": entry.source,
                "used_by": list(entry.used_by),
                "repo": entry.repo or None,
                "revision": entry.revision or None,
                "where": where if place is not None or entry.repo else "missing",
                "path": None if place is None else str(place),
            }
        )
    return table


def lines(table: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The table of `rows` to read."""
    wide = max(len(row["name"]) for row in table)
    told = {"bundled": "bundled", "cache": "in the cache", "Hub": "not fetched yet", "missing": "missing"}
    for row in table:
        size, where = f"{row['bytes'] / MB:6.1f} MB", told[row["where"]]
        yield f"{row['name']:<{wide}}  {size}  {where:<15}  {row['licence']:<10}  {row['title']}"


def fetching(names: Sequence[str]) -> Generator[Step, None, None]:
    """Fetch those of the files that are not here, as steps of a run; no step where all are.

    Raises:
        weights.WeightsError: a file cannot be had.
    """
    with closing(weights.fetching(names)) as arriving:
        for now in arriving:
            yield Step(FETCHING, now.done // MB, max(1, now.total // MB))


def pull(names: Sequence[str]) -> Generator[Step | Shelved, None, None]:
    """Fetch files that are not here, and anew those in the cache whose bytes are wrong. The last step is a `Shelved`.

    Raises:
        SettingError: no name was given, or one means nothing.
        weights.WeightsError: a file cannot be had, or one that ships is damaged.
    """
    if not names:
        heads = "liveportrait"
        raise SettingError(
            "No file was named.", "The files of a head can be large.", f"Name a file or a head: weights pull {heads}"
        )
    entries, notes = chosen(names), []
    for entry in entries:
        place = weights.located(entry.name)
        if place is None or place.parent == weights.HOME:
            continue
        try:
            weights.found(entry.name)
        except weights.WeightsError as error:
            notes.append(f"{str(error).partition('. ')[0]}; it was deleted and fetched anew.")
            for file in {place.resolve(), place}:
                file.unlink(missing_ok=True)
    wanted = [entry.name for entry in entries]
    yield from fetching(wanted)
    yield Shelved("Fetched", len(wanted), len(wanted), tuple(weights.found(name) for name in wanted), tuple(notes))


def verify(names: Sequence[str]) -> Generator[Step | Shelved, None, None]:
    """Read every byte of the files that are here. The last step is a `Shelved`.

    A file that was named and is not here is wrong; without names only those that are here are meant.
    """
    entries = chosen(names)
    done, total = 0, sum(entry.bytes for entry in entries)
    right: list[Path] = []
    wrong: list[str] = []
    absent: list[str] = []
    for entry in entries:
        yield Step(CHECKING, done // MB, max(1, total // MB))
        if weights.located(entry.name) is None and entry.repo:
            absent.append(entry.name)
        else:
            try:
                right.append(weights.found(entry.name, thorough=True))
            except weights.WeightsError as error:
                wrong.append(str(error))
        done += entry.bytes
    if names:
        wrong += [
            f"The weight file {name} is not on this machine. Fetch it: python -m gioconda weights pull {name}"
            for name in absent
        ]
        absent = []
    notes = (f"not on this machine, and not needed before a head asks for it: {', '.join(absent)}",) if absent else ()
    yield Shelved("Checked", len(right), len(entries), tuple(right), notes, tuple(wrong))
