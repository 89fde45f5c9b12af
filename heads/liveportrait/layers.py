"""Layers that hold numbers taken from a checkpoint: nothing is learnt here, so weights are buffers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source, batch_norm, conv


class Layer(nn.Module):
    """A module that takes tensors and gives one; says so to the type checker, which nn.Module does not."""

    __call__: Callable[..., Tensor]


class Conv(Layer):
    """A convolution of stride 1 that keeps the size: (B, in, …) to (B, out, …), zeros around.

    Args:
        weight: (out, in, k, k) or (out, in, k, k, k), k odd.
        bias: (out,) or None.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, source: Source, name: str, *shape: int, norm: str = "") -> Conv:
        """Taken from a checkpoint, the batch norm `norm` that follows folded in."""
        return cls(*conv(source, name, *shape, norm=norm))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, …) to (B, out, …)."""
        convolve = fn.conv2d if self.weight.dim() == 4 else fn.conv3d
        return convolve(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)


class Linear(Layer):
    """A matrix with a bias: (…, in) to (…, out)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, source: Source, name: str, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", source.take(f"{name}.weight", outputs, inputs))
        self.register_buffer("bias", source.take(f"{name}.bias", outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) to (…, out)."""
        return fn.linear(x, self.weight, self.bias)


class Scale(Layer):
    """A batch norm in evaluation that precedes what it could be folded into: y = scale x + shift, (B, C, …) to the same."""

    scale: Tensor
    shift: Tensor

    def __init__(self, source: Source, name: str, channels: int, dims: int) -> None:
        super().__init__()
        scale, shift = batch_norm(source, name, channels)
        shape = (-1, *[1] * dims)
        self.register_buffer("scale", scale.float().reshape(shape))
        self.register_buffer("shift", shift.float().reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, …) to the same."""
        return x * self.scale + self.shift
