"""G: the bent feature map becomes a picture. A generator with SPADE (Park et al. 2019, arXiv 1903.07291).

All side branches start from the same map, so their first convolutions are done together; scale and shift of a norm are one
convolution; the shift of a shortcut's norm meets the shortcut's own matrix when the weights are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import BATCH_EPS, Source, conv, spectral
from heads.liveportrait.enlarged import FourTimes, OfFourTimes, Twice
from heads.liveportrait.layers import Conv, Layer, empty, is_plain, on_processor
from heads.liveportrait.sizes import Sizes

LEAK = 0.2
"""Slope of the leaky ReLU below 0 (U:src/modules/util.py)."""


def normalized(x: Tensor) -> Tensor:
    """Instance norm: every channel of (B, C, h, w) to mean 0 and variance 1, in float32 within."""
    if on_processor(x):
        # one picture's is its batch norm, a single kernel that uses whole vectors; PyTorch's instance norm loses the layout
        each = [torch.batch_norm(picture, None, None, None, None, True, 0, BATCH_EPS, False) for picture in x.split(1)]
        return torch.cat(each) if len(each) > 1 else each[0]
    centred = x - x.mean((2, 3), keepdim=True, dtype=torch.float32)
    variance = centred.square().mean((2, 3), keepdim=True)
    return centred.mul_(torch.rsqrt(variance + BATCH_EPS)).to(x.dtype)


class Spade(Layer):
    """What the map says to a norm, and leaky ReLU: normalized (B, C, h / f, w / f), enlarged by f, to (B, C, h, w).

    Args:
        both: convolution of the side branch to 1 + scale and shift, 2 C channels.
        factor: by how much what was normalized is enlarged.
    """

    def __init__(self, both: Conv, factor: int) -> None:
        super().__init__()
        self.both, self.factor = both, factor

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Normalized (B, C, h / f, w / f) and the side branch (B, hidden, h, w) or of `FourTimes`, to (B, C, h, w)."""
        batch, channels, height, width = x.shape
        whole = (batch, channels, height * self.factor, width * self.factor)
        out = None
        for rows, columns, y in pieces(self.both, branch):
            scale, shift = y.chunk(2, 1)
            piece = fn.leaky_relu_(steered(x, rows, columns, self.factor, scale, shift), LEAK)
            if piece.shape == whole:
                return piece
            out = empty(x, *whole) if out is None else out
            out[:, :, rows, columns] = piece
        assert out is not None, "there is a piece"
        return out


