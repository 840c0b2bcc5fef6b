"""What people name when they ask or withdraw, and which usages, photos and grants belong to it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, literal, or_, select, union_all
from sqlalchemy.orm import Session

from bankd.access.permissions import sees
from bankd.audit.actor import Actor
from bankd.catalog import pulling
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.models import Photo, PhotoGrant
from bankd.exposure.errors import RefUnreadable
from bankd.licensing import service as licensing
from bankd.licensing import withdrawals
from bankd.licensing.errors import LicenseNotFound, LicensorNotFound, PersonNotFound
from bankd.licensing.models import License, Licensor, Release
from bankd.licensing.withdrawal_effects import SUBJECTS, Subject
from bankd.provenance.models import LayoutUsage, Usage


@dataclass(frozen=True)
class Named:
    """A subject, found. A person has no id: releases know him by `ref` alone."""

    subject: Subject
    id: UUID | None
    ref: str


def find(session: Session, subject: str, ref: str, *, by: Actor) -> Named:
    """Look a subject up: a license by ref or id, a grant as `<license>/<grant>`, a photo by id, else by ref.

    Raises:
        RefUnreadable: there is no such kind of subject, or the photo's id is none.
        LicenseNotFound, GrantNotFound, LicensorNotFound, ReleaseNotFound, PersonNotFound.
        PhotoNotFound: there is none, or it is another department's.
    """
    if subject not in SUBJECTS:
        raise RefUnreadable("subject", subject, f"one of {', '.join(SUBJECTS)}")
    kind: Subject = subject
    match kind:
        case "license":
            by_id = [License.id == UUID(ref)] if _is_uuid(ref) else []
            license = session.scalar(select(License).where(or_(License.ref == ref, *by_id)))
            if license is None:
                raise LicenseNotFound(ref)
            return Named(kind, license.id, license.ref)
        case "grant":
            return Named(kind, licensing.grants_by_ref(session, [ref])[ref].id, ref)
        case "licensor":
            licensor = session.scalar(select(Licensor.id).where(Licensor.ref == ref))
            if licensor is None:
                raise LicensorNotFound(ref)
            return Named(kind, licensor, ref)
        case "release":
            return Named(kind, licensing.releases_by_ref(session, [ref])[ref].id, ref)
        case "person":
            if session.scalar(select(Release.id).where(Release.subject == ref).limit(1)) is None:
                raise PersonNotFound(ref)
            return Named(kind, None, ref)
        case "photo":
            if not _is_uuid(ref):
                raise RefUnreadable("photo", ref, "its id, as `bankd photos list` shows it")
            photo = session.get(Photo, UUID(ref))
            if photo is None or not sees(by, photo.department_id):
                raise PhotoNotFound(UUID(ref))
            return Named(kind, photo.id, str(photo.id))


def grants_of(session: Session, named: Named) -> tuple[UUID, ...]:
    """The grants that it gave or is; none of a release, a person or a photo."""
    return withdrawals.grants_of(session, named.subject, named.id)


def photos_of(named: Named, grants: Collection[UUID]) -> Select[Any]:
    """The photos that it is about."""
    match named.subject:
        case "photo":
            return select(Photo.id).where(Photo.id == named.id)
        case "release":
            return pulling.photos_with([cast(UUID, named.id)])
        case "person":
            return pulling.photos_of_person(named.ref)
        case _:
            return select(PhotoGrant.photo_id).where(PhotoGrant.grant_id.in_(grants)).distinct()


def used(
    named: Named, grants: Collection[UUID], *, of: type[Usage | LayoutUsage] = Usage
) -> ColumnElement[bool]:
    """The usages that it is about: of agreements those that rely on a grant, else those of its photos."""
    match named.subject:
        case "photo":
            return of.photo_id == named.id
        case "release" | "person":
            return of.photo_id.in_(photos_of(named, grants))
        case _:
            return of.grant_id.in_(grants)


def uses(named: Named, grants: Collection[UUID]) -> Subquery:
    """Rows `(composite_id, canvas_px, segments)` of all that it is about, as source or by its arrangement
    alone, which has neither area nor segments."""
    sources = select(Usage.composite_id, Usage.canvas_px, literal(1).label("segments"))
    layouts = select(LayoutUsage.composite_id, literal(0), literal(0))
    return union_all(
        sources.where(used(named, grants)), layouts.where(used(named, grants, of=LayoutUsage))
    ).subquery("uses")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
