"""The bank's inventory by right, from photos grouped by profile: what it costs does not grow with them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from bankd.access.models import Department
from bankd.catalog.models import Photo, PhotoGrant
from bankd.licensing import evidence
from bankd.licensing.days import end_of, start_of
from bankd.licensing.models import Grant, License, ProfileGrant
from bankd.licensing.vocabulary import WORLD
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.inventory.model import InventoryReport, InventoryScope, LicenseHeld
from bankd.reports.kinds.inventory.tally import Allowed, Tally

PAGE = 2000  # profiles read at once


def gather(session: Session, scope: InventoryScope, context: Context) -> Gathered[InventoryReport]:  # noqa: ARG001
    at, department = context.at, context.by.department_id
    seen: list[ColumnElement[bool]] = [] if department is None else [Photo.department_id == department]
    states = dict(session.execute(select(Photo.state, func.count()).where(*seen).group_by(Photo.state)).all())
    blocked = Photo.blocked_until.is_not(None) & (Photo.blocked_until > at)
    tally, hidden = Tally(at), 0
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = session.execute(
        select(Photo.profile_id, Photo.grant_blocks, blocked.label("blocked"), func.count())
        .where(Photo.state == "admitted", *seen)
        .group_by(Photo.profile_id, Photo.grant_blocks, "blocked")
    )
    for profile_id, blocks, out, count in rows:
        if out:
            hidden += count
        elif profile_id is not None:
            groups[profile_id].append((blocks, count))
    for profile_id, grants in _allowed(session, sorted(groups)):
        for blocks, count in groups[profile_id]:
            tally.add(grants, count, blocked=blocks)
    licenses = _licenses(session, seen, at=at)
    name = None
    if department is not None:
        name = session.scalar(select(Department.name).where(Department.id == department))
    report = InventoryReport(
        head=head(session, context, unverified=sum(not one.verified for one in licenses)),
        department=name,
        admitted=states.get("admitted", 0),
        blocked=hidden,
        lapsed=tally.lapsed,
        in_force=tally.in_force,
        synthesize=tally.synthesize,
        train=tally.train,
        quarantined=states.get("quarantined", 0),
        erased=states.get("erased", 0),
        bases=tally.rights("bases"),
        purposes=tally.rights("purposes"),
        channels=tally.rights("channels"),
        audiences=tally.rights("audiences"),
        territories=tally.rights("territories"),
        endings=tally.rights("endings"),
        licenses=licenses,
    )
    return Gathered(report)


def _allowed(session: Session, profiles: list[int]) -> Iterable[tuple[int, list[Allowed]]]:
    """Each profile's grants; a profile without any has none."""
    columns = (
        ProfileGrant.profile_id,
        ProfileGrant.ordinal,
        ProfileGrant.basis,
        ProfileGrant.purposes,
        ProfileGrant.channels,
        ProfileGrant.audiences,
        ProfileGrant.worldwide,
        ProfileGrant.territories,
        ProfileGrant.generative,
        ProfileGrant.train,
        ProfileGrant.starts_at,
        ProfileGrant.ends_at,
    )
    for start in range(0, len(profiles), PAGE):
        page = profiles[start : start + PAGE]
        of: dict[int, list[Allowed]] = {profile: [] for profile in page}
        for profile_id, *facts in session.execute(select(*columns).where(ProfileGrant.profile_id.in_(page))):
            of[profile_id].append(Allowed(*facts))
        yield from of.items()


def _licenses(session: Session, seen: list[ColumnElement[bool]], *, at: datetime) -> tuple[LicenseHeld, ...]:
    """Each license that an admitted photo holds a grant of, by licensor."""
    held = (
        select(PhotoGrant.grant_id, PhotoGrant.photo_id)
        .join(Photo, Photo.id == PhotoGrant.photo_id)
        .where(Photo.state == "admitted", *seen)
        .subquery()
    )
    photos: dict[UUID, int] = dict(
        session.execute(
            select(Grant.license_id, func.count(held.c.photo_id.distinct()))
            .join(held, held.c.grant_id == Grant.id)
            .group_by(Grant.license_id)
        ).all()
    )
    of: dict[UUID, list[Grant]] = defaultdict(list)
    rows = session.scalars(
        select(Grant)
        .where(Grant.id.in_(select(held.c.grant_id)))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    for grant in rows:
        of[grant.license_id].append(grant)
    found = [_license(grants, photos[license_id], at=at) for license_id, grants in of.items()]
    return tuple(sorted(found, key=lambda one: (one.licensor, one.license)))


def _license(grants: list[Grant], photos: int, *, at: datetime) -> LicenseHeld:
    license = grants[0].license
    over = license.withdrawn_at is not None or license.superseded_at is not None
    counting = [grant for grant in grants if not over and _counts(grant, at)]
    ends = [grant.ends_on for grant in counting or grants]
    return LicenseHeld(
        licensor=license.licensor.name,
        license=license.ref,
        title=license.title,
        basis=license.basis,
        template=license.template,
        photos=photos,
        grants_in_force=len(counting),
        synthesize=any(grant.terms.generative for grant in counting),
        train=any(grant.terms.train for grant in counting),
        worldwide=any(
            WORLD in grant.terms.territories and not grant.terms.territories_excepted for grant in counting
        ),
        ends_on=None if None in ends else max(end for end in ends if end is not None),
        verified=all(evidence.verified_by(license, grant) is not None for grant in grants),
    )


def _counts(grant: Grant, at: datetime) -> bool:
    zone, ends_on = grant.terms.zone, grant.ends_on
    return (
        grant.withdrawn_at is None
        and grant.superseded_at is None
        and start_of(grant.terms.starts_on, zone) <= at
        and (ends_on is None or at < end_of(ends_on, zone))
    )
