"""Fingerprints of photos and tombstones, by hashes that the test makes up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bankd.access.models import Department
from bankd.audit.actor import Actor
from bankd.catalog import fingerprints, likenesses, reviewing, service
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.likenesses import Found
from bankd.catalog.models import PhotoFingerprint, Tombstone
from bankd.likeness.hashing import Fingerprint

World = Any
RNG = np.random.Generator(np.random.Philox(3))


def a_fingerprint(quality: int = 100) -> Fingerprint:
    return Fingerprint(RNG.bytes(256), RNG.bytes(256), quality, RNG.bytes(64), "ISCC:TEST")


@pytest.fixture
def hashed(world: World) -> Callable[..., tuple[Any, Fingerprint]]:
    """A photo and what it looks like."""

    def hashed(*grants: UUID, quality: int = 100) -> tuple[Any, Fingerprint]:
        photo, looks = world.photo(*grants), a_fingerprint(quality)
        fingerprints.lock(world.session)
        fingerprints.record(world.session, photo.id, looks)
        return photo, looks

    return hashed


def found(session: Session, looks: Fingerprint) -> list[tuple[object, str]]:
    return [(one.tombstone_id or one.photo_id, one.how) for one in fingerprints.alike(session, looks)]


def tombstone(world: World, photo: Any) -> int:
    service.tombstone(world.session, photo.id, reason="r", by=world.by.compliance, at=world.at)
    newest = select(Tombstone.id).order_by(Tombstone.id.desc()).limit(1)
    return int(world.session.scalars(newest).one())


def test_a_tombstone_takes_over_what_its_photo_looked_like(world: World, hashed: Any) -> None:
    photo, looks = hashed(world.grant("web"))
    assert found(world.session, looks) == [(photo.id, "pdq")]
    assert fingerprints.like_tombstones(world.session, looks) == []

    service.tombstone(world.session, photo.id, reason="r", by=world.by.compliance, at=world.at)

    kept = world.session.scalars(select(PhotoFingerprint)).all()
    mine = [row for row in kept if row.pdq == looks.pdq]
    assert [(row.photo_id, row.crops) for row in mine] == [(None, looks.crops)]
    [alike] = fingerprints.alike(world.session, looks)
    assert alike.photo_id is None and alike.tombstone_id == mine[0].tombstone_id and alike.sure


def test_photos_with_little_to_see_are_like_no_photo_and_may_be_like_a_tombstone(
    world: World, hashed: Any
) -> None:
    photo, looks = hashed(world.grant("web"), quality=20)
    assert found(world.session, replace(looks, quality=100)) == []

    service.tombstone(world.session, photo.id, reason="r", by=world.by.compliance, at=world.at)

    [alike] = fingerprints.alike(world.session, replace(looks, quality=100))
    assert alike.tombstone_id is not None and not alike.sure


def test_a_fingerprint_belongs_to_a_photo_or_to_a_tombstone(world: World) -> None:
    with pytest.raises(IntegrityError, match="of_one"), world.session.begin_nested():
        world.session.add(
            PhotoFingerprint(pdq=bytes(256), phash=bytes(256), quality=1, crops=b"", iscc="ISCC:")
        )
        world.session.flush()


def test_what_a_photo_looks_like_later_holds_it_again_after_a_release(world: World, hashed: Any) -> None:
    grant = world.grant("web")
    photo, _ = hashed(grant)
    first, second = (tombstone(world, hashed(grant)[0]) for _ in range(2))
    who = {"by": world.by.compliance, "at": world.at}

    assert reviewing.found_alike(world.session, photo.id, [Found(None, first, "crop", 9, sure=False)], **who)
    assert photo.state == "quarantined" and photo.profile_id is None
    reviewing.release(world.session, photo.id, reason="another", **who)
    assert photo.state == "admitted"

    again = reviewing.found_alike(world.session, photo.id, [Found(None, first, "crop", 9, sure=False)], **who)
    assert not again  # known, and looked at
    assert reviewing.found_alike(world.session, photo.id, [Found(None, second, "pdq", 2, sure=True)], **who)
    assert photo.state == "quarantined"


def test_a_photo_that_is_here_is_not_held_for_one_that_comes_later(world: World, hashed: Any) -> None:
    first, _ = hashed(world.grant("web"))
    later, _ = hashed(world.grant("print"))
    who = {"by": world.by.librarian, "at": world.at}
    likenesses.keep(world.session, later.id, [Found(first.id, None, "pdq", 4, sure=True)], at=world.at)

    service.attach_grants(world.session, first.id, [world.grant("social")], **who)

    assert first.state == "admitted"


def test_of_another_departments_photo_neither_id_nor_name_is_told(world: World, hashed: Any) -> None:
    photo, _ = hashed(world.grant("web"))
    mine = world.department_id
    elsewhere = Department(name=f"Department {uuid4()}", created_at=world.at)
    world.session.add(elsewhere)
    world.session.flush()
    world.department_id = elsewhere.id
    other, _ = hashed(world.grant("print"))
    likenesses.keep(world.session, photo.id, [Found(other.id, None, "pdq", 4, sure=True)], at=world.at)

    def lines(department_id: UUID | None) -> list[tuple[UUID | None, str | None]]:
        by = Actor("user", "a", frozenset({"librarian"}), department_id)
        shown = likenesses.likenesses(world.session, photo.id, by=by)
        return [(one.photo, one.name) for one in shown.alike]

    assert lines(None) == [(other.id, other.name)]
    assert lines(mine) == [(None, None)]
    with pytest.raises(PhotoNotFound):
        lines(elsewhere.id)
