"""The files with the trained numbers: `path(name)` says where one lies, after its size and SHA-256 were checked.

A file is looked for in three places, in this order:

    bundled   beside this module; under 10 MB together, so that a fresh clone works without a network
    cache     the Hugging Face cache ($HF_HOME), where an earlier run or the Space's `preload_from_hub` put it
    Hub       huggingface.co (or $HF_ENDPOINT), at the 40-digit revision of the catalogue; never with HF_HUB_OFFLINE=1

A file whose bytes differ from the catalogue is refused, never replaced by another one. Only `fetching` (and `path`, which calls
it) talks to the Hub, and only about a file that is neither bundled nor cached. This room knows no tensors.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["HOME", "Entry", "Fetching", "WeightsError", "catalogue", "digest", "entry", "fetching", "found", "located", "path"]

HOME = Path(__file__).parent
"""The folder of the bundled files and of their `catalogue.toml`."""

_BLOCK = 1 << 20
"""Bytes read at a time while hashing."""

_LFS = b"version https://git-lfs"
"""How a Git LFS pointer begins: what lies in a clone that was made without LFS."""


class WeightsError(Exception):
    """A weight file is unknown, missing, or not the one that the catalogue describes; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue."""

    name: str
    bytes: int
    """Size of the file in bytes."""
    sha256: str
    """SHA-256 of the file, 64 hexadecimal digits."""
    licence: str
    """SPDX identifier."""
    title: str
    source: str
    """Who made it and where it was taken from."""
    used_by: tuple[str, ...]
    """Modules that load it."""
    repo: str = ""
    """"owner/name" on the Hugging Face Hub; empty for a file that ships."""
    revision: str = ""
    """Commit of the repo, 40 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far the fetching of several files is."""

    entry: Entry
    """The file that is being fetched."""
    done: int
    """Bytes that have arrived, of all files together."""
    total: int
    """Bytes that have to arrive, of all files together."""


def catalogue(home: Path | None = None) -> Mapping[str, Entry]:
    """Read the catalogue of a folder: name of the file to its entry, in the order of the page.

    Raises:
        WeightsError: an entry lacks a field or has a wrong one.
    """
    home = home or HOME
    try:
        listed = tomllib.loads((home / "catalogue.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The catalogue of weights in {home} cannot be read ({error}). A complete installation is needed. "
            "Install Gioconda again."
        ) from error
    return {name: _entry(name, fields) for name, fields in listed.items()}


def _entry(name: str, fields: dict[str, object]) -> Entry:
    try:
        entry = Entry(name=name, **{**fields, "used_by": tuple(fields["used_by"])})  # type: ignore[arg-type]
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"The catalogue's entry of {name} cannot be read ({error}). It needs the fields of weights.Entry."
        ) from error
    if entry.repo and not re.fullmatch("[0-9a-f]{40}", entry.revision):
        raise WeightsError(
            f"The catalogue's entry of {name} has the revision {entry.revision!r}. A branch can change under us: a commit of "
            f"40 hexadecimal digits is needed. Enter the commit of {entry.repo} that holds the file."
        )
    return entry


def entry(name: str, home: Path | None = None) -> Entry:
    """The catalogue's entry of a file.

    Raises:
        WeightsError: the catalogue has none of that name.
    """
    known = catalogue(home)
    if name not in known:
        raise WeightsError(
            f"There is no weight file named {name!r}. The catalogue holds {', '.join(known)}. Choose one of them."
        )
    return known[name]


def path(name: str, home: Path | None = None) -> Path:
    """Where a weight file lies on this machine, fetched if it must be, its size and SHA-256 equal to the catalogue's.

    Args:
        name: name of the file, a key of the catalogue.
        home: folder with `catalogue.toml` and the bundled files.

    Raises:
        WeightsError: the name is not in the catalogue, the file is in none of the three places, or its bytes differ.
    """
    for _ in fetching([name], home):
        pass
    return found(name, home)


def located(name: str, home: Path | None = None) -> Path | None:
    """Where a file lies on this machine, unchecked: bundled, or in the cache; None where it would have to be fetched."""
    from weights import hub

    known = entry(name, home)
    bundled = (home or HOME) / name
    return bundled if bundled.is_file() else hub.cached(known)


def found(name: str, home: Path | None = None, *, thorough: bool = False) -> Path:
    """Like `path` for a file that is on this machine already: nothing is fetched.

    Args:
        name: name of the file, a key of the catalogue.
        home: folder with `catalogue.toml` and the bundled files.
        thorough: read every byte, also of a large file that was found right before and has not been touched since.

    Raises:
        WeightsError: it is not here, or its bytes differ.
    """
    known, file = entry(name, home), located(name, home)
    if file is not None:
        return _checked(known, file, thorough=thorough)
    if known.repo:
        raise WeightsError(
            f"The weight file {name} ({known.bytes:,} bytes) is not on this machine. Its source is {known.repo} on the Hub. "
            f"Fetch it: python -m gioconda weights pull {name}"
        )
    bundled = (home or HOME) / name
    raise WeightsError(
        f"The weight file {name} was not found: it ships with Gioconda but {bundled} is not there, and it is on no Hub. "
        f"Get it anew with `git checkout -- {bundled}`, or clone again."
    )


def fetching(names: Sequence[str], home: Path | None = None) -> Generator[Fetching, None, None]:
    """Fetch those of the files that are not on this machine; yields how far that is. Closing it stops the download.

    Nothing is yielded, and nobody is asked, where all are here. A file that arrives with wrong bytes is deleted again.

    Raises:
        WeightsError: a name is not in the catalogue, or a file cannot be had.
    """
    from weights import hub

    missing = [one for name in names if (one := entry(name, home)).repo and located(name, home) is None]
    done, total = 0, sum(one.bytes for one in missing)
    for one in missing:
        yield Fetching(one, done, total)
        arriving = hub.fetch(one)
        try:
            while True:
                yield Fetching(one, done + min(next(arriving), one.bytes), total)
        except StopIteration as end:
            file: Path = end.value
        finally:
            arriving.close()
        try:
            _checked(one, file)
        except WeightsError as error:
            for place in {file.resolve(), file}:
                place.unlink(missing_ok=True)
            raise WeightsError(f"{error} What came from {hub.places()[1]} was deleted again.") from error
        done += one.bytes
        yield Fetching(one, done, total)


def _checked(entry: Entry, file: Path, *, thorough: bool = False) -> Path:
    """The file itself, when its size and SHA-256 are those of the catalogue."""
    from weights import stamps

    do = f"Get it anew with `git checkout -- {file}`, or clone again."
    if entry.repo:
        first = "Delete it and fetch it" if file.parent == HOME else "Fetch it"
        do = f"{first} anew: python -m gioconda weights pull {entry.name} (a proxy may have altered the download)."
    stat = file.stat()
    if stat.st_size != entry.bytes:
        with file.open("rb") as stream:
            pointer = stream.read(len(_LFS)) == _LFS
        what = "is a Git LFS pointer" if pointer else f"has {stat.st_size:,} bytes"
        do = "Run `git lfs pull`." if pointer else do
        raise WeightsError(f"The weight file {file} {what}. The catalogue says {entry.bytes:,} bytes. {do}")
    # What ships is small and hashed in some milliseconds.
    seen = stamps.facts(file) if entry.repo else None
    if seen is not None and not thorough and stamps.known(seen, entry.sha256):
        return file
    total = digest(file) if thorough else _digest(file, (stat.st_size, stat.st_mtime_ns))
    if total != entry.sha256:
        raise WeightsError(
            f"The weight file {file} has the SHA-256 {total[:16]}…. The catalogue says {entry.sha256[:16]}…. {do}"
        )
    if seen is not None:
        stamps.remember(seen, entry.sha256)
    return file


@lru_cache(maxsize=64)
def _digest(file: Path, _stamp: tuple[int, int]) -> str:
    """SHA-256 of a file, computed once a process; its size and time of change are in the key, so that a new one is noticed."""
    return digest(file)


def digest(file: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    total = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            total.update(block)
    return total.hexdigest()
