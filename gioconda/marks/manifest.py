"""What a result says of itself: the facts of a run, and the C2PA manifest and the ledger's record that are made of them.

No path, no user's or machine's name and no name of an input goes into either: inputs are named by their part and by SHA-256.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gioconda import __version__
from gioconda.marks import credentials
from gioconda.marks.pattern import ALGORITHM

TOOL = "Gioconda"

RUN = "org.gioconda.run"
"""Label of our own assertion: everything about the run that C2PA has no field for."""

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's vocabulary of digital source types."""
COMPOSITE, TRAINED = "compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"
"""A composite with synthetic parts, and one with parts that a trained network made; docs/provenance.md says why."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a result was made from."""

    part: str
    """What it was there for: "Portrait 1", "Driving clip", "Motion file"."""
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a run, for all of its results."""

    made: datetime
    """UTC."""
    head: str
    trained: bool
    """Whether a trained network drew pixels."""
    weights: Mapping[str, str]
    """Name of each weight file that was used, to its SHA-256."""
    settings: Mapping[str, Any]
    """JSON types; no paths."""
    seed: int | None
    """Of what chance decided; None where nothing was left to chance."""
    inputs: Sequence[Input]
    consent: str | None
    """What the operator says about the consent of the person shown; None when nothing was said."""
    label: bool
    """Whether the visible label is drawn."""
    mark_id: int | None
    """32-bit id of the invisible mark; None without one."""

    def record(self) -> dict[str, Any]:
        """The run in JSON types, as the manifest and the ledger hold it."""
        return {
            "tool": TOOL,
            "version": __version__,
            "made": self.made.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "head": self.head,
            "weights": dict(self.weights),
            "settings": dict(self.settings),
            "seed": self.seed,
            "inputs": [{"part": one.part, "sha256": one.sha256} for one in self.inputs],
            "consent": {"status": "asserted", "statement": self.consent} if self.consent else {"status": "not asserted"},
            "marks": {"label": self.label, "watermark": self.mark_id is not None},
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What C2PA's library takes to sign one file."""

    definition: Mapping[str, Any]
    """The manifest in the library's own JSON."""
    carriers: Sequence[tuple[Mapping[str, Any], Path]] = ()
    """Inputs with credentials of their own, which are kept: the ingredient's JSON and the file."""


def hexadecimal(mark_id: int) -> str:
    """An id of the invisible mark as it is written: eight hexadecimal digits."""
    return f"{mark_id:08x}"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """The inputs as a manifest names them."""

    bare: Sequence[Mapping[str, Any]]
    """Those without credentials."""
    carriers: Sequence[tuple[Mapping[str, Any], Path]] = ()
    """Those whose own credentials are kept, and where they lie."""
    redacted: Sequence[str] = ()
    """URIs of pictures in these credentials, which are left out."""
    notes: tuple[str, ...] = ()
    """Sentences on credentials that could not be kept."""


def ingredients(inputs: Sequence[Input], *, keep: bool = True) -> Ingredients:
    """Look what credentials the inputs carry; with `keep` false they are named by their hash alone."""
    bare, carriers, redacted, notes = [], [], [], []
    for index, one in enumerate(inputs):
        told = {
            "title": one.part,
            "relationship": "inputTo",
            "label": _label(index),
            "description": f"SHA-256 of the file: {one.sha256}",
            "instance_id": f"xmp:iid:{uuid.uuid4()}",
        }
        found = credentials.carried(one.path)
        if found.state == "kept" and keep:
            carriers.append((told, one.path))
            redacted += [uri for uri in found.thumbnails if uri not in redacted]
        else:
            bare.append(told)
        if found.state == "left" or (found.state == "kept" and not keep):
            notes.append(
                f"The Content Credentials of {one.path.name} could not be kept; the result names it by its hash alone."
            )
    return Ingredients(bare, carriers, redacted, tuple(notes))


def manifest(facts: Facts, given: Ingredients, title: str, output: str) -> Manifest:
    """The manifest of one result.

    Args:
        facts: the run.
        given: the run's inputs.
        title: the file's name.
        output: what it is of the run: "video", "reel", "preview", "still".
    """
    agent = {"name": TOOL, "version": __version__}
    created = {
        "action": "c2pa.created",
        "when": facts.record()["made"],
        "digitalSourceType": SOURCES + (TRAINED if facts.trained else COMPOSITE),
        "softwareAgent": agent,
        "description": "A portrait was animated by computer; it shows no recording of what the person did or said.",
        "parameters": {
            "ingredientIds": [_label(index) for index in range(len(facts.inputs))],
            "org.gioconda.head": facts.head,
            "org.gioconda.output": output,
        },
    }
    left_out = [
        {"action": "c2pa.redacted", "reason": "c2pa.PII.present", "parameters": {"redacted": uri}} for uri in given.redacted
    ]
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [created, *left_out]}},
        {"label": RUN, "data": {**facts.record(), "output": output}},
    ]
    if facts.mark_id is not None:
        block = {"scope": {}, "value": hexadecimal(facts.mark_id)}
        assertions.append({"label": "c2pa.soft-binding", "data": {"alg": ALGORITHM, "blocks": [block]}})
    definition: dict[str, Any] = {
        "claim_generator_info": [agent],
        "title": title,
        "instance_id": f"xmp:iid:{uuid.uuid4()}",
        "ingredients": list(given.bare),
        "assertions": [{**one, "created": True} for one in assertions],
    }
    if given.redacted:
        definition["redactions"] = list(given.redacted)
    return Manifest(definition, given.carriers)


def _label(index: int) -> str:
    """The name by which an action refers to an input."""
    return f"input-{index + 1}"
