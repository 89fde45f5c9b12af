"""The five networks together: loaded strictly, or made small, and asked for features, motion and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from heads.base import HeadError
from heads.liveportrait.appearance import Appearance
from heads.liveportrait.checkpoint import Checkpoint, Source
from heads.liveportrait.generator import Generator
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.layers import arranged
from heads.liveportrait.motion_extractor import MotionExtractor
from heads.liveportrait.sizes import FILES, FULL, KEYPOINTS, TINY, Sizes
from heads.liveportrait.standin import StandIn
from heads.liveportrait.stitching import LAYERS, Perceptron, spellings
from heads.liveportrait.warping import Warped, Warping

SINGLE = "FMS"
"""Networks that work in float32 where half precision is asked for: they are a hundredth of a frame's work, and what M loses in
bfloat16 moves keypoints by up to 1.4 pixels of 256 (on made-up weights: M alone costs the picture 26 dB, all the others 38)."""

_ORDER = "GWMFS"
"""Largest first: while one is folded, its file is in memory beside it, and this way there is the least of others."""


@runtime_checkable
class Settling(Protocol):
    """A layer whose weights are laid out for their device before they are used."""

    def settle(self) -> None:
        """Do it; once."""
        ...


class Networks:
    """LivePortrait's networks on one device.

    B frames are worked on at once; where 1 stands for B, one portrait serves all frames. Every method runs without gradients
    and, on a CPU, gives the same bits for the same arguments. Features, keypoints, motion and pictures are float32 whatever
    the precision of the networks.
    """

    device: torch.device
    dtype: torch.dtype
    """float32, float16 or bfloat16: what the numbers of W and G are kept and worked in; those of `SINGLE` are float32."""
    sizes: Sizes

    def __init__(self, sizes: Sizes, networks: Mapping[str, nn.Module], device: str, dtype: torch.dtype) -> None:
        self.sizes, self.device, self.dtype = sizes, torch.device(device), dtype
        for name, network in networks.items():
            network.eval().to(self.device, _kind(name, dtype))
        self._networks = networks
        self._lock, self._settled = Lock(), False
        self._aside = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self._appearance, self._motion, self._warping, self._generator, self._stitching = (networks[name] for name in FILES)

    @classmethod
    def load(
        cls, paths: Mapping[str, Path], device: str = "cpu", dtype: torch.dtype = torch.float32, sizes: Sizes = FULL
    ) -> Networks:
        """Read the five published files, strictly.

        Args:
            paths: name of each of `FILES` to where it lies.
            device: "cpu", "cuda", "cuda:1", "mps".
            dtype: float32, float16 or bfloat16.
            sizes: those of the published files, or the widths of others.

        Raises:
            HeadError: a file is missing, cannot be read, or does not hold exactly the tensors of its network.
        """
        if missing := [file for file in FILES.values() if file not in paths]:
            raise HeadError(
                f"The weight files {', '.join(missing)} were not given. LivePortrait needs {', '.join(FILES.values())}. "
                "Fetch them with: python -m gioconda weights pull liveportrait"
            )
        networks: dict[str, nn.Module] = {}
        for name in _ORDER:
            with Checkpoint(paths[FILES[name]], *([spellings] if name == "S" else [])) as source:
                networks[name] = build(name, source, sizes)
            networks[name].to(device, _kind(name, dtype))
        return cls(sizes, networks, device, dtype)

    @classmethod
    def invented(cls, seed: str, sizes: Sizes = FULL, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Networks:
        """The same networks with made-up weights (`standin`), for measuring speed and agreement."""
        return cls(sizes, {name: build(name, StandIn(name, seed), sizes) for name in _ORDER}, device, dtype)

    @classmethod
    def tiny(cls, seed: int = 0, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Networks:
        """The real classes, small, with made-up weights: pictures of 64 pixels become pictures of 128."""
        return cls.invented(str(seed), TINY, device, dtype)

    def settle(self) -> None:
        """Lay the weights out for the device and the precision; the first call of a network does it, others wait for it.

        On a CPU in float32 the generator's weights become twice as large by it (`winograd`): 0.2 GB more than the files.
        """
        with self._lock:
            if not self._settled:
                for network in self._networks.values():
                    for layer in network.modules():
                        if isinstance(layer, Settling):
                            layer.settle()
                self._settled = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is asked of a GPU here runs beside what is asked of it outside, which then need not wait for it.

        It begins with what was asked for before. Tensors made outside must be kept until what is done with them here has
        arrived: the device gives their memory away as soon as nobody holds them.
        """
        if self._aside is None:
            yield
            return
        self._aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._aside):
            yield

    @property
    def side(self) -> int:
        """Pixels of the square pictures that `features` and `motion` take: 256."""
        return self.sizes.side

    @property
    def output(self) -> int:
        """Pixels of the square pictures that come out: 512."""
        return self.sizes.output

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """(B, 3, 256, 256) RGB float32 in [0, 1] to the feature volume (B, 32, 16, 64, 64) float32."""
        volume: Tensor = self._appearance(arranged(self._given(images, "F")))
        return volume.float()

    @torch.inference_mode()
    def raw_motion(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, 256, 256) RGB float32 in [0, 1] to the vectors of `motion_extractor.HEADS`, float32."""
        raw: dict[str, Tensor] = self._motion(self._given(images, "M"))
        return raw

    def motion(self, images: Tensor) -> KeyMotion:
        """(B, 3, 256, 256) RGB float32 in [0, 1] to what they show: B poses, expressions and keypoints, float32."""
        return KeyMotion.read(self.raw_motion(images))

    @torch.inference_mode()
    def warp(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Warped:
        """Bend a portrait's features.

        Args:
            features: (1 or B, 32, 16, 64, 64), of `features`.
            x_s: (1 or B, 21, 3) keypoints of the portrait.
            x_d: (B, 21, 3) keypoints that it shall have.
        """
        self.settle()
        x_s, x_d = (x.to(self.device, torch.float32) for x in (x_s, x_d))
        warped: Warped = self._warping(features.to(self.device, torch.float32), x_s.expand(len(x_d), -1, -1), x_d)
        return warped

    @torch.inference_mode()
    def generate(self, seg: Tensor) -> Tensor:
        """`Warped.seg` (B, 256, 64, 64) to pictures (B, 3, 512, 512) RGB float32 in (0, 1)."""
        pictures: Tensor = self._generator(arranged(self._given(seg, "G")))
        return pictures

    def render(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        """`generate` of `warp`: pictures (B, 3, 512, 512) RGB float32 in (0, 1), with nothing that waits for the device."""
        return self.generate(self.warp(features, x_s, x_d).seg)

    @torch.inference_mode()
    def stitch(self, x_s: Tensor, x_d: Tensor) -> Tensor:
        """Offsets (B, 65) float32 for `keypoints.stitched`, of keypoints (1 or B, 21, 3) and (B, 21, 3)."""
        return self._corrected("retarget_shoulder", x_s, x_d.flatten(1))

    @torch.inference_mode()
    def lip(self, x_s: Tensor, ratios: Tensor) -> Tensor:
        """Offsets (B, 21, 3) float32 that open lips (1 or B, 21, 3) from the first of the ratios (B, 2) to the second."""
        return self._corrected("retarget_mouth", x_s, ratios).reshape(-1, KEYPOINTS, 3)

    @torch.inference_mode()
    def eyes(self, x_s: Tensor, ratios: Tensor) -> Tensor:
        """Offsets (B, 21, 3) float32 that open eyes from the first two ratios (B, 3), one an eye, to the third."""
        return self._corrected("retarget_eye", x_s, ratios).reshape(-1, KEYPOINTS, 3)

    def _corrected(self, name: str, x_s: Tensor, rest: Tensor) -> Tensor:
        rest = rest.to(self.device, torch.float32)
        flat = x_s.to(self.device, torch.float32).flatten(1).expand(len(rest), -1)
        out: Tensor = self._stitching.get_submodule(name)(torch.cat([flat, rest], 1))
        return out

    def _given(self, x: Tensor, name: str) -> Tensor:
        self.settle()
        return x.to(self.device, _kind(name, self.dtype))

    def probe(self) -> bool:
        """Whether one made-up frame passes all networks with finite numbers, as half precision must before it is used."""
        image = torch.linspace(0, 1, 3 * self.side**2, device=self.device).reshape(1, 3, self.side, self.side)
        motion = self.motion(image)
        x = motion.kp + motion.exp
        x_d = x + self.stitch(x, x)[:, : 3 * KEYPOINTS].reshape(-1, KEYPOINTS, 3)
        picture = self.render(self.features(image), x, x_d)
        return bool(torch.isfinite(picture).all()) and bool(torch.isfinite(x_d).all())


def _kind(name: str, dtype: torch.dtype) -> torch.dtype:
    """What a network's numbers are kept in where that is the precision asked for."""
    return torch.promote_types(dtype, torch.float32) if name in SINGLE else dtype


def build(name: str, source: Source, sizes: Sizes) -> nn.Module:
    """One network, by the letter of `FILES`, from its tensors."""
    if name == "S":
        return nn.ModuleDict({module: Perceptron(source, module) for module in LAYERS})
    kinds = {"F": Appearance, "M": MotionExtractor, "W": Warping, "G": Generator}
    return kinds[name](source, sizes)
