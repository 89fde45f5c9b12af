"""Two wide convolutions with few outputs that end the dense motion, each in a form that wastes no products.

Volumes are (B, C, D, h, w); both take what the hourglass gives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as fn

from heads.liveportrait.layers import Layer, arranged, convolved, is_plain, stacked, unstacked


class Logits(Layer):
    """A convolution of k x k x k taps to few outputs, zeros around: (B, in, D, h, w) to (B, out, D, h, w) float32.

    On a CPU in float32 by a discrete Fourier transform along the depth, as long as it and its taps (19 for 16 and 7). There a
    convolution is a product, and 9 complex and one real planar convolutions do the work of 100. Elsewhere as one planar
    convolution to out x k channels, whose k are added up along the depth.

    Args:
        weight: (out, in, k, k, k), k odd.
        bias: (out,).
        depth: D.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, depth: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.depth, self.length = depth, depth + weight.shape[2] // 2 | 1
        self.forth: Tensor | None = None
        self.back, self.spectrum = weight, [weight]

    def settle(self) -> None:
        """Transform the weight along its depth, or put its depth among the outputs."""
        if is_plain(self.weight):
            self._transform()
        else:
            self.weight = arranged(stacked(self.weight))

    def _transform(self) -> None:
        taps = self.weight.shape[2]
        step = 2 * math.pi / self.length  # odd, so that only frequency 0 is real; what wraps around falls beyond the depth
        frequency = torch.arange(self.length // 2 + 1, dtype=torch.float64)
        place, tap = (torch.arange(n, dtype=torch.float64) for n in (self.depth, taps))
        turns = step * frequency[:, None] * place
        # planes: real parts 0 ... n, then imaginary parts 1 ... n; the transform is of real numbers, so half of it says all
        self.forth = torch.cat([turns.cos(), -turns.sin()[1:]]).float()
        twice = torch.where(frequency > 0, 2.0, 1.0)[:, None] / self.length
        self.back = torch.cat([twice * turns.cos(), (-twice * turns.sin())[1:]]).T.float().contiguous()
        shift = step * frequency[:, None] * (tap - taps // 2)
        weight = self.weight.double()
        real, imaginary = (torch.einsum("fk,oikyx->foiyx", wave, weight).float() for wave in (shift.cos(), shift.sin()))
        self.spectrum = [real[0]]
        for r, i in zip(real[1:], imaginary[1:], strict=True):
            self.spectrum += [torch.cat([r, i]), torch.cat([-i, r])]
        self.weight = self.weight[:0]

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, D, h, w) to (B, out, D, h, w) float32."""
        return unstacked(x, self.weight, self.bias) if self.forth is None else self._multiplied(x, self.forth)

    def _multiplied(self, x: Tensor, forth: Tensor) -> Tensor:
        """Transform, one product a frequency, transform back."""
        batch, _, _, height, width = x.shape
        planes = torch.matmul(forth, x.flatten(3)).transpose(1, 2).unflatten(3, (height, width))  # (B, planes, in, h, w)
        half = len(forth) // 2
        made = x.new_empty(len(forth), batch, len(self.bias), height, width)
        made[0] = convolved(planes[:, 0], self.spectrum[0], self.bias * self.length)
        for f in range(1, half + 1):
            real, imaginary = (convolved(planes[:, f + k * half], self.spectrum[2 * f - 1 + k], None) for k in range(2))
            made[f], made[half + f] = real.add_(imaginary).chunk(2, 1)
        out = (self.back @ made.flatten(1)).view(-1, *made.shape[1:])
        return out.permute(1, 2, 0, 3, 4)


class Visible(Layer):
    """A k x k convolution of the volume laid flat to one output: (B, C, D, h, w) to (B, 1, h, w) float32.

    One matrix product gives what every point adds to the k x k points around it; then these are added up.

    Args:
        weight: (1, C D, k, k); bias: (1,).
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.taps = weight.shape[-1]
        # what a point gives to its lower right neighbour is what that one takes from its upper left: taps in reverse
        self.register_buffer("weight", weight[0].flip(1, 2).flatten(1).T.contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, h, w) to (B, 1, h, w)."""
        *_, height, width = x.shape
        given = self.weight @ x.flatten(1, 2).flatten(2)
        return fn.fold(given.float(), (height, width), self.taps, padding=self.taps // 2) + self.bias
