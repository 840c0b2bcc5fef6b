"""Until when an answer holds, and of what it must be asked again then."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from grants_drawn import MOMENTS, Drawn, Row, drawn_rows, stored
from plans import rows_read
from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from bankd.licensing.days import instant
from bankd.licensing.models import ProfileGrant
from bankd.policy.filters import TICK, Filter, filter_for
from bankd.policy.load import Bundle

Facts = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("facts", "use", "expected"),
    [
        ([], {}, "2026-06-30T15:00:00.000Z"),
        ([{"ends_at": "2026-06-02T00:00:00.000Z"}], {}, "2026-06-02T00:00:00.000Z"),
        ([{"ends_at": "2026-06-01T02:59:59.999Z"}], {}, "2026-06-30T15:00:00.000Z"),
        ([{"ends_at": "2026-06-01T03:00:00.000Z"}], {}, "2026-06-01T03:00:00.001Z"),
        ([{"starts_at": "2026-06-01T03:00:00.001Z"}], {}, "2026-06-01T03:00:00.001Z"),
        ([{"create_before": "2026-06-03T00:00:00.000Z"}, {}], {}, "2026-06-03T00:00:00.000Z"),
        ([{"publish_before": "2026-06-04T00:00:00.000Z"}], {}, "2026-06-04T00:00:00.000Z"),
        ([{"embedded_ends_at": "2026-06-05T00:00:00.000Z"}], {}, "2026-06-05T00:00:00.000Z"),
        ([{}], {"now": "2026-07-31T15:00:00.001Z"}, "2026-12-31T15:00:00.000Z"),
        ([{}], {"now": "2026-07-31T15:00:00.000Z"}, "2026-07-31T15:00:00.001Z"),
        ([{"ends_at": None}], {"now": "2026-07-31T15:00:00.001Z"}, None),
    ],
)
def test_answer_holds_until_the_next_moment_named_anywhere(
    session: Session,
    unconstrained: Table,
    bundle: Bundle,
    a_grant: Facts,
    a_use: Facts,
    facts: list[Drawn],
    use: Drawn,
    expected: str | None,
) -> None:
    if facts:
        stored(session, unconstrained, [Row(n, 0, a_grant(**each)) for n, each in enumerate(facts)])
    asked = filter_for(bundle, "synthesize", a_use(**use), source=unconstrained)
    assert until(session, asked) == (expected and datetime.fromisoformat(expected))


@pytest.fixture(scope="session")
def lasting(bundle: Bundle) -> Bundle:
    """The same rules, but a license is good in the very moment that ends it."""
    old, new = "context.now < resource.ends_at", "context.now <= resource.ends_at"
    assert any(old in text for _, text in bundle.texts)
    return Bundle.of([(name, text.replace(old, new)) for name, text in bundle.texts])


@pytest.mark.parametrize("rules", ["bundle", "lasting"])
def test_no_answer_changes_before_until_and_only_that_of_profiles_that_moved(
    session: Session,
    unconstrained: Table,
    request: pytest.FixtureRequest,
    a_grant: Facts,
    a_use: Facts,
    rules: str,
) -> None:
    rules_ = request.getfixturevalue(rules)
    rows = drawn_rows(random.Random(11), a_grant(), 100)
    stored(session, unconstrained, rows)

    def asked(at: datetime):
        return filter_for(rules_, "synthesize", a_use(now=instant(at)), source=unconstrained)

    def answer(at: datetime) -> dict[int, int]:
        return {row.profile_id: row.mask for row in session.execute(asked(at).profiles)}

    at = datetime.fromisoformat(MOMENTS[0])
    changes = steps = 0
    while (first := until(session, asked(at))) is not None:
        held = answer(at)
        assert answer(first - TICK) == held
        # From anywhere before to the moment itself and to the tick after it.
        for later in (first, first + TICK):
            moved = packed(session.scalar(*asked(later).moved(at)))
            new = answer(later)
            changed = {profile for profile in held | new if held.get(profile) != new.get(profile)}
            assert changed <= moved or any(at <= own <= later for own in asked(later).own)
            changes += len(changed)
        at = first
        steps += 1
    assert steps >= 10 and changes > 20


def until(session: Session, asked: Filter) -> datetime | None:
    [named] = {session.execute(*look).one()[1] for look in (asked.packed(), asked.moved(asked.now))}
    return asked.until(named)


def packed(value: bytes | None) -> set[int]:
    value = value or b""
    return {int.from_bytes(value[start : start + 8], "big") for start in range(0, len(value), 8)}


def test_packed_grants_are_those_of_the_masks_whatever_the_use(
    session: Session, unconstrained: Table, bundle: Bundle, a_grant: Facts, a_use: Facts
) -> None:
    stored(session, unconstrained, drawn_rows(random.Random(5), a_grant(), 80))
    for other in ({"sector": "travel"}, {"brand": "Acme"}, {"purpose": "editorial", "targeted_world": True}):
        another = filter_for(bundle, "synthesize", a_use(**other), source=unconstrained)
        assert packed(session.scalar(*another.packed())) == {
            row.profile_id << 6 | ordinal
            for row in session.execute(another.profiles)
            for ordinal in range(63)
            if row.mask >> ordinal & 1
        }
    asked = filter_for(bundle, "synthesize", a_use(), source=unconstrained)
    masks = {row.profile_id: row.mask for row in session.execute(asked.profiles)}
    assert any(mask >= 1 << 62 for mask in masks.values())
    grants = packed(session.scalar(*asked.packed()))
    assert {(number >> 6, number & 63) for number in grants} == {
        (profile, ordinal) for profile, mask in masks.items() for ordinal in range(63) if mask >> ordinal & 1
    }
    some = sorted(masks)[:3]
    assert {number >> 6 for number in packed(session.scalar(*asked.packed([*some, 10**6])))} == {*some}


def test_a_use_that_cannot_be_read_clears_nothing_ever(
    session: Session, unconstrained: Table, bundle: Bundle, a_grant: Facts, a_use: Facts
) -> None:
    stored(session, unconstrained, [Row(1, 0, a_grant())])
    asked = filter_for(bundle, "synthesize", a_use(now="soon"), source=unconstrained)
    assert session.execute(asked.profiles).all() == []
    assert session.scalar(*asked.packed()) is None


def test_filters_are_about_the_same_if_only_the_moment_differs(bundle: Bundle, a_use: Facts) -> None:
    stricter = Bundle.of([(name, text + "\n") for name, text in bundle.texts])
    one = filter_for(bundle, "synthesize", a_use())
    assert filter_for(bundle, "synthesize", a_use(now="2026-06-02T00:00:00.000Z")).about == one.about
    others = [
        filter_for(stricter, "synthesize", a_use()),
        filter_for(bundle, "publish", a_use()),
        *(
            filter_for(bundle, "synthesize", a_use(**{name: value}))
            for name, value in {
                "purpose": "editorial", "channels": ["print"], "targeted_world": True, "targeted": ["KR"],
                "accessible_world": True, "accessible": ["KR"],
                "starts_at": MOMENTS[0], "ends_at": MOMENTS[-1],
                "sector": "travel", "subjects": ["health"], "audience": "internal", "copies": 7,
                "licensee": "acme", "beneficiaries": ["acme"], "alterations": ["crop"], "fields": ["x"],
            }.items()
        ),
    ]  # fmt: skip
    assert len({one.about, *(other.about for other in others)}) == 1 + len(others)


@pytest.fixture
def licensed(database, a_grant: Facts) -> Iterator[Session]:
    """3,000 profiles, each with terms of its own, on the real table."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        Row(n, 0, {**a_grant(), "ends_at": instant(start + timedelta(hours=3 * n + 1))})
        for n in range(1, 3001)
    ]
    with database.owner_engine.begin() as owner:
        owner.execute(
            text(
                "INSERT INTO rights_profiles (digest, facts)"
                " SELECT encode(sha256(n::text::bytea), 'hex'), '[]' FROM generate_series(1, 3000) AS n"
            )
        )
    with database.sessions() as session:
        stored(session, ProfileGrant.__table__, rows)
        session.commit()
        with database.owner_engine.begin() as owner:
            owner.execute(text("ANALYZE profile_grants"))
        yield session


def test_until_and_what_moved_are_read_from_indexes(licensed: Session, bundle: Bundle, a_use: Facts) -> None:
    asked = filter_for(bundle, "synthesize", a_use())
    living = packed(licensed.scalar(*asked.packed()))
    assert len(living) == 1308  # no license that ends before the use
    # Beside them one row of each column, for the next moment.
    assert len(living) <= rows_read(licensed, *asked.packed()) <= len(living) + 5
    day_ago = asked.now - timedelta(days=1)
    moved = packed(licensed.scalar(*asked.moved(day_ago)))
    assert len(moved) == 8
    assert len(moved) <= rows_read(licensed, *asked.moved(day_ago)) <= len(moved) + 5


def test_some_profiles_are_asked_about_without_reading_the_others(
    licensed: Session, bundle: Bundle, a_use: Facts
) -> None:
    asked = filter_for(bundle, "synthesize", a_use())
    assert rows_read(licensed, *asked.packed([5, 2000, 2999])) <= 3 + 5
