"""What has ended of the rights that a composite relies on, and whether what began before may go on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from bankd.catalog.models import PhotoRelease
from bankd.licensing.ending import Withdrawal
from bankd.licensing.models import Grant, License, Release
from bankd.licensing.withdrawal_effects import EFFECTS

Given = Literal["handouts", "publications"]


@dataclass(frozen=True)
class Ended:
    """What stands against something that began before.

    - `withdrawals`: all that reach it; `recalled_by`: those under which it does not stand.
    - `newer`: grants that newer terms took the place of after it began, so that they do not bind it.
    """

    withdrawals: tuple[UUID, ...] = ()
    recalled_by: tuple[UUID, ...] = ()
    newer: frozenset[UUID] = frozenset()


def ended(
    session: Session,
    *,
    photos: Collection[UUID],
    grants: Collection[UUID],
    began: datetime,
    given: Given,
    at: datetime,
) -> Ended:
    """What stands at a moment against something of these photos, on these grants, that began at another.

    Withdrawals that count from a moment to come are in it from that moment on.
    """
    held = session.execute(
        select(
            Grant.id,
            Grant.license_id,
            License.licensor_id,
            func.least(Grant.superseded_at, License.superseded_at),
        )
        .join(License, License.id == Grant.license_id)
        .where(Grant.id.in_(grants))
    ).all()
    releases = session.execute(
        select(Release.id, Release.subject)
        .join(PhotoRelease, PhotoRelease.release_id == Release.id)
        .where(PhotoRelease.photo_id.in_(photos))
    ).all()
    ids = {
        "grant": {row[0] for row in held},
        "license": {row[1] for row in held},
        "licensor": {row[2] for row in held},
        "photo": set(photos),
        "release": {row[0] for row in releases},
    }
    named = [
        and_(Withdrawal.subject == subject, Withdrawal.subject_id.in_(some)) for subject, some in ids.items()
    ]
    persons = and_(Withdrawal.subject == "person", Withdrawal.ref.in_({row[1] for row in releases}))
    withdrawn = session.execute(
        select(Withdrawal.id, Withdrawal.kind, Withdrawal.effective_from)
        .where(Withdrawal.effective_from <= at, or_(*named, persons))
        .order_by(Withdrawal.effective_from, Withdrawal.id)
    ).all()
    return Ended(
        withdrawals=tuple(id_ for id_, _, _ in withdrawn),
        recalled_by=tuple(
            id_
            for id_, kind, since in withdrawn
            if getattr(EFFECTS[kind], given) == "recall" or began >= since
        ),
        newer=frozenset(grant for grant, _, _, since in held if since is not None and began < since),
    )
