"""LivePortrait's weights are read strictly: all of them, nothing else, and whatever is wrong is told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import liveportrait_made as made
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from heads.base import HeadError
from heads.liveportrait.keypoints import stitched, transform
from heads.liveportrait.networks import Networks, build
from heads.liveportrait.sizes import FILES, FULL, TINY

Change = Callable[[dict[str, Tensor]], None]


def altered(folder: Path, network: str, change: Change) -> dict[str, Path]:
    """Small weight files, one of them changed."""
    paths = made.files(folder)
    tensors = load_file(paths[FILES[network]])
    change(tensors)
    save_file(tensors, paths[FILES[network]])
    return paths


def frame(nets: Networks) -> Tensor:
    """A picture that every network had a hand in."""
    image = torch.linspace(0, 1, 3 * nets.side**2).reshape(1, 3, nets.side, nets.side)
    motion = nets.motion(image)
    x_s = transform(motion)
    x_d = stitched(x_s, nets.stitch(x_s, x_s)) + nets.lip(x_s, torch.ones(1, 2)) + nets.eyes(x_s, torch.ones(1, 3))
    return nets.render(nets.features(image), x_s, x_d)


def test_files_give_the_networks_they_were_made_from(tmp_path: Path) -> None:
    assert torch.equal(frame(Networks.load(made.files(tmp_path), sizes=TINY)), frame(Networks.tiny()))


@pytest.mark.parametrize("network", FILES)
def test_every_tensor_counts(network: str, tmp_path: Path) -> None:
    """Another value anywhere gives another picture: nothing that is read is dropped. Counters of training steps aside."""
    paths = made.files(tmp_path)
    before = frame(Networks.load(paths, sizes=TINY))
    tensors = load_file(paths[FILES[network]])
    for name in [name for name in tensors if not name.endswith("num_batches_tracked")][:: 1 if len(tensors) < 40 else 7]:
        changed = dict(tensors)
        changed[name] = tensors[name] * 1.5 + 0.25
        save_file(changed, paths[FILES[network]])
        assert not torch.equal(frame(Networks.load(paths, sizes=TINY)), before), name


@pytest.mark.parametrize("network", FILES)
def test_a_missing_tensor_is_named(network: str, tmp_path: Path) -> None:
    name = list(made.tensors(network))[-1]
    paths = altered(tmp_path, network, lambda tensors: tensors.__delitem__(name))
    with pytest.raises(HeadError, match=rf"{FILES[network]} lacks the tensor '{name}'.*weights pull"):
        Networks.load(paths, sizes=TINY)


@pytest.mark.parametrize("network", FILES)
def test_a_wrong_shape_is_named(network: str, tmp_path: Path) -> None:
    name = next(iter(made.tensors(network)))

    def change(tensors: dict[str, Tensor]) -> None:
        tensors[name] = torch.cat([tensors[name], tensors[name]])

    with pytest.raises(HeadError, match=rf"The tensor '{name}' of .*{FILES[network]} has the shape .* are needed"):
        Networks.load(altered(tmp_path, network, change), sizes=TINY)


def test_another_type_is_refused(tmp_path: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["fc.weight"] = tensors["fc.weight"].half()

    with pytest.raises(HeadError, match=r"'fc\.weight' .* type F16\. .* F32 are needed"):
        Networks.load(altered(tmp_path, "G", change), sizes=TINY)


@pytest.mark.parametrize("network", FILES)
def test_a_tensor_too_many_is_named(network: str, tmp_path: Path) -> None:
    paths = altered(tmp_path, network, lambda tensors: tensors.update({"ema.decay": torch.ones(1)}))
    with pytest.raises(HeadError, match=rf"{FILES[network]} holds tensors that no network has: 'ema\.decay'"):
        Networks.load(paths, sizes=TINY)


@pytest.mark.parametrize("middle", ["mlp.", "", "module.mlp."])
def test_the_other_spelling_of_the_stitching_keys(middle: str, tmp_path: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        for name in list(tensors):
            for usual, other in (("shoulder", "stitching"), ("mouth", "retarget_lip"), ("eye", "retarget_eye")):
                if name.startswith(f"retarget_{usual}_module.mlp."):
                    tensors[name.replace(f"retarget_{usual}_module.mlp.", f"{other}.{middle}")] = tensors.pop(name)

    nets = Networks.load(altered(tmp_path, "S", change), sizes=TINY)
    assert torch.equal(frame(nets), frame(Networks.tiny()))


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all", b"\xff" * 64])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    paths = made.files(tmp_path)
    paths[FILES["W"]].write_bytes(content)
    with pytest.raises(HeadError, match=r"warping_module\.safetensors cannot be read as safetensors .*weights pull"):
        Networks.load(paths, sizes=TINY)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    paths = made.files(tmp_path)
    paths[FILES["M"]].unlink()
    with pytest.raises(HeadError, match=r"motion_extractor\.safetensors cannot be read"):
        Networks.load(paths, sizes=TINY)
    del paths[FILES["M"]]
    with pytest.raises(HeadError, match=r"files motion_extractor\.safetensors were not given"):
        Networks.load(paths, sizes=TINY)


def test_the_networks_have_the_published_number_of_parameters() -> None:
    """The published files hold 837 903, 28 118 728, 45 536 598, 55 438 348 and 227 263 numbers (their sizes on the Hub)."""
    counts = {"F": 837_903, "M": 28_118_728, "W": 45_536_598, "G": 55_438_348, "S": 227_263}
    for network, count in counts.items():
        source = Counted()
        build(network, source, FULL)
        assert source.count == count, network


class Counted:
    """A source without numbers that counts how many were asked for."""

    count = 0

    def take(self, key: str, *shape: int) -> Tensor:
        tensor = torch.empty(shape, device="meta", dtype=torch.int64 if key.endswith("tracked") else torch.float32)
        self.count += tensor.numel()
        return tensor
