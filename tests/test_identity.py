"""The signing identity: made once, for its owner alone, and every way in which it can be unfit is told in a sentence."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from marked import apart, film, seal, signed_by, stranger
from page import ROOT

from gioconda import doctor
from gioconda.errors import IdentityError
from gioconda.marks import certificates, credentials, identity, ledger, places, rehearsal


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration folder of this test."""
    return apart(monkeypatch, tmp_path) / "config"


def turn(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Turn Gioconda's clock."""
    monkeypatch.setattr(certificates, "now", lambda: moment)


def operator(patch: pytest.MonkeyPatch, folder: Path) -> tuple[Path, Path]:
    """An operator's certificate chain and key in files, named by the environment."""
    key, chain = certificates.make()
    chain_file, key_file = folder / "chain.pem", folder / "key.pem"
    chain_file.write_bytes(chain.pem)
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    patch.setenv(identity.CERTIFICATES, str(chain_file))
    patch.setenv(identity.KEY, str(key_file))
    return chain_file, key_file


def known_here(path: Path) -> bool:
    """Whether the credentials of a file are by one of our certificates."""
    found = credentials.read(path, identity.ours()[0])
    return found is not None and found.ours


def refused(*says: str) -> None:
    """Nobody can sign, and it is told why."""
    with pytest.raises(IdentityError) as caught:
        rehearsal.rehearse(identity.signer())
    assert all(part for part in (caught.value.found, caught.value.needed, caught.value.do))
    for words in says:
        assert words in str(caught.value), caught.value


def test_it_is_made_once_and_for_its_owner_alone(own: Path) -> None:
    assert identity.current() is None and "no signing identity yet" in next(identity.lines())
    assert not own.exists(), "looking makes nothing"
    first, second = identity.signer(), identity.signer()
    assert first.chain.pem == second.chain.pem and first.kind == "self-made" and not first.notes
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert stat.S_IMODE((own / identity.FILE).stat().st_mode) == 0o600
    assert not list(own.rglob("*.part"))
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in identity.former())
    rehearsal.rehearse(first)


def test_its_chain_says_neither_user_nor_machine(own: Path) -> None:
    text = identity.signer().chain.certificate.subject.rfc4514_string()
    assert "self-made" in text
    assert not {os.uname().nodename, Path.home().name} & set(text.replace("=", " ").replace(",", " ").split())


def test_two_processes_that_begin_at_once_agree(own: Path) -> None:
    script = (
        "import sys, time\nfrom gioconda.marks import certificates, identity\nmade = certificates.make()\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "sys.stdout.write(identity.signer().chain.fingerprint)"
    )
    words = [sys.executable, "-c", script]
    both = [subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    told = {one.communicate(timeout=60)[0] for one in both}
    assert told == {identity.signer().chain.fingerprint}


def test_who_comes_second_takes_the_first_ones(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the writing another process was quicker."""
    make = certificates.make
    other = make()

    def meanwhile() -> tuple[bytes, certificates.Chain]:
        monkeypatch.setattr(certificates, "make", make)
        assert identity._keep(own / identity.FILE, *other)
        return make()

    monkeypatch.setattr(certificates, "make", meanwhile)
    assert identity.signer().chain.fingerprint == other[1].fingerprint


def test_renewing_keeps_what_was_signed(own: Path, tmp_path: Path) -> None:
    before = film(tmp_path / "before.mp4", seal())
    old = identity.signer().chain.fingerprint
    identity.renew()
    after = film(tmp_path / "after.mp4", seal())
    assert identity.signer().chain.fingerprint != old
    for path in (before, after):
        found = credentials.read(path, identity.ours()[0])
        assert found is not None and found.ours and found.state == "whole"
    assert "Former certificates that are still known: 1" in "\n".join(identity.lines())


def test_others_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colleague = stranger()
    path = signed_by(colleague, film(tmp_path / "theirs.mp4", None))
    assert known_here(path) is False
    (tmp_path / "trusted.pem").write_bytes(stranger().chain.pem + colleague.chain.pem)
    monkeypatch.setenv(identity.TRUST, str(tmp_path / "trusted.pem"))
    assert known_here(path) is True


def test_an_operators_own_certificate_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator(monkeypatch, tmp_path)
    signer = identity.signer()
    assert signer.kind == "operator"
    path = film(tmp_path / "out.mp4", seal())
    found = credentials.read(path, identity.ours()[0])
    assert found is not None and found.ours and found.signer == signer.chain.name
    with pytest.raises(IdentityError, match="Only a self-made one can be renewed"):
        identity.renew()
    monkeypatch.delenv(identity.CERTIFICATES)
    monkeypatch.delenv(identity.KEY)
    assert known_here(path), "it is remembered"


def test_variables_may_hold_the_certificate_and_the_key_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = operator(monkeypatch, tmp_path)
    monkeypatch.setenv(identity.CERTIFICATES, chain.read_text())
    monkeypatch.setenv(identity.KEY, key.read_text())
    path = film(tmp_path / "out.mp4", seal())
    assert known_here(path) and "the variable GIOCONDA_CERTIFICATES" in next(identity.lines())
    monkeypatch.setenv(identity.KEY, key.read_text()[:-80])
    refused("The key in the variable GIOCONDA_KEY")
    with pytest.raises(IdentityError) as caught:
        identity.signer()
    assert "BEGIN" not in str(caught.value), "no key is ever shown"


def test_a_signer_command_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL's own command, whose signatures are DER; COSE wants them raw."""
    _, key = operator(monkeypatch, tmp_path)
    monkeypatch.delenv(identity.KEY)
    monkeypatch.setenv(identity.SIGNER, f"openssl dgst -sha256 -sign '{key}'")
    rehearsal.rehearse(identity.signer())
    found = credentials.read(film(tmp_path / "out.mp4", seal()), identity.ours()[0])
    assert found is not None and found.ours and found.state == "whole"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no-such-command-anywhere", "was not found"),
        ("sh -c 'echo the token is locked >&2; exit 3'", "exit code 3: the token is locked"),
        ("cat", "no signature by the certificate"),
        ("true", "wrote 0 bytes"),
    ],
)
def test_a_signer_command_that_does_not_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, says: str) -> None:
    operator(monkeypatch, tmp_path)
    monkeypatch.delenv(identity.KEY)
    monkeypatch.setenv(identity.SIGNER, line)
    with pytest.raises(IdentityError, match=says):
        identity.signer().sign(b"data")  # type: ignore[misc]
    refused("cannot sign Content Credentials")


