import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.catalog import admission, service
from bankd.catalog.errors import (
    PhotoAlreadyDisputed,
    PhotoErased,
    PhotoNotDisputed,
    PhotoNotFound,
    TaxonomyInvalid,
)
from bankd.catalog.models import FOREVER, Category, Descriptor, Photo, PhotoGrant, Segment
from bankd.licensing import caps
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import GrantNotFound, ReleaseNotFound
from bankd.licensing.terms import EmbeddedRights

World = Any
PERSON = 125


def kinds(session: Session) -> list[str]:
    log.settle(session)
    return [entry.kind for entry in log.read(session)]


def ordinals(session: Session, photo_id: UUID) -> dict[UUID, int]:
    rows = select(PhotoGrant.grant_id, PhotoGrant.ordinal).where(PhotoGrant.photo_id == photo_id)
    return dict(session.execute(rows).all())


def profiles(session: Session, photo_id: UUID) -> set[int | None]:
    """The profiles that a photo's segments and descriptors carry."""
    found: set[int | None] = set()
    for table in (Segment, Descriptor):
        found |= set(session.scalars(select(table.profile_id).where(table.photo_id == photo_id)))
    return found


def blocked(session: Session, photo_id: UUID, at: datetime) -> bool:
    """As a ranking statement asks."""
    return bool(session.scalar(select(Photo.blocked_until > at).where(Photo.id == photo_id)))


def bits(session: Session, photo_id: UUID) -> int:
    found = session.scalar(select(Photo.grant_blocks).where(Photo.id == photo_id))
    assert found is not None
    return found


def test_the_taxonomy_is_recorded_once_and_logged(world: World) -> None:
    session = world.session

    assert not service.sync_taxonomy(session, by=world.by.operator, at=world.at)
    assert session.get_one(Category, 0).name == "void"
    session.execute(update(Category).where(Category.id == 22).values(front_rank=1))
    assert service.sync_taxonomy(session, by=world.by.operator, at=world.at)
    session.expire_all()
    assert session.get_one(Category, 22).front_rank == 70
    assert kinds(session).count(Kind.TAXONOMY_RECORDED) == 2


def test_a_recorded_category_is_never_renamed_or_dropped(world: World) -> None:
    world.session.execute(update(Category).where(Category.id == 22).values(name="goblet"))
    world.session.expire_all()

    with pytest.raises(TaxonomyInvalid, match="`goblet`"):
        service.sync_taxonomy(world.session, by=world.by.operator, at=world.at)


def test_a_photo_with_a_grant_is_admitted_with_its_profile_everywhere(world: World) -> None:
    photo = world.photo(world.grant("web"))

    assert photo.state == "admitted"
    assert profiles(world.session, photo.id) == {photo.profile_id}
    assert kinds(world.session)[-1] == Kind.PHOTO_ADMITTED


def test_bits_are_stored_as_they_were_packed(world: World) -> None:
    photo = world.photo(world.grant("web"))

    mask, plane, none = world.session.execute(
        select(Descriptor.mask, Descriptor.c0, Descriptor.c7).where(Descriptor.photo_id == photo.id).limit(1)
    ).one()
    assert str(mask) == "1" + "0" * 1023
    assert str(plane) == "00000001" * 32
    assert str(none) == "0" * 256


def test_a_photo_without_a_grant_is_quarantined_and_no_ranking_sees_it(world: World) -> None:
    photo = world.photo()

    assert (photo.state, photo.quarantine_reason) == ("quarantined", "unlicensed")
    assert profiles(world.session, photo.id) == {None}
    assert service.facts_of(world.session, [photo.id], at=world.at) == {photo.id: ()}
    assert kinds(world.session)[-1] == Kind.PHOTO_QUARANTINED


def test_a_later_grant_admits_a_quarantined_photo(world: World) -> None:
    photo, grant = world.photo(), world.grant("web")

    service.attach_grants(world.session, photo.id, [grant], by=world.by.librarian, at=world.at)

    assert (photo.state, photo.quarantine_reason) == ("admitted", None)
    assert profiles(world.session, photo.id) == {photo.profile_id} != {None}
    assert kinds(world.session)[-1] == Kind.RIGHTS_ATTACHED


def test_unreadable_rights_keep_a_photo_quarantined_whatever_is_granted(world: World) -> None:
    photo = world.photo(world.grant("web"), rights_unreadable=True)

    assert (photo.state, photo.quarantine_reason) == ("quarantined", "unreadable-rights")
    service.attach_grants(world.session, photo.id, [world.grant("b")], by=world.by.librarian, at=world.at)
    assert photo.state == "quarantined"
    assert len(ordinals(world.session, photo.id)) == 2
    assert profiles(world.session, photo.id) == {None}


