"""What is kept of an answer is what asking anew would say: past every moment, for every profile and use."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from grants_drawn import MOMENTS, Row, drawn_rows, stored
from sqlalchemy import Column, Engine, MetaData, Table, event
from sqlalchemy.orm import sessionmaker

from bankd.licensing.days import instant
from bankd.licensing.models import ProfileGrant
from bankd.policy import answers
from bankd.policy.answers import Answers
from bankd.policy.filters import Filter, filter_for
from bankd.policy.load import Bundle

Facts = Callable[..., dict[str, Any]]
WAIT_S = 300.0


class Profiles:
    """Rights profiles that come in, one committed lot after another."""

    def __init__(self, sessions: sessionmaker, table: Table, whole: dict[str, Any], seed: int) -> None:
        self.sessions, self.table, self.whole = sessions, table, whole
        self.chance = random.Random(seed)
        self.count = 0

    def add(self, count: int) -> None:
        rows = drawn_rows(self.chance, self.whole, count)
        with self.sessions.begin() as session:
            stored(session, self.table, [Row(self.count + r.profile_id, r.ordinal, r.facts) for r in rows])
        self.count += count

    def some(self) -> np.ndarray:
        return np.array(sorted(self.chance.sample(range(self.count), self.count // 2)), np.int64)


@pytest.fixture
def table(database) -> Table:
    columns = [Column(column.name, column.type) for column in ProfileGrant.__table__.c]
    table = Table("profile_grants_drawn", MetaData(), *columns)
    table.create(database.owner_engine)
    with database.owner_engine.begin() as owner:
        owner.exec_driver_sql("GRANT SELECT, INSERT ON profile_grants_drawn TO bankd_app")
    return table


@pytest.fixture
def profiles(database, table: Table, a_grant: Facts) -> Profiles:
    made = Profiles(database.sessions, table, a_grant(), seed=3)
    made.add(60)
    return made


@pytest.fixture
def asked(bundle: Bundle, a_use: Facts, table: Table) -> Callable[..., Filter]:
    def filtered(at: datetime, *, under: Bundle = bundle, **other: Any) -> Filter:
        return filter_for(under, "synthesize", a_use(now=instant(at), **other), source=table)

    return filtered


@pytest.fixture
def statements(database) -> Iterator[list[str]]:
    """What the app asks Postgres, as it goes on."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def anew(engine: Engine, asked: Filter, profiles: np.ndarray) -> list[int]:
    with engine.connect() as connection:
        masks = {row.profile_id: row.mask for row in connection.execute(asked.profiles)}
    return [masks.get(profile, 0) for profile in profiles.tolist()]


JUNE = datetime.fromisoformat("2026-06-01T03:00:00.000+00:00")
ALL_MOMENTS = sorted(
    datetime.fromisoformat(moment) + timedelta(milliseconds=ms) for moment in MOMENTS for ms in (-1, 0, 1)
)


@pytest.mark.parametrize("few", [0, 1000], ids=["all at once", "by number"])
def test_kept_answers_are_those_that_asking_anew_would_give(
    database, profiles, asked, bundle, monkeypatch, few
) -> None:
    """The clock goes on, and now and then back; profiles come in; two uses and two bundles take turns."""
    monkeypatch.setattr(answers, "FEW", few)
    old, new = "context.now < resource.ends_at", "context.now <= resource.ends_at"
    lasting = Bundle.of([(name, text.replace(old, new)) for name, text in bundle.texts])
    kept = Answers(database.engine)
    chance = profiles.chance
    arrays = [profiles.some()]
    different = set()
    for step, moment in enumerate(ALL_MOMENTS):
        if step % 3 == 0:
            profiles.add(5)
            arrays.append(np.arange(profiles.count, dtype=np.int64))
            arrays.append(profiles.some())
        for at in (moment, chance.choice(ALL_MOMENTS)):
            one = asked(
                at, under=chance.choice([bundle, lasting]), **chance.choice([{}, {"sector": "travel"}])
            )
            for array in chance.sample(arrays, 2):
                masks = kept.masks(one, array).tolist()
                assert masks == anew(database.engine, one, array)
                different.add(tuple(masks))
    assert len(different) > 20


def test_what_is_kept_is_not_asked_again(database, profiles, asked, statements) -> None:
    kept = Answers(database.engine)
    array = profiles.some()
    first = kept.masks(asked(JUNE), array)
    assert len(statements) == 1  # what clears, and until when
    later = asked(JUNE + timedelta(milliseconds=2))
    kept.masks(later, array)
    again = kept.masks(asked(JUNE + timedelta(days=1)), array)
    assert again is kept.masks(asked(JUNE + timedelta(days=2)), array)
    del statements[:]
    assert kept.masks(asked(JUNE + timedelta(days=3)), array) is again
    assert statements == []
    assert again.tolist() == anew(database.engine, later, array) and first.tolist() != []


