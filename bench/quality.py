"""Self-reenactment: how much of a clip a head gives back from its first frame alone.

    python bench/quality.py --clips FOLDER [--head warp] [--frames 240] [--every 4] [--sheet OUT.png]

Each clip is cut to its middle square and scaled to 512 × 512; its first frame is the portrait and the clip drives it, through
the Python API with `mouth="portraits"`, so that nothing of the driver's pixels is used. Every fourth of the first 240 frames
but the first is compared with the true one: PSNR and SSIM of the whole frame, PSNR of the box of the true frame's landmarks;
beside each the figure of the portrait that does not move. One table of Markdown, and a sheet of pictures to look at.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gioconda import Job, animate  # noqa: E402 - the repository's own, wherever this is started from
from gioconda.faces import Tracker  # noqa: E402
from gioconda.media import VideoReader, VideoWriter  # noqa: E402
from heads.base import Floats, Image  # noqa: E402

SIDE = 512
"""Pixels of the frames that are compared."""

CLIPS = (".mp4", ".mov", ".mkv", ".webm", ".avi")

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Constants of SSIM (Wang et al., "Image quality assessment", IEEE TIP 13(4), 2004, section III B)."""


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the compared frames of one clip, of the still portrait and of the head."""

    name: str
    psnr: tuple[float, float]
    """dB, whole frame."""
    ssim: tuple[float, float]
    face: tuple[float, float]
    """dB, box of the true landmarks."""


def square(image: Image) -> Image:
    """The middle square of a frame at SIDE × SIDE."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[top : top + side, left : left + side]
    shrink = side > SIDE
    return np.asarray(cv2.resize(middle, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC), np.uint8)


def psnr(one: Image, other: Image) -> float:
    """Peak signal-to-noise ratio in dB."""
    error = float(((one.astype(np.float32) - other) ** 2).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ssim(one: Image, other: Image) -> float:
    """Structural similarity of the grey pictures, Gaussian window of 11 pixels, sigma 1.5 (Wang et al., 2004)."""
    x, y = (cv2.cvtColor(a, cv2.COLOR_RGB2GRAY).astype(np.float32) for a in (one, other))

    def mean(a: NDArray[np.floating]) -> Floats:
        return np.asarray(cv2.GaussianBlur(a, (11, 11), 1.5), np.float32)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    return float(((2 * mx * my + C1) * (2 * cov + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))).mean())


def judged(clip: Path, head: str, count: int, every: int, folder: Path) -> tuple[Score, Image]:
    """The score of one clip and a strip of true frames over the head's."""
    with VideoReader(clip) as reader:
        rate, clock = reader.rate, reader.clock
        frames = [(frame.ticks, square(frame.image)) for frame, _ in zip(reader, range(count), strict=False)]
    true = [image for _, image in frames]
    portrait, driving, output = (folder / f"{clip.stem}{ending}" for ending in (".png", ".mkv.mp4", ".out.mp4"))
    cv2.imwrite(str(portrait), cv2.cvtColor(true[0], cv2.COLOR_RGB2BGR))
    with VideoWriter(driving, size=(SIDE, SIDE), rate=rate, clock=clock, crf=6) as writer:
        for ticks, image in frames:
            writer.write(image, ticks)
    job = Job(
        portraits=[portrait],
        driving=driving,
        output=output,
        head=head,
        mouth="portraits",
        label=False,
        watermark=False,
        crf=6,
        audio=False,
    )
    for _ in animate(job):
        pass
    with VideoReader(output) as reader:
        made = [frame.image for frame in reader]
    chosen = range(every, len(true), every)
    rows = []
    with Tracker() as tracker:
        for i in chosen:
            faces = tracker.find(true[i])
            if not faces:
                continue
            low = np.maximum(np.floor(faces[0].points[:, :2].min(0)).astype(int), 0)
            high = np.ceil(faces[0].points[:, :2].max(0)).astype(int)
            box = np.s_[low[1] : high[1], low[0] : high[0]]
            rows.append([f(a, true[i]) for f in (psnr, ssim) for a in (true[0], made[i])])
            rows[-1] += [psnr(a[box], true[i][box]) for a in (true[0], made[i])]
    means = np.mean(rows, axis=0)
    score = Score(clip.stem, (means[0], means[1]), (means[2], means[3]), (means[4], means[5]))
    shown = np.linspace(1, len(true) - 1, 5).astype(int)
    return score, np.vstack([np.hstack([a[i] for i in shown]) for a in (true, made)])


def table(scores: list[Score]) -> str:
    """Markdown, a row a clip and their mean."""
    mean = [tuple(np.mean([getattr(s, name) for s in scores], axis=0)) for name in ("psnr", "ssim", "face")]
    lines = ["| clip | PSNR still → head (dB) | SSIM still → head | face PSNR still → head (dB) |", "| --- | --- | --- | --- |"]
    for score in [*scores, Score("mean", *mean)]:
        figures = (f"{score.psnr[0]:.2f} → {score.psnr[1]:.2f}", f"{score.ssim[0]:.3f} → {score.ssim[1]:.3f}")
        lines.append(f"| {score.name} | {figures[0]} | {figures[1]} | {score.face[0]:.2f} → {score.face[1]:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, judge every clip, print the table."""
    parser = argparse.ArgumentParser(description="Self-reenactment of a folder of clips: one table, one sheet.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of driving clips")
    parser.add_argument("--head", default=Job(portraits=()).head)
    parser.add_argument("--frames", type=int, default=240, help="frames of each clip")
    parser.add_argument("--every", type=int, default=4, help="compare one frame in so many")
    parser.add_argument("--sheet", type=Path, help="PNG: true frames over the head's, a pair of rows a clip")
    chosen = parser.parse_args()
    clips = sorted((path for path in chosen.clips.iterdir() if path.suffix in CLIPS), key=lambda p: (len(p.stem), p.stem))
    with tempfile.TemporaryDirectory() as folder:
        results = [judged(clip, chosen.head, chosen.frames, chosen.every, Path(folder)) for clip in clips]
    print(table([score for score, _ in results]))
    if chosen.sheet is not None:
        cv2.imwrite(str(chosen.sheet), cv2.cvtColor(np.vstack([strip for _, strip in results]), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
