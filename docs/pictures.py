"""Makes the moving picture at the top of README.md, four example portraits that smile: `python docs/pictures.py`."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gioconda import Job, animate  # noqa: E402 - the repository's own, wherever this is started from
from gioconda.job import Finished  # noqa: E402
from gioconda.media import VideoReader, VideoWriter, preview  # noqa: E402

CAST = (("ada", "smile"), ("drawing", "smile"), ("kofi", "smile"), ("marble", "smile"))
"""Portraits of examples/ and what they do, from left to right."""

HEIGHT = 288
"""Pixels of each portrait's longer side."""

RATE = Fraction(12)
"""Frames per second of the picture."""


def main() -> None:
    """Render each portrait, put them side by side, write docs/smile.webp."""
    target = ROOT / "docs" / "smile.webp"
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for name, gesture in CAST:
            portrait = ROOT / "examples" / "portraits" / f"{name}.jpg"
            output = Path(folder) / f"{name}.mp4"
            *_, last = animate(Job(portraits=[portrait], gesture=gesture, output=output, max_side=HEIGHT, fps=RATE, crf=12))
            assert isinstance(last, Finished)
            clips.append(last.clip.path)
        row = Path(folder) / "row.mp4"
        with ExitStack() as stack:
            readers = [stack.enter_context(VideoReader(clip)) for clip in clips]
            size = (sum(reader.size[0] for reader in readers), readers[0].size[1])
            writer = stack.enter_context(VideoWriter(row, size=size, rate=RATE, clock=1 / RATE, crf=12))
            for ticks, frames in enumerate(zip(*readers, strict=True)):
                writer.write(np.concatenate([frame.image for frame in frames], axis=1), ticks)
        preview(row, target, max_side=size[0], rate=RATE, start=0.5, end=4.0)
    sys.stdout.write(f"{target} ({target.stat().st_size / 1000:.0f} kB)\n")


if __name__ == "__main__":
    main()
