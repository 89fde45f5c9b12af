"""Weight files that are fetched: the real client, in processes of its own, against a Hub on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from hub import NAME, REPO, REVISION, ask, hosted, hub, started

PAYLOAD = b"safe numbers " * 4096
LARGE = os.urandom(1 << 20) * 12
"""More than the 10 MiB that the client writes at a time: only whole pieces are kept when a connection breaks."""

TIMED = "import time; begun = time.perf_counter(); import atexit\natexit.register(lambda: print(time.perf_counter() - begun))\n"
"""Makes a process say last how many seconds it took."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return hosted(tmp_path / "weights", PAYLOAD)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def leftovers(cache: Path) -> list[str]:
    """What downloads that did not end well left in the cache."""
    return [file.name for file in cache.rglob("*") if file.is_file() and ("incomplete" in file.name or "tmp" in file.name)]


def test_fetched_once_then_found_in_the_cache_even_offline(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD) as there:
        fetched = Path(ask(folder, there.endpoint, cache))
        assert fetched.read_bytes() == PAYLOAD
        assert fetched.relative_to(cache).parts[:2] == ("hub", f"models--{REPO.replace('/', '--')}")
        assert [line.split()[0] for line in there.seen] == ["HEAD", "HEAD", "GET"]
        assert ask(folder, there.endpoint, cache) == str(fetched)
        assert len(there.seen) == 3
    assert ask(folder, there.endpoint, cache) == str(fetched), "a Hub that is gone is not missed"
    assert ask(folder, there.endpoint, cache, HF_HUB_OFFLINE="1") == str(fetched)


def test_the_cache_may_be_elsewhere(folder: Path, cache: Path, tmp_path: Path) -> None:
    with hub(PAYLOAD) as there:
        fetched = ask(folder, there.endpoint, cache, HF_HUB_CACHE=str(tmp_path / "elsewhere"))
    assert Path(fetched).is_relative_to(tmp_path / "elsewhere")


def test_another_host_gives_the_bytes_and_does_not_see_the_token(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD, cdn=True) as there:
        fetched = ask(folder, there.endpoint, cache, HF_TOKEN="hf_secret")
    assert Path(fetched).read_bytes() == PAYLOAD
    tokens = [(line, said.get("authorization")) for line, said in zip(there.seen, there.headers, strict=True)]
    assert [token for line, token in tokens if "/resolve/" in line] == ["Bearer hf_secret"] * 2
    assert [token for line, token in tokens if "/cdn/" in line] == [None]


def test_a_broken_connection_is_taken_up_where_it_broke(cache: Path, tmp_path: Path) -> None:
    folder = hosted(tmp_path / "weights", LARGE)
    with hub(LARGE, cuts=[11 << 20]) as there:
        fetched = ask(folder, there.endpoint, cache)
    assert Path(fetched).read_bytes() == LARGE
    assert [said.get("range") for said in there.headers] == [None, None, None, f"bytes={10 << 20}-"]
    assert not leftovers(cache)


def test_a_hub_that_offers_another_file_is_refused_before_a_byte_is_fetched(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD[::-1]) as there:
        said = ask(folder, there.endpoint, cache)
    assert f"{there.endpoint} offers the SHA-256 " in said
    with hub(PAYLOAD[:-1]) as shorter:
        said += ask(folder, shorter.endpoint, cache)
    assert "offers 53,247 bytes where the catalogue says 53,248 bytes" in said
    assert said.count("Check HF_ENDPOINT: this is not the published file") == 2
    assert there.count("GET") == shorter.count("GET") == 0


def test_right_length_but_wrong_bytes_are_refused_and_deleted(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD[::-1], claimed=hashlib.sha256(PAYLOAD).hexdigest()) as there:
        said = ask(folder, there.endpoint, cache)
        assert "has the SHA-256" in said
        assert f"What came from {there.endpoint} was deleted again." in said
        assert not [file for file in cache.rglob("*") if file.is_file() and file.read_bytes() == PAYLOAD[::-1]]
    with hub(PAYLOAD) as there:
        assert Path(ask(folder, there.endpoint, cache)).read_bytes() == PAYLOAD


