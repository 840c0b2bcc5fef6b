"""A use as a filter over rights profiles, and what an answer of it depends on.

An answer changes by itself only where the clock passes a moment that a grant
or the use names. Profiles never change and are never deleted, so between two
such moments only a new profile can be news.

Statements are made once for a bundle and what is asked, and serve every use: to make one and
to compile it takes longer than Postgres needs to answer.
"""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
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
    bindparam,
    false,
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

NOW, SINCE, PROFILES = "now", "since", "profiles"  # bound beside the attributes of a use, or as one of them

Asked = tuple[Select[Any], Mapping[str, Any]]
"""A statement, and the values to execute it with."""


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
    values: Mapping[str, Any] = field(default_factory=dict)  # of the use, to execute the condition with
    source: FromClause = compile.PROFILE_GRANTS
    department: str = ""  # who asks
    starts_at: datetime = NEVER  # of the use

    @property
    def profiles(self) -> Select[Any]:
        """Rows `(profile_id, mask)` of profiles that clear: bit `ordinal` is set for each grant that does."""
        mask = func.bit_or(literal(1, BigInteger).op("<<")(sql_cast(self.source.c.ordinal, Integer)))
        return (
            select(self.source.c.profile_id, mask.cast(BigInteger).label("mask"))
            .where(self.condition())
            .group_by(self.source.c.profile_id)
            .params(**self.values)
        )

    def packed(self, profiles: Sequence[int] | None = None) -> Asked:
        """One row: each grant that clears as 8 bytes, profile << 6 | ordinal, NULL where there is none;
        and the next moment that a grant names.

        A million grants are a million rows, and dear to read one by one.
        """
        some = {} if profiles is None else {PROFILES: [*profiles]}
        statement = _packed(self.condition(), self.source, few=bool(some))
        return statement, {**self.values, **some, NOW: self.now}

    def moved(self, since: datetime) -> Asked:
        """One row: the profiles, 8 bytes each, of which a moment was passed between `since` and `now`;
        and the next moment that a grant names."""
        return _moved(self.source), {SINCE: since, NOW: self.now}

    def until(self, named: datetime | None) -> datetime | None:
        """The next moment at which the answer could change by itself; None: at none.

        A moment may be the last of one answer or the first of another. So one that is
        `now` counts too, and an answer of that very moment holds for a tick only.
        Embargoes are photos' own: see `photos.blocked_until`.

        Args:
            named: the next that a grant names.
        """
        first = min((at for at in (named, *self.own) if at is not None and at >= self.now), default=None)
        return self.now + TICK if first == self.now else first


@lru_cache(maxsize=64)
def _packed(clears: ColumnElement[bool], source: FromClause, *, few: bool) -> Select[Any]:
    profile = sql_cast(source.c.profile_id, BigInteger)
    grant: Any = func.int8send(profile * (1 << ORDINAL_BITS) + source.c.ordinal)
    listed = [source.c.profile_id == any_(bindparam(PROFILES, type_=ARRAY(Integer)))] if few else []
    grants = select(func.string_agg(grant, literal(b"", LargeBinary), type_=LargeBinary)).where(
        clears, *listed
    )
    return select(grants.scalar_subquery(), _next_moment(source))


@lru_cache(maxsize=64)
def _moved(source: FromClause) -> Select[Any]:
    now, since = bindparam(NOW, type_=compile.MOMENTS), bindparam(SINCE, type_=compile.MOMENTS)
    passed = or_(*(column.between(since, now) for column in _moments(source)))
    profile: Any = func.int8send(sql_cast(source.c.profile_id, BigInteger))
    profiles = select(func.string_agg(profile, literal(b"", LargeBinary), type_=LargeBinary)).where(passed)
    return select(profiles.scalar_subquery(), _next_moment(source))


def _next_moment(source: FromClause) -> ColumnElement[datetime | None]:
    """Of the same look at the rows as what stands beside it: what profiles that has seen, this sees too."""
    now = bindparam(NOW, type_=compile.MOMENTS)
    firsts = [select(func.min(column)).where(column >= now).scalar_subquery() for column in _moments(source)]
    return func.least(*firsts)


def _moments(source: FromClause) -> list[ColumnElement[datetime]]:
    return [column for column in source.c if isinstance(column.type, DateTime)]


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
    if known is None:  # a use that cannot be read: nothing clears for it, ever
        return Filter((bundle.digest, action, None), NEVER, (), false, source=source)
    values = compile.values_of(bundle, known)
    moments = {name: _moment(known.pop(name)) for name in sorted(USE_MOMENTS)}
    now = moments.pop("now")
    own = tuple(moments.values())
    department = known.pop("department")  # makes no difference to a profile
    about = (bundle.digest, action, json.dumps(known, sort_keys=True), own, aside)
    stated = frozenset(values)
    condition = partial(compile.allows, bundle, action, stated, source=source, aside=aside)
    return Filter(about, now, own, condition, values, source, department, moments["starts_at"])


def _moment(text: str) -> datetime:
    found = moment(text)
    assert found is not None  # `use_attributes` has read it
    return found
