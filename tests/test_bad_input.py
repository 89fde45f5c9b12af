"""What people give by mistake: a sentence on what was found, what is needed and what to do, and nothing left behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_made import make_clip, packets
from shell import SIDE, Result, Shell, face, frames, placed, png, read, save

from gioconda.job import Job
from gioconda.media import VideoWriter

FEW = ("--end", "0.2")
"""Settings that end a run after a few frames."""
PATIENCE = 60
"""Seconds after which a command that should have ended counts as hung."""


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, capfd, monkeypatch)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("person") / "person.png", face())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of somebody with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, 60, rate=Fraction(30), size=(SIDE, SIDE), images=frames(60), sound="aac", sound_seconds=2.0)


def nobody(path: Path) -> None:
    save(path, np.repeat(np.linspace(0, 255, 200 * 200).reshape(200, 200, 1), 3, 2).astype(np.uint8))


def far_away(path: Path) -> None:
    save(path, placed({(100, 80): face(side=80)}, (480, 320)))  # a face is half as wide as its picture


PICTURES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "nobody.png": (nobody, ("No face was found in nobody.png (200 × 200 pixels)", "is needed", "Choose another picture")),
    "small.png": (far_away, ("small.png is", "pixels wide", "At least 48 pixels", "larger or closer")),
    "empty.png": (Path.touch, ("empty.png is empty (0 bytes)", "A picture is needed", "again")),
    "letter.jpg": (
        lambda path: path.write_text("Dear all\n" * 99),
        ("letter.jpg is not a picture", "JPEG", "choose another file"),
    ),
    "wide.png": (
        lambda path: save(path, np.zeros((200, 12_000, 3), np.uint8)),
        ("12,000 × 200 pixels", "At most 10,000", "smaller"),
    ),
    "bomb.png": (lambda path: path.write_bytes(png(50_000, 50_000)), ("bomb.png has", "64 million", "Make it smaller")),
    "dwarf.png": (lambda path: save(path, face(side=SIDE)[:40, :40]), ("only 40 × 40 pixels", "At least 64", "larger picture")),
    "broken.png": (lambda path: path.write_bytes(png(100, 100)), ("broken.png", "breaks off", "complete picture", "again")),
    "missing.png": (lambda path: None, ("There is no file missing.png", "A picture is needed", "Check the name")),
    "pipe.png": (os.mkfifo, ("pipe.png is a pipe", "more than once", "Save it")),
    "folder.png": (Path.mkdir, ("folder.png is a folder", "A picture is needed", "Name one file")),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_are_no_portrait(name: str, shell: Shell) -> None:
    make, says = PICTURES[name]
    make(shell.folder / name)
    shell.refused("animate", name, "--gesture", "nod", "-o", "out.mp4", says=says)


def cut_short(path: Path) -> None:
    make_clip(path, 30, rate=Fraction(30), size=(SIDE, SIDE), images=frames(30))
    path.write_bytes(path.read_bytes()[:-4000])  # the index at the end is lost


def without_video(path: Path) -> None:
    full = path.with_name("full.mp4")
    make_clip(full, 5, sound="aac")
    import av

    with av.open(full) as source, av.open(path, "w") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    full.unlink()


def nobody_there(path: Path) -> None:
    make_clip(path, 8, rate=Fraction(30))


CLIPS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "empty.mp4": (Path.touch, ("empty.mp4 is empty (0 bytes)", "A driving clip is needed", "again")),
    "letter.mp4": (
        lambda path: path.write_text("Dear all\n" * 99),
        ("letter.mp4 cannot be read as a video", "is needed", "convert it"),
    ),
    "cut.mp4": (cut_short, ("cut.mp4", "needed", "again")),
    "song.m4a": (without_video, ("song.m4a holds only sound", "is needed", "another file")),
    "birds.mp4": (nobody_there, ("No face was found", "8 frames", "needs one face", "Choose another clip")),
    "missing.mp4": (lambda path: None, ("There is no file missing.mp4", "is needed", "Check the name")),
    "pipe.mp4": (os.mkfifo, ("pipe.mp4 is a pipe", "more than once", "Save it")),
    "folder.mp4": (Path.mkdir, ("folder.mp4 is a folder", "is needed", "Name one file")),
}


@pytest.mark.parametrize("name", CLIPS)
def test_clips_that_drive_nothing(name: str, shell: Shell, person: Path) -> None:
    make, says = CLIPS[name]
    make(shell.folder / name)
    shell.refused("animate", person, "--driving", name, "-o", "out.mp4", says=says)


@pytest.mark.parametrize("name", ["empty.mp4", "birds.mp4"])
def test_clips_that_record_nothing(name: str, shell: Shell) -> None:
    make, says = CLIPS[name]
    make(shell.folder / name)
    shell.refused("motion", name, "-o", "out.safetensors", says=says)


def test_a_clip_that_breaks_off_halfway(shell: Shell, person: Path) -> None:
    """Its index promises two seconds, and half of the pictures are gone."""
    whole = shell.folder / "whole.mp4"
    with VideoWriter(whole, size=(SIDE, SIDE), rate=Fraction(30), clock=Fraction(1, 30)) as writer:
        for index, image in enumerate(frames(60)):
            writer.write(image, index)
    half = shell.folder / "half.mp4"
    data = whole.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    shell.refused(
        "animate", person, "--driving", half, "-o", "out.mp4", says=("half.mp4 ends at", "of 2.0 s", "complete clip", "--end")
    )


MOTIONS: dict[str, Callable[[Path], object]] = {
    "noise.safetensors": lambda path: path.write_bytes(os.urandom(4096)),
    "pickle.safetensors": lambda path: path.write_bytes(b"cos\nsystem\n(S'touch harmed'\ntR."),
    "empty.safetensors": Path.touch,
    "missing.safetensors": lambda path: None,
    "folder.safetensors": Path.mkdir,
    "other.safetensors": lambda path: path.write_bytes(b"\x02\0\0\0\0\0\0\0{}"),
}


@pytest.mark.parametrize("name", MOTIONS)
def test_motion_files_that_are_none(name: str, shell: Shell, person: Path) -> None:
    MOTIONS[name](shell.folder / name)
    shell.refused("animate", person, "--motion", name, "-o", "out.mp4", says=(name, "A motion file is", "gioconda motion CLIP"))
    assert not (shell.folder / "harmed").exists()


SETTINGS: dict[str, tuple[str, ...]] = {
    "--fps 0": ("--fps is 0", "from 1 to 240", "another rate"),
    "--fps -5": ("--fps is -5", "from 1 to 240"),
    "--fps 1/0": ("--fps: '1/0' is not a frame rate", "animate --help"),
    "--fps nan": ("--fps: 'nan' is not a frame rate",),
    "--fps 1e99": ("--fps: '1e99' is not a frame rate",),
    "--crf 99": ("--crf is 99", "0 to 51"),
    "--crf 1.5": ("--crf: '1.5' is not a whole number",),
    "--smooth nan": ("--smooth: 'nan' is not a number",),
    "--smooth 9": ("--smooth is 9", "0 to 4"),
    "--expression-strength -1": ("--expression-strength is -1", "0 to 2"),
    "--start 5 --end 3": ("from 5.0 s to 3.0 s", "behind --start"),
    "--start -1": ("-1", "0 or later"),
    "--start 99": ("nod", "99", "earlier --start"),
    "--face 0": ("--face is 0", "counted from 1"),
    "--max-side 1": ("--max-side is 1", "64 to 4096"),
    "--mouth none": ("--mouth: invalid choice: 'none'", "animate --help"),
    "--gesture nonsense": ("no gesture 'nonsense'", "smile", "Choose one"),
    "--head nonsense": ("no head named 'nonsense'", "warp", "Choose one"),
    "--driving x.mp4": ("Driving and gesture were given together", "Exactly one", "--gesture NAME"),
    "--nonsense": ("Unrecognized arguments: --nonsense", "--help"),
    "-o out.avi": ("out.avi does not end in .mp4", "out.mp4"),
}


@pytest.mark.parametrize("given", SETTINGS)
def test_settings_out_of_their_range(given: str, shell: Shell, person: Path) -> None:
    shell.refused("animate", person, "--gesture", "nod", "-o", "out.mp4", *given.split(), says=SETTINGS[given])


def test_nothing_that_drives(shell: Shell, person: Path) -> None:
    shell.refused("animate", person, says=("None of driving clip, motion file and gesture", "Exactly one", "--driving CLIP"))


def test_outputs_that_cannot_be(shell: Shell, person: Path) -> None:
    (shell.folder / "there.mp4").write_bytes(b"mine")
    (shell.folder / "folder.mp4").mkdir()
    (shell.folder / "file").touch()
    for output, says in {
        "there.mp4": ("there.mp4 exists already", "Nothing is replaced", "--overwrite"),
        "folder.mp4": ("folder.mp4 is a folder", "file's name is needed"),
        "nowhere/out.mp4": ("nowhere does not exist", "needs a folder", "mkdir -p nowhere"),
        "file/out.mp4": ("file", "folder", "Make it first"),
    }.items():
        shell.refused("animate", person, "--gesture", "nod", "-o", output, says=says)
    assert (shell.folder / "there.mp4").read_bytes() == b"mine"
    shell.refused("animate", person, "--gesture", "nod", "-o", person.with_suffix(".mp4"), "--report", person, says=("inputs",))
    for other in ("out.mp4", "out-compare.mp4"):
        shell.refused(
            "animate", person, "--gesture", "nod", "-o", "out.mp4", "--compare", "--report", other, says=(f"to {other}", "each")
        )
    shell.refused("motion", "x.mp4", "-o", "out.mp4", says=("out.mp4 does not end in .safetensors", "out.safetensors"))


def test_a_folder_that_takes_no_file(shell: Shell, person: Path) -> None:
    """/proc lets nobody make a file, root neither."""
    shell.refused("animate", person, "--gesture", "nod", *FEW, "-o", "/proc/out.mp4", says=("/proc", "needed", "another"))


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
"""
"""No file may grow beyond so many bytes: what a full disk is to a program."""


