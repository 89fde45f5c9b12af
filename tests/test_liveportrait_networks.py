"""LivePortrait's fast networks against the plain ones (bench/original.py), and what callers may rely on."""

from __future__ import annotations

from collections.abc import Iterator

import liveportrait_made as made
import pytest
import torch
from torch import Tensor
from torch.nn import functional as fn

from bench.original import network
from heads.liveportrait.enlarged import FourTimes, OfFourTimes, Twice, unrolled
from heads.liveportrait.layers import Conv
from heads.liveportrait.masks import Logits, Visible
from heads.liveportrait.networks import Networks
from heads.liveportrait.sampling import moved, sample
from heads.liveportrait.sizes import TINY


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def nets() -> Networks:
    return Networks.tiny()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def images(count: int) -> Tensor:
    return noise(count, 3, TINY.side, TINY.side).abs()


def keypoints(count: int) -> tuple[Tensor, Tensor]:
    x_s = 0.6 * noise(1, 21, 3)
    return x_s, x_s + 0.2 * noise(count, 21, 3, seed=1)


PRECISIONS = {torch.float32: 2e-5, torch.float64: 2e-5, torch.bfloat16: 0.15}
"""Largest difference from the plain network in float32; float64 takes the forms that a GPU takes."""


@pytest.mark.parametrize("kind", PRECISIONS)
def test_appearance(kind: torch.dtype) -> None:
    ours = Networks.tiny(dtype=kind).features(images(2))
    plain = network("F", made.tensors("F"), TINY)(images(2))
    assert ours.dtype == torch.float32
    assert (ours - plain).abs().max() < PRECISIONS[torch.float32]


@pytest.mark.parametrize("kind", PRECISIONS)
def test_motion(kind: torch.dtype) -> None:
    ours = Networks.tiny(dtype=kind).raw_motion(images(2))
    plain = network("M", made.tensors("M"), TINY)(images(2))
    for name, value in ours.items():
        assert value.dtype == torch.float32
        assert (value - plain[name]).abs().max() < PRECISIONS[torch.float32], name


@pytest.mark.parametrize("kind", PRECISIONS)
def test_warping(kind: torch.dtype) -> None:
    volume, (x_s, x_d) = 2 * noise(1, TINY.channels, TINY.depth, TINY.map, TINY.map), keypoints(3)
    ours = Networks.tiny(dtype=kind).warp(volume, x_s, x_d)
    seg, deformation, occlusion = network("W", made.tensors("W"), TINY)(
        volume.expand(3, -1, -1, -1, -1), x_s.expand(3, -1, -1), x_d
    )
    assert (ours.deformation - deformation).abs().max() < PRECISIONS[kind]
    assert (ours.occlusion - occlusion).abs().max() < PRECISIONS[kind]
    assert (ours.seg.float() - seg).abs().max() < 4 * PRECISIONS[kind]


@pytest.mark.parametrize("kind", PRECISIONS)
def test_generator(kind: torch.dtype) -> None:
    seg = noise(2, TINY.seg, TINY.map, TINY.map)
    ours = Networks.tiny(dtype=kind).generate(seg)
    plain = network("G", made.tensors("G"), TINY)(seg)
    assert ours.dtype == torch.float32
    assert ours.shape == (2, 3, TINY.output, TINY.output)
    assert (ours - plain).abs().max() < PRECISIONS[kind]


def test_stitching(nets: Networks) -> None:
    x_s, x_d = keypoints(4)
    plain = network("S", made.tensors("S"), TINY)
    same = x_s.expand(4, -1, -1).flatten(1)
    ratios = noise(4, 3).abs()
    assert torch.allclose(nets.stitch(x_s, x_d), plain("retarget_shoulder", torch.cat([same, x_d.flatten(1)], 1)), atol=1e-6)
    assert torch.allclose(
        nets.lip(x_s, ratios[:, :2]).flatten(1), plain("retarget_mouth", torch.cat([same, ratios[:, :2]], 1)), atol=1e-6
    )
    assert torch.allclose(nets.eyes(x_s, ratios).flatten(1), plain("retarget_eye", torch.cat([same, ratios], 1)), atol=1e-6)


def test_the_same_bits_again_and_frames_of_a_batch_as_alone(nets: Networks) -> None:
    x_s, x_d = keypoints(3)
    volume = nets.features(images(1))
    together = nets.render(volume, x_s, x_d)
    assert torch.equal(together, nets.render(volume, x_s, x_d))
    assert torch.allclose(together, torch.cat([nets.render(volume, x_s, x_d[i : i + 1]) for i in range(3)]), atol=2e-5)
    assert torch.allclose(together, nets.render(volume.expand(3, -1, -1, -1, -1), x_s.expand(3, -1, -1), x_d), atol=2e-5)


