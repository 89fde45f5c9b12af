"""What LivePortrait's networks cost: milliseconds by network and by frame, memory, and how far half precision is from float32.

    python bench/liveportrait.py                  on a GPU if there is one, else on a CPU, beside the plain networks
    python bench/liveportrait.py --device cpu --threads 4

Weights are made up (`heads/liveportrait/standin.py`): speed does not depend on their values. Needs torch, numpy and safetensors
only. The unit u is one 3 x 3 convolution of 512 to 512 channels on 64 x 64 points in float32, timed in the same run.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.speed import commit, machine, today  # noqa: E402 - found below the root
from heads.liveportrait.keypoints import stitched, transform  # noqa: E402 - found below the root
from heads.liveportrait.networks import Networks, build  # noqa: E402
from heads.liveportrait.sizes import FILES, FULL  # noqa: E402
from heads.liveportrait.standin import Recorded  # noqa: E402

FRAME = ("M", "S", "W", "G")
"""What runs for every driving frame."""

LOADER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from heads.liveportrait.networks import Networks
from heads.liveportrait.sizes import FILES
def held(name):
    return next(int(row.split()[1]) * 1024 for row in open("/proc/self/status") if row.startswith(name))
paths = {file: Path(sys.argv[2], file) for file in FILES.values()}
before, began = held("VmRSS:"), time.perf_counter()
networks = Networks.load(paths)
print((held("VmHWM:") - before) / sum(path.stat().st_size for path in paths.values()), time.perf_counter() - began)
"""
"""Loads the networks and tells the peak of what it held beyond its start, in sizes of the files, and seconds."""

Jobs = Mapping[str, Callable[[], Any]]


def given(batch: int) -> dict[str, Tensor]:
    """Made-up inputs of all networks."""
    from_seed = torch.Generator().manual_seed(0)
    x_s = torch.rand(1, 21, 3, generator=from_seed) - 0.5
    return {
        "image": torch.rand(1, 3, FULL.side, FULL.side, generator=from_seed),
        "driving": torch.rand(batch, 3, FULL.side, FULL.side, generator=from_seed),
        "x_s": x_s,
        "x_d": x_s + 0.1 * torch.rand(batch, 21, 3, generator=from_seed),
    }


def ours(nets: Networks, batch: int) -> Jobs:
    """One call of each of our networks, and of all of them for a frame."""
    inputs = {name: tensor.to(nets.device) for name, tensor in given(batch).items()}
    image, driving, x_s, x_d = inputs.values()
    features = nets.features(image)
    seg = nets.warp(features, x_s, x_d).seg.clone()

    def frame() -> Tensor:
        moved = transform(nets.motion(driving))
        return nets.render(features, x_s, stitched(moved, nets.stitch(x_s, moved)))

    return {
        "F": lambda: nets.features(image),
        "M": lambda: nets.motion(driving),
        "S": lambda: nets.stitch(x_s, x_d),
        "W": lambda: nets.warp(features, x_s, x_d),
        "G": lambda: nets.generate(seg),
        "frame": frame,
    }


def plain() -> Jobs:
    """The same of the plain networks (bench/original.py), one frame in float32."""
    from bench.original import network

    image, driving, x_s, x_d = given(1).values()
    nets: dict[str, nn.Module] = {}
    for name in ("F", *FRAME):
        source = Recorded(name, "bench")
        build(name, source, FULL)
        nets[name] = network(name, source.tensors)
    volume = nets["F"](image)
    seg = nets["W"](volume, x_s, x_d)[0]
    both = torch.cat([x_s.flatten(1), x_d.flatten(1)], 1)

    def frame() -> Tensor:
        nets["M"](driving)
        nets["S"]("retarget_shoulder", both)
        picture: Tensor = nets["G"](nets["W"](volume, x_s, x_d)[0])
        return picture

    return {
        "F": lambda: nets["F"](image),
        "M": lambda: nets["M"](driving),
        "S": lambda: nets["S"]("retarget_shoulder", both),
        "W": lambda: nets["W"](volume, x_s, x_d),
        "G": lambda: nets["G"](seg),
        "frame": frame,
    }


def timed(job: Callable[[], Any], device: str) -> float:
    """Milliseconds of one call."""
    synchronize(device)
    began = time.perf_counter()
    job()
    synchronize(device)
    return 1000 * (time.perf_counter() - began)


def synchronize(device: str) -> None:
    """Wait until the device has done what it was asked for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def medians(several: Mapping[str, Jobs], device: str, runs: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of every job of several kinds, run in turn so that a machine's moods meet all of them."""
    found: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in jobs} for kind, jobs in several.items()}
    for run in range(-1, runs):
        for kind, jobs in several.items():
            for name, job in jobs.items():
                spent = timed(job, device)
                if run >= 0:  # the round before the first fills caches
                    found[kind][name].append(spent)
    return {kind: {name: statistics.median(list_) for name, list_ in jobs.items()} for kind, jobs in found.items()}


def psnr(a: Tensor, b: Tensor) -> float:
    """Decibels between pictures in [0, 1]."""
    error = (a.float() - b.float()).square().mean().item()
    return 10 * math.log10(1 / error) if error else math.inf


def compiled(nets: Networks) -> Networks:
    """The same with its two large networks compiled."""
    nets.settle()
    for net in (nets._warping, nets._generator):
        net.compile(dynamic=False)
    return nets


