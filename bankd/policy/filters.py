"""A use as a filter over rights profiles, and what an answer of it depends on.

An answer changes by itself only where the clock passes a moment that a grant
or the use names. Profiles never change and are never deleted, so between two
such moments only a new profile can be news.
"""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    any_,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from bankd.licensing.vocabulary import Action
from bankd.policy import compile
from bankd.policy.engine import AnyUse
from bankd.policy.facts import USE_MOMENTS, moment, use_attributes
from bankd.policy.load import Bundle

TICK = timedelta(milliseconds=1)
"""Moments are written in whole milliseconds: facts cannot name two that lie closer."""
ORDINAL_BITS = 6  # an ordinal is at most 62
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Filter:
    """Which grants of which profiles carry a use at a moment.

    Filters that are equal in `about` differ in the moment alone. The blocks of
    the day are not in it: a row clears where a grant of its profile does that
    is not blocked, and its photo is not blocked.
    """

    about: Hashable
    now: datetime
    own: tuple[datetime, ...]  # moments that the use itself names
    condition: Callable[[], ColumnElement[bool]]  # made when it is needed: where an answer is kept it is not
    source: FromClause = compile.PROFILE_GRANTS
    department: str = ""  # who asks
    starts_at: datetime = NEVER  # of the use

    @cached_property
    def allows(self) -> ColumnElement[bool]:
        return self.condition()

    @property
    def profiles(self) -> Select[Any]:
        """Rows `(profile_id, mask)` of profiles that clear: bit `ordinal` is set for each grant that does."""
        mask = func.bit_or(literal(1, BigInteger).op("<<")(sql_cast(self.source.c.ordinal, Integer)))
        return (
            select(self.source.c.profile_id, mask.cast(BigInteger).label("mask"))
            .where(self.allows)
            .group_by(self.source.c.profile_id)
        )

    def packed(self, profiles: Sequence[int] | None = None) -> Select[Any]:
        """One value: each grant that clears as 8 bytes, profile << 6 | ordinal; NULL where there is none.

        A million grants are a million rows, and dear to read one by one.
        """
        profile = sql_cast(self.source.c.profile_id, BigInteger)
        grant: Any = func.int8send(profile * (1 << ORDINAL_BITS) + self.source.c.ordinal)
        return select(func.string_agg(grant, literal(b"", LargeBinary), type_=LargeBinary)).where(
            self.allows, *self._only(profiles)
        )

    def until(self) -> Select[Any]:
        """The next moment at which the answer could change by itself; NULL: at none.

        A moment may be the last of one answer or the first of another. So one that is
        `now` counts too, and an answer of that very moment holds for a tick only.
        Embargoes are photos' own: see `photos.blocked_until`.
        """
        now = literal(self.now, compile.MOMENTS)
        firsts = [
            select(func.min(column)).where(column >= now).scalar_subquery() for column in self._moments()
        ]
        own = [literal(at, compile.MOMENTS) for at in self.own if at >= self.now]
        first = select(func.least(*firsts, *own).label("at")).subquery()
        return select(
            case((first.c.at == now, literal(self.now + TICK, compile.MOMENTS)), else_=first.c.at).label(
                "until"
            )
        )

    def moved(self, since: datetime) -> Select[Any]:
        """One value: the profiles, 8 bytes each, of which a moment was passed between `since` and `now`."""
        passed = or_(*(column.between(since, self.now) for column in self._moments()))
        profile: Any = func.int8send(sql_cast(self.source.c.profile_id, BigInteger))
        return select(func.string_agg(profile, literal(b"", LargeBinary), type_=LargeBinary)).where(passed)

    def _moments(self) -> list[ColumnElement[datetime]]:
        return [column for column in self.source.c if isinstance(column.type, DateTime)]

    def _only(self, profiles: Sequence[int] | None) -> list[ColumnElement[bool]]:
        if profiles is None:
            return []
        return [self.source.c.profile_id == any_(literal([*profiles], ARRAY(Integer)))]


def filter_for(
    bundle: Bundle,
    action: Action,
    use: AnyUse,
    *,
    source: FromClause = compile.PROFILE_GRANTS,
    aside: frozenset[str] = frozenset(),
) -> Filter:
    """What clears; with policies set `aside`, also what they alone deny (see `policy.signoff`).

    Raises:
        NotCompilable: the action is asked of no grant alone.
    """
    compile.asked_of_one(action)
    known = use_attributes(use)
    condition = partial(compile.allows, bundle, action, use, source=source, aside=aside)
    if known is None:  # a use that cannot be read: nothing clears for it, ever
        return Filter((bundle.digest, action, None), NEVER, (), condition, source)
    moments = {name: _moment(known.pop(name)) for name in sorted(USE_MOMENTS)}
    now = moments.pop("now")
    own = tuple(moments.values())
    department = known.pop("department")  # makes no difference to a profile
    about = (bundle.digest, action, json.dumps(known, sort_keys=True), own, aside)
    return Filter(about, now, own, condition, source, department, moments["starts_at"])


def _moment(text: str) -> datetime:
    found = moment(text)
    assert found is not None  # `use_attributes` has read it
    return found
