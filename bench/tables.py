"""Tables of Markdown of what was measured, alone or beside what was measured before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench import bars
from bench.reenact import mean
from bench.rendered import SPANS

Rows = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    head: str
    key: str
    """Name of the figure."""
    digits: int = 2
    bar: str = ""
    """What must be reached, in words."""


SELF = (
    Column("face PSNR, still", "face_psnr_still"),
    Column("face PSNR", "face_psnr", bar="27.6 in the mean"),
    Column("encoded", "face_psnr_encoded"),
    Column("PSNR, still", "psnr_still"),
    Column("PSNR", "psnr"),
    Column("SSIM, still", "ssim_still", 3),
    Column("SSIM", "ssim", 3, ".90 in the mean"),
    Column("face SSIM", "face_ssim", 3),
    Column("landmarks %", "landmarks"),
    Column("blendshapes", "blendshapes"),
)
TRACKED = (
    Column("pose °", "pose", bar="3 in the mean"),
    Column("worst °", "pose_worst", 1),
    Column("blink", "blink", bar=".90"),
    Column("jaw", "jaw", bar=".90"),
    Column("gaze", "gaze", bar=".80"),
    Column("gaze off, % of an eye", "gaze_error"),
    Column("lids closed, frames", "lids_closed"),
    Column("blinks kept", "blinks_kept", bar="1"),
    Column("lips closed, frames", "lips_closed"),
    Column("closings kept", "lips_kept", bar="1"),
    Column("lips opened", "lips_opened", bar="1"),
    Column("jitter, driver", "jitter_driver", 3),
    Column("jitter", "jitter", 3, "driver's"),
    Column("lost", "lost", 0, "0"),
    Column("outside", "outside"),
    Column("outside changed %", "outside_changed", 4, "0"),
    Column("drift", "drift", 3, "0.5"),
)
EIGHT = (Column("one", "one"), Column("eight", "eight"), Column("gain", "gain", bar="2.0 in the mean, none below 0"))
REST = (Column("least PSNR", "rest", 1, "45"),)
EXAM = (
    Column("face PSNR, still", "face_psnr_still"),
    Column("face PSNR", "face_psnr"),
    *(Column(f"{name}", f"face_psnr_{name}", 1) for name in SPANS),
    Column("SSIM", "ssim", 3),
    Column("landmarks %, tracker's own", "landmarks_driver"),
    Column("landmarks %", "landmarks"),
    Column("pose °, tracker's own", "pose_driver"),
    Column("pose °", "pose", bar="3"),
    Column("jitter, driver", "jitter_driver", 3),
    Column("jitter", "jitter", 3, "driver's"),
    *(Column(f"{name} done", f"{name}_done") for name in ("jaw", "smile", "blink", "pucker", "gaze")),
    Column("blink", "blink", bar=".90"),
    Column("jaw", "jaw", bar=".90"),
    Column("eight portraits", "gain", bar="above 0"),
    Column("outside changed %", "outside_changed", 4, "0"),
    Column("drift", "drift", 3, "0.5"),
)
MOLE = (Column("worst", "worst", bar=".80"), Column("frame", "frame", 0), Column("mean", "mean"))
CROSS = (
    Column("pose °", "pose"),
    Column("eyes shut", "shut"),
    Column("mouth opened", "opened"),
    Column("lost", "lost", 0, "0"),
)

SECTIONS = (
    ("self", "Self-reenactment: the first frame driven by its own clip", (SELF, TRACKED)),
    ("eight", "Eight portraits instead of one, face PSNR", (EIGHT,)),
    ("rest", "The driver is the portrait repeated, PSNR before encoding", (REST,)),
    ("exam", "Rendered people, whose truth is known (face PSNR in dB, by act)", (EXAM,)),
    ("mole", "Moles: share of their contrast that is kept while the head turns by 20 degrees", (MOLE,)),
    ("cross", "Every portrait, mean over the drivers' moments", (CROSS,)),
)
"""Key in the JSON, title, tables."""


def cell(column: Column, now: dict[str, float | None], before: dict[str, float | None] | None) -> str:
    """A figure, or what it was and what it is."""

    def shown(row: dict[str, float | None]) -> str:
        value = row.get(column.key)
        return "–" if value is None else f"{value:.{column.digits}f}"

    return shown(now) if before is None else f"{shown(before)} → {shown(now)}"


def table(columns: tuple[Column, ...], rows: Rows, before: Rows | None) -> str:
    """Markdown: a row for each name, the mean of them, the bars."""
    lines = [["", *(column.head for column in columns)], ["---"] * (len(columns) + 1)]
    everything = [*rows.items(), ("**mean**", mean(rows))]
    old = None if before is None else {**before, "**mean**": mean({k: v for k, v in before.items() if k in rows})}
    for name, row in everything:
        lines.append([name, *(cell(column, row, None if old is None else old.get(name, {})) for column in columns)])
    if any(column.bar for column in columns):
        lines.append(["*bar*", *(column.bar for column in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(found: dict[str, Any], before: dict[str, Any] | None) -> str:
    """The whole of it."""
    told = f"Head `{found['head']}`, {found['date']}, {found['commit']}, {found['machine']}."
    if before is not None:
        told += f" Beside it {before['date']}, {before['commit']} (before → after)."
    parts = [told, "## Bars", bars.table(found, before)]
    for key, title, tables in SECTIONS:
        if key in found:
            old = None if before is None else before.get(key)
            parts += [f"## {title}", *(table(columns, found[key], old) for columns in tables)]
    return "\n\n".join(parts) + "\n"


def readme(found: dict[str, Any]) -> str:
    """The bars alone, with how they were measured, for the project's page."""
    clips, people, portraits = (", ".join(found.get(part, {})) or "none" for part in ("self", "exam", "cross"))
    told = (
        f"Measured on {found['date'][:10]} by `python bench/quality.py` at {found['commit']}: {found['machine']}, head "
        f"`{found['head']}`, `--mouth portraits`. Clips: {clips}; rendered people: {people}; portraits: {portraits}."
    )
    return f"{told}\n\n{bars.table(found)}"


def brief(rows: Rows) -> str:
    """The table of a quick run."""
    columns = (*SELF[:2], *SELF[3:8])
    return table(columns, rows, None)
