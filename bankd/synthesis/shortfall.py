"""Why the bank cannot serve a region: how many segments there are, and what stands in their way.

Photos erased are counted nowhere, and those under embargo for nobody but who may
see them: that they exist is nobody else's business yet, or any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, any_, exists, false, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy import compile as compiled
from bankd.policy.clearing import Terms
from bankd.policy.explain import says
from bankd.policy.facts import moment
from bankd.synthesis.products import shown
from synth.layout import Region

NO_SEGMENTS = "no-segments"
NO_SEGMENTS_SAYS = "The bank holds no photo with this category"
NO_PRODUCT = "no-product-segments"
NO_PRODUCT_SAYS = "The bank holds no photo with this category that is recorded as this product"
BLOCKED = "held-back"
BLOCKED_SAYS = "The license was withdrawn, superseded or used up, or somebody disputes the rights"
PROMISED = "cap-promised"
PROMISED_SAYS = "The pictures that this license still allows are fewer than were asked for here and elsewhere"
LEFT_OUT = "left-out"
LEFT_OUT_SAYS = "It cleared at first and no longer did when its rights were looked at again"
EMBARGOED = "embargoed"
EMBARGOED_SAYS = "It may not be published before its embargo ends"
OWN = {BLOCKED: BLOCKED_SAYS, PROMISED: PROMISED_SAYS, EMBARGOED: EMBARGOED_SAYS, LEFT_OUT: LEFT_OUT_SAYS}
NO_PRODUCTS: Mapping[int, str] = {}
KINDS = 1000  # of rights profiles, of which policies are asked; where there are more, so many of them


def shortfall(
    session: Session,
    short: Sequence[Region],
    *,
    terms: Terms,
    taxonomy: Taxonomy,
    products: Mapping[int, str] = NO_PRODUCTS,
    left_out: frozenset[UUID] = frozenset(),
    full: frozenset[UUID] = frozenset(),
) -> list[dict[str, Any]]:
    """Per region what it needed, how many segments of its category there are, and why none of them clears.

    A reason counts the segments for which it is among the reasons; a region has at least one.
    In a bank of very many rights profiles policies are asked about a sample of them: `sampled` says
    how many segments these have (else None), and what a policy counts is then an estimate. All
    other counts are exact.

    Args:
        products: region -> the product that it is declared as; only what is recorded as it counts there.
        left_out: photos that ranking was told to leave out.
        full: grants with no place left under their cap.
    """
    looked = look(
        session, short, terms=terms, taxonomy=taxonomy, products=products, left_out=left_out, full=full
    )
    return told(looked, terms)


@dataclass(frozen=True)
class Kinds:
    """The segments of one category that are counted, by what makes them alike.

    Args:
        exact: segments that each reason outside policy stands against.
        asked: (profile, reasons outside policy, segments), of all kinds or of a sample.
        denied: by profile the policies that deny a grant of its.
    """

    segments: int
    exact: Mapping[str, int]
    asked: Sequence[tuple[int | None, frozenset[str], int]]
    whole: bool
    denied: Mapping[int | None, frozenset[str]]


@dataclass(frozen=True)
class Looked:
    """Regions that are short, and what was seen of their categories."""

    regions: Sequence[Mapping[str, Any]]  # region, category, area_px, box
    kinds: Mapping[str, Kinds]  # see `_kind`


def look(
    session: Session,
    short: Sequence[Region],
    *,
    terms: Terms,
    taxonomy: Taxonomy,
    products: Mapping[int, str] = NO_PRODUCTS,
    left_out: frozenset[UUID] = frozenset(),
    full: frozenset[UUID] = frozenset(),
) -> Looked:
    """What `shortfall` tells of, before it is counted."""
    names = {category.id: category.name for category in taxonomy.categories}
    asked = {(region.category, products.get(region.ordinal)) for region in short}
    return Looked(
        [
            {
                "region": region.ordinal,
                "category": names[region.category],
                "area_px": region.area_px,
                "box": [region.x0, region.y0, region.x1, region.y1],
                **({"product": products[region.ordinal]} if region.ordinal in products else {}),
            }
            for region in short
        ],
        {
            _kind(names[category], product): _kinds(
                session, category, product=product, terms=terms, left_out=left_out, full=full
            )
            for category, product in sorted(asked, key=lambda one: (one[0], one[1] or ""))
        },
    )


def _kind(category: str, product: str | None) -> str:
    return category if product is None else f"{category} as {product}"


def _kind_of(region: Mapping[str, Any]) -> str:
    return _kind(region["category"], region.get("product"))


def told(looked: Looked, terms: Terms) -> list[dict[str, Any]]:
    """The regions with their reasons, counted. No session: from the same look the same comes, always."""
    held = {category: _held(kinds) for category, kinds in looked.kinds.items()}
    return [
        {
            **region,
            "segments": held[_kind_of(region)].segments,
            "sampled": held[_kind_of(region)].sampled,
            "reasons": _reasons(held[_kind_of(region)], product=region.get("product"), terms=terms),
        }
        for region in looked.regions
    ]


def _reasons(held: "_Held", *, product: str | None, terms: Terms) -> list[dict[str, Any]]:
    if not held.segments and product is not None:
        return [{"policy": NO_PRODUCT, "says": NO_PRODUCT_SAYS, "segments": 0}]
    if not held.segments:
        return [{"policy": NO_SEGMENTS, "says": NO_SEGMENTS_SAYS, "segments": 0}]
    return [
        {"policy": policy, "says": OWN.get(policy) or says(terms.bundle, policy), "segments": count}
        for policy, count in sorted(held.reasons.items(), key=lambda item: (-item[1], item[0]))
    ]


@dataclass(frozen=True)
class _Held:
    """The segments of one category: how many there are, and how many each reason stands against.

    `sampled` is how many of them the policies were asked about, None for all.
    """

    segments: int
    reasons: dict[str, int]
    sampled: int | None = None


def _held(kinds: Kinds) -> _Held:
    if not kinds.segments:
        return _Held(0, {})
    counts: Counter[str] = Counter()
    for profile, own, count in kinds.asked:
        # Rights may move between ranking and this look; it was ranked without, whatever stands now.
        ids = kinds.denied.get(profile, frozenset() if own else frozenset({LEFT_OUT}))
        counts.update(dict.fromkeys(ids, count))
    sampled = sum(count for _, _, count in kinds.asked)
    reasons = Counter({name: count for name, count in kinds.exact.items() if count})
    reasons.update({name: max(1, round(count * kinds.segments / sampled)) for name, count in counts.items()})
    return _Held(kinds.segments, dict(reasons), None if kinds.whole else sampled)


def _kinds(
    session: Session,
    category: int,
    *,
    product: str | None,
    terms: Terms,
    left_out: frozenset[UUID],
    full: frozenset[UUID],
) -> Kinds:
    over = or_(Photo.embargo_until.is_(None), Photo.embargo_until <= terms.at)
    seen = (
        literal(terms.use.department) == any_(Photo.embargo_visible_to) if terms.use.department else false()
    )
    starts_at = literal(moment(terms.use.starts_at), compiled.MOMENTS)
    promised = exists().where(PhotoGrant.photo_id == Photo.id, PhotoGrant.grant_id.in_(full))
    each = (
        select(
            Segment.profile_id,
            or_(
                Photo.grant_blocks != 0,
                Photo.disputed_at.is_not(None),
                Photo.withdrawn_at.is_not(None),
                func.coalesce(Photo.held_until > terms.at, False),
            ).label(BLOCKED),
            (promised if full else false()).label(PROMISED),
            (not_(over) & (Photo.embargo_until > starts_at)).label(EMBARGOED),
            (Photo.id.in_(left_out) if left_out else false()).label(LEFT_OUT),
        )
        .join(Photo, Photo.id == Segment.photo_id)
        .where(
            Segment.category_id == category,
            Photo.state == "admitted",
            or_(over, seen),
            *([] if product is None else [shown(product)]),
        )
        .subquery()
    )
    alike = (each.c.profile_id, *(each.c[name] for name in OWN))
    kinds = select(*alike, func.count().label("held")).group_by(*alike).subquery()
    # Sums over all kinds, beside the kinds themselves; of very many only some leave the database.
    rows = session.execute(
        select(
            kinds,
            _sum(kinds.c.held).over().label("segments"),
            *(_sum(kinds.c.held).filter(kinds.c[name]).over() for name in OWN),
        )
        .order_by(func.hashint4(kinds.c.profile_id), *(kinds.c[name] for name in OWN))
        .limit(KINDS + 1)
    ).all()
    if not rows:
        return Kinds(0, {}, (), whole=True, denied={})
    asked = [
        (profile, frozenset(name for name, holds in zip(OWN, flags, strict=True) if holds), int(count))
        for profile, *flags, count in (row[: 2 + len(OWN)] for row in rows[:KINDS])
    ]
    return Kinds(
        segments=int(rows[0].segments),
        exact={name: int(count or 0) for name, count in zip(OWN, rows[0][-len(OWN) :], strict=True)},
        asked=asked,
        whole=len(rows) <= KINDS,
        denied=_denied(session, {profile for profile, _, _ in asked}, terms=terms),
    )


def _denied(session: Session, profiles: set[int | None], *, terms: Terms) -> dict[int | None, frozenset[str]]:
    """By profile the policies that deny a grant of its."""
    rows = compiled.denials(terms.bundle, "synthesize", terms.use).subquery()
    ours = literal(sorted(profile for profile in profiles if profile is not None), ARRAY(Integer))
    denied: dict[int, set[str]] = {}
    for profile, _, policies in session.execute(select(rows).where(rows.c.profile_id == any_(ours))):
        denied.setdefault(profile, set()).update(policies)
    return {profile: frozenset(policies) for profile, policies in denied.items()}


def _sum(count: Any) -> Any:
    return func.sum(count, type_=BigInteger)