REFUSALS = [
    (404, {"X-Error-Code": "RepoNotFound"}, "RepositoryNotFoundError", "Check HF_ENDPOINT, or set HF_TOKEN"),
    (401, {"X-Error-Code": "RepoNotFound"}, "RepositoryNotFoundError", "Check HF_ENDPOINT, or set HF_TOKEN"),
    (404, {"X-Error-Code": "EntryNotFound"}, "RemoteEntryNotFoundError", "lacks this file or commit"),
    (404, {"X-Error-Code": "RevisionNotFound"}, "RevisionNotFoundError", "lacks this file or commit"),
    (403, {"X-Error-Code": "GatedRepo"}, "GatedRepoError", f"Ask for access at http://127.0.0.1:PORT/{REPO}"),
    (503, {}, "HfHubHTTPError", "Try again later"),
    (429, {}, "HfHubHTTPError", "Wait some minutes, or set HF_TOKEN"),
    (404, {}, "HfHubHTTPError", "lacks this file or commit"),
]


def test_what_the_hub_refuses_is_told_at_once(folder: Path, cache: Path) -> None:
    """One process asks again and again, and is refused for another reason each time."""
    with hub(PAYLOAD, refusals=[(status, headers) for status, headers, _, _ in REFUSALS]) as there:
        told = ask(folder, there.endpoint, cache, times=len(REFUSALS)).splitlines()
    assert len(there.seen) == len(told) == len(REFUSALS), "no refusal is asked for twice"
    for said, (_, _, kind, do) in zip(told, REFUSALS, strict=True):
        tried = f"is not bundled, not in the cache {cache / 'hub'} and could not be fetched from {REPO}@{REVISION[:8]}"
        assert f"{tried} ({kind}" in said
        assert do.replace("PORT", there.endpoint.rpartition(":")[2]) in said
        assert "or put the file at" in said


def test_a_refused_token_is_named(folder: Path, cache: Path) -> None:
    wrong = {"X-Error-Message": "Invalid credentials in Authorization header"}
    with hub(PAYLOAD, refusals=[(401, wrong)]) as there:
        said = ask(folder, there.endpoint, cache, HF_TOKEN="hf_wrong")
    assert "401" in said
    assert "Check HF_TOKEN, or unset it" in said


def test_offline_and_not_cached_asks_nobody(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD) as there:
        said = ask(folder, there.endpoint, cache, HF_HUB_OFFLINE="1")
    assert there.seen == []
    assert "because HF_HUB_OFFLINE is set" in said
    assert "Unset HF_HUB_OFFLINE, or put the file at" in said


@pytest.mark.parametrize("address", ["nobody", "nowhere.invalid"])
def test_no_network_is_told_at_once(folder: Path, cache: Path, address: str) -> None:
    with socket.socket() as closed:  # bound and not listening: whoever connects is refused
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}" if address == "nobody" else address
        said, seconds = ask(folder, f"http://{host}", cache, before=TIMED).rsplit("\n", 1)
    assert "(ConnectError: " in said
    assert f"Check the connection to http://{host}, or set HF_ENDPOINT to a mirror" in said
    assert float(seconds) < 5, "the client alone would try for 24 s"


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:notaport", "ftp://127.0.0.1", "huggingface.co"])
def test_an_address_that_is_none_is_told(folder: Path, cache: Path, address: str) -> None:
    """huggingface_hub cannot be imported with some of them."""
    said = ask(folder, address, cache)
    assert f"because HF_ENDPOINT is {address!r}, which is no address of a Hub. Set HF_ENDPOINT to one" in said


def test_a_proxy_that_nothing_here_can_speak_to_is_told(folder: Path, cache: Path) -> None:
    said = ask(folder, "http://127.0.0.1:9", cache, ALL_PROXY="socks5://127.0.0.1:9", NO_PROXY="")
    assert "(ImportError: " in said
    assert "pip install socksio), or unset ALL_PROXY" in said


