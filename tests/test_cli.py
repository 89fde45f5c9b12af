"""The command line, from help to finished video."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pytest
from media_made import FILM, make_clip, packets, times
from PIL import Image as Pillow
from shell import ROOT, SIDE, Shell, face, frames, read, save

from gioconda import __version__
from gioconda.cli import parser
from gioconda.gestures import GESTURES
from gioconda.job import Job, MotionMode, Mouth
from gioconda.options import OPTIONS, rate

HELP_SECONDS = 1.0
"""Seconds of processor time that `--help` may take."""
COUNT = 24
"""Frames of the driving clip."""


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, capfd, monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait, and a driving clip of `COUNT` frames at 30000/1001 a second with sound."""
    folder = tmp_path_factory.mktemp("made")
    save(folder / "person.png", face())
    size = (SIDE, SIDE)
    make_clip(folder / "clip.mp4", COUNT, rate=FILM, size=size, images=frames(COUNT), sound="aac", sound_seconds=0.8)
    return folder


def told(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "gioconda", *arguments]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_help_is_quick_and_says_what_to_type() -> None:
    script = "import time; t = time.process_time()\ntry:\n    from gioconda.cli import main; main(['--help'])\n"
    script += "except SystemExit:\n    import sys; print(time.process_time() - t, *sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    seconds, *modules = done.stderr.split()
    assert float(seconds) < HELP_SECONDS
    assert not {"numpy", "av", "cv2", "mediapipe", "gradio", "tqdm"} & set(modules)
    assert "animates a portrait" in done.stdout
    assert len(re.findall(r"^  python -m gioconda \w+ .+", done.stdout, re.MULTILINE)) == 3
    for command in ("animate", "motion", "batch", "gestures", "verify", "identity", "weights", "doctor"):
        assert re.search(rf"^    {command} +\S.*", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["animate", "motion", "batch", "gestures", "verify", "identity", "weights", "doctor"])
