"""Is a bare file a composite of this bank? With this installation's keys, anchors and records."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from bankd.audit.actor import Actor
from bankd.provenance import certificates, signing_with, stamping
from bankd.provenance import service as provenance
from bankd.provenance.c2pa import Clock
from bankd.provenance.certificates import Credentials
from bankd.provenance.credential import TimeStamp
from bankd.provenance.errors import CompositeErased
from bankd.provenance.verify import Verification, verify
from bankd.runtime import Runtime
from bankd.synthesis import reading
from bankd.synthesis.handouts import Signing


def verify_file(rt: Runtime, file: bytes, *, by: Actor) -> Verification:
    """Check a file against what this bank signed and has on record, naming only what `by` may know of."""
    roots_pem = clock(rt).roots_pem
    with rt.transaction() as session:
        return verify(
            file,
            anchors_pem=credentials(rt).anchors_pem,
            manifest_key=rt.manifest_key.public_key(),
            retired=[one.key for one in rt.signing_keys(session)["manifest"]],
            lookup=lambda pixels: provenance.find_by_pixels(session, pixels, by=by),
            time_stamp_roots_pem=roots_pem,
            stamps=lambda sha256: stamping.of_file(session, sha256, roots_pem=roots_pem),
        )


def credentials(rt: Runtime) -> Credentials:
    """The house's own certificate where the settings name one, else the development chain."""
    return signing_with.of(rt.settings, at=rt.now())


def clock(rt: Runtime) -> Clock:
    """The time-stamp authorities of the settings, and what to do where none answers."""
    return signing_with.clock(rt.settings)


def time_stamp(rt: Runtime, composite_id: UUID, *, by: Actor) -> TimeStamp:
    """Have an authority say that a composite's file is there now, and keep that beside it.

    Nobody's transaction waits for the authority. Each call adds a stamp: the old ones stay.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
        CompositeErased: its file is gone.
        TimeStampRefused: no authority is set, or none gives a stamp.
    """
    with rt.transaction() as session:
        found = reading.composite_of(session, composite_id, by=by)
        blob_key, file_sha256, erased_at = found.blob_key, found.file_sha256, found.erased_at
    if erased_at is not None:
        raise CompositeErased(composite_id, erased_at)
    asked = clock(rt)
    file = rt.blobs.get(blob_key, limit_bytes=stamping.MAX_FILE_BYTES)
    response = stamping.asked(sha256(file).hexdigest(), clock=asked)
    with rt.transaction() as session:
        return stamping.keep(
            session,
            response,
            composite_id=composite_id,
            file_sha256=file_sha256,
            roots_pem=asked.roots_pem,
            by=by,
            at=rt.now(),
        )


@dataclass(frozen=True)
class SigningState:
    """What files are signed and stamped with, and whether something has to be done about it."""

    subject: str
    issuer: str
    starts_at: datetime
    ends_at: datetime
    development: bool
    key: str  # where it lies
    anchors: tuple[str, ...]  # whom signers are held to
    authorities: tuple[str, ...]
    time_stamp_policy: str
    time_stamp_roots: tuple[str, ...]
    warnings: tuple[str, ...]


def signing_state(rt: Runtime) -> SigningState:
    """Raises: CertificateUnusable: the settings name what cannot sign."""
    used, asked = credentials(rt), clock(rt)
    chain = certificates.validity(used)
    warnings = [chain.warning(at=rt.now())]
    if used.development:
        warnings.append("the development certificate signs: nobody outside trusts it")
    if not asked.authorities:
        warnings.append("no time-stamp authority is set: signatures end with the certificate")
    elif not asked.roots_pem:
        warnings.append("no `time_stamp_roots` are set: verification trusts no authority's time")
    settings = rt.settings
    return SigningState(
        chain.subject,
        chain.issuer,
        chain.starts_at,
        chain.ends_at,
        used.development,
        "command" if settings.c2pa_sign_command else settings.c2pa_signer or "file",
        certificates.names(used.anchors_pem),
        asked.authorities,
        settings.time_stamp_policy,
        certificates.names(asked.roots_pem),
        tuple(one for one in warnings if one is not None),
    )


def signing(rt: Runtime) -> Signing:
    """What copies are signed with."""
    return Signing(credentials(rt), clock(rt), rt.settings.house)
