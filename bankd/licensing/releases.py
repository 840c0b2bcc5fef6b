"""What licensing tells people about releases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.licensing.ending import Withdrawal
from bankd.licensing.errors import ReleaseNotFound
from bankd.licensing.models import Licensor, Release


@dataclass(frozen=True)
class ReleaseShown:
    """A release with what stands behind it: personal data, for those who may read terms."""

    id: UUID
    ref: str
    kind: str
    subject: str  # opaque
    state: str  # "in force", "superseded" or "withdrawn"
    terms: dict[str, Any]
    licensor: str | None
    document_sha256: str | None
    clause: str | None
    quote: str | None
    verified_by: str | None
    recorded_at: datetime
    recorded_by: str
    superseded_at: datetime | None
    superseded_by: str | None  # ref


def releases(session: Session, *, after: str | None = None, limit: int | None = None) -> list[ReleaseShown]:
    """Releases by ref, those after one."""
    wanted = select(Release).order_by(Release.ref).limit(limit)
    if after is not None:
        wanted = wanted.where(Release.ref > after)
    return _shown(session, list(session.scalars(wanted)))


def release(session: Session, ref: str) -> ReleaseShown:
    """Raises: ReleaseNotFound."""
    found = session.scalar(select(Release).where(Release.ref == ref))
    if found is None:
        raise ReleaseNotFound(ref)
    return _shown(session, [found])[0]


def _shown(session: Session, rows: list[Release]) -> list[ReleaseShown]:
    ids = [row.id for row in rows]
    withdrawn = set(
        session.scalars(
            select(Withdrawal.subject_id).where(
                Withdrawal.subject == "release",
                Withdrawal.subject_id.in_(ids),
                Withdrawal.took_effect_at.is_not(None),
            )
        )
    )
    named = session.execute(
        select(Release.id, Release.ref).where(Release.id.in_({row.superseded_by_id for row in rows}))
    )
    successors = {id: ref for id, ref in named}  # noqa: C416
    named = session.execute(
        select(Licensor.id, Licensor.name).where(Licensor.id.in_({row.licensor_id for row in rows}))
    )
    licensors = {id: name for id, name in named}  # noqa: C416
    return [
        ReleaseShown(
            id=row.id,
            ref=row.ref,
            kind=row.kind,
            subject=row.subject,
            state="superseded" if row.superseded_at else "withdrawn" if row.id in withdrawn else "in force",
            terms=row.terms().as_json(),
            licensor=licensors.get(row.licensor_id) if row.licensor_id else None,
            document_sha256=row.document_sha256,
            clause=row.clause,
            quote=row.quote,
            verified_by=row.verified_by,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
            superseded_at=row.superseded_at,
            superseded_by=successors.get(row.superseded_by_id) if row.superseded_by_id else None,
        )
        for row in rows
    ]
