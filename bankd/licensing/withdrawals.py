"""Withdraw what was given: a license, one grant, all of a licensor's, a release, a person's, a photo.

Photos live above licensing: `take_effect` returns the grants that are over,
and the caller takes them, and photos, out of use in the same transaction (see
`bankd.exposure.withdrawing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    and_,
    bindparam,
    exists,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, joinedload

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import creative_commons
from bankd.licensing.ending import DenyHold, Withdrawal
from bankd.licensing.errors import (
    AlreadyWithdrawn,
    DocumentNotFound,
    LicenseAlreadyWithdrawn,
    LicenseIrrevocable,
    LicensorIrrevocable,
    WithdrawalNotFound,
    WithdrawalUnfit,
)
from bankd.licensing.models import Document, Grant, License, Licensor, Release
from bankd.licensing.withdrawal_effects import EFFECTS, KINDS, Subject, WithdrawalKind, adds, survives

WITHDRAWING = 0x62616E6B_77647277  # advisory lock: two who withdraw one thing take turns
_AT = bindparam("at", type_=DateTime(timezone=True))
_OVER = and_(Withdrawal.took_effect_at.is_(None), Withdrawal.effective_from <= _AT)
_ON_HOLD = and_(
    DenyHold.began_at.is_(None),
    DenyHold.ended_at.is_(None),
    DenyHold.starts_at <= _AT,
    or_(DenyHold.ends_at.is_(None), DenyHold.ends_at > _AT),
)
ANYTHING_DUE = or_(exists().where(_OVER), exists().where(_ON_HOLD))
"""Whether `due` finds something at the moment `at`, which whoever executes it states."""
AGREEMENTS: Mapping[str, Any] = {
    "license": License,
    "grant": Grant,
    "licensor": Licensor,
}


@dataclass(frozen=True)
class Due:
    """What is over by its moment and was not carried out yet. Policy has to know it all the same."""

    withdrawn: frozenset[UUID] = frozenset()  # grants
    denied: frozenset[UUID] = frozenset()  # grants
    withdrawn_photos: frozenset[UUID] = frozenset()
    held_photos: frozenset[UUID] = frozenset()
    withdrawn_releases: frozenset[UUID] = frozenset()


def record(
    session: Session,
    *,
    kind: WithdrawalKind,
    subject: Subject,
    subject_id: UUID | None,
    ref: str,
    since: datetime | None,
    reason: str,
    document_sha256: str | None = None,
    by: Actor,
    at: datetime,
) -> Withdrawal:
    """Write down that something is withdrawn, which does nothing by itself yet: see `take_effect`.

    Args:
        since: from which moment on, past or to come; None for now, or for the start where the kind says so.

    Raises:
        WithdrawalUnfit: the kind is not one of such a subject, or has no moment of its own.
        AlreadyWithdrawn, LicenseAlreadyWithdrawn: one that does as much stands already.
        DocumentNotFound.
        LicenseIrrevocable, LicensorIrrevocable: nobody can end it for what was obtained under it.
    """
    effects = EFFECTS[kind]
    if subject not in effects.subjects:
        fit = ", ".join(one for one in KINDS if subject in EFFECTS[one].subjects)
        raise WithdrawalUnfit(f"a {subject} is not withdrawn as `{kind}`: use one of {fit}")
    if effects.from_start and since is not None:
        raise WithdrawalUnfit(f"what is withdrawn as `{kind}` counts from its start: leave the moment out")
    if document_sha256 is not None and session.get(Document, document_sha256) is None:
        raise DocumentNotFound(document_sha256)
    if kind == "terminated":
        _refuse_irrevocable(session, subject, subject_id)
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WITHDRAWING})
    for one in _earlier(session, subject, subject_id, ref):
        if not adds(kind, one.kind):
            if subject == "license" and subject_id is not None:
                raise LicenseAlreadyWithdrawn(subject_id, one.effective_from)
            raise AlreadyWithdrawn(subject, ref, one.kind, one.effective_from)
    moment = _start(session, subject, subject_id) if effects.from_start else None
    withdrawal = Withdrawal(
        kind=kind,
        subject=subject,
        subject_id=subject_id,
        ref=ref,
        effective_from=moment or since or at,
        reason=reason,
        document_sha256=document_sha256,
        recorded_at=at,
        recorded_by=by.name,
    )
    session.add(withdrawal)
    session.flush()
    log.append(
        session, Kind.WITHDRAWAL_RECORDED, by=by, at=at,
        withdrawal=withdrawal.id, withdrawn=kind, subject=subject, subject_id=subject_id, ref=ref,
        effective_from=withdrawal.effective_from, reason=reason, document_sha256=document_sha256,
    )  # fmt: skip
    return withdrawal


def take_effect(session: Session, withdrawal: Withdrawal, *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """Stamp what it withdraws, and return the grants that are over, for the caller to block."""
    withdrawal.took_effect_at = at
    since, reason = withdrawal.effective_from, withdrawal.reason
    grants = grants_of(session, withdrawal.subject, withdrawal.subject_id)
    if withdrawal.subject in ("license", "licensor"):
        for license in _licenses(session, withdrawal):
            if withdrawal.kind == "terminated" and creative_commons.irrevocable(license.spdx):
                continue  # given after the end was announced
            if license.withdrawn_at is None or since < license.withdrawn_at:
                license.withdrawn_at, license.withdrawn_reason = since, reason
                log.append(
                    session, Kind.LICENSE_WITHDRAWN, by=by, at=at,
                    license=license.id, ref=license.ref, reason=reason, since=since, withdrawal=withdrawal.id,
                )  # fmt: skip
    elif withdrawal.subject == "grant":
        grant = session.get_one(Grant, withdrawal.subject_id, with_for_update=True)
        if grant.withdrawn_at is None or since < grant.withdrawn_at:
            grant.withdrawn_at, grant.withdrawn_reason = since, reason
            log.append(
                session, Kind.GRANT_WITHDRAWN, by=by, at=at,
                grant=grant.id, license=grant.license_id, reason=reason, since=since,
                withdrawal=withdrawal.id,
            )  # fmt: skip
    session.flush()
    log.append(
        session, Kind.WITHDRAWAL_TOOK_EFFECT, by=by, at=at,
        withdrawal=withdrawal.id, subject=withdrawal.subject, ref=withdrawal.ref, since=since,
    )  # fmt: skip
    return grants


def falling_due(session: Session, *, at: datetime) -> Sequence[Withdrawal]:
    """Withdrawals whose moment has come and that were not carried out yet, locked against a second clerk."""
    return session.scalars(
        select(Withdrawal)
        .where(Withdrawal.took_effect_at.is_(None), Withdrawal.effective_from <= at)
        .order_by(Withdrawal.effective_from, Withdrawal.id)
        .with_for_update(skip_locked=True)
    ).all()


def due(session: Session, *, at: datetime) -> Due:
    """What is over at `at` and not carried out yet: nothing, but for a moment or where no clerk works.

    Ask before the facts that it is to be added to: what is carried out in between is then in both.
    """
    over = select(Withdrawal.subject, Withdrawal.subject_id, Withdrawal.ref, Withdrawal.kind).where(_OVER)
    withdrawn = session.execute(over, {"at": at}).all()
    held = session.execute(select(DenyHold.subject, DenyHold.subject_id).where(_ON_HOLD), {"at": at}).all()
    if not withdrawn and not held:
        return Due()
    persons = [ref for subject, _, ref, _ in withdrawn if subject == "person"]
    return Due(
        withdrawn=frozenset(
            grant
            for subject, id_, _, kind in withdrawn
            for grant in frozenset(grants_of(session, subject, id_)) - _kept(session, kind, subject, id_)
        ),
        denied=frozenset(g for subject, id_ in held for g in grants_of(session, subject, id_)),
        withdrawn_photos=frozenset(id_ for subject, id_, _, _ in withdrawn if subject == "photo" and id_),
        held_photos=frozenset(id_ for subject, id_ in held if subject == "photo"),
        withdrawn_releases=frozenset(id_ for subject, id_, _, _ in withdrawn if subject == "release" and id_)
        | frozenset(session.scalars(select(Release.id).where(Release.subject.in_(persons)))),
    )


def grants_of(session: Session, subject: str, subject_id: UUID | None) -> tuple[UUID, ...]:
    """The grants of a license or licensor, or the grant itself; none of what is no agreement."""
    wanted = select(Grant.id).order_by(Grant.id)
    if subject == "grant":
        wanted = wanted.where(Grant.id == subject_id)
    elif subject == "license":
        wanted = wanted.where(Grant.license_id == subject_id)
    elif subject == "licensor":
        wanted = wanted.join(License, Grant.license_id == License.id).where(License.licensor_id == subject_id)
    else:
        return ()
    return tuple(session.scalars(wanted))


def outlived(session: Session, grants: Any, *, trained_at: datetime) -> frozenset[UUID]:
    """Those of `grants` (a select of ids) that are withdrawn and keep by their own terms what was trained.

    One withdrawal that keeps nothing is enough; so is one that counts from before the training.
    """
    promising = session.scalars(
        select(Grant)
        .join(License, Grant.license_id == License.id)
        .where(
            Grant.id.in_(grants),
            type_coerce(Grant.terms, JSONB)["training_survives"].as_boolean(),
            or_(Grant.withdrawn_at.is_not(None), License.withdrawn_at.is_not(None)),
        )
        .options(joinedload(Grant.license))
    ).all()
    kept = set()
    for grant in promising:
        against = session.execute(
            select(Withdrawal.kind, Withdrawal.effective_from).where(
                Withdrawal.took_effect_at.is_not(None),
                or_(
                    and_(Withdrawal.subject == "grant", Withdrawal.subject_id == grant.id),
                    and_(Withdrawal.subject == "license", Withdrawal.subject_id == grant.license_id),
                    and_(
                        Withdrawal.subject == "licensor", Withdrawal.subject_id == grant.license.licensor_id
                    ),
                ),
            )
        ).all()
        if against and all(
            survives(kind, training_survives=True, trained_at=trained_at, since=since)
            for kind, since in against
        ):
            kept.add(grant.id)
    return frozenset(kept)


def get(session: Session, withdrawal_id: UUID) -> Withdrawal:
    """Raises: WithdrawalNotFound."""
    found = session.get(Withdrawal, withdrawal_id)
    if found is None:
        raise WithdrawalNotFound(withdrawal_id)
    return found


def listed(
    session: Session, *, subject: str | None = None, ref: str | None = None, limit: int = 100
) -> Sequence[Withdrawal]:
    """Withdrawals, the latest record first."""
    wanted = select(Withdrawal).order_by(Withdrawal.recorded_at.desc(), Withdrawal.id).limit(limit)
    if subject is not None:
        wanted = wanted.where(Withdrawal.subject == subject)
    if ref is not None:
        wanted = wanted.where(Withdrawal.ref == ref)
    return session.scalars(wanted).all()


def _earlier(session: Session, subject: Subject, subject_id: UUID | None, ref: str) -> Sequence[Withdrawal]:
    same = Withdrawal.ref == ref if subject_id is None else Withdrawal.subject_id == subject_id
    return session.scalars(
        select(Withdrawal).where(Withdrawal.subject == subject, same).order_by(Withdrawal.recorded_at)
    ).all()


def _start(session: Session, subject: Subject, subject_id: UUID | None) -> datetime:
    """When the bank first knew of it: nothing of the bank relied on it before."""
    table: Any = AGREEMENTS[subject]
    recorded_at: datetime = session.scalars(select(table.recorded_at).where(table.id == subject_id)).one()
    return recorded_at


def _licenses(session: Session, withdrawal: Withdrawal) -> Sequence[License]:
    mine = (
        License.id == withdrawal.subject_id
        if withdrawal.subject == "license"
        else License.licensor_id == withdrawal.subject_id
    )
    return session.scalars(select(License).where(mine).order_by(License.id).with_for_update()).all()


def _refuse_irrevocable(session: Session, subject: Subject, subject_id: UUID | None) -> None:
    """Raises LicenseIrrevocable, LicensorIrrevocable: it ends for nobody who obtained the photo under it."""
    own = {"license": License.id, "grant": Grant.id, "licensor": Licensor.id}
    if subject not in own:
        return
    given = session.execute(
        select(License.ref, License.spdx, Licensor.ref)
        .join(Licensor, Licensor.id == License.licensor_id)
        .outerjoin(Grant, Grant.license_id == License.id)
        .where(own[subject] == subject_id, License.spdx.is_not(None))
        .distinct()
        .order_by(License.ref)
    )
    for ref, spdx, licensor in given:
        if spdx is None or not creative_commons.irrevocable(spdx):
            continue
        if subject == "licensor":
            raise LicensorIrrevocable(licensor, ref, spdx)
        raise LicenseIrrevocable(ref, spdx)


def _kept(session: Session, kind: str, subject: str, subject_id: UUID | None) -> frozenset[UUID]:
    """The grants that the end of an agreement with a licensor leaves as they are: what was recorded as
    irrevocable after that end was announced."""
    if kind != "terminated" or subject != "licensor":
        return frozenset()
    rows = session.execute(
        select(Grant.id, License.spdx)
        .join(License, License.id == Grant.license_id)
        .where(License.licensor_id == subject_id, License.spdx.is_not(None))
    )
    return frozenset(grant for grant, spdx in rows if creative_commons.irrevocable(spdx))
