"""What uses owe, recorded in the transaction of the use, and corrected by further entries."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing.caps import Counts
from bankd.licensing.models import Grant
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import Trigger
from bankd.provenance.models import Composite, Usage
from bankd.royalties import fees
from bankd.royalties.errors import AccrualNotFound, RoyaltiesError
from bankd.royalties.fees import Fed
from bankd.royalties.models import Accrual

CORRECTING = 0x62616E6B_636F7272  # advisory lock: entries of one use are numbered in turn
ONCE = 0x62616E6B_6F6E6365  # advisory lock: who owes a fee once, and first, is found out in turn
ROWS = 2000  # of one statement; Postgres takes 65,535 values


@dataclass(frozen=True)
class Subject:
    """What happened: a composite was sealed, or handed out, or published."""

    composite_id: UUID
    handout_id: UUID | None = None
    publication_id: UUID | None = None

    @property
    def id(self) -> UUID:
        return self.publication_id or self.handout_id or self.composite_id


def accrue(
    session: Session,
    subject: Subject,
    units: Mapping[Trigger, int],
    *,
    fed: Mapping[UUID, Fed],
    terms: Mapping[UUID, GrantTerms],
    before: Counts,
    by: Actor,
    at: datetime,
) -> dict[str, int]:
    """Record what a use owes on each grant, by one statement, or none where nothing is owed.

    Safe to repeat: what is recorded of the use stays as it is.

    Args:
        units: how many of each trigger the use is.
        fed: what photos on each grant fed of the canvas.
        before: how many came before, where tiers count them (`caps.Spent.before`).

    Returns:
        What was recorded now, by currency.
    """
    prepare(session, terms)
    rows = [
        {
            "trigger": trigger,
            "subject_id": grant_id if charge.photo_id is None else subject.id,
            "grant_id": grant_id,
            "fee": charge.fee,
            "photo_id": charge.photo_id,
            "entry": 0,
            "composite_id": subject.composite_id,
            "handout_id": subject.handout_id,
            "publication_id": subject.publication_id,
            "units": count,
            "canvas_px": charge.canvas_px,
            "frame_px": fed[grant_id].frame_px,
            "amount_minor": charge.amount_minor,
            "currency": terms[grant_id].currency,
            "at": at,
            "by": by.name,
        }
        for grant_id in sorted(fed, key=str)
        for trigger, count in sorted(units.items())
        for charge in fees.charges(
            terms[grant_id], trigger, count, before=before.get((grant_id, trigger), 0), fed=fed[grant_id]
        )
    ]
    owed: Counter[tuple[str, str]] = Counter()
    for start in range(0, len(rows), ROWS):
        recorded = session.execute(
            postgresql.insert(Accrual)
            .values(rows[start : start + ROWS])
            .on_conflict_do_nothing()
            .returning(Accrual.grant_id, Accrual.currency, Accrual.amount_minor)
        )
        for grant_id, currency, amount_minor in recorded:
            owed[str(grant_id), currency] += amount_minor
    if owed:
        log.append(
            session,
            Kind.ROYALTY_ACCRUED,
            by=by,
            at=at,
            composite=subject.composite_id,
            handout=subject.handout_id,
            publication=subject.publication_id,
            owed=[[grant, currency, amount] for (grant, currency), amount in sorted(owed.items())],
        )
    totals: Counter[str] = Counter()
    for (_, currency), amount_minor in owed.items():
        totals[currency] += amount_minor
    return dict(totals)


def prepare(session: Session, terms: Mapping[UUID, GrantTerms]) -> None:
    """Take the lock that `accrue` needs for fees owed once; for those who accrue under the log's lock.

    After the counters' locks and before the log's. No statement where no fee is owed once.
    """
    if any(fee.basis == "once" for stated in terms.values() for fee in stated.all_fees):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONCE})


def fed_by(session: Session, composite: Composite) -> dict[UUID, Fed]:
    """What photos on each grant fed of a composite's canvas, from its usage rows."""
    rows = session.execute(
        select(Usage.grant_id, Usage.photo_id, func.sum(Usage.canvas_px))
        .where(Usage.composite_id == composite.id)
        .group_by(Usage.grant_id, Usage.photo_id)
    )
    photos: dict[UUID, dict[UUID, int]] = {}
    for grant_id, photo_id, canvas_px in rows:
        photos.setdefault(grant_id, {})[photo_id] = int(canvas_px)
    frame_px = composite.height * composite.width
    return {grant_id: Fed(fed, frame_px) for grant_id, fed in photos.items()}


