"""Where each point of the feature volume comes from: a guess for every keypoint and the background, weighed by a network.

After Siarohin et al. 2019 (arXiv 2003.00196) and Wang et al. 2021 (arXiv 2011.15126), without their Jacobians and rotations.
Conventions: the volume's coordinates (x, y, z) are -1 ... 1 at the middles of its outermost points. Sampling takes -1 and 1 as
the outer edges instead (`align_corners=False`); the networks were trained with that, so it stays.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source
from heads.liveportrait.layers import Conv, Layer
from heads.liveportrait.sizes import KEYPOINTS, Sizes

ENTRIES = KEYPOINTS + 1
"""Guesses of the motion: the background first, which stays where it is, then one a keypoint."""

VARIANCE = 0.01
"""Of the Gaussian around each keypoint, in squared coordinates (U:src/modules/util.py)."""


def grid(depth: int, side: int, device: torch.device) -> Tensor:
    """(D, h, w, 3) float32 coordinates (x, y, z) of the volume's points."""
    z, y, x = (torch.linspace(-1, 1, size, device=device) for size in (depth, side, side))
    return torch.stack(torch.meshgrid(x, y, z, indexing="ij"), -1).permute(2, 1, 0, 3).contiguous()


def sample(volume: Tensor, places: Tensor) -> Tensor:
    """The volume (B, C, D, h, w) read at places (B, D, h, w, 3), between its points linearly, 0 outside: (B, C, D, h, w)."""
    return fn.grid_sample(volume, places.to(volume.dtype), "bilinear", "zeros", align_corners=False)


class Hourglass(Layer):
    """Down by halves and up again, joined at every size: (B, 110, D, h, w) to (B, 142, D, h, w); the depth is never halved."""

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
            up.append(Conv.of(source, f"{part}.conv", width, before, *kernel, norm=f"{part}.norm"))
            before = width + widths[-2 - i]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        part = f"{name}.decoder"
        self.last = Conv.of(source, f"{part}.conv", before, before, *kernel, norm=f"{part}.norm")
        self.width = before

    def forward(self, x: Tensor) -> Tensor:
        """(B, 110, D, h, w) to (B, 142, D, h, w)."""
        levels = [x]
        for block in self.down:
            levels.append(fn.avg_pool3d(fn.relu_(block(levels[-1])), (1, 2, 2)))
        x = levels.pop()
        for block in self.up:
            x = fn.relu_(block(fn.interpolate(x, scale_factor=(1, 2, 2))))
            x = torch.cat([x, levels.pop()], 1)
        return fn.relu_(self.last(x))


class DenseMotion(nn.Module):
    """Feature volume and keypoints to the deformation and the map of what is hidden."""

    def __init__(self, source: Source, name: str, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.compress = Conv.of(source, f"{name}.compress", sizes.compressed, sizes.channels, 1, 1, 1, norm=f"{name}.norm")
        self.hourglass = Hourglass(source, f"{name}.hourglass", ENTRIES * (1 + sizes.compressed), sizes)
        width = self.hourglass.width
        self.mask = Conv.of(source, f"{name}.mask", ENTRIES, width, 7, 7, 7)
        self.occlusion = Conv.of(source, f"{name}.occlusion", 1, width * sizes.depth, 7, 7)

    def forward(self, volume: Tensor, x_s: Tensor, x_d: Tensor) -> tuple[Tensor, Tensor]:
        """Volume (B, 32, 16, 64, 64), keypoints (B, 21, 3) of source and driver, to places and visibility.

        Returns:
            deformation (B, 16, 64, 64, 3) float32: coordinates (x, y, z) where each point comes from.
            occlusion (B, 1, 64, 64) in [0, 1]: 1 where it is seen in the source.
        """
        sizes, batch = self.sizes, len(x_d)
        places = grid(sizes.depth, sizes.map, volume.device)
        shifts = fn.pad(x_s - x_d, (0, 0, 1, 0))[:, :, None, None, None]  # the background's is none
        sparse = places + shifts
        small = fn.relu_(self.compress(volume))
        seen = sample(small.repeat_interleave(ENTRIES, 0), sparse.flatten(0, 1)).unflatten(0, (batch, ENTRIES))
        heat = _heat(places, x_d) - _heat(places, x_s)
        heat = fn.pad(heat, (0, 0, 0, 0, 0, 0, 1, 0))[:, :, None].to(seen.dtype)
        x = self.hourglass(torch.cat([heat, seen], 2).flatten(1, 2))
        mask = torch.softmax(self.mask(x).float(), 1)
        deformation = torch.einsum("bkdhw,bkdhwc->bdhwc", mask, sparse)
        return deformation, torch.sigmoid(self.occlusion(x.flatten(1, 2)).float())


def _heat(places: Tensor, points: Tensor) -> Tensor:
    """(D, h, w, 3) coordinates and (B, 21, 3) keypoints to (B, 21, D, h, w): 1 at the keypoint, falling off as a Gaussian."""
    distance = (places - points[:, :, None, None, None]).square().sum(-1)
    return torch.exp(distance * (-0.5 / VARIANCE))
