"""What holds money back, and the end of it: released, or reversed by new entries."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import pulling
from bankd.catalog.models import Photo
from bankd.licensing import withdrawals
from bankd.licensing.ending import DenyHold, Withdrawal
from bankd.licensing.errors import DocumentNotFound
from bankd.licensing.models import Document
from bankd.licensing.withdrawal_effects import EFFECTS
from bankd.royalties import accrual, payees
from bankd.royalties.doubts import HOLD, Doubt, Doubts, gathered, stands
from bankd.royalties.errors import EscrowAlreadySettled, NothingToSettle
from bankd.royalties.models import Accrual, Outcome, Settlement, StatementLine

HOLDING = tuple(kind for kind, effects in EFFECTS.items() if effects.money == "escrow")
PHOTO_SUBJECTS = ("photo", "release", "person")


def doubts(session: Session, *, at: datetime, until: datetime | None = None) -> Doubts:
    """What holds money at `at`, or held it at the end `until` of a period."""
    return gathered([*_withdrawn(session, at=at, until=until), *_on_hold(session, at=at, until=until)])


def settle(
    session: Session,
    withdrawal_id: UUID,
    *,
    outcome: Outcome,
    reason: str,
    document_sha256: str | None = None,
    by: Actor,
    at: datetime,
) -> Settlement:
    """End what a withdrawal holds in escrow; what it withdrew stays withdrawn.

    Released, it is in the next statements. Reversed, nothing is owed any more for
    the parts that wait and for uses from the withdrawal's moment on, stated or
    not: each gets an entry that takes it back.

    Raises:
        NotPermitted: it takes compliance.
        WithdrawalNotFound, DocumentNotFound.
        NothingToSettle: a withdrawal of its kind holds no money.
        EscrowAlreadySettled: once is all.
    """
    require(by, Permission.LICENSES_WITHDRAW)
    payees.take_turns(session)
    accrual.take_turns(session)
    withdrawal = withdrawals.get(session, withdrawal_id)
    if EFFECTS[withdrawal.kind].money != "escrow":
        raise NothingToSettle(withdrawal_id, withdrawal.kind)
    known = session.get(Settlement, withdrawal_id)
    if known is not None:
        raise EscrowAlreadySettled(withdrawal_id, known.outcome, known.at)
    if document_sha256 is not None and session.get(Document, document_sha256) is None:
        raise DocumentNotFound(document_sha256)
    taken_back = _reverse(session, withdrawal, reason=reason, by=by, at=at) if outcome == "reversed" else []
    totals: Counter[str] = Counter()
    for one in taken_back:
        totals[one.currency] -= one.amount_minor
    made = Settlement(
        withdrawal_id=withdrawal_id,
        outcome=outcome,
        reason=reason,
        document_sha256=document_sha256,
        entries=len(taken_back),
        taken_back=[[code, minor] for code, minor in sorted(totals.items())],
        at=at,
        by=by.name,
    )
    session.add(made)
    session.flush()
    log.append(
        session, Kind.WITHDRAWAL_SETTLED, by=by, at=at,
        withdrawal=withdrawal_id, outcome=outcome, reason=reason, document_sha256=document_sha256,
        entries=made.entries, taken_back=made.taken_back,
    )  # fmt: skip
    return made


def settlements(session: Session, withdrawal_ids: Collection[UUID]) -> dict[UUID, Settlement]:
    """How those of them ended that did, by withdrawal."""
    found = session.scalars(select(Settlement).where(Settlement.withdrawal_id.in_(withdrawal_ids)))
    return {one.withdrawal_id: one for one in found}


def facts(settlement: Settlement | None) -> dict[str, Any] | None:
    """A settlement as it is shown."""
    if settlement is None:
        return None
    return {
        "outcome": settlement.outcome,
        "reason": settlement.reason,
        "document_sha256": settlement.document_sha256,
        "entries": settlement.entries,
        "taken_back": [{"currency": code, "amount_minor": minor} for code, minor in settlement.taken_back],
        "settled_at": settlement.at,
        "settled_by": settlement.by,
    }


def _withdrawn(session: Session, *, at: datetime, until: datetime | None) -> Iterator[Doubt]:
    rows = session.execute(
        select(Withdrawal, Settlement.at)
        .outerjoin(Settlement, Settlement.withdrawal_id == Withdrawal.id)
        .where(Withdrawal.kind.in_(HOLDING), Withdrawal.effective_from <= at)
    ).all()
    for one, settled_at in rows:
        if not stands(one.effective_from, settled_at, at=at, until=until):
            continue
        if one.subject not in PHOTO_SUBJECTS:
            yield Doubt(one.kind, one.subject, one.subject_id)
        elif photos := frozenset(session.scalars(_photos(one))):
            yield Doubt(one.kind, one.subject, one.subject_id, photos)


def _on_hold(session: Session, *, at: datetime, until: datetime | None) -> Iterator[Doubt]:
    """Deny holds by the clock: whoever waits for the clerk holds nothing longer or shorter for it."""
    for one in session.scalars(select(DenyHold).where(DenyHold.starts_at <= at)):
        over = one.ended_at or one.ends_at
        if (over is None or over > one.starts_at) and stands(one.starts_at, over, at=at, until=until):
            photos = frozenset({one.subject_id}) if one.subject == "photo" else frozenset()
            yield Doubt(HOLD, one.subject, one.subject_id, photos)


def _photos(withdrawal: Withdrawal) -> Select[Any]:
    if withdrawal.subject == "person":
        return pulling.photos_of_person(withdrawal.ref)
    assert withdrawal.subject_id is not None  # only persons have none
    if withdrawal.subject == "release":
        return pulling.photos_with([withdrawal.subject_id])
    return select(Photo.id).where(Photo.id == withdrawal.subject_id)


def _reverse(
    session: Session, withdrawal: Withdrawal, *, reason: str, by: Actor, at: datetime
) -> Sequence[Accrual]:
    """Take back each part that is not stated, or whose use lies after the withdrawal's moment."""
    if withdrawal.subject in PHOTO_SUBJECTS:
        about = Accrual.photo_id.in_(_photos(withdrawal))
    else:
        about = Accrual.grant_id.in_(
            withdrawals.grants_of(session, withdrawal.subject, withdrawal.subject_id)
        )
    stated = (
        select(func.coalesce(func.sum(StatementLine.amount_minor), 0))
        .where(StatementLine.accrual_id == Accrual.id)
        .scalar_subquery()
    )
    use = (Accrual.trigger, Accrual.subject_id, Accrual.grant_id, Accrual.fee, Accrual.photo_id)
    rows = session.execute(
        select(Accrual, or_(Accrual.at >= withdrawal.effective_from, stated != Accrual.amount_minor))
        .where(about)
        .order_by(*use, Accrual.entry)
        .execution_options(yield_per=accrual.ROWS)
    )
    return accrual.enter(session, _without(rows), reason=reason, by=by, at=at)


def _without(rows: Iterable[Any]) -> Iterator[tuple[list[Accrual], int]]:
    """The entries of each use, and what is left of it without those that are taken back."""
    for _, of_use in groupby(rows, key=lambda row: accrual.use_of(row[0])):
        entries = [(row[0], bool(row[1])) for row in of_use]
        left = sum(one.amount_minor for one, taken_back in entries if not taken_back)
        yield [one for one, _ in entries], max(0, left)
