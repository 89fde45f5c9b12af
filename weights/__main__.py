"""Keeps the catalogue true to the files, and the page true to the catalogue.

python -m weights update                           measure every bundled file again, rewrite catalogue.toml and README.md
python -m weights update headmodel.safetensors     the same for one file, after it was made anew
python -m weights check                            exit 1 where a bundled file differs from the catalogue
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from weights import HOME, Entry, WeightsError, catalogue, digest

_PAGE = """# Weights

Made from `catalogue.toml` by `python -m weights update`; a test keeps the two equal. `weights.path(name)` finds a file: bundled
here, else in the Hugging Face cache, else on the Hub; its size and SHA-256 are checked before anyone reads it.

`python -m gioconda weights list`, `pull NAME`, `verify` and `where` show, fetch, check and find the files. The variables of
huggingface_hub hold: `HF_HOME` and `HF_HUB_CACHE` (where they are kept), `HF_ENDPOINT` (a mirror), `HF_TOKEN`,
`HF_HUB_OFFLINE=1` (ask nobody). Where there is no network that is told at once. A connection that breaks is taken up where
it broke while the program runs; a program that was killed begins the file anew, and deletes what it left. A large file is
hashed when it arrives and whenever it was touched since (`weights/stamps.py` says how that is noticed); `verify` reads
every byte.

| file | what | bytes | licence | source | used by |
| --- | --- | ---: | --- | --- | --- |
{rows}

| file | SHA-256 | where |
| --- | --- | --- |
{sums}

To add a file: put it here (under 10 MB for all bundled files together) or on the Hub, write its entry in `catalogue.toml` with
licence and source, and run `python -m weights update NAME`.
"""


def page(entries: Iterable[Entry]) -> str:
    """The text of README.md for the entries of a catalogue."""
    entries = list(entries)
    rows = (f"| `{e.name}` | {e.title} | {e.bytes:,} | {e.licence} | {e.source} | {_code(e.used_by)} |" for e in entries)
    sums = (f"| `{e.name}` | `{e.sha256}` | {f'{e.repo}@{e.revision}' if e.repo else 'bundled'} |" for e in entries)
    return _PAGE.format(rows="\n".join(rows), sums="\n".join(sums))


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def update(names: Iterable[str], home: Path = HOME) -> None:
    """Write bytes and SHA-256 of bundled files into `home/catalogue.toml`, and README.md from it.

    Comments and the order of the catalogue stay: only the two lines of each entry change.

    Raises:
        WeightsError: a name has no entry with the lines `bytes` and `sha256`.
        OSError: a file cannot be read, or the catalogue cannot be written.
    """
    text = (home / "catalogue.toml").read_text(encoding="utf-8")
    for name in names:
        entry = re.compile(rf'(\["{re.escape(name)}"\]\nbytes = )\d+(\nsha256 = ")[0-9a-f]*(")')
        file = home / name
        text, count = entry.subn(rf"\g<1>{file.stat().st_size}\g<2>{digest(file)}\g<3>", text)
        if count != 1:
            raise WeightsError(
                f"catalogue.toml has no entry of {name} that can be updated. It needs the header and, below it, the lines "
                f"bytes and sha256 in this order. Write the entry first."
            )
    (home / "catalogue.toml").write_text(text, encoding="utf-8")
    (home / "README.md").write_text(page(catalogue(home).values()), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m weights", description="Keep the catalogue of weight files true.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    refresh = commands.add_parser("update", help="measure bundled files, rewrite catalogue.toml and README.md")
    refresh.add_argument("names", nargs="*", metavar="NAME", help="files to measure (default: every bundled one)")
    chosen = parser.parse_args(arguments)
    try:
        update(chosen.names or [entry.name for entry in catalogue().values() if not entry.repo])
    except (WeightsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
