"""Convolutions of three taps of an enlarged picture, made at the size it had before.

Enlarging by repeating pixels (nearest neighbour) makes several taps fall on one pixel. Enlarged by 2, an output sees two pixels
along an axis; enlarged by 4, the middle two outputs see one pixel and are equal. So a 3 x 3 convolution of the enlarged picture
is a few smaller ones of the small picture, one a *phase*, the place of the output within its pixel: exact, with 4/9 of the
work for 2 and 25/144 for 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as fn

from heads.liveportrait import winograd
from heads.liveportrait.layers import MOST, Conv, Layer, arranged, band, convolved, empty, is_plain

FIRST, MIDDLE, LAST = range(3)
"""Phases: the output sees the pixel before and its own, its own alone, or its own and the one after."""

ENDS = (FIRST, LAST)

MERGED = {FIRST: ((0,), (1, 2)), MIDDLE: ((0, 1, 2),), LAST: ((0, 1), (2,))}
"""Which of three taps fall on the same pixel, by phase."""


def merged(weight: Tensor, axis: int, groups: tuple[tuple[int, ...], ...]) -> Tensor:
    """The weight with the taps of each group along an axis added up."""
    sums = [weight.index_select(axis, torch.tensor(taps, device=weight.device)).sum(axis) for taps in groups]
    return torch.stack(sums, axis)


def phases(weight: Tensor, rows: tuple[int, ...], columns: tuple[int, ...]) -> Tensor:
    """Weights (out, in, …, 3, 3) to those of some phases, one after the other: (phases * out, in, …, k, l)."""
    return torch.cat([merged(merged(weight, -2, MERGED[r]), -1, MERGED[c]) for r, c in product(rows, columns)])


class Twice(Conv):
    """A convolution after enlarging the last two axes by 2, and ReLU: (B, in, …, h, w) to (B, out, …, 2h, 2w).

    Args:
        weight: (out, in, 3, 3) or (out, in, 3, 3, 3).
        bias: (out,).
    """

    phased = True

    def settle(self) -> None:
        """Make the four phases: 2 x 2 taps around a corner of pixels each. Heavy weights stay: their pictures are tiny."""
        self.phased = self.weight.numel() <= MOST
        if self.phased:
            self.weight = phases(self.weight, ENDS, ENDS)
            self.bias = self.bias.repeat(4)
        super().settle()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, …, h, w) to (B, out, …, 2h, 2w)."""
        if not self.phased:
            factor = (2,) * 2 if x.dim() == 4 else (1, 2, 2)
            return fn.relu_(super().forward(fn.interpolate(x, scale_factor=factor)))
        corners = super().forward(x)
        batch, height, width, outputs = len(x), *x.shape[-2:], corners.shape[1] // 4
        out = empty(x, batch, outputs, *x.shape[2:-2], 2 * height, 2 * width)
        for phase, (r, c) in enumerate(product(range(2), range(2))):
            place = corners[:, phase * outputs : (phase + 1) * outputs, ..., r : height + r, c : width + c]
            torch.clamp(place, min=0, out=out[..., r::2, c::2])
        return out


class FourTimes(Layer):
    """A 3 x 3 convolution after enlarging by 4, and ReLU, in phases: (B, in, h, w) to (3, B, out, 3h + 2, w).

    First the phase of the column; the rows are those of the three row phases, one after the other, with a row of zeros before
    and after. The middle phases stand for two outputs each.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.parts: list[tuple[Tensor, tuple[int, ...], tuple[int, ...]]] = []

    def settle(self) -> None:
        """Make the nine phases: 2 x 2, 2 x 1, 1 x 2 and 1 x 1 taps."""
        kinds = ((ENDS, ENDS), (ENDS, (MIDDLE,)), ((MIDDLE,), ENDS), ((MIDDLE,), (MIDDLE,)))
        self.parts = [(arranged(phases(self.weight, *kind)), *kind) for kind in kinds]
        self.weight = self.weight[:0]

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) to (3, B, out, 3h + 2, w)."""
        batch, _, height, width = x.shape
        outputs = len(self.bias)
        out: Tensor = empty(x, 3 * batch, outputs, 3 * height + 2, width).unflatten(0, (3, batch))
        out[:, :, :, 0] = out[:, :, :, -1] = 0
        rows = out[:, :, :, 1:-1]
        for weight, row_phases, column_phases in self.parts:
            count = len(row_phases) * len(column_phases)
            y = convolved(x, weight, self.bias.repeat(count))
            for phase, (r, c) in enumerate(product(row_phases, column_phases)):
                top, left = int(r == LAST), int(c == LAST)
                place = y.narrow(1, phase * outputs, outputs)[..., top : height + top, left : width + left]
                torch.clamp(place, min=0, out=rows[c, :, :, r::3])
        return out