def test_equal_photos_share_a_profile_and_other_facts_do_not(world: World) -> None:
    one, other = world.grant("one"), world.grant("other")

    assert world.photo(one).profile_id == world.photo(other).profile_id
    assert world.photo(one).profile_id != world.photo(world.grant("fr", territories=["FR"])).profile_id
    shown = Depictions(persons=True, model_release="none")
    assert world.photo(one).profile_id != world.photo(one, depictions=shown).profile_id


def test_attaching_what_is_there_changes_and_logs_nothing(world: World) -> None:
    grant = world.grant("web")
    photo = world.photo(grant)
    before = kinds(world.session)

    service.attach_grants(world.session, photo.id, [grant], by=world.by.librarian, at=world.at)

    assert kinds(world.session) == before


def test_block_bits_move_with_their_grants_when_ordinals_move(world: World) -> None:
    session = world.session
    first = world.grant("m", territories=["JP"])
    photo = world.photo(first)
    assert world.withdraw(first) == 1
    assert bits(session, photo.id) == 1

    # Facts with `AT` and `US` sort before and after those with `JP`.
    before = world.grant("a", territories=["AT"])
    after = world.grant("z", territories=["US"])
    service.attach_grants(session, photo.id, [before, after], by=world.by.librarian, at=world.at)
    session.flush()

    placed = ordinals(session, photo.id)
    assert placed[first] == 1
    assert bits(session, photo.id) == 1 << placed[first]
    offers = service.facts_of(session, [photo.id], at=world.at)[photo.id]
    assert [(grant, set(facts.blocks)) for grant, facts in offers] == [
        (before, set()), (first, {"withdrawn"}), (after, set()),
    ]  # fmt: skip
    assert [sorted(facts.territories) for _, facts in offers] == [["AT"], ["JP"], ["US"]]


def test_a_grant_withdrawn_before_it_is_attached_comes_blocked(world: World) -> None:
    gone = world.grant("gone")
    assert world.withdraw(gone) == 0

    photo = world.photo(gone)

    assert bits(world.session, photo.id) == 1
    assert photo.state == "admitted"


def test_blocking_touches_only_photos_that_hold_the_grant(world: World) -> None:
    one, other = world.grant("one"), world.grant("other", territories=["FR"])
    mine, both, theirs = world.photo(one), world.photo(one, other), world.photo(other)

    assert world.withdraw(one) == 2

    assert bits(world.session, mine.id) == 1
    assert bits(world.session, both.id) == 1 << ordinals(world.session, both.id)[one]
    assert bits(world.session, theirs.id) == 0
    again = service.block_grants(world.session, [one], by=world.by.compliance, at=world.at)
    assert again == 0


def test_a_spent_cap_blocks(world: World) -> None:
    grant = world.grant("capped", cap=1)
    photo = world.photo(grant)
    assert caps.take(world.session, {(grant, "seal"): 1}, at=world.at).last

    assert service.block_grants(world.session, [grant], by=world.by.system, at=world.at) == 1

    assert bits(world.session, photo.id) == 1
    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert facts.blocks == {"capped-out"}


def test_a_bit_that_no_record_explains_is_a_hold_of_the_house_and_can_be_cleared(world: World) -> None:
    grant = world.grant("web")
    photo = world.photo(grant)
    world.session.execute(update(Photo).where(Photo.id == photo.id).values(grant_blocks=1))

    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert facts.blocks == {"denied"}
    assert service.block_grants(world.session, [grant], by=world.by.compliance, at=world.at) == 1
    assert bits(world.session, photo.id) == 0


def test_the_last_of_63_grants_has_the_highest_bit(world: World) -> None:
    grants = [world.grant(f"g{number}", max_copies=number) for number in range(63)]
    photo = world.photo(*grants)
    last = max(ordinals(world.session, photo.id).items(), key=lambda item: item[1])[0]

    world.withdraw(last)

    assert bits(world.session, photo.id) == 1 << 62


def test_a_withdrawn_grant_and_what_a_photo_suffers_are_all_told(world: World, NOON: datetime) -> None:
    session, grant = world.session, world.grant("web")
    photo = world.photo(grant)
    world.withdraw(grant)
    who = {"by": world.by.compliance, "at": world.at}
    service.dispute(session, photo.id, reason="claimed by another", **who)
    service.embargo(session, photo.id, until=NOON, **who)

    def blocks(at: datetime) -> frozenset[str]:
        return service.facts_of(session, [photo.id], at=at)[photo.id][0][1].blocks

    assert blocks(NOON - timedelta(seconds=1)) == {"withdrawn", "dispute", "embargo"}
    assert blocks(NOON) == {"withdrawn", "dispute"}