def test_half_of_an_operators_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator(monkeypatch, tmp_path)
    monkeypatch.delenv(identity.KEY)
    refused("GIOCONDA_CERTIFICATES", "GIOCONDA_KEY")
    monkeypatch.delenv(identity.CERTIFICATES)
    monkeypatch.setenv(identity.KEY, "key.pem")
    refused("GIOCONDA_KEY")


def test_files_that_cannot_be_used_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = operator(monkeypatch, tmp_path)
    key.chmod(0o644)
    refused("can be read or changed by others", "0644", "chmod 600")
    key.chmod(0o640)
    rehearsal.rehearse(identity.signer())
    key.write_bytes(certificates.make()[0])
    refused("does not belong to the certificate")
    key.write_text("no key at all")
    refused("holds no private key")
    monkeypatch.setenv(identity.KEY, str(tmp_path))
    refused("cannot be read (Is a directory)")
    monkeypatch.setenv(identity.KEY, str(tmp_path / "nothing.pem"))
    refused("cannot be read (No such file")
    chain.write_text("no chain")
    refused("holds no certificates")


def test_a_key_with_a_password_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives import serialization

    _, file = operator(monkeypatch, tmp_path)
    key = certificates.read_key(file.read_bytes(), "")
    locked = serialization.BestAvailableEncryption(b"secret")
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    refused("locked with a password", "signer command")


def test_a_self_signed_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, _ = operator(monkeypatch, tmp_path)
    root = chain.read_bytes()
    chain.write_bytes(root[root.rindex(b"-----BEGIN") :])
    refused("does not belong")


def test_own_identity_that_others_can_read_is_refused(own: Path) -> None:
    identity.signer()
    (own / identity.FILE).chmod(0o604)
    refused("can be read or changed by others", "0604")


def test_own_identity_that_is_damaged_is_told(own: Path) -> None:
    identity.signer()
    file = own / identity.FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-1000])
    refused("holds no certificates", str(file))
    file.write_bytes(b"\0" * 100)
    refused("holds no certificates")
    file.write_bytes(whole[whole.index(b"-----BEGIN CERT") :])
    refused("holds no private key")
    identity.renew()
    rehearsal.rehearse(identity.signer())


def test_an_expired_certificate_is_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    identity.signer()
    turn(monkeypatch, datetime.now(UTC) + certificates.LASTS + timedelta(days=1))
    refused("expired on", "identity renew")


def test_a_clock_in_the_past_is_told(monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    turn(monkeypatch, datetime(1970, 1, 1, tzinfo=UTC))
    refused("The clock of this machine says 1970-01-01", "Set the clock")
    assert not own.exists()
    monkeypatch.undo()
    monkeypatch.setenv(places.CONFIG, str(own))
    identity.signer()
    turn(monkeypatch, datetime.now(UTC) - timedelta(days=30))
    refused("The clock of this machine says", "Set the clock")


def test_where_nothing_can_be_kept_the_result_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(places.CONFIG, str(tmp_path / "file" / "config"))
    sealed = seal()
    path = film(tmp_path / "out.mp4", sealed)
    assert any("thrown away when the program ends" in note and places.CONFIG in note for note in sealed.notes)
    assert known_here(path), "known as long as the program runs"
    assert "for this process alone" in next(identity.lines())
    with pytest.raises(IdentityError, match="could not be written"):
        identity.renew()


def test_a_wrong_time_stamp_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(identity.TIMESTAMPS, "stamps.example")
    refused(identity.TIMESTAMPS, "URL")


def test_the_doctor_tells_of_both_and_makes_none(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[str] = []
    advice: list[str] = []
    told = doctor._marks(broken, advice)
    assert "no signing identity yet" in told["identity"][0] and told["entries"] == 0 and not broken + advice
    with places.elsewhere(tmp_path / "rehearsal"):
        identity.signer()
    assert not own.exists() and (tmp_path / "rehearsal" / "config").exists(), "rehearsals leave nothing behind"
    identity.signer()
    ledger.place().parent.mkdir()
    ledger.place().write_bytes(b"no database" * 99)
    (own / identity.FILE).chmod(0o644)
    doctor._marks(broken, advice)
    assert "can be read or changed by others" in broken[0] and "is damaged" in advice[0]
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(places.CONFIG, str(tmp_path / "file" / "config"))
    monkeypatch.setenv(places.DATA, str(tmp_path / "file" / "data"))
    broken, advice = [], []
    doctor._marks(broken, advice)
    assert not broken and places.CONFIG in advice[0] and places.DATA in advice[1]
