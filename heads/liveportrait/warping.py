"""W: the feature volume is bent as the keypoints move, and laid flat for the generator."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source
from heads.liveportrait.dense_motion import DenseMotion
from heads.liveportrait.layers import Conv, arranged
from heads.liveportrait.sampling import sample
from heads.liveportrait.sizes import Sizes

LEAK = 0.01
"""Slope of the leaky ReLU below 0 (PyTorch's default)."""


@dataclass(frozen=True, slots=True, eq=False)
class Warped:
    """What the warping gives for B frames."""

    seg: Tensor
    """(B, 256, 64, 64) the map that the generator paints from, in the networks' precision."""
    deformation: Tensor
    """(B, 16, 64, 64, 3) float32: coordinates (x, y, z), -1 ... 1, where each point of the volume comes from."""
    occlusion: Tensor
    """(B, 1, 64, 64) float32 in [0, 1]: 1 where the point is seen in the source."""


class Warping(nn.Module):
    """Feature volume (1 or B, 32, 16, 64, 64) and keypoints (B, 21, 3) to `Warped`."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        super().__init__()
        self.dense = DenseMotion(source, "dense_motion_network", sizes)
        self.third = Conv.of(source, "third.conv", sizes.seg, sizes.flat, 3, 3, norm="third.norm")
        self.fourth = Conv.of(source, "fourth", sizes.seg, sizes.seg, 1, 1)

    def forward(self, volume: Tensor, x_s: Tensor, x_d: Tensor) -> Warped:
        """See the class; volume and keypoints float32."""
        kind = self.fourth.weight.dtype
        deformation, occlusion = self.dense(volume.to(kind), x_s, x_d)
        flat = arranged(sample(volume, deformation).flatten(1, 2).to(kind))
        seg = self.fourth(fn.leaky_relu_(self.third(flat), LEAK))
        return Warped(seg.mul_(occlusion.to(kind)), deformation, occlusion)
