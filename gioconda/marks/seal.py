"""The last step of every output: signed, entered in the ledger, and put in its place under its own name.

Whoever writes a file that leaves the program hands the finished part to `Seal.settle` instead of renaming it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from gioconda.errors import IdentityError, LedgerError, UnsignedError
from gioconda.marks import credentials, ledger, manifest
from gioconda.marks.identity import Signer
from gioconda.marks.imprint import Imprint, Marker
from gioconda.marks.manifest import Facts
from heads.base import Image

FINDABLE = 128
"""Pixels of the shorter side below which the invisible mark is hardly found again (`gioconda.marks.watermark`)."""


class Seal:
    """Signs and records the outputs of one run.

    Args:
        signer: who signs.
        facts: what the credentials say about the run.
    """

    def __init__(self, signer: Signer, facts: Facts) -> None:
        self.facts = facts
        self._signer = signer
        self._given = manifest.ingredients(facts.inputs)
        self._notes = [*signer.notes, *self._given.notes]
        self._failed: tuple[IdentityError, list[tuple[str, Path]]] | None = None
        self._recorded = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user, complete once everything is settled."""
        return tuple(dict.fromkeys(self._notes))

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that every file settled so far carries besides its tags."""
        facts = self.facts
        carried = (("label", facts.label), ("watermark", facts.mark_id is not None), ("credentials", self._failed is None))
        return tuple(name for name, there in carried if there)

    @property
    def recorded(self) -> bool:
        """Whether all of them were entered in the ledger."""
        return self._recorded

    def imprint(self, ground: Image) -> Imprint:
        """What is drawn into the frames; `ground` (H, W, 3) uint8 is one of the video's size."""
        if self.facts.mark_id is not None and min(ground.shape[:2]) < FINDABLE:
            side = min(ground.shape[:2])
            self._notes.append(
                f"The shorter side has only {side} pixels; below {FINDABLE} the invisible mark is hardly found again."
            )
        return Imprint(ground, label=self.facts.label, mark_id=self.facts.mark_id)

    def marker(self) -> Marker:
        """What marks the frames of one stream that is made of finished ones, such as a preview."""
        return Marker(self.facts.mark_id)

    def settle(self, part: Path, place: Path, output: str) -> Path:
        """Sign a finished file and put it in its place; returns where it lies.

        A file that cannot be signed is kept beside its place under a name that says so; `check` tells of it.

        Args:
            part: the file, whole, under another name in the same folder.
            place: where it goes; an existing file is replaced.
            output: what it is of the run: "video", "reel", "preview", "still".

        Raises:
            OSError: it cannot be renamed.
        """
        identifier = None
        try:
            identifier = self._sign(part, place.name, output)
        except IdentityError as error:
            place = _free(place)
            kept = self._failed[1] if self._failed else []
            self._failed = (error, [*kept, (output, place)])
        self._record(part, identifier, output)
        part.replace(place)
        return place

    def check(self) -> None:
        """Tell of what could not be signed.

        Raises:
            UnsignedError: something could not.
        """
        if self._failed is None:
            return
        error, kept = self._failed
        paths = [path for _, path in sorted(kept, key=lambda one: one[0] != "video")]
        raise UnsignedError(error.found, error.needed, f"{error.do} Then run again.", paths)

    def _record(self, part: Path, identifier: str | None, output: str) -> None:
        """Enter a file in the ledger; what keeps it out is noted, and the result goes on its way."""
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        own = {"output": output, "sha256": digest, "manifest": identifier, "mark_id": self.facts.mark_id}
        try:
            ledger.write({**self.facts.record(), **own})
        except LedgerError as error:
            self._recorded = False
            self._notes.append(f"This result was not entered in the ledger. {error}")

    def _sign(self, part: Path, title: str, output: str) -> str:
        """Sign; where the inputs' own credentials are what fails, without them, and that is noted."""
        try:
            return credentials.sign(part, manifest.manifest(self.facts, self._given, title, output), self._signer)
        except IdentityError:
            if not self._given.carriers:
                raise
        self._given = manifest.ingredients(self.facts.inputs, keep=False)
        identifier = credentials.sign(part, manifest.manifest(self.facts, self._given, title, output), self._signer)
        self._notes += self._given.notes
        return identifier


def _free(place: Path) -> Path:
    """A name beside a place that nothing has, and that says what is missing."""
    wanted, number = place.with_name(f"{place.stem}-unsigned{place.suffix}"), 2
    while wanted.exists():
        wanted, number = place.with_name(f"{place.stem}-unsigned-{number}{place.suffix}"), number + 1
    return wanted
