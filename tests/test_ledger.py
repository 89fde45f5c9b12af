"""The ledger of what was made here: several processes write it, and whatever is wrong with it is told in a sentence."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from marked import apart, facts, film, seal
from page import ROOT

from gioconda.errors import LedgerError
from gioconda.marks import credentials, ledger, places

PARTS = 12
"""Entries of each of two processes."""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of this test."""
    return apart(monkeypatch, tmp_path) / "data"


def entry(sha256: str = "a" * 64, mark_id: int | None = 0xDEADBEEF, manifest: str | None = "urn:c2pa:1") -> dict[str, object]:
    return {**facts().record(), "sha256": sha256, "mark_id": mark_id, "manifest": manifest, "output": "video"}


def test_what_is_entered_is_found_by_all_three(own: Path) -> None:
    assert ledger.by_mark(1) is None and ledger.count() == 0
    assert not own.exists(), "looking makes nothing"
    ledger.write(entry())
    assert ledger.by_digest("a" * 64) == ledger.by_mark(0xDEADBEEF) == ledger.by_manifest("urn:c2pa:1") == entry()
    assert ledger.by_digest("b" * 64) is ledger.by_mark(0) is ledger.by_manifest("urn:c2pa:2") is None
    assert stat.S_IMODE(ledger.place().stat().st_mode) == 0o600


def test_the_latest_of_several_is_told() -> None:
    for digest in "abc":
        ledger.write(entry(digest * 64, manifest=f"urn:{digest}"))
    found = ledger.by_mark(0xDEADBEEF)
    assert found is not None and found["sha256"] == "c" * 64
    assert ledger.count() == 3


def test_two_processes_write_it_at_once(own: Path) -> None:
    script = (
        "import sys\nfrom gioconda.marks import ledger\nwho = sys.argv[1]\nsys.stdin.readline()\n"
        f"for n in range({PARTS}):\n"
        "    ledger.write({'sha256': f'{who}{n}', 'manifest': None, 'mark_id': n, 'output': 'video'})\n"
    )
    words, pipe = [sys.executable, "-c", script], subprocess.PIPE
    both = [subprocess.Popen([*words, who], cwd=ROOT, stdin=pipe, stderr=pipe, text=True) for who in "ab"]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in both:
        assert (one.communicate(timeout=60)[1], one.returncode) == ("", 0)
    assert ledger.count() == 2 * PARTS


def test_a_locked_ledger_is_waited_for_and_then_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ledger.write(entry())
    monkeypatch.setattr(ledger, "PATIENCE", 0.05)
    with closing(sqlite3.connect(ledger.place())) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerError, match="in use by another program"):
            ledger.write(entry("b" * 64))
        with pytest.raises(LedgerError, match="Run again"):
            ledger.by_mark(1)
        sealed = seal()
        path = film(tmp_path / "out.mp4", sealed)
    found = credentials.read(path)
    assert found is not None and found.state == "whole", "the result is there and signed all the same"
    assert not sealed.recorded and any("not entered in the ledger" in note for note in sealed.notes)
    sealed.check()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_ledger_is_told(content: bytes, own: Path, tmp_path: Path) -> None:
    own.mkdir()
    ledger.place().write_bytes(content)
    for use in (lambda: ledger.write(entry()), lambda: ledger.by_mark(1), ledger.count):
        with pytest.raises(LedgerError, match=r"is damaged .* Move .* away"):
            use()
    sealed = seal()
    assert film(tmp_path / "out.mp4", sealed).is_file()
    assert any("is damaged" in note for note in sealed.notes)
    assert ledger.place().read_bytes() == content, "what may be repaired is left alone"


def test_a_damaged_record_is_told() -> None:
    ledger.write(entry())
    with closing(sqlite3.connect(ledger.place())) as other, other:
        other.execute("UPDATE outputs SET record = '[[[['")
    with pytest.raises(LedgerError, match="a record in it cannot be read"):
        ledger.by_mark(0xDEADBEEF)


def test_a_later_versions_ledger_is_left_alone() -> None:
    ledger.write(entry())
    with closing(sqlite3.connect(ledger.place())) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(LedgerError, match="later version"):
        ledger.write(entry("b" * 64))


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(places.DATA, str(tmp_path / "file" / "data"))
    with pytest.raises(LedgerError, match=rf"cannot be written .* set {places.DATA}"):
        ledger.write(entry())
    assert ledger.by_mark(1) is None


def test_no_name_and_no_path_is_kept(tmp_path: Path) -> None:
    film(tmp_path / "a-name-of-somebody.mp4", seal())
    content = ledger.place().read_bytes()
    assert b"somebody" not in content and str(tmp_path).encode() not in content
