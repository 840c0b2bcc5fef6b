"""What a subject touches, from what is on record, as far as the one who asks may see."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bankd.audit.canonical import moment
from bankd.exposure import reading
from bankd.exposure.subjects import Named, find, grants_of, used
from bankd.licensing import evidence
from bankd.licensing.models import Grant, License, Licensor
from bankd.provenance.models import Handout, Publication, Usage
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.exposure.model import (
    Agreement,
    ExposureReport,
    ExposureScope,
    Given,
    Network,
    Published,
    Touched,
)

MOST = 20_000  # composites, handouts, publications that a report lists
PAGE = 1000


def gather(session: Session, scope: ExposureScope, context: Context) -> Gathered[ExposureReport]:
    """Raises: what `exposure.subjects.find` says of a subject that is not there."""
    named = find(session, scope.subject, scope.ref, by=context.by)
    counts = reading.exposure(session, named, by=context.by)
    touched = _touched(session, named, context)
    ids = [one.composite_id for one in touched]
    agreements = _agreements(session, named)
    report = ExposureReport(
        head=head(session, context, unverified=sum(not one.verified for one in agreements)),
        subject=named.subject,
        ref=named.ref,
        title=_title(session, named),
        photos=counts.photos,
        segments=counts.segments,
        composites=counts.composites,
        handouts=counts.handouts,
        publications=counts.publications,
        takedowns_open=counts.takedowns_open,
        snapshots=counts.snapshots,
        networks=tuple(
            Network(
                sha256=one.sha256,
                kind=one.kind,
                snapshot=one.snapshot,
                registered_at=moment(one.registered_at),
            )
            for one in counts.networks
        ),
        agreements=agreements,
        touched=tuple(sorted(touched, key=lambda one: (one.sealed_at, one.composite_id))),
        given=_given(session, ids),
        published=_published(session, ids),
    )
    return Gathered(report)


def _touched(session: Session, named: Named, context: Context) -> list[Touched]:
    found: list[Touched] = []
    after: UUID | None = None
    while len(found) < MOST:
        page = reading.composites(session, named, by=context.by, after=after, limit=PAGE)
        found += [
            Touched(
                composite_id=one.composite_id,
                request_id=one.request_id,
                sealed_at=moment(one.sealed_at),
                canvas_px=one.canvas_px,
                frame_px=one.height * one.width,
                handouts=one.handouts,
                publications=one.publications,
                exposed_at=None if one.exposed_at is None else moment(one.exposed_at),
                why=one.why,
            )
            for one in page
        ]
        if len(page) < PAGE:
            break
        after = page[-1].composite_id
    return found


def _agreements(session: Session, named: Named) -> tuple[Agreement, ...]:
    grants = grants_of(session, named)
    wanted = grants or select(Usage.grant_id).where(used(named, grants)).distinct()
    rows = session.scalars(
        select(Grant)
        .where(Grant.id.in_(wanted))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    found: dict[str, Agreement] = {}
    for grant in rows:
        license = grant.license
        verified = evidence.verified_by(license, grant) is not None
        if license.ref in found:
            verified = verified and found[license.ref].verified
        found[license.ref] = Agreement(
            license=license.ref,
            title=license.title,
            licensor=license.licensor.name,
            verified=verified,
            withdrawn_at=None if license.withdrawn_at is None else moment(license.withdrawn_at),
        )
    return tuple(found[ref] for ref in sorted(found))


def _given(session: Session, ids: Sequence[UUID]) -> tuple[Given, ...]:
    rows = session.scalars(
        select(Handout).where(Handout.composite_id.in_(ids)).order_by(Handout.at, Handout.id).limit(MOST)
    )
    return tuple(
        Given(
            composite_id=one.composite_id,
            recipient=one.recipient,
            channel=one.channel,
            at=moment(one.at),
            comp=one.comp,
        )
        for one in rows
    )


def _published(session: Session, ids: Sequence[UUID]) -> tuple[Published, ...]:
    rows = session.scalars(
        select(Publication)
        .where(Publication.composite_id.in_(ids), Publication.replaced_by_id.is_(None))
        .order_by(Publication.starts_on, Publication.ref)
        .limit(MOST)
    )
    return tuple(
        Published(
            composite_id=one.composite_id,
            ref=one.ref,
            place=one.place,
            channel=one.channel,
            territories=tuple(sorted(one.territories)),
            copies=one.copies,
            starts_on=one.starts_on,
            ends_on=one.ends_on,
            taken_down_on=one.taken_down_on,
            outside=bool(one.outside),
        )
        for one in rows
    )


def _title(session: Session, named: Named) -> str | None:
    match named.subject:
        case "license":
            return session.scalar(select(License.title).where(License.id == named.id))
        case "grant":
            wanted = select(License.title).join(Grant, Grant.license_id == License.id)
            return session.scalar(wanted.where(Grant.id == named.id))
        case "licensor":
            return session.scalar(select(Licensor.name).where(Licensor.id == named.id))
        case _:
            return None  # photos have ids; of people no name is kept
