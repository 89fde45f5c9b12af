"""Certificates and keys: a self-made chain, what is read from PEM files, and whether the two fit together today.

C2PA asks for a certificate that is not self-signed, with the extended key usage emailProtection and with key identifiers
(C2PA 2.2, "X.509 Certificates"), so a self-made chain has two links. The key of its first link signs one certificate and is
then thrown away: whoever steals the folder cannot make more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gioconda.errors import IdentityError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ORGANISATION = "Gioconda (self-made certificate)"
"""What readers of the credentials are shown as issuer: it says what such a certificate is worth."""

LASTS = timedelta(days=3653)
"""How long a self-made certificate is valid: without a time-stamp, what it signed cannot be checked for longer."""

SKEW = timedelta(days=1)
"""How far before its making a certificate is valid: clocks differ."""

MADE_AFTER = datetime(2026, 11, 1, tzinfo=UTC)
"""When this code was written: a clock that says less is wrong."""

CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
"""Name of a curve to C2PA's name of the algorithm."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Certificates, the signer's own first."""

    pem: bytes
    certificate: Certificate
    """The signer's own."""

    @property
    def own(self) -> bytes:
        """The signer's certificate alone, PEM."""
        return pem(self.certificate)

    @property
    def name(self) -> str:
        """Common name of the signer, or all of its name where there is none."""
        from cryptography.x509.oid import NameOID

        subject = self.certificate.subject
        common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common[0].value) if common else subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the signer's certificate, 64 hexadecimal digits."""
        return fingerprint(self.certificate)

    @property
    def algorithm(self) -> str:
        """C2PA's name of the algorithm that fits the key.

        Raises:
            IdentityError: C2PA knows none for it.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        public = self.certificate.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
            return CURVES[public.curve.name]
        if isinstance(public, ed25519.Ed25519PublicKey):
            return "ed25519"
        if isinstance(public, rsa.RSAPublicKey):
            return "ps256"
        raise IdentityError(
            f"The certificate of {self.name} has a key that C2PA does not know.",
            "Elliptic curves P-256, P-384 and P-521, Ed25519 and RSA are possible.",
            "Get a certificate for one of these.",
        )


def now() -> datetime:
    """The time in UTC; tests turn this clock."""
    return datetime.now(UTC)


def read(text: bytes, what: str) -> Chain:
    """The chain in a PEM file; `what` names it in a complaint ("The certificate chain chain.pem").

    Raises:
        IdentityError: there is no certificate in it.
    """
    from cryptography import x509

    try:
        certificates = x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise IdentityError(
            f"{what} holds no certificates that can be read ({_reason(error)}).",
            "PEM is needed, the signer's own certificate first.",
            "Give the right file.",
        ) from error
    return Chain(b"".join(map(pem, certificates)), certificates[0])


def read_key(text: bytes, what: str) -> Any:
    """The private key in a PEM file.

    Raises:
        IdentityError: there is none, or it is locked with a password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(text, None)
    except TypeError as error:
        raise IdentityError(
            f"{what} is locked with a password.",
            "A key that can be read is needed.",
            "Give it without a password, or let a signer command ask for it.",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityError(
            f"{what} holds no private key that can be read ({_reason(error)}).", "PEM is needed.", "Give the right file."
        ) from error


def check(chain: Chain, public: Any, do: str) -> None:
    """Check that a chain belongs to a key, may sign, and is valid now.

    Args:
        chain: the certificates.
        public: the public key of the private one, or None where a command keeps it.
        do: what the user can do about an expired or wrong certificate.

    Raises:
        IdentityError: they do not fit, or the certificate is not valid yet, no longer, or not one that may sign.
    """
    from cryptography import x509

    certificate = chain.certificate
    if public is not None and _raw(public) != _raw(certificate.public_key()):
        raise IdentityError(
            f"The key does not belong to the certificate of {chain.name}.",
            "The two have to be a pair.",
            "Give the key that fits.",
        )
    moment, first, last = now(), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment < first:
        raise IdentityError(
            f"The clock of this machine says {moment:%Y-%m-%d}; the certificate of {chain.name} begins on {first:%Y-%m-%d}.",
            "A certificate that is valid now is needed.",
            f"Set the clock. If it is right: {do}",
        )
    if moment > last:
        raise IdentityError(
            f"The certificate of {chain.name} expired on {last:%Y-%m-%d}.", "A certificate that is valid now is needed.", do
        )
    try:
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if authority:
        raise IdentityError(
            f"The first certificate in the chain, {chain.name}, is an authority's.",
            "The signer's own has to come first, and C2PA refuses one that is self-signed.",
            "Put the signer's certificate first.",
        )


def check_clock() -> None:
    """Check that the clock is not before this code was written: a chain made then would be of no use.

    Raises:
        IdentityError: it is.
    """
    if now() < MADE_AFTER:
        raise IdentityError(
            f"The clock of this machine says {now():%Y-%m-%d}, which is before this version of Gioconda was made.",
            "A right clock is needed to make a signing certificate.",
            "Set the clock.",
        )


def make() -> tuple[bytes, Chain]:
    """A new private key (PEM, PKCS #8) and its self-made chain, ES256.

    Raises:
        IdentityError: the clock is wrong.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    check_clock()
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Names tell installations apart and nothing else: neither user nor machine.
    name = f"Gioconda {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]}"
    issuer = _name(f"{name} root")
    authority = (
        _begun(issuer, issuer, root, root)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root, hashes.SHA256())
    )
    own = (
        _begun(_name(name), issuer, key, root)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, Chain(pem(own) + pem(authority), own)


def _begun(subject: Any, issuer: Any, key: Any, signer: Any) -> Any:
    """A certificate's beginning, with the key identifiers that C2PA asks for."""
    from cryptography import x509

    public, moment = key.public_key(), now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - SKEW)
        .not_valid_after(moment + LASTS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _name(common: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION)]
    )


def _usage(**given: bool) -> Any:
    from cryptography import x509

    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    return x509.KeyUsage(**dict.fromkeys([*names.split(), "encipher_only", "decipher_only"], False) | given)


def pem(certificate: Certificate) -> bytes:
    """One certificate as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def fingerprint(certificate: Certificate) -> str:
    """SHA-256 of a certificate, 64 hexadecimal digits."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def _raw(public: Any) -> bytes:
    """A public key as bytes, to be compared."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:120] or type(error).__name__
