"""Where this installation keeps its signing identity and its ledger: the user's own folders, or where the environment says."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG = "GIOCONDA_CONFIG"
"""Environment variable: the folder of the signing identity."""
DATA = "GIOCONDA_DATA"
"""Environment variable: the folder of the ledger."""


def config() -> Path:
    """The folder of the signing identity; it need not exist."""
    return _chosen(CONFIG) or _platform("config")


def data() -> Path:
    """The folder of the ledger; it need not exist."""
    return _chosen(DATA) or _platform("data")


def _chosen(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named).expanduser() if named else None


def _platform(kind: str) -> Path:
    from platformdirs import user_config_path, user_data_path

    return {"config": user_config_path, "data": user_data_path}[kind]("gioconda", appauthor=False)
