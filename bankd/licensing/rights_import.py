"""Bring a checked rights file into the bank, in the one transaction of the caller."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import service
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.contradictions import odd
from bankd.licensing.days import end_of
from bankd.licensing.errors import LicenseNotFound, LicensingError, RightsFileRefused
from bankd.licensing.models import Document, Grant, License, Licensor, Release
from bankd.licensing.rights_entries import LicenseEntry, RightsFile
from bankd.licensing.rights_file import media_type
from bankd.licensing.title import TitleLink, TitleStep
from bankd.storage.blobs import Blobs


@dataclass
class ImportReport:
    """How many records of each kind were new and how many the bank knew already.

    `ended` are the grants that a new license or grant superseded: the caller
    hands them to `bankd.catalog.service.block_grants` in the same transaction,
    and `renewed`, each release that was signed anew with its successor, to
    `bankd.catalog.renewing.renew`.
    `notes` are sentences about what was recorded and is likely not meant.
    """

    new: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    ended: tuple[UUID, ...] = ()
    notes: tuple[str, ...] = ()
    renewed: tuple[tuple[UUID, UUID], ...] = ()

    def count(self, kind: str, *, known: bool) -> None:
        counts = self.known if known else self.new
        counts[kind] = counts.get(kind, 0) + 1


def import_rights(
    session: Session, file: RightsFile, *, blobs: Blobs, by: Actor, at: datetime
) -> ImportReport:
    """Record what the file says and the bank does not know yet; what is known and the same stays.

    Raises:
        RightsFileRefused: a ref is recorded with other content, or what the
            file supersedes is not there. Roll back then: nothing of the file may stay.
    """
    report = ImportReport()
    known = _recorded(session)

    for index, licensor in enumerate(file.licensors):
        report.count("licensors", known=licensor.ref in known["licensors"])
        with _at_line(file, "licensors", index):
            service.record_licensor(session, licensor.ref, name=licensor.name, by=by, at=at)

    documents: dict[str, str] = {}
    for index, document in enumerate(file.documents):
        with _at_line(file, "documents", index):
            content = file.document_file(document).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            report.count("documents", known=sha256 in known["documents"])
            known["documents"].add(sha256)
            service.record_document(
                session,
                content,
                name=document.path.rsplit("/", 1)[-1],
                media_type=media_type(document) or "application/octet-stream",
                blobs=blobs,
                by=by,
                at=at,
            )
            documents[document.ref] = sha256

    licenses: dict[str, UUID] = {}
    for index, license in enumerate(file.licenses):
        report.count("licenses", known=license.ref in known["licenses"])
        with _at_line(file, "licenses", index):
            recorded = service.record_license(
                session,
                license.ref,
                licensor=license.licensor,
                title=license.title,
                basis=license.basis,
                spdx=license.spdx,
                document_sha256=documents.get(license.document or ""),
                clause=license.clause,
                quote=license.quote,
                verified_by=license.verified_by,
                co_owners=license.co_owners,
                template=license.template,
                author=license.author,
                title_chain=[
                    TitleLink(
                        **{name: getattr(link, name) for name in TitleStep.model_fields},
                        document_sha256=documents.get(link.document or ""),
                    )
                    for link in license.title_chain
                ],
                ruling=license.ruling,
                statute=license.statute,
                language=license.language,
                translation=license.translation,
                by=by,
                at=at,
            )
        licenses[license.ref] = recorded.id
        report.ended += _record_grants(
            session, file, index,
            license_id=recorded.id, documents=documents, known=known["grants"], report=report, by=by, at=at,
        )  # fmt: skip
    for index, license in enumerate(file.licenses):
        if license.supersedes is not None and license.ref not in known["licenses"]:
            with _at_line(file, "licenses", index, "supersedes"):
                report.ended += service.supersede(
                    session,
                    _superseded(session, license),
                    successor_id=licenses[license.ref],
                    by=by,
                    at=at,
                )

    for index, release in enumerate(file.releases):
        report.count("releases", known=release.ref in known["releases"])
        with _at_line(file, "releases", index):
            service.record_release(
                session,
                release.ref,
                terms=ReleaseTerms(**{name: getattr(release, name) for name in ReleaseTerms.model_fields}),
                subject=release.subject,
                licensor=release.licensor,
                document_sha256=documents.get(release.document or ""),
                clause=release.clause,
                quote=release.quote,
                verified_by=release.verified_by,
                by=by,
                at=at,
            )
    for index, release in enumerate(file.releases):
        if release.supersedes is not None and release.ref not in known["releases"]:
            with _at_line(file, "releases", index, "supersedes"):
                report.renewed += (
                    service.supersede_release(
                        session, release.supersedes, successor=release.ref, by=by, at=at
                    ),
                )
    if report.new:
        log.append(session, Kind.RIGHTS_IMPORTED, by=by, at=at, file=file.path.name, new=report.new)
    return report


def _record_grants(
    session: Session,
    file: RightsFile,
    index: int,
    *,
    license_id: UUID,
    documents: dict[str, str],
    known: set[str],
    report: ImportReport,
    by: Actor,
    at: datetime,
) -> tuple[UUID, ...]:
    license = file.licenses[index]
    grants: dict[str, UUID] = {}
    for number, grant in enumerate(license.grants):
        report.count("grants", known=f"{license.ref}/{grant.ref}" in known)
        with _at_line(file, "licenses", index, "grants", number):
            recorded = service.record_grant(
                session,
                license_id,
                ref=grant.ref,
                terms=grant.terms,
                clause=grant.clause,
                quote=grant.quote,
                document_sha256=documents.get(grant.document or ""),
                verified_by=grant.verified_by,
                language=grant.language,
                translation=grant.translation,
                by=by,
                at=at,
            )
        grants[grant.ref] = recorded.id
        if useless := odd(grant.terms):
            report.notes += (f"grant `{license.ref}/{grant.ref}` {useless}",)
        if recorded.ends_on is not None and end_of(recorded.ends_on, grant.terms.zone) <= at:
            report.notes += (
                f"the term of grant `{license.ref}/{grant.ref}` ended on `{recorded.ends_on}`; "
                "it allows nothing new",
            )
    ended: tuple[UUID, ...] = ()
    for number, grant in enumerate(license.grants):
        if grant.supersedes is not None and f"{license.ref}/{grant.ref}" not in known:
            with _at_line(file, "licenses", index, "grants", number, "supersedes"):
                ended += service.supersede_grant(
                    session, grants[grant.supersedes], successor_id=grants[grant.ref], by=by, at=at
                )
    return ended


def _superseded(session: Session, license: LicenseEntry) -> UUID:
    found = session.scalar(select(License.id).where(License.ref == license.supersedes))
    if found is None:
        raise LicenseNotFound(license.supersedes or "")
    return found


def _recorded(session: Session) -> dict[str, set[str]]:
    """The refs (documents: hashes) that the bank has, before anything of the file is recorded."""
    return {
        "licensors": set(session.scalars(select(Licensor.ref))),
        "documents": set(session.scalars(select(Document.sha256))),
        "licenses": set(session.scalars(select(License.ref))),
        "grants": set(
            session.scalars(
                select(License.ref + "/" + Grant.ref)
                .select_from(Grant)
                .join(License, Grant.license_id == License.id)
            )
        ),
        "releases": set(session.scalars(select(Release.ref))),
    }


@contextmanager
def _at_line(file: RightsFile, *place: str | int) -> Iterator[None]:
    """What is refused inside is refused by the line that asked for it."""
    try:
        yield
    except RightsFileRefused:
        raise
    except LicensingError as error:
        raise RightsFileRefused(file.path, [(file.line(*place), str(error))]) from error
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise RightsFileRefused(file.path, [(file.line(*place), problem)]) from error
