"""Putting a stale statement in a photo's file out of force, by the licensor's newer document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, may
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import service
from bankd.catalog.embedded import FIELDS, UNREADABLE, SupersededEmbedded
from bankd.catalog.errors import CatalogError
from bankd.licensing.errors import DocumentNotFound
from bankd.licensing.models import Document


class FieldUnknown(CatalogError):
    def __init__(self, field: str) -> None:
        known = ", ".join(f"`{name}`" for name in FIELDS)
        super().__init__(f"`{field[:60]}` is nothing that a photo's file can say; it is one of {known}")
        self.field = field


class NothingEmbedded(CatalogError):
    def __init__(self, photo_id: UUID, field: str) -> None:
        super().__init__(f"the file of photo `{photo_id}` says nothing of `{field}`")
        self.photo_id = photo_id
        self.field = field


class EmbeddedAlreadySuperseded(CatalogError):
    def __init__(self, photo_id: UUID, field: str, at: datetime) -> None:
        when = at.isoformat()
        super().__init__(f"`{field}` in the file of photo `{photo_id}` was superseded at {when} already")
        self.photo_id = photo_id
        self.field = field


@dataclass(frozen=True)
class Superseded:
    """`profile`: whether the photo has another rights profile now; `state`: of the photo."""

    photo_id: UUID
    field: str
    value: Any
    document_sha256: str
    clause: str
    reason: str
    state: str
    profile_changed: bool


@dataclass(frozen=True)
class SupersededStatement:
    """What a photo's file says and no longer counts: by which document, since when, on whose word.

    Clause and reason are None for who may not read what a contract says.
    """

    field: str
    value: Any  # as the file says it
    document_sha256: str
    document: str  # its name
    clause: str | None
    reason: str | None
    superseded_at: datetime
    superseded_by: str


def superseded(session: Session, photo_id: UUID, *, by: Actor) -> tuple[SupersededStatement, ...]:
    """In the order in which they were superseded."""
    terms = may(by, Permission.TERMS_READ)
    rows = session.execute(
        select(SupersededEmbedded, Document.name)
        .join(Document, Document.sha256 == SupersededEmbedded.document_sha256)
        .where(SupersededEmbedded.photo_id == photo_id)
        .order_by(SupersededEmbedded.superseded_at, SupersededEmbedded.id)
    )
    return tuple(
        SupersededStatement(
            field=one.field,
            value=one.value,
            document_sha256=one.document_sha256,
            document=name,
            clause=one.clause if terms else None,
            reason=one.reason if terms else None,
            superseded_at=one.superseded_at,
            superseded_by=one.superseded_by,
        )
        for one, name in rows
    )


def supersede_embedded(
    session: Session,
    photo_id: UUID,
    field: str,
    *,
    document_sha256: str,
    clause: str,
    reason: str,
    by: Actor,
    at: datetime,
) -> Superseded:
    """Leave one statement of the photo's file out of its rights from now on; every other still tightens them.

    Raises:
        PhotoNotFound, PhotoErased, FieldUnknown.
        NothingEmbedded: the file does not say it.
        EmbeddedAlreadySuperseded: the first document stands.
        DocumentNotFound: the document is not recorded.
    """
    if field not in FIELDS:
        raise FieldUnknown(field)
    photo = service.held_for_rights(session, photo_id)
    said = photo.embedded.get(field)
    if field == UNREADABLE and photo.quarantine_reason == "unreadable-rights":
        said = photo.embedded_credit.get(UNREADABLE) or UNREADABLE
    known = session.scalar(
        select(SupersededEmbedded).where(
            SupersededEmbedded.photo_id == photo_id, SupersededEmbedded.field == field
        )
    )
    if known is not None:
        raise EmbeddedAlreadySuperseded(photo_id, field, known.superseded_at)
    if not said:
        raise NothingEmbedded(photo_id, field)
    if session.get(Document, document_sha256) is None:
        raise DocumentNotFound(document_sha256)
    session.add(
        SupersededEmbedded(
            photo_id=photo_id, field=field, value=said, document_sha256=document_sha256, clause=clause,
            reason=reason, superseded_at=at, superseded_by=by.name,
        )
    )  # fmt: skip
    before = photo.profile_id
    if field == UNREADABLE:
        photo.quarantine_reason = "unlicensed"  # until its grants admit it
    session.flush()
    service.record_rights(session, photo, grant_ids=(), covers={}, depictions=None)
    session.flush()
    service.spread(session, photo)
    log.append(
        session, Kind.EMBEDDED_SUPERSEDED, by=by, at=at,
        photo=photo_id, field=field, value=said, document=document_sha256, clause=clause, reason=reason,
        profile=photo.profile_id, state=photo.state,
    )  # fmt: skip
    return Superseded(
        photo_id, field, said, document_sha256, clause, reason, photo.state, photo.profile_id != before
    )
