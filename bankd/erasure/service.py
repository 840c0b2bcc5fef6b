"""Plan and decide an erasure. What it covers is out of use when that commits; `carrying` erases it."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session, aliased

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import fingerprints
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.erasure import certificates, retaining
from bankd.erasure.errors import AlreadyErased, ErasureNotFound, ErasureUnfit, NothingToErase
from bankd.erasure.models import (
    ERASURE_SUBJECTS,
    GROUNDS,
    Erasure,
    ErasureComposite,
    ErasurePhoto,
    ErasureRelease,
    ErasureSubject,
    Retention,
    Scope,
)
from bankd.exposure import reading
from bankd.exposure.subjects import Named, find, grants_of, photos_of
from bankd.licensing.models import Release


@dataclass(frozen=True)
class Handling:
    """What becomes of what was made from the photos: compliance decides it, the certificate says it.

    Reports and backups lie outside of the bank: their word is an order to those who keep them,
    backups by `backups_until`.
    """

    composites: str = "blurred"
    gates: str = "deleted"
    reports: str = "kept"
    backups: str = "kept"
    backups_until: datetime | None = None

    def check(self, *, at: datetime) -> None:
        """Raises: ErasureUnfit."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ErasureUnfit(f"{name} are {' or '.join(f'`{one}`' for one in allowed)}")
        if self.gates == "kept" and self.composites != "kept":
            raise ErasureUnfit(
                "a gate map shows the picture's outlines: it is kept only where composites are"
            )
        if self.backups == "deleted" and self.backups_until is None:
            raise ErasureUnfit("say by when backups are deleted")
        if self.backups_until is not None and self.backups_until <= at:
            raise ErasureUnfit(f"backups were to be gone by {self.backups_until.isoformat()}, which is past")


CHOICES = {
    "composites": ("kept", "blurred", "deleted"),
    "gates": ("kept", "deleted"),
    "reports": ("kept", "deleted"),
    "backups": ("kept", "deleted"),
}


@dataclass(frozen=True)
class Kept:
    """A photo or release that may not be erased yet, and the duties that say so."""

    what: str
    id: UUID
    retentions: tuple[Retention, ...]


@dataclass(frozen=True)
class Plan:
    """What an erasure would touch. Nothing was written for it."""

    subject: str
    ref: str
    scope: Scope
    photos: tuple[UUID, ...]  # that are still to be erased
    photos_elsewhere: int  # that are left, since others gave grants for them too
    releases: tuple[UUID, ...]
    segments: int
    composites: int
    handouts: int
    publications: int
    networks: tuple[str, ...]
    kept: tuple[Kept, ...]

    def facts(self, *, at: datetime) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "ref": self.ref,
            "scope": self.scope,
            "photos": list(self.photos),
            "photos_left_to_others": self.photos_elsewhere,
            "releases": list(self.releases),
            "segments": self.segments,
            "composites": self.composites,
            "handouts": self.handouts,
            "publications": self.publications,
            "networks": list(self.networks),
            "kept": [
                {"what": one.what, "id": one.id, "by": [retaining.facts(r, at=at) for r in one.retentions]}
                for one in self.kept
            ],
        }


def plan(session: Session, subject: str, ref: str, *, by: Actor, at: datetime) -> Plan:
    """Say what an erasure would touch, and what may not be erased yet.

    Raises:
        NotPermitted: it takes who may see exposures.
        ErasureUnfit: such a thing is not erased.
        Whatever `find` raises.
    """
    require(by, Permission.EXPOSURE_READ)
    named = _named(session, subject, ref, by=by)
    photos, elsewhere = _photos(session, named)
    releases = _releases(session, named)
    touched = reading.exposure(session, named, by=by)
    segments = session.scalar(select(func.count()).where(Segment.photo_id.in_(photos)))
    return Plan(
        subject=named.subject,
        ref=named.ref,
        scope="licensor" if named.subject == "licensor" else "everyone",
        photos=photos,
        photos_elsewhere=elsewhere,
        releases=releases,
        segments=segments or 0,
        composites=touched.composites,
        handouts=touched.handouts,
        publications=touched.publications,
        networks=tuple(one.sha256 for one in touched.networks),
        kept=kept(session, photos, releases, at=at),
    )


def kept(
    session: Session, photos: Collection[UUID], releases: Collection[UUID], *, at: datetime
) -> tuple[Kept, ...]:
    """Which of these may not be erased at `at`."""
    of_photos = retaining.keeping_photos(session, photos, at=at)
    of_releases = retaining.keeping_releases(session, releases, at=at)
    return tuple(
        Kept(what, id, tuple(retentions))
        for what, found in (("photo", of_photos), ("release", of_releases))
        for id, retentions in found.items()
    )


