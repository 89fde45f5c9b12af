"""Convolutions with three taps along one axis, four outputs at a time: six products instead of twelve.

Winograd's minimal filtering F(4, 3) (Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308, who bend two axes at once). Exact in
exact numbers; in float32 its error is about twice that of the plain sum, because one axis only is bent. Two would save more,
but multiply error and weights by four.

    outputs y of a tile = A ((G w) * (B d)),  d the six inputs around it, w the three taps
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

TILE = 4
"""Outputs of a tile."""

G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
"""What the taps become, for the points 0, 1, -1, 2, -2 and infinity (Lavin and Gray, section 4.3)."""

Adds = Callable[[Tensor, int], Tensor]
"""Adds to a tensor, in place, a factor times something; returns it."""


def bent(weight: Tensor, axis: int) -> list[Tensor]:
    """Six weights float32 with one tap along the axis, of one with three."""
    moved = torch.tensordot(torch.tensor(G, dtype=torch.float64), weight.double(), ([1], [axis]))
    return [part.unsqueeze(axis).contiguous() for part in moved.float()]


def spread(d: Sequence[Tensor], before: Adds, after: Adds) -> Iterator[Tensor]:
    """B d: the left sides of the six products, one after the other.

    Args:
        d: the inputs at the places of a tile's four outputs, each a tensor over all tiles.
        before: adds the inputs that precede each tile.
        after: adds those that follow it.
    """
    d1, d2, d3, d4 = d
    yield before(torch.add(d4, d2, alpha=-5), 4)
    even, odd = torch.add(d4, d2, alpha=-4), torch.add(d3, d1, alpha=-4)
    yield even + odd
    yield even.sub_(odd)
    high, low = d4 - d2, d3 - d1
    yield torch.add(high, low, alpha=2)
    yield high.add_(low, alpha=-2)
    yield after(torch.mul(d1, 4).add_(d3, alpha=-5), 1)


def gather(m: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """A m: write a tile's four outputs; the six products are used up. A bias belongs to the second product alone."""
    m0, m1, m2, m3, m4, m5 = m
    total, difference = m1 + m2, m1.sub_(m2)
    outer, slope = m3 + m4, m3.sub_(m4)
    torch.add(m0.add_(total), outer, out=out[0])
    torch.add(difference, slope, alpha=2, out=out[1])
    torch.add(total, outer, alpha=4, out=out[2])
    torch.add(difference.add_(m5), slope, alpha=8, out=out[3])


def spread_rows(x: Tensor, first: int, last: int) -> Iterator[Tensor]:
    """B d along the third axis: rows first … last of (B, C, h, …), zeros around, to six of (B, C, (last - first) / 4, …)."""

    def before(v: Tensor, factor: int) -> Tensor:
        rows = v if first else v[:, :, 1:]
        rows.add_(x[:, :, first - 1 if first else TILE - 1 : last - 1 : TILE], alpha=factor)
        return v

    def after(v: Tensor, factor: int) -> Tensor:
        rows = v if last < x.shape[2] else v[:, :, :-1]
        rows.add_(x[:, :, first + TILE : last + 1 : TILE], alpha=factor)
        return v

    return spread([x[:, :, first + j : last : TILE] for j in range(TILE)], before, after)
