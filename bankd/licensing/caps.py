"""How much of each cap is promised, and how much is spent.

A place is promised with an order or a handout (`reserve`), spent by what it
was promised for (`consume`), and given back where that does not come (`free`).
`take` promises and spends at once. A grant can have several caps on one
trigger, for its whole term and for each month, say: all of them must have
room. Where nothing is counted, everything here is a yes.

Counters are locked in one order, then read, then written, so that two sessions
can neither both take the last place nor wait for each other; take every lock of
a transaction here by one call, and before the log's.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Row,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bankd.licensing.errors import CapOverdrawn
from bankd.licensing.models import GrantCounter
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import Trigger

Key = tuple[UUID, Trigger]
"""A grant, and what is counted on it."""

Counts = Mapping[Key, int]

SEAL: Trigger = "seal"

IN_ORDER = (GrantCounter.grant_id, GrantCounter.trigger, GrantCounter.per, GrantCounter.period)
WHOLE_TERM_SEALS = (GrantCounter.trigger == "seal", GrantCounter.per == "term", GrantCounter.period == "")


@dataclass(frozen=True)
class Spent:
    """What came of spending.

    Attributes:
        full: what has no place left; not empty means that nothing was spent.
        before: how many had been spent on the whole term before, where that is counted.
        last: what the whole term has nothing left of now. Of `seal`, the caller sets the block
            `capped-out` on the grants' photos in the same transaction.
        over: how many went beyond the cap.
    """

    full: frozenset[Key] = frozenset()
    before: Counts = field(default_factory=dict)
    last: frozenset[Key] = frozenset()
    over: Counts = field(default_factory=dict)


def open_counters(session: Session, grant_id: UUID, terms: GrantTerms) -> None:
    """Count what a new grant's caps and tiers want counted, from nothing."""
    rows: list[dict[str, Any]] = [
        {"grant_id": grant_id, "trigger": cap.trigger, "per": cap.per, "zone": terms.zone, "cap": cap.most}
        for cap in terms.all_caps
    ]
    whole = {cap.trigger for cap in terms.all_caps if cap.per == "term"}
    tiered = {fee.trigger for fee in terms.all_fees if fee.tiers}
    rows += [
        {"grant_id": grant_id, "trigger": trigger, "per": "term", "zone": terms.zone, "cap": None}
        for trigger in sorted(tiered - whole)
    ]
    if rows:
        session.execute(insert(GrantCounter), rows)


def reserve(session: Session, wanted: Counts, *, at: datetime) -> frozenset[Key]:
    """Promise all of it; or say what has no room, and nothing was promised."""
    held = _held(session, wanted, at=at)
    if full := _full(held, wanted):
        return full
    _write(session, (replace(one, reserved=one.reserved + wanted[key]) for key in held for one in held[key]))
    return frozenset()


def consume(
    session: Session, wanted: Counts, *, reserved_at: datetime, unwanted: Counts | None = None
) -> Spent:
    """Spend what was reserved, and give back what is not wanted of it.

    It counts in the period in which it was reserved.

    Raises:
        CapOverdrawn: fewer are reserved.
    """
    unwanted = unwanted or {}
    held = _held(session, {**wanted, **unwanted}, at=reserved_at)
    moved = []
    for key, counters in held.items():
        spent, freed = wanted.get(key, 0), unwanted.get(key, 0)
        for one in counters:
            if one.reserved < spent + freed:
                raise CapOverdrawn(key[0], spent + freed)
            moved.append(replace(one, reserved=one.reserved - spent - freed, used=one.used + spent))
    _write(session, moved)
    return Spent(before=_before(held, wanted), last=_last(moved, wanted))


def free(session: Session, unwanted: Counts, *, reserved_at: datetime) -> None:
    """Give back what was reserved.

    Raises:
        CapOverdrawn: fewer are reserved.
    """
    consume(session, {}, reserved_at=reserved_at, unwanted=unwanted)


