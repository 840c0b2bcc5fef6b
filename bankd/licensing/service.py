"""Record who gave which rights, supersede and withdraw them.

What is recorded is never edited. Recording the same thing again gives back
what is there; the same ref with other content is refused.

Photos live above licensing: `withdraw`, `withdraw_grant`, `supersede` and
`supersede_grant` return the ids of the grants that are over, and **the caller
must hand them to `bankd.catalog.service.block_grants` in the same
transaction**, which sets the block bits that take the photos out of retrieval.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import caps, renewing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.errors import (
    AlreadyRecorded,
    AlreadySuperseded,
    CircularSuccession,
    DocumentNotFound,
    DocumentTooLarge,
    GrantAlreadyWithdrawn,
    GrantNotFound,
    LicenseAlreadyWithdrawn,
    LicenseNotFound,
    LicensorNotFound,
    ReleaseNotFound,
    SubjectsDiffer,
    TitleBroken,
)
from bankd.licensing.holds import DENIED
from bankd.licensing.models import Document, Grant, GrantCounter, License, Licensor, Release
from bankd.licensing.terms import MAX_DOCUMENT_BYTES, CoOwner, GrantTerms, Value
from bankd.licensing.title import Ruling, Statute, TitleLink, broken
from bankd.licensing.vocabulary import Basis
from bankd.storage.blobs import Blobs

Row = TypeVar("Row", Licensor, License, Grant, Release)

RECORDING = 0x62616E6B_72676874  # advisory lock: two sessions recording one ref take turns


def record_licensor(session: Session, ref: str, *, name: str, by: Actor, at: datetime) -> Licensor:
    """Raises AlreadyRecorded: the ref is another licensor's."""
    _take_turns(session)
    known = session.scalar(select(Licensor).where(Licensor.ref == ref))
    if known is not None:
        return _same(known, {"name": name}, what="licensor", remedy="give the new licensor a ref of its own")
    licensor = Licensor(ref=ref, name=name, recorded_at=at, recorded_by=by.name)
    session.add(licensor)
    session.flush()
    log.append(session, Kind.LICENSOR_RECORDED, by=by, at=at, licensor=licensor.id, ref=ref, name=name)
    return licensor


def record_document(
    session: Session, content: bytes, *, name: str, media_type: str, blobs: Blobs, by: Actor, at: datetime
) -> Document:
    """Keep a document under the hash of its bytes; the first name it came under stays.

    The bytes are stored before the row that names them.

    Raises:
        DocumentTooLarge: more than 32 MiB.
    """
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(name, len(content), MAX_DOCUMENT_BYTES)
    sha256 = hashlib.sha256(content).hexdigest()
    known = session.get(Document, sha256)
    if known is not None:
        return known
    blobs.put(document_key(sha256), content, media_type=media_type)
    _take_turns(session)
    known = session.get(Document, sha256)
    if known is not None:
        return known
    document = Document(
        sha256=sha256,
        name=name,
        media_type=media_type,
        size_bytes=len(content),
        recorded_at=at,
        recorded_by=by.name,
    )
    session.add(document)
    session.flush()
    log.append(session, Kind.DOCUMENT_RECORDED, by=by, at=at, sha256=sha256, name=name)
    return document


def document_key(sha256: str) -> str:
    return f"documents/{sha256}"


def record_license(
    session: Session,
    ref: str,
    *,
    licensor: str,
    title: str,
    basis: Basis,
    spdx: str | None = None,
    document_sha256: str | None = None,
    clause: str | None = None,
    quote: str | None = None,
    verified_by: str | None = None,
    co_owners: Sequence[CoOwner] = (),
    template: str | None = None,
    author: str | None = None,
    title_chain: Sequence[TitleLink] = (),
    ruling: Ruling | None = None,
    statute: Statute | None = None,
    language: str | None = None,
    translation: str | None = None,
    by: Actor,
    at: datetime,
) -> License:
    """Record an agreement, or what stands in its place; `licensor` is the licensor's ref. It grants nothing
    until grants are recorded.

    Raises:
        LicensorNotFound, DocumentNotFound: what it points at is not recorded.
        TitleBroken: the rights do not come from the author to the licensor.
        AlreadyRecorded: the ref is another license's.
    """
    _take_turns(session)
    party = _licensor(session, licensor)
    if problem := broken(title_chain, author=author, licensor=party.name):
        raise TitleBroken(ref, problem)
    for link in title_chain:
        _document(session, link.document_sha256)
    facts: dict[str, Any] = {
        "licensor_id": party.id,
        "title": title,
        "basis": basis,
        "spdx": spdx,
        "document_sha256": _document(session, document_sha256),
        "clause": clause,
        "quote": quote,
        "verified_by": verified_by,
        "co_owners": [owner.as_json() for owner in co_owners],
        "template": template,
        "author": author,
        "title_chain": [link.as_json() for link in title_chain],
        "ruling": ruling,
        "statute": statute,
        "language": language,
        "translation": translation,
    }
    known = session.scalar(select(License).where(License.ref == ref))
    if known is not None:
        return _same(
            known, facts, what="license", remedy="give the new terms a new ref with `supersedes: " + ref + "`"
        )
    license = License(ref=ref, **facts, recorded_at=at, recorded_by=by.name)
    session.add(license)
    session.flush()
    log.append(session, Kind.LICENSE_RECORDED, by=by, at=at, license=license.id, ref=ref, **_plain(facts))
    return license


