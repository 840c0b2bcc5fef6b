"""How much of a capped grant is promised to running requests and spent by sealed composites.

A reservation is one conditional UPDATE, so two requests can never both take
the last one. Reserve for several grants in the order of their ids. A grant
without a cap has no counter, and everything here is a yes for it.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bankd.licensing.errors import CapOverdrawn
from bankd.licensing.models import GrantCounter


def reserve(session: Session, grant_id: UUID, *, count: int = 1) -> bool:
    """Promise `count` composites; False, and nothing promised, if the cap does not hold them."""
    taken = session.scalar(
        update(GrantCounter)
        .where(
            GrantCounter.grant_id == grant_id,
            GrantCounter.used + GrantCounter.reserved + count <= GrantCounter.cap,
        )
        .values(reserved=GrantCounter.reserved + count)
        .returning(GrantCounter.grant_id)
        .execution_options(synchronize_session=False)
    )
    return taken is not None or not _is_capped(session, grant_id)


def consume(session: Session, grant_id: UUID, *, count: int = 1) -> bool:
    """Turn reserved composites into used ones; True if the cap is now spent.

    Then the caller sets the block `capped-out` on the grant's photos in the same transaction.

    Raises:
        CapOverdrawn: fewer are reserved.
    """
    left = session.scalar(
        update(GrantCounter)
        .where(GrantCounter.grant_id == grant_id, GrantCounter.reserved >= count)
        .values(reserved=GrantCounter.reserved - count, used=GrantCounter.used + count)
        .returning(GrantCounter.cap - GrantCounter.used)
        .execution_options(synchronize_session=False)
    )
    if left is None and _is_capped(session, grant_id):
        raise CapOverdrawn(grant_id, count)
    return left == 0


def free(session: Session, grant_id: UUID, *, count: int = 1) -> None:
    """Give reserved composites back.

    Raises:
        CapOverdrawn: fewer are reserved.
    """
    freed = session.scalar(
        update(GrantCounter)
        .where(GrantCounter.grant_id == grant_id, GrantCounter.reserved >= count)
        .values(reserved=GrantCounter.reserved - count)
        .returning(GrantCounter.grant_id)
        .execution_options(synchronize_session=False)
    )
    if freed is None and _is_capped(session, grant_id):
        raise CapOverdrawn(grant_id, count)


def remaining(session: Session, grant_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What could still be reserved on each capped grant; uncapped ones are left out."""
    counters = session.execute(
        select(GrantCounter.grant_id, GrantCounter.cap, GrantCounter.used + GrantCounter.reserved).where(
            GrantCounter.grant_id.in_(set(grant_ids))
        )
    )
    return {grant_id: cap - taken for grant_id, cap, taken in counters}


def short(session: Session, *, places: int) -> frozenset[UUID]:
    """Grants with fewer places left than that, though not all of their cap is spent."""
    left = GrantCounter.cap - GrantCounter.used - GrantCounter.reserved
    return frozenset(
        session.scalars(
            select(GrantCounter.grant_id).where(left < places, GrantCounter.used < GrantCounter.cap)
        )
    )


def _is_capped(session: Session, grant_id: UUID) -> bool:
    return session.scalar(select(GrantCounter.cap).where(GrantCounter.grant_id == grant_id)) is not None
