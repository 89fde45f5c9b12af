"""Settings of single heads: heeded by those that have them, refused with the others, told in the help with their defaults."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

import heads
from gioconda import own
from gioconda.checks import CHOICES, RANGES, check_job
from gioconda.choose import choose
from gioconda.errors import SettingError
from gioconda.job import Job
from gioconda.options import OPTIONS
from heads.liveportrait.head import LivePortrait
from heads.liveportrait.settings import STRONGEST, Settings

DEFAULTS = {field.name: field.default for field in fields(Job)}


def job(**settings: Any) -> Job:
    return Job(**{"portraits": ["me.jpg"], "driving": "clip.mp4", **settings})


def test_every_setting_of_a_head_is_a_setting_of_a_run() -> None:
    known = set().union(*(heads.kind(name).settings for name in heads.REGISTRY))
    assert known <= set(DEFAULTS)
    assert set(own.OWN) <= known
    assert all(DEFAULTS[name] is None for name in own.OWN), "the head has the say"
    assert set(own.OWN) == {name for name in known if DEFAULTS[name] is None}


def test_help_and_limits_are_the_heads_own() -> None:
    for name in own.OWN:
        value = getattr(Settings(), name)
        told = ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else value
        assert OPTIONS[name].help.endswith(f"(default: {told})"), OPTIONS[name].help
    for name, most in STRONGEST.items():
        assert RANGES[name] == (0.0, most)
    for region in CHOICES["region"]:
        Settings().adjusted({"region": region})
    assert OPTIONS["region"].choices == CHOICES["region"]


def test_a_head_gets_what_was_set_and_keeps_the_rest() -> None:
    head = own.adjusted(job(region="exp", stitching=False, smooth=0.5), LivePortrait.tiny(0))
    assert isinstance(head, LivePortrait)
    assert head._settings == Settings(region="exp", stitching=False, smooth=0.5)
    warp = heads.kind("warp").tiny(0)
    assert own.adjusted(job(), warp) is warp


REFUSED = [
    ({"head": "warp", "region": "exp"}, r"the warp head has no --region\..*named by --head\..*choose --head liveportrait"),
    ({"head": "warp", "stitching": True, "retarget_eyes": True}, r"no --stitching and no --retarget-eyes"),
    ({"head": "liveportrait", "mouth": "driving"}, r"paints the face anew, where --mouth has no say.*choose --head warp"),
    ({"head": "liveportrait", "mouth": "portraits", "shading": False}, r"--mouth and --shading have no say"),
    ({"head": "liveportrait", "driving_multiplier": 2.5}, r"--driving-multiplier is 2.5\. It goes from 0 to 2"),
    ({"head": "liveportrait", "region": "ears"}, r"--region is 'ears'\. It is one of all"),
]


@pytest.mark.parametrize(("settings", "says"), REFUSED)
def test_a_setting_in_vain_is_refused_at_once(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        check_job(job(**settings))


def test_auto_takes_a_head_that_heeds_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(job(mouth="driving")).head == "warp"
    with pytest.raises(SettingError, match=r"warp head has no --region\. That head was taken: .*asks for the CPU\."):
        choose(job(region="exp"))
    monkeypatch.setenv("ACCELERATE_USE_CPU", "0")
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cuda:0")
    monkeypatch.setattr("gioconda.choose._weights_of", lambda _name, _needs: (True, "its weights are here"))
    assert choose(job(region="exp")).head == "liveportrait"
    assert choose(job(shading=False)).why == "the liveportrait head paints the face anew, where --shading has no say"
