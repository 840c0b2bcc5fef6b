"""Reports as files, with the pixels that may be shown in them today, and the files of a handout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog.models import Photo
from bankd.policy.clearing import viewable
from bankd.provenance import manifest, picture
from bankd.provenance.models import Composite
from bankd.reports import html, pdf, service
from bankd.reports.provenance import Illustrated
from bankd.reports.strings import TABLES, Locale
from bankd.storage import BlobMissing, Blobs
from bankd.storage.blobs import key
from bankd.synthesis import reading
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES, HandedOut
from bankd.synthesis.models import Request

Form = Literal["html", "pdf", "json"]
MAX_THUMBNAIL_BYTES = 8 << 20


@dataclass(frozen=True)
class House:
    """For whom reports are made, and in which language."""

    entity: str
    locale: Locale = "en"


def provenance(
    session: Session,
    composite_id: UUID,
    *,
    form: Form,
    house: House,
    blobs: Blobs,
    by: Actor,
    at: datetime,
) -> bytes:
    """The provenance report of a composite as a file, recorded as given.

    Photos are shown where action `view` clears them now, the composite where
    it clears all of its photos; what may not be shown is withheld and said so.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
    """
    composite = reading.composite_of(session, composite_id, by=by)
    placed = _placed(composite)
    file = None
    if viewable(session, placed, at=at) >= set(placed):
        file = blobs.get(composite.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)
    illustrated = _illustrated(session, composite, file=file, house=house, blobs=blobs, at=at)
    rendered = _rendered(illustrated, form, locale=house.locale)
    service.made(session, illustrated.report, form=form, rendered=rendered, by=by, at=at)
    return rendered


def handout_files(
    session: Session, handed_out: HandedOut, *, house: House, blobs: Blobs, by: Actor, at: datetime
) -> dict[str, bytes]:
    """What a recipient gets, by file name: the picture, its signed manifest, where it came from, and where
    a network had a part how much of each pixel it made.

    The manifest's signature is hexadecimal Ed25519 over the manifest's bytes.
    """
    composite = handed_out.composite
    illustrated = _illustrated(session, composite, file=handed_out.file, house=house, blobs=blobs, at=at)
    files = {
        "png": handed_out.file,
        "manifest.json": composite.manifest.encode(),
        "manifest.sig": composite.manifest_signature.encode() + b"\n",
        "provenance.png": service.provenance_picture(
            session, composite.id, file=handed_out.file, words=_words(house.locale)
        ),
    }
    if handed_out.gate is not None:
        files["gate.png"] = handed_out.gate
    for form in ("html", "pdf"):
        rendered = files[f"report.{form}"] = _rendered(illustrated, form, locale=house.locale)
        service.made(session, illustrated.report, form=form, rendered=rendered, by=by, at=at)
    return {f"{composite.id}.{ending}": content for ending, content in files.items()}


def _illustrated(
    session: Session, composite: Composite, *, file: bytes | None, house: House, blobs: Blobs, at: datetime
) -> Illustrated:
    def view(photo_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        shown = viewable(session, photo_ids, at=at)
        rows = session.execute(select(Photo.id, Photo.thumbnail_sha256).where(Photo.id.in_(shown)))
        return {photo_id: _thumbnail(blobs, key(photo_id, sha256)) for photo_id, sha256 in rows}

    request = session.get_one(Request, composite.request_id)
    return service.provenance_report(
        session,
        composite.id,
        entity=house.entity,
        asked=service.Asked(request.filed_by, request.filed_at),
        view=view,
        file=file,
        at=at,
    )


def _thumbnail(blobs: Blobs, at_key: str) -> bytes | None:
    try:
        return blobs.get(at_key, limit_bytes=MAX_THUMBNAIL_BYTES)
    except BlobMissing:
        return None  # erased since: the report shows a grey box


def _rendered(illustrated: Illustrated, form: Form, *, locale: Locale) -> bytes:
    match form:
        case "html":
            return html.render(illustrated, locale=locale).encode()
        case "pdf":
            return pdf.render(illustrated, locale=locale)
        case "json":
            return illustrated.report.as_text().encode()


def _words(locale: Locale) -> picture.Words:
    words = TABLES[locale]
    return picture.Words(words["area"], words["area.inpainted"], words["picture.caption"])


def _placed(composite: Composite) -> list[UUID]:
    return [photo.photo_id for photo in manifest.read(composite.manifest).placed_photos]