def test_new_profiles_alone_are_asked_about(database, profiles, asked, statements) -> None:
    kept = Answers(database.engine)
    at = JUNE + timedelta(days=1)
    kept.masks(asked(at), np.arange(profiles.count, dtype=np.int64))
    profiles.add(3)
    everything = np.arange(profiles.count, dtype=np.int64)
    del statements[:]
    asked_about: list[list[int]] = []
    ask = kept._ask
    kept._ask = lambda one, array: asked_about.append(array.tolist()) or ask(one, array)  # type: ignore[method-assign]
    kept.masks(asked(at), everything)
    kept.masks(asked(at), everything)
    assert asked_about == [everything[-3:].tolist()]
    assert len(statements) == 1


def test_past_a_moment_only_whom_it_belongs_to_is_asked_again(database, table, a_grant, asked) -> None:
    with database.sessions.begin() as session:
        ends = {1: "2026-08-02T00:00:00.000Z", 2: "2026-08-03T00:00:00.000Z", 3: None}
        stored(session, table, [Row(n, 0, a_grant(ends_at=at)) for n, at in ends.items()])
    kept = Answers(database.engine)
    array = np.array([1, 2, 3], np.int64)
    assert kept.masks(asked(JUNE), array).tolist() == [1, 1, 1]
    asked_about: list[list[int]] = []
    ask = kept._ask
    kept._ask = lambda one, array: asked_about.append(array.tolist()) or ask(one, array)  # type: ignore[method-assign]
    second = datetime.fromisoformat("2026-08-02T00:00:00.000+00:00")
    period = {"starts_at": "2026-06-01T00:00:00.000Z", "ends_at": "2026-12-01T00:00:00.000Z"}
    for at, masks in ((JUNE, [0, 0, 1]), (second, [0, 0, 1])):
        assert kept.masks(asked(at, **period), array).tolist() == masks
    assert asked_about == [[1, 2, 3], [1]]


def test_an_answer_ends_at_the_moment_and_not_a_tick_later(database, table, a_grant, asked) -> None:
    ends = datetime.fromisoformat("2026-08-02T00:00:00.000+00:00")
    with database.sessions.begin() as session:
        stored(session, table, [Row(1, 0, a_grant(embedded_ends_at=instant(ends)))])
    kept = Answers(database.engine)
    array = np.array([1], np.int64)
    use = {"starts_at": "2026-06-01T00:00:00.000Z", "ends_at": "2026-08-01T00:00:00.000Z"}
    last = ends - timedelta(milliseconds=1)
    long_over = {**use, "ends_at": "2026-08-02T00:00:00.000Z"}
    assert kept.masks(asked(JUNE, **long_over), array).tolist() == [1]
    assert kept.masks(asked(last, **long_over), array).tolist() == [1]
    assert kept.masks(asked(ends, **long_over), array).tolist() == [0]
    assert kept.masks(asked(last, **long_over), array).tolist() == [1]  # who asks late is answered for then


def test_another_bundle_is_another_answer(database, profiles, asked, bundle) -> None:
    kept = Answers(database.engine)
    array = np.arange(profiles.count, dtype=np.int64)
    assert any(kept.masks(asked(JUNE), array).tolist())
    nothing = Bundle.of([pair for pair in bundle.texts if pair[0] != "permits.cedar"])
    assert not any(kept.masks(asked(JUNE, under=nothing), array).tolist())
    assert any(kept.masks(asked(JUNE), array).tolist())


def test_no_more_answers_are_kept_than_that(database, profiles, asked) -> None:
    kept = Answers(database.engine)
    for number in range(answers.KEPT + 3):
        kept.masks(asked(JUNE, sector=f"sector-{number}"), profiles.some())
    assert len(kept._kept) == answers.KEPT
    for _ in range(answers.LAID + 5):
        kept.masks(asked(JUNE), profiles.some())
    assert all(len(one.laid) <= answers.LAID for one in kept._kept.values())


def test_many_ask_at_once_at_different_moments_while_profiles_come_in(database, profiles, asked) -> None:
    kept = Answers(database.engine)
    lots = [profiles.some()]
    failed: list[object] = []
    over = threading.Event()

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        try:
            while not over.is_set():
                one = asked(chance.choice(ALL_MOMENTS))
                array = chance.choice(lots)
                masks = kept.masks(one, array).tolist()
                if masks != anew(database.engine, one, array):
                    failed.append((one.now, array))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            profiles.add(4)
            lots.append(np.arange(profiles.count, dtype=np.int64))
            lots.append(profiles.some())
            over.wait(0.1)
    finally:
        over.set()
        for thread in threads:
            thread.join(WAIT_S)
    assert failed == []
