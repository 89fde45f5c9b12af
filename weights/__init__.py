"""The files with the trained numbers: `path(name)` says where one lies, after its size and SHA-256 were checked.

A file is looked for in three places, in this order:

    bundled   beside this module; under 10 MB together, so that a fresh clone works without a network
    cache     the Hugging Face cache ($HF_HOME), where an earlier run or the Space's `preload_from_hub` put it
    Hub       huggingface.co (or $HF_ENDPOINT), at the 40-digit revision of the catalogue; never with HF_HUB_OFFLINE=1

A file whose bytes differ from the catalogue is refused, never replaced by another one. This room knows no tensors.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["HOME", "Entry", "WeightsError", "catalogue", "digest", "path"]

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


def catalogue(home: Path = HOME) -> Mapping[str, Entry]:
    """Read the catalogue of a folder: name of the file to its entry, in the order of the page.

    Raises:
        WeightsError: an entry lacks a field or has a wrong one.
    """
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


def path(name: str, home: Path = HOME) -> Path:
    """Where a weight file lies on this machine, fetched if it must be, its size and SHA-256 equal to the catalogue's.

    Args:
        name: name of the file, a key of the catalogue.
        home: folder with `catalogue.toml` and the bundled files.

    Raises:
        WeightsError: the name is not in the catalogue, the file is in none of the three places, or its bytes differ.
    """
    known = catalogue(home)
    if name not in known:
        raise WeightsError(
            f"There is no weight file named {name!r}. The catalogue holds {', '.join(known)}. Choose one of them."
        )
    entry, bundled = known[name], home / name
    if bundled.is_file():
        return _checked(entry, bundled, f"Get it anew with `git checkout -- {bundled}`, or clone again.")
    if not entry.repo:
        raise WeightsError(
            f"The weight file {name} was not found: it ships with Gioconda but {bundled} is not there, and it is on no Hub. "
            f"Get it anew with `git checkout -- {bundled}`, or clone again."
        )
    fetched = _from_hub(entry)
    return _checked(entry, fetched, f"Delete {fetched.resolve()} and run again; a proxy may have altered the download.")


def _from_hub(entry: Entry) -> Path:
    """The file in the local Hugging Face cache; fetched first when it is not there. At a full revision a hit asks nobody."""
    from huggingface_hub import constants, hf_hub_download  # 0.2 s, and only files that do not ship need it

    try:
        return Path(hf_hub_download(entry.repo, entry.name, revision=entry.revision))
    except (OSError, ValueError, RuntimeError) as error:  # huggingface_hub raises kinds of the first two, hf_xet of the last
        if constants.HF_HUB_OFFLINE:
            why, do = "because HF_HUB_OFFLINE is set", "Unset HF_HUB_OFFLINE"
        else:
            cause = error.__cause__ or error  # what the Hub said, before the client explained it at length
            why = f"({type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]})"
            do = f"Check the connection to {constants.ENDPOINT}"
        raise WeightsError(
            f"The weight file {entry.name} ({entry.bytes:,} bytes) is not bundled, not in the cache {constants.HF_HUB_CACHE} "
            f"and could not be fetched from {entry.repo}@{entry.revision[:8]} {why}. "
            f"{do}, or put the file at {HOME / entry.name}."
        ) from error


def _checked(entry: Entry, file: Path, do: str) -> Path:
    """The file itself, when its size and SHA-256 are those of the catalogue."""
    stat = file.stat()
    if stat.st_size != entry.bytes:
        with file.open("rb") as stream:
            pointer = stream.read(len(_LFS)) == _LFS
        found = "is a Git LFS pointer" if pointer else f"has {stat.st_size:,} bytes"
        do = "Run `git lfs pull`." if pointer else do
        raise WeightsError(f"The weight file {file} {found}. The catalogue says {entry.bytes:,} bytes. {do}")
    if (found := _digest(file, (stat.st_size, stat.st_mtime_ns))) != entry.sha256:
        raise WeightsError(
            f"The weight file {file} has the SHA-256 {found[:16]}…. The catalogue says {entry.sha256[:16]}…. {do}"
        )
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
