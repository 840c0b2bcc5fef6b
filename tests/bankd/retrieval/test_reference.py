"""The ranking statement against the brute force over packed bits, ties included."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.catalog import admission, service
from bankd.catalog.admission import DescriptorFacts, PhotoFacts, SegmentFacts
from bankd.catalog.models import Photo, Segment
from bankd.licensing import service as licensing
from bankd.licensing.models import ProfileGrant
from bankd.licensing.terms import Depictions, EmbeddedRights, GrantTerms
from bankd.retrieval import rank
from synth.retrieval import score
from synth.retrieval.descriptors import FORMAT, Descriptors, pack

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATEGORIES = (1, 2, 22)
PER_PHOTO = 6
ALL = select(ProfileGrant.profile_id, literal(1).label("mask")).distinct()


def drawn(rng: np.random.Generator, count: int, frame: str = "scene") -> Descriptors:
    """Blobs and half-empty contexts, some of them equal, so that there are ties and void cells."""
    masks = np.zeros((count, 32, 32), dtype=bool)
    contexts = np.zeros((count, 16, 16), dtype=np.uint8)
    for at in range(count):
        y, x = rng.integers(0, 24, 2)
        masks[at, y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
        contexts[at, : rng.integers(0, 17)] = rng.choice([0, 1, 2, 22, 200], (1, 16))
    if count > 3:
        masks[1], contexts[1] = masks[0], contexts[0]
        contexts[2] = 0
    return pack(frame, masks, contexts)


class Filled:
    """Photos with segments of random descriptors, and the same rows in memory."""

    def __init__(self, session: Session, by, *, photos: int, seed: int) -> None:
        rng = np.random.Generator(np.random.Philox(seed))
        service.sync_taxonomy(session, by=by, at=AT)
        licensing.record_licensor(session, "a", name="A", by=by, at=AT)
        license = licensing.record_license(
            session, f"L{seed}", licensor="a", title="T", basis="licensed", by=by, at=AT
        )
        terms = GrantTerms.model_validate(
            {
                "territories": "WORLD", "channels": ["web"], "purposes": ["commercial"], "sectors": ["any"],
                "audiences": ["public"], "starts_on": "2026-01-01", "ends_on": None,
            }
        )  # fmt: skip
        grant = licensing.record_grant(session, license.id, ref="g", terms=terms, by=by, at=AT)
        department = access.record_department(session, f"d{uuid4()}", by=by, at=AT)
        self.rows: list[tuple[str, int, int, UUID, int]] = []  # sha256, ordinal, category, photo, segment
        self.bank = drawn(rng, photos * PER_PHOTO)
        for number in range(photos):
            sha256 = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
            segments = [
                SegmentFacts(int(rng.choice(CATEGORIES)), None, 10, (0, 0, 4, 4), False, None)
                for _ in range(PER_PHOTO)
            ]
            start = number * PER_PHOTO
            photo = admission.admit(
                session,
                PhotoFacts(
                    id=uuid4(), department_id=department.id, name=f"{number}.png", media_type="image/png",
                    size_bytes=1, sha256=sha256, pixel_sha256=hashlib.sha256(sha256.encode()).hexdigest(),
                    frame=(64, 64), work_frame=(64, 64), pack_sha256="0" * 64, labels_sha256="0" * 64,
                    thumbnail_sha256="0" * 64, taxonomy_version=1, scene_context=bytes(256),
                    lab_mean=(0.0, 0.0, 0.0), lab_std=(0.0, 0.0, 0.0), embedded=EmbeddedRights(),
                    embedded_credit={}, rights_unreadable=False,
                ),
                segments=segments,
                descriptors=[
                    DescriptorFacts(
                        ordinal, FORMAT, "scene", self.bank.masks[start + ordinal].tobytes(),
                        tuple(plane.tobytes() for plane in self.bank.planes[start + ordinal]),
                        int(self.bank.mask_n[start + ordinal]), int(self.bank.context_n[start + ordinal]),
                    )
                    for ordinal in range(PER_PHOTO)
                ],
                grant_ids=[grant.id],
                release_ids=[],
                depictions=Depictions(),
                by=by,
                at=AT,
            )  # fmt: skip
            ids = session.scalars(
                select(Segment.id).where(Segment.photo_id == photo.id).order_by(Segment.ordinal)
            ).all()
            self.rows += [
                (sha256, ordinal, segments[ordinal].category_id, photo.id, ids[ordinal])
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


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    nothing = ALL.where(ProfileGrant.profile_id < 0)

    assert asked(session, [1], query, k=5, cleared=nothing) == [[]]


def test_a_mask_without_the_held_grant_clears_nothing(session, filled, query) -> None:
    other = select(ProfileGrant.profile_id, literal(2).label("mask")).distinct()
    session.query(Photo).update({"grant_blocks": 2})

    assert asked(session, [1], query, k=5, cleared=other) == [[]]
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
