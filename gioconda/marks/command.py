"""An operator's signer command: it reads bytes from its standard input and writes their signature to its standard output.

    GIOCONDA_SIGNER="openssl dgst -sha256 -sign key.pem"

No shell is involved. Signatures by elliptic curves may come as DER, as OpenSSL writes them, or raw, as COSE has them.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from gioconda.errors import IdentityError

if TYPE_CHECKING:
    from gioconda.marks.certificates import Chain

PATIENCE = 120.0
"""Seconds that the command is given: a person may have to touch a token."""

HASHES = {"es256": "SHA256", "es384": "SHA384", "es512": "SHA512", "ps256": "SHA256"}
"""Algorithm to the hash that is signed (RFC 9053, tables 1 and 3)."""


def signature(line: str, chain: Chain, data: bytes) -> bytes:
    """The signature of `data` as COSE has it, by the command `line`, checked against the certificate.

    Raises:
        IdentityError: the command cannot be started, fails, takes too long, or its signature does not fit the certificate.
    """
    words = shlex.split(line)
    try:
        done = subprocess.run(words, input=data, capture_output=True, timeout=PATIENCE, check=True)
    except FileNotFoundError as error:
        raise _failed(words, "was not found") from error
    except subprocess.TimeoutExpired as error:
        raise _failed(words, f"gave no answer within {PATIENCE:.0f} s") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _failed(
            words, f"failed with exit code {error.returncode}{': ' * bool(said)}{said[-1] if said else ''}"
        ) from error
    except OSError as error:
        raise _failed(words, f"could not be started ({error.strerror})") from error
    return _checked(done.stdout, chain, data, words)


def _failed(words: list[str], what: str) -> IdentityError:
    return IdentityError(
        f"The signer command {words[0] if words else ''!r} {what}.",
        "It has to read bytes and to write their signature.",
        "Try it in a terminal.",
    )


def _checked(given: bytes, chain: Chain, data: bytes, words: list[str]) -> bytes:
    """The signature as COSE has it, after the certificate's key has confirmed it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    public: Any = chain.certificate.public_key()
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            half = (public.curve.key_size + 7) // 8
            if len(given) == 2 * half:
                raw = given
                der = utils.encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
            else:
                der = given
                r, s = utils.decode_dss_signature(der)
                raw = r.to_bytes(half) + s.to_bytes(half)
            public.verify(der, data, ec.ECDSA(getattr(hashes, HASHES[chain.algorithm])()))
            return raw
        if isinstance(public, rsa.RSAPublicKey):
            digest = hashes.SHA256()
            public.verify(given, data, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
        else:
            public.verify(given, data)
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise _failed(words, f"wrote {len(given)} bytes that are no signature by the certificate of {chain.name}") from error
    return given


def pkcs8(private: Any) -> bytes:
    """A private key as PEM, PKCS #8, in whatever form it came."""
    from cryptography.hazmat.primitives import serialization

    return bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
