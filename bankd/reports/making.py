"""Reports made for somebody: permitted, gathered, rendered, and in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require, require_house
from bankd.audit import kinds as audit
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.provenance import picture, stamping
from bankd.provenance.renditions import ENDINGS
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.provenance.gathering import illustrated, provenance_picture
from bankd.reports.registry import kind_of, scope_of
from bankd.reports.rendering import render
from bankd.reports.report import Form, Report
from bankd.reports.strings import TABLES, Locale
from bankd.storage import Blobs
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES, HandedOut


@dataclass(frozen=True)
class House:
    """For whom reports are made, and in which language."""

    entity: str
    locale: Locale = "en"


def gather(session: Session, name: str, asked: Mapping[str, Any], *, context: Context) -> Gathered[Any]:
    """What is on record for a report that the context's actor may have.

    The session should see one moment (`Runtime.snapshot`), as the report says that it does.

    Raises:
        NotPermitted: it takes a role that the actor has not.
        OfTheWholeHouse: it tells of all departments, and the actor is of one.
        ReportUnknown, ScopeUnreadable, and what the kind of report says.
    """
    kind = kind_of(name)
    for permission in (Permission.REPORTS_MAKE, *sorted(kind.permissions)):
        require(context.by, permission)
    if kind.whole_house:
        require_house(context.by)
    return kind.gather(session, scope_of(name, asked), context)


def made(session: Session, report: Report, *, form: Form, rendered: bytes, by: Actor, at: datetime) -> None:
    """Log that a report left the bank, with the hashes of its JSON and of what was given."""
    log.append(
        session,
        audit.Kind.REPORT_MADE,
        by=by,
        at=at,
        report=report.report,
        as_of=report.head.as_of,
        form=form,
        sha256=sha256(rendered).hexdigest(),
        json_sha256=sha256(report.as_text().encode()).hexdigest(),
        **kind_of(report.report).about(report),
    )


def handout_files(
    session: Session, handed_out: HandedOut, *, house: House, blobs: Blobs, by: Actor, at: datetime
) -> dict[str, bytes]:
    """What a recipient gets, by file name: the picture, its signed manifest, where it came from, and where
    a network had a part how much of each pixel it made.

    The manifest's signature is hexadecimal Ed25519 over the manifest's bytes.
    """
    composite = handed_out.composite
    master = handed_out.file
    if handed_out.handout.rendition is not None:
        master = blobs.get(composite.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)
    gathered = illustrated(session, composite, file=master, context=Context(house.entity, by, at, blobs))
    words = TABLES[house.locale]
    files = {
        ENDINGS[handed_out.handout.format]: handed_out.file,
        "manifest.json": composite.manifest.encode(),
        "manifest.sig": composite.manifest_signature.encode() + b"\n",
        "provenance.png": provenance_picture(
            session,
            composite.id,
            file=master,
            words=picture.Words(words["area"], words["area.inpainted"], words["picture.caption"]),
        ),
    }
    for number, response in enumerate(stamping.responses(session, handed_out.handout.file_sha256)):
        files[f"{number}.tsr" if number else "tsr"] = response
    if handed_out.gate is not None:
        files["gate.png"] = handed_out.gate
    forms: tuple[Form, ...] = ("html", "pdf")
    for form in forms:
        rendered = render(gathered.report, form, house.locale, pictures=gathered.pictures)
        files[f"report.{form}"] = rendered
        made(session, gathered.report, form=form, rendered=rendered, by=by, at=at)
    return {f"{composite.id}.{ending}": content for ending, content in files.items()}
