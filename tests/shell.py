"""The command line as the tests use it, and people who do not exist in front of it."""

from __future__ import annotations

import functools
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from examples.people import render
from examples.person import Person
from gioconda.cli import main
from heads.mesh import SHAPE

ROOT = Path(__file__).parent.parent
SIDE = 256
"""Pixels of the pictures of people; a face is half as wide."""


@functools.cache
def face(seed: int = 3, yaw: float = 0.0, smile: float = 0.0, open_: float = 0.0, side: int = SIDE) -> NDArray[np.uint8]:
    """A person's picture (side, side, 3)."""
    weights = np.zeros(len(SHAPE), np.float32)
    weights[[SHAPE["mouthSmileLeft"], SHAPE["mouthSmileRight"]]] = smile
    weights[SHAPE["jawOpen"]] = open_
    return render(Person.random(seed), yaw=yaw, expression=weights, size=(side, side), eye_distance=side / 3).image


def frames(count: int) -> Iterator[NDArray[np.uint8]]:
    """A person who opens the mouth and closes it again, smiling, while the head turns a little; eight pictures, repeated."""
    for index in range(count):
        swing = abs((index + 4) % 8 - 4) / 4
        yield face(5, round(6 * swing, 2), round(0.6 * swing, 2), round(0.5 * swing, 2))


def save(path: Path, image: NDArray[np.uint8]) -> Path:
    """Write a picture (H, W, 3) RGB."""
    if not cv2.imwrite(str(path), image[..., ::-1]):
        raise OSError(f"{path} was not written")
    return path


def placed(faces: Mapping[tuple[int, int], NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey picture of (W, H) pixels with others in it, by the place (x, y) of their top left corner."""
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    for (x, y), part in faces.items():
        image[y : y + part.shape[0], x : x + part.shape[1]] = part
    return image


def png(width: int, height: int) -> bytes:
    """The header of a grey PNG of that size, and next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def read(terminal: int) -> bytes:
    """What a terminal says next; nothing once nobody is at the other end, which Linux calls an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@dataclass(frozen=True)
class Result:
    """What a command said."""

    code: int
    out: str
    err: str
    """Without the line on the head."""
    head: str = ""
    """The first line of `animate`: what renders, and why."""


class Shell:
    """Runs commands in a folder of their own, in this process, and looks what they leave behind."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self._capture = folder, capture
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        patch.setenv("TMPDIR", str(self.temporary))
        patch.setattr(tempfile, "tempdir", None)
        patch.chdir(folder)

    def run(self, *arguments: object) -> Result:
        """Run `python -m gioconda ARGUMENTS`; nothing may be left over, and nothing but sentences be said."""
        self._capture.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = self._capture.readouterr()
        self.tidy(err)
        head, line, rest = err.partition("\n") if err.startswith("head: ") else ("", "", err)
        return Result(code, out, rest, head + line)

    def tidy(self, err: str) -> None:
        """Nothing temporary is left, and nobody saw a traceback."""
        assert "Traceback" not in err, err
        assert not list(self.temporary.iterdir())
        assert not list(self.folder.rglob("*.part"))

    def refused(self, *arguments: object, says: tuple[str, ...]) -> None:
        """Run a command that must end with exit code 2, one message of found, needed and do, and no output."""
        before = sorted(self.folder.rglob("*"))
        result = self.run(*arguments)
        assert result.code == 2, result
        assert result.out == ""
        message = result.err.strip()
        assert message.startswith("gioconda: ")
        assert "\n" not in message
        assert len(re.findall(r"[.] (?=[A-Z`/-])", message)) >= 2, f"found, needed and do in {message!r}"
        for words in says:
            assert words in message, message
        assert sorted(self.folder.rglob("*")) == before

    def started(
        self, *arguments: object, before: str = "", environment: Mapping[str, str] = os.environ, **streams: Any
    ) -> subprocess.Popen[bytes]:
        """A command in a process of its own, after the Python statements `before`."""
        script = f"import sys\n{before}\nfrom gioconda.cli import main\nsys.exit(main(sys.argv[1:]))"
        environment = {**environment, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.Popen(words, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, **streams)
