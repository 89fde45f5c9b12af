"""F: a portrait's picture becomes a volume of features, once a portrait."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source
from heads.liveportrait.layers import Conv, Layer, Scale
from heads.liveportrait.sizes import Sizes


class Residual(Layer):
    """Norm, ReLU and convolution, twice, added to the input: (B, C, D, h, w) to the same."""

    def __init__(self, source: Source, name: str, channels: int) -> None:
        super().__init__()
        shape = (channels, channels, 3, 3, 3)
        self.norm = Scale(source, f"{name}.norm1", channels)
        self.first = Conv.of(source, f"{name}.conv1", *shape, norm=f"{name}.norm2")
        self.second = Conv.of(source, f"{name}.conv2", *shape)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, h, w) to the same."""
        return x + self.second(fn.relu_(self.first(fn.relu(self.norm(x)))))


class Appearance(Layer):
    """(B, 3, 256, 256) RGB in [0, 1] to the feature volume (B, 32, 16, 64, 64), axes (channel, depth, row, column)."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        super().__init__()
        self.volume = (sizes.channels, sizes.depth)
        width = sizes.block
        self.first = Conv.of(source, "first.conv", width, 3, 3, 3, norm="first.norm")
        self.down = nn.ModuleList(
            Conv.of(source, f"down_blocks.{i}.conv", width << i + 1, width << i, 3, 3, norm=f"down_blocks.{i}.norm")
            for i in range(2)
        )
        self.second = Conv.of(source, "second", sizes.flat, 4 * width, 1, 1)
        self.residuals = nn.Sequential(
            *(Residual(source, f"resblocks_3d.3dr{i}", sizes.channels) for i in range(sizes.residuals))
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 256, 256) to (B, 32, 16, 64, 64)."""
        x = fn.relu(self.first(images))
        for block in self.down:
            x = fn.avg_pool2d(fn.relu(block(x)), 2)
        volume: Tensor = self.residuals(self.second(x).unflatten(1, self.volume))
        return volume
