"""The identity that signs results: made by this installation on first use, or an operator's own certificate.

    GIOCONDA_CERTIFICATES   an operator's certificate chain, PEM, the signer's own first
    GIOCONDA_KEY            its private key, PEM, or
    GIOCONDA_SIGNER         a command that reads bytes and writes their signature: the key may stay in a vault
    GIOCONDA_TIMESTAMPS     an RFC 3161 time-stamp server, asked at every signing
    GIOCONDA_TRUST          certificates of other installations whose results count as this one's, PEM

The first two and the last of these name a file or hold the text itself.

    GIOCONDA_CONFIG         the folder of the self-made identity (default: the user's configuration folder)

A self-made certificate proves that a file is unchanged and which installation signed it, not who you are.
"""

from __future__ import annotations

import functools
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gioconda.errors import IdentityError
from gioconda.marks import certificates, command, places
from gioconda.marks.certificates import Chain

CERTIFICATES, KEY, SIGNER = "GIOCONDA_CERTIFICATES", "GIOCONDA_KEY", "GIOCONDA_SIGNER"
TIMESTAMPS, TRUST = "GIOCONDA_TIMESTAMPS", "GIOCONDA_TRUST"

PEM = "-----BEGIN"
"""How a variable begins that holds certificates or a key itself, and not the name of a file."""

FILE = "identity.pem"
"""Name of the self-made identity in its folder: the private key and the chain, in one file so that they change together."""
KNOWN = "known"
"""Folder beside it of every certificate that ever signed here; without keys."""

Kind = Literal["self-made", "operator", "passing"]
"""passing: made for this process alone, as there is no place to keep one."""

RENEW = "Renew it: python -m gioconda identity renew"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and how."""

    chain: Chain
    key: bytes | None
    """The private key, PEM (PKCS #8); None where `sign` does it."""
    sign: Callable[[bytes], bytes] | None
    """Signs bytes by a command; None where there is a key."""
    kind: Kind
    stamps: str | None = None
    """URL of an RFC 3161 time-stamp server."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a user has to be told about results signed by it."""
        if self.kind != "passing":
            return ()
        told = (
            f"No signing identity can be kept in {places.config()}: results are signed with a key that is thrown away when the "
            "program ends, and from then on nothing knows them as made here. "
            f"Set {places.CONFIG} to a folder that can be written."
        )
        return (told,)


def signer() -> Signer:
    """Who signs now; the self-made identity is made when there is none yet.

    Raises:
        IdentityError: the operator's settings or the self-made identity cannot be used.
    """
    stamps = os.environ.get(TIMESTAMPS) or None
    if stamps and not stamps.startswith(("http://", "https://")):
        raise IdentityError(f"{TIMESTAMPS} is {stamps!r}.", "The address of a time-stamp server is needed.", "Give its URL.")
    if any(os.environ.get(name) for name in (CERTIFICATES, KEY, SIGNER)):
        return _operator(stamps)
    place = places.config() / FILE
    kept = _kept(place)
    kind: Kind = "self-made"
    if kept is None:
        made = certificates.make()
        if _keep(place, *made):
            kept = _kept(place)
    if kept is None:
        kind, kept = "passing", _passing()
    key, chain = kept
    certificates.check(chain, certificates.read_key(key, f"The identity {place}").public_key(), RENEW)
    return Signer(chain, key, None, kind, stamps)


def current() -> tuple[Chain, Kind] | None:
    """The certificates that would sign now, without making any; None where there are none yet.

    Raises:
        IdentityError: they cannot be read.
    """
    if os.environ.get(CERTIFICATES):
        return _chain(CERTIFICATES), "operator"
    kept = _kept(places.config() / FILE)
    if kept is not None:
        return kept[1], "self-made"
    return (_passing()[1], "passing") if _passing.cache_info().currsize else None


def ours() -> tuple[bytes, tuple[str, ...]]:
    """Every certificate whose signature counts as this installation's: the present one, former ones, and trusted ones.

    Returns:
        The certificates, PEM, and a sentence on each place of them that could not be read.
    """
    sources: list[Path | str] = [*former(), *(name for name in (CERTIFICATES, TRUST) if os.environ.get(name))]
    parts, troubles = [], []
    for source in sources:
        try:
            found = _chain(source)
            parts.append(found.pem if source == TRUST else found.own)
        except IdentityError as error:
            troubles.append(str(error))
    if _passing.cache_info().currsize:
        parts.append(_passing()[1].own)
    return b"".join(parts), tuple(troubles)


def former() -> list[Path]:
    """The certificates that ever signed here, each a PEM file without a key."""
    folder = places.config() / KNOWN
    return sorted(folder.glob("*.pem")) if folder.is_dir() else []


def renew() -> Chain:
    """Make a new key and certificate; what the former one signed is still known.

    Raises:
        IdentityError: the certificate is an operator's, or the place cannot be written.
    """
    if os.environ.get(CERTIFICATES):
        raise IdentityError(
            f"The certificate comes from {_origin(CERTIFICATES)}.",
            "Only a self-made one can be renewed here.",
            "Get a new one where that one came from.",
        )
    place = places.config() / FILE
    key, chain = certificates.make()
    if not _keep(place, key, chain, replace=True):
        raise IdentityError(
            f"The new identity could not be written to {place.parent}.",
            "A folder that can be written is needed.",
            f"Change its permissions, or set {places.CONFIG} to another folder.",
        )
    return chain


def _operator(stamps: str | None) -> Signer:
    """The operator's certificate with its key or command."""
    named, key, asked = (os.environ.get(name) for name in (CERTIFICATES, KEY, SIGNER))
    if not named or bool(key) == bool(asked):
        raise IdentityError(
            f"Of the operator's settings there are {', '.join(n for n in (CERTIFICATES, KEY, SIGNER) if os.environ.get(n))}.",
            f"{CERTIFICATES} is needed, and either {KEY} or {SIGNER}.",
            "Set these two, or none of the three to sign with a self-made certificate.",
        )
    chain = _chain(CERTIFICATES)
    do = "Get a new one where it came from."
    with suppress(OSError):  # known as long as the operator names it; afterwards GIOCONDA_TRUST may
        _remember(chain)
    if asked:
        certificates.check(chain, None, do)
        return Signer(chain, None, functools.partial(command.signature, asked, chain), "operator", stamps)
    private = certificates.read_key(_secret(KEY, stat.S_IRWXO), f"The key in {_origin(KEY)}")
    certificates.check(chain, private.public_key(), do)
    return Signer(chain, command.pkcs8(private), None, "operator", stamps)


def _content(source: Path | str) -> tuple[bytes, Path | None]:
    """What a file or an environment variable holds, and the file: a variable names one, or is the text itself, as where an
    environment is all that an operator can set.
    """
    text = os.environ.get(source, "") if isinstance(source, str) else ""
    if text.lstrip().startswith(PEM):
        return text.encode(), None
    path = Path(text) if isinstance(source, str) else source
    try:
        return path.read_bytes(), path
    except OSError as error:
        named = f"{source} names a file that is needed." if isinstance(source, str) else "It is needed."
        raise IdentityError(f"{path} cannot be read ({error.strerror}).", named, "Check its name and permissions.") from error


def _origin(variable: str) -> str:
    """Where an environment variable takes something from, without the thing itself."""
    text = os.environ.get(variable, "")
    return f"the variable {variable}" if text.lstrip().startswith(PEM) else f"{text} ({variable})"


def _chain(source: Path | str) -> Chain:
    """The certificates in a file, or in what an environment variable names or holds."""
    what = _origin(source) if isinstance(source, str) else str(source)
    return certificates.read(_content(source)[0], f"The list of certificates in {what}")


def _secret(source: Path | str, forbidden: int) -> bytes:
    """A private key; refused where it lies in a file that others could read too.

    Args:
        source: the file, or the variable that names it or holds the key.
        forbidden: permission bits that it must not have; an operator's key may be its group's, as secrets in clusters are.
    """
    content, path = _content(source)
    mode = stat.S_IMODE(path.stat().st_mode) if path is not None else 0
    if os.name == "posix" and mode & forbidden:
        raise IdentityError(
            f"The private key {path} can be read or changed by others on this machine (its mode is {mode:04o}).",
            "Only its owner may have it.",
            f"chmod 600 {path}",
        )
    return content


def _kept(place: Path) -> tuple[bytes, Chain] | None:
    """The self-made identity as it lies in its place: the key and the chain; None where there is none."""
    try:
        there = place.exists()
    except OSError:  # a folder on the way is closed to us: there is no identity that could be used
        there = False
    if not there:
        return None
    content = _secret(place, stat.S_IRWXG | stat.S_IRWXO)
    what = f"The identity {place}"
    chain = certificates.read(content, what)
    certificates.read_key(content, what)
    return content[: content.index(b"-----BEGIN CERTIFICATE")], chain


def _keep(place: Path, key: bytes, chain: Chain, *, replace: bool = False) -> bool:
    """Write an identity, whole and for its owner alone; False where the place cannot be written.

    Of two processes that do this at once the first one wins; its file is what both read afterwards.
    """
    part = place.with_name(f"{FILE}.{secrets.token_hex(4)}.part")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key + chain.pem)
            file.flush()
            os.fsync(file.fileno())
        _remember(chain)
        if replace:
            part.replace(place)
        else:
            _put_first(part, place)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return True


