"""Whether a file was made by Gioconda, and whether it is still what it was: as certain as the evidence, and not more.

A name in a stranger's credentials is no evidence, and nor is an absence of marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gioconda.errors import InputError, LedgerError
from gioconda.marks import credentials, identity, ledger
from gioconda.marks.credentials import Credentials
from gioconda.marks.manifest import TOOL, hexadecimal
from gioconda.plain import plain

if TYPE_CHECKING:
    from gioconda.media import VideoReader
    from heads.base import Image


CHANCES = ((1e-9, "a billion"), (1e-8, "a hundred million"), (1e-6, "a million"))
"""Bounds of a false alarm's probability in words."""

LONG = 30.0
"""Seconds from which a clip is looked at in several places."""

PLACES = (0.0, 1 / 3, 2 / 3)
"""Where, in parts of its length."""

LOOK_SIDE = 1920
"""Pixels: larger pictures are looked at in this size, as the mark survives that."""


class Finding(Enum):
    """What is said of a file, with the exit code that says it, in the order of how much attention it asks for."""

    UNCHANGED = ("made by Gioconda, unchanged", 0)
    NOTHING = ("no mark found, which proves nothing", 4)
    FOREIGN = ("signed by somebody else", 5)
    STRIPPED = ("Gioconda's mark found, credentials stripped", 1)
    CHANGED = ("made by Gioconda, changed since", 1)
    UNREADABLE = ("cannot be read", 2)

    @property
    def words(self) -> str:
        """The finding in plain words; the same for every file."""
        return self.value[0]

    @property
    def code(self) -> int:
        """Exit code of `python -m gioconda verify`."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Mark:
    """The invisible mark as it was found in the picture."""

    mark_id: int
    public: bool
    """Whether it was made with the key that everybody can read in the source."""
    false_alarm: float
    """Probability, at most, that an unmarked picture looks like this."""

    @property
    def written(self) -> str:
        """The id as eight hexadecimal digits."""
        return hexadecimal(self.mark_id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a file. Texts are fit for a terminal."""

    file: Path
    finding: Finding
    evidence: tuple[str, ...]
    """Complete sentences: what the finding rests on, and what it leaves open."""
    mark_id: str | None = None
    """Id of the invisible mark in the picture, eight hexadecimal digits; None where none was found."""
    credentials: Credentials | None = None
    """Content Credentials of the file; None without any."""
    record: Mapping[str, Any] | None = None
    """What the ledger of this installation says about it; None where it knows nothing."""

    @property
    def words(self) -> str:
        """The verdict in plain words."""
        told = self.finding.words
        if self.finding is Finding.FOREIGN and self.credentials is not None:
            told += f": {self.credentials.signer or 'no name'}"
        if self.finding is Finding.STRIPPED:
            told += "; record found" if self.record else "; not known here"
        return told

    def json(self) -> dict[str, Any]:
        """The verdict in JSON types."""
        return {
            "file": str(self.file),
            "verdict": self.finding.words,
            "mark_id": self.mark_id,
            "credentials": asdict(self.credentials) if self.credentials else None,
            "record": dict(self.record) if self.record else None,
            "evidence": list(self.evidence),
        }


def verify(path: str | Path) -> Verdict:
    """Look at a video or picture: its Content Credentials, its invisible mark, and what the ledger here knows of it.

    Nothing is looked up in the network, and nothing is made or changed. A file that cannot be read is a verdict, no error.
    """
    path = Path(path)
    try:
        digest = _digest(path)
        known, troubles = identity.ours()
        found = credentials.read(path, known)
    except InputError as error:
        return Verdict(path, Finding.UNREADABLE, (plain(f"{error.found} {error.do}", 400),))
    except OSError as error:
        return Verdict(path, Finding.UNREADABLE, (plain(f"It cannot be opened ({error.strerror})."),))
    notes = [plain(trouble, 400) for trouble in troubles]
    mark, trouble = _picture(path)
    if trouble is not None and (found is None or found.state == "unreadable"):
        return Verdict(path, Finding.UNREADABLE, (trouble, *notes))
    if trouble is not None:
        notes.append(f"Its picture could not be looked at. {trouble}")
    records = _records(digest, found, mark, notes)
    finding, evidence = judged(found, mark, records, digest)
    record = records.digest or records.manifest or records.mark
    return Verdict(path, finding, (*evidence, *notes), mark.written if mark else None, found, record)


def worst(verdicts: Iterable[Verdict]) -> int:
    """The exit code of several: of the finding that asks for most attention, as `Finding` orders them."""
    order = list(Finding)
    return max((verdict.finding for verdict in verdicts), key=order.index, default=Finding.UNCHANGED).code


@dataclass(frozen=True, slots=True)
class Records:
    """What the ledger knows, by what it was asked."""

    digest: Mapping[str, Any] | None = None
    """Of exactly these bytes."""
    manifest: Mapping[str, Any] | None = None
    """Of the credentials' own identifier, which anybody could copy."""
    mark: Mapping[str, Any] | None = None
    """Of the mark in the picture."""


