"""Rewrites the parts of README.md and docs/architecture.md that follow from the code, between markers; `make docs` runs it.

The file tree and the table of modules come from the first lines of docstrings; the tables of speeds and of quality from
`make bench` and `make quality`.
Text around the markers is written by hand. tests/test_docs.py fails while anything here would change a file.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("weights", "heads", "gioconda")

TOP = {
    "app.py": "",
    "gioconda": "everything around the heads: files, faces, motion, the run, the command line, the page",
    "heads": "faces in, frames out; one contract; one folder a head",
    "weights": "the files with trained numbers, each with licence, source and SHA-256",
    "examples": "portraits, motion files and a driving clip that may be given away; SOURCES.md says whence",
    "bench": "how fast, how much memory, how good the pictures are",
    "docs": "architecture.md: rooms, arrows, nouns; provenance.md: marks and what they are worth",
    "tests": "real files, real libraries, nothing from the network",
    "Makefile": "setup, demo, test, check, fix, slow, bench, quality, clean",
    "Dockerfile": "the page in a container",
    "requirements.txt": "what a user installs, one reason a line",
    "requirements-dev.txt": "what the tests need on top",
    "pyproject.toml": "settings of the tools",
    "MODEL_CARD.md": "the bundled models, what they are for and what not",
    "CONTRIBUTING.md": "how to add a head from base.py alone",
    "CHANGELOG.md": "what changed",
    "LICENSE": "Apache-2.0",
    "README.md": "this page",
}
"""Top-level entries in the order of the tree, each with its line; an empty line is taken from the file's docstring."""
COLUMN = 36
"""Where descriptions begin in the tree, in characters."""
WIDTH = 128
"""Longest line of the tree, in characters."""


def summary(file: Path) -> str:
    """First sentence of a module's docstring, without the full stop."""
    text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n\n")[0].replace("\n", " ")
    return re.split(r"\.(?:\s|$)", text)[0].strip()


def modules(room: str) -> Iterator[Path]:
    """Python files of a room, packages first at their level, `__main__` last; paths below the root."""
    order = sorted((ROOT / room).rglob("*.py"), key=lambda file: (file.parent, file.name == "__main__.py", file.name))
    return (file.relative_to(ROOT) for file in order)


def tree() -> str:
    """The file tree of README.md: every top-level entry, and every module of the rooms."""
    lines = []
    for name, line in TOP.items():
        place = ROOT / name
        if not place.exists():
            continue
        lines.append(_line(name + "/" * place.is_dir(), line or summary(place)))
        if name in ROOMS:
            lines += [_line(f"  {file.relative_to(name)}", summary(ROOT / file)) for file in modules(name)]
    return "```\n" + "\n".join(lines) + "\n```"


def _line(name: str, text: str) -> str:
    """One line of the tree: the description as far as it fits, cut where its grammar pauses."""
    room = WIDTH - COLUMN
    ends = [len(text), *(pause.start() for pause in re.finditer(r"[:;,] |,? and ", text))]
    return f"{name:<{COLUMN}}{text[: max((end for end in ends if end <= room), default=room)]}"


def table() -> str:
    """The table of modules of docs/architecture.md."""
    rows = [f"| `{file}` | {summary(ROOT / file)} |" for room in (*ROOMS,) for file in modules(room)]
    rows.append(f"| `app.py` | {summary(ROOT / 'app.py')} |")
    return "\n".join(["| module | what it is |", "| --- | --- |", *rows])


def fill(text: str, mark: str, content: str) -> str:
    """The text with `content` between `<!-- mark:begin -->` and `<!-- mark:end -->`.

    Raises:
        ValueError: the text does not have the two markers once, in this order.
    """
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"The page lacks {begin} … {end}. Both are needed. Write them where the part belongs.")
    return f"{before}{begin}\n{content.strip()}\n{end}{after}"


def pages() -> dict[Path, str]:
    """Each page that has made parts, to the text it should have."""
    readme, architecture = ROOT / "README.md", ROOT / "docs" / "architecture.md"
    return {
        readme: fill(readme.read_text(encoding="utf-8"), "tree", tree()),
        architecture: fill(architecture.read_text(encoding="utf-8"), "modules", table()),
    }


def main() -> None:
    """Rewrite the pages; with `--speed FILE` and the like also the tables of what the scripts in bench/ measured."""
    parser = argparse.ArgumentParser(description="Rewrite the made parts of README.md and docs/architecture.md.")
    parser.add_argument("--speed", type=Path, metavar="FILE", help="the table of speeds, Markdown")
    parser.add_argument("--networks", type=Path, metavar="FILE", help="that of the head of networks, Markdown")
    parser.add_argument("--quality", type=Path, metavar="FILE", help="the table of bars, Markdown")
    readme = ROOT / "README.md"
    for mark, measured in vars(parser.parse_args()).items():
        if measured is not None:
            text = fill(readme.read_text(encoding="utf-8"), mark, measured.read_text(encoding="utf-8"))
            readme.write_text(text, encoding="utf-8")
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
