"""The resident index against the ranking statement, while what it holds moves."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.audit import log
from bankd.catalog import service
from bankd.catalog.models import Photo, PhotoGrant
from bankd.licensing import service as licensing
from bankd.licensing.models import ProfileGrant
from bankd.policy.filters import Filter
from bankd.retrieval import following, rank, ranking, reference
from bankd.retrieval.following import Follower
from synth.retrieval.resident import Work

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATEGORIES = (1, 2, 22)
CHANNELS = ("web", "print", "social")
PER_PHOTO = 4
WAIT_S = 300.0


def cleared_for(channels: tuple[str, ...], *, of: tuple[int, ...] | None = None) -> Filter:
    """Profiles, all or of these, with the grants that name one of these channels."""
    named = ProfileGrant.channels.op("&&")(list(channels))
    allows = named if of is None else and_(named, ProfileGrant.profile_id.in_(of))
    return Filter((channels, of), AT, (), lambda: allows)


class Living:
    """A bank that changes, one committed transaction after another."""

    def __init__(self, sessions: Callable[[], Session], by, seed: int) -> None:
        self.sessions = sessions
        self.by = by
        self.rng = np.random.Generator(np.random.Philox(seed))
        self.photos: list[UUID] = []
        self.grants: list[UUID] = []
        with sessions.begin() as session:
            service.sync_taxonomy(session, by=by, at=AT)
            self.department = access.record_department(session, "d", by=by, at=AT).id
        for _ in range(3):
            self.grant()

    def change(self, what: str) -> None:
        getattr(self, what)()

    def grant(self) -> None:
        channels = self.rng.choice(CHANNELS, self.rng.integers(1, 3), replace=False).tolist()
        with self.sessions.begin() as session:
            grant = granted(session, f"L{len(self.grants)}", channels=channels, by=self.by, at=AT)
            self.grants.append(grant.id)

    def admit(self) -> None:
        held = self.rng.choice(len(self.grants), self.rng.integers(0, 3), replace=False)
        with self.sessions.begin() as session:
            photo = admitted(
                session,
                str(uuid4()),
                self.rng.choice(CATEGORIES, PER_PHOTO).tolist(),
                [drawn(self.rng, PER_PHOTO), drawn(self.rng, PER_PHOTO, "box")],
                department_id=self.department,
                grant_ids=[self.grants[number] for number in held],
                by=self.by,
                at=AT,
            )
            self.photos.append(photo.id)

    def attach(self) -> None:
        self._on_photo(
            lambda session, photo: service.attach_grants(
                session, photo.id, [self._one(self.grants)], by=self.by, at=AT
            )
        )

    def withdraw(self) -> None:
        with self.sessions.begin() as session:
            grant = self._one(self.grants)
            if not licensing.standing(session, [grant])[grant]:
                licensing.withdraw_grant(session, grant, reason="r", by=self.by, at=AT)
                service.block_grants(session, [grant], by=self.by, at=AT)
        self.grant()

    def dispute(self) -> None:
        def turn(session: Session, photo: Photo) -> None:
            act = service.dispute if photo.disputed_at is None else service.lift_dispute
            act(session, photo.id, reason="r", by=self.by, at=AT)

        self._on_photo(turn)

    def embargo(self) -> None:
        until = [None, AT - timedelta(microseconds=1), AT, AT + timedelta(microseconds=1)]
        self._on_photo(
            lambda session, photo: service.embargo(
                session, photo.id, until=self._one(until), by=self.by, at=AT
            )
        )

    def erase(self) -> None:
        self._on_photo(
            lambda session, photo: service.tombstone(session, photo.id, reason="r", by=self.by, at=AT)
        )

    def _on_photo(self, act: Callable[[Session, Photo], object]) -> None:
        with self.sessions.begin() as session:
            photo = session.get(Photo, self._one(self.photos)) if self.photos else None
            if photo is not None and photo.state != "erased":
                act(session, photo)

    def _one(self, of: list):
        return of[int(self.rng.integers(0, len(of)))]


CHANGES = ("admit", "admit", "admit", "attach", "withdraw", "dispute", "embargo", "erase", "grant")


@pytest.fixture
def engine(database, monkeypatch) -> Iterator:
    """A database that is ranked in by its index alone, unless a test says otherwise."""
    monkeypatch.setattr(ranking, "RESIDENT_FROM", 0)
    yield database.engine
    following.forget(database.engine)


@pytest.fixture
def living(engine, sessions, BY) -> Living:
    return Living(sessions, BY.librarian, seed=1)


@pytest.fixture
def index_alone(monkeypatch) -> None:
    monkeypatch.setattr(ranking, "reference", None)


@settings(
    max_examples=16,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(st.sampled_from(CHANGES), max_size=5),
    k=st.sampled_from([1, 3, 200]),
    channels=st.lists(st.sampled_from(CHANNELS), unique=True, max_size=2).map(tuple),
    photos_out=st.integers(0, 3),
    grants_out=st.integers(0, 3),
    join=st.booleans(),
    frame=st.sampled_from(["scene", "box"]),
    seconds=st.sampled_from([-1, 0, 1]),
)
def test_the_index_gives_the_rows_of_the_statement_whatever_changed(
    engine, living, index_alone, changes, k, channels, photos_out, grants_out, join, frame, seconds
) -> None:
    """One bank lives through all the examples."""
    follower = following.follower(engine)
    follower.build(frame)
    for change in changes:
        living.change(change)
    if join:
        follower.join(frame)
    rng = living.rng
    query = drawn(rng, 4, frame)
    categories = [1, 22, 1, 2]
    asked = {
        "k": k,
        "at": AT + timedelta(microseconds=seconds),
        "without": frozenset(living._one(living.photos) for _ in range(photos_out) if living.photos),
        "without_grants": frozenset(living._one(living.grants) for _ in range(grants_out)),
    }
    with living.sessions() as session:
        cleared = cleared_for(channels)
        expected = reference.rank(session, cleared, categories, query, **asked)
        assert rank(session, cleared, categories, query, **asked) == expected
        # Once more from what is kept.
        assert rank(session, cleared, categories, query, **asked) == expected


def test_a_change_that_commits_late_is_seen_when_it_commits(engine, living, index_alone) -> None:
    for _ in range(4):
        living.admit()
    follower = following.follower(engine)
    follower.build("scene")
    cleared, query = cleared_for(CHANNELS), drawn(living.rng, 1)

    def photos() -> set[UUID]:
        with living.sessions() as session:
            [found] = rank(session, cleared, [1], query, k=200, at=AT)
            [expected] = reference.rank(session, cleared, [1], query, k=200, at=AT)
            assert found == expected
            return {one.photo_id for one in found}

    while not photos():
        living.admit()
    held = min(photos())
    with living.sessions() as late, late.begin():
        service.dispute(late, held, reason="r", by=living.by, at=AT)
        living.admit()  # commits first, and is followed
        assert held in photos()
    assert held not in photos()


def test_no_answer_holds_what_was_not_cleared_at_its_moment(engine, living) -> None:
    """Readers, a joiner and one who changes things at once; history says what cleared when."""
    for _ in range(10):
        living.admit()
    follower = following.follower(engine)
    follower.build("scene")
    cleared, query = cleared_for(("web",)), drawn(living.rng, 3)
    history: dict[int, list[set[UUID]]] = {}
    answers: list[tuple[int, list[set[UUID]]]] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def remember() -> int:
        with living.sessions() as session:
            rows = reference.rank(session, cleared, CATEGORIES, query, k=200, at=AT)
            epoch = log.epoch(session)
        history[epoch] = [{one.segment_id for one in row} for row in rows]
        return epoch

    def read() -> None:
        try:
            while not over.wait(0.002):
                with living.sessions() as session:
                    before = log.epoch(session)
                    index = follower.index("scene", epoch=before)
                    clears = follower.clears(cleared, index)
                assert index.moment.epoch >= before
                rows = index.rank(CATEGORIES, query, clears, k=200, at_us=int(AT.timestamp() * 10**6))
                answers.append((index.moment.epoch, [{one.segment_id for one in row} for row in rows]))
        except BaseException as error:
            failed.append(error)

    def join() -> None:
        try:
            while not over.wait(0.01):
                follower.join("scene")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for work in (read, read, join)]
    remember()
    for thread in threads:
        thread.start()
    try:
        for number in range(18):
            living.change(("admit", "dispute", "withdraw", "attach", "embargo", "erase")[number % 6])
            epoch = remember()
            until = time.monotonic() + WAIT_S
            while (not answers or answers[-1][0] < epoch) and not failed and time.monotonic() < until:
                time.sleep(0.001)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failed == []
    # A change of two transactions has a moment between them that nobody wrote down.
    known = [(epoch, rows) for epoch, rows in answers if epoch in history]
    assert len({epoch for epoch, _ in known}) >= 8
    for epoch, rows in known:
        assert rows == history[epoch]


def test_where_nothing_clears_nothing_is_found_and_nothing_is_read(engine, living, index_alone) -> None:
    for _ in range(6):
        living.admit()
    following.follower(engine).build("scene")
    work = Work()
    with living.sessions() as session:
        nothing = cleared_for(CHANNELS, of=())
        assert rank(session, nothing, [1, 2], drawn(living.rng, 2), k=5, at=AT, work=work) == [[], []]
    assert (work.spans, work.tiles, work.rows) == (0, 0, 0)


def test_of_what_does_not_clear_no_row_is_scored(engine, living, index_alone) -> None:
    for _ in range(12):
        living.admit()
    following.follower(engine).build("scene")
    work = Work()
    with living.sessions() as session:
        profile = session.scalar(select(func.min(Photo.profile_id)))
        one = cleared_for(CHANNELS, of=(profile,))
        [found] = rank(session, one, [1], drawn(living.rng, 1), k=200, at=AT, work=work)
        profiles = set(
            session.scalars(select(Photo.profile_id).where(Photo.id.in_({row.photo_id for row in found})))
        )
    assert work.rows == len(found)  # as many were asked for as there can be, so each was scored, and no other
    assert profiles <= {profile}


def test_a_session_sees_what_it_has_written_itself(engine, living) -> None:
    following.follower(engine).build("scene")
    with living.sessions() as session:
        photo = admitted(
            session, "own", [1], [drawn(living.rng, 1)], department_id=living.department,
            grant_ids=living.grants, by=living.by, at=AT,
        )  # fmt: skip
        [found] = rank(session, cleared_for(CHANNELS), [1], drawn(living.rng, 1), k=5, at=AT)
        assert [one.photo_id for one in found] == [photo.id]
        session.rollback()


def test_a_small_bank_keeps_no_index(database, sessions, BY) -> None:
    living = Living(sessions, BY.librarian, seed=2)
    living.admit()
    with sessions() as session:
        rank(session, cleared_for(CHANNELS), [1], drawn(living.rng, 1), k=5, at=AT)
    assert database.engine not in following._followers


def test_the_index_is_built_beside_the_first_queries_and_follows_without_any(engine, living) -> None:
    living.admit()
    cleared, query = cleared_for(CHANNELS), drawn(living.rng, 1)
    with living.sessions() as session:
        expected = reference.rank(session, cleared, [1], query, k=5, at=AT)
        assert rank(session, cleared, [1], query, k=5, at=AT) == expected
    follower = following.follower(engine)
    held = waited_for(lambda: follower._indexes.get("scene"))
    living.admit()
    with living.sessions() as session:
        epoch = log.epoch(session)
    assert held.moment.epoch < epoch
    assert waited_for(lambda: follower._indexes["scene"].moment.epoch >= epoch)


def waited_for(what: Callable[[], object]):
    until = time.monotonic() + WAIT_S
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_pieces_stay_few_while_photos_come_in(engine, living, index_alone) -> None:
    follower = following.follower(engine)
    follower.build("scene")
    for _ in range(24):
        living.admit()
        with living.sessions() as session:
            index = follower.index("scene", epoch=log.epoch(session))
        follower.join("scene")
    pieces = [len(piece.part) for piece in follower._indexes["scene"].pieces]
    assert len(pieces) <= 5
    assert sum(pieces) == len(index)


def test_a_database_of_another_server_is_no_change(database, engine, living, index_alone) -> None:
    """A dump carries numbers of transactions that its new server has not given yet."""
    living.admit()
    with database.owner_engine.begin() as owner:
        owner.exec_driver_sql("ALTER TABLE photos DISABLE TRIGGER photos_written")
        owner.exec_driver_sql("UPDATE photos SET last_xid = last_xid + 1000000000")
        owner.exec_driver_sql("ALTER TABLE photos ENABLE TRIGGER photos_written")
    follower: Follower = following.follower(engine)
    built = follower.build("scene")
    living.grant()
    with living.sessions() as session:
        index = follower.index("scene", epoch=log.epoch(session))
        assert index.moment != built.moment and index.pieces == built.pieces
        held = session.scalars(select(PhotoGrant.photo_id)).all()
    if held:
        with living.sessions.begin() as session:
            service.dispute(session, held[0], reason="r", by=living.by, at=AT)
        with living.sessions() as session:
            assert follower.index("scene", epoch=log.epoch(session)).pieces != built.pieces
