"""Withdraw, hold and lift, with what follows at once: photos and grants out of use in the same transaction.

What lies ahead takes effect by `sweep`, which the clerk calls each second.
Policy does not wait for it: until then `catalog.pulling.overdue` adds to the
facts what the clock has made true.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit.actor import Actor
from bankd.catalog import pulling
from bankd.catalog import service as catalog
from bankd.exposure import reading
from bankd.exposure.subjects import Named, find, photos_of
from bankd.licensing import holds, withdrawals
from bankd.licensing.ending import HOLD_SUBJECTS, DenyHold, HoldSubject, Withdrawal
from bankd.licensing.errors import HoldUnfit, WithdrawalUnfit
from bankd.licensing.withdrawal_effects import EFFECTS, KINDS
from bankd.royalties import escrow


@dataclass(frozen=True)
class Withdrawn:
    """A withdrawal just recorded, and what it touches."""

    withdrawal: Withdrawal
    exposure: reading.Exposure

    def facts(self) -> dict[str, Any]:
        """All of it as one flat record."""
        touched = self.exposure
        return facts(self.withdrawal) | {
            "photos": touched.photos,
            "composites": touched.composites,
            "handouts": touched.handouts,
            "publications": touched.publications,
            "networks": [one.sha256 for one in touched.networks],
        }


def shown(session: Session, withdrawals: Sequence[Withdrawal]) -> list[dict[str, Any]]:
    """Withdrawals as they are shown, with how what each held in escrow was let go."""
    settled = escrow.settlements(session, [one.id for one in withdrawals])
    return [facts(one) | {"settled": escrow.facts(settled.get(one.id))} for one in withdrawals]


def facts(withdrawal: Withdrawal) -> dict[str, Any]:
    """A withdrawal as it is shown, with what its kind does."""
    effects = EFFECTS[withdrawal.kind]
    return {
        "withdrawal": withdrawal.id,
        "kind": withdrawal.kind,
        "subject": withdrawal.subject,
        "ref": withdrawal.ref,
        "effective_from": withdrawal.effective_from,
        "reason": withdrawal.reason,
        "document_sha256": withdrawal.document_sha256,
        "recorded_at": withdrawal.recorded_at,
        "recorded_by": withdrawal.recorded_by,
        "took_effect_at": withdrawal.took_effect_at,
        "marked_at": withdrawal.marked_at,
        "effects": {
            "handouts": effects.handouts,
            "publications": effects.publications,
            "stock": effects.stock,
            "checkpoints": effects.checkpoints,
            "money": effects.money,
        },
    }


def hold_facts(hold: DenyHold) -> dict[str, Any]:
    """A deny hold as it is shown."""
    state = "over" if hold.ended_at else "stands" if hold.began_at else "waits"
    return {
        "hold": hold.id,
        "subject": hold.subject,
        "ref": hold.ref,
        "state": state,
        "reason": hold.reason,
        "starts_at": hold.starts_at,
        "ends_at": hold.ends_at,
        "set_at": hold.set_at,
        "set_by": hold.set_by,
        "ended_at": hold.ended_at,
        "lifted_by": hold.lifted_by,
        "lifted_reason": hold.lifted_reason,
    }


def withdraw(
    session: Session,
    subject: str,
    ref: str,
    *,
    kind: str = "terminated",
    since: datetime | None = None,
    reason: str,
    document_sha256: str | None = None,
    by: Actor,
    at: datetime,
) -> Withdrawn:
    """Withdraw something by its ref: at once, or from a moment ahead on, when it takes effect by itself.

    Its grants and photos are out of retrieval when this commits. Composites
    are marked by the clerk right after, when no seal is under way any more.

    Args:
        since: from when on it counts, past or to come; None for now.

    Raises:
        NotPermitted: it takes compliance.
        WithdrawalUnfit: an unknown kind, or one that such a subject or moment does not fit.
        AlreadyWithdrawn, LicenseAlreadyWithdrawn: one that does as much stands.
        Whatever `find` raises; DocumentNotFound.
    """
    require(by, Permission.LICENSES_WITHDRAW)
    if kind not in KINDS:
        raise WithdrawalUnfit(f"unknown kind of withdrawal `{kind}`: use one of {', '.join(KINDS)}")
    named = find(session, subject, ref, by=by)
    withdrawal = withdrawals.record(
        session,
        kind=kind,
        subject=named.subject,
        subject_id=named.id,
        ref=named.ref,
        since=since,
        reason=reason,
        document_sha256=document_sha256,
        by=by,
        at=at,
    )
    if withdrawal.effective_from <= at:
        _take_effect(session, withdrawal, by=by, at=at)
    return Withdrawn(withdrawal, reading.exposure(session, named, by=by))


def hold(
    session: Session,
    subject: str,
    ref: str,
    *,
    reason: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    by: Actor,
    at: datetime,
) -> DenyHold:
    """Deny every use of something from a moment until another, whatever its terms say.

    Raises:
        NotPermitted: it takes compliance.
        HoldUnfit: of such a subject, or with such dates, there is none.
        Whatever `find` raises.
    """
    require(by, Permission.HOLDS_SET)
    if subject not in HOLD_SUBJECTS:
        raise HoldUnfit(
            f"a hold is set on a {', '.join(HOLD_SUBJECTS[:-1])} or {HOLD_SUBJECTS[-1]}, not on a `{subject}`"
        )
    named = find(session, subject, ref, by=by)
    assert named.id is not None  # only persons have none
    made = holds.record(
        session,
        subject=cast(HoldSubject, named.subject),
        subject_id=named.id,
        ref=named.ref,
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
        by=by,
        at=at,
    )
    if made.starts_at <= at:
        _carry_out(session, made, holds.begin(session, made, by=by, at=at), by=by, at=at)
    return made


def lift(session: Session, hold_id: UUID, *, reason: str, by: Actor, at: datetime) -> DenyHold:
    """End a hold before its time.

    Raises:
        NotPermitted, HoldNotFound, HoldAlreadyOver.
    """
    require(by, Permission.HOLDS_SET)
    lifted = holds.lift(session, hold_id, reason=reason, by=by, at=at)
    _carry_out(
        session, lifted, withdrawals.grants_of(session, lifted.subject, lifted.subject_id), by=by, at=at
    )
    return lifted


def sweep(session: Session, *, by: Actor, at: datetime) -> int:
    """Carry out what fell due: withdrawals, holds that begin, holds that end; how many."""
    due = withdrawals.falling_due(session, at=at)
    for withdrawal in due:
        _take_effect(session, withdrawal, by=by, at=at)
    over = holds.ending(session, at=at)
    for one in over:
        _carry_out(session, one, holds.end(session, one, by=by, at=at), by=by, at=at)
    begun = [one for one in holds.beginning(session, at=at) if one not in over]
    for one in begun:
        _carry_out(session, one, holds.begin(session, one, by=by, at=at), by=by, at=at)
    return len(due) + len(over) + len(begun)


def _take_effect(session: Session, withdrawal: Withdrawal, *, by: Actor, at: datetime) -> None:
    grants = withdrawals.take_effect(session, withdrawal, by=by, at=at)
    _block(session, Named(withdrawal.subject, withdrawal.subject_id, withdrawal.ref), grants, by=by, at=at)


def _carry_out(
    session: Session, hold: DenyHold, grants: Collection[UUID], *, by: Actor, at: datetime
) -> None:
    _block(session, Named(hold.subject, hold.subject_id, hold.ref), grants, by=by, at=at)


def _block(session: Session, named: Named, grants: Collection[UUID], *, by: Actor, at: datetime) -> None:
    """Bring block bits and photos into line with what stands now."""
    if named.subject in ("license", "grant", "licensor"):
        if grants:
            catalog.block_grants(session, grants, by=by, at=at)
    else:
        pulling.settle(session, list(session.scalars(photos_of(named, grants))))
