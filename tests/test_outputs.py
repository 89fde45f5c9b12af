"""Every file that leaves the program is marked: a new output, or a new way to write one, fails here until it is, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from marked import apart, assertion, stripped
from media_made import make_clip, packets
from shell import ROOT, SIDE, Shell, face, frames, save

from gioconda.job import Job
from gioconda.marks import ledger
from gioconda.marks.kinds import media_type
from gioconda.marks.manifest import RUN
from gioconda.marks.verify import Finding, verify

READS, WRITES = {"portraits", "driving", "motion"}, {"output", "preview", "report"}
"""The fields of `Job` that are paths: what goes in, and what comes out. `compare` writes a reel beside the output."""

WRITERS = {"VideoWriter": "gioconda/media/writer.py", "preview": "gioconda/media/preview.py"}
"""What writes media, and where it stands: each hands its finished part to `settle`."""

ELSEWHERE = {
    "gioconda/fragments.py": "a picture inside the page while a run works",
    "gioconda/marks/rehearsal.py": "one pixel in memory",
    "gioconda/motion.py": "motion files hold no picture",
    "gioconda/recording.py": "likewise",
}
"""Modules that write something else by the same calls, and what."""


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    apart(monkeypatch, tmp_path)
    (tmp_path / "here").mkdir()
    return Shell(tmp_path / "here", capfd, monkeypatch)


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def modules() -> list[tuple[str, Path]]:
    return [(str(file.relative_to(ROOT)), file) for file in sorted((ROOT / "gioconda").rglob("*.py"))]


def writes_media(call: ast.Call) -> bool:
    """Whether a call looks as if it wrote a picture or a video."""
    name = ast.unparse(call.func)
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return (
        (name == "av.open" and "'w'" in map(ast.unparse, modes))
        or name.endswith((".save", ".save_file", "imwrite", "imencode", "cv2.VideoWriter", "imsave"))
        or name in ("save_file", "imwrite")
    )


def test_every_writer_hands_its_part_to_the_seal() -> None:
    for name, place in WRITERS.items():
        tree = ast.parse((ROOT / place).read_text(encoding="utf-8"))
        found = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
        taken = [
            argument.arg for node in ast.walk(found) if isinstance(node, ast.FunctionDef) for argument in node.args.kwonlyargs
        ]
        assert "settle" in taken, f"{name} has no `settle`"


def test_every_call_of_a_writer_says_how_it_is_marked() -> None:
    found = 0
    for name, file in modules():
        for call in calls(file):
            if ast.unparse(call.func).rpartition(".")[2] in WRITERS:
                found += 1
                given = {keyword.arg for keyword in call.keywords}
                assert "settle" in given, f"{name}, line {call.lineno}: {ast.unparse(call.func)} leaves its result unmarked"
    assert found >= 2


def test_nothing_else_writes_pictures_or_videos() -> None:
    for name, file in modules():
        writing = [call.lineno for call in calls(file) if writes_media(call)]
        assert not writing or name in {*WRITERS.values(), *ELSEWHERE}, f"{name} writes media at {writing}: take a `settle`"


def test_a_new_path_of_a_job_has_to_be_entered_here() -> None:
    paths = {field.name for field in fields(Job) if "Path" in str(field.type)}
    assert paths == READS | WRITES, "is it read, or written? What is written has to be marked"


def test_everything_that_a_run_writes_carries_every_mark(shell: Shell) -> None:
    save(shell.folder / "person.png", face())
    make_clip(shell.folder / "clip.mp4", 6, size=(SIDE, SIDE), images=frames(6))
    before = set(shell.folder.rglob("*"))
    for suffix in ("gif", "webp"):
        asked = f"--compare --preview small-{suffix}.{suffix} --report {suffix}.json".split()
        more = (*asked, "--consent", "The museum agreed.")
        given = ("animate", "person.png", "--driving", "clip.mp4", "-o", f"out-{suffix}.mp4", *more)
        assert shell.run(*given).code == 0
    made = sorted(set(shell.folder.rglob("*")) - before)
    names = {path.name for path in made}
    media = [path for path in made if path.suffix != ".json"]
    assert {"out-gif.mp4", "out-gif-compare.mp4", "small-gif.gif", "small-webp.webp", "gif.json"} <= names
    assert len(made) == 8
    for path in media:
        assert media_type(path) is not None, path
        told = verify(path)
        assert told.finding is Finding.UNCHANGED, (path, told.evidence)
        assert told.credentials is not None and told.credentials.ours and told.credentials.ingredients == 2
        assert told.record is not None and told.record["consent"]["statement"] == "The museum agreed."
        run = assertion(path, RUN)
        assert run["marks"] == {"label": True, "watermark": True}
        assert told.mark_id == told.credentials.mark_id == f"{told.record['mark_id']:08x}", (
            "the picture says what the manifest says"
        )
        assert run["output"] == ("reel" if "compare" in path.name else "preview" if "small" in path.name else "video")
        assert str(shell.folder) not in str(run) and "person" not in str(run)


def test_a_copy_without_its_credentials_finds_its_record(shell: Shell) -> None:
    """And what was asked to have no invisible mark has none, and says so in what is signed."""
    save(shell.folder / "person.png", face())
    given = ("animate", "person.png", "--gesture", "nod", "--start", 0.5, "--end", 1.3)
    for name, more in (("out.mp4", ("--consent", "Yes.")), ("without.mp4", ("--no-watermark", "--no-label"))):
        assert shell.run(*given, "-o", name, *more).code == 0
    out, without = shell.folder / "out.mp4", shell.folder / "without.mp4"
    copy = stripped(out, shell.folder / "copy.mp4")
    assert packets(copy, "video") == packets(out, "video") and not verify(copy).credentials
    told = verify(copy)
    assert told.words == "Gioconda's mark found, credentials stripped; record found" and told.finding.code == 1
    assert told.mark_id == assertion(out, "c2pa.soft-binding")["blocks"][0]["value"]
    assert told.record is not None and told.record["consent"] == {"status": "asserted", "statement": "Yes."}
    assert any("anybody could use" in sentence for sentence in told.evidence), "the public key's worth is told"
    ledger.place().unlink()
    assert verify(copy).words == "Gioconda's mark found, credentials stripped; not known here"
    assert assertion(without, RUN)["marks"] == {"label": False, "watermark": False}
    assert verify(stripped(without, shell.folder / "bare.mp4")).finding is Finding.NOTHING


def test_the_mark_is_the_same_for_the_same_run_and_another_for_another(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    save(shell.folder / "person.png", face())
    ids = []
    for name, more in (("a", ()), ("b", ()), ("c", ("--consent", "Yes.")), ("d", ())):
        if name == "d":
            apart(monkeypatch, shell.folder / "elsewhere")
        given = ("animate", "person.png", "--gesture", "nod", "--end", 0.1, "-o", f"{name}.mp4", *more)
        assert shell.run(*given).code == 0
        ids.append(assertion(shell.folder / f"{name}.mp4", "c2pa.soft-binding")["blocks"][0]["value"])
    assert ids[0] == ids[1] and len(set(ids)) == 3