def test_arguments_stay_as_they_were(nets: Networks) -> None:
    volume, (x_s, x_d) = nets.features(images(1)), keypoints(2)
    before = [x.clone() for x in (volume, x_s, x_d)]
    seg = nets.warp(volume, x_s, x_d).seg
    kept = seg.clone()
    nets.generate(seg)
    assert all(map(torch.equal, (volume, x_s, x_d, seg), (*before, kept)))


def test_probe_tells_numbers_that_are_not(nets: Networks) -> None:
    assert nets.probe()
    broken = Networks.tiny()
    next(iter(broken._stitching.buffers()))[0, 0] = float("nan")
    assert not broken.probe()


@pytest.mark.parametrize("shape", [(1, 8, 4, 3), (2, 16, 12, 16), (1, 9, 64, 8), (1, 8, 8, 6, 6), (2, 8, 4, 34, 33)])
def test_winograd(shape: tuple[int, ...]) -> None:
    dims = len(shape) - 2
    weight, bias, x = noise(16, shape[1], *[3] * dims), noise(16), noise(*shape, seed=2)
    layer = Conv(weight.clone(), bias.clone())
    layer.settle()
    assert len(layer.bent) == 6
    plain = (fn.conv2d if dims == 2 else fn.conv3d)(x.double(), weight.double(), bias.double(), padding=1)
    assert (layer(x) - plain).abs().max() < 1e-4
    assert (torch.cat([y for _, y in layer.bands(x)], 2) - plain).abs().max() < 1e-4


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 8, 5, 7), (1, 8, 4, 6, 3)])
def test_convolution_after_enlarging_twice(shape: tuple[int, ...], kind: torch.dtype) -> None:
    dims = len(shape) - 2
    weight, bias, x = noise(4, 8, *[3] * dims).to(kind), noise(4).to(kind), noise(*shape, seed=2).to(kind)
    layer = Twice(weight.clone(), bias.clone())
    layer.settle()
    large = fn.interpolate(x, scale_factor=(2, 2) if dims == 2 else (1, 2, 2))
    plain = fn.relu((fn.conv2d if dims == 2 else fn.conv3d)(large, weight, bias, padding=1))
    assert (layer(x) - plain).abs().max() < 1e-5


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_convolution_after_enlarging_four_times_and_one_of_it(kind: torch.dtype) -> None:
    weight, bias, x = noise(5, 8, 3, 3).to(kind), noise(5).to(kind), noise(2, 8, 6, 5, seed=2).to(kind)
    second, more = noise(3, 5, 3, 3, seed=3).to(kind), noise(3, seed=4).to(kind)
    layer, after = FourTimes(weight.clone(), bias.clone()), OfFourTimes(second.clone(), more.clone())
    layer.settle()
    after.settle()
    plain = fn.relu(fn.conv2d(fn.interpolate(x, scale_factor=4), weight, bias, padding=1))
    assert (unrolled(layer(x)) - plain).abs().max() < 1e-5
    assert (after(layer(x)) - fn.conv2d(plain, second, more, padding=1)).abs().max() < 1e-5


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("depth", [4, 16])
def test_logits_and_visibility(depth: int, kind: torch.dtype) -> None:
    weight, bias, x = noise(4, 6, 7, 7, 7).to(kind), noise(4).to(kind), noise(2, 6, depth, 9, 8, seed=2).to(kind)
    layer = Logits(weight.clone(), bias.clone(), depth)
    layer.settle()
    plain = fn.conv3d(x.double(), weight.double(), bias.double(), padding=3)
    assert (layer(x) - plain).abs().max() < 1e-4
    flat, one = noise(1, 6 * depth, 7, 7).to(kind), noise(1).to(kind)
    assert (Visible(flat, one)(x) - fn.conv2d(x.flatten(1, 2), flat, one, padding=3)).abs().max() < 1e-4


@pytest.mark.parametrize("batch", [1, 2])
def test_sampling_is_grid_sample(batch: int) -> None:
    volume, places = noise(batch, 3, 4, 6, 5), 1.4 * noise(2, 4, 6, 5, 3, seed=2)
    plain = fn.grid_sample(volume.expand(2, -1, -1, -1, -1), places, align_corners=False)
    assert (sample(volume, places) - plain).abs().max() < 1e-6
    axes = [torch.linspace(-1, 1, size) for size in (5, 6, 4)]
    shifts = noise(2, 7, 3, seed=3)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).permute(2, 1, 0, 3)
    each = [
        fn.grid_sample(volume.expand(2, -1, -1, -1, -1), grid + shifts[:, n, None, None, None], align_corners=False)
        for n in range(7)
    ]
    assert (moved(volume, axes, shifts) - torch.stack(each, 1)).abs().max() < 1e-6
