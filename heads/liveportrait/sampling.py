"""Reading a volume between its points, linearly, and 0 outside: at any places, or all of it moved at once.

Conventions: a volume is (B, C, D, h, w) float32; its coordinates (x, y, z) are those of `torch.nn.functional.grid_sample` with
`align_corners=False`: -1 and 1 are the outer edges of the outermost points.

PyTorch's own function takes one point after the other on one processor core; a weighted sum of rows of a table
(`embedding_bag`) uses all cores and whole vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as fn


def sample(volume: Tensor, places: Tensor) -> Tensor:
    """The volume read at places.

    Args:
        volume: (1 or B, C, D, h, w) float32.
        places: (B, D', h', w', 3) float32 coordinates (x, y, z).

    Returns:
        (B, C, D', h', w') float32.
    """
    batch = len(places)
    if volume.device.type != "cpu":
        return fn.grid_sample(volume.expand(batch, -1, -1, -1, -1), places, align_corners=False)
    depth, height, width = volume.shape[2:]
    (x, wx), (y, wy), (z, wz) = (
        neighbours(index(places[..., i].flatten(1), size), size) for i, size in enumerate((width, height, depth))
    )
    weights = (wz[..., None, None] * wy[..., None, :, None] * wx[..., None, None, :]).flatten(2)
    rows = ((z * height)[..., None] + y[..., None, :])[..., None] * width + x[..., None, None, :]
    if len(volume) > 1:
        rows += torch.arange(batch, dtype=rows.dtype)[:, None, None, None, None] * (depth * height * width)
    table = volume.flatten(2).transpose(1, 2).reshape(-1, volume.shape[1])
    read = summed(table, rows, weights, 8)
    return read.view(*places.shape[:4], -1).permute(0, 4, 1, 2, 3)


def moved(volume: Tensor, axes: list[Tensor], shifts: Tensor) -> Tensor:
    """The volume read at given points, all of them moved by each of N shifts.

    A shift moves all points alike, so each axis is read by itself: the rows by a matrix product, then sums of four rows.

    Args:
        volume: (1 or B, C, D, h, w) float32.
        axes: coordinates x (w,), y (h,), z (D,) float32 of the points.
        shifts: (B, N, 3) float32.

    Returns:
        (B, N, C, D, h, w) float32.
    """
    batch, count = shifts.shape[:2]
    channels, depth, height, width = volume.shape[1:]
    x, y, z = (index(axis + shifts[..., i, None], len(axis)) for i, axis in enumerate(axes))  # (B, N, points)
    matrix = (1 - (x[..., None] - torch.arange(width, device=x.device)).abs()).clamp_(min=0)
    table = volume.flatten(1, 3) @ matrix.flatten(1, 2).transpose(1, 2)  # rows (B, C, D, h, N) of w numbers
    (y, wy), (z, wz) = neighbours(y, height), neighbours(z, depth)
    plane = z[:, :, None, :, None, :, None] * height + y[:, :, None, None, :, None, :]  # (B, N, 1, D, h, 2, 2)
    first = torch.arange(batch * channels, device=x.device, dtype=y.dtype).view(batch, 1, channels, 1, 1, 1, 1)
    entry = torch.arange(count, device=x.device, dtype=y.dtype).view(count, 1, 1, 1, 1, 1)
    rows = (first * (depth * height) + plane) * count + entry
    weights = (wz[:, :, None, :, None, :, None] * wy[:, :, None, None, :, None, :]).expand(rows.shape)
    read = summed(table.reshape(-1, width), rows, weights, 4)
    return read.view(batch, count, channels, depth, height, width)


def index(coordinates: Tensor, size: int) -> Tensor:
    """Coordinates to places among the `size` points of an axis: 0 is the middle of the first."""
    return ((coordinates + 1) * size - 1) / 2


def neighbours(place: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Places on an axis (...,) to the numbers int32 of the points beside them and their weights (..., 2)."""
    low = place.floor()
    beside = torch.stack([low, low + 1], -1)
    weights = (1 - (place[..., None] - beside).abs()) * ((beside >= 0) & (beside < size))
    return beside.clamp_(0, size - 1).nan_to_num_(0).int(), weights  # where a place is no number, the weight says so


def summed(table: Tensor, rows: Tensor, weights: Tensor, count: int) -> Tensor:
    """Weighted sums of `count` rows each of a table (R, n): (sums, n)."""
    return fn.embedding_bag(rows.reshape(-1, count), table, mode="sum", per_sample_weights=weights.reshape(-1, count))