def carry_out(
    session: Session,
    subject: str,
    ref: str,
    *,
    reason: str,
    ground: str,
    handling: Handling,
    scope: str | None = None,
    delete_after: datetime | None = None,
    by: Actor,
    at: datetime,
) -> Erasure:
    """Decide an erasure. Its photos are out of every use, and refused if they come again, when this commits.

    Rows and bytes go right after, by `carrying`, but for what a duty keeps: that waits, out of use, and goes
    when the last duty is over. There is no way back.

    Args:
        reason: why, in words that name nobody: they are kept.
        scope: whom the tombstones refuse; None refuses everyone, and of a licensor's photos the licensor.
        delete_after: when the tombstones go; None keeps them.

    Raises:
        NotPermitted: it takes compliance.
        ErasureUnfit: a word or moment that cannot be.
        NothingToErase, AlreadyErased.
        Whatever `find` raises.
    """
    require(by, Permission.PHOTOS_ERASE)
    handling.check(at=at)
    if ground not in GROUNDS:
        raise ErasureUnfit(f"unknown ground `{ground}`: use one of {', '.join(GROUNDS)}")
    if scope is not None and scope not in get_args(Scope):
        raise ErasureUnfit(f"unknown scope `{scope}`: use one of {', '.join(get_args(Scope))}")
    if scope == "licensor" and subject != "licensor":
        raise ErasureUnfit(
            "a tombstone is for one licensor's way in where a licensor's photos are erased only"
        )
    if delete_after is not None and delete_after <= at:
        raise ErasureUnfit(f"the tombstones would go at {delete_after.isoformat()}, which is not ahead")
    retaining.alone(session)
    named = _named(session, subject, ref, by=by)
    photos, _ = _photos(session, named)
    releases = _releases(session, named)
    if not photos and not releases:
        _refuse_empty(session, named)
    chosen = cast(Scope, scope or ("licensor" if named.subject == "licensor" else "everyone"))
    erasure = Erasure(
        id=(erasure_id := uuid4()),
        subject=cast(ErasureSubject, named.subject),
        subject_id=named.id,
        ref=named.ref,
        subject_digest=subject_digest(erasure_id, named.subject, named.ref),
        ground=ground,
        reason=reason,
        scope=chosen,
        delete_after=delete_after,
        composites=handling.composites,
        gates=handling.gates,
        reports=handling.reports,
        backups=handling.backups,
        backups_until=handling.backups_until,
        decided_at=at,
        decided_by=by.name,
    )
    session.add(erasure)
    session.flush()
    fingerprints.lock(session)  # before those of photos
    in_use = set(session.scalars(select(Photo.id).where(Photo.id.in_(photos), Photo.state != "erased")))
    for photo_id in sorted(in_use):
        catalog.tombstone(
            session,
            photo_id,
            reason=f"erasure {erasure.id}",
            licensor_id=named.id if chosen == "licensor" else None,
            delete_after=delete_after,
            by=by,
            at=at,
        )
    for table, column, ids in (
        (ErasurePhoto, "photo_id", photos),
        (ErasureRelease, "release_id", releases),
    ):
        if ids:
            session.execute(insert(table), [{"erasure_id": erasure.id, column: id} for id in ids])
    decided = log.append(
        session, Kind.ERASURE_DECIDED, by=by, at=at,
        erasure=erasure.id, subject=named.subject, subject_digest=erasure.subject_digest, ground=ground,
        scope=chosen, delete_after=delete_after, photos=sorted(photos), releases=sorted(releases),
        composites=handling.composites, gates=handling.gates, reports=handling.reports,
        backups=handling.backups, backups_until=handling.backups_until,
    )  # fmt: skip
    log.settle(session)
    erasure.log_index = decided.index
    session.flush()
    return erasure


def get(session: Session, erasure_id: UUID, *, by: Actor) -> Erasure:
    """Raises: NotPermitted, ErasureNotFound."""
    require(by, Permission.EXPOSURE_READ)
    found = session.get(Erasure, erasure_id)
    if found is None:
        raise ErasureNotFound(erasure_id)
    return found


def overview(session: Session, *, by: Actor, at: datetime, limit: int = 100) -> list[dict[str, Any]]:
    """Erasures as they are shown, the latest first."""
    require(by, Permission.EXPOSURE_READ)
    found = session.scalars(select(Erasure).order_by(Erasure.decided_at.desc(), Erasure.id).limit(limit))
    return [facts(one, progress(session, one, at=at), at=at) for one in found.all()]


def certificate(
    session: Session, erasure: Erasure, *, house: str, key: Ed25519PrivateKey, at: datetime
) -> dict[str, Any]:
    """The certificate of an erasure that is done; of one under way, of what is done by now."""
    text, signature = erasure.certificate, erasure.signature
    if text is None or signature is None:
        text = certificates.draw_up(session, erasure, house=house, complete=False, at=at)
        signature = certificates.sign(text, key).hex()
    return certificates.file(text, signature, key.public_key())


@dataclass(frozen=True)
class Progress:
    """How far an erasure is."""

    photos: int
    photos_done: int
    releases: int
    releases_done: int
    composites: int
    composites_done: int
    kept: tuple[Kept, ...]


