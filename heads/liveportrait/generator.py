"""G: the bent feature map becomes a picture. A generator with SPADE (Park et al. 2019, arXiv 1903.07291)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import BATCH_EPS, Source, conv, spectral
from heads.liveportrait.layers import Conv, Layer
from heads.liveportrait.sizes import Sizes

LEAK = 0.2
"""Slope of the leaky ReLU below 0 (U:src/modules/util.py)."""


class Spade(Layer):
    """Instance norm, then a scale and a shift for every pixel, made from the map: (B, C, h, w) to the same."""

    def __init__(self, source: Source, name: str, channels: int, sizes: Sizes) -> None:
        super().__init__()
        hidden = sizes.hidden
        self.shared = Conv.of(source, f"{name}.mlp_shared.0", hidden, sizes.seg, 3, 3)
        pairs = [conv(source, f"{name}.mlp_{part}", channels, hidden, 3, 3) for part in ("gamma", "beta")]
        self.both = Conv(*(torch.cat(parts) for parts in zip(*pairs, strict=True)))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        """(B, C, h, w) and the map (B, 256, h, w), enlarged to that size, to (B, C, h, w)."""
        gamma, beta = self.both(fn.relu_(self.shared(seg))).chunk(2, 1)
        return fn.instance_norm(x, eps=BATCH_EPS) * (1 + gamma) + beta


class Block(Layer):
    """A residual block whose norms are SPADEs: (B, in, h, w) to (B, out, h, w)."""

    def __init__(self, source: Source, name: str, inputs: int, outputs: int, sizes: Sizes) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.norm_0 = Spade(source, f"{name}.norm_0", inputs, sizes)
        self.norm_1 = Spade(source, f"{name}.norm_1", middle, sizes)
        self.conv_0 = Conv(spectral(source, f"{name}.conv_0", middle, inputs, 3, 3), source.take(f"{name}.conv_0.bias", middle))
        self.conv_1 = Conv(
            spectral(source, f"{name}.conv_1", outputs, middle, 3, 3), source.take(f"{name}.conv_1.bias", outputs)
        )
        self.norm_s = Spade(source, f"{name}.norm_s", inputs, sizes) if inputs != outputs else None
        self.conv_s = Conv(spectral(source, f"{name}.conv_s", outputs, inputs, 1, 1), None) if inputs != outputs else None

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        """(B, in, h, w) and the map (B, 256, h, w), enlarged to that size, to (B, out, h, w)."""
        y = self.conv_0(fn.leaky_relu_(self.norm_0(x, seg), LEAK))
        y = self.conv_1(fn.leaky_relu_(self.norm_1(y, seg), LEAK))
        if self.norm_s is None or self.conv_s is None:
            return x + y
        return self.conv_s(self.norm_s(x, seg)) + y


class Generator(Layer):
    """The map (B, 256, 64, 64) to pictures (B, 3, 512, 512) RGB float32 in (0, 1)."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        super().__init__()
        wide = 2 * sizes.seg
        self.fc = Conv.of(source, "fc", wide, sizes.seg, 3, 3)
        self.middle = nn.ModuleList(Block(source, f"G_middle_{i}", wide, wide, sizes) for i in range(sizes.middle))
        self.up_0 = Block(source, "up_0", wide, sizes.seg, sizes)
        self.up_1 = Block(source, "up_1", sizes.seg, sizes.block, sizes)
        self.image = Conv.of(source, "conv_img.0", 12, sizes.block, 3, 3)

    def forward(self, seg: Tensor) -> Tensor:
        """(B, 256, 64, 64) to (B, 3, 512, 512)."""
        x = self.fc(seg)
        for block in self.middle:
            x = block(x, seg)
        for block in (self.up_0, self.up_1):
            x = fn.interpolate(x, scale_factor=2)
            x = block(x, fn.interpolate(seg, x.shape[2:]))
        return torch.sigmoid(fn.pixel_shuffle(self.image(fn.leaky_relu_(x, LEAK)), 2).float())
