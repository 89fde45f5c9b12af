"""Layers that hold numbers taken from a checkpoint: nothing is learnt here, so weights are buffers.

Axes are PyTorch's, (B, C, h, w) and (B, C, D, h, w). On a CPU in float32 memory has that order too; elsewhere channels come
last in it. Weights are as in the checkpoint until they are settled: laid out anew for the device and the precision that they
are used with. On a CPU in float32, convolutions with three taps become Winograd's (`winograd`), which doubles their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait import winograd
from heads.liveportrait.checkpoint import Source, batch_norm, conv

BAND = 4 << 20
"""Numbers of the output that a convolution works on at a time on a CPU, so that its caches hold them: the picture goes in
bands of rows."""

FEWEST = (16, 8)
"""Channels (out, in) from which on Winograd's form gains more than its sums cost."""

PLANE = 1024
"""Numbers of a plane of a volume from which on its tiles are worked on one by one."""

MOST = 4_000_000
"""Numbers of a weight up to which it is made twice as large for Winograd's form; larger ones belong to tiny pictures."""


class Layer(nn.Module):
    """A module that takes tensors and gives one; says so to the type checker, which nn.Module does not."""

    __call__: Callable[..., Tensor]


def is_plain(x: Tensor) -> bool:
    """Whether a tensor lies on a CPU in float32: there sums are cheap and products dear, elsewhere the other way round."""
    return x.device.type == "cpu" and x.dtype == torch.float32


def on_processor(x: Tensor) -> bool:
    """Whether a tensor lies on a CPU in float32 or bfloat16, for which PyTorch has kernels of their own there.

    Float64 goes the way of a GPU, which is how that way is tested without one.
    """
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)


def arranged(x: Tensor) -> Tensor:
    """The same numbers in the memory order of their device and precision: (B, C, …) as it reads, or channels last."""
    if is_plain(x):
        return x.contiguous()
    return x.contiguous(memory_format=torch.channels_last if x.dim() == 4 else torch.channels_last_3d)


