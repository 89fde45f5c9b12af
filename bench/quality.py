"""How good a head is: how much of a clip it gives back from one frame, and what goes wrong on the way.

python bench/quality.py --quick                          the table of self-reenactment alone, in about a minute
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import clips, measures, road  # noqa: E402 - the repository's own, wherever this is started from

OUT = ROOT / "out" / "quality"


def quick(take: clips.Take, head: str) -> dict[str, float]:
    """The table of self-reenactment, of frames before encoding."""
    with road.scratch() as folder:
        job = road.job([take.portrait], Path(folder) / "out.mp4", driving=take.driving, head=head)
        taken = road.run(job, chosen=take.faces, encode=False)
    rows = []
    for i, face in take.faces.items():
        box, true, still, made = measures.face_box(face.points), take.frames[i], take.frames[0], taken.frames[i]
        rows.append([f(a, true) for f in (measures.psnr, measures.ssim) for a in (still, made)])
        rows[-1] += [measures.psnr(a[box], true[box]) for a in (still, made)]
    names = ("psnr_still", "psnr", "ssim_still", "ssim", "face_psnr_still", "face_psnr")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def table(scores: dict[str, dict[str, float]]) -> str:
    """Markdown, a row a clip and their mean."""
    lines = ["| clip | PSNR still → head (dB) | SSIM still → head | face PSNR still → head (dB) |", "| --- | --- | --- | --- |"]
    mean = {key: float(np.mean([score[key] for score in scores.values()])) for key in next(iter(scores.values()))}
    for name, score in [*scores.items(), ("mean", mean)]:
        cells = (
            f"{score['psnr_still']:.2f} → {score['psnr']:.2f}",
            f"{score['ssim_still']:.3f} → {score['ssim']:.3f}",
            f"{score['face_psnr_still']:.2f} → {score['face_psnr']:.2f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, judge every clip, print the table."""
    parser = argparse.ArgumentParser(description="How good a head is.")
    parser.add_argument("--clips", type=Path, default=ROOT / "examples", help="folder of driving clips")
    parser.add_argument("--head", default="warp", help="which head (heads.REGISTRY)")
    parser.add_argument("--quick", action="store_true", help="the table of self-reenactment alone")
    chosen = parser.parse_args()
    scores = {}
    for path in clips.listed(chosen.clips, clips.CLIPS):
        start = time.process_time()
        take = clips.take(path, OUT / "clips")
        scores[take.name] = quick(take, chosen.head)
        print(take.name, f"{scores[take.name]['face_psnr']:.2f}", f"{time.process_time() - start:.1f} s cpu", file=sys.stderr)
    print(table(scores))


if __name__ == "__main__":
    main()
