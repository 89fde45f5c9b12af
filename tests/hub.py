"""A Hugging Face Hub on this machine that speaks the real one's protocol, and shelves of weights that are fetched from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
REVISION = "0123456789abcdef0123456789abcdef01234567"
REPO = "gioconda/net"
NAME = "net.safetensors"
PATIENCE = 30.0
"""Seconds after which the Hub goes on although what it waits for did not happen; the test then fails."""


@dataclass
class Hub:
    """What the Hub has, how it behaves, and what it was asked."""

    files: Mapping[str, bytes]
    claimed: str = ""
    """The SHA-256 that it claims for its files, where that is not their own."""
    refusals: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    """Status and headers of its first answers."""
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the connection breaks: one for each of the first requests for content."""
    cdn: bool = False
    """Whether contents come from another host, as they do in truth."""
    gate: threading.Event | None = None
    """What the Hub waits for in the middle of a content."""
    opens_at: int = 0
    """How many HEADs open the gate."""
    endpoint: str = ""
    seen: list[str] = field(default_factory=list)
    """Method and path of every request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    halfway: threading.Event = field(default_factory=threading.Event)
    """Set when the first half of a content is on its way."""

    def count(self, method: str) -> int:
        return sum(line.startswith(method) for line in self.seen)


class Server(ThreadingHTTPServer):
    """Carries the Hub's state to those who answer for it."""

    daemon_threads = True

    def __init__(self, there: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.there, self.lock, self.port = there, threading.Lock(), int(self.socket.getsockname()[1])


class Answer(BaseHTTPRequestHandler):
    """Answers one connection as the Hub does, or as its content network."""

    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        there = self.server.there
        with self.server.lock:
            there.seen.append(f"{self.command} {self.path}")
            there.headers.append({name.lower(): value for name, value in self.headers.items()})
            if there.gate and there.count("HEAD") == there.opens_at:
                there.gate.set()
            refusal = there.refusals.pop(0) if there.refusals else None
        name = self.path.rpartition("/")[2]
        known = self.path in (f"/{REPO}/resolve/{REVISION}/{name}", f"/cdn/{name}") and name in there.files
        if refusal:
            self.told(refusal[0], 0, **refusal[1])
        elif not known:
            self.told(404, 0, **{"X-Error-Code": "RepoNotFound"})
        else:
            self.content(there.files[name], name)

    def content(self, whole: bytes, name: str) -> None:
        there = self.server.there
        mark = there.claimed or hashlib.sha256(whole).hexdigest()
        told = {"X-Repo-Commit": REVISION, "ETag": f'"{mark}"', "Accept-Ranges": "bytes"}
        if there.cdn and not self.path.startswith("/cdn/"):
            told |= {"X-Linked-ETag": f'"{mark}"', "X-Linked-Size": str(len(whole))}
            self.told(302, 0, Location=f"http://localhost:{self.server.port}/cdn/{name}", **told)
            return
        asked = self.headers.get("Range")
        begin = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if asked:
            told["Content-Range"] = f"bytes {begin}-{len(whole) - 1}/{len(whole)}"
        self.told(206 if asked else 200, len(whole) - begin, **told)
        if self.command == "GET":
            self.send(whole[begin:])

    def send(self, rest: bytes) -> None:
        there = self.server.there
        if there.cuts:
            self.wfile.write(rest[: there.cuts.pop(0)])
            self.close_connection = True
            return
        half = len(rest) // 2 if there.gate else 0
        self.wfile.write(rest[:half])
        self.wfile.flush()
        if there.gate:
            there.halfway.set()
            there.gate.wait(PATIENCE)
        try:
            self.wfile.write(rest[half:])
        except OSError:
            self.close_connection = True  # the client was killed meanwhile

    def told(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    do_GET = do_HEAD = answer  # noqa: N815 - names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of http.server
        """Keep the test's output quiet."""


@contextmanager
def hub(content: bytes | Mapping[str, bytes], **behaviour: Any) -> Iterator[Hub]:
    """A Hub with one file `NAME`, or with several."""
    there = Hub({NAME: content} if isinstance(content, bytes) else content, **behaviour)
    server = Server(there)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    there.endpoint = f"http://127.0.0.1:{server.port}"
    try:
        yield there
    finally:
        if there.gate:
            there.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def described(name: str, content: bytes, **fields: str) -> str:
    """A catalogue's entry of a file on the Hub."""
    lines = {"licence": "CC0-1.0", "title": "A test", "source": "this test", "repo": REPO, "revision": REVISION, **fields}
    more = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    measured = f'bytes = {len(content)}\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n'
    return f'["{name}"]\n{measured}used_by = ["heads.liveportrait"]\n{more}\n'


def hosted(folder: Path, content: bytes | Mapping[str, bytes]) -> Path:
    """A weights folder whose files lie on the Hub."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {NAME: content} if isinstance(content, bytes) else content
    (folder / "catalogue.toml").write_text("\n".join(described(name, data) for name, data in files.items()))
    return folder


def environment(endpoint: str, cache: Path, **more: str) -> dict[str, str]:
    """Variables for a process that fetches: read by the client when it is imported, hence a process of its own."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {**quiet, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1", **more}


ASKING = """
import pathlib, sys, weights
for _ in range(int(sys.argv[3])):
    try: print(weights.path(sys.argv[2], pathlib.Path(sys.argv[1])))
    except weights.WeightsError as error: print(error)
"""


def started(
    folder: Path, endpoint: str, cache: Path, *, before: str = "", times: int = 1, **more: str
) -> subprocess.Popen[str]:
    """A fresh process that asks for the file and prints its path, or the error; first come the Python statements `before`."""
    words = [sys.executable, "-c", before + ASKING, str(folder), NAME, str(times)]
    return subprocess.Popen(
        words, cwd=ROOT, env=environment(endpoint, cache, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ask(folder: Path, endpoint: str, cache: Path, *, before: str = "", times: int = 1, **more: str) -> str:
    """What a fresh process says that asks for the file, perhaps several times: its path, or the error."""
    with started(folder, endpoint, cache, before=before, times=times, **more) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip()
