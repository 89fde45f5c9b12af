"""Nothing leaves the machine: no request of the page, no look-up of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from media_made import make_clip
from page import HERE, ROOT, finished, served, upload, visit
from playwright.sync_api import Browser
from shell import SIDE, face, frames, save


def test_page_and_server_stay_on_this_machine(browser: Browser, tmp_path: Path) -> None:
    """`visit` refuses requests to any other host, `served` look-ups and connections of the server."""
    with served(tmp_path) as server:
        with visit(browser, server) as page:
            upload(page, "portraits", save(tmp_path / "person.png", face()))
            page.get_by_label("Nod", exact=True).check()
            page.get_by_role("button", name="Animate").click()
            finished(page)
        assert "127.0.0.1" in server.asked(), "Gradio greets itself at the start: the watch is awake"
        assert set(server.asked()) <= HERE


def test_native_libraries_look_nothing_up(tmp_path: Path) -> None:
    """A run with a driving clip makes several MediaPipe landmarkers, in a network where the kernel counts what is sent."""
    portrait, clip = save(tmp_path / "person.png", face()), tmp_path / "clip.mp4"
    make_clip(clip, 12, size=(SIDE, SIDE), images=frames(12))
    words = [sys.executable, "tests/alone.py", *map(str, (tmp_path, portrait, clip))]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    done = subprocess.run(words, cwd=ROOT, env=paths, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert "person-animated.mp4" in told["answer"]
    assert set(told["asked"]) <= HERE
    if told["alone"]:
        assert told["before"] == told["after"] == {"datagrams": 0, "lost": 0}
        assert told["provoked"] != told["after"], "a look-up made on purpose is counted"
