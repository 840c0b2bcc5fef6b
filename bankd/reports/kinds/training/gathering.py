"""What a network was trained on, from its snapshot and the licenses behind it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from bankd.audit.canonical import moment
from bankd.catalog import models as catalog
from bankd.licensing import evidence
from bankd.licensing.models import Grant, License, ProfileGrant
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.training.model import ByLicense, Counted, Photo, TrainingReport, TrainingScope
from bankd.training import service as training
from bankd.training.models import SnapshotPhoto

MOST_LISTED = 20_000


def gather(session: Session, scope: TrainingScope, context: Context) -> Gathered[TrainingReport]:
    """Raises: NetworkNotFound."""
    network, snapshot = training.checkpoint(session, scope.network)
    use = Use.model_validate(snapshot.use)
    standing = training.standing(session, snapshot.id, terms_of(session, use, at=context.at))
    grants = _grants(session, snapshot.id)
    photos = session.execute(
        select(SnapshotPhoto.photo_sha256, SnapshotPhoto.grant_ids)
        .where(SnapshotPhoto.snapshot_id == snapshot.id)
        .order_by(SnapshotPhoto.photo_sha256)
    ).all()
    held: Counter[str] = Counter()
    listed: list[Photo] = []
    for sha256, grant_ids in photos:
        refs = sorted({grants[one].license.ref for one in grant_ids if one in grants})
        held.update(refs or [""])
        if len(listed) < MOST_LISTED:
            listed.append(Photo(sha256=sha256, licenses=tuple(refs)))
    by_license = _by_license(grants, held)
    facts = _facts(session, snapshot.id)
    card = network.card
    report = TrainingReport(
        head=head(session, context, unverified=sum(not one.verified for one in by_license)),
        network=network.sha256,
        kind=network.kind,
        size_bytes=network.size_bytes,
        registered_at=moment(network.registered_at),
        code_version=card.get("code_version"),
        recipe={name: _told(value) for name, value in sorted(card.get("recipe", {}).items())},
        categories=tuple(card.get("categories", ())),
        metrics={name: _told(value) for name, value in sorted(card.get("metrics", {}).items())},
        snapshot=snapshot.digest,
        photos=snapshot.photos,
        pinned_at=moment(snapshot.pinned_at),
        pinned_under=snapshot.bundle_digest,
        pinned_at_log=snapshot.epoch,
        imported=snapshot.imported,
        use=use,
        clears_today=standing.clears,
        refused_today=standing.refused,
        refused_by=tuple(sorted(standing.reasons)),
        by_license=by_license,
        without_license=held[""],
        bases=facts["basis"],
        persons=facts["persons"],
        data_bases=facts["data_basis"],
        data_mining=facts["data_mining"],
        erased=_erased(session, snapshot.id),
        here=_here(session, snapshot.id),
        listed=tuple(listed),
    )
    return Gathered(report)


def _grants(session: Session, snapshot_id: UUID) -> dict[UUID, Grant]:
    """The grants of the snapshot's photos that allow training and are this bank's."""
    wanted = select(func.unnest(SnapshotPhoto.grant_ids)).where(SnapshotPhoto.snapshot_id == snapshot_id)
    rows = session.scalars(
        select(Grant)
        .where(Grant.id.in_(wanted.distinct()))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    return {grant.id: grant for grant in rows if grant.terms.train}


def _by_license(grants: Mapping[UUID, Grant], held: Mapping[str, int]) -> tuple[ByLicense, ...]:
    of: dict[str, list[Grant]] = defaultdict(list)
    for grant in grants.values():
        of[grant.license.ref].append(grant)
    found = []
    for ref, some in of.items():
        license = some[0].license
        found.append(
            ByLicense(
                licensor=license.licensor.name,
                license=ref,
                title=license.title,
                basis=license.basis,
                spdx=license.spdx,
                photos=held[ref],
                verified=all(evidence.verified_by(license, grant) is not None for grant in some),
                document=all((grant.document_sha256 or license.document_sha256) for grant in some),
                withdrawn_at=None if license.withdrawn_at is None else moment(license.withdrawn_at),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.photos, one.licensor, one.license)))


def _facts(session: Session, snapshot_id: UUID) -> dict[str, tuple[Counted, ...]]:
    """Photos by facts of the grants that allow training, as the profiles they were pinned with have them.

    A photo with several such grants counts once for each different value.
    """
    names = ("basis", "persons", "data_basis", "data_mining")
    profiles = dict(
        session.execute(
            select(SnapshotPhoto.profile_id, func.count())
            .where(SnapshotPhoto.snapshot_id == snapshot_id)
            .group_by(SnapshotPhoto.profile_id)
        ).all()
    )
    rows = session.execute(
        select(ProfileGrant.profile_id, *(getattr(ProfileGrant, name) for name in names))
        .where(ProfileGrant.profile_id.in_(profiles), ProfileGrant.train)
        .distinct()
    ).all()
    counted: dict[str, Counter[str]] = {name: Counter() for name in names}
    seen: set[tuple[int, str, str]] = set()
    for profile_id, *values in rows:
        for name, value in zip(names, values, strict=True):
            if (profile_id, name, value) not in seen:
                seen.add((profile_id, name, value))
                counted[name][value] += profiles[profile_id]
    return {
        name: tuple(Counted(code=code, photos=number) for code, number in sorted(found.items()))
        for name, found in counted.items()
    }


def _erased(session: Session, snapshot_id: UUID) -> int:
    wanted = select(func.count()).where(
        SnapshotPhoto.snapshot_id == snapshot_id, SnapshotPhoto.erased_at.is_not(None)
    )
    return session.scalar(wanted) or 0


def _here(session: Session, snapshot_id: UUID) -> int:
    """How many of its photos this bank holds."""
    theirs = select(SnapshotPhoto.photo_sha256).where(SnapshotPhoto.snapshot_id == snapshot_id)
    held = catalog.Photo.sha256.in_(theirs) & (catalog.Photo.state != "erased")
    return session.scalar(select(func.count()).select_from(catalog.Photo).where(held)) or 0


def _told(value: Any) -> str:
    """A value of a card as text: numbers as they were written, what is nested as JSON has it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(_told(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(one)}" for name, one in sorted(value.items()))
    return "–" if value is None else str(value)