class OfFourTimes(Conv):
    """A 3 x 3 convolution of what `FourTimes` gives: (3, B, in, 3h + 2, w) to (B, out, 4h, 4w)."""

    ROWS = ((0, ((0,), (1,), (2,))), (1, MERGED[FIRST]), (2, MERGED[LAST]), (2, ((0,), (1,), (2,))))
    """For each of the four rows that a pixel becomes: the first row it sees, and which taps fall together. The rows are those
    before, first and middle; first and twice middle; twice middle and last; middle, last and after."""

    def settle(self) -> None:
        """Winograd's form on a CPU in float32, for each of the four rows; else as any convolution."""
        if is_plain(self.weight):
            self.bent = [taps for _, groups in self.ROWS for taps in winograd.bent(merged(self.weight, 2, groups), 3)]
            self.weight = self.weight[:0]
        else:
            super().settle()

    def forward(self, x: Tensor) -> Tensor:
        """(3, B, in, 3h + 2, w) to (B, out, 4h, 4w)."""
        _, batch, _, height, width = x.shape
        out = empty(x[0], batch, len(self.bias), (height - 2) // 3 * 4, 4 * width)
        for rows, columns, y in self.pieces(x):
            out[:, :, rows, columns] = y
        return out

    def pieces(self, x: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """The same in pieces: which rows and columns, and (B, out, rows, columns)."""
        height, width = (x.shape[3] - 2) // 3, x.shape[4]
        if not self.bent:
            for rows, y in self.bands(unrolled(x)):
                yield rows, slice(0, 4 * width), y
            return
        first, middle, last = x

        def before(v: Tensor, factor: int) -> Tensor:
            v[..., 1:].add_(last[..., :-1], alpha=factor)
            return v

        def after(v: Tensor, factor: int) -> Tensor:
            v[..., :-1].add_(first[..., 1:], alpha=factor)
            return v

        products = list(winograd.spread([first, middle, middle, last], before, after))
        step = band(height, first.shape[0] * width * 10 * len(self.bias))
        for top in range(0, height, step):
            bottom = min(top + step, height)
            for i, (start, groups) in enumerate(self.ROWS):
                seen = slice(3 * top + start, 3 * bottom + start + len(groups) - 3)
                made = [
                    fn.conv2d(v[:, :, seen], taps, self.bias if p == 1 else None, (3, 1))
                    for p, (v, taps) in enumerate(zip(products, self.bent[6 * i : 6 * i + 6], strict=True))
                ]
                y = x.new_empty(winograd.TILE, *made[0].shape)
                winograd.gather(made, y.unbind(0))
                for j, piece in enumerate(y):
                    yield slice(4 * top + i, 4 * bottom, 4), slice(j, 4 * width, 4), piece


def unrolled(x: Tensor) -> Tensor:
    """What `FourTimes` gives as a picture: (3, B, C, 3h + 2, w) to (B, C, 4h, 4w)."""
    _, batch, channels, height, width = x.shape
    out = empty(x[0], batch, channels, (height - 2) // 3 * 4, 4 * width)
    order = (FIRST, MIDDLE, MIDDLE, LAST)
    for (i, r), (j, c) in product(enumerate(order), enumerate(order)):
        out[:, :, i::4, j::4] = x[c, :, :, 1:-1][:, :, r::3]
    return out
