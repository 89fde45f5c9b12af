"""The pieces of HTML that the page shows: what was seen in an upload, how far a run is, what it made, what stopped it.

Whatever a visitor named is escaped here, in the one room that makes HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from gioconda import proof
from gioconda.errors import GiocondaError, UnsignedError
from gioconda.inspect import Inspection
from gioconda.job import Clip
from gioconda.marks.verify import Finding, Verdict
from gioconda.plain import plain
from heads.base import Image

GLIMPSE_SIDE = 480
"""Pixels: the longer side of the picture shown while a run works."""

GLIMPSE_QUALITY = 80
"""JPEG quality, 0 … 100, of that picture: about 25 kB."""

SCROLL = """() => {
  document.getElementById('right').scrollIntoView({behavior: 'smooth', block: innerWidth > 760 ? 'nearest' : 'start'});
  return [];
}"""
"""Script that brings the result into view, which on a phone lies below the inputs; it hands no inputs on."""

_ICON = (
    '<svg width="56" height="56" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.1" aria-hidden="true">'
    '<rect x="2.5" y="2.5" width="19" height="19" rx="2"/><rect x="5" y="5" width="14" height="14" rx="1"/>'
    '<circle cx="12" cy="10.2" r="2.6"/><path d="M7 19c.5-3 2.5-4.400 5-4.400s4.500 1.400 5 4.400"/></svg>'
)

EMPTY = f'<div class="frame empty-frame"><div class="hint">{_ICON}The video appears here.</div></div>'
"""The place of the result before the first run."""

HEADER = (
    "<header><h1>Gioconda</h1><p>Give it a portrait and a clip of someone talking, or a gesture, and the portrait comes alive. "
    "Every result is labelled as AI-animated.</p></header>"
)

_LICENCE = "https://www.apache.org/licenses/LICENSE-2.0"


def footer(*, kept: int, shared: bool) -> str:
    """What the marks are, the licence, and where pictures go.

    Args:
        kept: minutes after which uploads and results are deleted.
        shared: whether the page is reached through Gradio's tunnel.
    """
    road = (
        "This page is shared: what you upload passes through Gradio's tunnel on its way to the machine that animates it. There it is"
        if shared
        else "Nothing leaves the machine that runs this page: no upload, no statistics; only a head whose weights are not here is "
        "fetched once. Pictures, clips and results are"
    )
    return (
        "<footer>"
        "<p><b>Marks.</b> A video carries a visible label, “AI-animated portrait”, unless the settings leave it out, and always signed "
        "Content Credentials, an invisible mark and MP4 tags that say what made it. What was made is kept in a ledger: time, settings, hashes "
        "and what was said about consent; no picture, no name. The Verify tab looks files up in it.</p>"
        f"<p><b>Privacy.</b> {road} deleted about {kept} minutes later, and when the program ends.</p>"
        "<p><b>Fair use.</b> Animate people who agreed to it. Do not deceive, impersonate or harass anyone.</p>"
        f'<p><b>Licence.</b> <a href="{_LICENCE}" target="_blank" rel="noreferrer">Apache 2.0</a>; free to use and to change.</p>'
        "</footer>"
    )


def said(kind: str, first: str, others: Iterable[str] = (), name: str = "") -> str:
    """A short message: `kind` is "fine", "note" or "wrong"; the texts are escaped here."""
    title = f"<b>{escape(name)}</b> · " if name else ""
    items = "".join(f"<li>{escape(line)}</li>" for line in others)
    role = ' role="alert"' if kind == "wrong" else ""
    return f'<div class="said {kind}"{role}><p>{title}{escape(first)}</p>{f"<ul>{items}</ul>" if items else ""}</div>'


def seen(inspections: Iterable[tuple[str, Inspection]]) -> str:
    """What was seen in the uploads, one message per file; each is given with its name."""
    return "".join(_seen(name, inspection) for name, inspection in inspections)


def _seen(name: str, inspection: Inspection) -> str:
    if not inspection.ok:
        return said("wrong", " ".join(inspection.lines))
    first, *notes = inspection.lines
    return said("note" if notes else "fine", first, notes, name)


STOPPED = said("note", "Stopped before the end; nothing of it was kept.")
"""What the page says of a run that was stopped."""

UNEXPECTED = said("wrong", "Something went wrong that should not have. The details are in the terminal that runs the page.")
"""What the page says of an error that nobody foresaw."""


def words(error: Exception) -> str:
    """An error in the words that a visitor may read: without the paths of this machine that one for its owner has."""
    return f"{error.found} {error.needed} {error.do}" if isinstance(error, GiocondaError) else str(error)


def stopped_by(error: Exception) -> str:
    """An error as the page tells it."""
    kept = ["The finished video can be downloaded below; it carries no Content Credentials."] * isinstance(error, UnsignedError)
    return said("wrong", words(error), kept)


def glimpse(image: Image) -> str:
    """A frame (H, W, 3) uint8 while the run works, as a JPEG inside the page: nothing is written to a disk."""
    import cv2

    from gioconda.media import resize_to

    small = cv2.cvtColor(resize_to(image, GLIMPSE_SIDE), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, GLIMPSE_QUALITY])[1].tobytes()
    return f'<div class="frame"><img alt="A frame of the video being made" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}"></div>'


def working(label: str, done: int, total: int, left: float | None = None) -> str:
    """How far a run is: label, done of total, and seconds left when they can be told."""
    count = f"{done} of {total}" if total else ""
    time = f"about {max(1, round(left))} s left" if left is not None else ""
    bar = f'<progress max="{total}" value="{done}" aria-label="{escape(label)}"></progress>' if total else ""
    right = " · ".join(part for part in (count, time) if part)
    return f'<div class="working"><div class="line"><b>{escape(label)}</b><span>{right}</span></div>{bar}</div>'


def report(clip: Clip) -> str:
    """What was made, and what is worth knowing about it."""
    width, height = clip.size
    marks = {"label": "visible label", "watermark": "invisible mark", "credentials": "Content Credentials", "tags": "MP4 tags"}
    facts = f"{clip.seconds:.1f} seconds, {width} × {height} pixels, {float(clip.rate):.5g} frames per second."
    chosen = [str(rendering["line"])] if (rendering := clip.report.get("rendering")) else []
    carried = ", ".join(marks.get(mark, mark) for mark in clip.marks)
    notes = [str(note) for note in clip.report.get("notes", ())]
    told = said("note" if notes else "fine", facts, [f"Marked by: {carried}.", *chosen, *notes], "Done")
    return f'<div data-sha256="{clip.sha256}">{told}</div>'


VERIFYING = (
    "<h2>Was it made here?</h2><p>Give any video or picture: it is told whether Gioconda made it, whether it was changed since, and who else "
    "has signed it. The file is looked at on the machine that runs this page, and nowhere else.</p>"
)
"""What the Verify tab is for."""

_GRAVITY = {
    Finding.UNCHANGED: "fine",
    Finding.NOTHING: "note",
    Finding.FOREIGN: "note",
    Finding.STRIPPED: "note",
    Finding.CHANGED: "wrong",
    Finding.UNREADABLE: "wrong",
}
"""How a finding is coloured."""


def verdict(told: Verdict) -> str:
    """A verdict in plain words, what it rests on, and the details to unfold."""
    words = f"{told.words[:1].upper()}{told.words[1:]}"
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in told.evidence)
    role = ' role="alert"' if _GRAVITY[told.finding] == "wrong" else ""
    name = f"<p>{escape(plain(told.file.name))}</p>"
    box = f'<div class="said {_GRAVITY[told.finding]}"{role}><h3>{escape(words)}</h3>{name}<ul>{items}</ul></div>'
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in _details(told))
    return f'{box}<details class="details"><summary>Details</summary><table>{rows}</table></details>' if rows else box


def _details(told: Verdict) -> Iterable[tuple[str, str]]:
    """What is known about a file, as pairs of a name and a text."""
    if told.mark_id is not None:
        yield "Invisible mark", told.mark_id
    if told.credentials is not None:
        one = told.credentials
        named = (
            ("Credentials", one.state), ("Signed by", one.signer), ("Organisation", one.issuer), ("Time-stamp", one.signed),
            ("Made with, as they say", one.generator), ("Title", one.title), ("Kind of source", one.source_type), ("Identifier", one.manifest),
            ("Made from", {0: "", 1: "1 file"}.get(one.ingredients, f"{one.ingredients} files")),
        )  # fmt: skip
        yield from ((name, str(value)) for name, value in named if value)
    if told.record is not None:
        yield "Record", proof.told(told.record)
