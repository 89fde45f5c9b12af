"""The settings of the `liveportrait` head, each with its default and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, get_args

from heads.base import HeadError
from heads.liveportrait.sizes import Region

STRONGEST = {"smooth": 4.0, "driving_multiplier": 2.0}
"""The largest value of each setting that is a number; the least is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the driver's motion is carried over. Defaults are those of the original's command line (argument_config.py of
    KwaiVGI/LivePortrait at 1986663), but for `smooth`, which it does not have for a portrait.
    """

    smooth: float = 0.0
    """0 … 4, factor on the measured jitter of the driver's motion that is smoothed away; 0 takes the motion as it is read."""
    stitching: bool = True
    """Let a small network correct the keypoints, so that neck and shoulders stay joined to the still part of the portrait."""
    driving_multiplier: float = 1.0
    """0 … 2, factor on how far the keypoints are moved from the portrait's, after everything else."""
    region: Region = "all"
    """Which part of the driver's motion is taken."""
    retarget_eyes: bool = False
    """Open and close the eyes by how far the driver's are open, instead of by the driver's expression around them."""
    retarget_lips: bool = False
    """The same for the lips."""
    normalize_lips: bool = False
    """Close lips that the portrait shows open, before anything moves; only for relative motion without retargeting."""

    def adjusted(self, values: Mapping[str, Any]) -> Self:
        """These settings with some others.

        Raises:
            HeadError: there is no setting of that name, or the value is outside its range.
        """
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in values.items():
            if name not in kinds:
                raise HeadError(
                    f"The liveportrait head was given the setting {name!r}. It has {', '.join(kinds)}. Leave the other out."
                )
            if name == "region" and value not in get_args(Region):
                raise _outside(name, value, f"one of {', '.join(get_args(Region))}")
            if name in STRONGEST and not 0 <= value <= STRONGEST[name]:
                raise _outside(name, value, f"a number from 0 to {STRONGEST[name]:g}")
            if kinds[name] is bool and not isinstance(value, bool):
                raise _outside(name, value, "either on or off")
        return replace(self, **values)


def _outside(name: str, value: object, wanted: str) -> HeadError:
    return HeadError(f"The setting {name} is {value!r}. It is {wanted}. Choose one of these.")
