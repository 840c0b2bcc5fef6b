"""What licensing tells people about licenses."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from bankd.licensing import creative_commons, evidence, renewing, service
from bankd.licensing.errors import LicenseNotFound
from bankd.licensing.models import Grant, License, Licensor
from bankd.licensing.terms import CoOwner
from bankd.licensing.title import Ruling, Statute, TitleLink


@dataclass(frozen=True)
class LicenseLine:
    """One license in a list."""

    id: UUID
    ref: str
    licensor: str
    title: str
    basis: str
    spdx: str | None
    grants: int
    state: str  # "in force", "withdrawn" or "superseded"


@dataclass(frozen=True)
class GrantShown:
    id: UUID
    ref: str
    against: frozenset[str]  # nothing: it may be relied on
    terms: dict[str, Any]
    clause: str | None
    quote: str | None
    language: str | None
    translation: str | None
    document_sha256: str | None  # its own; None: the license's
    verified_by: str | None  # of the license too; None: unverified
    recorded_at: datetime
    recorded_by: str
    ends_on: date | None  # with the renewals that came about
    notice_by: date | None  # last day on which notice keeps it from going on after `ends_on`


@dataclass(frozen=True)
class LicenseShown:
    """A license with the words behind it: contract data, for those who may read terms."""

    id: UUID
    ref: str
    licensor: str
    title: str
    basis: str
    spdx: str | None
    state: str
    template: str | None
    irrevocable: bool  # nobody can end it for photos that were obtained under it
    ruling: Ruling | None
    statute: Statute | None
    author: str | None
    title_state: str  # "complete", "incomplete" or "unstated"
    title_chain: tuple[TitleLink, ...]
    co_owners: tuple[CoOwner, ...]
    document_sha256: str | None
    clause: str | None
    quote: str | None
    language: str | None
    translation: str | None
    verified_by: str | None
    verified_at: datetime | None
    recorded_at: datetime
    recorded_by: str
    notice_on: date | None
    notice_given_by: str | None
    withdrawn_at: datetime | None
    withdrawn_reason: str | None
    superseded_at: datetime | None
    superseded_by: str | None  # ref
    grants: tuple[GrantShown, ...]


def licenses(session: Session) -> list[LicenseLine]:
    """Every license, by ref."""
    rows = session.execute(
        select(License, Licensor.name, func.count(Grant.id))
        .join(Licensor, Licensor.id == License.licensor_id)
        .outerjoin(Grant, Grant.license_id == License.id)
        .group_by(License.id, Licensor.name)
        .order_by(License.ref)
    )
    return [
        LicenseLine(
            license.id,
            license.ref,
            licensor,
            license.title,
            license.basis,
            license.spdx,
            grants,
            _state(license),
        )
        for license, licensor, grants in rows
    ]


def license_id(session: Session, ref: str) -> UUID:
    """Raises: LicenseNotFound."""
    found = session.scalar(select(License.id).where(License.ref == ref))
    if found is None:
        raise LicenseNotFound(ref)
    return found


def license(session: Session, ref: str) -> LicenseShown:
    """Raises: LicenseNotFound."""
    found = session.scalar(
        select(License)
        .where(License.ref == ref)
        .options(joinedload(License.licensor), selectinload(License.grants))
    )
    if found is None:
        raise LicenseNotFound(ref)
    standing = service.standing(session, [grant.id for grant in found.grants])
    successor = None
    if found.superseded_by_id is not None:
        successor = session.scalar(select(License.ref).where(License.id == found.superseded_by_id))
    return LicenseShown(
        id=found.id,
        ref=found.ref,
        licensor=found.licensor.name,
        title=found.title,
        basis=found.basis,
        spdx=found.spdx,
        state=_state(found),
        template=found.template,
        irrevocable=creative_commons.irrevocable(found.spdx),
        ruling=found.ruling,
        statute=found.statute,
        author=found.author,
        title_state=found.title_stated,
        title_chain=found.title_links,
        co_owners=tuple(CoOwner.model_validate(owner) for owner in found.co_owners),
        document_sha256=found.document_sha256,
        clause=found.clause,
        quote=found.quote,
        language=found.language,
        translation=found.translation,
        verified_by=found.verified_by,
        verified_at=found.verified_at,
        recorded_at=found.recorded_at,
        recorded_by=found.recorded_by,
        notice_on=found.notice_on,
        notice_given_by=found.notice_by,
        withdrawn_at=found.withdrawn_at,
        withdrawn_reason=found.withdrawn_reason,
        superseded_at=found.superseded_at,
        superseded_by=successor,
        grants=tuple(_grant(found, grant, against=standing[grant.id]) for grant in found.grants),
    )


def _grant(license: License, grant: Grant, *, against: frozenset[str]) -> GrantShown:
    return GrantShown(
        id=grant.id,
        ref=grant.ref,
        against=against,
        terms=grant.terms.as_json(),
        clause=grant.clause,
        quote=grant.quote,
        language=grant.language,
        translation=grant.translation,
        document_sha256=grant.document_sha256,
        verified_by=evidence.verified_by(license, grant),
        recorded_at=grant.recorded_at,
        recorded_by=grant.recorded_by,
        ends_on=grant.ends_on,
        notice_by=renewing.notice_by(license, grant),
    )


def _state(license: License) -> str:
    if license.withdrawn_at is not None:
        return "withdrawn"
    return "in force" if license.superseded_at is None else "superseded"
