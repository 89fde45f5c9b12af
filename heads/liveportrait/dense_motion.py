"""Where each point of the feature volume comes from: a guess for every keypoint and the background, weighed by a network.

After Siarohin et al. 2019 (arXiv 2003.00196) and Wang et al. 2021 (arXiv 2011.15126), without their Jacobians and rotations.
Conventions: the volume's coordinates (x, y, z) are -1 ... 1 at the middles of its outermost points. Sampling takes -1 and 1 as
the outer edges instead (`align_corners=False`); the networks were trained with that, so it stays. Volumes are (B, C, D, h, w).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source, conv
from heads.liveportrait.enlarged import Twice
from heads.liveportrait.layers import Conv, Layer, arranged, empty, is_plain
from heads.liveportrait.masks import Logits, Visible
from heads.liveportrait.sampling import moved
from heads.liveportrait.sizes import KEYPOINTS, Sizes

ENTRIES = KEYPOINTS + 1
"""Guesses of the motion: the background first, which stays where it is, then one a keypoint."""

VARIANCE = 0.01
"""Of the Gaussian around each keypoint, in squared coordinates (U:src/modules/util.py)."""


class Hourglass(Layer):
    """Down by halves and up again, joined at every size; the depth is never halved.

    (B, 142, D, h, w) to the same: the last joining is with the hourglass's own 110 inputs, which come behind room for the 32
    channels that the last step up writes.
    """

    def __init__(self, source: Source, name: str, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        widths, kernel = (inputs, *sizes.hourglass), (3, 3, 3)
        down, up = [], []
        for i, width in enumerate(sizes.hourglass):
            part = f"{name}.encoder.down_blocks.{i}"
            down.append(Conv.of(source, f"{part}.conv", width, widths[i], *kernel, norm=f"{part}.norm"))
        before = widths[-1]
        for i, width in enumerate([*widths[-2:0:-1], sizes.narrowest]):
            part = f"{name}.decoder.up_blocks.{i}"
            up.append(Twice.of(source, f"{part}.conv", width, before, *kernel, norm=f"{part}.norm"))
            before = width + widths[-2 - i]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        part = f"{name}.decoder"
        self.last = Conv.of(source, f"{part}.conv", before, before, *kernel, norm=f"{part}.norm")
        self.width, self.room = before, sizes.narrowest

    def forward(self, x: Tensor) -> Tensor:
        """(B, 142, D, h, w), of which the first 32 channels are written to, to (B, 142, D, h, w)."""
        *blocks, last = self.up
        levels = [arranged(x[:, self.room :])]
        for block in self.down:
            levels.append(halved(fn.relu_(block(levels[-1]))))
        y = levels.pop()
        for block in blocks:
            y = torch.cat([block(y), levels.pop()], 1)
        x[:, : self.room] = last(y)
        return fn.relu_(self.last(x))


class DenseMotion(nn.Module):
    """Feature volume and keypoints to the deformation and the map of what is hidden."""

    def __init__(self, source: Source, name: str, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.compress = Conv.of(source, f"{name}.compress", sizes.compressed, sizes.channels, 1, 1, 1, norm=f"{name}.norm")
        self.hourglass = Hourglass(source, f"{name}.hourglass", ENTRIES * (1 + sizes.compressed), sizes)
        width = self.hourglass.width
        self.logits = Logits(*conv(source, f"{name}.mask", ENTRIES, width, 7, 7, 7), sizes.depth)
        self.visible = Visible(*conv(source, f"{name}.occlusion", 1, width * sizes.depth, 7, 7))

    def forward(self, volume: Tensor, x_s: Tensor, x_d: Tensor) -> tuple[Tensor, Tensor]:
        """Volume (1 or B, 32, 16, 64, 64) and keypoints (B, 21, 3) float32 of source and driver to places and visibility.

        Returns:
            deformation (B, 16, 64, 64, 3) float32: coordinates (x, y, z) where each point comes from.
            occlusion (B, 1, 64, 64) float32 in [0, 1]: 1 where it is seen in the source.
        """
        sizes = self.sizes
        axes = [coordinates(size, volume) for size in (sizes.map, sizes.map, sizes.depth)]
        shifts = fn.pad(x_s - x_d, (0, 0, 1, 0))  # the background's is none
        x = empty(volume, len(x_d), self.hourglass.width, sizes.depth, sizes.map, sizes.map)
        channels = x[:, sizes.narrowest :].unflatten(1, (ENTRIES, -1))
        channels[:, 0, 0] = 0
        channels[:, 1:, 0] = heat(axes, x_d) - heat(axes, x_s)
        channels[:, :, 1:] = moved(fn.relu_(self.compress(volume)).float(), axes, shifts)
        x = self.hourglass(x)
        mask = torch.softmax(self.logits(x).float(), 1)
        moves = shifts.transpose(1, 2) @ mask.flatten(2)  # the masks of a point sum to 1, so the grid itself needs none
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).permute(2, 1, 0, 3)
        deformation = grid + moves.unflatten(2, mask.shape[2:]).permute(0, 2, 3, 4, 1)
        return deformation, torch.sigmoid(self.visible(x).float())


def halved(x: Tensor) -> Tensor:
    """Means of 2 x 2 points of every plane: (B, C, D, h, w) to (B, C, D, h / 2, w / 2)."""
    planes = x.flatten(1, 2) if is_plain(x) else x.transpose(1, 2).flatten(0, 1)
    small = fn.avg_pool2d(planes, 2)
    halves: Tensor = small.unflatten(1, x.shape[1:3]) if is_plain(x) else small.unflatten(0, (len(x), -1)).transpose(1, 2)
    return halves


def coordinates(size: int, like: Tensor) -> Tensor:
    """(size,) float32 from -1 to 1: the coordinates of an axis's points."""
    return torch.linspace(-1, 1, size, device=like.device)


def heat(axes: list[Tensor], points: Tensor) -> Tensor:
    """A Gaussian around each keypoint: axes x, y, z and (B, 21, 3) to (B, 21, D, h, w) float32; the product of three."""
    x, y, z = (torch.exp((axis - points[..., i, None]).square() * (-0.5 / VARIANCE)) for i, axis in enumerate(axes))
    return z[..., :, None, None] * (y[..., :, None] * x[..., None, :])[:, :, None]
