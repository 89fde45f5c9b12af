"""S: three small networks that correct keypoints: the neck stays joined, eyes and lips reach what they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as fn

from heads.liveportrait.checkpoint import Source
from heads.liveportrait.layers import Layer, Linear
from heads.liveportrait.sizes import KEYPOINTS

POINTS = 3 * KEYPOINTS
"""Numbers of a set of keypoints."""

LAYERS = {
    "retarget_shoulder": (2 * POINTS, 128, 128, 64, POINTS + 2),
    "retarget_mouth": (POINTS + 2, 128, 128, 64, POINTS),
    "retarget_eye": (POINTS + 3, 256, 256, 128, 128, 64, POINTS),
}
"""Name in the file to the widths from input to output (U:src/config/models.yaml)."""

OTHER_NAMES = {"retarget_shoulder": "stitching", "retarget_mouth": "retarget_lip", "retarget_eye": "retarget_eye"}
"""Names in the second published spelling (AEmotionStudio/liveportrait-models)."""


def spellings(key: str) -> Iterable[str]:
    """The names that a tensor of the stitching file may have: `retarget_shoulder_module.mlp.0.weight` is the usual one."""
    yield key
    module, _, rest = key.partition("_module.")
    other = OTHER_NAMES[module]
    for part in (rest, rest.removeprefix("mlp.")):
        yield f"{other}.{part}"
        yield f"{other}.module.{part}"


class Perceptron(Layer):
    """Linear layers with ReLU between them: (B, in) to (B, out) float32."""

    def __init__(self, source: Source, name: str) -> None:
        super().__init__()
        layers = (
            Linear(source, f"{name}_module.mlp.{2 * i}", inputs, outputs)
            for i, (inputs, outputs) in enumerate(pairwise(LAYERS[name]))
        )
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) to (B, out)."""
        for i, layer in enumerate(self.layers):
            x = layer(fn.relu(x) if i else x)
        return x
