"""What is told of uploads before a run: true of pictures, clips and motion files made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_made import FILM, make_clip
from shell import SIDE, face, frames, placed, save

from gioconda.inspect import inspect_clip, inspect_motion, inspect_portrait

EXAMPLES = Path(__file__).parent.parent / "examples"
WALL = np.full((SIDE, SIDE, 3), 120, np.uint8)
"""A picture of nobody."""


def test_good_portrait(tmp_path: Path) -> None:
    seen = inspect_portrait(save(tmp_path / "one.png", face(side=512)))
    assert seen.ok
    assert seen.lines == ("512 × 512 pixels, 1 face.",)


def test_two_faces_and_which_one(tmp_path: Path) -> None:
    both = save(tmp_path / "both.png", placed({(0, 0): face(3, side=384), (400, 0): face(5)}, (700, 400)))
    seen = inspect_portrait(both)
    assert seen.ok
    assert seen.lines[0] == "700 × 400 pixels, 2 faces."
    assert "shows 2 faces; the largest was taken" in seen.lines[1]
    assert not [line for line in inspect_portrait(both, 2).lines if "largest" in line]
    missing = inspect_portrait(both, 3)
    assert not missing.ok
    assert "2 faces were found in both.png" in missing.lines[0]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("empty.png", b"", "empty.png is empty"), ("letter.jpg", b"Dear museum", "letter.jpg is not a picture")],
)
def test_no_picture(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    seen = inspect_portrait(tmp_path / name)
    assert not seen.ok
    assert told in seen.lines[0]


def test_nobody_and_too_small(tmp_path: Path) -> None:
    nobody = inspect_portrait(save(tmp_path / "wall.png", WALL))
    assert not nobody.ok
    assert "No face was found in wall.png (256 × 256 pixels)" in nobody.lines[0]
    small = inspect_portrait(save(tmp_path / "small.png", placed({(100, 100): face(side=72)}, (300, 300))))
    assert not small.ok
    assert "pixels wide" in small.lines[0] or "No face" in small.lines[0]


def test_clip_says_length_rate_and_sound(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, 30, rate=FILM, size=(SIDE, SIDE), images=frames(30), sound="aac", sound_seconds=1.0)
    seen = inspect_clip(clip)
    assert seen.ok
    assert seen.lines[0] == "1.0 seconds at 29.97 frames per second, with sound."
    assert seen.lines[1:] == (), "a face is there at once, alone, and large enough"


def test_face_that_comes_late_is_told(tmp_path: Path) -> None:
    clip = tmp_path / "late.mp4"
    make_clip(clip, 60, size=(SIDE, SIDE), images=[*[WALL] * 20, *[face()] * 40])
    seen = inspect_clip(clip)
    assert seen.ok
    assert "No face is seen in late.mp4 at its start" in seen.lines[1]
    assert "at 1.0 s" in seen.lines[1]


def test_clip_without_a_face(tmp_path: Path) -> None:
    make_clip(tmp_path / "wall.mp4", 60, size=(SIDE, SIDE), images=[WALL] * 60)
    seen = inspect_clip(tmp_path / "wall.mp4")
    assert not seen.ok
    assert seen.lines[0] == "No face was found in wall.mp4: not in any of the 3 frames looked at in it."


def test_file_that_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear museum")
    seen = inspect_clip(tmp_path / "letter.mp4")
    assert not seen.ok
    assert "letter.mp4 cannot be read as a video" in seen.lines[0]


def test_motion_file(tmp_path: Path) -> None:
    seen = inspect_motion(EXAMPLES / "motions" / "smile.safetensors")
    assert seen.ok
    assert "frames at 25 frames per second" in seen.lines[0]
    (tmp_path / "wrong.safetensors").write_bytes(b"nothing")
    assert not inspect_motion(tmp_path / "wrong.safetensors").ok