def terms_of(session: Session, grant_ids: Sequence[UUID]) -> dict[UUID, GrantTerms]:
    rows = session.execute(select(Grant.id, Grant.terms).where(Grant.id.in_(grant_ids)))
    return {row.id: row.terms for row in rows}


def correct(
    session: Session, accrual_id: int, *, amount_minor: int, reason: str, by: Actor, at: datetime
) -> Accrual | None:
    """Bring what is owed for one use, fee and photo to another figure, by an entry of the difference.

    Args:
        accrual_id: any of its entries.

    Returns:
        The new entry; None if the entries add up to that already.

    Raises:
        AccrualNotFound: there is no such entry.
        RoyaltiesError: the figure is below zero, or no reason is given.
    """
    if amount_minor < 0:
        raise RoyaltiesError(
            f"`{amount_minor}` is below zero: nothing less than nothing can be owed for a use"
        )
    if not reason.strip():
        raise RoyaltiesError("a correction needs its reason")
    take_turns(session)
    found = session.get(Accrual, accrual_id)
    if found is None:
        raise AccrualNotFound(accrual_id)
    made = enter(session, [(_entries(session, found), amount_minor)], reason=reason, by=by, at=at)
    return made[0] if made else None


def reverse(session: Session, publication_id: UUID, *, reason: str, by: Actor, at: datetime) -> int:
    """Owe nothing any more for a publication that was recorded wrongly; how many entries that took."""
    take_turns(session)
    first = session.scalars(
        select(Accrual).where(Accrual.subject_id == publication_id, Accrual.entry == 0).order_by(Accrual.id)
    ).all()
    return len(enter(session, [(_entries(session, one), 0) for one in first], reason=reason, by=by, at=at))


def entries_of(
    session: Session,
    *,
    composite_id: UUID | None = None,
    publication_id: UUID | None = None,
    grant_id: UUID | None = None,
    after: int = 0,
    limit: int = 1000,
) -> Sequence[Accrual]:
    """Entries in the order of their numbers, from the one after `after`."""
    wanted = select(Accrual).where(Accrual.id > after).order_by(Accrual.id).limit(limit)
    for column, value in (
        (Accrual.composite_id, composite_id),
        (Accrual.publication_id, publication_id),
        (Accrual.grant_id, grant_id),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    return session.scalars(wanted).all()


def _entries(session: Session, one: Accrual) -> Sequence[Accrual]:
    """All entries for the same use, fee and photo, in their order."""
    return session.scalars(
        select(Accrual)
        .where(
            Accrual.trigger == one.trigger,
            Accrual.subject_id == one.subject_id,
            Accrual.grant_id == one.grant_id,
            Accrual.fee == one.fee,
            Accrual.photo_id.is_not_distinct_from(one.photo_id),
        )
        .order_by(Accrual.entry)
    ).all()


def use_of(one: Accrual) -> tuple[Any, ...]:
    """What the entries of one use, fee and photo have in common."""
    return one.trigger, one.subject_id, one.grant_id, one.fee, one.photo_id


def enter(
    session: Session,
    wanted: Iterable[tuple[Sequence[Accrual], int]],
    *,
    reason: str,
    by: Actor,
    at: datetime,
) -> list[Accrual]:
    """Bring each use (its entries, in their order) to a figure, by a further entry where it is another.

    Whoever calls holds `take_turns`.
    """
    made = []
    for entries, amount_minor in wanted:
        first, difference = entries[0], amount_minor - sum(one.amount_minor for one in entries)
        if not difference:
            continue
        same: dict[str, Any] = {
            column.name: getattr(first, column.name)
            for column in Accrual.__table__.columns
            if column.name not in ("id", "entry", "amount_minor", "at", "by", "reason")
        }
        entry = Accrual(
            **same, entry=entries[-1].entry + 1, amount_minor=difference, at=at, by=by.name, reason=reason
        )
        made.append((first.id, entry))
    session.add_all(entry for _, entry in made)
    session.flush()
    for corrected, entry in made:
        log.append(
            session,
            Kind.ROYALTY_CORRECTED,
            by=by,
            at=at,
            accrual=entry.id,
            corrects=corrected,
            grant=entry.grant_id,
            composite=entry.composite_id,
            publication=entry.publication_id,
            difference_minor=entry.amount_minor,
            currency=entry.currency,
            reason=reason,
        )
    return [entry for _, entry in made]


def take_turns(session: Session) -> None:
    """Whoever corrects numbers the entries of a use alone."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CORRECTING})
