"""The liveportrait head's networks with made-up weights: milliseconds a frame by module, batch, precision and device.

    python bench/networks.py [--device cuda] [--precisions fp32,fp16] [--batches 1,8] [--compile] [--threads 2]

Speed does not depend on the values of weights. On a GPU the time is that of CUDA events around `--repeats` runs after a
warm-up, on a CPU the median of as many single runs. Prints Markdown: a row a precision and batch, with the peak of memory and,
against fp32, how far the pictures differ.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from heads.liveportrait.keypoints import KeyMotion, follow, stitched, transform
from heads.liveportrait.networks import Networks

KINDS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def timed(run: Callable[[], object], device: str, repeats: int) -> float:
    """Milliseconds of one run."""
    for _ in range(3 if device.startswith("cuda") else 1):
        run()
    if device.startswith("cuda"):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        for _ in range(repeats):
            run()
        end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end)) / repeats
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return 1e3 * float(np.median(spent))


def measured(networks: Networks, batch: int, device: str, repeats: int, compiled: bool) -> tuple[list[float], torch.Tensor]:
    """Milliseconds a frame of motion, stitching, warping, generator and all of them, and the pictures (batch, 3, 512, 512)."""
    generator = torch.Generator().manual_seed(7)
    pictures = torch.rand(batch + 1, 3, networks.side, networks.side, generator=generator).to(device)
    features, source = networks.features(pictures[:1]), networks.motion(pictures[:1])
    x_s = transform(source)
    driving = pictures[1:]
    warp, generate = networks.warp, networks.generate
    if compiled:
        warp, generate = torch.compile(warp, dynamic=False), torch.compile(generate, dynamic=False)

    def moved(motion: KeyMotion) -> torch.Tensor:
        x_d = follow(source, motion, motion[:1])
        return stitched(x_d, networks.stitch(x_s, x_d))

    motion = networks.motion(driving)
    x_d = moved(motion)
    seg = warp(features, x_s, x_d).seg

    def whole() -> torch.Tensor:
        return generate(warp(features, x_s, moved(networks.motion(driving))).seg)

    runs: list[Callable[[], object]] = [
        lambda: networks.motion(driving),
        lambda: moved(motion),
        lambda: warp(features, x_s, x_d),
        lambda: generate(seg),
        whole,
    ]
    return [timed(run, device, repeats) / batch for run in runs], whole().float().cpu()


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(description="Milliseconds a frame of the liveportrait networks, with made-up weights.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precisions", default="fp32,fp16,bf16")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the CPU")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    cuda = chosen.device.startswith("cuda")
    machine = torch.cuda.get_device_name() if cuda else f"CPU, {chosen.threads} threads"
    print(f"{date.today()}, {machine}, torch {torch.__version__}{', compiled' if chosen.compile else ''}\n")
    print(
        "| precision | batch | motion | stitching | warping | generator | all, ms a frame | frames/s | memory | PSNR to fp32 |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    exact: dict[int, torch.Tensor] = {}
    for precision in chosen.precisions.split(","):
        networks = Networks.invented("bench", device=chosen.device, dtype=KINDS[precision])
        for batch in map(int, chosen.batches.split(",")):
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            spent, pictures = measured(networks, batch, chosen.device, chosen.repeats, chosen.compile)
            exact.setdefault(batch, pictures)
            error = float(((pictures - exact[batch]) ** 2).mean())
            likeness = "—" if exact[batch] is pictures else f"{-10 * np.log10(max(error, 1e-12)):.1f} dB"
            memory = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if cuda else "—"
            cells = " | ".join(f"{ms:.2f}" for ms in spent)
            print(f"| {precision} | {batch} | {cells} | {1e3 / spent[-1]:.1f} | {memory} | {likeness} |", flush=True)


if __name__ == "__main__":
    main()
