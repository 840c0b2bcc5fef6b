"""What would let a refused request be served: the nearest use that clears, and rights to be obtained.

Found by asking the engine about photos as they stand today, and said only after the whole request was planned
anew with the changed use. Photos that are held back, or under embargo, are not thought of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.access.permissions import Permission, may
from bankd.audit.actor import Actor
from bankd.catalog import labels
from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing import caps
from bankd.licensing.facts import use_facts
from bankd.licensing.models import Grant, License
from bankd.licensing.use import Use
from bankd.policy.clearing import Rights, Terms, rights_of, terms_of
from bankd.policy.engine import Offer, decide_many
from bankd.policy.facts import Pictured
from bankd.policy.nearest import Change, Nearest, nearest
from bankd.policy.obtainable import Obtainable, obtainable
from bankd.storage import Blobs
from bankd.synthesis import filing, made_by, origins, products, redeclaring
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.models import Request, RequestState
from bankd.synthesis.plan import Asked, Plan, Short, plan
from synth.layout import Layout

MAX_LAYOUT_BYTES = 64 << 20
KINDS = 50  # rights profiles of a category that are asked about, the commonest first
SHOWN = 4


@dataclass(frozen=True)
class NearestUse:
    """A use for which the request would be served today, and the changes that lead to it."""

    says: str
    changes: tuple[Change, ...]
    use: dict[str, Any]


@dataclass(frozen=True)
class RightWanted:
    """What would have to be obtained so that a category has a photo for the use as declared.

    Photo and license are named only to those who may read of them.
    """

    category: str
    says: str
    rights: tuple[str, ...]
    photo_id: UUID | None
    license: str | None


@dataclass(frozen=True)
class Advice:
    """`none` says why there is none to give; it is None where there is."""

    request_id: UUID
    nearest: tuple[NearestUse, ...]
    rights: tuple[RightWanted, ...]
    none: str | None


def advise(
    session: Session, request_id: UUID, *, blobs: Blobs, taxonomy: Taxonomy, by: Actor, at: datetime
) -> Advice:
    """Changes nothing and reserves nothing: tomorrow's rights may be others.

    Raises:
        RequestNotFound: there is none, or it is another department's.
        NoActiveBundle.
    """
    request = filing.get(session, request_id, by=by)
    if request.state != RequestState.REFUSED:
        return Advice(request_id, (), (), f"the request is {request.state}, not refused")
    if redeclaring.AFTER in request.outcome:
        return Advice(request_id, (), (), "compliance has to look at it first")
    use = Use.model_validate(request.use)
    asks = access.department_called(session, request.department_id)
    terms = terms_of(session, use, at=at, department=asks)
    layout = Layout(labels.stored(blobs.get(request.layout_key, limit_bytes=MAX_LAYOUT_BYTES)))
    found = _planned(session, request, layout, terms, taxonomy)
    if isinstance(found, Plan):
        return Advice(request_id, (), (), "it would be served today as it is: file it again")
    if isinstance(found, SealRefused):
        return Advice(request_id, (), (), "its layout or its network may not be used for it")
    if not isinstance(found, Short):
        return Advice(request_id, (), (), "its sources clear, and cannot stand in one picture")
    if request.products.keys() & set(map(str, found.uncovered)):
        # Rights in photos of anything else would not help.
        return Advice(
            request_id, (), (), "a region that is declared as a product has no photo of it that clears"
        )
    short = {found.regions[ordinal].category for ordinal in found.uncovered}
    offered = _offered(session, short, at=at)

    def clears(changed: Use) -> bool:
        facts = use_facts(changed, at=at, department=asks)
        return all(
            any(
                one.allowed
                for one in decide_many(terms.bundle, "synthesize", [o.facts for _, o in offered[c]], facts)
            )
            for c in short
        )

    nearer: list[Nearest] = []
    for one in nearest(use, clears) if all(offered[c] for c in short) else []:
        if one.changes and len(nearer) < SHOWN:
            again = replace(terms, use=use_facts(one.use, at=at, department=asks))
            if isinstance(_planned(session, request, layout, again, taxonomy), Plan):
                nearer.append(one)
    wanted = {c: obtainable(terms.bundle, terms.use, offered[c]) for c in sorted(short)}
    rights = _named(session, wanted, taxonomy, by=by)
    nothing = (
        None
        if nearer or rights
        else "no change of the use that this bank may suggest would clear it, nor a release or license:"
        f" see `bankd requests explain {request_id}`"
    )
    return Advice(request_id, tuple(_shown(one, by=by) for one in nearer), rights, nothing)


def _planned(session: Session, request: Request, layout: Layout, terms: Terms, taxonomy: Taxonomy) -> object:
    """The plan of the whole request, or what stands in its way."""
    made_with = made_by.networks(session, request, terms)
    if isinstance(made_with, SealRefused):
        return made_with
    arranged = origins.arranged(session, request, terms)
    if isinstance(arranged, SealRefused):
        return arranged
    terms = replace(arranged, pictured=Pictured(products=frozenset(request.products.values())))
    asked = Asked(
        layout,
        request.frame,  # type: ignore[arg-type]
        tuple(range(request.variations)),
        request.seed,
        makes_up=bool(made_with),
        products=products.by_region(request.products),
    )
    full = caps.short(session, places=1, at=terms.at)
    return plan(session, asked, terms=terms, taxonomy=taxonomy, without_grants=full)


def _offered(
    session: Session, categories: set[int], *, at: datetime
) -> Mapping[int, Sequence[tuple[UUID, Offer]]]:
    """By category the grants of one photo of each rights profile, of photos that nothing holds back."""
    kinds = (
        select(
            Segment.category_id,
            func.array_agg(aggregate_order_by(Photo.id, Photo.id))[1].label("photo_id"),
            func.row_number()
            .over(
                partition_by=Segment.category_id,
                order_by=(func.count().desc(), Segment.profile_id),
            )
            .label("place"),
        )
        .join(Photo, Photo.id == Segment.photo_id)
        .where(
            Segment.category_id.in_(categories),
            Photo.state == "admitted",
            Photo.grant_blocks == 0,
            or_(Photo.blocked_until.is_(None), Photo.blocked_until <= at),
        )
        .group_by(Segment.category_id, Segment.profile_id)
        .subquery()
    )
    rows = session.execute(select(kinds.c.category_id, kinds.c.photo_id).where(kinds.c.place <= KINDS)).all()
    rights: Rights = rights_of(session, {photo_id for _, photo_id in rows}, at=at)
    offered: dict[int, list[tuple[UUID, Offer]]] = {category: [] for category in categories}
    for category, photo_id in rows:
        offered[category] += [(photo_id, offer) for offer in rights.offers[photo_id]]
    return offered


def _shown(found: Nearest, *, by: Actor) -> NearestUse:
    """How many copies a license allows is its terms' business: the number goes to those who may read them."""
    reads_terms = may(by, Permission.TERMS_READ)
    changes = tuple(
        Change("copies") if change.dimension == "copies" and not reads_terms else change
        for change in found.changes
    )
    use = found.use.as_json()
    if changes != found.changes:
        del use["copies"]
    return NearestUse(", ".join(change.says for change in changes), changes, use)


def _named(
    session: Session, wanted: Mapping[int, Obtainable | None], taxonomy: Taxonomy, *, by: Actor
) -> tuple[RightWanted, ...]:
    names = {category.id: category.name for category in taxonomy.categories}
    reads_photos, reads_terms = may(by, Permission.PHOTOS_READ), may(by, Permission.TERMS_READ)
    grants = {one.grant_id for one in wanted.values() if one is not None}
    rows = session.execute(
        select(Grant.id, License.ref)
        .join(License, License.id == Grant.license_id)
        .where(Grant.id.in_(grants))
    )
    licenses: dict[UUID, str] = dict(rows.all())
    return tuple(
        RightWanted(
            category=names[category],
            says=f"for `{names[category]}`: {one.says}",
            rights=one.rights,
            photo_id=one.photo_id if reads_photos else None,
            license=licenses[one.grant_id] if reads_terms and "license" in one.rights else None,
        )
        for category, one in wanted.items()
        if one is not None
    )
