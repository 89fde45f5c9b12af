"""M: a picture of a face becomes keypoints, expression and pose. ConvNeXt V2 (Woo et al. 2023, arXiv 2301.00808), size tiny."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source
from heads.liveportrait.layers import Layer, Linear
from heads.liveportrait.sizes import BINS, KEYPOINTS, Sizes

EPS = 1e-6
"""Of the layer norms and of the response norm (Woo et al., their code)."""

HEADS = {"pitch": BINS, "yaw": BINS, "roll": BINS, "t": 3, "exp": 3 * KEYPOINTS, "scale": 1, "kp": 3 * KEYPOINTS}
"""What is read from the pooled features, and how many numbers."""


class LayerNorm(Layer):
    """Mean 0 and variance 1 over the last axis, then scale and shift: (…, C) to the same."""

    weight: Tensor
    bias: Tensor

    def __init__(self, source: Source, name: str, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", source.take(f"{name}.weight", channels))
        self.register_buffer("bias", source.take(f"{name}.bias", channels))

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) to the same."""
        return fn.layer_norm(x, self.weight.shape, self.weight, self.bias, EPS)


class Down(Layer):
    """A convolution as wide as its stride, which is a matrix for tiles: (B, h, w, in) to (B, h / k, w / k, out)."""

    weight: Tensor
    bias: Tensor

    def __init__(self, source: Source, name: str, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        taps = source.take(f"{name}.weight", outputs, inputs, stride, stride)
        self.register_buffer("weight", taps.permute(0, 2, 3, 1).flatten(1).contiguous())
        self.register_buffer("bias", source.take(f"{name}.bias", outputs))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, in) to (B, h / k, w / k, out)."""
        tiles = x.unflatten(1, (-1, self.stride)).unflatten(3, (-1, self.stride)).transpose(2, 3)
        return fn.linear(tiles.flatten(3), self.weight, self.bias)


class Block(Layer):
    """A block of ConvNeXt V2: (B, h, w, C) to the same."""

    kernel: Tensor
    bias: Tensor
    gamma: Tensor

    def __init__(self, source: Source, name: str, channels: int) -> None:
        super().__init__()
        self.register_buffer("kernel", source.take(f"{name}.dwconv.weight", channels, 1, 7, 7))
        self.register_buffer("bias", source.take(f"{name}.dwconv.bias", channels))
        self.norm = LayerNorm(source, f"{name}.norm", channels)
        self.expand = Linear(source, f"{name}.pwconv1", channels, 4 * channels)
        self.register_buffer("gamma", source.take(f"{name}.grn.gamma", 1, 1, 1, 4 * channels))
        beta = source.take(f"{name}.grn.beta", 1, 1, 1, 4 * channels)
        self.shrink = Linear(source, f"{name}.pwconv2", 4 * channels, channels)
        # the shift of the response norm goes through the matrix once, here, instead of being added in every frame
        moved = torch.mv(self.shrink.weight.double(), beta.flatten().double())
        self.shrink.bias = (self.shrink.bias.double() + moved).float()

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) to the same."""
        planes = x.permute(0, 3, 1, 2)
        if planes.device.type == "cuda":
            # PyTorch gives channels-last planes to cuDNN, which rounds to TF32; others to kernels of its own, in float32
            planes = planes.contiguous()
        y = fn.conv2d(planes, self.kernel, self.bias, padding=3, groups=len(self.bias)).permute(0, 2, 3, 1)
        y = fn.gelu(self.expand(self.norm(y)))
        # global response norm: each channel's length over the picture, compared with the mean channel's
        length = y.square().sum((1, 2), keepdim=True).sqrt()  # torch.linalg.vector_norm takes twice as long on a CPU
        share = length / (length.mean(-1, keepdim=True) + EPS)
        return x + self.shrink(y.mul_(self.gamma * share + 1))


class MotionExtractor(nn.Module):
    """(B, 3, 256, 256) RGB in [0, 1] to the seven raw vectors of `HEADS`, (B, n) float32 each."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        super().__init__()
        down, norms, widths = "detector.downsample_layers", [], (3, *sizes.widths)
        downs: list[nn.Module] = []
        stages: list[nn.Module] = []
        for i, blocks in enumerate(sizes.stages):
            before, width = widths[i : i + 2]
            # the first layer norm follows its convolution, the others precede theirs
            norms.append(LayerNorm(source, f"{down}.{i}.{0 if i else 1}", before if i else width))
            downs.append(Down(source, f"{down}.{i}.{1 if i else 0}", before, width, 2 if i else 4))
            stages.append(nn.Sequential(*(Block(source, f"detector.stages.{i}.{b}", width) for b in range(blocks))))
        self.norms, self.downs, self.stages = nn.ModuleList(norms), nn.ModuleList(downs), nn.ModuleList(stages)
        self.norm = LayerNorm(source, "detector.norm", widths[-1])
        self.heads = nn.ModuleDict({name: Linear(source, f"detector.fc_{name}", widths[-1], n) for name, n in HEADS.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, 256, 256) to pitch, yaw and roll (B, 66) logits, t (B, 3), exp (B, 63), scale (B, 1), kp (B, 63)."""
        x = images.permute(0, 2, 3, 1)
        for i, (norm, down, stage) in enumerate(zip(self.norms, self.downs, self.stages, strict=True)):
            x = stage(down(norm(x)) if i else norm(down(x)))
        pooled = self.norm(x.mean((1, 2)))
        return {name: head(pooled).float() for name, head in self.heads.items()}
