"""A cap is never promised twice."""

import os
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bankd.licensing import caps, service
from bankd.licensing.errors import CapOverdrawn
from bankd.licensing.models import Grant, GrantCounter

Record = Callable[..., Grant]
AT = datetime(2026, 6, 1, tzinfo=UTC)


def reserve(session: Session, grant: UUID, *, count: int = 1) -> bool:
    return not caps.reserve(session, {(grant, "seal"): count}, at=AT)


def consume(session: Session, grant: UUID, *, count: int = 1) -> caps.Spent:
    return caps.consume(session, {(grant, "seal"): count}, reserved_at=AT)


def test_what_is_reserved_and_used_together_stays_within_the_cap(session: Session, record: Record) -> None:
    grant = record(session, cap=3).id

    assert reserve(session, grant, count=2)
    assert not reserve(session, grant, count=2)
    assert not consume(session, grant).last
    assert caps.remaining(session, [grant]) == {grant: 1}
    assert reserve(session, grant)
    assert not reserve(session, grant)


def test_what_is_freed_can_be_reserved_again(session: Session, record: Record) -> None:
    grant = record(session, cap=1).id
    assert reserve(session, grant)

    caps.free(session, {(grant, "seal"): 1}, reserved_at=AT)

    assert reserve(session, grant)


def test_the_last_one_used_caps_the_grant_out(session: Session, record: Record) -> None:
    grant = record(session, cap=2).id
    reserve(session, grant, count=2)
    assert service.standing(session, [grant]) == {grant: frozenset()}

    assert consume(session, grant) == caps.Spent(before={(grant, "seal"): 0})
    assert consume(session, grant) == caps.Spent(
        before={(grant, "seal"): 1}, last=frozenset({(grant, "seal")})
    )

    assert service.standing(session, [grant]) == {grant: {"capped-out"}}


def test_a_cap_of_zero_is_spent_from_the_start(session: Session, record: Record) -> None:
    grant = record(session, cap=0).id

    assert not reserve(session, grant)
    assert service.standing(session, [grant]) == {grant: {"capped-out"}}


def test_a_grant_without_a_cap_is_never_spent(session: Session, record: Record) -> None:
    grant = record(session).id

    assert reserve(session, grant, count=10**9)
    assert not consume(session, grant).last
    caps.free(session, {(grant, "seal"): 1}, reserved_at=AT)
    assert caps.remaining(session, [grant]) == {}
    assert service.standing(session, [grant]) == {grant: frozenset()}


def test_more_than_is_reserved_is_neither_used_nor_freed(session: Session, record: Record) -> None:
    grant = record(session, cap=5).id
    reserve(session, grant)

    with pytest.raises(CapOverdrawn):
        consume(session, grant, count=2)
    with pytest.raises(CapOverdrawn):
        caps.free(session, {(grant, "seal"): 2}, reserved_at=AT)


def test_of_several_caps_all_must_have_room_or_nothing_is_promised(session: Session, record: Record) -> None:
    roomy, tight = record(session, "L-1", cap=9).id, record(session, "L-2", cap=1).id
    wanted = {(roomy, "seal"): 2, (tight, "seal"): 2}

    assert caps.reserve(session, wanted, at=AT) == {(tight, "seal")}
    assert caps.remaining(session, [roomy, tight]) == {roomy: 9, tight: 1}


def test_a_quota_begins_anew_with_the_month_of_the_grants_zone(session: Session, record: Record) -> None:
    grant = record(session, zone="Asia/Tokyo", caps=[{"trigger": "seal", "most": 2, "per": "month"}]).id
    june = datetime(2026, 6, 30, 14, 59, tzinfo=UTC)  # 23:59 in Tokyo
    wanted = {(grant, "seal"): 2}

    assert not caps.reserve(session, wanted, at=june)
    assert caps.reserve(session, wanted, at=june) == {(grant, "seal")}
    assert caps.short(session, places=1, at=june) == {grant}
    assert not caps.reserve(session, wanted, at=june + timedelta(minutes=1))
    spent = caps.consume(session, wanted, reserved_at=june)

    assert spent.last == frozenset()  # no month's end takes photos out of the bank
    rows = {row.period: (row.reserved, row.used) for row in session.scalars(select(GrantCounter))}
    assert rows == {"": (0, 0), "2026-06": (0, 2), "2026-07": (2, 0)}
    assert caps.short(session, places=1, at=june + timedelta(days=40)) == frozenset()


def test_quotas_and_the_cap_of_the_whole_term_count_together(session: Session, record: Record) -> None:
    quotas = [{"trigger": "seal", "most": 2, "per": per} for per in ("month", "quarter", "year")]
    grant = record(session, cap=3, zone="UTC", caps=quotas).id

    assert not caps.take(session, {(grant, "seal"): 2}, at=AT).full
    assert caps.take(session, {(grant, "seal"): 1}, at=AT).full
    assert caps.take(session, {(grant, "seal"): 1}, at=AT + timedelta(days=366)).last == {(grant, "seal")}
    periods = {row.period for row in session.scalars(select(GrantCounter))}
    assert periods == {"", "2026-06", "2026-Q2", "2026", "2027-06", "2027-Q2", "2027"}