def progress(session: Session, erasure: Erasure, *, at: datetime) -> Progress:
    def of(table: Any, done: Any) -> tuple[int, int]:
        counted = select(func.count(), func.count(done)).where(table.erasure_id == erasure.id)
        total, finished = session.execute(counted).one()
        return total, finished

    photos = of(ErasurePhoto, ErasurePhoto.bytes_erased_at)
    releases = of(ErasureRelease, ErasureRelease.bytes_erased_at)
    composites = of(ErasureComposite, ErasureComposite.done_at)
    waiting = session.scalars(
        select(ErasurePhoto.photo_id).where(
            ErasurePhoto.erasure_id == erasure.id, ErasurePhoto.rows_erased_at.is_(None)
        )
    ).all()
    papers = session.scalars(
        select(ErasureRelease.release_id).where(
            ErasureRelease.erasure_id == erasure.id, ErasureRelease.rows_erased_at.is_(None)
        )
    ).all()
    return Progress(*photos, *releases, *composites, kept=kept(session, waiting, papers, at=at))


def facts(erasure: Erasure, far: Progress, *, at: datetime) -> dict[str, Any]:
    """An erasure as it is shown."""
    state = "done" if erasure.finished_at else "kept" if far.kept else "under way"
    return {
        "erasure": erasure.id,
        "state": state,
        "subject": erasure.subject,
        "ref": erasure.ref,
        "subject_digest": erasure.subject_digest,
        "ground": erasure.ground,
        "reason": erasure.reason,
        "scope": erasure.scope,
        "delete_after": erasure.delete_after,
        "handling": {name: getattr(erasure, name) for name in CHOICES},
        "backups_until": erasure.backups_until,
        "decided_at": erasure.decided_at,
        "decided_by": erasure.decided_by,
        "log_index": erasure.log_index,
        "finished_at": erasure.finished_at,
        "photos": far.photos,
        "photos_done": far.photos_done,
        "releases": far.releases,
        "releases_done": far.releases_done,
        "composites": far.composites,
        "composites_done": far.composites_done,
        "kept": [
            {"what": one.what, "id": one.id, "by": [retaining.facts(r, at=at) for r in one.retentions]}
            for one in far.kept
        ],
    }


def subject_digest(erasure_id: UUID, subject: str, ref: str) -> str:
    """What a certificate has in place of a person's ref: who knows the ref can work it out."""
    return hashlib.sha256(f"{erasure_id}\n{subject}\n{ref}".encode()).hexdigest()


def _named(session: Session, subject: str, ref: str, *, by: Actor) -> Named:
    if subject not in ERASURE_SUBJECTS:
        raise ErasureUnfit(
            f"erased is a {', '.join(ERASURE_SUBJECTS[:-1])} or {ERASURE_SUBJECTS[-1]}, not a `{subject}`"
        )
    return find(session, subject, ref, by=by)


def _photos(session: Session, named: Named) -> tuple[tuple[UUID, ...], int]:
    """The photos that are in no erasure yet, and how many more others gave grants for.

    A licensor's are those that nobody else gave a grant for: the others the bank holds by another way.
    """
    grants = grants_of(session, named)
    wanted = select(Photo.id).where(
        Photo.id.in_(photos_of(named, grants).correlate(None)),
        ~exists().where(ErasurePhoto.photo_id == Photo.id),
    )
    if named.subject != "licensor":
        return tuple(session.scalars(wanted.order_by(Photo.id))), 0
    other = aliased(PhotoGrant)
    shared = exists().where(other.photo_id == Photo.id, other.grant_id.not_in(grants))
    mine = tuple(session.scalars(wanted.where(~shared).order_by(Photo.id)))
    return mine, len(session.scalars(wanted.where(shared)).all())


def _releases(session: Session, named: Named) -> tuple[UUID, ...]:
    """The releases that go with it and are in no erasure yet: a person's, or the one that is named."""
    match named.subject:
        case "person":
            whose = Release.subject == named.ref
        case "release":
            whose = Release.id == named.id
        case _:
            return ()
    open_ = ~exists().where(ErasureRelease.release_id == Release.id)
    return tuple(session.scalars(select(Release.id).where(whose, open_).order_by(Release.id)))


def _refuse_empty(session: Session, named: Named) -> None:
    """Raises: NothingToErase, or AlreadyErased where an erasure has all of it."""
    photos = photos_of(named, grants_of(session, named)).correlate(None)
    in_one = session.scalar(select(ErasurePhoto.erasure_id).where(ErasurePhoto.photo_id.in_(photos)).limit(1))
    if in_one is None and named.subject in ("person", "release"):
        whose = Release.subject == named.ref if named.id is None else Release.id == named.id
        in_one = session.scalar(
            select(ErasureRelease.erasure_id)
            .join(Release, Release.id == ErasureRelease.release_id)
            .where(whose)
            .limit(1)
        )
    if in_one is not None:
        raise AlreadyErased(named.subject, named.ref, in_one)
    raise NothingToErase(named.subject, named.ref)
