"""Verdicts: what is ours and unchanged, changed, stripped, somebody else's, or nothing; and never more than the evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from marked import apart, film, scenes, seal, signed_by, stranger, stripped
from PIL import Image as Pillow
from shell import Shell, png

import gioconda
from gioconda.marks import identity, ledger
from gioconda.marks.credentials import Credentials
from gioconda.marks.verify import Finding, Mark, Records, Verdict, judged, verify, worst

OURS = Credentials("whole", ours=True, proven=True, signer="Gioconda 1", manifest="urn:c2pa:1", mark_id="000000ff")
THEIRS = replace(OURS, ours=False, signer="Somebody")
EXPIRED = replace(OURS, state="broken", problems=("the certificate has expired",))
MARK = Mark(0xFF, public=True, false_alarm=1e-9)


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apart(monkeypatch, tmp_path)


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    (tmp_path / "here").mkdir()
    return Shell(tmp_path / "here", capfd, monkeypatch)


def forget() -> None:
    """Lose the ledger."""
    ledger.place().unlink()


def flipped(path: Path, place: int = -9) -> Path:
    """The file with one bit of its media changed."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    return path


def test_the_public_name_is_this_one() -> None:
    assert gioconda.verify is verify and gioconda.Verdict is Verdict


def test_ours_unchanged_with_and_without_the_ledger(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal(consent="Ada agreed."))
    told = verify(path)
    assert (told.finding, told.finding.code) == (Finding.UNCHANGED, 0)
    assert told.record is not None and told.record["consent"]["statement"] == "Ada agreed."
    assert "ledger here knows exactly these bytes" in told.evidence[0]
    forget()
    told = verify(path)
    assert told.finding is Finding.UNCHANGED and told.record is None
    assert "certificate that is known here" in told.evidence[0]


def test_ours_changed(tmp_path: Path) -> None:
    told = verify(flipped(film(tmp_path / "out.mp4", seal())))
    assert (told.words, told.finding.code) == ("made by Gioconda, changed since", 1)
    assert told.record is not None, "the credentials still name their record"
    assert any("picture, sound or tags are not what was signed" in sentence for sentence in told.evidence)
    assert any("taken from another file" in sentence for sentence in told.evidence)


def test_bytes_that_credentials_leave_out_are_the_ledgers_to_tell(tmp_path: Path) -> None:
    """C2PA leaves out the `ftyp` box: the signature holds, and the file is not the one that was made."""
    path = flipped(film(tmp_path / "out.mp4", seal()), 14)
    told = verify(path)
    assert told.credentials is not None and told.credentials.state == "whole"
    assert told.finding is Finding.CHANGED and "other bytes" in told.evidence[-1]


def test_credentials_of_ours_on_another_video_are_not_called_unchanged(tmp_path: Path) -> None:
    """The box with the credentials is cut out of one file and put into another."""
    ours, other = film(tmp_path / "ours.mp4", seal()), film(tmp_path / "other.mp4", None, scenes(9, (160, 96)))
    content, target = ours.read_bytes(), other.read_bytes()
    begin = content.index(b"uuid") - 4
    box = content[begin : begin + int.from_bytes(content[begin : begin + 4])]
    head = int.from_bytes(target[:4])
    other.write_bytes(target[:head] + box + target[head:])
    told = verify(other)
    assert told.finding is Finding.CHANGED and any("taken from another file" in sentence for sentence in told.evidence)


def test_an_impostor_who_names_gioconda_is_never_called_ours(tmp_path: Path) -> None:
    """A valid signature by a certificate with the same names, the same claims and even our manifest's own words."""
    path = signed_by(stranger(), film(tmp_path / "out.mp4", None))
    told = verify(path)
    assert told.credentials is not None and told.credentials.state == "whole" and "Gioconda" in told.credentials.generator
    assert (told.finding, told.finding.code) == (Finding.FOREIGN, 5)
    assert told.words.startswith("signed by somebody else: Gioconda ")
    assert "anybody can choose names" in told.evidence[0] and told.record is None
    assert verify(flipped(path)).finding is Finding.FOREIGN


def test_a_strangers_signature_over_our_result_is_a_strangers(tmp_path: Path) -> None:
    ours = film(tmp_path / "ours.mp4", seal())
    path = signed_by(stranger(), stripped(ours, tmp_path / "theirs.mp4"))
    assert verify(path).finding is Finding.FOREIGN