def take(session: Session, wanted: Counts, *, at: datetime, beyond: bool = False) -> Spent:
    """Spend what nobody reserved.

    Args:
        beyond: it has happened already. What has no place is counted as `over`.
    """
    held = _held(session, wanted, at=at)
    full = _full(held, wanted)
    if full and not beyond:
        return Spent(full=full)
    moved = []
    over: dict[Key, int] = {}
    for key, counters in held.items():
        for one in counters:
            within = min(wanted[key], one.left)
            moved.append(replace(one, used=one.used + within, over=one.over + wanted[key] - within))
            if within < wanted[key]:
                over[key] = max(over.get(key, 0), wanted[key] - within)
    _write(session, moved)
    return Spent(before=_before(held, wanted), last=_last(moved, wanted), over=over)


def give_back(session: Session, taken: Counts, *, taken_at: datetime) -> None:
    """Undo a `take` that should not have been; what went beyond the cap goes first.

    Raises:
        CapOverdrawn: fewer are spent.
    """
    moved = []
    for key, counters in _held(session, taken, at=taken_at).items():
        for one in counters:
            over = min(one.over, taken[key])
            if one.used < taken[key] - over:
                raise CapOverdrawn(key[0], taken[key])
            moved.append(replace(one, over=one.over - over, used=one.used - taken[key] + over))
    _write(session, moved)


def remaining(session: Session, grant_ids: Iterable[UUID], *, trigger: Trigger = "seal") -> dict[UUID, int]:
    """What the whole term could still promise on each grant; those that it does not limit are left out."""
    counters = session.execute(
        select(GrantCounter.grant_id, GrantCounter.cap - GrantCounter.used - GrantCounter.reserved).where(
            GrantCounter.grant_id.in_(set(grant_ids)),
            GrantCounter.trigger == trigger,
            GrantCounter.per == "term",
            GrantCounter.cap.is_not(None),
        )
    )
    return {grant_id: left for grant_id, left in counters if left is not None}


def short(session: Session, *, places: int, at: datetime) -> frozenset[UUID]:
    """Grants that no picture should be planned on now, though photos may not be blocked for it.

    They have fewer places left for composites than that, in the whole term or
    in the period of now, or nothing left of what a composite is made for:
    handouts, publications, copies.
    """
    return frozenset(session.scalars(_SHORT, {"places": places, "at": at}))


@dataclass(frozen=True)
class _Counter:
    grant_id: UUID
    trigger: str
    per: str
    period: str
    cap: int | None
    reserved: int
    used: int
    over: int

    @property
    def left(self) -> int:
        return 2**63 if self.cap is None else self.cap - self.reserved - self.used


def _held(session: Session, keys: Collection[Key], *, at: datetime) -> dict[Key, list[_Counter]]:
    """The counters of what is done at a moment, locked until the transaction ends.

    One that is missing is made; whoever makes it holds the lock of its pattern.
    """
    if not keys:
        return {}
    rows = _lock(session, keys, at=at)
    missing = [row for row in rows if row.per != "term" and row.period == ""]
    there = {(row.grant_id, row.trigger, row.per) for row in rows if row.period != ""}
    missing = [row for row in missing if (row.grant_id, row.trigger, row.per) not in there]
    if missing:
        session.execute(
            postgresql.insert(GrantCounter).on_conflict_do_nothing(),
            [
                {
                    "grant_id": row.grant_id,
                    "trigger": row.trigger,
                    "per": row.per,
                    "period": row.now,
                    "zone": row.zone,
                    "cap": row.cap,
                }
                for row in missing
            ],
        )
        rows = _lock(session, keys, at=at)
    held: dict[Key, list[_Counter]] = {}
    for row in rows:
        if row.per == "term" or row.period != "":
            counter = _Counter(
                row.grant_id, row.trigger, row.per, row.period, row.cap, row.reserved, row.used, row.over
            )
            held.setdefault((row.grant_id, row.trigger), []).append(counter)
    return held


