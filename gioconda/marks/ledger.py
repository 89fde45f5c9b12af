"""The ledger: what was made here, in one SQLite file, so that a copy that lost its credentials still finds its record.

It holds times, hashes, settings and consent statements: no picture, no path, no name of a file. Several processes may use it
at once; each call opens it anew and waits for its turn.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gioconda.errors import LedgerError
from gioconda.marks import places

FILE = "ledger.sqlite"
"""Its name in the data folder (`places.data`)."""

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""

VERSION = 1
"""Of the table below; SQLite keeps it as `user_version`."""

_TABLE = """
    CREATE TABLE IF NOT EXISTS outputs (
        sha256 TEXT PRIMARY KEY,
        manifest TEXT,
        mark_id INTEGER,
        record TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS by_mark ON outputs (mark_id);
    CREATE INDEX IF NOT EXISTS by_manifest ON outputs (manifest);
"""

Record = Mapping[str, Any]
"""What is kept of one result, JSON types: `gioconda.marks.manifest.Facts.record`, with its SHA-256, manifest and mark id."""


def place() -> Path:
    """Where the ledger lies, or will."""
    return places.data() / FILE


def write(record: Record) -> None:
    """Enter a result: `record` has "sha256", "manifest" (or None), "mark_id" (integer or None) and whatever else is known.

    Raises:
        LedgerError: it is locked for longer than `PATIENCE`, damaged, of a later version, or cannot be written.
    """
    path = place()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _trouble(f"cannot be written ({error.strerror})", path) from error
    row = (record["sha256"], record["manifest"], record["mark_id"], json.dumps(record, ensure_ascii=False))
    with _opened(path) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {VERSION}; COMMIT;")
        with connection:
            connection.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?)", row)


def by_digest(sha256: str) -> Record | None:
    """The result with exactly these bytes.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return _latest("sha256", sha256)


def by_manifest(manifest: str) -> Record | None:
    """The result that was signed with this manifest.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return _latest("manifest", manifest)


def by_mark(mark_id: int) -> Record | None:
    """The latest result that carries this mark; runs with the same inputs and settings share one.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return _latest("mark_id", mark_id)


def count() -> int:
    """How many results are entered.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = _asked("SELECT count(*) FROM outputs", ())
    return int(rows[0][0]) if rows else 0


def trouble() -> str | None:
    """Why results could not be entered, in a sentence; None where they can. Nothing is made."""
    try:
        count()
    except LedgerError as error:
        return str(error)
    return None if places.writable(place()) else str(_trouble("cannot be written", place()))


def _latest(column: str, value: str | int) -> Record | None:
    rows = _asked(f"SELECT record FROM outputs WHERE {column} = ? ORDER BY rowid DESC LIMIT 1", (value,))
    if not rows:
        return None
    try:
        found = json.loads(rows[0][0])
    except (ValueError, TypeError, RecursionError) as error:
        raise _trouble("is damaged: a record in it cannot be read", place()) from error
    return found if isinstance(found, dict) else None


def _asked(question: str, values: tuple[str | int, ...]) -> list[Any]:
    """The answer; empty where there is no ledger yet."""
    path = place()
    if not path.is_file() or not path.stat().st_size:
        return []
    with _opened(path) as connection:
        return connection.execute(question, values).fetchall()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger; its errors are told in sentences."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > VERSION:
                raise _trouble(f"was written by a later version of Gioconda (its format is {found}, not {VERSION})", path)
            yield connection
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise _trouble(f"was in use by another program for {PATIENCE:.0f} s", path) from error
        if "readonly" in text or "unable to open" in text or "disk" in text:
            raise _trouble(f"cannot be used ({text})", path) from error
        raise _trouble(f"is damaged ({text})", path) from error


def _trouble(what: str, path: Path) -> LedgerError:
    do = "Run again when it is free."
    if "damaged" in what or "version" in what:
        do = f"Move {path} away: a new one is begun with the next result, and the old one may still be repaired."
    elif "cannot" in what:
        do = f"Change its permissions, or set {places.DATA} to a folder that can be written."
    return LedgerError(f"The ledger {path} {what}.", "It keeps what was made here, so that copies find their record.", do)
