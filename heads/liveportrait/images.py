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
    return Coming(pictures).arrived()


class Coming:
    """Pictures that a device is still working on, on their way to the CPU as bytes: a quarter of what their floats would be.

    Args:
        pictures: as `to_uint8` takes them; whatever the device has been asked for comes first.
        held: what the device may still read until they have arrived (`Networks.aside`).
    """

    def __init__(self, pictures: Tensor, held: object = None) -> None:
        self._held = held
        levels = (pictures.float().clamp(0, 1) * 255).to(torch.uint8)
        self._levels = levels.permute(0, 2, 3, 1).contiguous()
        self._done: torch.cuda.Event | None = None
        if pictures.device.type == "cuda":
            # Only memory that stays in its place can be copied to while this thread goes on.
            there = torch.empty(self._levels.shape, dtype=torch.uint8, pin_memory=True)
            self._levels = there.copy_(self._levels, non_blocking=True)
            self._done = torch.cuda.Event(blocking=True)
            self._done.record(torch.cuda.current_stream(pictures.device))

    def arrived(self) -> Image:
        """(B, H, W, 3) uint8 RGB; waits for the device, and lets other threads run meanwhile."""
        if self._done is not None:
            self._done.synchronize()
        return np.ascontiguousarray(self._levels.cpu().numpy())
