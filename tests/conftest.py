"""Fixtures that tests of several rooms share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

os.environ["ACCELERATE_USE_CPU"] = "1"  # what `auto` takes is the same on every machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Small networks are no work for several threads: beside other programs, their waiting for each other takes 20 times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names under which distributions install it; Playwright's own download is not used."""
FLAGS = [
    "--no-sandbox",  # runs as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # else Chromium itself asks Google at every start
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True, scope="session")
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Identity and ledger of all tests, and of the programs they start, lie in a temporary folder."""
    from gioconda.marks import identity, places

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("places")
        patch.setenv(places.CONFIG, str(folder / "config"))
        patch.setenv(places.DATA, str(folder / "data"))
        for name in (identity.CERTIFICATES, identity.KEY, identity.SIGNER, identity.TIMESTAMPS, identity.TRUST):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test fails, rather than being skipped, where none is installed."""
    from playwright.sync_api import sync_playwright

    executable = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if executable is None:
        pytest.fail(
            f"No browser found. One of {', '.join(CHROMIUM)} is needed on the PATH. On Debian: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()
