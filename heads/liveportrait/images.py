"""Pictures to tensors and back, as the networks were trained on them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from heads.base import Image


def prepare(images: Sequence[Image], side: int, device: torch.device | str = "cpu") -> Tensor:
    """Pictures (H, W, 3) uint8 RGB, of any sizes, to (B, 3, side, side) float32 in [0, 1].

    Other sizes are resized bilinearly without regard to their shape (U:src/live_portrait_wrapper.py); shrink large
    pictures by averaging before, where it matters.
    """
    fitted = [image if image.shape[:2] == (side, side) else cv2.resize(image, (side, side)) for image in images]
    stack = torch.from_numpy(np.stack(fitted)).to(device)
    return stack.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def to_uint8(pictures: Tensor) -> Image:
    """Pictures (B, 3, H, W) float in [0, 1] to (B, H, W, 3) uint8 RGB on the CPU: clipped, times 255, truncated."""
    levels = (pictures.float().clamp(0, 1) * 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