@pytest.mark.parametrize("suffix", ["gif", "webp", "jpg", "png"])
def test_pictures_and_animations(tmp_path: Path, suffix: str) -> None:
    images = [Pillow.fromarray(image) for image in scenes(3)]
    bare = tmp_path / f"bare.{suffix}"
    more = {"save_all": True, "append_images": images[1:]} if suffix in ("gif", "webp") else {}
    images[0].save(bare, **more)  # type: ignore[arg-type]
    assert verify(bare).finding is Finding.NOTHING
    part = tmp_path / "part"
    part.write_bytes(bare.read_bytes())
    path = seal().settle(part, tmp_path / f"out.{suffix}", "still")
    assert verify(path).finding is Finding.UNCHANGED
    assert verify(flipped(path, path.stat().st_size // 2 + 1500)).finding is Finding.CHANGED


def test_nothing_is_found_and_that_proves_nothing(tmp_path: Path) -> None:
    told = verify(film(tmp_path / "plain.mp4", None))
    assert (told.words, told.finding.code) == ("no mark found, which proves nothing", 4)
    assert (told.mark_id, told.credentials, told.record) == (None, None, None)
    assert not list(tmp_path.glob("config*")), "looking makes no identity"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "There is no file"),
        (b"", "is empty"),
        (b"Dear museum, this is no video." * 9, "cannot be read as a video"),
        (png(20_000, 20_000), "400 million pixels"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "any.mp4"
    if content is not None:
        path.write_bytes(content)
    told = verify(path)
    assert (told.words, told.finding.code) == ("cannot be read", 2)
    assert says in told.evidence[0]
    assert verify(tmp_path).finding is Finding.UNREADABLE


def test_a_truncated_file_is_changed_as_far_as_can_be_told(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal())
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) * 3 // 4, whole.rindex(b"mdat") + 100):
        path.write_bytes(whole[:length])
        assert verify(path).finding is Finding.CHANGED, length
    path.write_bytes(whole[:300])
    assert verify(path).finding is Finding.UNREADABLE


def test_damaged_credentials_prove_nothing_by_themselves(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal())
    whole = path.read_bytes()
    place = whole.index(b"c2pa.signature") + 120
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    told = verify(path)
    assert told.credentials is not None and not told.credentials.proven
    assert told.finding is Finding.CHANGED and "identifier is that of a result made here" in told.evidence[-1]
    forget()
    told = verify(path)
    assert told.finding is Finding.NOTHING and "hold nothing up" in told.evidence[0]


def test_a_ledger_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    path = film(tmp_path / "out.mp4", seal())
    ledger.place().write_bytes(b"no database" * 100)
    told = verify(path)
    assert told.finding is Finding.UNCHANGED and any("Records could not be looked up" in note for note in told.evidence)


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(identity.TRUST, str(tmp_path / "nowhere.pem"))
    told = verify(film(tmp_path / "out.mp4", seal()))
    assert told.finding is Finding.UNCHANGED and any("nowhere.pem cannot be read" in note for note in told.evidence)


CASES: list[tuple[str, Credentials | None, Mark | None, Records, Finding]] = [
    ("stripped, known", None, MARK, Records(mark={"sha256": "a"}), Finding.STRIPPED),
    ("stripped, unknown", None, MARK, Records(), Finding.STRIPPED),
    ("a stranger's, marked", THEIRS, MARK, Records(mark={"sha256": "a"}), Finding.FOREIGN),
    ("damaged, marked", replace(THEIRS, proven=False, state="broken"), MARK, Records(), Finding.CHANGED),
    ("expired, otherwise as signed", EXPIRED, MARK, Records(), Finding.UNCHANGED),
    ("known bytes", None, None, Records(digest={"sha256": "a"}), Finding.UNCHANGED),
    ("nothing", None, None, Records(), Finding.NOTHING),
]


@pytest.mark.parametrize(("_name", "found", "mark", "records", "finding"), CASES, ids=[case[0] for case in CASES])
def test_judgements(_name: str, found: Credentials | None, mark: Mark | None, records: Records, finding: Finding) -> None:
    told, evidence = judged(found, mark, records, "digest")
    assert told is finding and all(sentence.endswith(".") for sentence in evidence)
    if mark is not None:
        assert any("000000ff" in sentence and "anybody could use" in sentence for sentence in evidence)


def test_a_mark_that_the_credentials_do_not_name_is_told() -> None:
    _, evidence = judged(OURS, replace(MARK, mark_id=1), Records(), "digest")
    assert any("name another mark, 000000ff" in sentence for sentence in evidence)


def test_the_worst_of_several_is_what_asks_for_most_attention() -> None:
    def code(*findings: Finding) -> int:
        return worst(Verdict(Path("a"), finding, ()) for finding in findings)

    assert [code(finding) for finding in Finding] == [0, 4, 5, 1, 1, 2]
    assert code(Finding.UNCHANGED, Finding.NOTHING) == 4
    assert code(Finding.FOREIGN, Finding.NOTHING) == 5
    assert code(Finding.CHANGED, Finding.FOREIGN) == code(Finding.STRIPPED, Finding.FOREIGN) == 1
    assert code(Finding.UNREADABLE, Finding.CHANGED) == 2
    assert worst([]) == 0


def test_the_command_says_it_a_file_a_line(shell: Shell) -> None:
    ours, plain = film(shell.folder / "ours.mp4", seal()), film(shell.folder / "plain.mp4", None)
    assert shell.run("verify", ours).code == 0
    result = shell.run("verify", ours, plain, shell.folder / "nothing.mp4", "--json")
    assert (result.code, result.err) == (2, "")
    told = [json.loads(line) for line in result.out.splitlines()]
    expected = [Finding.UNCHANGED.words, Finding.NOTHING.words, Finding.UNREADABLE.words]
    assert [one["verdict"] for one in told] == expected
    assert set(told[0]) == {"file", "verdict", "mark_id", "credentials", "record", "evidence"}
    assert told[0]["file"] == str(ours) and told[0]["record"]["output"] == "video"
    assert told[0]["credentials"]["source_type"] == "compositeSynthetic"
    assert told[1]["credentials"] is told[1]["record"] is told[1]["mark_id"] is None
    text = shell.run("verify", ours).out
    assert text.startswith(f"{ours}: made by Gioconda, unchanged\n") and "consent not asserted" in text


def test_hostile_words_do_nothing_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences, turned writing and floods in a valid stranger's names; the same in the file's own name."""
    nasty = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u200b" + "flood " * 20_000
    by = stranger("\x1b[31mEvil\x9b2J", monkeypatch)
    path = film(shell.folder / "nasty\x1b[2J.mp4", None)
    path = signed_by(by, path)
    monkeypatch.setattr("gioconda.marks.manifest.TOOL", nasty)
    other = signed_by(by, film(shell.folder / "other.mp4", None))
    for arguments in ((path,), (other,), (path, "--json"), (other, "--json")):
        result = shell.run("verify", *arguments)
        assert result.code == 5 and len(result.out) < 5000
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", result.out)


def test_a_library_that_stumbles_is_a_sentence_and_the_others_are_looked_at(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[Path], Verdict] = verify

    def stumbling(path: str) -> Verdict:
        if "one" in str(path):
            raise ZeroDivisionError("by \x1b zero")
        return real(Path(path))

    monkeypatch.setattr("gioconda.marks.verify.verify", stumbling)
    result = shell.run("verify", film(shell.folder / "one.mp4", None), film(shell.folder / "two.mp4", seal()))
    assert result.code == 2 and "ZeroDivisionError: by \\x1b zero" in result.out
    assert "two.mp4: made by Gioconda, unchanged" in result.out


def test_the_command_shows_exports_and_renews_the_identity(shell: Shell) -> None:
    assert "There is no signing identity yet" in shell.run("identity").out
    exported = shell.run("identity", "export")
    assert exported.code == 0 and exported.out.count("BEGIN CERTIFICATE") == 2 and "PRIVATE" not in exported.out
    before = shell.run("identity", "show").out
    assert shell.run("identity", "export", "-o", "mine.pem").out == "mine.pem\n"
    assert (shell.folder / "mine.pem").read_text().strip() == exported.out.strip()
    renewed = shell.run("identity", "renew").out
    assert renewed != before and "still known: 1" in renewed
    shell.refused("identity", "export", "-o", "no/such/folder.pem", says=("cannot be written",))


NESTED = {
    "claim": b"\x81" * 100_000 + b"\x00",
    "length": b"\x9b" + (1 << 60).to_bytes(8),
    "text": b"\x7b" + (1 << 40).to_bytes(8),
    "nothing": b"",
}


@pytest.mark.parametrize("name", NESTED)
def test_hostile_manifests_are_told(tmp_path: Path, name: str) -> None:
    """A picture with a hand-made manifest store: nested deeply, or with lengths beyond everything."""
    import zlib

    def box(kind: bytes, content: bytes) -> bytes:
        return (8 + len(content)).to_bytes(4) + kind + content

    def store(kind: bytes, label: str, *boxes: bytes) -> bytes:
        about = kind + bytes.fromhex("00110010800000aa00389b71") + b"\x03" + label.encode() + b"\0"
        return box(b"jumb", box(b"jumd", about) + b"".join(boxes))

    claim = store(b"c2cl", "c2pa.claim.v2", box(b"cbor", NESTED[name]))
    content = store(b"c2pa", "c2pa", store(b"c2ma", "urn:c2pa:1", store(b"c2as", "c2pa.assertions"), claim))
    chunk = len(content).to_bytes(4) + b"caBX" + content + zlib.crc32(b"caBX" + content).to_bytes(4)
    Pillow.fromarray(np.full((80, 80, 3), 90, np.uint8)).save(tmp_path / "any.png")
    whole = (tmp_path / "any.png").read_bytes()
    (tmp_path / "any.png").write_bytes(whole[:33] + chunk + whole[33:])
    told = verify(tmp_path / "any.png")
    assert told.finding is Finding.NOTHING
    assert told.credentials is not None and told.credentials.state == "unreadable"
    assert all(len(sentence) < 500 for sentence in told.evidence)
