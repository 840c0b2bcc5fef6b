"""A cap is never promised twice."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker

from bankd.licensing import caps, service
from bankd.licensing.errors import CapOverdrawn
from bankd.licensing.models import Grant

Record = Callable[..., Grant]


def test_what_is_reserved_and_used_together_stays_within_the_cap(session: Session, record: Record) -> None:
    grant = record(session, cap=3).id

    assert caps.reserve(session, grant, count=2)
    assert not caps.reserve(session, grant, count=2)
    assert not caps.consume(session, grant)
    assert caps.remaining(session, [grant]) == {grant: 1}
    assert caps.reserve(session, grant)
    assert not caps.reserve(session, grant)


def test_what_is_freed_can_be_reserved_again(session: Session, record: Record) -> None:
    grant = record(session, cap=1).id
    assert caps.reserve(session, grant)

    caps.free(session, grant)

    assert caps.reserve(session, grant)


def test_the_last_one_used_caps_the_grant_out(session: Session, record: Record) -> None:
    grant = record(session, cap=2).id
    caps.reserve(session, grant, count=2)
    assert service.standing(session, [grant]) == {grant: frozenset()}

    assert not caps.consume(session, grant)
    assert caps.consume(session, grant)

    assert service.standing(session, [grant]) == {grant: {"capped-out"}}


def test_a_cap_of_zero_is_spent_from_the_start(session: Session, record: Record) -> None:
    grant = record(session, cap=0).id

    assert not caps.reserve(session, grant)
    assert service.standing(session, [grant]) == {grant: {"capped-out"}}


def test_a_grant_without_a_cap_is_never_spent(session: Session, record: Record) -> None:
    grant = record(session).id

    assert caps.reserve(session, grant, count=10**9)
    assert not caps.consume(session, grant)
    caps.free(session, grant)
    assert caps.remaining(session, [grant]) == {}
    assert service.standing(session, [grant]) == {grant: frozenset()}


def test_more_than_is_reserved_is_neither_used_nor_freed(session: Session, record: Record) -> None:
    grant = record(session, cap=5).id
    caps.reserve(session, grant)

    with pytest.raises(CapOverdrawn):
        caps.consume(session, grant, count=2)
    with pytest.raises(CapOverdrawn):
        caps.free(session, grant, count=2)


def test_two_connections_cannot_both_take_the_last_one(
    sessions: sessionmaker[Session], record: Record
) -> None:
    with sessions.begin() as session:
        grant = record(session, cap=1).id
    answers: list[bool] = []

    def second() -> None:
        with sessions.begin() as session:
            answers.append(caps.reserve(session, grant))

    with sessions.begin() as session:
        assert caps.reserve(session, grant)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for what the first one does
    thread.join(30)

    assert answers == [False]


def test_many_connections_share_a_cap_exactly(sessions: sessionmaker[Session], record: Record) -> None:
    with sessions.begin() as session:
        grant: UUID = record(session, cap=20).id
    taken: list[bool] = []

    def take() -> None:
        for _ in range(10):
            with sessions.begin() as session:
                taken.append(caps.reserve(session, grant))

    threads = [threading.Thread(target=take) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (len(taken), sum(taken)) == (50, 20)
