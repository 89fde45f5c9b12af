"""Heads turn faces into frames: a registry of them, each loaded only when it is asked for.

A head is one folder with `head.py` first; it keeps the contract of `heads.base` and is entered below. To remove a head,
delete its folder and its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from heads.base import Head, HeadError, Precision

REGISTRY = {"liveportrait": "heads.liveportrait.head:LivePortrait", "warp": "heads.warp.head:Warp"}
"""Name of a head to "module:Class", in the order in which `auto` prefers them (`gioconda.choose`)."""


def load(name: str, files: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Head:
    """Import one head and build it from its weight files.

    Args:
        name: a key of `REGISTRY`.
        files: name of each file that the head's class lists in `needs`, to where it lies.
        device: "cpu", "cuda:0", "mps"; heads that are not `accelerated` take only "cpu".
        precision: of its networks; heads that are not `accelerated` take only "fp32".

    Raises:
        HeadError: there is no head of that name, or it cannot run on the device or in the precision.
    """
    return kind(name).from_files(files, device, precision)


def kind(name: str) -> type[Head]:
    """The class of a head, imported but not built; its `needs` names the weight files (`weights.path`).

    Raises:
        HeadError: there is no head of that name.
    """
    if name not in REGISTRY:
        raise HeadError(f"There is no head named {name!r}. The heads are: {', '.join(sorted(REGISTRY))}. Choose one of them.")
    module, _, cls = REGISTRY[name].partition(":")
    return cast(type[Head], getattr(import_module(module), cls))
