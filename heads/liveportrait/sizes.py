"""What is known of the networks without loading them: files, widths of the published weights, and small ones for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FILES = {
    "F": "appearance_feature_extractor.safetensors",
    "M": "motion_extractor.safetensors",
    "W": "warping_module.safetensors",
    "G": "spade_generator.safetensors",
    "S": "stitching_retargeting_module.safetensors",
}
"""The letter of each network to its file in Kijai/LivePortrait_safetensors."""

Region = Literal["all", "exp", "pose", "lip", "eyes"]
"""Which part of the driver's motion is taken: everything, the expression, the pose, or what lips or eyes do."""

KEYPOINTS = 21
"""Implicit keypoints of a face; each has x right, y down, z into the picture."""

BINS = 66
"""Bins of each angle of the head's pose."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers from which every shape follows; the defaults are those of the published weights."""

    side: int = 256
    """Pixels of the square input pictures; the feature maps have a quarter of it."""
    block: int = 64
    """Channels after the first convolution of the appearance extractor, doubled twice; and of the generator's last block."""
    channels: int = 32
    """Channels of the feature volume."""
    depth: int = 16
    """Depth of the feature volume."""
    residuals: int = 6
    """Residual blocks of the appearance extractor."""
    stages: tuple[int, ...] = (3, 3, 9, 3)
    """Blocks of each stage of the motion extractor."""
    widths: tuple[int, ...] = (96, 192, 384, 768)
    """Channels of each stage of the motion extractor."""
    compressed: int = 4
    """Channels of the feature volume that the dense motion sees."""
    hourglass: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Channels of the hourglass on its way down."""
    narrowest: int = 32
    """Channels of the hourglass when it has come up again."""
    seg: int = 256
    """Channels of the map that the generator paints from; half of what it works with."""
    middle: int = 6
    """Blocks of the generator before it enlarges."""
    hidden: int = 128
    """Channels between the map and the generator's scales and shifts."""

    @property
    def map(self) -> int:
        """Height and width of the feature maps."""
        return self.side // 4

    @property
    def output(self) -> int:
        """Pixels of the square output pictures."""
        return self.side * 2

    @property
    def flat(self) -> int:
        """Channels of the feature volume laid flat: channel times depth."""
        return self.channels * self.depth


FULL = Sizes()
"""U:src/config/models.yaml of KwaiVGI/LivePortrait at commit 1986663."""

TINY = Sizes(
    side=64, block=8, channels=4, depth=4, residuals=2, stages=(1, 1, 2, 1), widths=(8, 16, 24, 32), compressed=2,
    hourglass=(8, 12, 16), narrowest=8, seg=16, middle=1, hidden=8,
)  # fmt: skip
"""The same architecture in small, for tests: pictures of 64 pixels become pictures of 128."""
