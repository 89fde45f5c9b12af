"""`python -m gioconda weights`: files listed, fetched with progress, checked, found; in processes of their own."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from hub import environment, hosted, hub
from shell import ROOT, Shell, read

FILES = {"net.safetensors": b"safe numbers " * 200_000, "small.safetensors": b"few numbers"}


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path, capfd, monkeypatch)
    hosted(tmp_path / "weights", FILES)
    return shell


def begun(shell: Shell, endpoint: str, *arguments: str, **streams: int) -> subprocess.Popen[bytes]:
    """`python -m gioconda weights ARGUMENTS` with a catalogue of its own."""
    home = f"import pathlib, weights; weights.HOME = pathlib.Path({str(shell.folder / 'weights')!r})"
    settings = environment(endpoint, shell.folder / "cache", PYTHONPATH=str(ROOT))
    del settings["HF_HUB_DISABLE_TELEMETRY"]  # the command line sees to that by itself
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return shell.started("weights", *arguments, before=home, environment=settings, **pipes)


def said(shell: Shell, endpoint: str, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a command that ends with `code`."""
    with begun(shell, endpoint, *arguments) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    shell.tidy(err.decode())
    return out.decode(), err.decode()


def table(shell: Shell, endpoint: str) -> Mapping[str, Mapping[str, object]]:
    return {row["name"]: row for row in json.loads(said(shell, endpoint, "list", "--json")[0])}


def test_listed_pulled_found_and_checked(shell: Shell) -> None:
    """The life of two files: on the Hub, fetched by the name of their head, damaged, noticed, fetched anew."""
    with hub(FILES) as there:
        assert {row["where"] for row in table(shell, there.endpoint).values()} == {"Hub"}
        assert there.seen == [], "a list asks nobody"
        paths = said(shell, there.endpoint, "pull", "liveportrait")[0].split()
        assert [Path(path).read_bytes() for path in paths] == list(FILES.values())
        assert {said["user-agent"].split("/")[0] for said in there.headers} == {"unknown"}
        assert not any("torch/" in said["user-agent"] for said in there.headers), "what is installed is nobody's business"
        rows = table(shell, there.endpoint)
        assert [row["path"] for row in rows.values()] == paths
        assert {row["where"] for row in rows.values()} == {"cache"}
        assert said(shell, there.endpoint, "where", "net.safetensors")[0].split() == paths[:1]
        assert said(shell, there.endpoint, "verify")[0].split() == paths
        Path(paths[1]).write_bytes(b"few NUMBERS")
        out, err = said(shell, there.endpoint, "verify", code=1)
        assert out.split() == paths[:1]
        assert re.search(
            r"small\.safetensors has the SHA-256 .* Fetch it anew: python -m gioconda weights pull small\.saf", err
        )
        out, err = said(shell, there.endpoint, "pull", "liveportrait")
        assert out.split() == paths
        assert err.startswith("note: ") and "it was deleted and fetched anew" in err
        assert there.count("GET") == 3
    assert Path(paths[1]).read_bytes() == FILES["small.safetensors"]


def test_what_is_missing_or_unknown_is_told(shell: Shell) -> None:
    with hub(FILES) as there:
        _, err = said(shell, there.endpoint, "where", "net.safetensors", code=2)
        assert "is not on this machine" in err and "python -m gioconda weights pull net.safetensors" in err
        assert "no head that has some is named 'nte'" in said(shell, there.endpoint, "pull", "nte", code=2)[1]
        assert "Name a file or a head" in said(shell, there.endpoint, "pull", code=2)[1]
        out, err = said(shell, there.endpoint, "verify")
        assert out == ""
        assert "not on this machine" in err
        assert (
            "Fetch it: python -m gioconda weights pull net.saf"
            in said(shell, there.endpoint, "verify", "net.safetensors", code=1)[1]
        )
        assert there.seen == []


def test_a_terminal_sees_how_far_a_download_is(shell: Shell) -> None:
    terminal, other_end = pty.openpty()
    with hub(FILES) as there, begun(shell, there.endpoint, "pull", "net.safetensors", stderr=other_end) as process:
        os.close(other_end)
        told = b""
        while more := read(terminal):
            told += more
        assert process.wait(60) == 0
    os.close(terminal)
    assert b"Fetching weights (MB): 100%" in told
    assert b"2/2 [" in told
    assert b"net.safetensors:" not in told, "the client's own bar is not shown beside ours"


def test_ctrl_c_stops_a_download_and_leaves_nothing(shell: Shell) -> None:
    with hub(FILES, gate=threading.Event()) as there, begun(shell, there.endpoint, "pull", "net.safetensors") as process:
        assert there.halfway.wait(30)
        process.send_signal(signal.SIGINT)
        there.gate.set()  # type: ignore[union-attr]
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"stopped; nothing was written" in err
    assert not list((shell.folder / "cache").rglob("*.incomplete"))
