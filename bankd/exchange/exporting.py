"""Read a license and the photos that hold it, to write it out as an ODRL agreement."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from bankd.catalog.models import Photo, PhotoGrant
from bankd.exchange.odrl_writing import TARGETS_MOST, GrantOut, LicenseOut, NotExportable, write
from bankd.licensing import service as licensing
from bankd.licensing.errors import LicenseNotFound
from bankd.licensing.models import License


def agreement(session: Session, ref: str) -> bytes:
    """The license as an agreement, with its grants that are in force.

    Raises:
        LicenseNotFound.
        NotExportable: it is no agreement, or nothing of it is in force.
    """
    license = session.scalar(
        select(License)
        .where(License.ref == ref)
        .options(joinedload(License.licensor), selectinload(License.grants))
    )
    if license is None:
        raise LicenseNotFound(ref)
    if license.withdrawn_at is not None:
        raise NotExportable(ref, "it was withdrawn")
    standing = licensing.standing(session, [grant.id for grant in license.grants])
    held = [grant for grant in license.grants if not standing[grant.id] & {"withdrawn", "superseded"}]
    return write(
        LicenseOut(
            ref=license.ref,
            title=license.title,
            basis=license.basis,
            licensor=license.licensor.ref,
            licensor_name=license.licensor.name,
            co_owners=tuple((str(owner["name"]), owner["agreed"] is True) for owner in license.co_owners),
            recorded_on=license.recorded_at.date().isoformat(),
            grants=tuple(GrantOut(grant.ref, grant.terms, _photos(session, grant.id)) for grant in held),
        )
    )


def _photos(session: Session, grant_id: UUID) -> tuple[str, ...] | None:
    """The SHA-256 of the living photos that hold a grant; None where they are too many to list."""
    holding = (
        select(Photo.sha256)
        .join(PhotoGrant, PhotoGrant.photo_id == Photo.id)
        .where(PhotoGrant.grant_id == grant_id, Photo.state != "erased")
    )
    count = session.scalar(select(func.count()).select_from(holding.limit(TARGETS_MOST + 1).subquery()))
    if (count or 0) > TARGETS_MOST:
        return None
    return tuple(session.scalars(holding.order_by(Photo.sha256)))
