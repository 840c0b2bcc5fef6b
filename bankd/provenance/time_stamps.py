"""RFC 3161 time stamps that are kept beside a file: asked for, read, and held against roots.

A stamp inside a file is asked for by the C2PA library when it signs. One that
no authority would give then is asked for later, over the SHA-256 of the whole
file, which need not be here any more; `openssl ts -verify -data FILE` checks the same token.
"""

import secrets

import rfc3161_client as rfc3161
import urllib3
from cryptography import x509
from rfc3161_client.errors import VerificationError

from bankd.provenance.certificates import name_of
from bankd.provenance.credential import TimeStamp
from bankd.provenance.errors import TimeStampRefused

WAIT_S = 10.0
TOKEN_MOST_BYTES = 1 << 20
MEDIA_TYPE = "application/timestamp-query"
NONCE_BITS = 64
_SHA256, _NULL, _TRUE = bytes.fromhex("0609608648016503040201"), b"\5\0", b"\1\1\xff"
_CERTIFICATES = b"\xa0"  # [0] of SignedData, RFC 5652


def ask(authority: str, file_sha256: str, *, roots_pem: str, wait_s: float = WAIT_S) -> bytes:
    """The authority's response for the file with this hash (a `.tsr`), whole as it came.

    Args:
        roots_pem: what its chain has to end in; where empty, that is not asked.

    Raises:
        TimeStampRefused: it does not answer, or with something else than a stamp of these bytes.
    """
    nonce = secrets.randbits(NONCE_BITS)
    response = _posted(authority, query(file_sha256, nonce), wait_s=wait_s)
    try:
        answer = _decoded(response)
        if answer.status != rfc3161.tsp.PKIStatus.GRANTED:
            raise TimeStampRefused(authority, "; ".join(answer.status_string) or "it refused")
        if answer.tst_info.nonce != nonce:
            raise TimeStampRefused(authority, "it answered another question")
    except ValueError as error:
        raise TimeStampRefused(authority, "what it answered is no response") from error
    stamp = read(response, file_sha256=file_sha256, roots_pem=roots_pem)
    if stamp is None:
        raise TimeStampRefused(authority, "what it stamped is not the file")
    if roots_pem and not stamp.trusted:
        raise TimeStampRefused(authority, "it ends in none of the roots that `time_stamp_roots` holds")
    return response


def query(file_sha256: str, nonce: int) -> bytes:
    """RFC 3161, 2.4.1: a stamp of this hash, with the authority's certificate in it."""
    imprint = _der(0x30, _der(0x30, _SHA256 + _NULL) + _der(0x04, bytes.fromhex(file_sha256)))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1)  # a bit more than it has: it is not negative
    return _der(0x30, _der(0x02, b"\1") + imprint + _der(0x02, number) + _TRUE)


def read(response: bytes, *, file_sha256: str, roots_pem: str) -> TimeStamp | None:
    """What a response says of the file with this hash; None where it speaks of another, or of nothing."""
    try:
        answer = _decoded(response)
        info = answer.tst_info
        if info.message_imprint.message != bytes.fromhex(file_sha256):
            return None
        return TimeStamp(
            info.gen_time.isoformat(), _authority(answer), _holds(answer, file_sha256, roots_pem=roots_pem)
        )
    except ValueError:
        return None


def _authority(answer: rfc3161.TimeStampResponse) -> str:
    """The name in the certificate of whoever signed; it is only as good as the chain behind it."""
    signers = {(one.issuer, one.serial_number) for one in answer.signed_data.signer_infos}
    for der in sorted(answer.signed_data.certificates):
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) in signers:
            return name_of(certificate.subject)
    return "unnamed"


def _holds(answer: rfc3161.TimeStampResponse, file_sha256: str, *, roots_pem: str) -> bool:
    if not roots_pem:
        return False
    builder = rfc3161.VerifierBuilder()
    for root in x509.load_pem_x509_certificates(roots_pem.encode()):
        builder = builder.add_root_certificate(root)
    try:
        return builder.build().verify(answer, bytes.fromhex(file_sha256))
    except VerificationError:
        return False


def _decoded(response: bytes) -> rfc3161.TimeStampResponse:
    """The response, whose certificates may stand in any order: DER asks for one, and many authorities do not
    keep to it. No signature covers that order.

    Raises:
        ValueError: it is no response.
    """
    at, end = 0, len(response)
    # TimeStampResp; past the status, the token and its kind, to SignedData; past three of its fields.
    for skipped in (0, 1, 1, 0, 3):
        for _ in range(skipped):
            _, at = _field(response, at, end)
        if skipped < 3:
            at, end = _field(response, at, end)
    if response[at : at + 1] == _CERTIFICATES:
        begin, end = _field(response, at, end)
        found, at = [], begin
        while at < end:
            _, after = _field(response, at, end)
            found.append(response[at:after])
            at = after
        response = response[:begin] + b"".join(sorted(found)) + response[end:]
    return rfc3161.decode_timestamp_response(response)


def _der(tag: int, content: bytes) -> bytes:
    """Of what is shorter than 128 bytes."""
    return bytes([tag, len(content)]) + content


def _field(der: bytes, at: int, most: int) -> tuple[int, int]:
    """Where the content of the field that begins here lies.

    Raises:
        ValueError: it does not end before `most`.
    """
    if at + 2 > most:
        raise ValueError("a field is cut off")
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        if not 0 < octets <= 4 or begin + octets > most:
            raise ValueError("a length makes no sense")
        length, begin = int.from_bytes(der[begin : begin + octets], "big"), begin + octets
    if begin + length > most:
        raise ValueError("a field is cut off")
    return begin, begin + length


def _posted(authority: str, request: bytes, *, wait_s: float) -> bytes:
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=wait_s))
    try:
        answer = pool.request(
            "POST",
            authority,
            body=request,
            headers={"Content-Type": MEDIA_TYPE},
            redirect=False,
            preload_content=False,
        )
        try:
            if answer.status != 200:
                raise TimeStampRefused(authority, f"it answered with status {answer.status}")
            response = answer.read(TOKEN_MOST_BYTES + 1)
        finally:
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TimeStampRefused(authority, "it does not answer") from error
    finally:
        pool.clear()
    if len(response) > TOKEN_MOST_BYTES:
        raise TimeStampRefused(authority, "its answer is too large")
    return bytes(response)