def judged(found: Credentials | None, mark: Mark | None, records: Records, digest: str) -> tuple[Finding, list[str]]:
    """The finding, and the sentences that it rests on.

    Args:
        found: the credentials.
        mark: the invisible mark.
        records: what the ledger knows.
        digest: SHA-256 of the file.
    """
    evidence = list(_told(found, mark, records))
    if records.digest is not None:
        return Finding.UNCHANGED, ["The ledger here knows exactly these bytes.", *evidence]
    if found is not None and found.ours:
        if not found.intact:
            doubt = "It was changed since, or these credentials were taken from another file."
            return Finding.CHANGED, [*evidence, doubt]
        if records.manifest is not None and records.manifest.get("sha256") != digest:
            outside = "The ledger knows other bytes for these credentials: parts that they do not cover were changed."
            return Finding.CHANGED, [*evidence, outside]
        return Finding.UNCHANGED, evidence
    if found is not None and found.proven:
        return Finding.FOREIGN, evidence
    if found is not None and records.manifest is not None:
        told = "Their identifier is that of a result made here: that one was changed, or they were taken from it."
        return Finding.CHANGED, [*evidence, told]
    if mark is not None:
        return Finding.STRIPPED if found is None else Finding.CHANGED, evidence
    return Finding.NOTHING, evidence


def _told(found: Credentials | None, mark: Mark | None, records: Records) -> Iterator[str]:
    """What was found, one sentence a thing."""
    if found is None:
        yield "It carries no Content Credentials."
    elif found.proven:
        yield from _signed(found)
    else:
        yield f"There are Content Credentials, but they hold nothing up ({', '.join(found.problems) or 'no valid signature'})."
    if mark is None:
        return
    whose = "with its public key, which anybody could use" if mark.public else "with this operator's own key"
    chance = next((words for least, words in CHANCES if mark.false_alarm <= least), "a thousand")
    yield f"The picture carries Gioconda's invisible mark {mark.written}, made {whose}."
    yield f"A picture without it looks as if it had it less than once in {chance} times."
    if found is not None and found.ours and found.mark_id not in (None, mark.written):
        yield f"The credentials name another mark, {found.mark_id}: they belong to another result."
    if records.digest is None and records.manifest is None:
        yield f"The ledger here {'knows' if records.mark else 'does not know'} this mark."


def _signed(found: Credentials) -> Iterator[str]:
    """Credentials whose signature fits."""
    when = f" on {found.signed}" if found.signed else ""
    issuer = f", {found.issuer}" if found.issuer else ""
    whose = "that is known here" if found.ours else "that is not known here; anybody can choose names"
    maker = f" It says that it was made with {found.generator}." if found.generator else ""
    yield f"Signed by {found.signer or 'somebody without a name'}{issuer}{when}, with a certificate {whose}.{maker}"
    if found.intact:
        yield "The content is what was signed."
    else:
        yield f"The content or the credentials do not hold: {', '.join(found.problems)}."
    if not found.ours and found.generator.startswith(TOOL):
        yield f"If it is from a colleague's Gioconda: `identity export` there, and {identity.TRUST} here make it known."
    if found.intact and found.problems:
        yield f"But {', '.join(found.problems)}, and only a time-stamp could say that it was signed before that."


def _records(digest: str, found: Credentials | None, mark: Mark | None, notes: list[str]) -> Records:
    """Ask the ledger; what keeps it from answering is noted."""
    try:
        return Records(
            ledger.by_digest(digest),
            # A stranger whose signature fits may have chosen our identifier.
            ledger.by_manifest(found.manifest) if found is not None and (found.ours or not found.proven) else None,
            ledger.by_mark(mark.mark_id) if mark is not None else None,
        )
    except LedgerError as error:
        notes.append(plain(f"Records could not be looked up. {error}", 400))
        return Records()


def _digest(path: Path) -> str:
    """SHA-256 of a file that is there and holds something.

    Raises:
        InputError: it is not.
        OSError: it cannot be read.
    """
    from gioconda.media.stills import check_file

    with check_file(path, "A video or picture", InputError).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _picture(path: Path) -> tuple[Mark | None, str | None]:
    """The invisible mark in the picture, and why the picture could not be looked at.

    Of a long clip three places are looked at, as it may be a part of something longer.
    """
    from gioconda.marks.detection import detect
    from gioconda.media import VideoReader

    try:
        with VideoReader(path) as reader:
            seconds = reader.seconds or 0.0
        starts = [seconds * part for part in PLACES] if seconds > LONG else [0.0]
        for looked, start in enumerate(starts, 1):
            with VideoReader(path, start=start, max_side=LOOK_SIDE) as reader:
                found = detect(_images(reader))
            if found is not None:
                return Mark(found.clip_id, found.public, found.false_alarm * looked), None
    except InputError as error:
        return None, plain(error.found, 400)
    return None, None


def _images(reader: VideoReader) -> Iterator[Image]:
    """The frames, as far as the clip goes; where it breaks off is its end, unless nothing came before."""
    came = False
    try:
        for frame in reader:
            came = True
            yield frame.image
    except InputError:
        if not came:
            raise
