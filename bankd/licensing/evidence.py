"""Who compared a record with its document. A stamp: the record itself is never edited."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing.errors import AlreadyVerified, GrantNotFound, LicenseNotFound, NothingToCompare
from bankd.licensing.models import Grant, License


def verify(session: Session, ref: str, *, grant: str | None = None, by: Actor, at: datetime) -> None:
    """Record that `by` compared a license, or one grant of it alone, with its document.

    Verifying a license speaks for its grants too, but for those that rest on a document of their own.

    Raises:
        LicenseNotFound, GrantNotFound.
        NothingToCompare: no document is recorded for it.
        AlreadyVerified: the first name stands.
    """
    license = session.scalar(
        select(License).where(License.ref == ref).with_for_update().execution_options(populate_existing=True)
    )
    if license is None:
        raise LicenseNotFound(ref)
    row: License | Grant = license
    if grant is not None:
        found = session.scalar(
            select(Grant)
            .where(Grant.license_id == license.id, Grant.ref == grant)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if found is None:
            raise GrantNotFound(f"{ref}/{grant}")
        row = found
    if row.document_sha256 is None and license.document_sha256 is None:
        raise NothingToCompare(ref)
    if row.verified_by is not None:
        raise AlreadyVerified(ref if grant is None else f"{ref}/{grant}", row.verified_by)
    row.verified_by, row.verified_at = by.name, at
    session.flush()
    if grant is None:
        log.append(session, Kind.LICENSE_VERIFIED, by=by, at=at, license=license.id, ref=ref)
    else:
        log.append(session, Kind.GRANT_VERIFIED, by=by, at=at, grant=row.id, license=license.id, ref=grant)


def verified_by(license: License, grant: Grant) -> str | None:
    """Who vouches for a grant; None: nobody, and it is marked as unverified."""
    if grant.verified_by is not None or grant.document_sha256 is not None:
        return grant.verified_by
    return license.verified_by
