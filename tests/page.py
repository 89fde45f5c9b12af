"""The page as the tests use it: `python app.py` in a process of its own, and a visitor's browser in front of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parent.parent
START = 60.0
"""Seconds within which the page opens and ends, on a machine that is busy."""
WORK = 120_000
"""Milliseconds within which a run ends there."""


def until(condition: Callable[[], object], seconds: float = START) -> None:
    """Wait for a condition that no library can be asked to wait for."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.05)


WATCH = """
import os, sys

def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[-1], tuple):
        host = arguments[-1][0]
    else:
        return
    with open(os.environ["ASKED"], "a") as file:
        file.write(f"{event} {host}\\n")

sys.addaudithook(note)
"""
"""A `sitecustomize` module that writes down whom a process asks for or talks to."""
HERE = {"127.0.0.1", "localhost", "::1", "None"}
"""Hosts that are this machine; None stands for every address of it."""


@dataclass(frozen=True)
class Server:
    """A running page."""

    url: str
    process: subprocess.Popen[str]
    folder: Path
    """Where all its temporary files lie."""

    def jobs(self) -> list[Path]:
        """Folders of the runs that are going on, the page's and the studio's."""
        return [place for place in self.folder.glob("gioconda-page-*/gioconda-*") if place.is_dir()]

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def made(self) -> list[Path]:
        """The videos that visitors can fetch."""
        return sorted(self.folder.glob("gioconda-page-*/uploads/*/*-animated*.mp4"))

    def asked(self) -> list[str]:
        """Hosts that the server's own code looked up or talked to, in order."""
        log = self.folder / "asked.txt"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(START)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """The page on a free port. At the end it must leave nothing behind, and have asked nobody outside of this machine."""
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    settings = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(folder / "watch"), "ASKED": str(folder / "asked.txt")}
    command, errors = [sys.executable, "app.py", "--port", "0"], folder / "stderr.txt"
    with errors.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        while line.startswith("note: "):
            line = process.stdout.readline()
        url = re.search(r"http://\S+", line)
        assert url, f"{line}{errors.read_text()}"
        server = Server(url[0], process, folder)
        yield server
        if process.poll() is None:
            assert server.interrupt() == 0
        assert not list(folder.glob("gioconda-*")), "temporary files are left"
        assert "Traceback" not in errors.read_text(), errors.read_text()
        assert set(server.asked()) <= HERE
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def visit(browser: Browser, server: Server) -> Iterator[Page]:
    """A visitor in front of the page; it fails where the page complains in the console, or asks anybody else for anything."""
    with browser.new_context() as context:
        page = context.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.goto(server.url)
        page.get_by_role("button", name="Animate").wait_for()
        yield page
        page.close()
        assert not complaints
        assert asked
        assert not [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]


def upload(page: Page, place: str, *files: Path) -> None:
    """Hand files to the component whose id is `place`, and wait for what is said about them."""
    about = page.locator(f"#about-{place} .said")
    page.locator(f"#{place} input[type=file]").first.set_input_files([str(file) for file in files])
    about.first.wait_for(timeout=WORK)


def finished(page: Page) -> dict[str, float]:
    """Wait for the video of the run and until it plays; returns what the browser knows of it."""
    page.locator("#status [data-sha256]").wait_for(timeout=WORK)
    page.locator("#result video").wait_for()
    page.wait_for_function("document.querySelector('#result video').currentTime > 0.2", timeout=WORK)
    told = page.evaluate(
        "() => { const v = document.querySelector('#result video');"
        " return {width: v.videoWidth, height: v.videoHeight, seconds: v.duration, error: v.error ? v.error.code : 0}; }"
    )
    assert told["error"] == 0
    return dict(told)
