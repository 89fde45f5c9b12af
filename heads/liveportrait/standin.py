"""Made-up weights that behave like trained ones: every layer matters, nothing saturates, every machine gets the same bits.

The published weights cannot be had everywhere; speed does not depend on their values, and numerical agreement can be shown
with any. A value depends on seed, network, name and shape alone: Philox4x64-10 (Salmon et al. 2011) keyed by their hash.
"""

from __future__ import annotations

import hashlib
import math
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GAINS = (
    ("M", "detector.fc_kp.", 0.25, 0.10, 0.0),
    ("M", "detector.fc_exp.", 0.05, 0.01, 0.0),
    ("M", "detector.fc_t.", 0.10, 0.02, 0.0),
    ("M", "detector.fc_scale.", 0.15, 0.00, 1.3),
    ("M", "detector.fc_pitch.", 2.00, 0.50, 0.0),
    ("M", "detector.fc_yaw.", 2.00, 0.50, 0.0),
    ("M", "detector.fc_roll.", 2.00, 0.50, 0.0),
    ("M", "", 1.00, 0.10, 0.0),
    ("W", "dense_motion_network.compress.", 2.00, 0.50, 0.0),
    ("W", "dense_motion_network.mask.", 1.20, 0.50, 0.0),
    ("W", "dense_motion_network.occlusion.", 1.20, 0.50, 0.0),
    ("W", "fourth.", 2.00, 0.10, 0.0),
    ("W", "", 1.50, 0.10, 0.0),
    ("G", ".mlp_gamma.", 0.70, 0.10, 0.0),
    ("G", ".mlp_beta.", 0.70, 0.10, 0.0),
    ("G", "conv_img.", 1.00, 0.20, 0.0),
    ("G", "", 1.20, 0.10, 0.0),
    ("S", "retarget_shoulder_module.mlp.6.", 0.10, 0.01, 0.0),
    ("S", "retarget_mouth_module.mlp.6.", 0.10, 0.01, 0.0),
    ("S", "retarget_eye_module.mlp.10.", 0.10, 0.01, 0.0),
    ("S", "", 1.40, 0.10, 0.0),
    ("F", "second.", 1.00, 0.10, 0.0),
    ("F", ".conv2.", 0.50, 0.10, 0.0),
    ("F", "", 1.41421356237309515, 0.10, 0.0),
)
"""Network, part of a name, gain of the weights, spread and middle of the biases; the first row that fits counts. Chosen so that
activations keep a standard deviation between 0.05 and 5 in every layer."""


def words(label: str, count: int) -> NDArray[np.uint64]:
    """(count,) uint64 of Philox4x64-10 with the first 16 bytes of the label's SHA-256 as its key, from counter 0."""
    key = np.frombuffer(hashlib.sha256(label.encode()).digest()[:16], "<u8").astype(np.uint64)
    return np.random.Philox(key=key, counter=0).random_raw(count)


class StandIn:
    """A `checkpoint.Source` of one network that invents what it is asked for.

    Args:
        network: "F", "M", "W", "G" or "S".
        seed: any text.
    """

    def __init__(self, network: str, seed: str) -> None:
        self._network, self._seed = network, seed

    def take(self, key: str, *shape: int) -> Tensor:
        """The tensor of that name and shape: float32, or an int64 scalar for `num_batches_tracked`."""
        if key.endswith("num_batches_tracked"):
            return torch.tensor(1000)
        return torch.from_numpy(self._values(key, shape).astype(np.float32).reshape(shape))

    def _values(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        count, fan_in = prod(shape), prod(shape[1:])
        gain, spread, middle = next(row[2:] for row in GAINS if row[0] == self._network and row[1] in key)
        if key.endswith("running_mean"):
            return 0.2 * self._even(key, count)
        if key.endswith("running_var"):
            return 1.0 + 0.5 * self._even(key, count)
        if key.endswith((".weight_u", ".weight_v")):
            return self._unit(key, count)
        width = (
            gain * math.sqrt(3) / math.sqrt(fan_in)
        )  # an even spread of that half width has the deviation gain / sqrt(fan_in)
        if key.endswith(".weight_orig"):
            u, v = (self._unit(key.removesuffix("orig") + part, size) for part, size in (("u", shape[0]), ("v", fan_in)))
            level = 1.5 + 1.5 * (self._even(key + "#sigma", 1)[0] + 1) / 2
            stored: NDArray[np.float64] = (
                self._even(key, count).reshape(shape[0], fan_in) * width + np.multiply.outer(u, v)
            ) * level
            return stored
        if key.endswith("grn.gamma"):
            return 0.5 * self._even(key, count)
        if key.endswith("grn.beta"):
            return 0.1 * self._even(key, count)
        if key.endswith("bias"):
            return middle + spread * self._even(key, count)
        return 1.0 + 0.25 * self._even(key, count) if len(shape) == 1 else self._even(key, count) * width

    def _even(self, key: str, count: int) -> NDArray[np.float64]:
        """`count` numbers in [-1, 1) on a grid of 24 bits."""
        raw = words(f"lpkit1|{self._seed}|{self._network}|{key}", count)
        return (raw >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1

    def _unit(self, key: str, count: int) -> NDArray[np.float64]:
        """A vector of length 1 whose entries differ in sign only."""
        return np.where(self._even(key, count) >= 0, 1.0, -1.0) / math.sqrt(count)


class Recorded(StandIn):
    """Remembers what it was asked for, so that the same tensors can be written to a file or given to another network."""

    def __init__(self, network: str, seed: str) -> None:
        super().__init__(network, seed)
        self.tensors: dict[str, Tensor] = {}

    def take(self, key: str, *shape: int) -> Tensor:
        """The tensor of that name and shape, and kept."""
        self.tensors[key] = super().take(key, *shape)
        return self.tensors[key].clone()
