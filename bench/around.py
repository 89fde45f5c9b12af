"""What stands around the networks of the liveportrait head: its whole road with networks that cost nothing, or small ones.

    python bench/around.py                        a pretended device of 0 and of 9 ms a frame
    python bench/around.py --networks small --seconds 600   small ones of made-up weights: memory and time of a long clip
    python bench/around.py --networks full        the published sizes, made-up weights, in half precision on a GPU: end to end

A pretended device takes its batches one after the other and gives its pictures when their time has come, as a GPU does. What
a run then takes is what everything else costs: reading, cutting, pasting back, marks, encoding.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 - found below the root
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from bench.speed import commit, machine, make_clip, person, pictures, today  # noqa: E402
from heads.base import Image  # noqa: E402
from heads.liveportrait.keypoints import KeyMotion  # noqa: E402
from heads.liveportrait.networks import Networks  # noqa: E402
from heads.liveportrait.pace import Plan  # noqa: E402
from heads.liveportrait.sizes import FULL  # noqa: E402

EVERY = 1000
"""Frames between two looks at memory and clock."""


class Free(Networks):
    """Networks that answer at once; a picture is paid for when it arrives (`Pretended`)."""

    def __init__(self) -> None:
        self.device, self.dtype, self.sizes, self._aside = torch.device("cpu"), torch.float32, FULL, None
        self._picture = torch.rand(1, 3, FULL.output, FULL.output)

    def settle(self) -> None:
        """Nothing to lay out."""

    def features(self, images: Tensor) -> Tensor:
        """Of the right shape."""
        return torch.zeros(len(images), FULL.channels, FULL.depth, FULL.map, FULL.map)

    def motion(self, images: Tensor) -> KeyMotion:
        """A face that turns with the brightness of one pixel."""
        many, none = len(images), torch.zeros
        kp = torch.linspace(-0.5, 0.5, 63).reshape(1, 21, 3).expand(many, -1, -1)
        yaw, one = 5 * images[:, 0, 100:101, 100], none(many, 1)
        return KeyMotion.of(kp, none(many, 21, 3), one, yaw, one, none(many, 3), one + 1.3)

    def stitch(self, x_s: Tensor, x_d: Tensor) -> Tensor:  # noqa: ARG002 - as the true ones
        """No correction."""
        return torch.zeros(len(x_d), 65)

    def render(self, features: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:  # noqa: ARG002 - as the true ones
        """The same picture each time."""
        return self._picture.expand(len(x_d), -1, -1, -1)


class Pretended:
    """A device that needs so many milliseconds for each frame of a batch, one batch after the other."""

    def __init__(self, each_ms: float) -> None:
        self._each, self._free = each_ms / 1000, 0.0
        levels = np.arange(FULL.output, dtype=np.uint8)
        self._picture = np.repeat((levels[:, None] ^ levels[None])[..., None], 3, 2)

    def batch(self, tasks: Sequence[object]) -> Any:
        """Stands for `painting.Painter._batch`."""
        self._free = max(time.perf_counter(), self._free) + self._each * len(tasks)
        due, pictures = self._free, np.broadcast_to(self._picture, (len(tasks), *self._picture.shape))

        class Due:
            @staticmethod
            def arrived() -> Image:
                time.sleep(max(0.0, due - time.perf_counter()))
                return pictures

        return Due()


def watched(times: dict[str, float], name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A function or a generator function whose time on the processor, in its own thread, is added up."""

    def counted(*args: Any, **settings: Any) -> Any:
        began = time.thread_time()
        made = work(*args, **settings)
        times[name] = times.get(name, 0.0) + time.thread_time() - began
        return walked(made) if isinstance(made, Generator) else made

    def walked(items: Iterator[Any]) -> Iterator[Any]:
        while True:
            began = time.thread_time()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                times[name] += time.thread_time() - began
            yield item

    return counted


def networks(kind: str) -> Networks:
    """What is measured: "none", "small", or "full" on a GPU."""
    if kind == "full":
        return Networks.invented("bench", device="cuda:0", dtype=torch.float16)
    return Networks.tiny(0) if kind == "small" else Free()