def _lock(session: Session, keys: Collection[Key], *, at: datetime) -> list[Row[*tuple[object, ...]]]:
    grants, triggers = zip(*keys, strict=True)
    asked = {"grants": [*grants], "triggers": [*triggers], "at": at}
    return list(session.execute(_LOCK, asked))


def _write(session: Session, moved: Iterable[_Counter]) -> None:
    rows = [*moved]
    if rows:
        to = {f"to_{name}": [getattr(one, name) for one in rows] for name in _MOVED}
        session.execute(_WRITE, to)


def _unnested(name: str, kind: Any) -> ColumnElement[Any]:
    return func.unnest(bindparam(name, type_=ARRAY(kind)))


# The period of a counter's row that the moment `at` is in, by the calendar of the row's zone.
_THERE = func.timezone(GrantCounter.zone, bindparam("at", type_=DateTime(timezone=True)))
_NOW = case(
    (GrantCounter.per == "month", func.to_char(_THERE, "YYYY-MM")),
    (GrantCounter.per == "quarter", func.to_char(_THERE, 'YYYY-"Q"Q')),
    (GrantCounter.per == "year", func.to_char(_THERE, "YYYY")),
    else_=literal(""),
)
_OF_NOW = or_(GrantCounter.period == "", GrantCounter.period == _NOW)
_LEFT = GrantCounter.cap - GrantCounter.used - GrantCounter.reserved
_WHOLE_TERM = GrantCounter.per == "term"

# Statements are made once: to make one takes longer than to have it answered.
_SHORT = select(GrantCounter.grant_id).where(
    _OF_NOW,
    or_(
        and_(
            GrantCounter.trigger == "seal",
            bindparam("places", type_=BigInteger) > _LEFT,
            ~and_(_WHOLE_TERM, GrantCounter.used >= GrantCounter.cap),
        ),
        and_(GrantCounter.trigger != "seal", _WHOLE_TERM, _LEFT <= 0),
    ),
)
_LOCK = (
    select(
        *IN_ORDER,
        GrantCounter.zone,
        GrantCounter.cap,
        GrantCounter.reserved,
        GrantCounter.used,
        GrantCounter.over,
        _NOW.label("now"),
    )
    .where(
        tuple_(GrantCounter.grant_id, GrantCounter.trigger).in_(
            select(_unnested("grants", Uuid), _unnested("triggers", Text))
        ),
        _OF_NOW,
    )
    .order_by(*IN_ORDER)
    .with_for_update(of=GrantCounter)
)
_MOVED = {
    **{place.key: place.type for place in IN_ORDER},
    **dict.fromkeys(("reserved", "used", "over"), BigInteger()),
}
_TO = select(*(_unnested(f"to_{name}", kind).label(name) for name, kind in _MOVED.items())).subquery("moved")
_WRITE = (
    update(GrantCounter)
    .where(*(place == _TO.c[place.key] for place in IN_ORDER))
    .values(reserved=_TO.c.reserved, used=_TO.c.used, over=_TO.c.over)
    .execution_options(synchronize_session=False)
)


def _full(held: Mapping[Key, list[_Counter]], wanted: Counts) -> frozenset[Key]:
    return frozenset(key for key in held if any(one.left < wanted[key] for one in held[key]))


def _before(held: Mapping[Key, list[_Counter]], wanted: Counts) -> dict[Key, int]:
    return {
        key: one.used + one.over
        for key in held.keys() & wanted.keys()
        for one in held[key]
        if one.per == "term"
    }


def _last(moved: Iterable[_Counter], wanted: Counts) -> frozenset[Key]:
    spent = {(one.grant_id, one.trigger) for one in moved if one.per == "term" and one.used == one.cap}
    return frozenset(key for key in wanted if key in spent and wanted[key])