def record_grant(
    session: Session,
    license_id: UUID,
    *,
    ref: str,
    terms: GrantTerms,
    clause: str | None = None,
    quote: str | None = None,
    document_sha256: str | None = None,
    verified_by: str | None = None,
    language: str | None = None,
    translation: str | None = None,
    by: Actor,
    at: datetime,
) -> Grant:
    """Record uses that a license allows; `ref` is unique within the license.

    What rests on another document than the license's, or was verified apart, says so itself.

    Raises:
        LicenseNotFound: no license has this id.
        DocumentNotFound: the document is not recorded.
        LicenseAlreadyWithdrawn: it grants nothing new.
        AlreadyRecorded: the license has another grant under the ref.
    """
    _take_turns(session)
    license = session.get(License, license_id)
    if license is None:
        raise LicenseNotFound(license_id)
    known = session.scalar(select(Grant).where(Grant.license_id == license_id, Grant.ref == ref))
    facts: dict[str, Any] = {
        "terms": terms,
        "clause": clause,
        "quote": quote,
        "document_sha256": _document(session, document_sha256),
        "verified_by": verified_by,
        "language": language,
        "translation": translation,
    }
    if known is not None:
        return _same(
            known,
            facts,
            what=f"grant of license `{license.ref}`",
            remedy="record the new terms under a new ref that supersedes this one",
        )
    if license.withdrawn_at is not None:
        raise LicenseAlreadyWithdrawn(license_id, license.withdrawn_at)
    grant = Grant(license_id=license_id, ref=ref, **facts, recorded_at=at, recorded_by=by.name)
    renewing.begin(grant, notice_on=license.notice_on, at=at)
    session.add(grant)
    session.flush()
    caps.open_counters(session, grant.id, terms)
    log.append(
        session, Kind.GRANT_RECORDED, by=by, at=at,
        grant=grant.id, license=license_id, ref=ref, **_plain(facts),
    )  # fmt: skip
    return grant


def record_release(
    session: Session,
    ref: str,
    *,
    terms: ReleaseTerms,
    subject: str,
    licensor: str | None = None,
    document_sha256: str | None = None,
    clause: str | None = None,
    quote: str | None = None,
    verified_by: str | None = None,
    by: Actor,
    at: datetime,
) -> Release:
    """Record a consent. `subject` is an opaque reference to the person or property, never a name.

    Raises:
        LicensorNotFound, DocumentNotFound: what it points at is not recorded.
        AlreadyRecorded: the ref is another release's.
    """
    _take_turns(session)
    consent = {name: getattr(terms, name) for name in ReleaseTerms.model_fields}
    for name in ("territories", "channels", "purposes", "sectors"):
        consent[name] = sorted(consent[name])
    if terms.subjects_excluded is not None:
        consent["subjects_excluded"] = sorted(terms.subjects_excluded)
    evidence: dict[str, Any] = {
        "licensor_id": None if licensor is None else _licensor_id(session, licensor),
        "subject": subject,
        "document_sha256": _document(session, document_sha256),
        "clause": clause,
        "quote": quote,
        "verified_by": verified_by,
    }
    known = session.scalar(select(Release).where(Release.ref == ref))
    if known is not None:
        remedy = "give the new release a ref of its own"
        return _same(known, consent | evidence, what="release", remedy=remedy)
    release = Release(ref=ref, **consent, **evidence, recorded_at=at, recorded_by=by.name)
    session.add(release)
    session.flush()
    log.append(
        session,
        Kind.RELEASE_RECORDED,
        by=by,
        at=at,
        release=release.id,
        ref=ref,
        terms=terms.as_json(),
        **evidence,
    )
    return release


