"""Content Credentials (C2PA): a finished file is signed, and what a file carries is read.

Nothing is looked up in the network while reading: neither manifests that lie elsewhere nor revocations.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gioconda.errors import IdentityError
from gioconda.marks.kinds import media_type
from gioconda.plain import plain

if TYPE_CHECKING:
    import c2pa

    from gioconda.marks.identity import Signer
    from gioconda.marks.manifest import Manifest

FLAT = 64_000_000
"""Bytes up to which a video is hashed in one piece, as every reader knows it; beyond, in pieces of `PIECE`, because the
library holds a piece in memory."""
PIECE = 4096
"""kB of such a piece: 32 bytes each in the manifest."""

BUFFER = 8
"""MB that the library may hold in memory before it writes to a file."""

LARGEST = 32
"""MB to which a compressed manifest may unfold."""

KEPT = 2_000_000
"""Characters of an input's credentials, told in full, up to which they are kept: pictures among them are told too."""

EXPIRED = "signingCredential.expired"
UNTRUSTED = "signingCredential.untrusted"

PROBLEMS = {
    "assertion.bmffHash.mismatch": "picture, sound or tags are not what was signed",
    "assertion.dataHash.mismatch": "the content is not what was signed",
    "assertion.boxesHash.mismatch": "the content is not what was signed",
    "assertion.hashedURI.mismatch": "a statement in the credentials was altered",
    "claimSignature.mismatch": "the signature does not fit the credentials",
    EXPIRED: "the certificate has expired",
}
"""C2PA's codes (C2PA 2.2, "Validation status codes") in plain words; others are told as they are."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a file's Content Credentials say, and whether they hold. Texts are fit for a terminal."""

    state: Literal["whole", "broken", "unreadable"]
    """whole: signature and content fit each other; broken: they do not; unreadable: there are some, damaged or hostile."""
    ours: bool
    """Whether a certificate that counts as this installation's has signed them, whatever became of the content."""
    proven: bool = False
    """Whether the signature fits the certificate and the credentials; without that nobody has signed them."""
    signer: str = ""
    """Common name in the certificate; anybody can choose one."""
    issuer: str = ""
    """Organisation in the certificate; likewise."""
    generator: str = ""
    """The program that says it made the file; likewise."""
    title: str = ""
    manifest: str = ""
    """The manifest's own identifier, urn:c2pa:…"""
    signed: str | None = None
    """When it was signed, by a time-stamp server; None without one."""
    source_type: str | None = None
    """Last part of the IPTC digital source type, such as compositeSynthetic."""
    mark_id: str | None = None
    """The id that its soft binding names, hexadecimal."""
    problems: tuple[str, ...] = ()
    """What does not hold, in plain words."""
    ingredients: int = 0
    """How many files it says it was made from."""

    @property
    def intact(self) -> bool:
        """Whether the content is what was signed, be the certificate expired since or not."""
        return self.state == "whole" or self.problems == (PROBLEMS[EXPIRED],)


def settings(known: bytes = b"", *, flat: bool = True) -> dict[str, Any]:
    """Settings of C2PA's library.

    Args:
        known: certificates, PEM, whose signatures are to be told as ours.
        flat: whether videos are hashed in one piece.
    """
    core: dict[str, Any] = {"backing_store_memory_threshold_in_mb": BUFFER, "max_decompressed_manifest_size_in_mb": LARGEST}
    if not flat:
        core["merkle_tree_chunk_size_in_kb"] = PIECE
    trust: dict[str, Any] = {}
    if known:
        kind = {"trust_anchors": "", "trust_uri": "urn:gioconda:known", "trust_kind": "manifest"}
        trust["anchors"] = [{**kind, "allowed_list": known.decode()}]
    return {
        "core": core,
        "trust": trust,
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
        # Boxes that players skip are hashed as well: they could carry what nobody signed.
        "builder": {"thumbnail": {"enabled": False}, "bmff_hash_exclude_free_and_skip_boxes": False},
    }


def sign(part: Path, manifest: Manifest, signer: Signer) -> str:
    """Sign a finished file, in its place, and look at it as a stranger would; returns the manifest's identifier.

    Args:
        part: the file, whole; on any error it stays as it was.
        manifest: what is said about it.
        signer: who says it.

    Raises:
        IdentityError: it could not be signed, or what was signed does not hold.
    """
    import c2pa

    kind = media_type(part)
    signed = part.with_name(f"{part.name[:40]}.{secrets.token_hex(3)}.part")
    context = c2pa.Context.from_dict(settings(flat=part.stat().st_size <= FLAT))
    try:
        with (
            _builder(manifest, context, str(kind)) as builder,
            native(signer) as by,
            part.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(by, str(kind), source, target)
        found = read(signed, signer.chain.own)
        if found is None or found.state != "whole" or not found.ours:
            why = ", ".join(found.problems) if found else "there are none"
            raise IdentityError(
                f"The credentials of {part.name} do not hold ({why}).",
                "They are looked at after signing, and must.",
                "Check the certificate and the key.",
            )
        signed.replace(part)
        return found.manifest
    except (c2pa.C2paError, OSError) as error:
        raise IdentityError(
            f"The file could not be signed ({_reason(error)}).",
            "It takes a certificate that C2PA accepts, its key, free space and, where set, a time-stamp server that answers.",
            "Put right what is named in brackets.",
        ) from error
    finally:
        with suppress(OSError):
            signed.unlink(missing_ok=True)


def _builder(manifest: Manifest, context: c2pa.Context, kind: str) -> c2pa.Builder:
    import c2pa

    builder = c2pa.Builder.from_json(json.dumps({**manifest.definition, "format": kind}), context)
    for told, path in manifest.carriers:
        with path.open("rb") as file:
            builder.add_ingredient(json.dumps(told), media_type(path), file)
    return builder


def native(signer: Signer) -> c2pa.Signer:
    """The library's own notion of who signs."""
    import c2pa

    name, pem = signer.chain.algorithm, signer.chain.pem
    if signer.key is not None:
        stamps = signer.stamps.encode() if signer.stamps else None
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(name.encode(), pem, signer.key, stamps))
    assert signer.sign is not None
    return c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg[name.upper()], pem.decode(), signer.stamps)


