"""The whole road to a video with the neural head: its five files by their true names, from a Hub, through the command line."""

from __future__ import annotations

import hashlib
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import liveportrait_made
import numpy as np
import pytest
from hub import described, environment, hub
from media_made import make_clip
from numpy.typing import NDArray
from shell import ROOT, SIDE, Shell, face, frames, save

import heads
import weights
from gioconda import choose
from gioconda.media import VideoReader
from heads.liveportrait.sizes import FILES, FULL

SHIPPED = weights.HOME
SMALL = """
import pathlib, sys
import heads, weights
sys.path.insert(0, {tests!r})
heads.REGISTRY = {{**heads.REGISTRY, "liveportrait": "liveportrait_made:Small"}}
weights.HOME = pathlib.Path({home!r})
"""
"""Statements by which another process takes small networks and a shelf of its own."""


def shelf(folder: Path, files: str) -> Path:
    """A weights folder with what ships, and the catalogue's entries of other files."""
    folder.mkdir()
    for file in SHIPPED.iterdir():
        if file.suffix in {".task", ".tflite", ".safetensors"}:
            (folder / file.name).symlink_to(file)
    text = (SHIPPED / "catalogue.toml").read_text(encoding="utf-8").partition("# LivePortrait")[0]
    (folder / "catalogue.toml").write_text(text + files, encoding="utf-8")
    return folder


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path, capfd, monkeypatch)
    save(tmp_path / "person.png", face())
    make_clip(tmp_path / "clip.mp4", 9, rate=Fraction(25), size=(SIDE, SIDE), images=frames(9))
    return shell


def corner(path: Path) -> list[NDArray[np.uint8]]:
    """The first pixels of each frame of a video, where there is only background."""
    return [frame.image[:24, :24] for frame in VideoReader(path)]


def test_from_a_hub_to_a_video(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made = {name: path.read_bytes() for name, path in liveportrait_made.files(tmp_path / "made").items()}
    home = shelf(tmp_path / "weights", "".join(described(name, content) for name, content in made.items()))
    before = SMALL.format(tests=str(ROOT / "tests"), home=str(home))
    line = "animate person.png --driving clip.mp4 --head liveportrait --retarget-eyes --no-label --report out.json -o out.mp4"
    with hub(made) as there:
        told = environment(there.endpoint, tmp_path / "cache", OMP_NUM_THREADS="1")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with shell.started(*line.split(), before=before, environment=told, **pipes) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, b"out.mp4\n"), err
        assert there.count("GET") == len(FILES)
    first = err.decode().splitlines()[0]
    assert first.startswith("head: liveportrait, on the CPU (chosen by --head; ") and "takes seconds for each frame" in first
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert report["rendering"]["head"] == "liveportrait" and report["rendering"]["precision"] == "fp32"
    assert report["rendering"]["settings"]["stitching"] is True, "also what was left open"
    assert report["settings"]["retarget_eyes"] is True and report["settings"]["stitching"] is None
    assert report["driving"]["frames"] == 9
    video = VideoReader(tmp_path / "out.mp4")
    assert (video.size, video.count, video.rate) == ((SIDE, SIDE), 9, Fraction(25))
    corners = corner(tmp_path / "out.mp4")
    # But for what encoding does beside the loud pictures of networks that learnt nothing.
    assert max(np.abs(one.astype(int) - corners[0]).mean() for one in corners) < 2, "the background holds still"


@pytest.fixture
def small(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line in this process, with small networks whose files lie on the shelf."""
    (tmp_path / "made").mkdir()
    made = liveportrait_made.files(tmp_path / "made")
    home = shelf(tmp_path / "weights", "".join(described(name, path.read_bytes()) for name, path in made.items()))
    for name, path in made.items():
        path.rename(home / name)
    monkeypatch.setattr(weights, "HOME", home)
    monkeypatch.setattr(heads, "REGISTRY", {**heads.REGISTRY, "liveportrait": "liveportrait_made:Small"})
    choose._built.cache_clear()
    return shell


def digest(path: Path) -> str:
    """Of the pictures of a video."""
    return hashlib.sha256(b"".join(frame.image.tobytes() for frame in VideoReader(path))).hexdigest()


def test_settings_of_the_command_line_reach_the_head(small: Shell) -> None:
    base = ("animate", "person.png", "--driving", "clip.mp4", "--head", "liveportrait", "--end", "0.16")
    more: dict[str, tuple[str, ...]] = {
        "plain": (), "mode": ("--motion-mode", "absolute"), "part": ("--region", "pose"), "weak": ("--pose-strength", "0.3"),
        "none": ("--driving-multiplier", "0"), "rate": ("--fps", "50"),
    }  # fmt: skip
    made = {}
    for name, settings in more.items():
        result = small.run(*base, *settings, "-o", f"{name}.mp4")
        assert result.code == 0, result.err
        made[name] = digest(small.folder / f"{name}.mp4")
    assert len(set(made.values())) == len(made)


def test_a_single_picture_is_arrived_at_and_left(small: Shell) -> None:
    save(small.folder / "smile.png", face(5, 6, 0.6, 0.5))
    result = small.run("animate", "person.png", "--driving", "smile.png", "--head", "liveportrait", "--fps", "4", "-o", "o.mp4")
    assert result.code == 0, result.err
    made = [frame.image.astype(int) for frame in VideoReader(small.folder / "o.mp4")]
    moved = [float(np.abs(frame - made[0]).mean()) for frame in made]
    assert moved[-1] < 0.5 * max(moved) and int(np.argmax(moved)) not in (0, len(made) - 1)


def test_what_has_no_pictures_is_refused_before_anything_is_read(small: Shell) -> None:
    small.refused(
        "animate", "person.png", "--gesture", "nod", "--head", "liveportrait", "-o", "o.mp4",
        says=("follows pictures of the driver's face, and a gesture has none", "Give --driving CLIP"),
    )  # fmt: skip


@pytest.mark.slow
def test_networks_of_the_published_sizes(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five files of half a gigabyte, as the published ones but for their numbers; two frames."""
    (tmp_path / "made").mkdir()
    made = liveportrait_made.files(tmp_path / "made", sizes=FULL)
    published = {name: entry.bytes for name, entry in weights.catalogue().items() if name in made}
    assert {name: path.stat().st_size for name, path in made.items()} == published
    home = shelf(tmp_path / "weights", "".join(described(name, path.read_bytes()) for name, path in made.items()))
    for name, path in made.items():
        path.rename(home / name)
    monkeypatch.setattr(weights, "HOME", home)
    choose._built.cache_clear()
    line = "animate person.png --driving clip.mp4 --head liveportrait --end 0.07 -o out.mp4"
    result = shell.run(*line.split())
    choose._built.cache_clear()
    assert result.code == 0, result.err
    assert VideoReader(tmp_path / "out.mp4").count == 2
