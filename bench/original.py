"""LivePortrait's networks as plainly as they are described: the oracle of our fast ones, and what their speed is compared with.

One module for each box of the paper (Guo et al. 2024, arXiv 2407.03168; sizes: U:src/config/models.yaml of KwaiVGI/LivePortrait
at 1986663), with the published names of the tensors, batch and spectral norms where they stand, every grid sampled, every map
enlarged before its convolution. Nothing is folded, fused or reordered.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.sizes import FULL, Sizes


def spectral(conv: nn.Module) -> nn.Module:
    """Spectral norm in the form of the checkpoint: `weight_orig`, `weight_u`, `weight_v`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newer form has other names
        normed: nn.Module = nn.utils.spectral_norm(conv)
    return normed


class Normed(nn.Module):
    """Convolution, batch norm, activation, perhaps average pooling."""

    def __init__(self, dims: int, inputs: int, outputs: int, act: Callable[[Tensor], Tensor], pool: Any = None) -> None:
        super().__init__()
        self.conv: nn.Module = (nn.Conv2d if dims == 2 else nn.Conv3d)(inputs, outputs, 3, padding=1)
        self.norm = (nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d)(outputs)
        self.act, self.pool = act, pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, …) to (B, out, …)."""
        x = self.act(self.norm(self.conv(x)))
        return (fn.avg_pool2d if x.dim() == 4 else fn.avg_pool3d)(x, self.pool) if self.pool else x


class Residual(nn.Module):
    """A block of the feature volume."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv3d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm3d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, h, w) to the same."""
        y = self.conv1(fn.relu(self.norm1(x)))
        total: Tensor = x + self.conv2(fn.relu(self.norm2(y)))
        return total


class Appearance(nn.Module):
    """F."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.shape = sizes.block, (sizes.channels, sizes.depth)
        self.first = Normed(2, 3, width, fn.relu)
        self.down_blocks = nn.ModuleList(Normed(2, width << i, width << i + 1, fn.relu, 2) for i in range(2))
        self.second = nn.Conv2d(4 * width, sizes.flat, 1)
        self.resblocks_3d = nn.Sequential()
        for i in range(sizes.residuals):
            self.resblocks_3d.add_module(f"3dr{i}", Residual(sizes.channels))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, 256, 256) to volumes (B, 32, 16, 64, 64)."""
        x = self.first(x)
        for block in self.down_blocks:
            x = block(x)
        x = self.second(x)
        volume: Tensor = self.resblocks_3d(x.reshape(len(x), *self.shape, *x.shape[2:]))
        return volume


class Response(nn.Module):
    """Global response norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = (nn.Parameter(torch.zeros(1, 1, 1, channels)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, h, w, C) to the same."""
        length = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        y: Tensor = self.gamma * (x * (length / (length.mean(-1, keepdim=True) + 1e-6))) + self.beta + x
        return y


class ConvNextBlock(nn.Module):
    """A block of ConvNeXt V2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, 1e-6)
        self.pwconv1, self.grn, self.pwconv2 = nn.Linear(width, 4 * width), Response(4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        total: Tensor = x + self.pwconv2(self.grn(fn.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)
        return total


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a picture."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvNext(nn.Module):
    """ConvNeXt V2 with seven heads."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths = sizes.widths
        steps = [nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0], 1e-6))]
        steps += [nn.Sequential(ChannelNorm(a, 1e-6), nn.Conv2d(a, b, 2, 2)) for a, b in pairwise(widths)]
        self.downsample_layers = nn.ModuleList(steps)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(width) for _ in range(count)))
            for count, width in zip(sizes.stages, widths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], 1e-6)
        for name, count in {"kp": 63, "scale": 1, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63}.items():
            self.add_module(f"fc_{name}", nn.Linear(widths[-1], count))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures (B, 3, 256, 256) to raw vectors."""
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(down(x))
        x = self.norm(x.mean((2, 3)))
        return {name.removeprefix("fc_"): head(x) for name, head in self.named_children() if name.startswith("fc_")}


class Motion(nn.Module):
    """M."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.detector = ConvNext(sizes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures (B, 3, 256, 256) to raw vectors."""
        raw: dict[str, Tensor] = self.detector(x)
        return raw


