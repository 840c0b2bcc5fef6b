"""Renewals and notice move the end of a grant, and with it what its photos may be used for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bankd.catalog import service
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.catalog.reprofiling import reprofile
from bankd.licensing import reading, renewing
from bankd.licensing.errors import NothingRenews, NoticeAlreadyGiven, NoticeInFuture

World = Any
YEARLY = {
    "starts_on": date(2026, 4, 1),
    "ends_on": date(2027, 3, 31),
    "zone": "Asia/Tokyo",
    "renewal": {"months": 12, "notice_days": 90},
    "sell_off_days": 30,
}
LAST_NOTICE = datetime(2026, 12, 31, 14, 59, tzinfo=UTC)  # a minute before midnight in Japan
A_DAY_LATER = LAST_NOTICE + timedelta(minutes=1)


def ends(world: World, photo: Photo) -> tuple[str | None, ...]:
    offered = service.facts_of(world.session, [photo.id], at=world.at)[photo.id]
    return tuple(facts.ends_at for _, facts in offered)


def renew(world: World, at: datetime) -> int:
    return reprofile(world.session, renewing.renew(world.session, by=world.by.operator, at=at))


def test_a_term_goes_on_when_notice_can_no_longer_be_given_and_takes_its_photos_along(world: World) -> None:
    photo = world.photo(world.grant("yearly", **YEARLY), world.grant("plain", ends_on=date(2026, 12, 31)))
    before = photo.profile_id
    world.withdraw(service.facts_of(world.session, [photo.id], at=world.at)[photo.id][0][0])
    blocked = {grant for grant, facts in offers(world, photo) if facts.blocks}

    assert renew(world, LAST_NOTICE) == 0
    assert renew(world, A_DAY_LATER) == 1
    assert renew(world, A_DAY_LATER) == 0

    world.session.refresh(photo)
    assert photo.profile_id != before
    assert set(ends(world, photo)) == {"2028-03-31T15:00:00.000Z", "2027-01-01T00:00:00.000Z"}
    assert {facts.sell_off_before for _, facts in offers(world, photo)} == {None, "2028-04-30T15:00:00.000Z"}
    assert {grant for grant, facts in offers(world, photo) if facts.blocks} == blocked
    for table in (Segment, Descriptor):
        rows = world.session.scalars(select(table.profile_id).where(table.photo_id == photo.id)).all()
        assert {*rows} == {photo.profile_id}


def offers(world: World, photo: Photo) -> service.Offers:
    return service.facts_of(world.session, [photo.id], at=world.at)[photo.id]


def test_notice_in_time_takes_back_a_renewal_that_nobody_knew_was_stopped(world: World) -> None:
    photo = world.photo(world.grant("yearly", **YEARLY))
    renew(world, A_DAY_LATER)
    assert ends(world, photo) == ("2028-03-31T15:00:00.000Z",)

    moved = renewing.give_notice(
        world.session, "L-1", on=date(2026, 12, 31), given_by="Agency", by=world.by.librarian,
        at=A_DAY_LATER + timedelta(days=3),
    )  # fmt: skip
    reprofile(world.session, moved)

    world.session.refresh(photo)
    assert ends(world, photo) == ("2027-03-31T15:00:00.000Z",)
    (shown,) = reading.license(world.session, "L-1").grants
    assert (shown.ends_on, shown.notice_by) == (date(2027, 3, 31), None)
    assert renew(world, A_DAY_LATER + timedelta(days=900)) == 0


def test_a_grant_recorded_long_after_its_first_term_has_the_end_that_it_has_come_to(world: World) -> None:
    old = {**YEARLY, "starts_on": date(2015, 4, 1), "ends_on": date(2016, 3, 31)}
    world.at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    photo = world.photo(world.grant("yearly", **old))

    assert ends(world, photo) == ("2027-03-31T15:00:00.000Z",)
    (shown,) = reading.license(world.session, "L-1").grants
    assert shown.notice_by == date(2026, 12, 31)


def test_notice_is_given_once_of_what_renews_and_never_ahead_of_time(world: World) -> None:
    world.grant("plain")
    who = {"given_by": "Agency", "by": world.by.librarian, "at": LAST_NOTICE}
    with pytest.raises(NothingRenews, match="license `L-1` does not renew itself"):
        renewing.give_notice(world.session, "L-1", on=date(2026, 12, 1), **who)
    world.grant("yearly", **YEARLY)
    with pytest.raises(NoticeInFuture, match="`2027-01-01`, which is still to come"):
        renewing.give_notice(world.session, "L-1", on=date(2027, 1, 1), **who)
    renewing.give_notice(world.session, "L-1", on=date(2026, 12, 31), **who)
    with pytest.raises(NoticeAlreadyGiven, match="on `2026-12-31` already"):
        renewing.give_notice(world.session, "L-1", on=date(2026, 12, 30), **who)


def test_what_was_withdrawn_does_not_renew(world: World) -> None:
    photo = world.photo(grant := world.grant("yearly", **YEARLY))
    world.withdraw(grant)

    assert renew(world, A_DAY_LATER) == 0
    assert ends(world, photo) == ("2027-03-31T15:00:00.000Z",)
