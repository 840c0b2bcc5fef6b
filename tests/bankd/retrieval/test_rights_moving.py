"""Ranking under the policies of the tree, with answers that are kept: rights, rules and the clock move."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.licensing import service as licensing
from bankd.licensing.facts import use_facts
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy import service as policy
from bankd.policy.filters import filter_for
from bankd.policy.load import Bundle
from bankd.retrieval import following, rank, ranking
from synth.retrieval.descriptors import Descriptors
from synth.retrieval.resident import Work

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENDS = datetime(2027, 1, 1, tzinfo=UTC)  # of licenses that end
POLICIES = Path(__file__).parents[3] / "policies"
MOST = 200
SEGMENTS = 8  # of a photo: a few photos fill a tile of the index, and all fit into the longest answer
WAIT_S = 300.0
USE = Use.model_validate(
    {
        "purpose": "editorial", "channels": ["web"], "targeted": ["JP"], "accessible": ["JP"],
        "starts_on": "2026-06-01", "ends_on": "2026-12-31", "audience": "public",
    }
)  # fmt: skip


class House:
    """Photos of some segments of one category each, every one under a license of its own."""

    def __init__(self, database: Any, by: Any) -> None:
        self.sessions, self.by = database.sessions, by
        self.bundle = load.read(POLICIES)
        rng = np.random.Generator(np.random.Philox(4))
        self.described, self.query = drawn(rng, SEGMENTS), drawn(rng, 1)
        with self.sessions.begin() as session:
            catalog.sync_taxonomy(session, by=by, at=AT)
            policy.activate(session, self.bundle, by=by, at=AT)
            self.department = access.record_department(session, "d", by=by, at=AT).id

    def add(self, **terms: Any) -> tuple[UUID, UUID]:
        """A photo that clears, and its grant."""
        name = str(uuid4())
        with self.sessions.begin() as session:
            grant = granted(
                session, name, by=self.by, at=AT,
                **{
                    "purposes": ["editorial"], "alterations": ["crop", "recolor", "retouch", "combine"],
                    "generative": True, **terms,
                },
            )  # fmt: skip
            photo = admitted(
                session, name, [1] * SEGMENTS, [self.described], department_id=self.department,
                grant_ids=[grant.id], by=self.by, at=AT,
            )  # fmt: skip
            return photo.id, grant.id

    def withdraw(self, grant: UUID) -> None:
        with self.sessions.begin() as session:
            licensing.withdraw_grant(session, grant, reason="r", by=self.by, at=AT)
            catalog.block_grants(session, [grant], by=self.by, at=AT)

    def found(
        self,
        *,
        at: datetime = AT,
        session: Session | None = None,
        use: Use = USE,
        query: Descriptors | None = None,
        **more: Any,
    ) -> set[UUID]:
        """Photos that are ranked, under the rules that are in force."""
        if session is None:
            with self.sessions() as own:
                return self.found(at=at, session=own, use=use, query=query, **more)
        asked = filter_for(policy.active(session), "synthesize", use_facts(use, at=at))
        [row] = rank(session, asked, [1], query or self.query, **{"k": MOST, "at": at, **more})
        return {one.photo_id for one in row}

    def epoch(self) -> int:
        with self.sessions() as session:
            return log.epoch(session)


@pytest.fixture
def house(database, BY, monkeypatch) -> Iterator[House]:
    """Ranked in by its index alone."""
    monkeypatch.setattr(ranking, "RESIDENT_FROM", 0)
    monkeypatch.setattr(ranking, "reference", None)
    made = House(database, BY.compliance)
    following.follower(database.engine).build("scene")
    yield made
    following.forget(database.engine)


def test_a_kept_answer_ends_with_the_use_and_is_for_that_use_alone(house: House) -> None:
    lasting, _ = house.add()
    ending, _ = house.add(ends_on="2026-12-31")
    both = {lasting, ending}
    for at in (AT, AT + timedelta(days=3), ENDS - timedelta(milliseconds=1), AT):
        assert house.found(at=at) == both
    assert house.found(at=ENDS) == set()  # and so has the use
    after = USE.model_copy(update={"ends_on": USE.ends_on.replace(year=2027)})
    assert house.found(at=AT, use=after) == {lasting}


def test_a_kept_answer_ends_at_the_moment_that_a_license_names(house: House) -> None:
    lasting, _ = house.add()
    ending, _ = house.add(create_by="2026-08-31")
    last = datetime(2026, 9, 1, tzinfo=UTC)
    for at, photos in (
        (AT, {lasting, ending}),
        (last - timedelta(milliseconds=1), {lasting, ending}),
        (last, {lasting}),
        (last + timedelta(days=1), {lasting}),
        (AT, {lasting, ending}),
    ):
        assert house.found(at=at) == photos
    later, _ = house.add()
    assert house.found(at=last) == {lasting, later}


def test_a_kept_answer_ends_with_its_bundle(house: House) -> None:
    photo, _ = house.add()
    assert house.found() == {photo}
    stricter = Bundle.of([pair for pair in house.bundle.texts if pair[0] != "permits.cedar"])
    with house.sessions.begin() as session:
        policy.activate(session, stricter, by=house.by, at=AT)
    assert house.found() == set()
    with house.sessions.begin() as session:
        policy.activate(session, house.bundle, by=house.by, at=AT)
    assert house.found() == {photo}


def test_a_withdrawal_needs_no_new_answer(house: House, database) -> None:
    stays, _ = house.add()
    goes, grant = house.add()
    assert house.found() == {stays, goes}
    asked: list[object] = []
    answers = following.follower(database.engine)._answers
    answers._ask = lambda *of: asked.append(of)  # type: ignore[assignment, method-assign]
    house.withdraw(grant)
    assert house.found() == {stays}
    assert asked == []


@pytest.mark.parametrize(
    "how",
    ["withdrawn", "disputed", "embargoed", "erased", "capped out", "left out", "their grants left out",
     "another use", "another category", "no rule that permits", "a use that cannot be read"],
)  # fmt: skip
def test_where_nothing_clears_nothing_is_ranked_whatever_was_kept(house: House, how: str) -> None:
    held = [house.add() for _ in range(9)]  # more than a tile of rows
    photos, grants = [photo for photo, _ in held], [grant for _, grant in held]
    assert house.found(k=MOST) == {*photos}  # and so an answer is kept
    use, at, more = USE, AT, {}
    with house.sessions.begin() as session:
        who = {"by": house.by, "at": AT}
        if how == "withdrawn":
            for grant in grants:
                licensing.withdraw_grant(session, grant, reason="r", **who)
            catalog.block_grants(session, grants, **who)
        for photo in photos:
            if how == "disputed":
                catalog.dispute(session, photo, reason="r", **who)
            elif how == "embargoed":
                catalog.embargo(session, photo, until=AT + timedelta(milliseconds=1), **who)
            elif how == "erased":
                catalog.tombstone(session, photo, reason="r", **who)
        if how == "capped out":
            session.execute(text("UPDATE photos SET grant_blocks = 1"))
            log.append(session, log.Kind.GRANT_CAPPED_OUT, **who, grant=grants[0])
        if how == "no rule that permits":
            forbidding = Bundle.of([pair for pair in house.bundle.texts if pair[0] != "permits.cedar"])
            policy.activate(session, forbidding, **who)
    if how == "left out":
        more = {"without": frozenset(photos)}
    elif how == "their grants left out":
        more = {"without_grants": frozenset(grants)}
    elif how == "another use":
        use = USE.model_copy(update={"purpose": "commercial"})
    for k in (1, 7, MOST):
        work = Work()
        with house.sessions() as session:
            facts = use_facts(use, at=at)
            if how == "a use that cannot be read":
                facts = facts.model_copy(update={"sector": "fo\0od"})
            asked = filter_for(policy.active(session), "synthesize", facts)
            category = 2 if how == "another category" else 1
            rows = rank(
                session, asked, [category, category], pair(house.query), k=k, at=at, work=work, **more
            )
        assert rows == [[], []]
        assert work.rows == 0  # not one was scored


def pair(query: Descriptors) -> Descriptors:
    return query.take(np.array([0, 0]))


def test_no_answer_holds_a_photo_that_did_not_clear_at_its_epoch_while_many_write(house: House) -> None:
    """Two add and withdraw, three ask, one joins. A photo clears from its commit until it is withdrawn.

    A query sees the log up to some entry at least: what was withdrawn before that is not in
    its answer, and what was there before and was not yet withdrawn when it ended is.
    """
    lock = threading.Lock()
    added: dict[UUID, int] = {}  # photo -> an epoch that has seen it
    going: dict[UUID, int] = {}  # an epoch that has not seen its withdrawal
    gone: dict[UUID, int] = {}  # one that has
    asked: list[tuple[int, int, set[UUID]]] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def write(seed: int) -> None:
        rng = np.random.Generator(np.random.Philox(seed))
        mine: list[tuple[UUID, UUID]] = []
        for number in range(10):
            if number % 2 and mine:
                photo, grant = mine.pop(int(rng.integers(0, len(mine))))
                with lock:
                    going[photo] = house.epoch()
                house.withdraw(grant)
                with lock:
                    gone[photo] = house.epoch()
            else:
                mine.append(house.add())
                with lock:
                    added[mine[-1][0]] = house.epoch()
            wait_for_answers(2)

    def wait_for_answers(count: int) -> None:
        least, until = len(asked) + count, time.monotonic() + WAIT_S
        while len(asked) < least and not failed and time.monotonic() < until:
            time.sleep(0.002)

    def ask(step: timedelta) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            at = AT + turn * step % timedelta(days=150)  # so that moments pass, too
            with house.sessions() as session:
                before = log.epoch(session)
                photos = house.found(at=at, session=session)
            asked.append((before, house.epoch(), photos))

    def join() -> None:
        follower = following.follower(house.sessions.kw["bind"])
        while not over.wait(0.02):
            follower.join("scene")

    def safely(work: Callable[..., None], *args: Any) -> threading.Thread:
        def run() -> None:
            try:
                work(*args)
            except BaseException as error:
                failed.append(error)

        return threading.Thread(target=run)

    for days in (40, 80):  # of some the license ends while this goes on
        house.add(create_by=(AT + timedelta(days=days)).date().isoformat())
    others = [safely(ask, timedelta(hours=hours)) for hours in (0, 5, 11)] + [safely(join)]
    writers = [safely(write, seed) for seed in (1, 2)]
    for thread in (*others, *writers):
        thread.start()
    for thread in writers:
        thread.join()  # every wait of theirs has an end
    over.set()
    for thread in others:
        thread.join(WAIT_S)

    assert failed == []
    known = {*added}
    for before, after, photos in asked:
        mine = photos & known
        assert not {photo for photo in mine if gone.get(photo, before + 1) <= before}
        must = {
            photo for photo, epoch in added.items() if epoch <= before and going.get(photo, after) >= after
        }
        assert must <= mine
    assert len(gone) >= 8 and len(asked) >= 20
