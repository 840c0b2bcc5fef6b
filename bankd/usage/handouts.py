"""What a handout takes from the caps of its grants, what it holds for its publications, and what it owes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.licensing import caps
from bankd.licensing.caps import Counts
from bankd.licensing.days import end_of
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import Trigger
from bankd.provenance.models import Composite, Handout, HandoutHold
from bankd.royalties import accrual
from bankd.royalties.accrual import Subject
from bankd.royalties.fees import Fed

FULL: Mapping[Trigger, tuple[str, str]] = {
    "handout": ("handouts-used-up", "As many handouts as this license allows have already been made"),
    "publication": (
        "publications-used-up",
        "As many publications as this license allows have been made or are promised",
    ),
    "copies": ("copies-used-up", "The license has not as many copies left as the use declares"),
}
"""What stands in the way of a handout where a cap has no room: an id, and a sentence."""


@dataclass(frozen=True)
class Counted:
    """A handout counted and not yet recorded. `full` are ids of `FULL`; then nothing was counted."""

    terms: Mapping[UUID, GrantTerms]
    fed: Mapping[UUID, Fed]
    taken: Counts
    held: Counts
    before: Counts
    full: frozenset[str] = frozenset()


def count(session: Session, composite: Composite, use: Use, *, at: datetime) -> Counted:
    """Count a handout on its grants, and promise it a publication and its copies, before the log's lock.

    Whoever gives nothing after all calls `uncount`.
    """
    fed = accrual.fed_by(session, composite)
    terms = accrual.terms_of(session, list(fed))
    wanted: dict[Trigger, int] = {"publication": 1, "copies": use.copies}
    held = {
        (grant_id, trigger): number
        for grant_id, stated in terms.items()
        for trigger, number in wanted.items()
        if trigger in stated.counted
    }
    taken = {(grant_id, "handout"): 1 for grant_id, stated in terms.items() if "handout" in stated.counted}
    # Zeros lock the counters of what is held next, all of them in their order.
    spent = caps.take(session, {**dict.fromkeys(held, 0), **taken}, at=at)  # type: ignore[dict-item]
    full = spent.full
    if not full and (full := caps.reserve(session, held, at=at)):
        caps.give_back(session, taken, taken_at=at)  # type: ignore[arg-type]
    accrual.prepare(session, terms)
    return Counted(
        terms=terms,
        fed=fed,
        taken=taken,  # type: ignore[arg-type]
        held=held,
        before=spent.before,
        full=frozenset(FULL[trigger][0] for _, trigger in full),
    )


def uncount(session: Session, counted: Counted, *, at: datetime) -> None:
    if not counted.full:
        caps.give_back(session, {**dict.fromkeys(counted.held, 0), **counted.taken}, taken_at=at)
        caps.free(session, counted.held, reserved_at=at)


def charge(
    session: Session, handout: Handout, counted: Counted, use: Use, *, by: Actor, at: datetime
) -> None:
    """Keep what a recorded handout holds until its use is over, and what it owes."""
    until = end_of(use.ends_on, use.zone)
    session.add_all(
        HandoutHold(handout_id=handout.id, grant_id=grant_id, trigger=trigger, count=number, until=until)
        for (grant_id, trigger), number in counted.held.items()
        if number
    )
    accrual.accrue(
        session,
        Subject(handout.composite_id, handout.id),
        {"handout": 1},
        fed=counted.fed,
        terms=counted.terms,
        before=counted.before,
        by=by,
        at=at,
    )


def release(session: Session, *, at: datetime) -> int:
    """Free the places held by one handout whose use is over; how many holds that were. For the sweep."""
    handout_id = session.scalar(
        select(HandoutHold.handout_id).where(HandoutHold.until <= at).order_by(HandoutHold.until).limit(1)
    )
    if handout_id is None:
        return 0
    holds = session.scalars(
        select(HandoutHold).where(HandoutHold.handout_id == handout_id).with_for_update()
    ).all()
    freed: dict[caps.Key, int] = {(one.grant_id, one.trigger): one.count for one in holds}  # type: ignore[misc]
    caps.free(session, freed, reserved_at=session.get_one(Handout, handout_id).at)
    for one in holds:
        session.delete(one)
    session.flush()
    return len(holds)
