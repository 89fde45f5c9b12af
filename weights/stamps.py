"""Which large files were looked at in full already, so that half a gigabyte is not hashed at every start.

After a file's SHA-256 was found right, its place, size, inode and times of change are noted in `$HF_HOME/gioconda/verified`.
A later start that finds all of them unchanged takes the file as checked. Any writing to a file sets its time of status change
(ctime), which no ordinary program can set back, so that an altered, replaced or restored file is hashed again. What this does
not notice is a disk that decays by itself: `python -m gioconda weights verify` always reads every byte. Nor does it guard
against somebody who can write to the cache on purpose; they could alter the program as well, and safetensors hold no code.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

SETTLED = 2.0
"""Seconds that a file must have been left alone before it is noted: clocks of file systems are coarse (2 s in FAT), and a
change in the same tick as the look would not show."""


Facts = Mapping[str, str | int]
"""Place, size, inode and times of a file."""


def facts(file: Path) -> Facts:
    """What can be told of a file without reading it."""
    place = file.resolve()
    stat = place.stat()
    return {
        "file": str(place),
        "size": stat.st_size,
        "inode": stat.st_ino,
        "device": stat.st_dev,
        "modified_ns": stat.st_mtime_ns,
        "changed_ns": stat.st_ctime_ns,
    }


def known(seen: Facts, sha256: str) -> bool:
    """Whether the file with these facts was found to have this SHA-256 before."""
    try:
        return bool(json.loads(_note(sha256).read_text(encoding="utf-8")) == seen)
    except (OSError, ValueError):
        return False


def remember(seen: Facts, sha256: str) -> None:
    """Note that the file with these facts, taken before it was read, has this SHA-256.

    In a cache that cannot be written to nothing is noted: the file is hashed every time.
    """
    if facts(Path(str(seen["file"]))) != seen or time.time() - int(seen["changed_ns"]) / 1e9 < SETTLED:
        return
    note = _note(sha256)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, suffix=".part", delete=False, encoding="utf-8") as part:
            part.write(json.dumps(seen, indent=1))
        Path(part.name).replace(note)
    except OSError:
        return


def _note(sha256: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "gioconda" / "verified" / f"{sha256}.json"