def empty(like: Tensor, *shape: int) -> Tensor:
    """A new tensor (B, C, …) in the memory order of its device and precision."""
    if is_plain(like):
        return like.new_empty(shape)
    layout = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


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
    """A batch norm in evaluation that precedes what could take it: y = scale x + shift, (B, C, D, h, w) to the same."""

    scale: Tensor
    shift: Tensor

    def __init__(self, source: Source, name: str, channels: int) -> None:
        super().__init__()
        scale, shift = batch_norm(source, name, channels)
        self.register_buffer("scale", scale.float().reshape(-1, 1, 1, 1))
        self.register_buffer("shift", shift.float().reshape(-1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, h, w) to the same."""
        return torch.addcmul(self.shift, x, self.scale)


class Conv(Layer):
    """A convolution of stride 1, zeros around: (B, in, …) to (B, out, …).

    Args:
        weight: (out, in, taps, …), two or three axes. An odd number of taps keeps the size of its axis; two taps are those
            around a border of pixels and make it larger by one.
        bias: (out,).
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.bent: list[Tensor] = []
        self.deep = False

    @classmethod
    def of(cls, source: Source, name: str, *shape: int, norm: str = "") -> Conv:
        """Taken from a checkpoint, the batch norm `norm` that follows folded in."""
        return cls(*conv(source, name, *shape, norm=norm))

    def settle(self) -> None:
        """Lay the weight out for its device and precision."""
        outputs, inputs, taps = self.weight.shape[:3]
        enough = outputs >= FEWEST[0] and inputs >= FEWEST[1] and self.weight.numel() <= MOST
        if is_plain(self.weight) and taps == 3 and enough:
            self.bent = winograd.bent(self.weight, 2)
            self.weight = self.weight[:0]
        else:
            self.deep = self.weight.dim() == 5 and taps > 1 and not on_processor(self.weight)
            self.weight = arranged(stacked(self.weight) if self.deep else self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, …) to (B, out, …)."""
        if self.deep:
            return unstacked(x, self.weight, self.bias).to(x.dtype)
        if not self.bent:
            return convolved(x, self.weight, self.bias)
        out = None
        for rows, y in self.bands(x):
            if len(range(*rows.indices(x.shape[2]))) == x.shape[2]:
                return y
            out = y.new_empty(*y.shape[:2], x.shape[2], *y.shape[3:]) if out is None else out
            out[:, :, rows] = y
        assert out is not None
        return out

    def bands(self, x: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """The same a band of the third axis at a time: which rows, and (B, out, rows, …)."""
        height = x.shape[2]
        if not self.bent:
            yield from self._bands(x)
            return
        # a volume goes one tile at a time, so that its planes follow each other, unless they are small
        flat = x.dim() == 5 and x[0, 0, 0].numel() >= PLANE
        step = winograd.TILE if flat else band(height, len(x) * x[0, 0, 0].numel() * len(self.bias))
        for first in range(0, height, step):
            last = min(first + step, height)
            made = [
                planar(v, taps, self.bias if p == 1 else None)
                for p, (v, taps) in enumerate(zip(winograd.spread_rows(x, first, last), self.bent, strict=True))
            ]
            shape = made[0].shape
            y = x.new_empty(*shape[:2], shape[2], winograd.TILE, *shape[3:])
            winograd.gather(made, y.unbind(3))
            yield slice(first, last), y.flatten(2, 3)

    def _bands(self, x: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """The bands of a convolution as it stands: one, but on a processor, which makes each with the rows around it."""
        height, around = x.shape[2], self.weight.shape[2] // 2
        step = band(height, len(x) * x.shape[3] * len(self.bias)) if on_processor(x) and x.dim() == 4 else height
        for first in range(0, height, step):
            last = min(first + step, height)
            low, high = max(first - around, 0), min(last + around, height)
            yield slice(first, last), Conv.forward(self, x[:, :, low:high])[:, :, first - low : last - low]


def planar(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution as `Conv` has it; one of volumes with one tap along the depth is made plane by plane."""
    if x.dim() == 4:
        return convolved(x, weight, bias)
    batch, _, depth = x.shape[:3]
    planes = x.transpose(1, 2).flatten(0, 1)
    y: Tensor = convolved(planes, weight[:, :, 0], bias).unflatten(0, (batch, depth))
    return y.transpose(1, 2)


def stacked(weight: Tensor) -> Tensor:
    """Weights (out, in, k, …) of a convolution of volumes to those of one of planes: its depth goes among the outputs."""
    return weight.permute(2, 0, 1, 3, 4).flatten(0, 1)


def unstacked(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution of volumes (B, in, D, h, w) by a stacked weight, zeros around: (B, out, D, …) float32 or float64.

    A GPU's library is much better at planes than at volumes. So is a processor's in bfloat16 at seven taps (44 ms instead of
    532 for the masks); at three it is better at volumes (24 ms instead of 82 for the hourglass's last layer).
    """
    planes = convolved(x.transpose(1, 2).flatten(0, 1), weight, None)
    each = planes.unflatten(0, (len(x), -1)).unflatten(2, (-1, len(bias)))  # (B, D, k, out, h, w)
    depth, taps = each.shape[1:3]
    total = each[:, :, taps // 2] + bias.to(torch.promote_types(bias.dtype, torch.float32))[:, None, None]
    for tap in range(taps):
        if move := tap - taps // 2:
            first, last = max(0, -move), min(depth, depth - move)
            total[:, first:last] += each[:, first + move : last + move, tap]
    volume: Tensor = total.transpose(1, 2)
    return volume


def band(height: int, numbers: int) -> int:
    """Rows of a band when each has so many numbers: whole tiles of Winograd's form, about as many as `BAND` holds."""
    count = max(1, min(height // winograd.TILE, round(height * numbers / BAND)))
    return -(-height // (count * winograd.TILE)) * winograd.TILE


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution as `Conv` has it."""
    padding = [taps // 2 for taps in weight.shape[2:]]
    convolve = fn.conv2d if weight.dim() == 4 else fn.conv3d
    y: Tensor = convolve(x, weight, bias, padding=padding)
    return y