class Shortcut(Layer):
    """The norm of a shortcut and its matrix: normalized (B, C, h / f, w / f), enlarged by f, to (B, out, h, w).

    matrix (x (1 + scale) + shift) = matrix (x (1 + scale)) + (matrix shift): the second part is a convolution again.

    Args:
        both: convolution of the side branch to 1 + scale and matrix shift, C + out channels.
        matrix: (out, C, 1, 1).
        factor: by how much what was normalized is enlarged.
    """

    matrix: Tensor

    def __init__(self, both: Conv, matrix: Tensor, factor: int) -> None:
        super().__init__()
        self.both, self.factor = both, factor
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Normalized (B, C, h / f, w / f) and the side branch (B, hidden, h, w) or of `FourTimes`, to (B, out, h, w)."""
        batch, channels, height, width = x.shape
        out = empty(x, batch, len(self.matrix), height * self.factor, width * self.factor)
        for rows, columns, y in pieces(self.both, branch):
            scaled = steered(x, rows, columns, self.factor, y[:, :channels])
            torch.add(fn.conv2d(scaled, self.matrix), y[:, channels:], out=out[:, :, rows, columns])
        return out


def pieces(both: Conv, branch: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """What a convolution makes of a side branch, piece by piece: which rows and columns, and (B, out, rows, columns)."""
    if isinstance(both, OfFourTimes):
        yield from both.pieces(branch)
    else:
        for rows, y in both.bands(branch):
            yield rows, slice(0, branch.shape[3]), y


def steered(x: Tensor, rows: slice, columns: slice, factor: int, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    """Some rows and columns of (B, C, h, w), enlarged, times their scale and plus their shift: (B, C, rows, columns)."""
    if is_plain(x):
        large = part(x, rows, columns, factor)
        return scale * large if shift is None else torch.addcmul(shift, large, scale)
    # with channels last every pixel is a run of numbers: it is read again instead of being repeated
    small = x[:, :, rows.start // factor : rows.stop // factor, None, :, None]
    out = empty(x, *scale.shape)
    if shift is None:
        torch.mul(cells(scale, factor), small, out=cells(out, factor))
    else:
        torch.addcmul(cells(shift, factor), small, cells(scale, factor), out=cells(out, factor))
    return out


def cells(x: Tensor, factor: int) -> Tensor:
    """(B, C, f h, f w) as (B, C, h, f, w, f): what each pixel became when it was enlarged."""
    apart: Tensor = x.unflatten(2, (-1, factor)).unflatten(4, (-1, factor))
    return apart


def part(x: Tensor, rows: slice, columns: slice, factor: int) -> Tensor:
    """Some rows and columns of (B, C, h, w) enlarged by a factor: (B, C, rows, columns)."""
    if factor == 1:
        return x[:, :, rows, columns]
    places = torch.arange(rows.start, rows.stop, rows.step or 1, device=x.device) // factor
    x = x.index_select(2, places)
    if columns.step is None:
        return x.repeat_interleave(factor, 3)
    return x[..., columns.start // factor :: columns.step // factor]


class Block(nn.Module):
    """A residual block whose norms the map steers: (B, in, h / f, w / f), enlarged by f, to (B, out, h, w)."""

    def __init__(self, source: Source, name: str, inputs: int, outputs: int, sizes: Sizes, enlarges: int = 1) -> None:
        super().__init__()
        middle, hidden = min(inputs, outputs), sizes.hidden
        factor, kind = min(enlarges, 2), OfFourTimes if enlarges == 4 else Conv

        def pair(norm: str, channels: int) -> list[Tensor]:
            scale, shift = (conv(source, f"{name}.{norm}.mlp_{part}", channels, hidden, 3, 3) for part in ("gamma", "beta"))
            return [scale[0], shift[0], scale[1] + 1, shift[1]]

        def normed(norm: str, channels: int, by: int) -> Spade:
            scale, shift, one, bias = pair(norm, channels)
            return Spade(kind(torch.cat([scale, shift]), torch.cat([one, bias])), by)

        self.norm_0, self.norm_1 = normed("norm_0", inputs, factor), normed("norm_1", middle, 1)
        self.conv_0 = Conv(spectral(source, f"{name}.conv_0", middle, inputs, 3, 3), source.take(f"{name}.conv_0.bias", middle))
        self.conv_1 = Conv(
            spectral(source, f"{name}.conv_1", outputs, middle, 3, 3), source.take(f"{name}.conv_1.bias", outputs)
        )
        self.shortcut = None
        if inputs != outputs:
            scale, shift, one, bias = pair("norm_s", inputs)
            matrix = spectral(source, f"{name}.conv_s", outputs, inputs, 1, 1)
            wide = matrix[..., 0, 0].double()
            shift, bias = torch.tensordot(wide, shift.double(), 1).float(), (wide @ bias.double()).float()
            self.shortcut = Shortcut(kind(torch.cat([scale, shift]), torch.cat([one, bias])), matrix, factor)

    def forward(self, x: Tensor, branches: Sequence[Tensor]) -> Tensor:
        """(B, in, h / f, w / f) and the side branch of each norm to (B, out, h, w)."""
        steady = normalized(x)
        y = self.conv_0(self.norm_0(steady, branches[0]))
        y = self.conv_1(self.norm_1(normalized(y), branches[1]))
        return y.add_(x if self.shortcut is None else self.shortcut(steady, branches[2]))


def shared(source: Source, names: Sequence[str], sizes: Sizes) -> tuple[Tensor, Tensor]:
    """The first convolutions of several side branches as one: weight (n hidden, seg, 3, 3) and bias."""
    parts = [conv(source, f"{name}.mlp_shared.0", sizes.hidden, sizes.seg, 3, 3) for name in names]
    return torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])


class Generator(Layer):
    """The map (B, 256, 64, 64) to pictures (B, 3, 512, 512) RGB float32 in (0, 1)."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        super().__init__()
        wide, self.hidden = 2 * sizes.seg, sizes.hidden
        middle, norms = [f"G_middle_{i}" for i in range(sizes.middle)], ("norm_0", "norm_1", "norm_s")
        self.first = Conv.of(source, "fc", wide, sizes.seg, 3, 3)
        self.branches = Conv(*shared(source, [f"{name}.{norm}" for name in middle for norm in norms[:2]], sizes))
        self.middle = nn.ModuleList(Block(source, name, wide, wide, sizes) for name in middle)
        self.branches_0 = Twice(*shared(source, [f"up_0.{norm}" for norm in norms], sizes))
        self.up_0 = Block(source, "up_0", wide, sizes.seg, sizes, enlarges=2)
        self.branches_1 = FourTimes(*shared(source, [f"up_1.{norm}" for norm in norms], sizes))
        self.up_1 = Block(source, "up_1", sizes.seg, sizes.block, sizes, enlarges=4)
        self.image = Conv.of(source, "conv_img.0", 12, sizes.block, 3, 3)

    def forward(self, seg: Tensor) -> Tensor:
        """(B, 256, 64, 64) to (B, 3, 512, 512)."""
        x = self.first(seg)
        branches = [fn.relu(branch) for branch in self.branches(seg).split(self.hidden, 1)]
        for i, block in enumerate(self.middle):
            x = block(x, branches[2 * i : 2 * i + 2])
        x = self.up_0(x, self.branches_0(seg).split(self.hidden, 1))
        x = self.up_1(x, self.branches_1(seg).split(self.hidden, 2))
        return torch.sigmoid(fn.pixel_shuffle(self.image(fn.leaky_relu_(x, LEAK)).float(), 2))