def withdraw(session: Session, license_id: UUID, *, reason: str, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """Withdraw a license from `at` on, and return its grants, for the caller to block.

    Composites sealed before `at` stay recorded; whether they may still be
    handed out is policy's to say, on the day.

    Raises:
        LicenseNotFound: no license has this id.
        LicenseAlreadyWithdrawn: the first withdrawal stands.
    """
    license = _held(session, license_id)
    if license.withdrawn_at is not None:
        raise LicenseAlreadyWithdrawn(license_id, license.withdrawn_at)
    license.withdrawn_at = at
    license.withdrawn_reason = reason
    session.flush()
    log.append(
        session, Kind.LICENSE_WITHDRAWN, by=by, at=at, license=license_id, ref=license.ref, reason=reason
    )
    return affected_grants(session, license_id)


def withdraw_grant(
    session: Session, grant_id: UUID, *, reason: str, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """Withdraw one grant from `at` on and leave the license's others; returns it, for the caller to block.

    Raises:
        GrantNotFound: no grant has this id.
        GrantAlreadyWithdrawn: the first withdrawal stands.
    """
    grant = session.get(Grant, grant_id, with_for_update=True)
    if grant is None:
        raise GrantNotFound(grant_id)
    if grant.withdrawn_at is not None:
        raise GrantAlreadyWithdrawn(grant_id, grant.withdrawn_at)
    grant.withdrawn_at = at
    grant.withdrawn_reason = reason
    session.flush()
    log.append(
        session, Kind.GRANT_WITHDRAWN, by=by, at=at, grant=grant_id, license=grant.license_id, reason=reason
    )
    return (grant_id,)


def supersede(
    session: Session, license_id: UUID, *, successor_id: UUID, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """Put a new license in the place of this one, at once; returns the old grants, for the caller to block.

    Photos do not move to the successor by themselves: their rights record must name it.

    Raises:
        LicenseNotFound: no license has one of the ids.
        AlreadySuperseded: it has another successor.
        CircularSuccession: the successor comes before this license itself.
    """
    _take_turns(session)
    license = _held(session, license_id)
    successor = _held(session, successor_id)
    if license.superseded_by_id == successor_id:
        return affected_grants(session, license_id)
    if license.superseded_at is not None:
        raise AlreadySuperseded("license", license.ref, license.superseded_at)
    following: License | None = successor
    while following is not None:
        if following.id == license_id:
            raise CircularSuccession("license", license.ref, successor.ref)
        following = (
            None if following.superseded_by_id is None else session.get(License, following.superseded_by_id)
        )
    license.superseded_at = at
    license.superseded_by_id = successor_id
    session.flush()
    log.append(session, Kind.LICENSE_SUPERSEDED, by=by, at=at, license=license_id, successor=successor_id)
    return affected_grants(session, license_id)


def supersede_grant(
    session: Session, grant_id: UUID, *, successor_id: UUID, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """Put a new grant of the license in the place of this one, at once; returns it, for the caller to block.

    Raises:
        GrantNotFound: no grant has this id, or the license has no such successor.
        AlreadySuperseded: it has another successor.
        CircularSuccession: the successor comes before this grant itself.
    """
    _take_turns(session)
    grant = session.get(Grant, grant_id, with_for_update=True)
    if grant is None:
        raise GrantNotFound(grant_id)
    successor = session.get(Grant, successor_id)
    if successor is None or successor.license_id != grant.license_id:
        raise GrantNotFound(successor_id)
    if grant.superseded_by_id == successor_id:
        return (grant_id,)
    if grant.superseded_at is not None:
        raise AlreadySuperseded("grant", grant.ref, grant.superseded_at)
    following: Grant | None = successor
    while following is not None:
        if following.id == grant_id:
            raise CircularSuccession("grant", grant.ref, successor.ref)
        following = (
            None if following.superseded_by_id is None else session.get(Grant, following.superseded_by_id)
        )
    grant.superseded_at = at
    grant.superseded_by_id = successor_id
    session.flush()
    log.append(session, Kind.GRANT_SUPERSEDED, by=by, at=at, grant=grant_id, successor=successor_id)
    return (grant_id,)


def affected_grants(session: Session, license_id: UUID) -> tuple[UUID, ...]:
    """Every grant of a license, in the order of their ids."""
    return tuple(session.scalars(select(Grant.id).where(Grant.license_id == license_id).order_by(Grant.id)))


AGAINST: dict[str, ColumnElement[bool]] = {
    "withdrawn": or_(Grant.withdrawn_at.is_not(None), License.withdrawn_at.is_not(None)),
    "superseded": or_(Grant.superseded_at.is_not(None), License.superseded_at.is_not(None)),
    "capped-out": func.coalesce(GrantCounter.used >= GrantCounter.cap, False),
    "denied": DENIED,
}
"""What can stand against a grant: for statements over `Grant`, `License` and, on `SEALED`, `GrantCounter`."""

SEALED = and_(GrantCounter.grant_id == Grant.id, *caps.WHOLE_TERM_SEALS)
"""The one counter that `AGAINST` looks at: how many composites the whole term allows."""


def standing(session: Session, grant_ids: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    """What of `AGAINST` stands against each grant now, or nothing.

    For a photo that gets its grants after the fact: its block bits start from this.
    """
    wanted = set(grant_ids)
    rows = session.execute(
        select(Grant.id, *AGAINST.values())
        .join(License, Grant.license_id == License.id)
        .outerjoin(GrantCounter, SEALED)
        .where(Grant.id.in_(wanted))
    )
    found = {grant_id: against(holding) for grant_id, *holding in rows}
    if missing := wanted - found.keys():
        raise GrantNotFound(min(missing))
    return found


def against(holding: Sequence[bool]) -> frozenset[str]:
    """The names of what holds, of values in the order of `AGAINST`."""
    return frozenset(name for name, holds in zip(AGAINST, holding, strict=True) if holds)


def supersede_release(
    session: Session, ref: str, *, successor: str, by: Actor, at: datetime
) -> tuple[UUID, UUID]:
    """Put a release that was signed anew in the place of this one, at once; their ids, old and new.

    The caller hands them to `bankd.catalog.renewing.renew` in the same transaction.

    Raises:
        ReleaseNotFound: no release has one of the refs.
        SubjectsDiffer: the two are about different persons or properties.
        AlreadySuperseded: it has another successor.
        CircularSuccession: the successor comes before this release itself.
    """
    _take_turns(session)
    found = releases_by_ref(session, [ref, successor])
    old, new = found[ref], found[successor]
    if (old.subject, old.kind) != (new.subject, new.kind):
        raise SubjectsDiffer(ref, successor)
    if old.superseded_by_id == new.id:
        return old.id, new.id
    if old.superseded_at is not None:
        raise AlreadySuperseded("release", ref, old.superseded_at)
    following: Release | None = new
    while following is not None:
        if following.id == old.id:
            raise CircularSuccession("release", ref, successor)
        following = (
            None if following.superseded_by_id is None else session.get(Release, following.superseded_by_id)
        )
    old.superseded_at = at
    old.superseded_by_id = new.id
    session.flush()
    log.append(session, Kind.RELEASE_SUPERSEDED, by=by, at=at, release=old.id, successor=new.id)
    return old.id, new.id


def grants_by_ref(session: Session, refs: Iterable[str]) -> dict[str, Grant]:
    """The grants of refs as rights records name them: `<license ref>/<grant ref>`.

    Raises:
        GrantNotFound: one is not recorded.
    """
    wanted = set(refs)
    rows = session.execute(
        select(License.ref, Grant)
        .join(License, Grant.license_id == License.id)
        .where((License.ref + "/" + Grant.ref).in_(wanted))
    )
    found = {f"{license}/{grant.ref}": grant for license, grant in rows}
    if missing := wanted - found.keys():
        raise GrantNotFound(min(missing))
    return found


def releases_by_ref(session: Session, refs: Iterable[str]) -> dict[str, Release]:
    """Raises ReleaseNotFound: one is not recorded."""
    wanted = set(refs)
    found = {
        release.ref: release for release in session.scalars(select(Release).where(Release.ref.in_(wanted)))
    }
    if missing := wanted - found.keys():
        raise ReleaseNotFound(min(missing))
    return found


def _held(session: Session, license_id: UUID) -> License:
    license = session.get(License, license_id, with_for_update=True)
    if license is None:
        raise LicenseNotFound(license_id)
    return license


def _licensor_id(session: Session, ref: str) -> UUID:
    return _licensor(session, ref).id


def _licensor(session: Session, ref: str) -> Licensor:
    found = session.scalar(select(Licensor).where(Licensor.ref == ref))
    if found is None:
        raise LicensorNotFound(ref)
    return found


def _document(session: Session, sha256: str | None) -> str | None:
    if sha256 is not None and session.get(Document, sha256) is None:
        raise DocumentNotFound(sha256)
    return sha256


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value.as_json() if isinstance(value, Value) else value for name, value in facts.items()}


def _take_turns(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": RECORDING})


def _same(known: Row, facts: dict[str, Any], *, what: str, remedy: str) -> Row:
    """What is recorded, if it says the same. Who verified it may have been added since."""
    if any(
        getattr(known, name) != value
        for name, value in facts.items()
        if not (name == "verified_by" and value is None)
    ):
        raise AlreadyRecorded(what, known.ref, remedy)
    return known
