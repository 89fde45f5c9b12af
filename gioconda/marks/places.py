"""Where this installation keeps its signing identity and its ledger: the user's own folders, or where the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

CONFIG = "GIOCONDA_CONFIG"
"""Environment variable: the folder of the signing identity."""
DATA = "GIOCONDA_DATA"
"""Environment variable: the folder of the ledger."""


_ELSEWHERE: ContextVar[Path | None] = ContextVar("elsewhere", default=None)


def config() -> Path:
    """The folder of the signing identity; it need not exist."""
    return _folder(CONFIG, "config")


def data() -> Path:
    """The folder of the ledger; it need not exist."""
    return _folder(DATA, "data")


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """Meanwhile both lie in a folder of their own: for rehearsals, which change nothing on the machine."""
    before = _ELSEWHERE.set(folder)
    try:
        yield
    finally:
        _ELSEWHERE.reset(before)


def writable(path: Path) -> bool:
    """Whether a file could be made or changed at a path, with the folders that are still missing. Nothing is made."""
    there = next(place for place in (path, *path.parents) if place.exists())
    return os.access(there, os.W_OK) and (there == path or there.is_dir())


def _folder(variable: str, kind: str) -> Path:
    other = _ELSEWHERE.get()
    if other is not None:
        return other / kind
    named = os.environ.get(variable)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path, user_data_path

    return {"config": user_config_path, "data": user_data_path}[kind]("gioconda", appauthor=False)
