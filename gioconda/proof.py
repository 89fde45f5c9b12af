"""What `python -m gioconda verify` and `identity` say: verdicts and certificates as lines to read, or as JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gioconda.errors import OutputError
from gioconda.marks import identity
from gioconda.marks.verify import Finding, Verdict
from gioconda.plain import plain

ACTIONS = ("show", "export", "renew")
"""What can be done with the identity."""


def broken(path: str, error: Exception) -> Verdict:
    """The verdict on a file over which a library stumbled in a way that nobody foresaw."""
    why = plain(f"{type(error).__name__}: {error}")
    return Verdict(Path(path), Finding.UNREADABLE, (f"Looking at it failed ({why}). This is an error of Gioconda itself.",))


def line(verdict: Verdict) -> str:
    """The verdict as JSON on one line; every character beyond ASCII is escaped."""
    return json.dumps(verdict.json())


def lines(verdict: Verdict) -> Iterator[str]:
    """The verdict as lines to read."""
    yield f"{plain(verdict.file, 1000)}: {verdict.words}"
    yield from (f"  {sentence}" for sentence in verdict.evidence)
    if verdict.record is not None:
        yield f"  The record: {told(verdict.record)}"


def told(record: Mapping[str, Any]) -> str:
    """A record of the ledger in one sentence, whatever is in it."""
    consent = record.get("consent")
    consent = consent if isinstance(consent, Mapping) else {}
    said = f"asserted: “{plain(consent.get('statement', ''), 1000)}”" if consent.get("status") == "asserted" else "not asserted"
    made = " ".join(plain(record.get(key, "unknown")) for key in ("tool", "version"))
    inputs = [one for one in record.get("inputs") or () if isinstance(one, Mapping)]
    files = ", ".join(f"{plain(one.get('part', '?'))} {plain(one.get('sha256', '?'))[:12]}…" for one in inputs)
    return (
        f"{plain(record.get('output', 'result'))} made on {plain(record.get('made', 'an unknown day'))} with {made}, "
        f"head {plain(record.get('head', 'unknown'))}; consent {said}; from {files or 'no files'}."
    )


def identity_lines(action: str, output: str | None) -> Iterator[str]:
    """Do something with the signing identity, and say it.

    Args:
        action: one of `ACTIONS`.
        output: where an exported chain goes; None returns it as the text.

    Raises:
        IdentityError: the identity cannot be read, made or renewed.
        OutputError: the chain cannot be written there.
    """
    if action == "export":
        chain = identity.signer().chain.pem.decode()
        if output is None:
            yield chain.strip()
        else:
            _write(Path(output), chain)
            yield output
        return
    if action == "renew":
        identity.renew()
    yield from identity.lines()


def _write(place: Path, text: str) -> None:
    part = place.with_name(f"{place.name[:40]}.{secrets.token_hex(3)}.part")
    try:
        part.write_text(text, encoding="ascii")
        part.replace(place)
    except OSError as error:
        raise OutputError(
            f"{place} cannot be written ({error.strerror}).", "A place that takes a file is needed.", "Choose another."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
