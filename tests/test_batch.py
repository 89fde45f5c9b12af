"""Batches: lists read, jobs done once by one or several processes, continued after an end of any kind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from neural import Neural
from shell import ROOT, Shell, face, save

import heads
from gioconda import choose
from gioconda.job import Job
from gioconda.joblist import read

SHORT = {"end": 0.2}
"""Six frames of a gesture."""


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path, capfd, monkeypatch)
    save(tmp_path / "person.png", face(side=128))
    return shell


def listed(folder: Path, jobs: Sequence[object]) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in jobs) + "\n", encoding="utf-8")
    return path


def jobs(*names: str, **more: object) -> list[dict[str, Any]]:
    return [{"name": name, "portraits": "person.png", "gesture": "nod", **SHORT, **more} for name in names]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    return found


def states(folder: Path) -> dict[str, str]:
    return {one["name"]: one["state"] for one in summary(folder)["results"]}


def test_a_list_is_done_and_done_again_only_where_it_must(shell: Shell) -> None:
    """Done, failed, skipped, changed, mended: the life of a batch."""
    listed(shell.folder, [*jobs("one"), *jobs("two", compare=True), "", *jobs("gone", portraits=["nobody.png"])])
    result = shell.run("batch", "jobs.jsonl", "--out", "out", "--no-label")
    assert result.code == 1
    assert "3 jobs: 2 done, 1 failed; out/summary.json" in result.out
    assert re.search(r"^gone +failed .*nobody\.png", result.out, re.MULTILINE)
    assert re.search(r"^one: done, 6 frames in \d+\.\d s$", result.err, re.MULTILINE)
    assert states(shell.folder) == {"one": "done", "two": "done", "gone": "failed"}
    report = json.loads((shell.folder / "out" / "one.json").read_text(encoding="utf-8"))
    assert report["settings"]["label"] is False, "settings of the command line are for every line"
    assert not (shell.folder / "out" / "gone.mp4").exists()
    first = (shell.folder / "out" / "one.mp4").stat().st_mtime_ns

    save(shell.folder / "nobody.png", face(5, side=128))
    assert (shell.folder / "out" / "two-compare.mp4").exists()
    listed(shell.folder, [*jobs("one"), *jobs("two", crf=40), *jobs("gone", portraits=["nobody.png"])])
    result = shell.run("batch", shell.folder / "jobs.jsonl", "--out", shell.folder / "out", "--no-label")
    assert result.code == 0
    assert states(shell.folder) == {"one": "kept", "two": "done", "gone": "done"}
    assert not (shell.folder / "out" / "two-compare.mp4").exists(), "a reel of the job before"
    assert (shell.folder / "out" / "one.mp4").stat().st_mtime_ns == first

    result = shell.run("batch", "jobs.jsonl", "--out", "out", "--no-label", "--overwrite")
    assert states(shell.folder) == {"one": "done", "two": "done", "gone": "done"}
    (shell.folder / "out" / "two.mp4").write_bytes(b"damaged")
    assert shell.run("batch", "jobs.jsonl", "--out", "out", "--no-label").code == 0
    assert states(shell.folder) == {"one": "kept", "two": "done", "gone": "kept"}


def test_a_file_that_no_batch_made_is_left_alone(shell: Shell) -> None:
    listed(shell.folder, jobs("one", "two"))
    (shell.folder / "out").mkdir()
    (shell.folder / "out" / "one.mp4").write_bytes(b"mine")
    for _ in range(2):  # the second attempt does not take the file for its own either
        result = shell.run("batch", "jobs.jsonl", "--out", "out")
        assert result.code == 1
        assert re.search(r"one +failed .*one\.mp4 exists already and was not made by a batch\..*add --overwrite", result.out)
        assert (shell.folder / "out" / "one.mp4").read_bytes() == b"mine"
    assert shell.run("batch", "jobs.jsonl", "--out", "out", "--overwrite").code == 0
    assert states(shell.folder)["one"] == "done"


BAD = [
    ("{", "Line 1: It is not JSON"),
    ('["person.png"]', "Line 2: It is a list, not an object"),
    ({"gesture": "nod"}, 'Line 3: It has no "portraits".'),
    (
        {"portraits": "p.png", "gesture": "nod", "drivng": "c.mp4"},
        'Line 4: There is no setting "drivng". The settings are name,',
    ),
    ({"portraits": "p.png", "gesture": "fly"}, "Line 5: "),
    ({"portraits": "p.png", "gesture": "nod", "crf": 99}, "Line 6: --crf is 99. It goes from 0 to 51."),
    ({"portraits": "p.png", "gesture": "nod", "crf": "much"}, "Line 7: \"crf\": 'much' is not a whole number."),
    ({"portraits": "p.png", "gesture": "nod", "label": "no"}, 'Line 8: "label" is "no", not true or false.'),
    ({"portraits": "p.png", "gesture": "nod", "smooth": True}, 'Line 9: "smooth" is true, not a word or a number.'),
    ({"portraits": "p.png", "gesture": "nod", "output": "x.mp4"}, 'Line 10: "output" is not for a line'),
    ({"portraits": "p.png"}, "Line 11: None of driving clip, motion file and gesture was given."),
    ({"portraits": [3], "gesture": "nod"}, 'Line 12: "portraits" is neither a path nor a list of paths.'),
    ({"portraits": "p.png", "gesture": "nod", "name": "../up"}, "Line 13: The name '../up' cannot name a file"),
    ({"portraits": "p.png", "gesture": "nod", "name": "same"}, ""),
    ({"portraits": "p.png", "gesture": "nod", "name": "Same"}, "Same.mp4 is already the result of line 14"),
    ({"portraits": "p.png", "gesture": "nod", "head": "nobody"}, "Line 16: There is no head named 'nobody'."),
    ({"portraits": "p.png", "gesture": 3}, 'Line 17: "gesture" is 3, not a text.'),
    ({"portraits": "p.png", "gesture": "nod", "name": "summary"}, "summary.json is already the result of the batch"),
    ({"portraits": "p.png", "gesture": "nod", "name": "x", "compare": True}, ""),
    ({"portraits": "p.png", "gesture": "nod", "name": "x-compare"}, "x-compare.mp4 is already the result of line 19"),
]


def test_bad_lines_are_all_told_before_anything_is_done(shell: Shell) -> None:
    listed(shell.folder, [line for line, _ in BAD])
    result = shell.run("batch", "jobs.jsonl", "--out", "out")
    assert (result.code, result.out) == (2, "")
    assert f"{sum(bool(says) for _, says in BAD)} lines of jobs.jsonl cannot be used:" in result.err
    for _, says in BAD:
        assert says in result.err
    assert "Nothing was begun." in result.err
    assert not (shell.folder / "out").exists()


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_a_list_that_is_none_is_told(shell: Shell, content: bytes | None) -> None:
    if content is not None:
        (shell.folder / "jobs.jsonl").write_bytes(content)
    shell.refused("batch", "jobs.jsonl", "--out", "out", says=("jobs.jsonl", "A line is, for instance"))


def test_lines_become_jobs_in_the_types_of_job(tmp_path: Path) -> None:
    from fractions import Fraction

    path = listed(
        tmp_path,
        [
            {
                "portraits": ["a.png", "/b.png"],
                "driving": "c.mp4",
                "fps": "30000/1001",
                "face": 2,
                "audio": False,
                "start": 3 * 0.1,
                "end": None,
            },
            {"portraits": "à b.png", "motion": "m.safetensors", "fps": 12.5, "crf": 30},
        ],
    )
    one, two = read(path, tmp_path / "out", {"crf": 20})
    assert one.job == Job(
        portraits=[tmp_path / "a.png", Path("/b.png")], driving=tmp_path / "c.mp4", fps=Fraction(30000, 1001), face=2,
        start=3 * 0.1, audio=False, crf=20, output=tmp_path / "out" / "0001-a.mp4",
        report=tmp_path / "out" / "0001-a.json", overwrite=True,
    )  # fmt: skip
    assert (two.name, two.job.crf, two.job.fps, two.job.end) == ("0002-à-b", 30, Fraction(25, 2), None)


def test_a_digest_follows_settings_and_inputs_and_not_the_place(tmp_path: Path) -> None:
    def digest(folder: str, text: bytes = b"1", **more: object) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "person.png").write_bytes(text)
        os.utime(tmp_path / folder / "person.png", (1e9, 1e9))
        (task,) = read(listed(tmp_path / folder, jobs("one", **more)), tmp_path / folder / "out", {})
        return task.digest()

    assert digest("here") == digest("there")
    assert len({digest("here"), digest("here", crf=30), digest("here", b"22"), digest("here", gesture="smile")}) == 4


def test_a_head_is_built_once_for_all_jobs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "REGISTRY", {**heads.REGISTRY, "neural": "neural:Neural"})
    monkeypatch.setattr(Neural, "needs", ())
    monkeypatch.setattr(Neural, "from_files", classmethod(lambda cls, _paths, device, precision: cls(device, precision)))
    Neural.built.clear()
    choose._built.cache_clear()
    listed(shell.folder, jobs("one", "two", "three"))
    assert shell.run("batch", "jobs.jsonl", "--out", "out", "--head", "neural").code == 0
    assert Neural.built == [("cpu", "fp32")]
    choose._built.cache_clear()


def begun(shell: Shell, *more: str) -> subprocess.Popen[bytes]:
    """A batch in a process of its own that has told of its first job."""
    process = shell.started("batch", "jobs.jsonl", "--out", "out", *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert b"one: done" in process.stderr.readline()
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_was_stopped_is_continued(shell: Shell, number: int, code: int) -> None:
    """Stopped in the middle of the second job, by Ctrl-C or without a warning; then started again."""
    listed(shell.folder, [*jobs("one"), *jobs("two", end=None), *jobs("three")])
    with begun(shell) as process:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == code
    assert not (shell.folder / "out" / "summary.json").exists()
    assert not (shell.folder / "out" / "two.mp4").exists()
    if number == signal.SIGINT:
        shell.tidy("")
    (shell.folder / "out" / "two.mp4.012abc.part").touch()  # what a killed process leaves
    for left in shell.temporary.iterdir():
        subprocess.run(["rm", "-r", str(left)], check=True)
    first = (shell.folder / "out" / "one.mp4").stat().st_mtime_ns
    result = shell.run("batch", "jobs.jsonl", "--out", "out")
    assert result.code == 0
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["two", "three"]
    assert (shell.folder / "out" / "one.mp4").stat().st_mtime_ns == first


def test_a_job_of_another_process_is_waited_for_and_done_when_that_ends_without_a_result(shell: Shell) -> None:
    listed(shell.folder, jobs("one", "two"))
    (shell.folder / "out" / ".batch").mkdir(parents=True)
    lock = FileLock(shell.folder / "out" / ".batch" / "two.lock")
    with lock, begun(shell) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"waiting for two, which another process works on\n"
        lock.release()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"two: done" in err
    assert b"2 jobs: 2 done" in out


def test_processes_that_are_not_the_first_leave_the_last_word_to_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two does all that is free and ends with 0, whatever failed; the first tells it."""
    listed(shell.folder, [*jobs("one"), *jobs("gone", portraits="nobody.png")])
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    second = shell.run("batch", "jobs.jsonl", "--out", "out")
    assert (second.code, second.out) == (0, "")
    assert [line.split(":")[0] for line in second.err.splitlines()] == ["gone", "one"], "it begins elsewhere in the list"
    assert "(process 2 of 2)" in second.err
    assert not (shell.folder / "out" / "summary.json").exists()
    monkeypatch.setenv("RANK", "0")
    first = shell.run("batch", "jobs.jsonl", "--out", "out")
    assert (first.code, first.err) == (1, ""), "what failed in this run is not tried again"
    assert states(shell.folder) == {"one": "done", "gone": "failed"}
    monkeypatch.setenv("RANK", "1")
    assert shell.run("batch", "nothing.jsonl", "--out", "out").code == 0