def test_a_hub_that_says_nothing_is_given_up_soon(folder: Path, cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = ask(folder, f"http://127.0.0.1:{silent.getsockname()[1]}", cache, HF_HUB_ETAG_TIMEOUT="1")
    assert "(ReadTimeout: " in said


def test_two_processes_that_want_the_same_file_fetch_it_once(folder: Path, cache: Path) -> None:
    """The Hub sends no content before both have asked for it: each asks twice."""
    with (
        hub(PAYLOAD, gate=threading.Event(), opens_at=4) as there,
        started(folder, there.endpoint, cache) as one,
        started(folder, there.endpoint, cache) as two,
    ):
        said = {process.communicate(timeout=60)[0].strip() for process in (one, two)}
        assert there.count("HEAD") == 4
        assert there.count("GET") == 1
    assert len(said) == 1
    assert Path(said.pop()).read_bytes() == PAYLOAD
    assert not leftovers(cache)


def test_what_a_killed_download_left_is_deleted_by_the_next(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD, gate=threading.Event()) as there, started(folder, there.endpoint, cache) as process:
        assert there.halfway.wait(30)
        assert len(leftovers(cache)) == 1
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        assert len(leftovers(cache)) == 1
    with hub(PAYLOAD) as there:
        assert Path(ask(folder, there.endpoint, cache)).read_bytes() == PAYLOAD
    assert not leftovers(cache)


def test_what_another_process_is_fetching_is_not_deleted(folder: Path, cache: Path) -> None:
    sweep = (
        "from weights import hub, catalogue; import pathlib, sys\n"
        "hub.sweep(catalogue(pathlib.Path(sys.argv[1]))[sys.argv[2]], pathlib.Path(hub.places()[0]))\n"
        "sys.exit()\n"
    )
    with hub(PAYLOAD, gate=threading.Event()) as there, started(folder, there.endpoint, cache) as process:
        assert there.halfway.wait(30)
        ask(folder, there.endpoint, cache, before=sweep)
        assert len(leftovers(cache)) == 1
        assert there.gate
        there.gate.set()
        assert Path(process.communicate(timeout=60)[0].strip()).read_bytes() == PAYLOAD


def test_a_full_disk_is_told_and_nothing_is_left(folder: Path, cache: Path) -> None:
    """A limit on the size of files stands for the end of the disk: the write fails in the middle."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    with hub(PAYLOAD) as there:
        said = ask(folder, there.endpoint, cache, before=limit)
    assert f"because the disk of {cache / 'hub'} is full (" in said
    assert "Make room there, or set HF_HOME to a folder on another disk" in said
    assert not leftovers(cache)


def test_a_disk_without_room_is_told_before_anything_is_fetched(folder: Path, cache: Path) -> None:
    full = "collections.namedtuple('Usage', 'total used free')(10**9, 10**9, 50_000)"
    narrow = f"import shutil, collections; shutil.disk_usage = lambda place: {full}\n"
    with hub(PAYLOAD) as there:
        said = ask(folder, there.endpoint, cache, before=narrow)
    assert "is full (50,000 bytes are free)" in said
    assert there.count("GET") == 0


def test_a_cache_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with hub(PAYLOAD) as there:
        said = ask(folder, there.endpoint, tmp_path / "file" / "cache")
    assert "Set HF_HOME to a folder that can be written to" in said


def test_a_checked_file_is_not_hashed_again_until_it_changes(folder: Path, cache: Path) -> None:
    watch = (
        "import weights, sys, atexit\nhashed = []\nreal = weights.digest\n"
        "weights.digest = lambda file: hashed.append(file) or real(file)\n"
        "from weights import stamps; stamps.SETTLED = 0.0\n"
        "atexit.register(lambda: print(len(hashed)))\n"
    )
    with hub(PAYLOAD) as there:
        file, hashed = ask(folder, there.endpoint, cache, before=watch).split("\n")
        assert hashed == "1"
        assert ask(folder, there.endpoint, cache, before=watch).split("\n") == [file, "0"]
        (note,) = (cache / "gioconda" / "verified").iterdir()
        assert json.loads(note.read_text())["size"] == len(PAYLOAD)
        stat = Path(file).stat()
        Path(file).write_bytes(PAYLOAD[::-1])
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a forged time of change does not help
        said, hashed = ask(folder, there.endpoint, cache, before=watch).rsplit("\n", 1)
    assert "has the SHA-256" in said
    assert "python -m gioconda weights pull" in said
    assert hashed == "1"


def test_a_file_that_was_just_written_is_not_taken_on_trust(folder: Path, cache: Path) -> None:
    with hub(PAYLOAD) as there:
        ask(folder, there.endpoint, cache)
    assert not (cache / "gioconda").exists()


def test_progress_is_told_and_closing_it_stops_the_download(folder: Path, cache: Path) -> None:
    walk = (
        "import pathlib, sys, weights\n"
        "steps = weights.fetching([sys.argv[2]], pathlib.Path(sys.argv[1]))\n"
        "first = next(steps); second = next(steps)\n"
        "print(first.done, first.total, second.entry.name, flush=True)\n"
        "steps.close()\nsys.exit()\n"
    )
    with hub(PAYLOAD, gate=threading.Event()) as there:
        assert ask(folder, there.endpoint, cache, before=walk, HF_HUB_DOWNLOAD_TIMEOUT="2") == f"0 {len(PAYLOAD)} {NAME}"
    assert not leftovers(cache)
    whole = walk.replace("steps.close()", "told = [step.done for step in steps]; print(told == sorted(told), told[-1])")
    with hub(PAYLOAD) as there:
        assert ask(folder, there.endpoint, cache, before=whole.replace("second = next(steps)", "second = first")).endswith(
            f"True {len(PAYLOAD)}"
        )
