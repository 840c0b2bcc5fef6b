"""What a photo may be used for can change: grants, releases, disputes, embargoes, tombstones.

Locks are taken in one order everywhere: licenses and grants, then photos, the
log last. So a grant that is withdrawn while it is being attached is either
seen as withdrawn by the attaching, or seen as attached by the withdrawing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer, cast, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import likenesses, pulling, releases, taxonomy
from bankd.catalog.embedded import heeded
from bankd.catalog.errors import (
    PhotoAlreadyDisputed,
    PhotoNotDisputed,
    PhotoTombstoned,
    TaxonomyInvalid,
)
from bankd.catalog.models import (
    Category,
    Descriptor,
    Photo,
    PhotoGrant,
    Segment,
)
from bankd.catalog.offering import Offers as Offers
from bankd.catalog.offering import facts_of as facts_of
from bankd.catalog.offering import offered as offered
from bankd.catalog.releases import Covers
from bankd.catalog.tombstones import buried, changeable
from bankd.catalog.tombstones import tombstone as tombstone
from bankd.licensing import caps, profiles
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.models import Grant, GrantCounter, License
from bankd.licensing.people import WHOM_UNSAID, PersonSegment
from bankd.licensing.profiles import NO_RELEASES
from bankd.licensing.terms import EmbeddedRights, GrantFacts

PERSON_SEEN = Depictions(
    persons=True, model_release="not-needed", youngest="adult", property_release="not-needed"
)
"""A label map that shows a person says so whatever the rights record says, and claims nothing else."""


def sync_taxonomy(session: Session, *, by: Actor, at: datetime) -> bool:
    """Record the house taxonomy that ships with this version; False if nothing changed.

    Raises:
        TaxonomyInvalid: a recorded category is missing from it or has another name:
            label maps and descriptors hold its id.
    """
    house = taxonomy.house()
    wanted = {category.id: category for category in house.categories}
    recorded = {row.id: row for row in session.scalars(select(Category).with_for_update())}
    fields = ("name", "ground", "planar", "thin", "person", "front_rank")
    changed = False
    for number, row in recorded.items():
        if number not in wanted or wanted[number].name != row.name:
            raise TaxonomyInvalid(
                f"category `{row.name}` ({number}) is recorded and may not be dropped or renamed"
            )
    for number, category in wanted.items():
        values = {field: getattr(category, field) for field in fields}
        if number not in recorded:
            session.add(Category(id=number, **values))
            changed = True
        elif any(getattr(recorded[number], field) != value for field, value in values.items()):
            for field, value in values.items():
                setattr(recorded[number], field, value)
            changed = True
    if changed:
        session.flush()
        log.append(
            session, Kind.TAXONOMY_RECORDED, by=by, at=at,
            version=house.version, digest=house.digest, categories=len(wanted),
        )  # fmt: skip
    return changed


def attach_grants(
    session: Session,
    photo_id: UUID,
    grant_ids: Iterable[UUID],
    *,
    release_ids: Iterable[UUID] = (),
    people: Covers = NO_RELEASES,
    depictions: Depictions | None = None,
    by: Actor,
    at: datetime,
) -> Photo:
    """Add grants and releases to a photo and work out its rights profile anew.

    `depictions`, where given, replace what the last rights record said; what
    the label map and the photo's own bytes say still tightens them. `people` are releases
    too, with whom of those shown each covers. The first grant admits a quarantined photo,
    unless something else holds it (see `releases.quarantine`), which can hold
    one that was admitted too. Nothing is logged when nothing changes.

    Raises:
        PhotoNotFound, PhotoErased.
        GrantNotFound, ReleaseNotFound: one is not recorded.
        CoverInvalid: a release is said to cover what is no person of the photo.
        TooManyGrants: it would hold more than 63.
        PhotoTombstoned: a licensor withdrew it, and may not bring it back.
    """
    added = set(grant_ids)
    attached: Covers = {**dict.fromkeys(release_ids, WHOM_UNSAID), **people}
    photo = held_for_rights(session, photo_id, grant_ids=added)
    if added and buried(session, sha256=photo.sha256, pixel_sha256=photo.pixel_sha256, grant_ids=added):
        raise PhotoTombstoned(photo_id)
    before = _recorded(session, photo)
    record_rights(session, photo, grant_ids=added, covers=attached, depictions=depictions)
    session.flush()
    if attached:
        pulling.settle(session, [photo_id])
    after = _recorded(session, photo)
    if after == before:
        return photo
    spread(session, photo)
    log.append(
        session, Kind.RIGHTS_ATTACHED, by=by, at=at,
        photo=photo_id, grants=sorted(after[0] - before[0]),
        releases=sorted(after[1].keys() - before[1].keys()),
        depictions=photo.depictions, profile=photo.profile_id, state=photo.state,
        covers={str(id): one.as_json() for id, one in after[1].items() if before[1].get(id) != one},
    )  # fmt: skip
    return photo


def _recorded(session: Session, photo: Photo) -> tuple[set[UUID], Covers, object, int | None]:
    return (
        set(_grants_of(session, photo.id)),
        releases.held(session, photo.id),
        photo.depictions,
        photo.profile_id,
    )


def held_for_rights(session: Session, photo_id: UUID, *, grant_ids: Iterable[UUID] = ()) -> Photo:
    """The photo, locked after its grants and those that it is to get: its rights may be worked out anew.

    Raises:
        PhotoNotFound, PhotoErased.
    """
    hold_grants(session, {*grant_ids, *_grants_of(session, photo_id)})
    return changeable(session, photo_id)


def spread(session: Session, photo: Photo) -> None:
    """Bring the profile of a photo to its segments and descriptors."""
    for table in (Segment, Descriptor):
        session.execute(
            update(table)
            .where(table.photo_id == photo.id, table.profile_id.is_distinct_from(photo.profile_id))
            .values(profile_id=photo.profile_id)
            .execution_options(synchronize_session=False)
        )


def record_rights(
    session: Session,
    photo: Photo,
    *,
    grant_ids: Iterable[UUID],
    covers: Covers,
    depictions: Depictions | None,
) -> None:
    """Bring a photo's grants, ordinals, block bits, profile and state into line; segments are the caller's.

    A block bit that stood for a grant stays with it when its ordinal moves.
    """
    rows = select(PhotoGrant.grant_id, PhotoGrant.ordinal).where(PhotoGrant.photo_id == photo.id)
    held: dict[UUID, int] = dict(session.execute(rows).all())
    releases.add(session, photo.id, covers)
    faces = releases.FlaggedFaces.of(photo)
    rights = rights_of(
        session,
        set(grant_ids) | held.keys(),
        covers=releases.held(session, photo.id),
        depictions=Depictions.model_validate(photo.depictions) if depictions is None else depictions,
        embedded=heeded(session, photo),
        persons=releases.persons(session, photo.id),
        faces=faces,
    )
    ordered = rights.ordered
    photo.depictions = rights.depictions.as_json()
    if not ordered:
        return

    bits = rights.blocks
    for ordinal, (grant_id, _) in enumerate(ordered):
        if grant_id in held and photo.grant_blocks >> held[grant_id] & 1:
            bits |= 1 << ordinal
    if {grant_id: ordinal for ordinal, (grant_id, _) in enumerate(ordered)} != held:
        session.execute(delete(PhotoGrant).where(PhotoGrant.photo_id == photo.id))
        session.execute(
            insert(PhotoGrant),
            [
                {"photo_id": photo.id, "ordinal": ordinal, "grant_id": grant_id}
                for ordinal, (grant_id, _) in enumerate(ordered)
            ],
        )
    photo.grant_blocks = bits
    reason = releases.quarantine(
        unreadable=photo.quarantine_reason == "unreadable-rights",
        licensed=True,
        persons=rights.depictions.persons,
        faces=faces,
        likeness=likenesses.held(session, photo, [grant_id for grant_id, _ in ordered]),
    )
    profile = None if reason else profiles.profile_for(session, [facts for _, facts in ordered]).id
    photo.profile_id = profile
    photo.quarantine_reason = reason
    photo.state = "admitted" if reason is None else "quarantined"


@dataclass(frozen=True)
class Rights:
    """What grants come to on one photo, by ordinal, and a bit for each against which something stands."""

    depictions: Depictions
    ordered: Sequence[tuple[UUID, GrantFacts]]
    blocks: int


def rights_of(
    session: Session,
    grant_ids: Iterable[UUID],
    *,
    covers: Covers,
    depictions: Depictions,
    embedded: EmbeddedRights,
    persons: Sequence[PersonSegment],
    faces: releases.FlaggedFaces,
) -> Rights:
    """Work out what a photo's grants come to; what stands against them stays so until the transaction ends.

    Writes nothing.

    Raises:
        GrantNotFound, TooManyGrants, CoverInvalid.
    """
    releases.check(covers.values(), persons)
    shown = depictions
    if persons:
        shown = shown.tightened_by(PERSON_SEEN)
    wanted = set(grant_ids)
    if not wanted:
        return Rights(shown, (), 0)
    hold_grants(session, wanted)
    ordered = profiles.facts_for(
        session,
        wanted,
        depictions=shown,
        embedded=embedded,
        releases=covers,
        seen=releases.seen(persons, faces),
    )
    standing = licensing.standing(session, wanted)
    blocks = sum(1 << ordinal for ordinal, (grant_id, _) in enumerate(ordered) if standing[grant_id])
    return Rights(shown, ordered, blocks)


def block_grants(session: Session, grant_ids: Iterable[UUID], *, by: Actor, at: datetime) -> int:  # noqa: ARG001
    """Set or clear the block bits of these grants, as they stand now, on every photo that holds one.

    Call it in the transaction that withdrew, superseded, capped out or freed
    them: the entry which that leaves in the log is the record of this change
    too. Returns how many photos changed.
    """
    standing = licensing.standing(session, grant_ids)
    return sum(
        _set_bits(
            session,
            sorted(grant_id for grant_id, against in standing.items() if bool(against) == blocked),
            blocked=blocked,
        )
        for blocked in (True, False)
    )


def dispute(session: Session, photo_id: UUID, *, reason: str, by: Actor, at: datetime) -> Photo:
    """Take a photo out of every use until the dispute is lifted.

    Raises:
        PhotoNotFound, PhotoErased, PhotoAlreadyDisputed.
    """
    photo = changeable(session, photo_id)
    if photo.disputed_at is not None:
        raise PhotoAlreadyDisputed(photo_id)
    photo.disputed_at = at
    photo.dispute_reason = reason
    session.flush()
    log.append(session, Kind.PHOTO_DISPUTED, by=by, at=at, photo=photo_id, reason=reason)
    return photo


def lift_dispute(session: Session, photo_id: UUID, *, reason: str, by: Actor, at: datetime) -> Photo:
    """Raises: PhotoNotFound, PhotoErased, PhotoNotDisputed."""
    photo = changeable(session, photo_id)
    if photo.disputed_at is None:
        raise PhotoNotDisputed(photo_id)
    photo.disputed_at = None
    photo.dispute_reason = None
    session.flush()
    log.append(session, Kind.PHOTO_DISPUTE_LIFTED, by=by, at=at, photo=photo_id, reason=reason)
    return photo


def embargo(
    session: Session,
    photo_id: UUID,
    *,
    until: datetime | None,
    visible_to: Iterable[str] = (),
    by: Actor,
    at: datetime,
) -> Photo:
    """Keep a photo out of every use until a moment; None ends the embargo.

    Args:
        visible_to: departments, by name, that may prepare uses which begin after it; `house` for people of
            none. For all others the photo is not there.

    Raises:
        PhotoNotFound, PhotoErased.
    """
    photo = changeable(session, photo_id)
    photo.embargo_until = until
    photo.embargo_visible_to = [] if until is None else sorted(set(visible_to))
    session.flush()
    log.append(
        session, Kind.PHOTO_EMBARGOED, by=by, at=at,
        photo=photo_id, until=until, visible_to=photo.embargo_visible_to,
    )  # fmt: skip
    return photo


def _set_bits(session: Session, grant_ids: Sequence[UUID], *, blocked: bool) -> int:
    if not grant_ids:
        return 0
    holding = select(PhotoGrant.photo_id).where(PhotoGrant.grant_id.in_(grant_ids))
    # Locked first, in the order of ids: ordinals that an attaching moved are read only once it has committed.
    # Not against rows that only point at a photo: a seal that has written its own blocks others in turn.
    held = select(Photo.id).where(Photo.id.in_(holding)).order_by(Photo.id)
    session.execute(held.with_for_update(key_share=True)).all()
    bits = (
        select(
            PhotoGrant.photo_id,
            func.bit_or(literal(1, BigInteger).op("<<")(cast(PhotoGrant.ordinal, Integer))).label("mask"),
        )
        .where(PhotoGrant.grant_id.in_(grant_ids))
        .group_by(PhotoGrant.photo_id)
        .subquery()
    )
    wanted = (
        Photo.grant_blocks.op("|")(bits.c.mask)
        if blocked
        else Photo.grant_blocks.op("&")(bits.c.mask.op("#")(literal(-1, BigInteger)))
    )
    return len(
        session.execute(
            update(Photo)
            .where(Photo.id == bits.c.photo_id, Photo.grant_blocks != wanted)
            .values(grant_blocks=wanted)
            .returning(Photo.id)
            .execution_options(synchronize_session=False)
        ).all()
    )


def hold_grants(session: Session, grant_ids: Iterable[UUID]) -> None:
    """Keep what stands against these grants from changing until the transaction ends."""
    wanted = sorted(set(grant_ids))
    if not wanted:
        return
    session.execute(
        select(Grant.id)
        .join(License, Grant.license_id == License.id)
        .where(Grant.id.in_(wanted))
        .order_by(Grant.id)
        .with_for_update(read=True, of=[License, Grant])
    ).all()
    session.execute(
        select(GrantCounter.grant_id)
        .where(GrantCounter.grant_id.in_(wanted))
        .order_by(*caps.IN_ORDER)
        .with_for_update(read=True)
    ).all()


def _grants_of(session: Session, photo_id: UUID) -> Sequence[UUID]:
    return session.scalars(select(PhotoGrant.grant_id).where(PhotoGrant.photo_id == photo_id)).all()
