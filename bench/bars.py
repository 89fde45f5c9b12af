"""What a head must reach, and whether it does: each bar by the clip that is furthest from it, or by the mean of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.reenact import Figures, mean

Rows = dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that must hold.

    A bar is for the mean over the rows of its part, or (`each`) for every one of them.
    """

    words: str
    part: str
    """Key in the JSON."""
    key: str
    """Name of the figure; `of` is one that is taken off it first, row by row."""
    need: float
    most: bool = False
    """Whether `need` is the most that is allowed rather than the least."""
    each: bool = True
    of: str = ""
    digits: int = 2
    unit: str = ""


BARS = (
    Bar("self-reenactment, face PSNR, mean", "self", "face_psnr", 27.6, each=False, unit=" dB"),
    Bar("face PSNR over that of the still frame", "self", "face_psnr", 0.0, of="face_psnr_still", unit=" dB"),
    Bar("SSIM, mean", "self", "ssim", 0.9, each=False, digits=3),
    Bar("eight portraits over one, face PSNR, mean", "eight", "gain", 2.0, each=False, unit=" dB"),
    Bar("eight portraits over one, every clip", "eight", "gain", 0.0, unit=" dB"),
    Bar(
        "pixels outside the person that change, before encoding", "self", "outside_changed", 0.0, most=True, digits=4, unit=" %"
    ),
    Bar("change outside from frame to frame, encoded, of 255", "self", "drift", 0.5, most=True, digits=3),
    Bar("driver = the portrait repeated, PSNR before encoding", "rest", "rest", 45.0, digits=1, unit=" dB"),
    Bar("mole of 6 pixels, contrast kept in every frame, head ±20°", "mole", "worst", 0.8),
    Bar("re-tracked: correlation of blinks", "self", "blink", 0.9),
    Bar("re-tracked: correlation of the jaw", "self", "jaw", 0.9),
    Bar("re-tracked: correlation of gaze", "self", "gaze", 0.8),
    Bar("re-tracked: pose error", "self", "pose", 3.0, most=True, unit="°"),
    Bar("times the driver's lids shut, the result's shut too", "self", "blinks_kept", 1.0),
    Bar("times the driver's lips close, the result's close too", "self", "lips_kept", 1.0),
    Bar("jitter over the driver's own", "self", "jitter", 0.0, most=True, of="jitter_driver", digits=3, unit=" %"),
    Bar("rendered people: face PSNR over that of the still frame", "exam", "face_psnr", 0.0, of="face_psnr_still", unit=" dB"),
    Bar("rendered people: pose error against the truth", "exam", "pose", 3.0, most=True, unit="°"),
    Bar("rendered people: correlation of blinks", "exam", "blink", 0.9),
    Bar("rendered people: correlation of the jaw", "exam", "jaw", 0.9),
    Bar("rendered people: eight portraits over one", "exam", "gain", 0.0, unit=" dB"),
    Bar("rendered people: pixels outside that change", "exam", "outside_changed", 0.0, most=True, digits=4, unit=" %"),
    Bar(
        "rendered people: jitter over the driver's own",
        "exam",
        "jitter",
        0.0,
        most=True,
        of="jitter_driver",
        digits=3,
        unit=" %",
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a bar."""

    value: float
    where: str
    """The row that is furthest from it; empty for a mean."""
    holds: bool
    failing: int
    """How many rows do not reach it, of `of`; 0 and 1 for a mean."""
    of: int


def figure(bar: Bar, row: Figures) -> float | None:
    """The figure of a bar, or None where it was not measured."""
    value, less = row.get(bar.key), row.get(bar.of) if bar.of else 0.0
    return None if value is None or less is None else value - less


def judged(bar: Bar, found: dict[str, Any]) -> Verdict | None:
    """Whether a bar holds; None where nothing was measured."""
    rows: Rows = found.get(bar.part, {})
    if not bar.each:
        rows = {"": mean(rows)} if rows else {}
    values = {name: value for name, row in rows.items() if (value := figure(bar, row)) is not None}
    if not values:
        return None
    # By what is shown, so that a table never says that 0.90 fails a bar of 0.90.
    short = {name: round((value - bar.need) * (-1 if bar.most else 1), bar.digits) for name, value in values.items()}
    where = min(short, key=lambda name: short[name])
    failing = sum(value < 0 for value in short.values())
    return Verdict(values[where], where, failing == 0, failing, len(values))


def table(found: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    """Markdown: every bar that was measured, the worst row, what it was before."""
    lines = ["| bar | needed | measured | worst | holds |", "| --- | --- | --- | --- | --- |"]
    for bar in BARS:
        verdict = judged(bar, found)
        if verdict is None:
            continue
        told = _told(bar, verdict)
        if before is not None:
            old = judged(bar, before)
            told = f"{'–' if old is None else _told(bar, old)} → {told}"
        need = f"{'at most' if bar.most else 'at least'} {bar.need:g}{bar.unit}"
        holds = "yes" if verdict.holds else f"**no**, {verdict.failing} of {verdict.of}" if bar.each else "**no**"
        lines.append(f"| {bar.words} | {need} | {told} | {verdict.where} | {holds} |")
    return "\n".join(lines)


def _told(bar: Bar, verdict: Verdict) -> str:
    # Adding zero makes -0.0 a plain zero.
    return f"{round(verdict.value, bar.digits) + 0.0:.{bar.digits}f}{bar.unit}"
