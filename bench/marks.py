"""The invisible mark: what it survives, how often it errs, how little it shows and what it costs.

    python bench/marks.py                       all of it, over results made from the bundled portraits
    python bench/marks.py --results FOLDER      and over other, unmarked results (MP4, near-lossless)
    python bench/marks.py --clips FOLDER        and false alarms on other clips as well
    python bench/marks.py --only attacks,alarms,looks,cost [--trials 2000] [--quick]
    python bench/marks.py --docs                and the tables into docs/provenance.md

Every result is marked, written by the product's own writer at crf 18, put through real encoders and read back: the first
and the last three seconds, each by itself. Sheets to look at and all figures as JSON lie under out/marks/.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import attacks, store  # noqa: E402 - the repository's own, wherever this is started from
from bench.marks_hosts import Host, hosts, wall  # noqa: E402
from bench.marks_tables import into_docs, tables  # noqa: E402
from bench.measures import psnr, ssim  # noqa: E402
from bench.speed import commit, machine  # noqa: E402
from gioconda.marks import detection  # noqa: E402
from gioconda.marks.watermark import DEFAULT_KEY, Watermark  # noqa: E402
from gioconda.media import VideoReader  # noqa: E402
from heads.base import Image  # noqa: E402

SECONDS = 3
"""Length of what is looked at."""

LENGTH = 4.5
"""Seconds of a result that are used at most: two windows that overlap by half."""

LEVELS = ((20, 20, 22), (70, 64, 60), (128, 128, 128), (188, 176, 160), (240, 240, 236))
"""Colours of the walls."""


@dataclass(frozen=True)
class Outcome:
    """What became of one window of one result."""

    host: str
    attack: str
    score: float
    right: bool
    wrong: bool
    """A number was told, and not the right one: must never be."""


def marked(images: list[Image], number: int, key: bytes = DEFAULT_KEY) -> list[Image]:
    """Copies of the frames of a stream, marked."""
    mark = Watermark(number, (images[0].shape[1], images[0].shape[0]), key)
    copies = [image.copy() for image in images]
    for image in copies:
        mark.apply(image)
    return copies


def windows(count: int, rate: Fraction) -> list[slice]:
    """The first and the last three seconds."""
    length = min(count, round(SECONDS * rate))
    return [slice(0, length)] if count - length < length // 4 else [slice(0, length), slice(count - length, count)]


def survived(host: Host, wanted: dict[str, attacks.Attack], folder: Path, number: int) -> list[Outcome]:
    """One result through every attack."""
    images = marked(list(islice(host.frames(), round(LENGTH * host.rate))), number)
    path = folder / f"{host.name}-marked.mp4"
    attacks.written(images, host.rate, path)
    result = attacks.read(path)
    outcomes = []
    for name, attack in wanted.items():
        for window in windows(len(result), host.rate):
            seen = list(attack(result[window], host.rate))
            found = detection.detect(seen)
            # What is not found is looked at again for its score.
            score = found.score if found else detection.strongest(seen)
            right = found is not None and found.clip_id == number
            outcomes.append(Outcome(host.name, name, score, right, found is not None and not right))
            if not right:
                print(f"  {host.name} {name}: {'WRONG' if found else 'lost'}, score {score:.1f}", flush=True)
    return outcomes


def endurance(found: list[Host], folder: Path, quick: bool) -> list[Outcome]:
    """All results through all attacks; every result has a number of its own. What was measured of the same code is kept."""
    outcomes = []
    wanted = attacks.REQUIRED if quick else attacks.REQUIRED | attacks.BEYOND
    for host in found:
        number = int(store.digest(host.name)[:8], 16)
        clock = time.perf_counter()
        code = store.of_sources("gioconda/marks/*.py", "bench/attacks.py", "bench/marks_hosts.py")
        place = folder / "attacks" / f"{host.name}-{store.digest(host.name, sorted(wanted), code)}.json"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            made = survived(host, wanted, folder, number)
            place.write_text(json.dumps([vars(outcome) for outcome in made]), encoding="utf-8")
        outcomes += (own := [Outcome(**row) for row in json.loads(place.read_text(encoding="utf-8"))])
        must = [o for o in own if o.attack in attacks.REQUIRED]
        worst = min(must, key=lambda o: o.score)
        print(
            f"{host.name} {host.size[0]} × {host.size[1]}: {sum(o.right for o in must)} of {len(must)}, "
            f"weakest {worst.score:.1f} ({worst.attack}), {time.perf_counter() - clock:.0f} s",
            flush=True,
        )
    return outcomes


def alarms(found: list[Host], clips: list[Path], trials: int, part: str) -> dict[str, Any] | None:
    """Three-second windows, cropped and mirrored at random, every second one marked with a key that is not asked for.

    Every source has chance of its own and its scores are kept under out/marks/, so that several processes can share the
    sources (`part`, "1/2" and "2/2") and a run without a part puts them together.
    """
    sources: list[tuple[str, Callable[[], Iterator[Image]]]] = [(host.name, host.frames) for host in found]
    sources += [(path.stem, partial(_frames, path)) for path in clips]
    each = -(-trials // len(sources))
    first, step = (int(number) for number in part.split("/")) if part else (1, 1)
    rows: list[list[float]] = []
    for number in range(first - 1, len(sources), step):
        name, source = sources[number]
        key = store.digest(name, number, each, store.of_sources("gioconda/marks/*.py"))
        place = ROOT / "out" / "marks" / "alarms" / f"{name}-{key}.json"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(alarmed(source, np.random.default_rng([2026, number]), each)), encoding="utf-8")
        rows.append(json.loads(place.read_text(encoding="utf-8")))
        print(f"{name}, source {number + 1} of {len(sources)}: largest score {max(rows[-1]):.2f}", flush=True)
    if part:
        return None
    scores, least = [score for row in rows for score in row], detection.threshold(1)
    return {
        "trials": len(scores),
        "alarms": sum(score >= least for score in scores),
        "mean": round(statistics.fmean(scores), 2),
        "deviation": round(statistics.stdev(scores), 3),
        "largest": round(max(scores), 2),
        "threshold": round(least, 2),
        "bound": detection.FALSE_ALARM,
    }


def alarmed(source: Callable[[], Iterator[Image]], chance: np.random.Generator, trials: int) -> list[float]:
    """The best scores of windows of one source.

    `strongest` never stops early and takes the best of everything that `detect` would have looked at, whether the check bits
    fit or not: where it stays below the threshold, `detect` says None.
    """
    images, scores = list(islice(source(), 180)), []
    for trial in range(trials):
        start = int(chance.integers(0, max(1, len(images) - 75)))
        seen = list(changed(images[start : start + 75], chance))
        if trial % 2:
            seen = marked(seen, int(chance.integers(2**32)), chance.bytes(32))
        scores.append(detection.strongest(seen, keys=(DEFAULT_KEY,)))
    return scores


def _frames(path: Path) -> Iterator[Image]:
    with VideoReader(path) as reader:
        yield from (frame.image for frame in reader)


def changed(images: list[Image], chance: np.random.Generator) -> Iterator[Image]:
    """A crop of 60 … 100 % at any place, mirrored or not, even sides."""
    height, width = images[0].shape[:2]
    share, mirror = chance.uniform(0.6, 1), bool(chance.integers(2))
    h, w = int(height * share) & ~1, int(width * share) & ~1
    top, left = int(chance.integers(0, height - h + 1)), int(chance.integers(0, width - w + 1))
    for image in images:
        cut = image[top : top + h, left : left + w]
        yield np.ascontiguousarray(cut[:, ::-1] if mirror else cut)


def looks(found: list[Host], folder: Path) -> dict[str, Any]:
    """How far marked frames are from unmarked ones, how much walls carry, and sheets to look at."""
    rows = {}
    for host in found:
        images = list(islice(host.frames(), 60))
        copies = marked(images, 0xC0FFEE)
        pairs = list(zip(images, copies, strict=True))[::15]
        rows[host.name] = {
            "psnr": round(statistics.fmean(psnr(one, other) for one, other in pairs), 2),
            "ssim": round(statistics.fmean(ssim(one, other) for one, other in pairs), 4),
            "flicker": flicker(images, copies),
        }
        print(host.name, rows[host.name], flush=True)
    walls = {}
    for colour in LEVELS:
        flat = wall((512, 512), colour)
        change = marked([flat] * 2, 0xC0FFEE)[1].astype(np.float32) - flat
        walls[str(colour)] = round(float(change.std()), 3)
    sheet(found, folder)
    means = {name: round(statistics.fmean(row[name] for row in rows.values()), 4) for name in ("psnr", "ssim", "flicker")}
    return {"results": rows, "mean": means, "walls": walls}


def flicker(images: list[Image], copies: list[Image]) -> float:
    """Levels (rms) by which the mark changes from frame to frame where the picture itself stands still."""
    total = count = 0.0
    for n in range(1, len(images)):
        still = (images[n] == images[n - 1]).all(2)
        before, now = (copies[k][..., 1].astype(np.float32) - images[k][..., 1] for k in (n - 1, n))
        total += float(((now - before)[still] ** 2).sum())
        count += float(still.sum())
    return round(math.sqrt(total / max(count, 1)), 4)


def sheet(found: list[Host], folder: Path) -> None:
    """Flat areas at 200 %, unmarked on the left and marked on the right: walls, a ramp, and corners of results."""
    pieces = [wall((512, 512), colour) for colour in LEVELS]
    ramp = np.linspace(20, 235, 512).astype(np.uint8)
    pieces.append(np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (512, 512, 3))))
    pieces += [next(iter(host.frames())) for host in found]
    rows = []
    for piece in pieces:
        after = marked([piece], 0xC0FFEE)[0]
        row = np.zeros((304, 1208, 3), np.uint8)
        for place, image in enumerate((piece, after)):
            large = cv2.resize(image[:150, :300], None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
            row[: large.shape[0], 608 * place : 608 * place + large.shape[1]] = large
        rows.append(row)
    for page in range(0, len(rows), 6):
        cv2.imwrite(str(folder / f"flat-{page // 6}.png"), np.vstack(rows[page : page + 6])[..., ::-1])


def cost(found: list[Host]) -> dict[str, Any]:
    """Milliseconds of processor to mark a frame, seconds to look through ten seconds."""
    cv2.setNumThreads(1)
    first = [np.asarray(cv2.resize(image, (512, 512)), np.uint8) for image in islice(found[0].frames(), 60)]
    mark = Watermark(1, (512, 512))
    took = []
    for image in first * 4:
        frame = image.copy()
        begin = time.thread_time()
        mark.apply(frame)
        took.append(1000 * (time.thread_time() - begin))
    clip = (first * 5)[:300]
    seen = {"unmarked": clip, "cropped": list(attacks.cropped(marked(clip, 1), 0.1))}
    detection.detect(first[:1])
    spent = {}
    for name, images in seen.items():
        begin, cpu = time.perf_counter(), time.process_time()
        detection.detect(images)
        spent[name] = [round(time.perf_counter() - begin, 2), round(time.process_time() - cpu, 2)]
    return {"apply_ms": round(statistics.median(took), 2), "detect_seconds": spent}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, help="folder of further unmarked results")
    parser.add_argument("--clips", type=Path, help="folder of further clips, for false alarms")
    parser.add_argument("--only", default="attacks,alarms,looks,cost", help="which parts, with commas between")
    parser.add_argument("--trials", type=int, default=2000, help="of false alarms")
    parser.add_argument(
        "--part", default="", metavar="K/N", help="only every Nth source of false alarms, to be put together later"
    )
    parser.add_argument("--hosts", default="", help="only results whose name contains this")
    parser.add_argument("--quick", action="store_true", help="only what the mark has to stand")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/provenance.md")
    options = parser.parse_args()
    folder = ROOT / "out" / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "figures.json"
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found |= {"date": dt.datetime.now(dt.UTC).date().isoformat(), "machine": machine(), "commits": found.get("commits", {})}
    state = commit()
    made = [host for host in hosts(folder / "hosts", options.results) if options.hosts in host.name]
    clips = sorted(options.clips.glob("*.mp4")) if options.clips else []
    parts = options.only.split(",")
    if "looks" in parts:
        found["looks"] = looks(made, folder)
    if "cost" in parts:
        found["cost"] = cost(made)
    if "attacks" in parts:
        found["attacks"] = [vars(outcome) for outcome in endurance(made, folder, options.quick)]
    if "alarms" in parts and (told := alarms(made, clips, options.trials, options.part)):
        found["alarms"] = told
    if options.part:
        return
    found["commits"] |= dict.fromkeys(parts, state)
    kept.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(text := tables(found))
    if options.docs:
        into_docs(text)


if __name__ == "__main__":
    main()