def loading() -> dict[str, float]:
    """What reading the five files takes, in a process of its own (Linux): how much more than their size is held at once."""
    if not Path("/proc/self/status").is_file():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for name, file in FILES.items():
            source = Recorded(name, "bench")
            build(name, source, FULL)
            save_file(source.tensors, Path(folder, file))
        words = [sys.executable, "-c", LOADER, str(ROOT), folder]
        told = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return {"loading: peak beyond start / size of the files": float(told[0]), "loading, s": float(told[1])}


def on_cpu(options: argparse.Namespace) -> dict[str, Any]:
    """Float32 and bfloat16 beside the plain networks."""
    unit, x = nn.Conv2d(512, 512, 3, padding=1), torch.randn(1, 512, 64, 64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    full = Networks.invented("bench")
    half = Networks.invented("bench", dtype=torch.bfloat16)
    several: dict[str, Jobs] = {"unit": {"frame": lambda: unit(x)}}
    if not options.without_plain:
        several["plain"] = plain()
    several |= {"fp32": ours(full, options.batch), "bf16": ours(half, options.batch)}
    times = medians(several, "cpu", options.runs)
    loss = psnr(several["fp32"]["frame"](), several["bf16"]["frame"]())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"ms": times, "bf16 against fp32, dB": loss, "peak beyond start, all kinds together, MB": (peak - before) / 1024}


def on_cuda(options: argparse.Namespace) -> dict[str, Any]:
    """Float32, float16 and bfloat16, and float16 compiled; one frame at a time and a batch.

    Convolutions are in TF32 where float32 is asked for, as PyTorch has it by default; the reference is in true float32.
    """
    found: dict[str, Any] = {"ms": {}}
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        exact = ours(Networks.invented("bench", device=options.device), 1)
        reference = exact["frame"]()
        del exact
    kinds = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "fp16 compiled": torch.float16}
    for name, dtype in kinds.items():
        if name.endswith("compiled") and options.without_compiled:
            continue
        for batch in sorted({1, options.batch}):
            nets = Networks.invented("bench", device=options.device, dtype=dtype)
            jobs = ours(compiled(nets) if name.endswith("compiled") else nets, batch)
            torch.cuda.reset_peak_memory_stats()
            title = f"{name}, batch {batch}"
            try:
                times = medians({"x": jobs}, options.device, options.runs)["x"]
            except Exception as error:  # noqa: BLE001 - what a compiler cannot do is a finding, and the others still count
                found[f"{title}: failed"] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
                print(title, found[f"{title}: failed"], file=sys.stderr, flush=True)
                continue
            picture = jobs["frame"]()[:1]
            found["ms"][title] = {job: spent / (1 if job == "F" else batch) for job, spent in times.items()}
            found[f"{title}: against exact fp32, dB"] = psnr(reference, picture)
            found[f"{title}: frames/s"] = 1000 * batch / times["frame"]
            found[f"{title}: peak, MB"] = torch.cuda.max_memory_allocated() / 2**20
            print(title, json.dumps(found["ms"][title]), f"{found[f'{title}: frames/s']:.1f} frames/s", flush=True)
            del nets, jobs
            torch.cuda.empty_cache()
    return found


def table(found: Mapping[str, Any]) -> str:
    """The numbers as Markdown; ratios to the plain networks and to float32 where those were timed."""
    times = found["ms"]
    names = ["F", *FRAME, "frame"]
    rows = [f"| ms | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for kind, spent in times.items():
        rows.append(f"| {kind} | {' | '.join(f'{spent[name]:.1f}' if name in spent else '' for name in names)} |")
    pairs = [("fp32", "plain"), ("bf16", "fp32")]
    for kind, other in pairs:
        if kind in times and other in times:
            shares = (f"{times[kind][name] / times[other][name]:.2f}" for name in names)
            rows.append(f"| {kind} / {other} | {' | '.join(shares)} |")
    if "unit" in times:
        unit = times["unit"]["frame"]
        kinds = [kind for kind in ("plain", "fp32", "bf16") if kind in times]
        rows += [f"| {kind}, u | {' | '.join(f'{times[kind][name] / unit:.2f}' for name in names)} |" for kind in kinds]
    rest = [f"- {name}: {value:,.2f}" for name, value in found.items() if isinstance(value, float)]
    failed = [f"- {name}: {value}" for name, value in found.items() if name.endswith(": failed")]
    return "\n".join([*rows, "", *rest, *failed])


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, help="frames at once (default: 1 on a CPU, 8 on a GPU)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU (default: %(default)s)")
    parser.add_argument("--without-plain", action="store_true", help="leave out the plain networks on the CPU")
    parser.add_argument("--without-compiled", action="store_true", help="leave out the compiled ones on the GPU")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    on_gpu = options.device.startswith("cuda")
    options.batch = options.batch or (8 if on_gpu else 1)
    found = (on_cuda if on_gpu else on_cpu)(options) | loading()
    found["device"] = torch.cuda.get_device_name() if on_gpu else f"CPU, {options.threads} threads, torch {torch.__version__}"
    told = f"Measured on {today()} by `python bench/liveportrait.py` at {commit()}: {machine()}; {found['device']}."
    print(json.dumps(found, indent=2) if options.json else f"{told}\n\n{table(found)}")


if __name__ == "__main__":
    main()
