"""Hostile text in every text of a grant and of a use: engine and SQL take it as text and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from grants_drawn import HOSTILE, Row, stored
from sqlalchemy import ARRAY, Table, Text, inspect
from sqlalchemy.orm import Session

from bankd.licensing.models import ProfileGrant
from bankd.licensing.use import UseFacts
from bankd.policy import compile
from bankd.policy.engine import decide_many
from bankd.policy.filters import filter_for
from bankd.policy.load import Bundle

Facts = Callable[..., dict[str, Any]]

COLUMNS = {column.name: column.type for column in ProfileGrant.__table__.c}
TEXTS = [name for name, kind in COLUMNS.items() if isinstance(kind, Text)]
SETS = [name for name, kind in COLUMNS.items() if isinstance(kind, ARRAY)]


def answers(
    session: Session, table: Table, bundle: Bundle, rows: list[Row], use: dict[str, Any]
) -> tuple[set[int], set[int]]:
    """Profiles that clear by the engine, and by SQL, which also has to name the same policies."""
    decided = decide_many(bundle, "synthesize", [row.facts for row in rows], use)
    by_engine = {row.profile_id for row, one in zip(rows, decided, strict=True) if one.allowed}
    found = session.execute(filter_for(bundle, "synthesize", use, source=table).profiles)
    named = session.execute(compile.denials(bundle, "synthesize", use, source=table))
    denied = {
        row.profile_id: [*one.policies] for row, one in zip(rows, decided, strict=True) if not one.allowed
    }
    assert {profile: ids for profile, _, ids in named} == denied
    return by_engine, {row.profile_id for row in found}


def test_hostile_text_in_any_column_of_a_grant_is_only_text(
    session: Session, unconstrained: Table, bundle: Bundle, a_grant: Facts, a_use: Facts
) -> None:
    facts = [a_grant(), *(a_grant(**{name: text}) for name in TEXTS for text in HOSTILE)]
    facts += [a_grant(**{name: [text]}) for name in SETS for text in HOSTILE]
    facts += [a_grant(**{name: [*a_grant().get(name, []), *HOSTILE]}) for name in SETS]
    rows = [Row(number, 0, each) for number, each in enumerate(facts)]
    stored(session, unconstrained, rows)

    by_engine, by_sql = answers(session, unconstrained, bundle, rows, a_use())

    assert by_engine == by_sql
    assert 0 in by_engine and len(TEXTS) + len(SETS) > 25
    assert 0.05 < len(by_engine) / len(rows) < 0.95
    assert inspect(session.connection()).has_table("profile_grants")


@pytest.mark.parametrize("name", sorted(UseFacts.model_fields))
def test_hostile_text_in_any_field_of_a_use_is_only_text(
    name: str, session: Session, unconstrained: Table, bundle: Bundle, a_grant: Facts, a_use: Facts
) -> None:
    rows = [Row(0, 0, a_grant()), *(Row(1 + n, 0, a_grant(licensees=[t])) for n, t in enumerate(HOSTILE))]
    stored(session, unconstrained, rows)
    for text in HOSTILE:
        for value in (text, [text]):
            by_engine, by_sql = answers(session, unconstrained, bundle, rows, a_use(**{name: value}))
            assert by_engine == by_sql
    assert inspect(session.connection()).has_table("profile_grants")
