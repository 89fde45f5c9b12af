"""Adapter for a runner of parity cases: `setup(weights folder)`, then one function for each kind of case, arrays in and out.

It only calls the product. A runner gives each function the case's input arrays and its parameters, and compares the arrays
that come back with those of the original networks.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a runner may start anywhere

from heads.liveportrait import canvas, images, keypoints, openings
from heads.liveportrait.keypoints import KeyMotion
from heads.liveportrait.networks import Networks
from heads.liveportrait.settings import Settings
from heads.liveportrait.sizes import FILES
from heads.liveportrait.steering import Openings, steered

Arrays = Mapping[str, NDArray[Any]]

EYES_OF_203 = ((6, 18, 0, 12), (30, 42, 24, 36))
LIPS_OF_203 = (90, 102, 48, 66)
"""Where the original reads how far eyes and lips are open, among its own 203 landmarks."""

_LOADED: list[Networks] = []


def setup(weights_dir: str) -> None:
    """Load the five files of a folder."""
    _LOADED[:] = [Networks.load({file: Path(weights_dir) / file for file in FILES.values()})]


def networks() -> Networks:
    return _LOADED[0]


def tensors(inputs: Arrays, *names: str) -> list[Tensor]:
    return [torch.from_numpy(np.asarray(inputs[name], np.float32)) for name in names]


def arrays(**named: Tensor) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in named.items()}


def F(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: N802 - the kind's name
    return arrays(feature_3d=networks().features(images.prepare(list(inputs["image_u8"]), 256)))


def M(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: N802
    return arrays(**networks().raw_motion(images.prepare(list(inputs["image_u8"]), 256)))


def W(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: N802
    warped = networks().warp(*tensors(inputs, "feature", "kp_source", params["kp_driving"]))
    return arrays(out=warped.seg, deformation=warped.deformation, occlusion_map=warped.occlusion)


def G(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: N802
    return arrays(image=networks().generate(*tensors(inputs, "feature")))


def S(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:  # noqa: N802
    (x,) = tensors(inputs, params["net"])
    points, rest = x[:, :63].unflatten(1, (21, 3)), x[:, 63:]
    if params["net"] == "stitching":
        return arrays(out=networks().stitch(points, rest.unflatten(1, (21, 3))))
    return arrays(out=getattr(networks(), {"lip": "lip", "eye": "eyes"}[params["net"]])(points, rest).flatten(1))


def headpose(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return arrays(degrees=keypoints.degrees(*tensors(inputs, "logits")))


def rotation(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    (angles,) = tensors(inputs, "pitch_yaw_roll_deg")
    return arrays(R=keypoints.rotation(*angles.split(1, 1)))


def transform(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return arrays(x=keypoints.transform(motion_of(inputs, "")))


def motion_of(inputs: Arrays, prefix: str) -> KeyMotion:
    names = ("kp", "exp", "pitch", "yaw", "roll", "t", "scale")
    return KeyMotion.of(*tensors(inputs, *(prefix + name for name in names)))


def stitch_fn(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    x_s, x_d = tensors(inputs, "kp_source", "kp_driving")
    delta = networks().stitch(x_s, x_d)
    return arrays(kp_new=keypoints.stitched(x_d, delta), delta=delta)


def prepare(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    same, big, odd = (inputs[f"{name}_u8"] for name in ("same", "big", "odd"))
    single = {name: images.prepare([image], 256) for name, image in (("same", same), ("big", big), ("odd", odd))}
    return arrays(**single, video=images.prepare([same, same[::-1]], 256)[:, None])


def parse(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {"u8": images.to_uint8(*tensors(inputs, "out"))}


def motion(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """A source image, several driving frames, no retargeting; others give nothing and are told as missing."""
    source, driving = motion_of(inputs, "src_"), motion_of(inputs, "drv_")[: params["driving_frames"]]
    if len(source) > 1 or len(driving) < 2 or params["flag_eye_retargeting"] or params["flag_lip_retargeting"]:
        return {}
    settings = Settings(
        stitching=params["flag_stitching"],
        driving_multiplier=params["driving_multiplier"],
        region=params["animation_region"],
        normalize_lips=params["flag_normalize_lip"],
    )
    neutral = driving[:1] if params["flag_relative_motion"] else None
    lips = torch.tensor([[0.0, 0.0, float(openings.ratio(inputs["src_lmk"][0], LIPS_OF_203))]])
    opened = Openings(lips, torch.zeros(len(driving), 2))
    x_d = steered(networks(), source, driving, neutral, settings, opened)
    return arrays(x_s=keypoints.transform(source).expand(len(x_d), -1, -1), x_d_new=x_d)


def ratios(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    points = inputs["lmk"]
    eyes = np.stack([openings.ratio(points, places) for places in EYES_OF_203], 1)
    return {"eye": eyes.astype(np.float32), "lip": openings.ratio(points, LIPS_OF_203)[:, None].astype(np.float32)}


def mask(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {"mask": np.repeat(canvas.template(512)[..., None], 3, 2)}


def chain(inputs: Arrays, params: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    nets, number = networks(), params["driving"]
    image = images.prepare([inputs["source_u8"]], 256)
    source, driving = nets.motion(image), nets.motion(images.prepare([inputs["driving_u8"][number]], 256))
    x_s, x_d = keypoints.transform(source), keypoints.transform(driving)
    out = {f"{who}_{name}": getattr(read, name) for who, read in (("src", source), ("drv", driving)) for name in READ}
    moved = x_d
    if params["stitching"]:
        moved = out["x_d_stitched"] = keypoints.stitched(x_d, nets.stitch(x_s, x_d))
    volume = nets.features(image)
    warped = nets.warp(volume, x_s, moved)
    picture = nets.generate(warped.seg)
    shown = arrays(**out, x_s=x_s, x_d=x_d, feature_3d=volume, warped=warped.seg, image=picture)
    more = arrays(deformation=warped.deformation, occlusion_map=warped.occlusion)
    return shown | more | {"image_u8": images.to_uint8(picture)}


READ = ("pitch", "yaw", "roll", "t", "exp", "scale", "kp")
"""What a chain tells of each picture's motion."""
