"""Releases on photos: whom they cover, what is signed anew, and faces that somebody has to look at."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from bankd.audit import log
from bankd.catalog import releases, renewing, service
from bankd.catalog.errors import CoverInvalid, NoFacesFlagged
from bankd.catalog.models import Photo, Segment
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import SubjectsDiffer
from bankd.licensing.people import Cover
from bankd.licensing.terms import GrantFacts

PERSON = 125
SHOWN = Depictions.model_validate(
    {
        "persons": True,
        "model_release": "released",
        "youngest": "adult",
        "property_release": "not-needed",
        "data_basis": {"basis": "contract"},
    }
)
FLAGGED = releases.FlaggedFaces(
    {"detector": "test 1", "faces": [{"box": [1, 1, 9, 9], "score": 0.9, "labelled": False}]}
)


def release(world: Any, ref: str, *, subject: str = "person 1", **terms: Any) -> UUID:
    stated = {"kind": "model", "status": "released", "youngest": "adult", "synthetic_depiction": True}
    return licensing.record_release(
        world.session, ref, terms=ReleaseTerms.model_validate(stated | terms), subject=subject,
        by=world.by.librarian, at=world.at,
    ).id  # fmt: skip


def facts(world: Any, photo: Photo) -> GrantFacts:
    ((_, found),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    return found


def attach(world: Any, photo: Photo, people: dict[UUID, Cover], **more: Any) -> None:
    service.attach_grants(
        world.session, photo.id, [], people=people, by=world.by.librarian, at=world.at, **more
    )


def test_a_photo_of_two_clears_only_once_both_are_covered_by_name(world: Any) -> None:
    photo = world.photo(world.grant("web"), categories=(1, PERSON, PERSON), depictions=SHOWN)
    first, second = release(world, "MR-1"), release(world, "MR-2", subject="person 2")

    attach(world, photo, {first: Cover()})
    assert (facts(world, photo).model_release, facts(world, photo).persons_covered) == ("released", False)
    attach(world, photo, {first: Cover(segments=frozenset({1}))})
    assert not facts(world, photo).persons_covered
    attach(world, photo, {second: Cover(segments=frozenset({2}))})
    assert facts(world, photo).persons_covered

    profiles = world.session.scalars(select(Segment.profile_id).where(Segment.photo_id == photo.id))
    assert set(profiles) == {photo.profile_id}


@pytest.mark.parametrize("wrong", [{"segments": frozenset({0})}, {"instances": frozenset({7})}], ids=str)
def test_a_release_covers_no_wall(world: Any, wrong: Any) -> None:
    photo = world.photo(world.grant("web"), categories=(1, PERSON), depictions=SHOWN)

    with pytest.raises(CoverInvalid, match="is no person in this photo"):
        attach(world, photo, {release(world, "MR-1"): Cover(**wrong)})


def test_what_is_signed_anew_takes_the_place_of_the_old_on_every_photo(world: Any) -> None:
    photo = world.photo(world.grant("web"), categories=(1, PERSON, PERSON), depictions=SHOWN)
    minor = {"youngest": "minor", "signed_by": "guardian", "majority_on": "2026-07-01", "territories": ["JP"]}
    old, other = release(world, "MR-1", **minor), release(world, "MR-2", subject="person 2")
    attach(world, photo, {old: Cover(segments=frozenset({1})), other: Cover(segments=frozenset({2}))})
    assert facts(world, photo).reconfirm_before == "2026-07-02T00:00:00.000Z"
    release(world, "MR-3", territories=["JP", "KR"])
    who = {"by": world.by.librarian, "at": world.at}

    renewed = licensing.supersede_release(world.session, "MR-1", successor="MR-3", **who)
    assert renewing.renew(world.session, [renewed], **who) == 1

    found = facts(world, photo)
    assert (found.reconfirm_before, found.persons_covered, found.release_territories) == (
        (None, True, {"JP", "KR"})
    )
    assert licensing.supersede_release(world.session, "MR-1", successor="MR-3", **who) == renewed
    with pytest.raises(SubjectsDiffer):
        licensing.supersede_release(world.session, "MR-3", successor="MR-2", **who)


def test_a_face_where_the_record_says_nobody_holds_the_photo_for_review(world: Any) -> None:
    photo = world.photo(world.grant("web"), depictions=Depictions(persons=False), faces=FLAGGED)

    assert (photo.state, photo.quarantine_reason, photo.profile_id) == ("quarantined", "faces-found", None)
    assert service.facts_of(world.session, [photo.id], at=world.at)[photo.id] == ()

    service.attach_grants(world.session, photo.id, [world.grant("more")], by=world.by.librarian, at=world.at)
    assert photo.quarantine_reason == "faces-found"  # a license is no answer


def test_a_record_of_persons_lets_a_held_photo_go_on(world: Any) -> None:
    photo = world.photo(world.grant("web"), depictions=Depictions(persons=False), faces=FLAGGED)

    attach(world, photo, {release(world, "MR-1"): Cover()}, depictions=SHOWN)

    assert (photo.state, facts(world, photo).persons, facts(world, photo).persons_covered) == (
        ("admitted", "present", True)
    )


def test_faces_that_somebody_dismissed_hold_nothing_and_are_logged_with_the_reason(world: Any) -> None:
    photo = world.photo(world.grant("web"), depictions=Depictions(persons=False), faces=FLAGGED)

    renewing.dismiss_faces(
        world.session, photo.id, reason="a doll on a shelf", by=world.by.compliance, at=world.at
    )

    assert (photo.state, facts(world, photo).persons) == ("admitted", "none")
    assert photo.faces_dismissed_by == world.by.compliance.name
    log.settle(world.session)
    [entry] = [one for one in log.read(world.session) if one.kind == "photo.faces-dismissed"]
    assert "a doll on a shelf" in str(entry.payload)
    with pytest.raises(NoFacesFlagged):
        renewing.dismiss_faces(
            world.session, world.photo(world.grant("b")).id, reason="?", by=world.by.compliance, at=world.at
        )


def test_a_record_that_now_says_nobody_takes_a_photo_with_a_face_out_again(world: Any) -> None:
    photo = world.photo(world.grant("web"), depictions=Depictions(persons=True), faces=FLAGGED)
    assert photo.state == "admitted"

    attach(world, photo, {}, depictions=Depictions(persons=False))

    assert (photo.state, photo.quarantine_reason) == ("quarantined", "faces-found")
    profiles = world.session.scalars(select(Segment.profile_id).where(Segment.photo_id == photo.id))
    assert set(profiles) == {None}


def test_a_face_outside_of_all_labelled_persons_is_a_person_more(world: Any) -> None:
    photo = world.photo(world.grant("web"), categories=(1, PERSON), depictions=SHOWN, faces=FLAGGED)
    attach(world, photo, {release(world, "MR-1"): Cover(segments=frozenset({1}))})
    assert not facts(world, photo).persons_covered

    renewing.dismiss_faces(world.session, photo.id, reason="a poster", by=world.by.compliance, at=world.at)
    assert facts(world, photo).persons_covered