def _put_first(part: Path, place: Path) -> None:
    """Give a file its name unless somebody else was quicker."""
    try:
        os.link(part, place)  # unlike a rename it fails where the name is taken
    except FileExistsError:
        return
    except OSError:  # a file system without links: the later one wins, and both are remembered
        part.replace(place)


def _remember(chain: Chain) -> None:
    """Keep a certificate, without its key, so that what it signs is known here for ever.

    Raises:
        OSError: the place cannot be written.
    """
    folder = places.config() / KNOWN
    place = folder / f"{chain.fingerprint[:32]}.pem"
    if place.exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place.with_suffix(f".{secrets.token_hex(4)}.part")
    part.write_bytes(chain.own)
    part.replace(place)


@functools.cache
def _passing() -> tuple[bytes, Chain]:
    """An identity for this process, where none can be kept."""
    return certificates.make()


def lines() -> Iterator[str]:
    """What there is to know about the present identity, to be read; nothing is made.

    Raises:
        IdentityError: it cannot be read.
    """
    found = current()
    if found is None:
        yield f"There is no signing identity yet: it is made with the first result, in {places.config()}."
        return
    chain, kind = found
    certificate = chain.certificate
    origin = {
        "self-made": f"self-made, in {places.config()}; it proves that files are unchanged, not who you are",
        "operator": f"an operator's, from {_origin(CERTIFICATES)}",
        "passing": f"for this process alone: nothing can be kept in {places.config()}",
    }
    yield f"Signs as: {chain.name} ({origin[kind]})"
    yield f"Algorithm: {chain.algorithm}"
    yield f"Valid: {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    yield f"Certificate, SHA-256: {chain.fingerprint}"
    yield f"Time-stamps: {os.environ.get(TIMESTAMPS) or 'none'}"
    others = [path for path in former() if path.stem != chain.fingerprint[:32]]
    yield f"Former certificates that are still known: {len(others)}"
    if os.environ.get(TRUST):
        yield f"Others whose results count as made here: {_origin(TRUST)}"
