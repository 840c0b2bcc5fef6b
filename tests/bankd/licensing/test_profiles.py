"""Profiles are shared by equal photos, also when two sessions make one at once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import GrantNotFound, TooManyGrants
from bankd.licensing.models import Grant, ProfileGrant, RightsProfile
from bankd.licensing.profiles import facts_for, profile_for
from bankd.licensing.terms import MUTABLE, EmbeddedRights, GrantFacts

Record = Callable[..., Grant]
SHOWN = Depictions(persons=False, model_release="not-needed", youngest="adult", property_release="not-needed")


def the_facts(session: Session, *grants: Grant) -> list[GrantFacts]:
    pairs = facts_for(session, [grant.id for grant in grants], depictions=SHOWN, embedded=EmbeddedRights())
    return [facts for _, facts in pairs]


def test_equal_photos_share_a_profile_whatever_the_grants_ids(session: Session, record: Record) -> None:
    first = the_facts(session, record(session, "L-1"), record(session, "L-1", "print", channels=["print"]))
    second = the_facts(session, record(session, "L-3", "print", channels=["print"]), record(session, "L-2"))

    assert profile_for(session, first).id == profile_for(session, list(reversed(second))).id


def test_the_columns_say_what_the_facts_say(session: Session, record: Record) -> None:
    facts = the_facts(
        session,
        record(session, create_by="2026-12-31", max_copies=7, share_alike="CC-BY-SA-4.0"),
        record(session, "L-2", territories="WORLD", ends_on=None, credit={"text": "© Ada"}),
    )

    profile = profile_for(session, facts)

    rows = session.scalars(
        select(ProfileGrant)
        .where(ProfileGrant.profile_id == profile.id)
        .order_by(ProfileGrant.ordinal)
        .execution_options(populate_existing=True)
    ).all()
    assert len(rows) == 2
    assert [GrantFacts.model_validate({**facts, "blocks": []}) for facts in profile.facts] == facts
    for row, expected in zip(rows, facts, strict=True):
        for name in GrantFacts.model_fields.keys() - MUTABLE:
            stored, wanted = getattr(row, name), getattr(expected, name)
            if isinstance(stored, datetime):
                stored = stored.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            assert (frozenset(stored) if isinstance(stored, list) else stored) == wanted, name


def test_every_fact_but_those_of_the_day_has_a_column() -> None:
    columns = {column.name for column in ProfileGrant.__table__.columns}

    assert columns == GrantFacts.model_fields.keys() - MUTABLE | {"profile_id", "ordinal"}


def test_a_photo_with_no_grant_has_a_profile_that_clears_nothing(session: Session) -> None:
    assert profile_for(session, []).facts == []


def test_a_release_narrows_the_facts_of_a_photo(session: Session, record: Record) -> None:
    grant = record(session)
    (pair,) = facts_for(session, [grant.id], depictions=Depictions(), embedded=EmbeddedRights())

    assert pair[0] == grant.id
    assert (pair[1].persons, pair[1].property_release) == ("unknown", "unknown")


def test_facts_of_a_grant_that_is_not_recorded(session: Session) -> None:
    with pytest.raises(GrantNotFound):
        facts_for(session, [uuid4()], depictions=SHOWN, embedded=EmbeddedRights())


def test_a_64th_grant_is_refused(session: Session, record: Record) -> None:
    facts = the_facts(session, record(session))[0]

    with pytest.raises(TooManyGrants):
        profile_for(session, [facts.model_copy(update={"max_copies": number}) for number in range(64)])


def test_two_sessions_with_the_same_new_facts_get_the_same_profile(
    sessions: sessionmaker[Session], record: Record
) -> None:
    with sessions.begin() as session:
        facts = the_facts(session, record(session))
    found: list[int] = []
    both = threading.Barrier(2, timeout=300)

    def one() -> None:
        with sessions.begin() as session:
            session.scalar(select(1))
            both.wait()
            found.append(profile_for(session, facts).id)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    with sessions.begin() as session:
        assert found[0] == found[1]
        assert len(session.scalars(select(RightsProfile)).all()) == 1
        assert len(session.scalars(select(ProfileGrant)).all()) == 1


def test_a_session_waits_for_the_profile_that_another_is_making(
    sessions: sessionmaker[Session], record: Record
) -> None:
    with sessions.begin() as session:
        facts = the_facts(session, record(session))
    found: list[int] = []

    def second() -> None:
        with sessions.begin() as session:
            found.append(profile_for(session, facts).id)

    with sessions.begin() as session:
        made = profile_for(session, facts).id
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(300)

    assert found == [made]
