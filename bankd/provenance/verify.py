"""Is this file a composite of this bank, and is it whole? Answered on bare bytes.

Each check stands alone and says what it found in one sentence. A file that
lost its content credentials can still be known by its pixels; a file with
perfect credentials can still be another house's. A rendition or comp is held
against its handout, and against the master whose manifest it carries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bankd.provenance import credential as credentials
from bankd.provenance import pixels, signing
from bankd.provenance.credential import Credential, TimeStamp
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
    """What the bank remembers of a composite, or of a copy that it handed out: `service.Known`."""

    @property
    def composite_id(self) -> UUID: ...
    @property
    def named(self) -> bool: ...
    @property
    def file_sha256(self) -> str: ...
    @property
    def manifest_text(self) -> str: ...
    @property
    def copy(self) -> str | None:
        """What kind of copy it is, in words; None for the composite itself."""


def verify(
    file: bytes,
    *,
    anchors_pem: str,
    manifest_key: Ed25519PublicKey,
    retired: Sequence[Ed25519PublicKey] = (),
    lookup: Callable[[str], Sequence[OnRecord]],
    time_stamp_roots_pem: str = "",
    stamps: Callable[[str], Sequence[TimeStamp]] = lambda _: (),
) -> Verification:
    """Check a bare PNG, or a rendition.

    Args:
        anchors_pem: the roots that a signer may end in; empty trusts nobody.
        manifest_key: the bank's own, which signs manifests.
        retired: those that it signed with before, as its log names them.
        lookup: composites and copies on record by pixel SHA-256. One that is not `named` may not be named
            to who asks: it confirms a file that carries its manifest, and is not there for any other.
        time_stamp_roots_pem: the roots that a time-stamp authority may end in.
        stamps: time stamps that the bank keeps beside a file, by its SHA-256; each holds.
    """
    media_type = pixels.media_type(file)
    try:
        pixel_sha256 = pixels.pixel_sha256(pixels.decode(file, media_type))
    except pixels.NotAnImage as error:
        return Verification(Verdict.UNREADABLE, (Check("picture", Outcome.FAILED, str(error)),), None, None)

    credential = credentials.read(
        file, anchors_pem=anchors_pem, media_type=media_type, time_stamp_roots_pem=time_stamp_roots_pem
    )
    manifest, unreadable = _manifest(credential)
    on_record = lookup(_named_pixels(credential) or pixel_sha256)
    nameable = [one for one in on_record if one.named]
    named = manifest.composite_id if manifest else None
    known = next((one for one in on_record if one.composite_id == named), None)
    if known is None and manifest is None and nameable:
        known = nameable[0]

    sha = sha256(file).hexdigest()
    byte_for_byte = media_type in pixels.LOSSY and any(one.file_sha256 == sha for one in on_record)
    checks: tuple[Check, ...] = (
        _signature(credential),
        _signer(credential),
        _pixels(credential, manifest, pixel_sha256, unreadable, byte_for_byte=byte_for_byte),
        _manifest_signature(credential, (manifest_key, *retired)),
        _record(sha, manifest, known, nameable),
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
    if credential is not None:
        checks += (_time(credential, stamps(sha)),)
    composite_id = named or (known.composite_id if known else None)
    return Verification(verdict, checks, composite_id if known is None or known.named else None, manifest)


def _named_pixels(credential: Credential | None) -> str | None:
    """The pixels that a copy names as its own: a lossy one is decoded a little otherwise elsewhere."""
    if credential is None or not credential.valid or credential.rendition is None:
        return None
    return str(credential.rendition.get("pixel_sha256"))


def _manifest(credential: Credential | None) -> tuple[Manifest | None, str]:
    if credential is None or credential.manifest_text is None:
        return None, ""
    try:
        return read(credential.manifest_text), ""
    except ManifestUnreadable as error:
        return None, error.reason


def _signature(credential: Credential | None) -> Check:
    name = "content credentials"
    if credential is None:
        return Check(name, Outcome.ABSENT, "the file carries no content credentials")
    if not credential.valid:
        codes = ", ".join(credential.failures) or "no valid signature"
        return Check(name, Outcome.FAILED, f"the file was changed after it was signed ({codes})")
    return Check(name, Outcome.PASSED, "the file is as it was signed")


def _signer(credential: Credential | None) -> Check:
    name = "signer"
    if credential is None or not credential.valid:
        return Check(name, Outcome.ABSENT, "there is no valid signature whose signer could be trusted")
    if not credential.trusted:
        return Check(
            name, Outcome.FAILED, f"the signer `{credential.issuer}` ends in none of the trusted anchors"
        )
    anchor = f"the anchor `{credential.anchor}`, which" if credential.anchor else "anchors that, together,"
    return Check(name, Outcome.PASSED, f"the signer `{credential.issuer}` ends in {anchor} this bank trusts")


def _pixels(
    credential: Credential | None,
    manifest: Manifest | None,
    pixel_sha256: str,
    unreadable: str,
    *,
    byte_for_byte: bool,
) -> Check:
    name = "pixels"
    if unreadable:
        return Check(name, Outcome.FAILED, f"the manifest cannot be read: {unreadable}")
    if manifest is None:
        missing = "the file carries no manifest of a bank"
        return Check(name, Outcome.ABSENT, missing)
    rendition = credential.rendition if credential else None
    if rendition is None or credential is None:
        if manifest.pixel_sha256 != pixel_sha256:
            return Check(name, Outcome.FAILED, "the pixels are not those that the manifest names")
        return Check(name, Outcome.PASSED, "the pixels are those that the manifest names")
    if rendition.get("master_pixel_sha256") != manifest.pixel_sha256:
        return Check(name, Outcome.FAILED, "it names another master than the one that it carries")
    if rendition.get("pixel_sha256") == pixel_sha256:
        return Check(name, Outcome.PASSED, "the pixels are those that this copy was signed with")
    if byte_for_byte:
        decoded = (
            "the bytes are those on record; their pixels are decoded otherwise here than where it was made"
        )
        return Check(name, Outcome.PASSED, decoded)
    return Check(name, Outcome.FAILED, "the pixels are not those that this copy was signed with")


def _time(credential: Credential, beside: Sequence[TimeStamp]) -> Check:
    """When it was signed. No verdict rests on it: without one a signature ends with its certificate."""
    name = "time stamp"
    stamp, where = credential.time_stamp, ""
    if (stamp is None or not stamp.trusted) and beside:
        stamp, where = beside[0], ", in a time stamp that this bank keeps beside the file"
    if stamp is None:
        return Check(name, Outcome.ABSENT, "no authority says when it was signed")
    if not stamp.trusted:
        return Check(
            name,
            Outcome.ABSENT,
            f"`{stamp.authority}` says that it was there at {stamp.at}{where}, and ends in none of the roots"
            " that this bank trusts for time",
        )
    return Check(name, Outcome.PASSED, f"`{stamp.authority}` says that it was there at {stamp.at}{where}")


def _manifest_signature(credential: Credential | None, keys: Sequence[Ed25519PublicKey]) -> Check:
    name = "manifest signature"
    if credential is None or credential.manifest_text is None:
        return Check(name, Outcome.ABSENT, "there is no manifest to check")
    signature = credential.manifest_signature
    text = credential.manifest_text
    if signature is None or not any(signing.is_signed(text, signature, key) for key in keys):
        return Check(name, Outcome.FAILED, "the manifest is not signed by this bank")
    return Check(name, Outcome.PASSED, "the manifest is signed by this bank")


def _record(
    file_sha256: str, manifest: Manifest | None, known: OnRecord | None, on_record: Sequence[OnRecord]
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
    exact = "byte for byte" if file_sha256 == known.file_sha256 else "by its pixels"
    if known.copy is not None:
        return Check(name, Outcome.PASSED, f"{known.copy} of {which} was handed out, on record {exact}")
    return Check(name, Outcome.PASSED, f"{which} is on record, {exact}")
