"""What is installed, what is there, what will be slow, and whether animating works: `python -m gioconda doctor`.

Nothing is downloaded and nothing on the machine is changed. The answer comes from a rehearsal with one of the examples.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import weights
from gioconda import __version__, device
from gioconda.job import Job
from weights import hub

REHEARSED = "warp"
"""The head of the rehearsal: nothing is fetched for it."""

ROOT = Path(__file__).resolve().parent.parent
"""Where requirements.txt and the examples lie in a clone."""

MODULES = {
    "mediapipe": "mediapipe",
    "opencv-python-headless": "cv2",
    "numpy": "numpy",
    "av": "av",
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "safetensors": "safetensors",
    "huggingface_hub": "huggingface_hub",
    "tqdm": "tqdm",
    "c2pa-python": "c2pa",
    "cryptography": "cryptography",
    "platformdirs": "platformdirs",
    "gradio": "gradio",
}
"""Package to the module that it brings; all but `PAGE` are needed to animate."""
PAGE = "gradio"
NEURAL = ("torch", "accelerate")
"""Packages for heads of networks; they are looked up, and imported only where a GPU may be."""

REPORTING = (0, 10, 33)
"""The newest mediapipe that looks nothing up in the network; later ones report to a server (measured; see also the thread
google-ai-edge/mediapipe#6291)."""

INSTALL = "Run `make setup`, or pip install -r requirements.txt."

GIB = 1 << 30
ENOUGH_MEMORY = 1.5
"""GiB that a run may take, whatever the length of the clip."""
ENOUGH_DISK = 1.0
"""GiB in the folder for temporary files: landmarks take 11 kB a frame, an hour at 30 frames/s 1.2 GB."""
REAL_TIME = 30.0
"""Frames per second at which a clip is finished as soon as it was played."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the examination showed."""

    facts: dict[str, Any]
    """Everything, as JSON types."""
    works: bool
    """Whether animating works."""


def examine(examples: Path = ROOT / "examples" / "portraits") -> Findings:
    """Look at everything, and rehearse with a portrait of `examples` when there is one."""
    broken: list[str] = []
    advice: list[str] = []
    packages = _packages(broken, advice)
    files = _weights(broken)
    machine = _machine()
    marks = _marks(broken, advice) if packages["c2pa-python"] and packages["cryptography"] else None
    rehearsal = None if broken else _rehearsal(examples, broken)
    facts: dict[str, Any] = {
        "gioconda": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": packages,
        "ffmpeg": _ffmpeg(broken) if packages["av"] else None,
        "weights": files,
        "weights_folders": dict(zip(("bundled", "cache", "hub"), (str(weights.HOME), *hub.places()), strict=True)),
        "machine": machine,
        "auto": None if broken else _auto(),
        "rehearsal": rehearsal,
        "marks": marks,
    }
    advice += _slow(machine, rehearsal)
    return Findings(
        {**facts, "works": not broken, "page": bool(packages[PAGE]), "broken": broken, "advice": advice}, not broken
    )


def _packages(broken: list[str], advice: list[str]) -> dict[str, str | None]:
    """Installed versions, None where one is missing or cannot be imported; every one that is needed is really imported."""
    listed = ROOT / "requirements.txt"
    pins = (
        dict(re.findall(r"^([\w.-]+)==([\w.]+)", listed.read_text(encoding="utf-8"), re.MULTILINE)) if listed.is_file() else {}
    )
    found: dict[str, str | None] = {}
    for package, module in MODULES.items():
        try:
            importlib.import_module(module)
            found[package] = version(package)
        except (ImportError, OSError, RuntimeError, ValueError, PackageNotFoundError) as error:
            found[package] = None
            if wrong := hub.misdirected():
                advice.append(f"{package} cannot be used {wrong}. Correct it or unset it.")
                continue
            why, page = " ".join(str(error).split()), package == PAGE
            line = f"{package} cannot be used ({why}). {'The page' if page else 'Animating'} needs it. {INSTALL}"
            (advice if page else broken).append(line)
            continue
        if package in pins and found[package] != pins[package]:
            advice.append(f"{package} is {found[package]}; Gioconda is tested with {pins[package]}. {INSTALL}")
        if package == "mediapipe" and tuple(map(int, re.findall(r"\d+", str(found[package]))[:3])) > REPORTING:
            advice.append(
                f"mediapipe {found[package]} looks up a server at every start; {pins.get(package, '0.10.31')} does not."
            )
    for package in NEURAL:
        found[package] = version(package) if find_spec(package) else None
    return found


def _ffmpeg(broken: list[str]) -> dict[str, Any]:
    """Versions of FFmpeg's libraries within PyAV, and whether H.264 can be written."""
    import av

    able = "libx264" in av.codecs_available
    if not able:
        broken.append(
            "This PyAV cannot write H.264 (no libx264). Its wheel from PyPI can. Run pip install --force-reinstall av."
        )
    return {"libraries": {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}, "libx264": able}


def _weights(broken: list[str]) -> list[dict[str, Any]]:
    """Every catalogued file: where it lies and whether its bytes are right. Nothing is fetched."""
    rows = []
    try:
        entries = list(weights.catalogue().values())
    except (weights.WeightsError, OSError, ValueError) as error:
        broken.append(f"The catalogue of weights cannot be read ({error}). Get it anew: clone again.")
        return []
    for entry in entries:
        place = weights.located(entry.name)
        where = "bundled" if place is not None and place.parent == weights.HOME else "cache"
        row = {"name": entry.name, "bytes": entry.bytes, "where": where, "path": str(place or ""), "state": "right"}
        if place is None and entry.repo:
            row |= {"where": entry.repo, "state": "not fetched yet"}
        else:
            try:
                weights.found(entry.name)
            except weights.WeightsError as error:
                row["state"] = str(error)
                broken.append(str(error))
        rows.append(row)
    return rows


def _machine() -> dict[str, Any]:
    """Processor, memory, GPUs and the folder for temporary files; None where the system does not say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words("/sys/fs/cgroup/cpu.max")
    if len(quota) == 2 and quota[0] != "max":
        cores = max(1, min(cores, round(int(quota[0]) / int(quota[1]))))
    folder, gpu = tempfile.gettempdir(), device.gpu()
    return {
        "cpu": _cpu(),
        "cores": cores,
        "memory_gib": _memory("MemTotal"),
        "free_memory_gib": _memory("MemAvailable"),
        "gpu": gpu.device,
        "about_gpu": gpu.about,
        "bf16": device.worth_of_bf16(),
        "temporary_folder": folder,
        "free_disk_gib": round(shutil.disk_usage(folder).free / GIB, 1),
    }


def _words(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").split()
    except OSError:
        return []


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def _memory(line: str) -> float | None:
    """GiB of memory by a line of /proc/meminfo, less where a container's limit is lower."""
    words = _words("/proc/meminfo")
    if f"{line}:" not in words:
        return None
    amount = int(words[words.index(f"{line}:") + 1]) * 1024
    limit = _words("/sys/fs/cgroup/memory.max")
    if limit and limit[0].isdecimal():
        used = _words("/sys/fs/cgroup/memory.current") if line == "MemAvailable" else []
        amount = min(amount, int(limit[0]) - int(used[0] if used else 0))
    return round(amount / GIB, 1)


def _marks(broken: list[str], advice: list[str]) -> dict[str, Any]:
    """Who signs results, and where the ledger is; nothing is made."""
    from gioconda.errors import IdentityError
    from gioconda.marks import identity, ledger, places, rehearsal

    told: list[str] = []
    try:
        told = list(identity.lines())
        if identity.current() is not None:
            rehearsal.rehearse(identity.signer())
        elif not places.writable(places.config() / identity.FILE):
            advice.append(
                f"No signing identity can be kept in {places.config()}: every run would sign with another key, and nothing "
                f"would know its results as made here. Set {places.CONFIG} to a folder that can be written."
            )
    except IdentityError as error:
        broken.append(f"Results cannot be signed. {error}")
    trouble = ledger.trouble()
    if trouble:
        advice.append(f"Results will not be entered in the ledger. {trouble}")
    return {"identity": told, "ledger": str(ledger.place()), "entries": None if trouble else ledger.count()}


def _auto() -> str:
    """What `--head auto` takes for a portrait and a clip. With a GPU and without weights, the Hub is asked for them."""
    from gioconda.choose import choose

    return choose(Job(portraits=["portrait"], driving="clip")).line()


def _rehearsal(examples: Path, broken: list[str]) -> dict[str, Any] | None:
    """Animate an example for half a second into a folder that is thrown away; None where there is no example."""
    from gioconda.marks import places
    from gioconda.studio import RENDERING, animate

    portrait = next(iter(sorted(path for path in examples.glob("*") if path.suffix in {".jpg", ".png", ".webp"})), None)
    if portrait is None:
        return None
    with tempfile.TemporaryDirectory(prefix="gioconda-") as folder, places.elsewhere(Path(folder)):
        output = Path(folder) / "rehearsal.mp4"
        job = Job(portraits=[portrait], gesture="nod", end=1, max_side=512, output=output, head=REHEARSED)
        moments = [time.perf_counter()]
        try:
            moments += [time.perf_counter() for step in animate(job) if step.label == RENDERING]
        except Exception as error:  # noqa: BLE001 - whatever keeps the rehearsal from working is the finding
            broken.append(f"A rehearsal with {portrait.name} failed: {type(error).__name__}: {error}")
            return None
    began, _, first, *_, last = moments
    frames = len(moments) - 2
    return {
        "portrait": portrait.name,
        "frames": frames,
        "start_seconds": round(first - began, 2),
        "painted_per_second": round((frames - 1) / (last - first), 1),
    }


def _slow(machine: dict[str, Any], rehearsal: dict[str, Any] | None) -> Iterator[str]:
    """Sentences on what will be slow or may fail, and what to do about it."""
    if machine["cores"] < 2:
        yield "Only one core may be used: tracking, painting and encoding wait for each other. Give Gioconda two or more."
    free = machine["free_memory_gib"]
    if free is not None and free < ENOUGH_MEMORY:
        yield f"Only {free} GiB of memory are free; a run takes up to {ENOUGH_MEMORY}. Close something, or lower --max-side."
    if machine["free_disk_gib"] < ENOUGH_DISK:
        place, free = machine["temporary_folder"], machine["free_disk_gib"]
        yield f"{free} GiB are free in {place}; long clips need {ENOUGH_DISK}. Set TMPDIR to another folder."
    if rehearsal and rehearsal["painted_per_second"] < REAL_TIME:
        yield (
            f"Painting runs at {rehearsal['painted_per_second']} frames/s here, slower than a clip is played. "
            "Lower --max-side, or leave other programs less to do."
        )


def lines(findings: Findings) -> Iterator[str]:
    """The findings as lines to read."""
    facts = findings.facts
    machine, rehearsal = facts["machine"], facts["rehearsal"]
    yield f"Gioconda {facts['gioconda']}, Python {facts['python']}, {facts['system']}"
    yield "Packages: " + ", ".join(f"{name} {number or 'not installed'}" for name, number in facts["packages"].items())
    if facts["ffmpeg"]:
        codec = "writes H.264" if facts["ffmpeg"]["libx264"] else "cannot write H.264"
        yield f"FFmpeg within PyAV: libavcodec {facts['ffmpeg']['libraries']['libavcodec']}, {codec}"
    for row in facts["weights"]:
        yield f"Weights: {row['name']}, {row['bytes']:,} bytes, {row['where']}: {row['state']}"
    folders = facts["weights_folders"]
    yield f"Weights lie in {folders['bundled']} and {folders['cache']}; others come from {folders['hub']}"
    memory = (
        "" if machine["memory_gib"] is None else f", {machine['memory_gib']} GiB of memory ({machine['free_memory_gib']} free)"
    )
    yield f"Machine: {machine['cpu']}, {machine['cores']} cores{memory}"
    yield f"GPU: {machine['gpu'] or 'none'}, {machine['about_gpu']}"
    yield f"--head auto for a clip: {facts['auto'] or 'nothing works yet'}"
    best = ", ".join(f"{precision} on {kind}" for kind, precision in device.BEST.items())
    yield f"--precision auto: {best}" + (f"; {machine['bf16']}" if machine["bf16"] else "")
    yield f"Temporary files: {machine['temporary_folder']}, {machine['free_disk_gib']} GiB free"
    if facts["marks"]:
        yield from facts["marks"]["identity"]
        yield f"Ledger: {facts['marks']['ledger']}, {facts['marks']['entries'] or 'no'} entries"
    yield f"Page in the browser (python app.py): {'can open' if facts['page'] else 'cannot open'}"
    if rehearsal:
        speed, start = rehearsal["painted_per_second"], rehearsal["start_seconds"]
        yield f"Rehearsal with {rehearsal['portrait']}: first frame after {start} s, then {speed} frames/s at 512 pixels"
    elif findings.works:
        yield "No rehearsal: the examples of a clone are not here."
    yield from (f"Broken: {sentence}" for sentence in facts["broken"])
    yield from (f"Advice: {sentence}" for sentence in facts["advice"])
    yield "Animating works." if findings.works else "Animating does not work."
