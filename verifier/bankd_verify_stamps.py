"""RFC 3161 time stamps, by `cryptography` alone: that an authority of trust.json saw a file, and when.

`bankd_verify.py` loads it from beside itself. What it reads are responses kept beside files. A stamp that
stands inside a file's content credentials is over their signature, and is not looked at here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bankd_verify import SAYS, NotChecked, require
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

SAYS.update(
    {
        "stamp.another": "the time stamp is of another file",
        "stamp.chain": "the authority's certificate ends in no root of trust.json, or is not for time stamps",
        "stamp.signature": "the time stamp was changed, or is signed by another than it names",
        "stamp.unreadable": "it is no time stamp of RFC 3161",
    }
)

SEQUENCE, SET, INTEGER, OCTETS, OID, TIME, CONTEXT = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18, 0xA0
SIGNED_DATA, STAMP = "2a864886f70d010702", "2a864886f70d0109100104"
KIND, DIGEST, CERTIFICATE, CERTIFICATE_V2 = (
    "2a864886f70d010903",
    "2a864886f70d010904",
    "2a864886f70d010910020c",
    "2a864886f70d010910022f",
)
HASHES: dict[str, hashes.HashAlgorithm] = {
    "608648016503040201": hashes.SHA256(),
    "608648016503040202": hashes.SHA384(),
    "608648016503040203": hashes.SHA512(),
}
SIGNED_WITH: dict[str, hashes.HashAlgorithm | None] = {  # None: as the digest
    "2a864886f70d010101": None,
    "2a864886f70d01010b": hashes.SHA256(),
    "2a864886f70d01010c": hashes.SHA384(),
    "2a864886f70d01010d": hashes.SHA512(),
    "2a8648ce3d040302": hashes.SHA256(),
    "2a8648ce3d040303": hashes.SHA384(),
    "2a8648ce3d040304": hashes.SHA512(),
}
LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Field:
    """One value of DER: `content` within, `whole` with tag and length."""

    tag: int
    content: bytes
    whole: bytes

    def inside(self, *tags: int) -> "list[Field]":
        """The values within, which begin with these tags."""
        found = fields(self.content)
        require([one.tag for one in found[: len(tags)]] == [*tags], "stamp.unreadable")
        return found


def fields(der: bytes) -> list[Field]:
    found, at = list[Field](), 0
    while at < len(der):
        require(at + 2 <= len(der), "stamp.unreadable")
        length, begin = der[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            require(0 < octets <= 4, "stamp.unreadable")
            length, begin = int.from_bytes(der[begin : begin + octets]), begin + octets
        require(begin + length <= len(der), "stamp.unreadable")
        found.append(Field(der[at], der[begin : begin + length], der[at : begin + length]))
        at = begin + length
    return found


def check(response: bytes, file_sha256: str, roots_pem: str) -> str:
    """What a response says of the file with this hash, by whose word."""
    if not roots_pem.strip():
        raise NotChecked("trust.json names no root of time stamps")
    roots = x509.load_pem_x509_certificates(roots_pem.encode())
    (answer,) = fields(response)
    status, token, *_ = answer.inside(SEQUENCE, SEQUENCE)
    require(status.inside(INTEGER)[0].content in (b"\0", b"\1"), "stamp.unreadable", "it was not granted")
    kind, explicit = token.inside(OID, CONTEXT)
    (signed,) = explicit.inside(SEQUENCE)
    _, _, said, *more = signed.inside(INTEGER, SET, SEQUENCE)
    require(kind.content.hex() == SIGNED_DATA, "stamp.unreadable")
    kind, explicit = said.inside(OID, CONTEXT)
    (info,) = explicit.inside(OCTETS)
    require(kind.content.hex() == STAMP, "stamp.unreadable")
    (stated,) = info.inside(SEQUENCE)
    _, _, imprint, _, moment, *_ = stated.inside(INTEGER, OID, SEQUENCE, INTEGER, TIME)
    algorithm, digest = imprint.inside(SEQUENCE, OCTETS)
    name = algorithm.inside(OID)[0].content.hex()
    require(isinstance(HASHES.get(name), hashes.SHA256), "stamp.another", "by another hash")
    require(digest.content.hex() == file_sha256, "stamp.another")
    at = told(moment.content.decode())

    held = [one for field in more if field.tag == CONTEXT for one in fields(field.content)]
    certificates = [x509.load_der_x509_certificate(one.whole) for one in held if one.tag == SEQUENCE]
    require(more[-1].tag == SET and len(signers := more[-1].inside(SEQUENCE)) == 1, "stamp.unreadable")
    signer = signer_of(signers[0], info.content, certificates)
    leads_to(signer, certificates, roots, at)
    return f"{signer.subject.rfc4514_string()} says that the file was there at {at:%Y-%m-%d %H:%M:%S} UTC"


def told(moment: str) -> datetime:
    whole, _, _ = moment.removesuffix("Z").partition(".")
    require(moment.endswith("Z") and len(whole) == 14, "stamp.unreadable", "its moment")
    return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def signer_of(signer: Field, info: bytes, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Whose certificate signed: the one that the signed attributes name by hash, and no other."""
    _, _, digest, attributes, algorithm, signature, *_ = signer.inside(
        INTEGER, SEQUENCE, SEQUENCE, CONTEXT, SEQUENCE, OCTETS
    )
    names = [one.inside(OID)[0].content.hex() for one in (digest, algorithm)]
    if names[0] not in HASHES or names[1] not in SIGNED_WITH:
        raise NotChecked(f"the time stamp is signed by an algorithm that this program does not know: {names}")
    by, signed_with = HASHES[names[0]], SIGNED_WITH[names[1]] or HASHES[names[0]]
    stated = dict[str, Field]()
    for one in fields(attributes.content):
        kind, values = one.inside(OID, SET)
        require(kind.content.hex() not in stated, "stamp.unreadable", "an attribute stands twice")
        (stated[kind.content.hex()],) = fields(values.content)
    require({KIND, DIGEST} <= stated.keys(), "stamp.unreadable")
    require(stated[KIND].content.hex() == STAMP, "stamp.signature")
    require(stated[DIGEST].content == hashed(by, info), "stamp.signature")
    for certificate in certificates:
        if names_it(stated, certificate):
            verified(certificate, signature.content, bytes([SET]) + attributes.whole[1:], signed_with)
            return certificate
    require(False, "stamp.signature", "the certificate that it names is not there")
    raise AssertionError