class Hourglass(nn.Module):
    """Encoder and decoder of the dense motion."""

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        widths = (inputs, *sizes.hourglass)
        self.down = nn.ModuleList(Normed(3, a, b, fn.relu, (1, 2, 2)) for a, b in pairwise(widths))
        up, before = [], widths[-1]
        for width, beside in zip((*widths[-2:0:-1], sizes.narrowest), widths[-2::-1], strict=True):
            up.append(Normed(3, before, width, fn.relu))
            before = width + beside
        self.up, self.width = nn.ModuleList(up), before
        self.encoder.down_blocks, self.decoder.up_blocks = self.down, self.up
        self.decoder.conv, self.decoder.norm = nn.Conv3d(before, before, 3, padding=1), nn.BatchNorm3d(before)
        del self.down, self.up

    def forward(self, x: Tensor) -> Tensor:
        """(B, 110, D, h, w) to (B, 142, D, h, w)."""
        levels = [x]
        for block in self.encoder.get_submodule("down_blocks").children():
            levels.append(block(levels[-1]))
        x = levels.pop()
        for block in self.decoder.get_submodule("up_blocks").children():
            x = torch.cat([block(fn.interpolate(x, scale_factor=(1, 2, 2))), levels.pop()], 1)
        return fn.relu(self.decoder.get_submodule("norm")(self.decoder.get_submodule("conv")(x)))