def test_a_dispute_blocks_until_it_is_lifted(world: World, NOON: datetime) -> None:
    session, photo = world.session, world.photo(world.grant("web"))
    who = {"by": world.by.compliance, "at": world.at}

    service.dispute(session, photo.id, reason="claimed by another", **who)
    assert blocked(session, photo.id, NOON + timedelta(days=36500))
    session.refresh(photo)
    assert photo.blocked_until == FOREVER
    with pytest.raises(PhotoAlreadyDisputed):
        service.dispute(session, photo.id, reason="again", **who)

    service.lift_dispute(session, photo.id, reason="settled", **who)
    assert not blocked(session, photo.id, NOON)
    with pytest.raises(PhotoNotDisputed):
        service.lift_dispute(session, photo.id, reason="again", **who)
    assert kinds(session)[-2:] == [Kind.PHOTO_DISPUTED, Kind.PHOTO_DISPUTE_LIFTED]


def test_what_was_never_blocked_reads_as_never_and_not_as_the_last_of_days(
    world: World, NOON: datetime
) -> None:
    session, photo = world.session, world.photo(world.grant("web"))
    until = select(Photo.blocked_until).where(Photo.id == photo.id)

    session.refresh(photo)
    assert photo.blocked_until is None
    assert session.scalar(until) is None

    service.embargo(session, photo.id, until=NOON, by=world.by.compliance, at=world.at)
    assert session.scalar(until) == NOON


def test_an_embargo_ends_by_itself_at_its_moment(world: World, NOON: datetime) -> None:
    session, photo = world.session, world.photo(world.grant("web"))

    service.embargo(session, photo.id, until=NOON, by=world.by.compliance, at=world.at)

    assert blocked(session, photo.id, NOON - timedelta(seconds=1))
    assert not blocked(session, photo.id, NOON)


def test_a_tombstoned_photo_is_blocked_for_good_and_may_not_come_back(world: World, NOON: datetime) -> None:
    session, photo = world.session, world.photo(world.grant("web"))
    who = {"by": world.by.compliance, "at": world.at}

    service.tombstone(session, photo.id, reason="consent withdrawn", **who)

    assert blocked(session, photo.id, NOON + timedelta(days=36500))
    assert admission.seen(session, sha256=photo.sha256).tombstoned
    assert admission.seen(session, sha256="0" * 64, pixel_sha256=photo.pixel_sha256).tombstoned
    assert not admission.seen(session, sha256="0" * 64, pixel_sha256="0" * 64).tombstoned
    ((_, facts),) = service.facts_of(session, [photo.id], at=world.at)[photo.id]
    assert facts.blocks == {"erased"}
    for change in (
        lambda: service.attach_grants(session, photo.id, [], **who),
        lambda: service.dispute(session, photo.id, reason="late", **who),
        lambda: service.tombstone(session, photo.id, reason="again", **who),
    ):
        with pytest.raises(PhotoErased):
            change()


def test_a_label_map_that_shows_a_person_says_so_whatever_the_record_says(world: World) -> None:
    grant = world.grant("web")
    photo = world.photo(grant, categories=(1, PERSON), depictions=Depictions(persons=False))

    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert (facts.persons, facts.model_release) == ("present", "unknown")

    shown = Depictions(
        persons=False, model_release="released", youngest="adult", property_release="not-needed"
    )
    service.attach_grants(world.session, photo.id, [], depictions=shown, by=world.by.librarian, at=world.at)
    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert (facts.persons, facts.model_release, facts.youngest) == ("present", "none", "adult")  # no release


def test_embedded_rights_reach_the_facts(world: World) -> None:
    embedded = EmbeddedRights(
        image_alteration_constraints=frozenset({"AL-MRG"}), data_mining="DMI-PROHIBITED"
    )
    photo = world.photo(world.grant("web"), embedded=embedded)

    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert (facts.alteration_constraints, facts.data_mining) == ({"AL-MRG"}, "DMI-PROHIBITED")


