"""Facts and uses drawn by chance, hostile text included, and grants of them as rows."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any, get_args

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from bankd.licensing.vocabulary import (
    ALTERATIONS,
    AUDIENCES,
    CHANNELS,
    PURPOSES,
    SUBJECTS,
    AgeStatus,
    Basis,
    DataBasis,
    Integrity,
    ReleaseStatus,
    RightKind,
)

Drawn = dict[str, Any]

HOSTILE = [
    "food'); DROP TABLE profile_grants; --",
    "' OR '1'='1",
    '"; SELECT pg_sleep(9); --',
    "%(param_1)s",
    "%s %% {} $1 :sector",
    "\\'; \\x00",
    "\\u0000",
    "{food,any}",
    "NULL",
    "food\n--",
    "食品‮",
    "",
    "*",
]
MOMENTS = [
    "2025-12-31T15:00:00.000Z",
    "2026-06-01T02:59:59.999Z",
    "2026-06-01T03:00:00.000Z",
    "2026-06-01T03:00:00.001Z",
    "2026-06-30T15:00:00.000Z",
    "2026-07-31T15:00:00.000Z",
    "2026-12-31T15:00:00.000Z",
    "2999-12-31T23:59:59.999Z",
]
PLACES = ["JP", "KR", "FR", "US"]
SECTORS = ["food", "travel", "general", *HOSTILE]
LICENSEES = ["house", "acme", *HOSTILE]
ATOMS = ["JP/web/food", "KR/web/food", "*/*/food", "JP/print/travel", *HOSTILE]
CONSTRAINTS = ["AL-MRG", "AL-CRP", "AL-RET", "AL-CLR", "AL-DCL", "AL-FLP", "AL-ODD"]


def some(words: Sequence[str]) -> Callable[[random.Random], list[str]]:
    return lambda chance: chance.sample(list(words), chance.randrange(min(4, len(words) + 1)))


def one(words: Sequence[Any]) -> Callable[[random.Random], Any]:
    return lambda chance: chance.choice(list(words))


RELEASES = [*get_args(ReleaseStatus), "odd"]
BOOLEANS = one([True, False])
DRAW_FACT: Mapping[str, Callable[[random.Random], Any]] = {
    "basis": one([*get_args(Basis), "odd", "odd"]),
    "worldwide": BOOLEANS,
    "territories": some(PLACES),
    "territories_tested": one(["targeted", "accessible", "odd"]),
    "channels": some(sorted(CHANNELS)),
    "purposes": some(sorted(PURPOSES)),
    "any_sector": BOOLEANS,
    "sectors": some(SECTORS),
    "audiences": some(sorted(AUDIENCES)),
    "alterations": some(sorted(ALTERATIONS)),
    "generative": BOOLEANS,
    "train": BOOLEANS,
    "any_licensee": BOOLEANS,
    "licensees": some(LICENSEES),
    "subjects_excluded": some(sorted(SUBJECTS)),
    "max_copies": one([None, 0, 1, 1000, 2**53 - 1]),
    "carved": some(ATOMS),
    "starts_at": one(MOMENTS),
    "ends_at": one([None, *MOMENTS]),
    "create_before": one([None, *MOMENTS]),
    "publish_before": one([None, *MOMENTS]),
    "co_owners_agreed": BOOLEANS,
    "credit_owed": BOOLEANS,
    "share_alike": one([None, "CC-BY-SA-4.0", *HOSTILE]),
    "persons": one(["none", "present", "unknown", "odd"]),
    "model_release": one(RELEASES),
    "youngest": one([*get_args(AgeStatus), "odd"]),
    "property_release": one(RELEASES),
    "alteration_constraints": some(CONSTRAINTS),
    "data_mining": one(["unstated", "DMI-ALLOWED", "DMI-UNSPECIFIED", "DMI-PROHIBITED", "odd"]),
    "embedded_ends_at": one([None, *MOMENTS]),
    "release_worldwide": BOOLEANS,
    "release_territories": some(PLACES),
    "release_channels": some(sorted(CHANNELS)),
    "release_purposes": some(sorted(PURPOSES)),
    "release_any_sector": BOOLEANS,
    "release_sectors": some(SECTORS),
    "release_subjects_excluded": some(sorted(SUBJECTS)),
    "release_synthetic": BOOLEANS,
    "release_starts_at": one([None, *MOMENTS]),
    "release_ends_at": one([None, *MOMENTS]),
    "persons_covered": BOOLEANS,
    "guardian_released": BOOLEANS,
    "reconfirm_before": one([None, *MOMENTS]),
    "data_basis": one(["none", *get_args(DataBasis), "odd"]),
    "data_basis_ends_at": one([None, *MOMENTS]),
    "depicted_unreleased": some([*get_args(RightKind), "odd"]),
    "depicted_everywhere": BOOLEANS,
    "depicted_territories": some(PLACES),
    "subjects_shown": some(sorted(SUBJECTS)),
    "brands": some(HOSTILE),
    "available_before": one([None, *MOMENTS]),
    "sell_off_before": one([None, *MOMENTS]),
    "archive": BOOLEANS,
    "basis_ends_at": one([None, *MOMENTS]),
    "basis_territories": some(PLACES),
    "title": one(["complete", "incomplete", "unstated", "odd"]),
    "integrity": one([*get_args(Integrity), "odd"]),
}
DRAW_USE: Mapping[str, Callable[[random.Random], Any]] = {
    "now": one(MOMENTS),
    "purpose": one(sorted(PURPOSES)),
    "channels": some(sorted(CHANNELS)),
    "targeted_world": BOOLEANS,
    "targeted": some(PLACES),
    "accessible_world": BOOLEANS,
    "accessible": some(PLACES),
    "starts_at": one(MOMENTS),
    "ends_at": one(MOMENTS),
    "sector": one(SECTORS),
    "subjects": some(sorted(SUBJECTS)),
    "audience": one(sorted(AUDIENCES)),
    "copies": one([0, 1, 1000, 1001, 2**53 - 1]),
    "licensee": one(LICENSEES),
    "beneficiaries": some(LICENSEES),
    "alterations": some(sorted(ALTERATIONS)),
    "fields": some(ATOMS),
    "brand": one([None, *HOSTILE]),
    "circulation": one(["new", "stock", "archive"]),
    "department": one(["", "house", *HOSTILE]),
}


def altered(chance: random.Random, whole: Drawn, draw: Mapping[str, Callable[[random.Random], Any]]) -> Drawn:
    """Mostly agreeing values, so that answers of both kinds are common; now and then nothing but chance."""
    count = len(draw) if chance.random() < 0.05 else chance.choice([0, 0, 1, 1, 2, 3, 5])
    return {**whole, **{name: draw[name](chance) for name in chance.sample(sorted(draw), count)}}


@dataclass(frozen=True)
class Row:
    profile_id: int
    ordinal: int
    facts: Drawn


def stored(session: Session, table: Table, rows: Sequence[Row]) -> None:
    moments = {column.name for column in table.c if column.name.endswith(("_at", "_before"))}
    session.execute(
        insert(table),
        [
            {
                "profile_id": row.profile_id,
                "ordinal": row.ordinal,
                **{
                    name: datetime.fromisoformat(value) if name in moments and value else value
                    for name, value in row.facts.items()
                    if name != "blocks"
                },
            }
            for row in rows
        ],
    )


def drawn_rows(chance: random.Random, whole: Drawn, profiles: int) -> list[Row]:
    """Grants of so many profiles; each fact is drawn in its turn, so that none is left to luck alone."""
    rows: list[Row] = []
    in_turn = cycle(sorted(DRAW_FACT))
    for profile in range(profiles):
        # 63 grants in a few, so that the highest bit is tried.
        grants = 63 if profile % 75 == 0 else chance.choice([1, 1, 2, 3])
        for ordinal in range(grants):
            facts = altered(chance, whole, DRAW_FACT)
            if ordinal == 62:
                facts = dict(whole)  # the highest bit clears where anything does
            elif chance.random() < 0.5:
                name = next(in_turn)
                facts = {**facts, name: DRAW_FACT[name](chance)}
            if ordinal != 62 and chance.random() < 0.1:
                facts[chance.choice(sorted(DRAW_FACT))] = None
            rows.append(Row(profile, ordinal, facts))
    return rows
