"""Mark the composites that a withdrawal touches, and ask back what was given of them, a batch at a time.

It begins once the withdrawal has committed: from then on every seal that
relies on it is refused, so that what is there then is all there will be.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, case, cast, func, literal, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.exposure.errors import TakedownAlreadyDone, TakedownNotFound
from bankd.exposure.models import ExposedComposite, Takedown
from bankd.exposure.subjects import Named, grants_of, uses
from bankd.licensing.ending import Withdrawal
from bankd.licensing.withdrawal_effects import EFFECTS
from bankd.notices import service as notices
from bankd.notices.channels import Channel
from bankd.provenance.models import Composite, Handout, Publication

BATCH = 2000  # composites marked in one transaction


def mark_next(
    session: Session, *, to: Mapping[str, Channel], by: Actor, at: datetime, batch: int = BATCH
) -> Withdrawal | None:
    """Mark another batch for the withdrawal that has waited longest; None if all are marked.

    Safe to stop at any moment: it goes on after the last composite that is marked. The last batch tells
    `to` of it.
    """
    withdrawal = session.scalar(
        select(Withdrawal)
        .where(Withdrawal.marked_at.is_(None), Withdrawal.took_effect_at.is_not(None))
        .order_by(Withdrawal.recorded_at, Withdrawal.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if withdrawal is None:
        return None
    marked = _mark(session, withdrawal, at=at, batch=batch)
    _ask_back(session, withdrawal, marked, at=at)
    if len(marked) < batch:
        withdrawal.marked_at = at
        session.flush()
        why: dict[str, int] = dict(
            session.execute(
                select(ExposedComposite.why, func.count())
                .where(ExposedComposite.withdrawal_id == withdrawal.id)
                .group_by(ExposedComposite.why)
            ).all()
        )
        asked = session.scalar(
            select(func.count()).select_from(Takedown).where(Takedown.withdrawal_id == withdrawal.id)
        )
        log.append(
            session, Kind.WITHDRAWAL_MARKED, by=by, at=at,
            withdrawal=withdrawal.id, composites=sum(why.values()), sealed_after=why.get("sealed-after", 0),
            takedowns=asked,
        )  # fmt: skip
        _tell(session, withdrawal, why, asked or 0, to=to, at=at)
    return withdrawal


def confirm(session: Session, takedown_id: UUID, *, note: str, by: Actor, at: datetime) -> Takedown:
    """Record that a handout was called back or a publication taken down; `note` says on what proof.

    Raises:
        NotPermitted: it takes compliance.
        TakedownNotFound, TakedownAlreadyDone.
    """
    require(by, Permission.LICENSES_WITHDRAW)
    takedown = session.get(Takedown, takedown_id, with_for_update=True)
    if takedown is None:
        raise TakedownNotFound(takedown_id)
    if takedown.done_at is not None:
        raise TakedownAlreadyDone(takedown_id, takedown.done_at)
    takedown.done_at, takedown.done_by, takedown.note = at, by.name, note
    session.flush()
    log.append(
        session, Kind.TAKEDOWN_DONE, by=by, at=at,
        takedown=takedown_id, withdrawal=takedown.withdrawal_id, composite=takedown.composite_id, note=note,
    )  # fmt: skip
    return takedown


def _tell(
    session: Session,
    withdrawal: Withdrawal,
    why: Mapping[str, int],
    asked: int,
    *,
    to: Mapping[str, Channel],
    at: datetime,
) -> None:
    what, since = f"{withdrawal.subject} {withdrawal.ref}", withdrawal.effective_from
    composites, after = sum(why.values()), why.get("sealed-after", 0)
    notices.tell(
        session,
        "withdrawal",
        key=f"withdrawal {withdrawal.id}",
        title=f"{what} was withdrawn ({withdrawal.kind})",
        words=(
            f"{what} was withdrawn ({withdrawal.kind}) from {since:%Y-%m-%d %H:%M}Z on.\n"
            f"Composites that rely on it: {composites}, of which {after} were sealed after that.\n"
            f"Handouts and publications to be called back: {asked}.\n"
            f"See `bankd withdrawals show {withdrawal.id}` and `bankd withdrawals takedowns`.\n"
        ),
        facts={
            "withdrawal": str(withdrawal.id),
            "kind": withdrawal.kind,
            "subject": withdrawal.subject,
            "ref": withdrawal.ref,
            "effective_from": since.isoformat(),
            "composites": composites,
            "sealed_after": after,
            "takedowns": asked,
        },
        to=to,
        at=at,
    )


def _mark(session: Session, withdrawal: Withdrawal, *, at: datetime, batch: int) -> list[UUID]:
    named = Named(withdrawal.subject, withdrawal.subject_id, withdrawal.ref)
    last = session.scalar(
        select(ExposedComposite.composite_id)
        .where(ExposedComposite.withdrawal_id == withdrawal.id)
        .order_by(ExposedComposite.composite_id.desc())
        .limit(1)
    )
    each = uses(named, grants_of(session, named))
    hit = (
        select(each.c.composite_id)
        .where(*([each.c.composite_id > last] if last else []))
        .distinct()
        .order_by(each.c.composite_id)
        .limit(batch)
        .subquery()
    )
    after = Composite.sealed_at >= withdrawal.effective_from
    rows = select(
        literal(withdrawal.id),
        Composite.id,
        literal(at),
        case((after, "sealed-after"), else_="relies"),
    ).join(hit, hit.c.composite_id == Composite.id)
    made = (
        postgresql.insert(ExposedComposite)
        .from_select(["withdrawal_id", "composite_id", "exposed_at", "why"], rows)
        .returning(ExposedComposite.composite_id)
    )
    return list(session.scalars(made))


def _ask_back(session: Session, withdrawal: Withdrawal, composites: list[UUID], *, at: datetime) -> None:
    """Whatever was given after its moment comes back; what was given before, where the kind says so."""
    if not composites:
        return
    effects, since = EFFECTS[withdrawal.kind], withdrawal.effective_from
    handouts = select(
        text("gen_random_uuid()"), literal(withdrawal.id), Handout.composite_id, Handout.id, literal(at)
    ).where(
        Handout.composite_id.in_(composites),
        or_(literal(effects.handouts == "recall"), Handout.at >= since),
    )
    began = func.timezone(Publication.zone, cast(Publication.starts_on, TIMESTAMP))
    publications = select(
        text("gen_random_uuid()"),
        literal(withdrawal.id),
        Publication.composite_id,
        Publication.id,
        literal(at),
    ).where(
        Publication.composite_id.in_(composites),
        Publication.taken_down_on.is_(None),
        Publication.replaced_by_id.is_(None),
        or_(literal(effects.publications == "recall"), began >= since),
    )
    for column, rows in (("handout_id", handouts), ("publication_id", publications)):
        session.execute(
            postgresql.insert(Takedown)
            .from_select(["id", "withdrawal_id", "composite_id", column, "asked_at"], rows)
            .on_conflict_do_nothing()
        )
