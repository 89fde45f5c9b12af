"""What bench/marks.py measured, as tables of Markdown for docs/provenance.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.attacks import REQUIRED
from gioconda.marks import detection

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- marks:begin -->", "<!-- marks:end -->"


def tables(found: dict[str, Any]) -> str:
    """Everything that was measured."""
    states = ", ".join(dict.fromkeys(found["commits"].values()))
    lines = [f"Measured on {found['date']} by `python bench/marks.py` at {states}: {found['machine']}."]
    if outcomes := found.get("attacks"):
        lines += _attacks(outcomes)
    rows = [row for part in (_alarms, _looks, _cost) for row in part(found)]
    if rows:
        lines += ["", "| what | figure |", "| --- | ---: |", *(f"| {name} | {figure} |" for name, figure in rows)]
    return "\n".join(lines)


def _attacks(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    """Attack by attack: how often the number came back, and with what score."""
    results, wrong = len({o["host"] for o in outcomes}), sum(o["wrong"] for o in outcomes)
    yield f"{results} results, the first and the last 3 s of each; a score counts from {detection.threshold(2):.1f} on."
    yield f"Wrong numbers told: {wrong}."
    for title, wanted in (("what the mark has to stand", True), ("beyond what is promised", False)):
        names = [n for n in dict.fromkeys(o["attack"] for o in outcomes) if (n in REQUIRED) is wanted]
        if names:
            yield from ("", f"| {title} | right number | weakest score | median score |", "| --- | ---: | ---: | ---: |")
        for name in names:
            own = [o for o in outcomes if o["attack"] == name]
            scores = [o["score"] for o in own]
            right = f"{sum(o['right'] for o in own)} of {len(own)}"
            yield f"| {name} | {right} | {min(scores):.1f} | {statistics.median(scores):.1f} |"


def _alarms(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if alarm := found.get("alarms"):
        yield "false alarms: unmarked or otherwise keyed, 3 s each", f"{alarm['alarms']} of {alarm['trials']:,}"
        told = f"{alarm['mean']} ± {alarm['deviation']}, largest {alarm['largest']}; {alarm['threshold']} would count"
        yield "scores of those, one key asked for", told
        yield "probability of a false alarm in one whole search, proven bound", f"{alarm['bound']:.0e}"


def _looks(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if look := found.get("looks"):
        mean, own, walls = look["mean"], look["results"].values(), look["walls"]
        yield "PSNR of the mark, mean (least of any result)", f"{mean['psnr']:.1f} dB ({min(r['psnr'] for r in own):.1f})"
        yield "SSIM, mean (least of any result)", f"{mean['ssim']:.4f} ({min(r['ssim'] for r in own):.4f})"
        yield f"deviation on a flat wall, largest of {len(walls)} colours", f"{max(walls.values()):.2f} levels"
        yield "change from frame to frame where the picture stands still (rms)", f"{mean['flicker']:.3f} levels"


def _cost(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if spent := found.get("cost"):
        took = spent["detect_seconds"]
        yield "marking a frame of 512 × 512, one core", f"{spent['apply_ms']} ms"
        yield "looking through 10 s of 512 × 512, decoded, no mark in it, processor time", f"{took['unmarked'][1]} s"
        yield "the same, marked and cropped", f"{took['cropped'][1]} s"


def into_docs(text: str) -> None:
    """The tables between the markers of docs/provenance.md."""
    page = ROOT / "docs" / "provenance.md"
    old = page.read_text(encoding="utf-8")
    new = re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{text}\n{END}", old, flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")