def read(path: Path, known: bytes = b"") -> Credentials | None:
    """The Content Credentials of a file; None where it has none, or is of a kind that has none.

    Args:
        path: any file.
        known: certificates, PEM, whose signatures are to be told as ours.

    Raises:
        OSError: the file cannot be read.
    """
    import c2pa

    kind = media_type(path)
    if kind is None:
        return None
    context = c2pa.Context.from_dict(settings(known))
    try:
        with path.open("rb") as file, c2pa.Reader(kind, file, context=context) as reader:
            return told(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        # A stranger's manifest may hold anything, in any shape.
        return Credentials("unreadable", ours=False, problems=(plain(_reason(error)),))


@dataclass(frozen=True, slots=True)
class Carried:
    """The credentials that an input brings along."""

    state: Literal["none", "kept", "left"]
    """kept: they can go along; left: there are some, but damaged, hostile or too large."""
    thumbnails: tuple[str, ...] = ()
    """URIs of the pictures among them, which are left out: one may show a person."""


def carried(path: Path) -> Carried:
    """Look whether credentials of an input can be kept."""
    import c2pa

    kind = media_type(path)
    if kind is None:
        return Carried("none")
    try:
        with path.open("rb") as file, c2pa.Reader(kind, file, context=c2pa.Context.from_dict(settings())) as reader:
            text = reader.detailed_json()
            return Carried("kept", tuple(_thumbnails(json.loads(text)))) if len(text) <= KEPT else Carried("left")
    except c2pa.C2paError.ManifestNotFound:
        return Carried("none")
    except (c2pa.C2paError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return Carried("left")


def _thumbnails(found: Mapping[str, Any]) -> Iterator[str]:
    for label, manifest in found["manifests"].items():
        for name in manifest.get("assertion_store", {}):
            if name.startswith("c2pa.thumbnail"):
                yield f"self#jumbf=/c2pa/{label}/c2pa.assertions/{name}"


def told(found: Mapping[str, Any]) -> Credentials:
    """What matters of C2PA's report, which a stranger may have filled."""
    active = found["manifests"][found["active_manifest"]]
    results = found["validation_results"]["activeManifest"]
    success, failure = ({entry["code"] for entry in results.get(key, ())} for key in ("success", "failure"))
    signature = active.get("signature_info") or {}
    generator = (active.get("claim_generator_info") or [{}])[0]
    assertions = [(str(one.get("label")), one.get("data")) for one in active.get("assertions", ())]
    actions = [act for label, data in assertions if label.startswith("c2pa.actions") for act in (data or {}).get("actions", ())]
    source = next((str(act["digitalSourceType"]) for act in actions if act.get("digitalSourceType")), None)
    problems = sorted(failure - {UNTRUSTED})
    return Credentials(
        state="broken" if problems or found.get("validation_state") == "Invalid" else "whole",
        ours={"signingCredential.trusted", "claimSignature.validated"} <= success,
        proven="claimSignature.validated" in success,
        signer=plain(signature.get("common_name") or ""),
        issuer=plain(signature.get("issuer") or ""),
        generator=plain(" ".join(str(generator[key]) for key in ("name", "version") if generator.get(key))),
        title=plain(active.get("title") or ""),
        manifest=plain(found["active_manifest"]),
        signed=plain(signature["time"]) if signature.get("time") else None,
        source_type=plain(source.rpartition("/")[2]) if source else None,
        mark_id=_mark(assertions),
        problems=tuple(dict.fromkeys(PROBLEMS.get(code, plain(code)) for code in problems)),
        ingredients=len(active.get("ingredients") or ()),
    )


def _mark(assertions: list[tuple[str, Any]]) -> str | None:
    """The id in a soft binding by Gioconda's algorithm."""
    from gioconda.marks.pattern import ALGORITHM

    for label, data in assertions:
        if label.startswith("c2pa.soft-binding") and data.get("alg") == ALGORITHM:
            return plain(data["blocks"][0]["value"], 8)
    return None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
