"""Reading weights strictly: a network asks for each tensor by name and shape, and nothing may be missing, odd or left over.

Networks are built by asking a `Source` for tensors and keep what they get, folded where that is exact; no module is filled
with random numbers first and none is copied afterwards, so that a file is in memory once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from heads.base import HeadError

MAPPED = 32 << 20
"""Bytes that are read before the file is opened anew: what was read of it stays in memory as long as it is open."""

_DO = "Delete it and fetch it again: python -m gioconda weights pull liveportrait"


class Source(Protocol):
    """What a network is built from."""

    def take(self, key: str, *shape: int) -> Tensor:
        """The tensor of that name: float32 of that shape, or for names ending in `num_batches_tracked` an int64 scalar.

        It belongs to the caller, who may write to it.

        Raises:
            HeadError: it is not there or is something else.
        """
        ...


class Checkpoint:
    """One safetensors file; every tensor in it must be taken before it is closed.

    Args:
        file: the file.
        rename: maps the names a network asks for to those that the file may have instead, most likely first.

    Raises:
        HeadError: the file cannot be opened as safetensors; at `take`: a tensor is missing, has another shape or type; when
            the context ends: tensors were left over. The message names the file and the tensor.
    """

    def __init__(self, file: Path, rename: Callable[[str], Iterable[str]] = lambda key: (key,)) -> None:
        self._file, self._rename = file, rename
        self._open = self._opened()
        self._read, self._left = 0, set(self._open.keys())

    def _opened(self) -> Any:
        try:
            return safe_open(self._file, framework="pt", device="cpu")
        except (OSError, SafetensorError) as error:
            raise HeadError(
                f"The weight file {self._file} cannot be read as safetensors ({error}). A complete file is needed. {_DO}"
            ) from error

    def take(self, key: str, *shape: int) -> Tensor:
        """The tensor of that name, read from the file only now.

        A copy that the caller owns: how a file lies in memory must not change a bit of what is computed, and its pages are
        given back when it is closed.
        """
        name = next((name for name in self._rename(key) if name in self._left), None)
        if name is None:
            raise HeadError(f"The weight file {self._file} lacks the tensor {key!r} {shape}. All of them are needed. {_DO}")
        view = self._open.get_slice(name)
        found, kind = tuple(view.get_shape()), view.get_dtype()
        wanted = "I64" if key.endswith("num_batches_tracked") else "F32"
        if (found, kind) != (shape, wanted):
            raise HeadError(
                f"The tensor {name!r} of the weight file {self._file} has the shape {found} and type {kind}. "
                f"{shape} and {wanted} are needed. {_DO}"
            )
        self._left.discard(name)
        mapped: Tensor = self._open.get_tensor(name)
        tensor, size = mapped.clone(), mapped.nbytes
        self._read += size
        if self._read > MAPPED:
            del view, mapped  # they hold on to the old one
            self._open, self._read = self._opened(), 0
        return tensor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        left = sorted(self._left)
        del self._open
        if kind is None and left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            raise HeadError(
                f"The weight file {self._file} holds tensors that no network has: {', '.join(map(repr, left[:3]))}{more}. "
                f"Exactly the published ones are needed. {_DO}"
            )


BATCH_EPS = 1e-5
"""Added to the variance by batch and instance norms (U:src/modules/util.py: PyTorch's default)."""


def batch_norm(source: Source, name: str, channels: int) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation as scale and shift: y = scale x + shift, both (channels,) float64."""
    weight, bias, mean, variance = (
        source.take(f"{name}.{part}", channels).double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    source.take(f"{name}.num_batches_tracked")
    scale = weight / torch.sqrt(variance + BATCH_EPS)
    return scale, bias - scale * mean


def conv(source: Source, name: str, *shape: int, norm: str = "") -> tuple[Tensor, Tensor]:
    """Weight (out, in, …) and bias (out,) of a convolution, float32, with the batch norm that follows it folded in."""
    weight, bias = source.take(f"{name}.weight", *shape), source.take(f"{name}.bias", shape[0])
    if not norm:
        return weight, bias
    scale, shift = batch_norm(source, norm, shape[0])
    _scaled(weight, scale)
    return weight, (bias.double() * scale + shift).float()


def spectral(source: Source, name: str, *shape: int) -> Tensor:
    """Weight (out, in, …) float32 of a convolution with spectral norm (Miyato et al. 2018): the stored one over sigma = u W v.

    u and v are taken as stored, as the original does in evaluation; no power iteration.
    """
    weight = source.take(f"{name}.weight_orig", *shape)
    u = source.take(f"{name}.weight_u", shape[0]).double()
    v = source.take(f"{name}.weight_v", weight[0].numel()).double()
    parts = [torch.dot(u[i : i + _ROWS], weight[i : i + _ROWS].flatten(1).double() @ v) for i in range(0, len(u), _ROWS)]
    _scaled(weight, (1 / torch.stack(parts).sum()).expand(len(u)))
    return weight


_ROWS = 16
"""Output channels that are widened to float64 at a time, so that no second copy of a large weight is made."""


def _scaled(weight: Tensor, factors: Tensor) -> None:
    """Multiply each output channel in place: weight (out, …) float32 by factors (out,) float64, rounded once."""
    for i in range(0, len(weight), _ROWS):
        rows = weight[i : i + _ROWS]
        rows.copy_(rows.double() * factors[i : i + _ROWS].reshape(-1, *[1] * (weight.dim() - 1)))
