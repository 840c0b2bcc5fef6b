"""The certificate chain that composites are signed with, and the anchors they are checked against.

A house that has a certificate names its files in the settings. Everybody else
gets a development chain, made once into the data folder: a root of their own
and an ES256 leaf under it. It proves that a file came from this bank and was
not changed; nobody outside trusts it, and `verify` says so.
"""

import fcntl
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bankd.provenance.errors import CertificateUnusable

CHAIN_FILE = "c2pa-chain.pem"
KEY_FILE = "c2pa-key.pem"
ANCHORS_FILE = "c2pa-anchors.pem"
VALID_FOR = timedelta(days=3650)
WARN_BEFORE = timedelta(days=45)


@dataclass(frozen=True)
class Credentials:
    """An ES256 signing key and its chain, leaf first; `anchors_pem` holds the roots it is checked against.

    Where the key lies elsewhere `key_pem` is empty and `sign` asks for a signature: bytes in, and 64 bytes
    out, the two numbers of an ECDSA signature over their SHA-256.
    """

    chain_pem: str
    key_pem: str = field(repr=False)
    anchors_pem: str
    development: bool
    sign: Callable[[bytes], bytes] | None = field(default=None, repr=False)


def development_chain(*, at: datetime, name: str = "bankd development") -> Credentials:
    """A new root and a leaf under it, valid from a day before `at` for ten years.

    The leaf is what C2PA demands of a signer: no CA, key usage
    digitalSignature alone, extended key usage emailProtection alone,
    authority key identifier present.
    """
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, leaf_name = _name(f"{name} root"), _name(f"{name} signer")
    root = (
        _unsigned(root_name, root_name, root_key.public_key(), at=at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _unsigned(leaf_name, root_name, leaf_key.public_key(), at=at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    root_pem = root.public_bytes(serialization.Encoding.PEM).decode()
    leaf_pem = leaf.public_bytes(serialization.Encoding.PEM).decode()
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Credentials(leaf_pem + root_pem, key_pem, root_pem, development=True)


def ensure_development(folder: Path, *, at: datetime) -> Credentials:
    """The development chain of this data folder, made when it is missing. Files are 0600.

    The root's key is thrown away: nobody can make a second signer under it.
    """
    paths = [folder / file for file in (CHAIN_FILE, KEY_FILE, ANCHORS_FILE)]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _in_turn(folder):
            if not all(path.exists() for path in paths):
                made = development_chain(at=at)
                for path, text in zip(paths, (made.chain_pem, made.key_pem, made.anchors_pem), strict=True):
                    _write_private(path, text)
    chain, key, anchors = paths
    return load(chain, key, anchors, development=True)


def load(
    chain: Path,
    key: Path | None,
    anchors: Path | None = None,
    *,
    development: bool = False,
    sign: Callable[[bytes], bytes] | None = None,
) -> Credentials:
    """Credentials from PEM files; without `anchors` the chain's last certificate is the anchor.

    Args:
        key: None where it lies elsewhere, and `sign` asks for signatures.

    Raises:
        CertificateUnusable: a file is missing or no PEM, the key is not P-256
            or not the leaf's, or the leaf is not one that C2PA lets sign.
    """
    chain_pem, key_pem = _read(chain), _read(key) if key is not None else ""
    try:
        certificates = x509.load_pem_x509_certificates(chain_pem.encode())
        private = serialization.load_pem_private_key(key_pem.encode(), password=None) if key else None
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(chain, "the chain or its key is no readable PEM") from error
    leaf = certificates[0]
    public = leaf.public_key() if private is None else private.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise CertificateUnusable(key or chain, "the key is not a P-256 key, which ES256 needs")
    if leaf.public_key() != public:
        raise CertificateUnusable(key or chain, "the key does not belong to the chain's first certificate")
    try:
        for child, issuer in itertools.pairwise(certificates):
            child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateUnusable(chain, "a certificate is not signed by the one after it") from error
    reason = _unfit(leaf)
    if reason:
        raise CertificateUnusable(chain, reason)
    last = certificates[-1].public_bytes(serialization.Encoding.PEM).decode()
    return Credentials(chain_pem, key_pem, roots(anchors) if anchors else last, development, sign)


def roots(path: Path) -> str:
    """The certificates of a PEM file that chains are held to.

    Raises:
        CertificateUnusable: it is missing, or holds no certificate.
    """
    pem = _read(path)
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise CertificateUnusable(path, "it holds no readable certificate") from error
    return pem


@dataclass(frozen=True)
class Validity:
    """Until when a chain signs: as long as each of its certificates is valid."""

    subject: str
    issuer: str
    starts_at: datetime
    ends_at: datetime  # of whichever ends first

    def warning(self, *, at: datetime) -> str | None:
        """What has to be done about it, while there is something to do."""
        day = self.ends_at.date().isoformat()
        if at >= self.ends_at:
            return f"the signing certificate ended on {day}: nothing can be sealed before it is renewed"
        if at < self.starts_at:
            first = self.starts_at.date().isoformat()
            return f"the signing certificate begins on {first}: nothing can be sealed yet"
        if at + WARN_BEFORE >= self.ends_at:
            left = (self.ends_at - at).days
            return (
                f"the signing certificate ends on {day}, in {left} days: renew it; what it signed without a"
                " time stamp is not valid after that"
            )
        return None


def validity(credentials: Credentials) -> Validity:
    certificates = x509.load_pem_x509_certificates(credentials.chain_pem.encode())
    return Validity(
        name_of(certificates[0].subject),
        name_of(certificates[-1].issuer),
        max(one.not_valid_before_utc for one in certificates),
        min(one.not_valid_after_utc for one in certificates),
    )


def names(pem: str) -> tuple[str, ...]:
    """The names of the certificates in a PEM text, in its order."""
    found = x509.load_pem_x509_certificates(pem.encode()) if pem else []
    return tuple(name_of(one.subject) for one in found)


def name_of(name: x509.Name) -> str:
    """The common name and the organization, as far as they are there."""
    parts = [
        str(found[0].value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        if (found := name.get_attributes_for_oid(oid))
    ]
    return " of ".join(parts) or name.rfc4514_string()


def _unfit(leaf: x509.Certificate) -> str | None:
    """Why C2PA would refuse this leaf as a signer, or None."""
    extensions = leaf.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        if constraints.ca:
            return "the first certificate is a certificate authority, not a signer"
    except x509.ExtensionNotFound:
        pass
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return "the first certificate may not make digital signatures"
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.SERVER_AUTH in purposes:
            return "the first certificate is for web servers"
        extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound as missing:
        return f"the first certificate lacks the extension {missing.oid.dotted_string}"
    return None


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "bankd"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + VALID_FOR)
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateUnusable(path, "the file cannot be read as PEM") from error


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """Of several that find a file missing one makes it: two would leave a key beside another's chain."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_private(path: Path, text: str) -> None:
    """Readable by the owner alone from its first byte, and whole or not there."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
