"""Is this file a composite of this bank, and is it whole? Answered on bare bytes.

Each check stands alone and says what it found in one sentence. A file that
lost its content credentials can still be known by its pixels; a file with
perfect credentials can still be another house's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bankd.provenance import c2pa, pixels, signing
from bankd.provenance.errors import ManifestUnreadable
from bankd.provenance.manifest import Manifest, read


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"  # nothing there to check


class Verdict(StrEnum):
    AUTHENTIC = "authentic"  # every check passed
    UNTRUSTED = "untrusted"  # whole, but its signer or this bank's record does not vouch for it
    STRIPPED = "stripped"  # known by its pixels, its content credentials are gone
    ALTERED = "altered"  # something was changed after signing
    UNKNOWN = "unknown"  # nothing in it or on record says anything
    UNREADABLE = "unreadable"  # not a picture that can be read whole


@dataclass(frozen=True)
class Check:
    name: str
    outcome: Outcome
    sentence: str


@dataclass(frozen=True)
class Verification:
    verdict: Verdict
    checks: tuple[Check, ...]
    composite_id: UUID | None  # as its manifest or this bank's record names it, where it may be named
    manifest: Manifest | None

    @property
    def authentic(self) -> bool:
        return self.verdict is Verdict.AUTHENTIC


class OnRecord(Protocol):
    """What the bank remembers of a composite: `service.Known`."""

    @property
    def composite_id(self) -> UUID: ...
    @property
    def named(self) -> bool: ...
    @property
    def file_sha256(self) -> str: ...
    @property
    def manifest_text(self) -> str: ...


def verify(
    file: bytes,
    *,
    anchors_pem: str,
    manifest_key: Ed25519PublicKey,
    retired: Sequence[Ed25519PublicKey] = (),
    lookup: Callable[[str], Sequence[OnRecord]],
) -> Verification:
    """Check a bare PNG.

    Args:
        anchors_pem: the roots that a signer may end in; empty trusts nobody.
        manifest_key: the bank's own, which signs manifests.
        retired: those that it signed with before, as its log names them.
        lookup: composites on record by pixel SHA-256. One that is not `named` may not be named to who
            asks: it confirms a file that carries its manifest, and is not there for any other.
    """
    try:
        pixel_sha256 = pixels.pixel_sha256(pixels.decode(file))
    except pixels.NotAnImage as error:
        return Verification(Verdict.UNREADABLE, (Check("picture", Outcome.FAILED, str(error)),), None, None)

    credential = c2pa.read(file, anchors_pem=anchors_pem)
    manifest, unreadable = _manifest(credential)
    on_record = lookup(pixel_sha256)
    nameable = [one for one in on_record if one.named]
    named = manifest.composite_id if manifest else None
    known = next((one for one in on_record if one.composite_id == named), None)
    if known is None and manifest is None and nameable:
        known = nameable[0]

    checks = (
        _signature(credential),
        _signer(credential),
        _pixels(manifest, pixel_sha256, unreadable),
        _manifest_signature(credential, (manifest_key, *retired)),
        _record(file, manifest, known, nameable),
    )
    failed = {check.name for check in checks if check.outcome is Outcome.FAILED}
    if credential is None:
        verdict = Verdict.STRIPPED if known else Verdict.UNKNOWN
    elif failed & {"content credentials", "pixels", "manifest signature"}:
        verdict = Verdict.ALTERED
    elif all(check.outcome is Outcome.PASSED for check in checks):
        verdict = Verdict.AUTHENTIC
    elif manifest is None:
        verdict = Verdict.STRIPPED if known else Verdict.UNKNOWN
    else:
        verdict = Verdict.UNTRUSTED
    composite_id = named or (known.composite_id if known else None)
    return Verification(verdict, checks, composite_id if known is None or known.named else None, manifest)


def _manifest(credential: c2pa.Credential | None) -> tuple[Manifest | None, str]:
    if credential is None or credential.manifest_text is None:
        return None, ""
    try:
        return read(credential.manifest_text), ""
    except ManifestUnreadable as error:
        return None, error.reason


def _signature(credential: c2pa.Credential | None) -> Check:
    name = "content credentials"
    if credential is None:
        return Check(name, Outcome.ABSENT, "the file carries no content credentials")
    if not credential.valid:
        codes = ", ".join(credential.failures) or "no valid signature"
        return Check(name, Outcome.FAILED, f"the file was changed after it was signed ({codes})")
    stamped = f", time-stamped {credential.signed_at}" if credential.signed_at else ", without a time stamp"
    return Check(name, Outcome.PASSED, f"the file is as it was signed{stamped}")


def _signer(credential: c2pa.Credential | None) -> Check:
    name = "signer"
    if credential is None or not credential.valid:
        return Check(name, Outcome.ABSENT, "there is no valid signature whose signer could be trusted")
    if not credential.trusted:
        return Check(
            name, Outcome.FAILED, f"the signer `{credential.issuer}` ends in none of the trusted anchors"
        )
    return Check(
        name, Outcome.PASSED, f"the signer `{credential.issuer}` ends in an anchor that this bank trusts"
    )


def _pixels(manifest: Manifest | None, pixel_sha256: str, unreadable: str) -> Check:
    name = "pixels"
    if unreadable:
        return Check(name, Outcome.FAILED, f"the manifest cannot be read: {unreadable}")
    if manifest is None:
        missing = "the file carries no manifest of a bank"
        return Check(name, Outcome.ABSENT, missing)
    if manifest.pixel_sha256 != pixel_sha256:
        return Check(name, Outcome.FAILED, "the pixels are not those that the manifest names")
    return Check(name, Outcome.PASSED, "the pixels are those that the manifest names")


def _manifest_signature(credential: c2pa.Credential | None, keys: Sequence[Ed25519PublicKey]) -> Check:
    name = "manifest signature"
    if credential is None or credential.manifest_text is None:
        return Check(name, Outcome.ABSENT, "there is no manifest to check")
    signature = credential.manifest_signature
    text = credential.manifest_text
    if signature is None or not any(signing.is_signed(text, signature, key) for key in keys):
        return Check(name, Outcome.FAILED, "the manifest is not signed by this bank")
    return Check(name, Outcome.PASSED, "the manifest is signed by this bank")


def _record(
    file: bytes, manifest: Manifest | None, known: OnRecord | None, on_record: Sequence[OnRecord]
) -> Check:
    name = "record"
    if known is None:
        if on_record:
            others = f"`{on_record[0].composite_id}`"
            return Check(name, Outcome.FAILED, f"these pixels are on record, but as composite {others}")
        return Check(name, Outcome.FAILED, "this bank has no composite with these pixels")
    which = f"composite `{known.composite_id}`" if known.named else "a composite of another department"
    if manifest is not None and known.manifest_text != manifest.canonical():
        return Check(name, Outcome.FAILED, f"the manifest on record for {which} is another")
    exact = "byte for byte" if sha256(file).hexdigest() == known.file_sha256 else "by its pixels"
    return Check(name, Outcome.PASSED, f"{which} is on record, {exact}")
