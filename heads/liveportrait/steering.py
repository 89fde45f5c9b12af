"""From the driver's motion to the keypoints that a portrait shall have: every step that the settings ask for, in its order.

Expression-friendly and pose-friendly driving, between which the original lets choose, are the same thing: the factor by which
they differ compares the portrait's keypoints with those of the neutral frame, which relative motion makes equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from heads.liveportrait import keypoints
from heads.liveportrait.keypoints import EYES, LIP, KeyMotion
from heads.liveportrait.networks import Networks
from heads.liveportrait.settings import Settings

PARTED = 0.03
"""Opening of a portrait's lips from which they are closed by `normalize_lips` (U:src/config/inference_config.py)."""


@dataclass(frozen=True, slots=True, eq=False)
class Openings:
    """How far eyes and lips are open (`openings.openings`) and shall be."""

    portrait: Tensor
    """(1, 3) both eyes, lips."""
    wanted: Tensor
    """(B, 2) eyes, lips (`openings.wanted`)."""


def steered(
    networks: Networks,
    source: KeyMotion,
    driving: KeyMotion,
    neutral: KeyMotion | None,
    settings: Settings,
    openings: Openings | None = None,
) -> Tensor:
    """The keypoints (B, 21, 3) that go into the warping, on the networks' device.

    The order is the original's (U:src/live_portrait_pipeline.py). One thing differs: with relative motion it drops all of the
    driver's other motion as soon as eyes or lips are retargeted, so that the head freezes. Here only the expression of the
    keypoints that are retargeted is dropped, as the retargeting takes its place.

    Args:
        networks: the stitching and retargeting networks among them.
        source: the portrait's motion, 1 picture.
        driving: B frames.
        neutral: the driver at rest, 1 picture; None for absolute motion: the driver's pose and expression as they are.
        settings: what to do.
        openings: needed where eyes, lips or their normalizing are asked for.
    """
    x_s = keypoints.transform(source)
    eyes, lips = settings.retarget_eyes and openings is not None, settings.retarget_lips and openings is not None
    rest = source if neutral is None else neutral
    dropped = [*(EYES if eyes else ()), *(LIP if lips else ())]
    if dropped:
        exp = driving.exp.clone()
        exp[:, dropped] = rest.exp[:, dropped]
        driving = replace(driving, exp=exp)
    x_d = keypoints.follow(source, driving, rest, relative=neutral is not None, region=settings.region)
    if openings is not None and eyes:
        x_d = x_d + networks.eyes(x_s, _ratios(openings.portrait[:, :2], openings.wanted[:, :1]))
    if openings is not None and lips:
        x_d = x_d + networks.lip(x_s, _ratios(openings.portrait[:, 2:], openings.wanted[:, 1:]))
    if settings.stitching:
        x_d = keypoints.stitched(x_d, networks.stitch(x_s, x_d))
    if settings.normalize_lips and neutral is not None and openings is not None and not dropped:
        x_d = x_d + closed(networks, x_s, openings.portrait[:, 2:])
    return keypoints.amplified(x_s, x_d, settings.driving_multiplier)


def closed(networks: Networks, x_s: Tensor, opening: Tensor) -> Tensor:
    """Offsets (1, 21, 3) that close a portrait's lips; zero where they are closed already.

    Args:
        networks: the lip retargeting among them.
        x_s: (1, 21, 3) the portrait's keypoints.
        opening: (1, 1) of its lips.
    """
    if float(opening) < PARTED:
        return torch.zeros_like(x_s)
    return networks.lip(x_s, _ratios(opening, torch.zeros_like(opening)))


def _ratios(portrait: Tensor, wanted: Tensor) -> Tensor:
    """(B, n + 1): the portrait's, then what is wanted."""
    return torch.cat([portrait.expand(len(wanted), -1), wanted], 1)
