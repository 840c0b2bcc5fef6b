"""Duties to keep: legal holds, and what taxes, contracts and claims ask for. They put off erasing alone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select, text
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.models import Photo, PhotoGrant, PhotoRelease
from bankd.erasure.errors import RetentionAlreadyOver, RetentionNotFound, RetentionUnfit
from bankd.erasure.models import CLASSES, Class, Retention
from bankd.exposure.subjects import find
from bankd.licensing.errors import DocumentNotFound
from bankd.licensing.models import Document, Grant, License, Release

ERASING = 0x62616E6B_65726173  # advisory lock: shared by who erases, alone for who decides what may be


def retain(
    session: Session,
    subject: str,
    ref: str,
    *,
    class_: str,
    reason: str,
    ends_at: datetime | None = None,
    document_sha256: str | None = None,
    by: Actor,
    at: datetime,
) -> Retention:
    """Put off the erasing of a photo, or of all that an agreement, a licensor, a release, a person touches.

    Nothing that was erased before comes back by it; what an erasure has not come to yet stays.

    Args:
        ends_at: the first moment at which it holds no more; None, of a legal hold alone: until it is lifted.

    Raises:
        NotPermitted: it takes compliance.
        RetentionUnfit: no such class, or it has no end, or would be over before it begins.
        DocumentNotFound; whatever `find` raises.
    """
    require(by, Permission.HOLDS_SET)
    kind = _class(class_)
    if kind != "legal-hold" and ends_at is None:
        raise RetentionUnfit(
            f"what is kept for `{kind}` needs an end: how long the law or contract asks for it"
        )
    if ends_at is not None and ends_at <= at:
        raise RetentionUnfit(f"it would end at {ends_at.isoformat()}, which is not ahead")
    if document_sha256 is not None and session.get(Document, document_sha256) is None:
        raise DocumentNotFound(document_sha256)
    named = find(session, subject, ref, by=by)
    alone(session)  # what is erased right now is gone, and nothing else goes before this stands
    made = Retention(
        class_=kind,
        subject=named.subject,
        subject_id=named.id,
        ref=named.ref,
        reason=reason,
        document_sha256=document_sha256,
        ends_at=ends_at,
        set_at=at,
        set_by=by.name,
    )
    session.add(made)
    session.flush()
    # No ref and no reason: those of a person go when he is erased, and the log's payloads of him alone do.
    log.append(
        session, Kind.RETENTION_SET, by=by, at=at,
        retention=made.id, retention_class=kind, subject=named.subject, subject_id=named.id, ends_at=ends_at,
    )  # fmt: skip
    return made


def lift(session: Session, retention_id: UUID, *, reason: str, by: Actor, at: datetime) -> Retention:
    """End a legal hold or a retention before its time. Erasures that waited for it go on by themselves.

    Raises:
        NotPermitted, RetentionNotFound, RetentionAlreadyOver.
    """
    require(by, Permission.HOLDS_SET)
    found = session.get(Retention, retention_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise RetentionNotFound(retention_id)
    if found.lifted_at is not None or (found.ends_at is not None and found.ends_at <= at):
        raise RetentionAlreadyOver(retention_id, found.lifted_at or found.ends_at or at)
    found.lifted_at, found.lifted_by, found.lifted_reason = at, by.name, reason
    session.flush()
    log.append(session, Kind.RETENTION_LIFTED, by=by, at=at, retention=retention_id)
    return found


def listed(
    session: Session,
    *,
    classes: Collection[str] = CLASSES,
    over: bool = False,
    at: datetime,
    limit: int = 100,
) -> Sequence[Retention]:
    """Duties that stand at `at`, with `over` those of the past too; the latest first."""
    wanted = select(Retention).where(Retention.class_.in_(classes))
    wanted = wanted.order_by(Retention.set_at.desc(), Retention.id).limit(limit)
    return session.scalars(wanted if over else wanted.where(standing(at))).all()


def facts(one: Retention, *, at: datetime) -> dict[str, Any]:
    """A duty to keep as it is shown."""
    over = one.lifted_at is not None or (one.ends_at is not None and one.ends_at <= at)
    return {
        "retention": one.id,
        "class": one.class_,
        "subject": one.subject,
        "ref": one.ref,
        "state": "over" if over else "stands",
        "reason": one.reason,
        "document_sha256": one.document_sha256,
        "ends_at": one.ends_at,
        "set_at": one.set_at,
        "set_by": one.set_by,
        "lifted_at": one.lifted_at,
        "lifted_by": one.lifted_by,
        "lifted_reason": one.lifted_reason,
    }


def alone(session: Session) -> None:
    """Wait until nothing is being erased, and let nothing be until this transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ERASING})


