"""How fast and how large: frames per second, milliseconds per stage and peak memory, through the command line.

    python bench/speed.py                      a clip of 10 s, 512 x 512, 30 frames/s with sound, median of 3 runs
    python bench/speed.py --long 600           and the peak memory of a clip of ten minutes
    python bench/speed.py --readme             and the table into README.md
    python bench/speed.py --clip c.mp4 --portrait p.jpg
    python bench/speed.py --head liveportrait  what its networks cost, with made-up weights, and what stands around them

Portrait and clip are made from rendered people unless others are given; nothing is taken from outside the repository.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SIDE = 512
"""Pixels of the clip and of the portrait."""
RATE = Fraction(30)
"""Frames per second of the clip."""
POSES = 24
"""Pictures that are rendered for the clip; there and back again they last 1.5 s."""
RUNS = 3
SOUND_RATE = 48_000
"""Samples per second of the clip's sound."""


@dataclass(frozen=True)
class Run:
    """One run of the command line."""

    seconds: float
    """On the clock."""
    cpu_seconds: float
    """Of all processors together: what stays the same when the machine has other work."""
    peak_mb: float


@dataclass(frozen=True)
class Stage:
    """What a stage costs by itself, per frame."""

    name: str
    wall_ms: float
    """Milliseconds on the clock."""
    cpu_ms: float
    """Milliseconds of all processors together."""


LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = 0
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""Starts the command line and tells its exit status, processor seconds and peak memory. In between because a process begins
with the peak of the one that started it (Linux keeps it over exec), and this one holds pictures and encoders."""


def person(seed: int, swing: float) -> Any:
    """A picture (SIDE, SIDE, 3) of somebody who talks: `swing` 0 … 1 opens the mouth, smiles and turns the head."""
    import numpy as np

    from examples.people import render
    from examples.person import Person
    from heads.mesh import SHAPE

    shapes = np.zeros(len(SHAPE), np.float32)
    for name, weight in (("jawOpen", 0.5), ("mouthSmileLeft", 0.6), ("mouthSmileRight", 0.6), ("browInnerUp", 0.4)):
        shapes[SHAPE[name]] = weight * swing
    yaw, pitch, roll = 14 * swing - 4, 4 * swing, -3 * swing
    who, size = Person.random(seed), (SIDE, SIDE)
    return render(who, expression=shapes, yaw=yaw, pitch=pitch, roll=roll, size=size, eye_distance=SIDE / 3.5).image


def pictures(clip: Path | None) -> list[Any]:
    """The pictures that are looped: a given clip's, there and back again, or rendered ones."""
    if clip is None:
        there = [person(5, index / (POSES - 1)) for index in range(POSES)]
    else:
        from gioconda.media import VideoReader

        there = [frame.image for frame in islice(VideoReader(clip, max_side=SIDE), 300)]
    return there + there[-2:0:-1]


def make_clip(path: Path, images: list[Any], seconds: float) -> Path:
    """A clip with sound: the images in a loop."""
    import av
    import numpy as np

    with av.open(path, "w") as output:
        video: Any = output.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "superfast"})
        video.height, video.width = images[0].shape[0] // 2 * 2, images[0].shape[1] // 2 * 2
        video.pix_fmt = "yuv420p"
        sound: Any = output.add_stream("aac", rate=SOUND_RATE, layout="mono")
        heard = 0
        for index, image in enumerate(islice(cycle(images), round(seconds * RATE))):
            frame = av.VideoFrame.from_ndarray(image[: video.height, : video.width], format="rgb24")
            frame.pts, frame.time_base = index, 1 / RATE
            output.mux(video.encode(frame))
            while heard < (index + 1) / RATE * SOUND_RATE:
                wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(heard, heard + 1024) / SOUND_RATE)
                block = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = SOUND_RATE, heard, Fraction(1, SOUND_RATE)
                output.mux(sound.encode(block))
                heard += 1024
        output.mux(video.encode(None))
        output.mux(sound.encode(None))
    return path


