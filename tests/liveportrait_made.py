"""Weight files of small networks, made in a test's own folder with the names, keys and layout of the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from safetensors.torch import save_file
from torch import Tensor

from heads.base import Precision
from heads.device import dtype
from heads.liveportrait.head import LivePortrait
from heads.liveportrait.networks import Networks, build
from heads.liveportrait.sizes import FILES, TINY, Sizes
from heads.liveportrait.standin import Recorded


def tensors(network: str, seed: str = "0", sizes: Sizes = TINY) -> dict[str, Tensor]:
    """Every tensor of a network's file, as `Networks.tiny` has them."""
    source = Recorded(network, seed)
    build(network, source, sizes)
    return source.tensors


def files(folder: Path, seed: str = "0", sizes: Sizes = TINY) -> dict[str, Path]:
    """The five files; name to path."""
    for network, name in FILES.items():
        save_file(tensors(network, seed, sizes), folder / name, {"format": "pt"})
    return {name: folder / name for name in FILES.values()}


class Small(LivePortrait):
    """The head with files of small networks."""

    @classmethod
    def from_files(cls, paths: Mapping[str, Path], device: str = "cpu", precision: Precision = "fp32") -> Self:
        return cls(Networks.load(paths, device, dtype(precision), TINY))
