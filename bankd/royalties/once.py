"""Fees owed once: with the first publication or copies, and no more when none is left that owes them."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.licensing.terms import GrantTerms
from bankd.provenance.models import Publication, Usage
from bankd.royalties import accrual
from bankd.royalties.models import Accrual

RECORDED = ("publication", "copies")  # what can turn out never to have been


def settle(
    session: Session,
    terms: Mapping[UUID, GrantTerms],
    *,
    came: UUID | None = None,
    reason: str,
    by: Actor,
    at: datetime,
) -> list[Accrual]:
    """Bring each such fee to what publications that stand owe: all of it, or nothing where there are none.

    Call it once they are recorded, replaced ones included. No statement where no fee is owed once. A figure
    that somebody corrected by hand stays while something owes it.

    Args:
        came: the publication that was just recorded: it owes the fee again where no other does.
    """
    grants = [
        grant_id
        for grant_id, stated in terms.items()
        if any(fee.basis == "once" and fee.trigger in RECORDED for fee in stated.all_fees)
    ]
    if not grants:
        return []
    accrual.take_turns(session)
    rows = session.scalars(
        select(Accrual)
        .where(
            Accrual.grant_id.in_(grants),
            Accrual.subject_id == Accrual.grant_id,
            Accrual.photo_id.is_(None),
            Accrual.trigger.in_(RECORDED),
        )
        .order_by(Accrual.trigger, Accrual.subject_id, Accrual.fee, Accrual.entry)
    ).all()
    wanted = []
    for _, some in groupby(rows, key=accrual.use_of):
        entries = list(some)
        owed = sum(one.amount_minor for one in entries)
        copies = entries[0].trigger == "copies"
        if not _standing(session, entries[0].grant_id, copies=copies):
            wanted.append((entries, 0))
        elif (
            came is not None
            and not owed
            and not _standing(session, entries[0].grant_id, copies=copies, without=came)
        ):
            wanted.append((entries, entries[0].amount_minor))
    return accrual.enter(session, wanted, reason=reason, by=by, at=at)


def _standing(session: Session, grant_id: UUID, *, copies: bool, without: UUID | None = None) -> bool:
    """Whether a publication that was not replaced used a photo on the grant."""
    used = exists().where(Usage.composite_id == Publication.composite_id, Usage.grant_id == grant_id)
    stands = exists().where(
        Publication.replaced_by_id.is_(None),
        used,
        *([Publication.copies > 0] if copies else []),
        *([Publication.id != without] if without else []),
    )
    return bool(session.scalar(select(stands)))