def test_help_of_a_command(command: str) -> None:
    done = told(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m gioconda {command}")


def test_version_and_no_command() -> None:
    assert told("--version").stdout == f"Gioconda {__version__}\n"
    nothing = told()
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "examples:" in nothing.stderr


def test_every_setting_has_an_option_and_no_default_of_its_own() -> None:
    names = [field.name for field in fields(Job)]
    assert set(OPTIONS) | {"portraits"} == set(names)
    bare = parser().parse_args(["animate", "me.jpg", "you.jpg"])
    assert {name for name in names if hasattr(bare, name)} == {"portraits"}
    assert bare.portraits == ["me.jpg", "you.jpg"]
    listed = told("animate", "--help").stdout
    for name in OPTIONS:
        flag = "--" + name.replace("_", "-")
        assert re.search(rf"^ .*{flag}\b", listed, re.MULTILINE), flag


def test_a_preview_is_a_small_endless_animation(shell: Shell, made: Path) -> None:
    result = shell.run(
        "animate", made / "person.png", "--gesture", "wink", "-o", "out.mp4", "--preview", "out.webp", "--end", "1"
    )
    assert result.code == 0, result
    assert result.out.split() == ["out.mp4", "out.webp"]
    with Pillow.open(shell.folder / "out.webp") as picture:
        assert picture.n_frames > 5 and max(picture.size) <= 320  # type: ignore[attr-defined]
    refused = shell.run("animate", made / "person.png", "--gesture", "wink", "-o", "o.mp4", "--preview", "o.png")
    assert refused.code == 2 and "o.webp" in refused.err and not (shell.folder / "o.mp4").exists()


def test_options_come_to_the_job() -> None:
    line = "animate a.png --driving c.mp4 -o o.mp4 --head h --motion-mode absolute --expression-strength 1.5 --pose-strength 0"
    line += " --device cuda:1 --precision bf16"
    line += " --smooth .5 --mouth driving --face 2 --neutral 1.25 --max-side 640 --fps 30000/1001 --start 1 --end 2.5"
    line += (
        " --no-audio --no-label --no-watermark --consent Yes --compare --crf 20 --preview p.webp --report r.json --overwrite"
    )
    chosen = vars(parser().parse_args(line.split()))
    job = Job(**{name: value for name, value in chosen.items() if name in {field.name for field in fields(Job)}})
    assert job == Job(
        portraits=["a.png"], driving="c.mp4", output="o.mp4", head="h", device="cuda:1", precision="bf16",
        motion_mode="absolute", expression_strength=1.5,
        pose_strength=0.0, smooth=0.5, mouth="driving", face=2, neutral=1.25, max_side=640, fps=Fraction(30000, 1001),
        start=1.0, end=2.5, audio=False, label=False, watermark=False, consent="Yes", compare=True, crf=20,
        preview="p.webp", report="r.json", overwrite=True,
    )  # fmt: skip
    assert OPTIONS["motion_mode"].choices == get_args(MotionMode)
    assert OPTIONS["mouth"].choices == get_args(Mouth)


@pytest.mark.parametrize(("text", "value"), [("30", Fraction(30)), ("30000/1001", FILM), ("29.97", Fraction(2997, 100))])
def test_rates_are_taken_as_they_are_written(text: str, value: Fraction) -> None:
    assert rate(text) == value


def test_a_rounded_rate_is_pointed_out(shell: Shell, made: Path) -> None:
    result = shell.run("animate", made / "person.png", "--gesture", "nod", "--end", 0.2, "--fps", "29.97", "-o", "out.mp4")
    assert result.code == 0
    assert result.err == "note: --fps 29.97 is taken as written; television's rate is --fps 30000/1001\n"
    assert times(shell.folder / "out.mp4")[1] == Fraction(100, 2997)


def test_gestures_are_listed_one_a_line(shell: Shell) -> None:
    listed = shell.run("gestures").out.splitlines()
    assert [line.split()[0] for line in listed] == list(GESTURES)


def test_a_reader_that_went_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gioconda", "gestures"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def looked_at(path: Path) -> tuple[list[Fraction], tuple[int, int], dict[str, str], float]:
    """Times of the frames as decoded, size, tags, and the mean change from the first frame to the others in grey levels."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        images, stamps = [], []
        for frame in container.decode(stream):
            assert frame.pts is not None and frame.time_base is not None
            stamps.append(frame.pts * frame.time_base)
            images.append(frame.to_ndarray(format="rgb24").astype(np.int16))
        tags = dict(container.metadata)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    change = max(float(np.abs(image - images[0]).mean()) for image in images)
    return stamps, (images[0].shape[1], images[0].shape[0]), tags, change


def test_a_gesture_becomes_a_video(shell: Shell, made: Path) -> None:
    result = shell.run("animate", made / "person.png", "--gesture", "nod", "--end", 1, "-o", "out.mp4")
    assert (result.code, result.out, result.err) == (0, "out.mp4\n", "")
    stamps, size, tags, change = looked_at(shell.folder / "out.mp4")
    assert stamps == [Fraction(i, 30) for i in range(30)]
    assert size == (SIDE, SIDE)
    assert "AI-animated portrait" in tags["title"] + tags["comment"]
    assert __version__ in tags["comment"]
    assert change > 1


def test_a_clip_drives_with_its_times_and_its_sound(shell: Shell, made: Path) -> None:
    result = shell.run("animate", made / "person.png", "--driving", made / "clip.mp4", "-o", "out.mp4", "--report", "out.json")
    assert (result.code, result.out, result.err) == (0, "out.mp4\n", "")
    out = shell.folder / "out.mp4"
    stamps, size, _, change = looked_at(out)
    assert stamps == times(made / "clip.mp4") == [i / FILM for i in range(COUNT)]
    assert size == (SIDE, SIDE)
    assert change > 1
    assert packets(out) == packets(made / "clip.mp4")
    assert times(out, "audio") == times(made / "clip.mp4", "audio")
    report = json.loads((shell.folder / "out.json").read_text(encoding="utf-8"))
    check_report(report, out)


def check_report(report: dict[str, object], out: Path) -> None:
    import hashlib

    assert set(report) >= {"tool", "version", "head", "settings", "portraits", "driving", "notes", "seconds", "output"}
    settings, driving, output, seconds = (report[key] for key in ("settings", "driving", "output", "seconds"))
    assert isinstance(settings, dict) and isinstance(driving, dict) and isinstance(output, dict) and isinstance(seconds, dict)
    assert set(settings) == {field.name for field in fields(Job)}
    assert driving["kind"] == "clip"
    assert driving["rate"] == "30000/1001"
    assert driving["frames"] == output["frames"] == COUNT
    assert 0 <= driving["neutral_seconds"] < COUNT / FILM
    assert driving["lost_seconds"] == []
    assert output["rate"] == "30000/1001"
    assert output["size"] == [SIDE, SIDE]
    assert output["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert set(output["marks"]) == {"label", "watermark", "credentials", "tags"}
    assert output["in_ledger"] is True
    assert all(value >= 0 for value in seconds.values())


def test_part_of_a_clip_at_another_rate_without_sound_or_label(shell: Shell, made: Path) -> None:
    part = ("--start", 0.2, "--end", 0.6, "--fps", "25", "--no-audio", "--no-label", "--max-side", 128)
    result = shell.run("animate", made / "person.png", "--driving", made / "clip.mp4", "-o", "out.mp4", *part)
    assert result.code == 0, result
    stamps, size, _, _ = looked_at(shell.folder / "out.mp4")
    assert stamps == [Fraction(i, 25) for i in range(10)]
    assert size == (128, 128)
    with av.open(shell.folder / "out.mp4") as container:
        assert not container.streams.audio


def test_seconds_are_the_clips_own_also_where_only_a_part_is_used(shell: Shell, made: Path) -> None:
    part = ("--start", 0.2, "--end", 0.6, "--neutral", 0.5, "--report", "report.json")
    assert shell.run("animate", made / "person.png", "--driving", made / "clip.mp4", "-o", "out.mp4", *part).code == 0
    driving = json.loads((shell.folder / "report.json").read_text(encoding="utf-8"))["driving"]
    assert driving["neutral_seconds"] == pytest.approx(0.5, abs=0.51 / FILM)


def test_a_reel_puts_everything_side_by_side(shell: Shell, made: Path) -> None:
    result = shell.run("animate", made / "person.png", "--driving", made / "clip.mp4", "-o", "out.mp4", "--compare")
    assert (result.code, result.out) == (0, "out.mp4\nout-compare.mp4\n")
    stamps, (width, height), _, _ = looked_at(shell.folder / "out-compare.mp4")
    assert stamps == times(made / "clip.mp4")
    assert height == SIDE
    assert width > 3 * SIDE
    assert packets(shell.folder / "out-compare.mp4") == packets(made / "clip.mp4")


def test_a_motion_file_does_what_its_clip_does(shell: Shell, made: Path) -> None:
    recorded = shell.run("motion", made / "clip.mp4", "-o", "clip.safetensors")
    assert (recorded.code, recorded.out, recorded.err) == (0, "clip.safetensors\n", "")
    shell.refused("motion", made / "clip.mp4", "-o", "clip.safetensors", says=("exists already", "--overwrite"))
    assert shell.run("motion", made / "clip.mp4", "-o", "clip.safetensors", "--overwrite", "--end", 0.5).code == 0
    short = (shell.folder / "clip.safetensors").stat().st_size
    assert shell.run("motion", made / "clip.mp4", "-o", "clip.safetensors", "--overwrite").code == 0
    size = (shell.folder / "clip.safetensors").stat().st_size
    assert short < size < COUNT * 8000 + 4096  # landmarks, weights, poses and shades, and no picture
    result = shell.run("animate", made / "person.png", "--motion", "clip.safetensors", "-o", "out.mp4")
    assert (result.code, result.out, result.err) == (0, "out.mp4\n", "")
    stamps, _, _, change = looked_at(shell.folder / "out.mp4")
    assert stamps == times(made / "clip.mp4")
    assert change > 1


def test_a_gif_and_a_picture_drive(shell: Shell, made: Path) -> None:
    pictures = [Pillow.fromarray(image) for image in frames(6)]
    pictures[0].save(shell.folder / "moves.gif", save_all=True, append_images=pictures[1:], duration=100, loop=0)
    result = shell.run("animate", made / "person.png", "--driving", "moves.gif", "-o", "gif.mp4")
    assert result.code == 0, result
    assert looked_at(shell.folder / "gif.mp4")[0] == [Fraction(i, 10) for i in range(6)]
    save(shell.folder / "smile.png", face(5, 0, 0.6, 0.5))
    result = shell.run("animate", made / "person.png", "--driving", "smile.png", "-o", "still.mp4")
    assert result.code == 0, result
    assert "note: The driving file shows one picture" in result.err
    stamps, _, _, change = looked_at(shell.folder / "still.mp4")
    assert len(stamps) > 60
    assert change > 0.5


def test_two_portraits_and_other_settings(shell: Shell, made: Path) -> None:
    """What is neither default nor out of range: several portraits, absolute motion, strengths, the driver's mouth."""
    other = save(shell.folder / "laughing.png", face(3, 5, 0.5, 0.5))
    more = (
        "--motion-mode absolute --expression-strength 1.4 --pose-strength 0.5 --smooth 0 --mouth driving --neutral 0.1 --crf 30"
    )
    part = ("--end", 0.3, "-o", "out.mp4", "--overwrite")
    result = shell.run("animate", made / "person.png", other, "--driving", made / "clip.mp4", *more.split(), *part)
    assert result.code == 0, result
    stronger = (shell.folder / "out.mp4").read_bytes()
    assert shell.run("animate", made / "person.png", other, "--driving", made / "clip.mp4", *part).code == 0
    assert (shell.folder / "out.mp4").read_bytes() != stronger


def test_same_input_same_pictures(shell: Shell, made: Path) -> None:
    """Every encoded bit is the same; the credentials are not: they have a time, an identifier and a signature of their own."""
    for name in ("one.mp4", "two.mp4"):
        assert shell.run("animate", made / "person.png", "--gesture", "wink", "--end", 0.5, "-o", name).code == 0
    one, two = (packets(shell.folder / name, "video") for name in ("one.mp4", "two.mp4"))
    assert one == two
    assert (shell.folder / "one.mp4").read_bytes() != (shell.folder / "two.mp4").read_bytes()


def test_a_terminal_sees_stages_and_time_left(shell: Shell, made: Path) -> None:
    """And a pipe sees one line on the standard output and what renders on the other, in a process of its own."""
    line = ("animate", made / "person.png", "--driving", made / "clip.mp4", "-o", "out.mp4", "--overwrite")
    with shell.started(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"out.mp4\n")
    assert re.fullmatch(rb"head: warp, on the CPU \(.+\)\n", err)
    terminal, other_end = pty.openpty()
    with shell.started(*line, stdout=subprocess.PIPE, stderr=other_end) as process:
        os.close(other_end)
        said = b""
        while more := read(terminal):
            said += more
        assert process.wait(60) == 0
    os.close(terminal)
    for stage in (b"Looking at the portraits: 100%", b"Reading the performance: 100%", b"Painting the frames: 100%"):
        assert stage in said
    assert f"{COUNT}/{COUNT} [".encode() in said
    assert re.search(rb"\d\d:\d\d left", said)
    shell.tidy(said.decode())


def test_doctor_knows_whether_animating_works(shell: Shell) -> None:
    result = shell.run("doctor", "--json")
    found = json.loads(result.out)
    assert (result.code, found["works"], found["broken"]) == (0, True, []), result
    assert found["gioconda"] == __version__
    assert found["packages"]["mediapipe"] == "0.10.31"
    assert {row["name"]: row["state"] for row in found["weights"]}["face_landmarker.task"] == "right"
    assert found["machine"]["cores"] >= 1
    assert found["page"] is True
    assert found["rehearsal"]["frames"] == 30
    assert found["rehearsal"]["painted_per_second"] > 1
    assert found["ffmpeg"]["libx264"] is True
    lines = shell.run("doctor").out.splitlines()
    assert lines[0].startswith(f"Gioconda {__version__}, Python 3.")
    assert lines[-1] == "Animating works."


def test_doctor_names_a_weight_file_that_is_not_right(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    import weights

    home = shell.folder / "weights"
    shutil.copytree(weights.HOME, home)
    model = home / "headmodel.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    monkeypatch.setattr(weights, "HOME", home)
    result = shell.run("doctor")
    assert result.code == 1
    assert re.search(r"^Broken: The weight file .*headmodel.safetensors has [\d,]+ bytes\.", result.out, re.MULTILINE)
    assert result.out.splitlines()[-1] == "Animating does not work."