def names_it(stated: dict[str, Field], certificate: x509.Certificate) -> bool:
    """Whether ESSCertID (by SHA-1) or ESSCertIDv2 (by SHA-256, or what it says) is this certificate's."""
    for name, usual in ((CERTIFICATE_V2, hashes.SHA256()), (CERTIFICATE, hashes.SHA1())):  # noqa: S303  RFC 2634's
        if name in stated:
            first, *_ = stated[name].inside(SEQUENCE)[0].inside(SEQUENCE)
            algorithm, *rest = fields(first.content)
            by: hashes.HashAlgorithm | None = usual
            if algorithm.tag == SEQUENCE:
                by, algorithm = HASHES.get(algorithm.inside(OID)[0].content.hex()), rest[0]
            return by is not None and certificate.fingerprint(by) == algorithm.content
    return False


def hashed(by: hashes.HashAlgorithm, content: bytes) -> bytes:
    digest = hashes.Hash(by)
    digest.update(content)
    return digest.finalize()


def verified(
    certificate: x509.Certificate, signature: bytes, content: bytes, by: hashes.HashAlgorithm
) -> None:
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), by)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(by))
        else:
            raise NotChecked("the time stamp is signed by a kind of key that this program does not know")
    except InvalidSignature:
        require(False, "stamp.signature")


def leads_to(
    signer: x509.Certificate,
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    """From the authority's certificate, for time stamps alone, to a root; each valid at the moment."""
    try:
        purpose = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        purpose = None
    own = purpose is not None and [*purpose.value] == [ExtendedKeyUsageOID.TIME_STAMPING] and purpose.critical
    require(own, "stamp.chain", "it is not for time stamps alone")
    one = signer
    for below in range(LONGEST_CHAIN):
        during = one.not_valid_before_utc <= at <= one.not_valid_after_utc
        require(during, "stamp.chain", f"`{one.subject.rfc4514_string()}` was not valid then")
        if one in roots:
            return
        above = next((more for more in (*roots, *certificates) if issued(more, one, below)), None)
        require(above is not None, "stamp.chain")
        assert above is not None
        one = above
    require(False, "stamp.chain", "its chain is too long")


def issued(above: x509.Certificate, one: x509.Certificate, below: int) -> bool:
    """Whether an authority's certificate, with room for `below` authorities under it, signed this one."""
    try:
        limits = above.extensions.get_extension_for_class(x509.BasicConstraints).value
        one.verify_directly_issued_by(above)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return limits.ca and (limits.path_length is None or limits.path_length >= below)