def test_a_release_narrows_the_photo_it_is_attached_to(world: World) -> None:
    who = {"by": world.by.librarian, "at": world.at}
    terms = ReleaseTerms.model_validate(
        {"kind": "model", "status": "released", "youngest": "adult", "territories": ["JP"], "zone": "UTC"}
    )
    release = licensing.record_release(world.session, "R-1", terms=terms, subject="person 1", **who)
    photo = world.photo(world.grant("wide", territories=["WORLD"]))

    service.attach_grants(world.session, photo.id, [], release_ids=[release.id], **who)

    ((_, facts),) = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    assert (facts.worldwide, facts.release_worldwide, facts.release_territories) == (True, False, {"JP"})
    with pytest.raises(ReleaseNotFound):
        service.attach_grants(world.session, photo.id, [], release_ids=[uuid4()], **who)


def test_unknown_photos_and_grants_are_refused_and_offer_nothing(world: World) -> None:
    nobody = uuid4()
    who = {"by": world.by.librarian, "at": world.at}

    assert service.facts_of(world.session, [nobody], at=world.at) == {nobody: ()}
    with pytest.raises(PhotoNotFound):
        service.dispute(world.session, nobody, reason="?", **who)
    with pytest.raises(PhotoNotFound):
        service.attach_grants(world.session, nobody, [], **who)
    with pytest.raises(GrantNotFound):
        service.attach_grants(world.session, world.photo().id, [nobody], **who)


@pytest.mark.parametrize("round_", range(4))
def test_a_withdrawal_racing_an_attachment_never_leaves_the_grant_unblocked(
    sessions: sessionmaker[Session],
    make_world: Callable[[Session], World],
    BY: SimpleNamespace,
    AT: datetime,
    round_: int,
) -> None:
    with sessions.begin() as session:
        world = make_world(session)
        kept, contested = world.grant("a"), world.grant("b", territories=["AT"])
        photo_id = world.photo(kept).id
    ready = threading.Barrier(2)
    failures: list[BaseException] = []

    def attach() -> None:
        with sessions.begin() as session:
            ready.wait(300)
            service.attach_grants(session, photo_id, [contested], by=BY.librarian, at=AT)
            session.execute(text("SELECT pg_sleep(0.05)"))

    def withdraw() -> None:
        with sessions.begin() as session:
            ready.wait(300)
            if round_ % 2:
                session.execute(text("SELECT pg_sleep(0.02)"))
            ended = licensing.withdraw_grant(session, contested, reason="gone", by=BY.compliance, at=AT)
            service.block_grants(session, ended, by=BY.compliance, at=AT)

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in (attach, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert not failures
    with sessions() as session:
        placed = ordinals(session, photo_id)
        assert bits(session, photo_id) == 1 << placed[contested]


def test_facts_pair_with_their_grants_whatever_is_attached_while_they_are_read(
    sessions: sessionmaker[Session],
    make_world: Callable[[Session], World],
    BY: SimpleNamespace,
    AT: datetime,
) -> None:
    """Ordinals and profile are of one moment: another transaction moves both between any two statements."""
    with sessions.begin() as session:
        world = make_world(session)
        grants = {code: world.grant(code.lower(), territories=[code]) for code in ("FR", "DE", "AT")}
        photo_id = world.photo(grants["FR"], grants["DE"]).id
    attached: list[bool] = []

    with sessions.begin() as session:

        @event.listens_for(session.connection(), "after_cursor_execute")
        def attach(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if not attached and "rights_profiles" in statement:
                attached.append(True)
                with sessions.begin() as other:
                    service.attach_grants(other, photo_id, [grants["AT"]], by=BY.librarian, at=AT)

        offered = service.facts_of(session, [photo_id], at=AT)[photo_id]

    assert attached
    assert {grant_id: facts.territories for grant_id, facts in offered} == {
        grants[code]: frozenset({code}) for code in ("FR", "DE")
    }
    with sessions() as session:
        placed = ordinals(session, photo_id)
        assert placed[grants["AT"]] < max(placed.values())  # the attaching did move ordinals


def test_the_app_role_can_change_rights_and_state_and_nothing_else_of_a_photo(world: World) -> None:
    photo = world.photo(world.grant("web"))

    for statement in (
        "UPDATE photos SET sha256 = sha256",
        "UPDATE segments SET area_px = area_px",
        "UPDATE descriptors SET mask = mask",
        "DELETE FROM photos",
        "DELETE FROM tombstones",
        "UPDATE tombstones SET reason = ''",
    ):
        with pytest.raises(Exception, match="permission denied"), world.session.begin_nested():
            world.session.execute(text(statement))
    assert world.session.scalar(select(func.count()).where(Photo.id == photo.id)) == 1