def run(portrait: Path, clip: Path, *settings: str) -> Run:
    """Animate through the command line, in a process of its own."""
    words = [sys.executable, "-m", "gioconda", "animate", str(portrait), "--driving", str(clip), "--overwrite", *settings]
    began = time.perf_counter()
    launched = [sys.executable, "-c", LAUNCHER, *words, "-o", str(clip.with_name("out.mp4"))]
    told = subprocess.run(launched, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds = time.perf_counter() - began
    status, cpu, peak = (float(word) for word in told.split())
    if code := os.waitstatus_to_exitcode(int(status)):
        sys.exit(f"The command line ended with {code}.")
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB elsewhere
    return Run(seconds, cpu, peak * unit / 1e6)


def timed(name: str, count: int, work: Callable[[], Any]) -> tuple[Stage, Any]:
    """A stage, and what its work gave."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Stage(name, 1000 * wall / count, 1000 * cpu / count), result


def stages(portrait: Path, clip: Path, folder: Path) -> Iterator[Stage]:
    """Each stage of the road by itself, over the same clip."""
    import heads
    import weights
    from gioconda import performance, watch
    from gioconda.faces import Tracker, follow
    from gioconda.job import Job
    from gioconda.marks.imprint import Imprint
    from gioconda.media import Sound, VideoReader, VideoWriter, read_image
    from gioconda.record import Recorder

    with Tracker() as tracker:
        first = tracker.portrait(read_image(portrait)).portrait
    reader = VideoReader(clip, max_side=performance.TRACKED_SIDE)
    frames = list(reader)
    count = len(frames)
    yield timed("decoding the clip", count, lambda: exhausted(reader))[0]
    tracking, seen = timed("tracking the face", count, lambda: list(follow(frames)))
    yield tracking
    job = Job(portraits=[portrait], driving=clip, mouth="driving", head="warp")

    def record() -> Any:
        with closing(Recorder(folder, reader.rate, reader.clock)) as recorder:
            for sighting in seen:
                recorder.add(sighting.ticks, sighting.face if sighting.found else None)
            return recorder.finish(first.face, strength=job.smooth)

    recording, recorded = timed("smoothing the performance", count, record)
    yield recording
    motion = recorded.motion
    acted = performance.Performance(motion, motion.cue(motion.neutral), reader, range(count), recorded.align)
    kind = heads.kind(job.head)
    head = heads.load(job.head, {name: weights.path(name) for name in getattr(kind, "needs", ())})
    told = watch.cues(job, acted, head, [first])
    cutting, cues = timed("the driver's pictures, second decoding", count, lambda: list(told))
    yield cutting
    identity = head.enroll([first])
    painting, _ = timed("painting", count, lambda: exhausted(head.animate(identity, acted.neutral, iter(cues))))
    yield painting
    painted = list(head.animate(identity, acted.neutral, iter(cues)))
    imprint = Imprint(first.image, label=True, mark_id=1)
    yield timed("label", count, lambda: exhausted(map(imprint.label, painted)))[0]
    yield timed("invisible mark", count, lambda: exhausted(imprint.mark(image, "video") for image in painted))[0]

    def encode() -> None:
        size, sound = (first.image.shape[1], first.image.shape[0]), Sound.of(clip)
        settings = {"rate": motion.rate, "clock": motion.clock, "crf": job.crf, "sound": sound}
        with VideoWriter(folder / "stage.mp4", size=size, **settings) as writer:
            for image, moment in zip(painted, motion.times, strict=True):
                writer.write(image, round(Fraction(float(moment)) / motion.clock))

    yield timed("encoding and sound", count, encode)[0]


def exhausted(items: Iterable[Any]) -> None:
    """Walk through without keeping anything."""
    for _ in items:
        pass


def median(runs: list[Run]) -> Run:
    """Median times, largest peak."""
    seconds, cpu = (statistics.median(getattr(run, name) for run in runs) for name in ("seconds", "cpu_seconds"))
    return Run(seconds, cpu, max(run.peak_mb for run in runs))


def machine() -> str:
    """Processor and how many cores may be used."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8") if info.is_file() else "", re.MULTILINE)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model[1].strip() if model else 'unknown processor'}, {cores} cores"


def commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    asked = (["git", "rev-parse", "--short=7", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"])
    number, changes = (
        subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() for words in asked
    )
    return f"{number or 'unknown'}{'+' if changes else ''}"


def today() -> str:
    """The date, UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every number."""
    import cv2

    portrait = options.portrait
    if portrait is None:
        portrait = folder / "portrait.png"
        cv2.imwrite(str(portrait), person(3, 0.0)[..., ::-1])
    images = pictures(options.clip)
    clip = make_clip(folder / "clip.mp4", images, options.seconds)
    frames = round(options.seconds * RATE)
    size = ("--max-side", str(SIDE))
    run(portrait, clip, "--end", "0.05", *size)  # fills the file cache
    start = median([run(portrait, clip, "--end", "0.05", *size) for _ in range(RUNS)])
    full = median([run(portrait, clip, *size) for _ in range(RUNS)])
    found: dict[str, Any] = {
        "date": today(),
        "machine": machine(),
        "commit": commit(),
        "frames": frames,
        "size": [images[0].shape[1], images[0].shape[0]],
        "start_seconds": round(start.seconds, 2),
        "seconds": round(full.seconds, 2),
        "frames_per_second": round((frames - 2) / max(full.seconds - start.seconds, 1e-3), 1),
        "cpu_ms_per_frame": round(1000 * (full.cpu_seconds - start.cpu_seconds) / (frames - 2), 1),
        "peak_mb": round(full.peak_mb),
        "stages": [asdict(stage) for stage in stages(portrait, clip, folder)],
    }
    if options.long:
        long = run(portrait, make_clip(folder / "long.mp4", images, options.long), *size)
        found |= {
            "long_seconds_of_clip": options.long,
            "long_seconds": round(long.seconds, 1),
            "long_peak_mb": round(long.peak_mb),
        }
    return found


def table(found: dict[str, Any]) -> str:
    """The numbers as Markdown."""
    width, height = found["size"]
    length = found["frames"] / RATE
    how = f"{width} × {height} pixels, {float(RATE):g} frames/s, {float(length):g} s with sound"
    rows = [
        f"Measured on {found['date']} by `python bench/speed.py` at {found['commit']}: {found['machine']}.",
        f"A clip of {how}; median of {RUNS} runs of the command line.",
        "",
        "| what | figure |",
        "| --- | ---: |",
        f"| end to end, start-up apart | {found['frames_per_second']} frames/s |",
        f"| start-up, with the look at the portrait | {found['start_seconds']} s |",
        f"| the whole run | {found['seconds']} s |",
        f"| processor time, start-up apart | {found['cpu_ms_per_frame']} ms a frame |",
        f"| peak memory | {found['peak_mb']:,} MB |",
    ]
    if "long_peak_mb" in found:
        rows += [
            f"| peak memory, clip of {found['long_seconds_of_clip'] / 60:g} minutes | {found['long_peak_mb']:,} MB |",
            f"| the whole run, clip of {found['long_seconds_of_clip'] / 60:g} minutes | {found['long_seconds']:,} s |",
        ]
    total = sum(stage["cpu_ms"] for stage in found["stages"])
    rows += ["", "| stage by itself | ms a frame | processor ms a frame | share |", "| --- | ---: | ---: | ---: |"]
    rows += [
        f"| {stage['name']} | {stage['wall_ms']:.1f} | {stage['cpu_ms']:.1f} | {100 * stage['cpu_ms'] / total:.0f} % |"
        for stage in found["stages"]
    ]
    return "\n".join([*rows, f"| together | | {total:.1f} | 100 % |"])


def networks(options: argparse.Namespace) -> None:
    """The head of networks, whose weights are made up: `bench/liveportrait.py`, then `bench/around.py`."""
    told = []
    for script, words in (("liveportrait.py", ()), ("around.py", ("--seconds", str(options.seconds)))):
        command = [sys.executable, str(ROOT / "bench" / script), *words]
        told.append(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
        print(told[-1], flush=True)
    if options.readme:
        with tempfile.NamedTemporaryFile("w", suffix=".md") as page:
            page.write("\n\n".join(told))
            page.flush()
            subprocess.run([sys.executable, str(ROOT / "docs" / "update.py"), "--networks", page.name], check=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, help="loop this clip instead of a rendered one")
    parser.add_argument("--portrait", type=Path, help="animate this portrait instead of a rendered one")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip (default: %(default)s)")
    parser.add_argument("--long", type=float, metavar="SECONDS", help="also measure the memory of a clip of this length")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--head", choices=("warp", "liveportrait"), default="warp", help="(default: %(default)s)")
    options = parser.parse_args()
    if options.head == "liveportrait":
        networks(options)
        return
    from gioconda.marks import places

    with tempfile.TemporaryDirectory(prefix="gioconda-") as name:
        # Runs that are only measured are nothing for the ledger of whoever measures.
        os.environ.update({places.CONFIG: str(Path(name, "config")), places.DATA: str(Path(name, "data"))})
        found = measured(options, Path(name))
        print(json.dumps(found, indent=2) if options.json else table(found))
        if options.readme:
            page = Path(name) / "speed.md"
            page.write_text(table(found), encoding="utf-8")
            subprocess.run([sys.executable, str(ROOT / "docs" / "update.py"), "--speed", str(page)], check=True)


if __name__ == "__main__":
    main()
