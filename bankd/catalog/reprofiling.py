"""Working out photos' rights profiles anew, when a fact of a grant that they hold has changed."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.catalog import service
from bankd.catalog.models import Photo, PhotoGrant


def reprofile(session: Session, grant_ids: Iterable[UUID]) -> int:
    """Give every photo that holds one of these grants the profile of its facts as they are now.

    Call it in the transaction that changed them: the entry which that leaves in
    the log is the record of this change too. Returns how many photos have another profile.
    """
    wanted = set(grant_ids)
    if not wanted:
        return 0
    holding = select(PhotoGrant.photo_id).where(PhotoGrant.grant_id.in_(wanted))
    photo_ids = session.scalars(holding).all()  # locked after their grants, as everywhere
    service.hold_grants(
        session,
        session.scalars(select(PhotoGrant.grant_id).where(PhotoGrant.photo_id.in_(photo_ids)).distinct()),
    )
    photos = session.scalars(
        select(Photo)
        .where(Photo.id.in_(holding), Photo.state == "admitted")
        .order_by(Photo.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    changed = 0
    for photo in photos:
        before = photo.profile_id
        service.record_rights(session, photo, grant_ids=(), covers={}, depictions=None)
        session.flush()
        if photo.profile_id == before:
            continue
        changed += 1
        service.spread(session, photo)
    return changed
