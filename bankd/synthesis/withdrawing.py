"""A license withdrawn, with what follows: photos taken out of use, and what was made of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.catalog.models import PhotoGrant
from bankd.licensing import reading
from bankd.licensing import service as licensing
from bankd.provenance.models import Usage
from bankd.training import service as training


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal touched."""

    license_id: UUID
    ref: str
    withdrawn_at: datetime
    photos: int  # that hold one of its grants
    composites: int  # that rely on one of its grants; they stay recorded, and clear anew when handed out
    networks: tuple[str, ...]  # trained on photos that held one of its grants, by the SHA-256 of their files


def withdraw_license(session: Session, ref: str, *, reason: str, by: Actor, at: datetime) -> Withdrawal:
    """Withdraw a license from `at` on and block its grants on every photo, in one transaction.

    Raises:
        LicenseNotFound: no license has this ref.
        LicenseAlreadyWithdrawn: the first withdrawal stands.
    """
    license_id = reading.license_id(session, ref)
    grants = licensing.withdraw(session, license_id, reason=reason, by=by, at=at)
    catalog.block_grants(session, grants, by=by, at=at)
    photos, composites = touched(session, grants)
    networks = training.trained_on_grants(session, grants)
    return Withdrawal(license_id, ref, at, photos, composites, tuple(one.sha256 for one in networks))


def touched(session: Session, grant_ids: Collection[UUID]) -> tuple[int, int]:
    """How many photos hold one of these grants, and how many composites rely on one."""
    photos = select(func.count(PhotoGrant.photo_id.distinct())).where(PhotoGrant.grant_id.in_(grant_ids))
    composites = select(func.count(Usage.composite_id.distinct())).where(Usage.grant_id.in_(grant_ids))
    return session.scalar(photos) or 0, session.scalar(composites) or 0