def erasing(session: Session) -> None:
    """Let no duty to keep begin until this transaction ends: what it found to be free is so still."""
    session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": ERASING})


def standing(at: datetime) -> ColumnElement[bool]:
    return and_(Retention.lifted_at.is_(None), or_(Retention.ends_at.is_(None), Retention.ends_at > at))


def on_photo(photo_id: Any) -> ColumnElement[bool]:
    """Whether a retention is on this photo, by itself or by what it was given under."""
    of_grant = (
        exists()
        .where(
            PhotoGrant.photo_id == photo_id,
            PhotoGrant.grant_id == Grant.id,
            Grant.license_id == License.id,
            or_(
                and_(Retention.subject == "grant", Retention.subject_id == Grant.id),
                and_(Retention.subject == "license", Retention.subject_id == License.id),
                and_(Retention.subject == "licensor", Retention.subject_id == License.licensor_id),
            ),
        )
        .correlate_except(PhotoGrant, Grant, License)
    )
    of_release = (
        exists()
        .where(
            PhotoRelease.photo_id == photo_id,
            PhotoRelease.release_id == Release.id,
            or_(
                and_(Retention.subject == "release", Retention.subject_id == Release.id),
                and_(Retention.subject == "person", Retention.ref == Release.subject),
            ),
        )
        .correlate_except(PhotoRelease, Release)
    )
    return or_(and_(Retention.subject == "photo", Retention.subject_id == photo_id), of_grant, of_release)


def on_release() -> ColumnElement[bool]:
    """Whether a retention is on a `Release` itself: for statements over both."""
    return or_(
        and_(Retention.subject == "release", Retention.subject_id == Release.id),
        and_(Retention.subject == "person", Retention.ref == Release.subject),
        and_(Retention.subject == "licensor", Retention.subject_id == Release.licensor_id),
    )


def keeping_photos(
    session: Session, photo_ids: Collection[UUID], *, at: datetime
) -> Mapping[UUID, Sequence[Retention]]:
    """What keeps each of these photos at `at`; those that nothing keeps are left out."""
    rows = session.execute(
        select(Photo.id, Retention)
        .join(Retention, and_(standing(at), on_photo(Photo.id)))
        .where(Photo.id.in_(photo_ids))
        .order_by(Photo.id, Retention.set_at, Retention.id)
    )
    kept: dict[UUID, list[Retention]] = {}
    for photo_id, retention in rows:
        kept.setdefault(photo_id, []).append(retention)
    return kept


def keeping_releases(
    session: Session, release_ids: Collection[UUID], *, at: datetime
) -> Mapping[UUID, Sequence[Retention]]:
    """As `keeping_photos`, of releases."""
    rows = session.execute(
        select(Release.id, Retention)
        .join(Retention, and_(standing(at), on_release()))
        .where(Release.id.in_(release_ids))
        .order_by(Release.id, Retention.set_at, Retention.id)
    )
    kept: dict[UUID, list[Retention]] = {}
    for release_id, retention in rows:
        kept.setdefault(release_id, []).append(retention)
    return kept


def _class(given: str) -> Class:
    for one in CLASSES:
        if one == given:
            return one
    raise RetentionUnfit(f"unknown class `{given}`: use one of {', '.join(CLASSES)}")
