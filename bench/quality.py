"""How good a head is: how much of a clip it gives back, and what goes wrong on the way, measured and drawn.

    python bench/quality.py                                     everything, on the examples and on rendered people
    python bench/quality.py --clips FOLDER --portraits FOLDER   and on clips and portraits of your own
    python bench/quality.py --quick --clips FOLDER              likeness to the clips alone, in about a minute
    python bench/quality.py --against old/quality.json          beside what was measured before
    python bench/quality.py --readme                            and the bars into README.md

Writes one page of tables, one JSON and contact sheets into `--out`. Parts: self (a clip drives its own first frame), eight (as
many portraits instead of one), rest (the driver is the portrait), exam (rendered people, whose truth is known), mole (a dot on
the cheek), cross (every portrait by every driver).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import clips, cross, examined, mole, reenact, rendered, sheets, tables  # noqa: E402 - wherever this is started from
from bench.speed import commit, machine  # noqa: E402
from gioconda.faces import Tracker  # noqa: E402

OUT = ROOT / "out" / "quality"
PARTS = ("self", "eight", "rest", "exam", "mole", "cross")


class Run:
    """One run of the bench: what to look at, and what was found so far.

    Args:
        chosen: the arguments.
    """

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.head, self.out = str(chosen.head), Path(chosen.out)
        files = chain.from_iterable(clips.listed(folder, clips.CLIPS) for folder in chosen.clips)
        self.takes = {path.stem: clips.take(path, OUT / "clips") for path in files}
        self.folders: list[Path] = chosen.portraits
        self.found: dict[str, Any] = {
            "head": self.head,
            "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M"),
            "machine": machine(),
            "commit": commit(),
        }

    def portraits(self) -> dict[str, Path]:
        """Name to file: the folders' and the drawn ones."""
        paths = [*chain.from_iterable(clips.listed(folder, clips.PICTURES) for folder in self.folders)]
        drawn = rendered.cases(OUT / "cases")
        return {path.stem: path for path in paths} | {path.stem.rsplit("-", 1)[0]: path for path in drawn}

    def self(self) -> None:
        """A clip drives its own first frame."""
        shown = {}
        for name, take in self.takes.items():
            shown[name] = reenact.whole(take, self.head)
            sheets.save(self.out / f"worst-{name}.png", sheets.worst(take, shown[name]))
            self.say("self", name, shown[name].figures)
        sheets.save(self.out / "self.png", sheets.overview(self.takes, shown))

    def eight(self) -> None:
        """Eight portraits of a clip instead of one."""
        for name, take in self.takes.items():
            self.say("eight", name, reenact.eight(take, self.head))

    def rest(self) -> None:
        """The driver is the portrait."""
        places = {name: take.portrait for name, take in self.takes.items()} | self.portraits()
        for name, place in places.items():
            self.say("rest", name, reenact.resting(place, self.head))

    def exam(self) -> None:
        """Rendered people."""
        shown, takes = {}, {}
        for name in rendered.PEOPLE:
            exam = rendered.exam(name, OUT / "clips")
            takes[name], shown[name] = exam.take, examined.examined(exam, self.head)
            sheets.save(self.out / f"worst-exam-{name}.png", sheets.worst(exam.take, shown[name]))
            self.say("exam", name, shown[name].figures)
        sheets.save(self.out / "exam.png", sheets.overview(takes, shown))

    def mole(self) -> None:
        """A dot on the cheek of every portrait that is large enough, driven by somebody drawn who turns."""
        driving = rendered.turning(OUT / "clips")
        found = {}
        for name, place in self.portraits().items():
            found[name] = mole.kept(place, driving, self.head)
            for cheek, kept in found[name].items():
                figures: reenact.Figures = {"worst": kept.worst, "frame": float(kept.frame), "mean": kept.mean}
                self.say("mole", f"{name}, {cheek}", figures)
        sheets.save(self.out / "mole.png", sheets.moles(found))

    def cross(self) -> None:
        """Every portrait by every driver."""
        exam = rendered.exam(rendered.PEOPLE[0], OUT / "clips")
        totals: dict[str, dict[str, reenact.Figures]] = {}
        with Tracker() as tracker:
            for by in cross.drivers([*self.takes.values(), exam.take]):
                rows = {name: cross.row(place, by, self.head, tracker) for name, place in self.portraits().items()}
                sheets.save(self.out / f"cross-{by.name}.png", sheets.crossed(by, rows))
                for name, row in rows.items():
                    totals.setdefault(name, {})[by.name] = row.figures
        for name, figures in totals.items():
            self.say("cross", name, {**reenact.mean(figures), "lost": sum(f["lost"] or 0 for f in figures.values())})
        self.found["cross_by_driver"] = totals

    def say(self, part: str, name: str, figures: reenact.Figures) -> None:
        """Keep what was found, and show that the work goes on."""
        rounded = {key: None if value is None else round(value, 5) for key, value in figures.items()}
        self.found.setdefault(part, {})[name] = rounded
        print(part, name, {key: rounded[key] for key in list(rounded)[:4]}, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="*", default=[ROOT / "examples"], help="folders of driving clips")
    parser.add_argument("--portraits", type=Path, nargs="*", default=[ROOT / "examples" / "portraits"], help="of portraits")
    parser.add_argument("--head", default="warp", help="which head (heads.REGISTRY)")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--quick", action="store_true", help="likeness of clips that drive their own first frame, no files")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of tables, JSON and sheets")
    parser.add_argument("--against", type=Path, metavar="JSON", help="an earlier run's quality.json, shown beside")
    parser.add_argument("--readme", action="store_true", help="write the bars into README.md")
    chosen = parser.parse_args()
    for folder in (*chosen.clips, *chosen.portraits):
        if not folder.is_dir():
            parser.error(f"{folder} is no folder. Folders of clips and of portraits are needed.")
    if chosen.against is not None and not chosen.against.is_file():
        parser.error(f"There is no {chosen.against}. The quality.json of an earlier run's --out is needed.")
    return chosen


def main() -> None:
    """Measure, write tables, JSON and sheets."""
    chosen = arguments()
    run = Run(chosen)
    if chosen.quick:
        print(tables.brief({name: reenact.quick(take, run.head) for name, take in run.takes.items()}))
        return
    before = None if chosen.against is None else json.loads(chosen.against.read_text(encoding="utf-8"))
    run.out.mkdir(parents=True, exist_ok=True)
    for part in chosen.parts:
        getattr(run, part)()
        # Written after every part, so that one that fails does not take the others along.
        (run.out / "quality.json").write_text(json.dumps(run.found, indent=1) + "\n", encoding="utf-8")
        (run.out / "quality.md").write_text(tables.page(run.found, before), encoding="utf-8")
    print(tables.page(run.found, before))
    if chosen.readme:
        page = run.out / "readme.md"
        page.write_text(tables.readme(run.found), encoding="utf-8")
        subprocess.run([sys.executable, str(ROOT / "docs" / "update.py"), "--quality", str(page)], check=True)


if __name__ == "__main__":
    main()