@pytest.mark.parametrize("arguments", ["animate PERSON --driving CLIP -o out.mp4", "motion CLIP -o out.safetensors"])
@pytest.mark.parametrize("limit", [20_000, 250_000])
def test_a_disk_that_fills(arguments: str, limit: int, shell: Shell, person: Path, clip: Path) -> None:
    places = {"PERSON": person, "CLIP": clip}
    words = [places.get(word, word) for word in arguments.split()]
    with shell.started(*words, before=FULL.format(limit), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = (told.decode() for told in process.communicate(timeout=PATIENCE))
    shell.tidy(err)
    assert (process.returncode, out) == (2, ""), err
    assert re.match(r"(head: .*\n)?gioconda: .*(full|File too large|could not be written).* (free|takes).*\. .+", err), err
    assert list(shell.folder.iterdir()) == [shell.temporary]


def interrupted(shell: Shell, after: str, signals: tuple[int, ...], *arguments: object) -> Result:
    """Run a command on a terminal, send it signals once it has said something, and wait for its end."""
    terminal, other_end = pty.openpty()
    before = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    with shell.started(*arguments, before=before, stdout=subprocess.PIPE, stderr=other_end) as process:
        os.close(other_end)
        said = b""
        while after.encode() not in said:
            told = read(terminal)
            assert told, f"it ended before it said {after!r}: {said!r}"
            said += told
        for number in signals:
            process.send_signal(number)
        while told := read(terminal):
            said += told
        assert process.stdout is not None
        out = process.stdout.read().decode()
        process.wait(PATIENCE)
    os.close(terminal)
    shell.tidy(said.decode())
    return Result(process.returncode, out, said.decode())


@pytest.mark.parametrize(
    ("after", "signals"),
    [
        ("Looking", (signal.SIGINT,)),
        ("Painting", (signal.SIGINT,)),
        ("Painting", (signal.SIGTERM,)),
        ("Painting", (signal.SIGINT, signal.SIGINT, signal.SIGTERM)),
    ],
)
def test_interrupted(after: str, signals: tuple[int, ...], shell: Shell, person: Path) -> None:
    (shell.folder / "there.mp4").write_bytes(b"mine")
    output = ("-o", "there.mp4", "--overwrite", "--compare", "--report", "report.json")
    result = interrupted(shell, after, signals, "animate", person, "--gesture", "living", *output)
    assert result.code == 130, result
    assert result.out == ""
    assert "gioconda: stopped; nothing was written" in result.err
    assert sorted(shell.folder.iterdir()) == [shell.temporary, shell.folder / "there.mp4"]
    assert (shell.folder / "there.mp4").read_bytes() == b"mine"


def test_interrupted_while_reading_a_clip(shell: Shell, clip: Path) -> None:
    result = interrupted(shell, "Reading", (signal.SIGINT,), "motion", clip, "-o", "out.safetensors")
    assert result.code == 130, result
    assert list(shell.folder.iterdir()) == [shell.temporary]


def test_a_face_that_only_max_side_makes_too_small(shell: Shell, person: Path) -> None:
    says = ("pixels wide", f"from {SIDE} to 64 pixels", "larger --max-side")
    shell.refused("animate", person, "--gesture", "nod", "-o", "out.mp4", "--max-side", 64, says=says)


def test_two_faces(shell: Shell) -> None:
    """The largest is taken and a note says so; the other can be asked for; a third is not there."""
    picture = placed({(0, 0): face(3, side=320), (340, 40): face(7, side=220)}, (560, 320))
    both = save(shell.folder / "both.png", picture)
    sums: set[bytes] = set()
    for wanted in ((), ("--face", 1), ("--face", 2)):
        output = shell.folder / f"{len(sums)}.mp4"
        part = ("--start", 0.5, "--end", 0.7, "--no-watermark", "--overwrite")
        result = shell.run("animate", both, "--gesture", "nod", *part, "-o", output, *wanted)
        assert result.code == 0, result
        assert ("note: both.png shows 2 faces" in result.err) == (not wanted)
        sums.add(b"".join(packets(output, "video")))
    assert len(sums) == 2
    shell.refused("animate", both, "--gesture", "nod", "--face", 3, "-o", "3.mp4", says=("Face 3", "2 faces", "1 to 2"))


def test_a_clip_of_one_frame_is_a_picture(shell: Shell, person: Path) -> None:
    make_clip(shell.folder / "one.mp4", 1, rate=Fraction(30), size=(SIDE, SIDE), images=frames(1))
    result = shell.run("animate", person, "--driving", "one.mp4", "--fps", 10, "-o", "out.mp4", "--report", "out.json")
    assert (result.code, result.out) == (0, "out.mp4\n"), result
    assert json.loads((shell.folder / "out.json").read_text(encoding="utf-8"))["output"]["rate"] == "10"
    assert "note: The driving file shows one picture" in result.err


def test_an_unexpected_error_is_one_sentence(shell: Shell, person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours shows its type, not its traceback; the variable in the message brings the traceback."""
    monkeypatch.setattr(Job, "__init__", lambda *_, **__: 1 // 0)
    result = shell.run("animate", person, "--gesture", "nod")
    assert result.code == 1
    assert re.fullmatch(r"gioconda: ZeroDivisionError: .*Please report it.*GIOCONDA_DEBUG=1.*\n", result.err)
    assert "Traceback" not in result.err
    monkeypatch.setenv("GIOCONDA_DEBUG", "1")
    with pytest.raises(AssertionError, match="in _animate"):
        shell.run("animate", person, "--gesture", "nod")


def test_a_place_that_fails_later_is_named(shell: Shell, person: Path) -> None:
    """A temporary folder that is not there is met in the middle of the run."""
    before, line = "import tempfile\ntempfile.tempdir = 'gone'", ("animate", person, "--gesture", "nod", "-o", "out.mp4")
    with shell.started(*line, before=before, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = (told.decode() for told in process.communicate(timeout=PATIENCE))
    shell.tidy(err)
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(
        r"gioconda: .*gone/\S+ cannot be used \(No such file or directory\)\. .*needed\. .*another one\.\n", err
    )
