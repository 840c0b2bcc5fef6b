"""The ranking statement against the brute force over packed bits, ties included."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import false, select, true
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.catalog import service
from bankd.catalog.models import Photo, Segment
from bankd.policy.filters import Filter
from bankd.retrieval.reference import rank
from synth.retrieval import score
from synth.retrieval.descriptors import Descriptors

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATEGORIES = (1, 2, 22)
PER_PHOTO = 6
ALL = Filter("all", AT, (), true)
NONE = Filter("none", AT, (), false)


class Filled:
    """Photos with segments of random descriptors, and the same rows in memory."""

    def __init__(self, session: Session, by, *, photos: int, seed: int) -> None:
        rng = np.random.Generator(np.random.Philox(seed))
        service.sync_taxonomy(session, by=by, at=AT)
        grant = granted(session, f"L{seed}", by=by, at=AT)
        department = access.record_department(session, f"d{uuid4()}", by=by, at=AT)
        self.rows: list[tuple[str, int, int, UUID, int]] = []  # sha256, ordinal, category, photo, segment
        self.bank = drawn(rng, photos * PER_PHOTO)
        for number in range(photos):
            categories = [int(rng.choice(CATEGORIES)) for _ in range(PER_PHOTO)]
            start = number * PER_PHOTO
            photo = admitted(
                session,
                f"{seed} {number}",
                categories,
                [self.bank.take(np.arange(start, start + PER_PHOTO))],
                department_id=department.id,
                grant_ids=[grant.id],
                by=by,
                at=AT,
            )
            ids = session.scalars(
                select(Segment.id).where(Segment.photo_id == photo.id).order_by(Segment.ordinal)
            ).all()
            self.rows += [
                (photo.sha256, ordinal, categories[ordinal], photo.id, ids[ordinal])
                for ordinal in range(PER_PHOTO)
            ]

    def best(self, query: Descriptors, at: int, category: int, k: int, *, without=frozenset()):
        order = np.array(
            sorted(
                (n for n, row in enumerate(self.rows) if row[2] == category and row[3] not in without),
                key=lambda n: self.rows[n][:2],
            ),
            dtype=np.int64,
        )
        found, terms = score.top(query, at, self.bank.take(order), k)
        counts = zip(terms.im, terms.um, terms.ic, terms.uc, strict=True)
        return [(self.rows[order[n]][4], *map(int, four)) for n, four in zip(found, counts, strict=True)]


def asked(session: Session, categories, query: Descriptors, *, k: int, cleared=ALL, **more):
    rows = rank(session, cleared, categories, query, k=k, at=AT, **more)
    return [[(r.segment_id, r.im, r.um, r.ic, r.uc) for r in row] for row in rows]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), k=st.sampled_from([1, 5, 50]))
def test_sql_gives_the_rows_of_the_brute_force_in_its_order(engine, BY, seed, k) -> None:
    with Session(engine) as session, session.begin() as transaction:
        filled = Filled(session, BY.librarian, photos=8, seed=seed)
        query = drawn(np.random.Generator(np.random.Philox(seed + 1)), 4)
        categories = [1, 2, 22, 1]

        assert asked(session, categories, query, k=k) == [
            filled.best(query, at, category, k) for at, category in enumerate(categories)
        ]
        transaction.rollback()


@pytest.fixture
def filled(session: Session, BY) -> Filled:
    return Filled(session, BY.librarian, photos=6, seed=5)


@pytest.fixture
def query() -> Descriptors:
    return drawn(np.random.Generator(np.random.Philox(99)), 1)


def test_where_nothing_clears_nothing_is_ranked(session, filled, query) -> None:
    assert asked(session, [1], query, k=5, cleared=NONE) == [[]]


def test_a_photo_clears_while_a_grant_of_its_is_not_blocked(session, filled, query) -> None:
    session.query(Photo).update({"grant_blocks": 1})
    assert asked(session, [1], query, k=5) == [[]]

    session.query(Photo).update({"grant_blocks": 2})  # a grant that it does not hold
    assert asked(session, [1], query, k=5) == [filled.best(query, 0, 1, 5)]


def test_an_embargo_ends_at_its_moment(session, filled, query) -> None:
    session.query(Photo).update({"embargo_until": AT + timedelta(microseconds=1)})
    assert asked(session, [1], query, k=5) == [[]]

    session.query(Photo).update({"embargo_until": AT})
    assert asked(session, [1], query, k=5) == [filled.best(query, 0, 1, 5)]


def test_photos_left_out_are_not_ranked(session, filled, query) -> None:
    first = filled.rows[0][3]

    assert asked(session, [1], query, k=50, without=frozenset({first})) == [
        filled.best(query, 0, 1, 50, without={first})
    ]


def test_no_region_is_no_question(session, filled, query) -> None:
    assert rank(session, ALL, [], query, k=5, at=AT) == []
