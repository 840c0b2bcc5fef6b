"""The license of a composite: the meet of the grants that it relies on.

This is arithmetic about terms, not a rule of use: scopes intersect, limits
take the narrower, prohibitions and duties unite. Whether a composite under
the result may be made is for policy to say (action `compose`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from bankd.licensing.terms import Credit, GrantFacts, Indemnity, Value
from bankd.licensing.vocabulary import (
    TERRITORIES,
    Alteration,
    Audience,
    Channel,
    Claim,
    Purpose,
    Subject,
    TerritoryTest,
)

Limit = TypeVar("Limit", int, str)


@dataclass(frozen=True)
class Relied:
    """A grant relied on for one photo: the facts that policy sees, and what its terms say beside them.

    One grant may stand here for several photos, each with facts of its own.
    """

    grant_id: UUID
    facts: GrantFacts
    credit: Credit | None = None
    sublicense: bool = False
    indemnity: Indemnity | None = None


class CreditOwed(Value):
    """One credit, verbatim, and every grant that asks for it in these words at this place."""

    text: str
    placement: str
    grant_ids: tuple[UUID, ...]
    text_ja: str | None = None  # for Japanese readers, where it is another


class LeastIndemnity(Value):
    """What every licensor of a picture makes good. The lowest of the caps counts; none is no limit.

    There is a cap for each currency: which one is the lowest depends on the day's rates.
    """

    scope: frozenset[Claim]
    caps: tuple[tuple[str, int], ...]  # currency, minor units


class ShareAlike(Value):
    """A license that a derivative must carry, and the grants that demand it."""

    license: str
    grant_ids: tuple[UUID, ...]


class EffectiveLicense(Value):
    """What every grant relied on allows. `None` is no limit; moments are as in `GrantFacts`."""

    territories: frozenset[str] | None  # None: worldwide
    territories_tested: TerritoryTest
    channels: frozenset[Channel]
    purposes: frozenset[Purpose]
    sectors: frozenset[str] | None
    audiences: frozenset[Audience]
    alterations: frozenset[Alteration]
    alteration_constraints: frozenset[str]  # PLUS AL-.., of every photo
    generative: bool
    train: bool
    licensees: frozenset[str] | None
    subjects_excluded: frozenset[Subject]
    max_copies: int | None
    carved: frozenset[str]
    starts_at: str
    ends_at: str | None
    create_before: str | None
    publish_before: str | None
    sublicense: bool
    share_alike: tuple[ShareAlike, ...]
    credits: tuple[CreditOwed, ...]
    sell_off_before: str | None = None  # after `ends_at`; None: nothing is sold off after it
    archive: bool = False  # whether publications may stay in archives after `ends_at`
    indemnity: LeastIndemnity | None = None  # None: somebody makes nothing good


@dataclass(frozen=True)
class Clash:
    """Two grants that together leave nothing of a dimension: a person can tell which source to leave out."""

    dimension: str  # an attribute of EffectiveLicense; `term` for a period that is empty
    first: UUID
    second: UUID


def effective(relied: Sequence[Relied]) -> EffectiveLicense | Clash:
    """The meet of at least one grant; the same whatever their order, except that a `Clash` names them in it.

    Where the meet of many is empty though no two exclude each other, the pair
    is the grant that emptied it and the last one that had narrowed it before.
    """
    grants = list(relied)
    if not grants:
        raise ValueError("an effective license needs a grant")

    met: dict[str, frozenset[str] | None] = {}
    for dimension, scope in _SCOPES.items():
        outcome = _meet([(one.grant_id, scope(one.facts)) for one in grants], dimension)
        if isinstance(outcome, Clash):
            return outcome
        met[dimension] = outcome

    starts = max(grants, key=lambda one: _starts_at(one.facts))
    ending = [(end, one.grant_id) for one in grants if (end := _ends_at(one.facts)) is not None]
    ends_at, ends_by = min(ending, default=(None, None), key=lambda pair: pair[0] or "")
    starts_at = _starts_at(starts.facts)
    if ends_at is not None and ends_by is not None and ends_at <= starts_at:
        return Clash("term", starts.grant_id, ends_by)

    facts = [one.facts for one in grants]
    return EffectiveLicense.model_validate(
        {
            **met,
            "territories_tested": "accessible"
            if any(one.territories_tested == "accessible" or one.basis_territories for one in facts)
            else "targeted",
            "alteration_constraints": frozenset().union(*(one.alteration_constraints for one in facts)),
            "generative": all(one.generative for one in facts),
            "train": all(one.train for one in facts),
            "subjects_excluded": frozenset().union(
                *(one.subjects_excluded | one.release_subjects_excluded for one in facts)
            ),
            "max_copies": _least([one.max_copies for one in facts]),
            "carved": frozenset().union(*(one.carved for one in facts)),
            "starts_at": starts_at,
            "ends_at": ends_at,
            "create_before": _least([one.create_before for one in facts]),
            "publish_before": _least([one.publish_before for one in facts]),
            "sublicense": all(one.sublicense for one in grants),
            "share_alike": _share_alike(grants),
            "credits": _credits(grants),
            "sell_off_before": _sell_off_before(facts, ends_at=ends_at),
            "archive": ends_at is not None and all(one.archive or _ends_at(one) is None for one in facts),
            "indemnity": _indemnity([one.indemnity for one in grants]),
        }
    )


def _both(grant: frozenset[str] | None, releases: frozenset[str] | None) -> frozenset[str] | None:
    if grant is None or releases is None:
        return grant if releases is None else releases
    return grant & releases


# A scope is the set that a grant and the releases of its photo allow, or None for everything.
_SCOPES: dict[str, Callable[[GrantFacts], frozenset[str] | None]] = {
    "territories": lambda facts: _both(
        _places(facts),
        None if facts.release_worldwide else facts.release_territories & TERRITORIES,
    ),
    "channels": lambda facts: frozenset[str](facts.channels & facts.release_channels),
    "purposes": lambda facts: frozenset[str](facts.purposes & facts.release_purposes),
    "sectors": lambda facts: _both(
        None if facts.any_sector else facts.sectors,
        None if facts.release_any_sector else facts.release_sectors,
    ),
    "audiences": lambda facts: frozenset[str](facts.audiences),
    "alterations": lambda facts: frozenset[str](facts.alterations),
    "licensees": lambda facts: None if facts.any_licensee else facts.licensees,
}


def _meet(
    scopes: Sequence[tuple[UUID, frozenset[str] | None]], dimension: str
) -> frozenset[str] | Clash | None:
    limited = [(grant, scope) for grant, scope in scopes if scope is not None]
    for number, (second, narrow) in enumerate(limited):
        for first, wide in limited[: number + 1]:
            if not wide & narrow:
                return Clash(dimension, first, second)

    met: frozenset[str] | None = None
    narrowed_by: UUID | None = None
    for grant, scope in limited:
        narrower = scope if met is None else met & scope
        if not narrower and narrowed_by is not None:
            return Clash(dimension, narrowed_by, grant)
        if narrower != met:
            met, narrowed_by = narrower, grant
    return met


def _places(facts: GrantFacts) -> frozenset[str] | None:
    allowed = None if facts.worldwide else facts.territories & TERRITORIES
    if facts.basis != "ruling":
        return allowed
    return facts.basis_territories if allowed is None else allowed & facts.basis_territories


def _starts_at(facts: GrantFacts) -> str:
    return max(facts.starts_at, facts.release_starts_at or facts.starts_at)


def _consents_end(facts: GrantFacts) -> tuple[str | None, ...]:
    return facts.release_ends_at, facts.reconfirm_before, facts.data_basis_ends_at


def _ends_at(facts: GrantFacts) -> str | None:
    return _least([facts.ends_at, facts.embedded_ends_at, facts.basis_ends_at, *_consents_end(facts)])


def _sell_off_before(facts: Sequence[GrantFacts], *, ends_at: str | None) -> str | None:
    """Until when stock may be sold off on all grants: one that says nothing of it ends with its term."""
    stock = _least(
        [
            limit
            for one in facts
            for limit in (
                one.sell_off_before or one.ends_at,
                one.embedded_ends_at,
                one.basis_ends_at,
                *_consents_end(one),
            )
        ]
    )
    return stock if stock is not None and ends_at is not None and stock > ends_at else None


def _indemnity(given: Sequence[Indemnity | None]) -> LeastIndemnity | None:
    stated = [one for one in given if one is not None]
    scope = frozenset[Claim].intersection(*(one.scope for one in stated)) if stated else frozenset[Claim]()
    if len(stated) < len(given) or not scope:
        return None
    caps: dict[str, int] = {}
    for one in stated:
        if one.cap_minor is not None and one.currency is not None:
            caps[one.currency] = min(one.cap_minor, caps.get(one.currency, one.cap_minor))
    return LeastIndemnity(scope=scope, caps=tuple(sorted(caps.items())))


def _least(limits: Sequence[Limit | None]) -> Limit | None:
    stated = [limit for limit in limits if limit is not None]
    return min(stated) if stated else None


def _share_alike(grants: Sequence[Relied]) -> tuple[ShareAlike, ...]:
    demands: dict[str, list[UUID]] = {}
    for one in grants:
        if one.facts.share_alike is not None:
            demands.setdefault(one.facts.share_alike, []).append(one.grant_id)
    return tuple(
        ShareAlike(license=name, grant_ids=tuple(sorted({*ids}))) for name, ids in sorted(demands.items())
    )


def _credits(grants: Sequence[Relied]) -> tuple[CreditOwed, ...]:
    owed: dict[tuple[str, str, str], list[UUID]] = {}
    for one in grants:
        if one.credit is not None and one.credit.text is not None:  # else nobody may be named
            words = (one.credit.text, one.credit.placement, one.credit.text_ja or "")
            owed.setdefault(words, []).append(one.grant_id)
    return tuple(
        CreditOwed(text=text, placement=placement, text_ja=japanese or None, grant_ids=tuple(sorted({*ids})))
        for (text, placement, japanese), ids in sorted(owed.items())
    )
