"""What need not be worked out twice: arrays kept below `out/`, by what they were made from."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "out" / "quality" / "cache"

Arrays = dict[str, NDArray[Any]]


def digest(*parts: object) -> str:
    """Twenty hexadecimal digits of what the parts say; arrays by their bytes, everything else by its text."""
    total = hashlib.sha256()
    for part in parts:
        told = part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode()
        total.update(hashlib.sha256(told).digest())
    return total.hexdigest()[:20]


def of_file(path: Path) -> str:
    """The digest of a file's content."""
    return _of_file(path, path.stat().st_mtime_ns, path.stat().st_size)


@lru_cache(maxsize=256)
def _of_file(path: Path, _when: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]


@lru_cache(maxsize=64)
def of_sources(*patterns: str) -> str:
    """The digest of the repository's files that match: what was made by other code is made anew."""
    files = sorted(file for pattern in patterns for file in ROOT.glob(pattern))
    return digest(*(file.read_bytes() for file in files))


def kept(key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of a key, read where they are kept, else made and kept."""
    place = CACHE / f"{key}.npz"
    if place.is_file():
        with np.load(place, allow_pickle=False) as file:
            return dict(file)
    arrays = make()
    CACHE.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(f".{secrets.token_hex(3)}.npz")
    np.savez(part, allow_pickle=False, **arrays)
    part.replace(place)
    return arrays