def in_two(shell: Shell) -> tuple[int, str, str]:
    """Two processes that were told their seats: exit code of the first, and what both said."""
    each = []
    for rank in ("0", "1"):
        told = {**os.environ, "RANK": rank, "WORLD_SIZE": "2", "LOCAL_RANK": rank}
        words = ("batch", "jobs.jsonl", "--out", "out")
        each.append(shell.started(*words, environment=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    said = [process.communicate(timeout=60) for process in each]
    return each[0].returncode, "".join(out.decode() for out, _ in said), "".join(err.decode() for _, err in said)


def by_torchrun(shell: Shell) -> tuple[int, str, str]:
    """Real ranks on a CPU (`accelerate launch --cpu` would start a single one)."""
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "gioconda", "batch"]
    done = subprocess.run(
        [sys.executable, *words, "jobs.jsonl", "--out", "out"],
        cwd=shell.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("start", [in_two, pytest.param(by_torchrun, marks=pytest.mark.slow)])
def test_two_processes_do_each_job_once(shell: Shell, start: Callable[[Shell], tuple[int, str, str]]) -> None:
    names = [f"job{number}" for number in range(4)]
    listed(shell.folder, jobs(*names))
    code, out, err = start(shell)
    assert code == 0, err
    lines = re.findall(r"^(job\d): done, 6 frames in .* \(process ([12]) of 2\)$", err, re.MULTILINE)
    assert sorted(name for name, _ in lines) == names
    assert {number for _, number in lines} == {"1", "2"}
    assert out.count("4 jobs: 4 done; out/summary.json") == 1
    assert {one["by"] for one in summary(shell.folder)["results"]} == {0, 1}
    assert not list((shell.folder / "out").rglob("*.part"))