def road(portrait: Path, clip: Path, kind: str, each_ms: float) -> dict[str, Any]:
    """One run: seconds by stage, processor milliseconds a frame of each thread's work, memory and time along the way.

    Args:
        portrait: who is painted.
        clip: who drives.
        kind: of the networks.
        each_ms: of the pretended device, where there are none.
    """
    from gioconda import Job, animate, choose, device, watch
    from gioconda.marks import imprint, places
    from gioconda.media import VideoWriter
    from heads.liveportrait import canvas, painting
    from heads.liveportrait.head import LivePortrait

    head = LivePortrait(networks(kind))
    place = "cuda:0" if kind == "full" else "cpu"

    def rendering(_: Job) -> Generator[Any, None, Any]:
        yield from ()
        return head, choose.Choice("liveportrait", place, "fp16" if kind == "full" else "fp32", "for a bench")

    times: dict[str, float] = {}
    spots = (
        ("the driver's pictures, cut", watch, "cues"),
        ("laying into the portrait", canvas.Canvas, "frame"),
        ("the head, laying apart", LivePortrait, "animate"),
        ("label", imprint.Imprint, "label"),
        ("invisible mark", imprint.Imprint, "mark"),
        ("encoding, without the encoder's threads", VideoWriter, "write"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="around-")))
        own = {place: str(folder / place) for place in (places.CONFIG, places.DATA)}
        stack.enter_context(mock.patch.dict(os.environ, own))
        stack.enter_context(mock.patch("gioconda.studio.rendering", rendering))
        if kind == "none":
            stack.enter_context(mock.patch.object(painting.Painter, "_batch", Pretended(each_ms).batch))
            plan = Plan.on("cuda", device.LOOKAHEAD_GPU)
            stack.enter_context(mock.patch.object(Plan, "on", return_value=plan))
            stack.enter_context(mock.patch.object(device, "LOOKAHEAD", device.LOOKAHEAD_GPU))
        for name, where, attribute in spots:
            work = watched(times, name, getattr(where, attribute))
            stack.enter_context(mock.patch.object(where, attribute, work if where is watch else method(work)))
        job = Job(portraits=[portrait], driving=clip, output=folder / "out.mp4", head="liveportrait", max_side=512)
        return followed(animate(job), times)


def method(work: Callable[..., Any]) -> Callable[..., Any]:
    """A function as a method, which `mock` would otherwise take for an attribute of the instance."""

    def bound(self: Any, *args: Any, **settings: Any) -> Any:
        return work(self, *args, **settings)

    return bound


def followed(steps: Iterator[Any], times: dict[str, float]) -> dict[str, Any]:
    """Walk through a run: seconds of each stage, and what memory and the clock say every so many frames."""
    seconds: dict[str, float] = {}
    looks: list[dict[str, float]] = []
    label, began, cpu, frames = "", time.perf_counter(), time.process_time(), 0
    for step in steps:
        now = time.perf_counter()
        if step.label != label:
            seconds[label], label, began = now - began, step.label, now
        if step.done and step.done % EVERY == 0 or step.done == step.total:
            looks.append({"frame": step.done, "stage": hash(label), "seconds": now - began, "mb": resident()})
        frames = step.total
    return {
        "frames": frames,
        "reading_ms": 1000 * seconds.get("Reading the performance", 0) / frames,
        "painting_ms": 1000 * seconds.get("Painting the frames", 0) / frames,
        "cpu_ms": 1000 * (time.process_time() - cpu) / frames,
        "stages_ms": {name: 1000 * spent / frames for name, spent in times.items()},
        "looks": [{name: look[name] for name in ("frame", "seconds", "mb")} for look in looks],
    }


def resident() -> float:
    """Megabytes that this process holds now (Linux; elsewhere its peak)."""
    status = Path("/proc/self/status")
    if status.is_file():
        rows = dict(row.split(":", 1) for row in status.read_text(encoding="utf-8").splitlines() if ":" in row)
        return int(rows["VmRSS"].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def apart(*words: str) -> dict[str, Any]:
    """What this script measures in a process of its own."""
    told = subprocess.run([sys.executable, __file__, *words, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def table(runs: dict[str, dict[str, Any]]) -> str:
    """The numbers as Markdown."""

    def stage(name: str, run: dict[str, Any]) -> float:
        return float(run["stages_ms"][name])

    def row(title: str, figure: Callable[[dict[str, Any]], float]) -> str:
        return f"| {title} | {' | '.join(f'{figure(run):.2f}' for run in runs.values())} |"

    clock = [row(f"{name}, on the clock", itemgetter(f"{name}_ms")) for name in ("reading", "painting")]
    stages = list(next(iter(runs.values()))["stages_ms"])
    each = [row(f"{name}: processor", partial(stage, name)) for name in stages]
    head = [f"| ms a frame | {' | '.join(runs)} |", f"| --- |{' ---: |' * len(runs)}"]
    told = f"Measured on {today()} by `python bench/around.py` at {commit()}: {machine()}."
    return "\n".join([told, "", *head, *clock, row("everything: processor", itemgetter("cpu_ms")), *each])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip (default: %(default)s)")
    parser.add_argument("--device-ms", type=float, help="milliseconds a frame of the pretended device (default: 0 and 9)")
    parser.add_argument("--networks", choices=("none", "small", "full"), default="none", help="(default: a pretended device)")
    parser.add_argument("--json", action="store_true", help="print one run as a line of JSON")
    options = parser.parse_args()
    if not options.json:
        length = ("--seconds", str(options.seconds), "--networks", options.networks)
        wanted = [0.0, 9.0] if options.device_ms is None else [options.device_ms]
        if options.networks == "none":
            runs = {f"device {each:g} ms": apart("--device-ms", str(each), *length) for each in wanted}
        else:
            runs = {f"{options.networks} networks": apart(*length)}
        print(table(runs))
        return
    with tempfile.TemporaryDirectory(prefix="around-") as name:
        import cv2

        portrait = Path(name, "portrait.png")
        cv2.imwrite(str(portrait), person(3, 0.0)[..., ::-1])
        clip = make_clip(Path(name, "clip.mp4"), pictures(None), options.seconds)
        torch.set_num_threads(1)
        print(json.dumps(road(portrait, clip, options.networks, options.device_ms or 0.0)))


if __name__ == "__main__":
    main()