def test_what_happened_beyond_a_cap_is_counted_apart(session: Session, record: Record) -> None:
    grant = record(session, caps=[{"trigger": "copies", "most": 100}]).id
    wanted = {(grant, "copies"): 70}

    assert caps.take(session, wanted, at=AT).before == {(grant, "copies"): 0}
    assert caps.take(session, wanted, at=AT).full == {(grant, "copies")}
    spent = caps.take(session, wanted, at=AT, beyond=True)

    assert (spent.before, spent.over) == ({(grant, "copies"): 70}, {(grant, "copies"): 40})
    counter = session.scalars(select(GrantCounter)).one()
    assert (counter.used, counter.over) == (100, 40)
    assert caps.short(session, places=1, at=AT) == {grant}  # a picture on it could not be published
    assert service.standing(session, [grant]) == {grant: frozenset()}


def test_what_was_taken_can_be_given_back_in_the_same_transaction(session: Session, record: Record) -> None:
    grant = record(session, caps=[{"trigger": "handout", "most": 1}]).id
    wanted = {(grant, "handout"): 1}

    assert not caps.take(session, wanted, at=AT).full
    caps.give_back(session, wanted, taken_at=AT)
    assert not caps.take(session, wanted, at=AT).full
    with pytest.raises(CapOverdrawn):
        caps.give_back(session, {(grant, "handout"): 2}, taken_at=AT)


def test_tiers_are_counted_where_there_is_no_cap(session: Session, record: Record) -> None:
    fee = {"trigger": "seal", "amount_minor": 9, "tiers": [{"above": 2, "amount_minor": 7}]}
    grant = record(session, currency="JPY", fees=[fee]).id

    befores = [
        caps.take(session, {(grant, "seal"): count}, at=AT).before[(grant, "seal")] for count in (1, 5, 1)
    ]

    assert befores == [0, 1, 6]
    assert caps.short(session, places=10**6, at=AT) == frozenset()
    assert service.standing(session, [grant]) == {grant: frozenset()}


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"cap": -1}, "greater than or equal to 0"),
        ({"caps": [{"trigger": "seal", "most": -1}]}, "greater than or equal to 0"),
        ({"cap": 1, "caps": [{"trigger": "seal", "most": 2}]}, "the cap on `seal` per term is stated twice"),
        ({"fees": [{"trigger": "seal", "amount_minor": 1}]}, "a fee needs its `currency`"),
        ({"fee_minor": 1, "currency": "JPX"}, "unknown currency `JPX`"),
    ],
)
def test_a_cap_or_fee_that_cannot_be_meant_is_refused(
    session: Session, record: Record, terms: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        record(session, **terms)


def test_two_connections_cannot_both_take_the_last_one(
    sessions: sessionmaker[Session], record: Record
) -> None:
    with sessions.begin() as session:
        grant = record(session, cap=1).id
    answers: list[bool] = []

    def second() -> None:
        with sessions.begin() as session:
            answers.append(reserve(session, grant))

    with sessions.begin() as session:
        assert reserve(session, grant)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for what the first one does
    thread.join(300)

    assert answers == [False]


def test_many_connections_share_caps_exactly_whatever_they_count(
    sessions: sessionmaker[Session], record: Record
) -> None:
    """Several triggers, grants and periods at once, in any order: none overdrawn, none lost, no deadlock."""
    counted = ("seal", "handout", "publication", "copies")
    limits = [
        {"trigger": trigger, "most": most, "per": per}
        for trigger in counted
        for per, most in (("month", 12), ("term", 20))
    ]
    with sessions.begin() as session:
        grants = [record(session, f"L-{n}", zone="UTC", caps=limits).id for n in range(3)]
    tries = int(os.environ.get("BANKD_CAP_TRIES", "25"))
    spent: list[dict[caps.Key, int]] = []
    failed: list[BaseException] = []

    def use(seed: int) -> None:
        draw = random.Random(seed)
        try:
            for _ in range(tries):
                wanted = {
                    (grant, trigger): draw.randint(1, 3)
                    for grant in draw.sample(grants, 2)
                    for trigger in draw.sample(counted, 2)
                }
                at = AT + timedelta(days=31 * draw.randint(0, 2))
                way = draw.choice(("take", "consume", "free"))
                with sessions.begin() as session:
                    if way == "take":
                        full = caps.take(session, wanted, at=at).full
                    else:
                        full = caps.reserve(session, wanted, at=at)
                if full:
                    continue
                with sessions.begin() as session:
                    if way == "consume":
                        caps.consume(session, wanted, reserved_at=at)
                    elif way == "free":
                        caps.free(session, wanted, reserved_at=at)
                if way != "free":
                    spent.append(wanted)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert not failed
    with sessions() as session:
        rows = session.scalars(select(GrantCounter)).all()
    assert all(row.reserved == row.over == 0 and row.used <= row.cap for row in rows)
    for grant in grants:
        for trigger in counted:
            told = sum(one.get((grant, trigger), 0) for one in spent)
            mine = [row for row in rows if (row.grant_id, row.trigger) == (grant, trigger)]
            assert sum(row.used for row in mine if row.per == "term") == told
            assert sum(row.used for row in mine if row.per == "month") == told
    assert any(row.used == row.cap for row in rows)