class DenseMotion(nn.Module):
    """The deformation and the map of what is seen."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.compress = nn.Conv3d(sizes.channels, sizes.compressed, 1)
        self.norm = nn.BatchNorm3d(sizes.compressed)
        self.hourglass = Hourglass(22 * (1 + sizes.compressed), sizes)
        self.mask = nn.Conv3d(self.hourglass.width, 22, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.width * sizes.depth, 1, 7, padding=3)

    def forward(self, volume: Tensor, x_s: Tensor, x_d: Tensor) -> tuple[Tensor, Tensor]:
        """Volume (B, 32, 16, 64, 64), keypoints (B, 21, 3), to deformation (B, 16, 64, 64, 3) and occlusion (B, 1, 64, 64)."""
        small = fn.relu(self.norm(self.compress(volume)))
        batch, channels, depth, height, width = small.shape
        z, y, x = (2 * torch.arange(n, dtype=torch.float32) / (n - 1) - 1 for n in (depth, height, width))
        places = torch.stack([part.expand(depth, height, width) for part in (x, y[:, None], z[:, None, None])], -1)
        moved = places - x_d[:, :, None, None, None] + x_s[:, :, None, None, None]
        sparse = torch.cat([places.expand(batch, 1, -1, -1, -1, -1), moved], 1)
        many = small[:, None].repeat(1, 22, 1, 1, 1, 1).flatten(0, 1)
        sampled = fn.grid_sample(many, sparse.flatten(0, 1), align_corners=False).reshape(
            batch, 22, channels, depth, height, width
        )
        heat = self.heat(places, x_d) - self.heat(places, x_s)
        heat = torch.cat([torch.zeros(batch, 1, depth, height, width), heat], 1)[:, :, None]
        features = self.hourglass(torch.cat([heat, sampled], 2).flatten(1, 2))
        mask = torch.softmax(self.mask(features), 1)[..., None]
        occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        return (sparse * mask).sum(1), occlusion

    @staticmethod
    def heat(places: Tensor, points: Tensor) -> Tensor:
        """(B, 21, D, h, w): a Gaussian around each point."""
        return torch.exp(-0.5 * (places - points[:, :, None, None, None]).square().sum(-1) / 0.01)


class Warping(nn.Module):
    """W."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotion(sizes)
        self.third = Normed(2, sizes.flat, sizes.seg, partial(fn.leaky_relu, negative_slope=0.01))
        self.fourth = nn.Conv2d(sizes.seg, sizes.seg, 1)

    def forward(self, volume: Tensor, x_s: Tensor, x_d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Volume (B, 32, 16, 64, 64), keypoints (B, 21, 3), to the map (B, 256, 64, 64), deformation and occlusion."""
        deformation, occlusion = self.dense_motion_network(volume, x_s, x_d)
        bent = fn.grid_sample(volume, deformation, align_corners=False).flatten(1, 2)
        return self.fourth(self.third(bent)) * occlusion, deformation, occlusion


class Spade(nn.Module):
    """A norm that the map steers."""

    def __init__(self, channels: int, sizes: Sizes) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.mlp_shared = nn.Sequential(nn.Conv2d(sizes.seg, sizes.hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma, self.mlp_beta = (nn.Conv2d(sizes.hidden, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        """(B, C, h, w) and the map (B, 256, 64, 64) to (B, C, h, w)."""
        y = self.mlp_shared(fn.interpolate(seg, x.shape[2:]))
        steered: Tensor = self.norm(x) * (1 + self.mlp_gamma(y)) + self.mlp_beta(y)
        return steered


class SpadeBlock(nn.Module):
    """A residual block of the generator."""

    def __init__(self, inputs: int, outputs: int, sizes: Sizes) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.conv_0 = spectral(nn.Conv2d(inputs, middle, 3, padding=1))
        self.conv_1 = spectral(nn.Conv2d(middle, outputs, 3, padding=1))
        self.norm_0, self.norm_1 = Spade(inputs, sizes), Spade(middle, sizes)
        if inputs != outputs:
            self.conv_s, self.norm_s = spectral(nn.Conv2d(inputs, outputs, 1, bias=False)), Spade(inputs, sizes)

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        """(B, in, h, w) and the map to (B, out, h, w)."""
        shortcut = self.conv_s(self.norm_s(x, seg)) if hasattr(self, "conv_s") else x
        y = self.conv_0(fn.leaky_relu(self.norm_0(x, seg), 0.2))
        y = self.conv_1(fn.leaky_relu(self.norm_1(y, seg), 0.2))
        total: Tensor = shortcut + y
        return total


class Generator(nn.Module):
    """G."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        wide, self.count = 2 * sizes.seg, sizes.middle
        self.fc = nn.Conv2d(sizes.seg, wide, 3, padding=1)
        for i in range(sizes.middle):
            self.add_module(f"G_middle_{i}", SpadeBlock(wide, wide, sizes))
        self.up_0, self.up_1 = SpadeBlock(wide, sizes.seg, sizes), SpadeBlock(sizes.seg, sizes.block, sizes)
        self.conv_img = nn.Sequential(nn.Conv2d(sizes.block, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, seg: Tensor) -> Tensor:
        """The map (B, 256, 64, 64) to pictures (B, 3, 512, 512)."""
        x = self.fc(seg)
        for i in range(self.count):
            x = self.get_submodule(f"G_middle_{i}")(x, seg)
        x = self.up_0(fn.interpolate(x, scale_factor=2), seg)
        x = self.up_1(fn.interpolate(x, scale_factor=2), seg)
        return torch.sigmoid(self.conv_img(fn.leaky_relu(x, 0.2)))


class Stitching(nn.Module):
    """S."""

    def __init__(self) -> None:
        super().__init__()
        widths = {
            "retarget_shoulder_module": (126, 128, 128, 64, 65),
            "retarget_mouth_module": (65, 128, 128, 64, 63),
            "retarget_eye_module": (66, 256, 256, 128, 128, 64, 63),
        }
        for name, sizes in widths.items():
            layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())][:-1]
            module = nn.Module()
            module.add_module("mlp", nn.Sequential(*layers))
            self.add_module(name, module)

    def forward(self, name: str, x: Tensor) -> Tensor:
        """(B, in) to (B, out)."""
        out: Tensor = self.get_submodule(f"{name}_module.mlp")(x)
        return out


KINDS: dict[str, Callable[[Sizes], nn.Module]] = {
    "F": Appearance, "M": Motion, "W": Warping, "G": Generator, "S": lambda _: Stitching(),
}  # fmt: skip


def network(name: str, tensors: Mapping[str, Tensor], sizes: Sizes = FULL) -> nn.Module:
    """One network, by its letter, from the tensors of its file: loaded strictly."""
    with torch.device("meta"):
        module = KINDS[name](sizes)
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    return module.eval().requires_grad_(False)
