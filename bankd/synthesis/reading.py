"""What synthesis tells people about requests: their state, and why a picture was not made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import labels
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing.models import Grant, License
from bankd.policy import service as policy
from bankd.policy.explain import Denial, says
from bankd.policy.load import Bundle
from bankd.provenance import service as provenance
from bankd.provenance.errors import CompositeNotFound
from bankd.provenance.models import Composite, Handout
from bankd.signoffs import reading as signoffs
from bankd.storage import Blobs
from bankd.synthesis import filing, origins, redeclaring
from bankd.synthesis.models import Clearance, Request, RequestState, Variation
from bankd.synthesis.shortfall import NO_PRODUCT, NO_PRODUCT_SAYS, NO_SEGMENTS, NO_SEGMENTS_SAYS, OWN
from synth.layout import Layout, regions

MAX_LAYOUT_BYTES = 64 << 20
FINAL = frozenset({RequestState.COMPLETED, RequestState.REFUSED, RequestState.FAILED})

DECLINED = "signoff-declined"
LAPSED = "signoff-lapsed"

OWN_SAYS = {
    origins.LAYOUT_WITHHELD: origins.SAYS,
    DECLINED: "Whoever was asked to sign this off has declined",
    LAPSED: "Nobody signed this off in time",
    "result-forged": "The render worker's answer did not hold when it was worked out again",
    "network-unknown": "No network is registered to refine with; ask for the refiner `blend`",
    "network-withheld": "Photos that the network was trained on do not clear for this use;"
    " ask for the refiner `blend`",
    "gate-exceeded": "The network changed more of the picture than it said",
    redeclaring.REDECLARED: redeclaring.SAYS,
    "tombstone-likeness": "The picture looked like a photo that was erased and may not come back",
    "uncovered": "The segments that were found could not cover these regions of the layout",
}

OUTSIDE_POLICY = {
    **OWN,
    NO_SEGMENTS: NO_SEGMENTS_SAYS,
    NO_PRODUCT: NO_PRODUCT_SAYS,
    **OWN_SAYS,
}
"""Sentences of what refuses without being a policy."""


@dataclass(frozen=True)
class RequestLine:
    """One request in a list."""

    id: UUID
    filed_at: datetime
    filed_by: str
    state: str
    purpose: str
    channels: tuple[str, ...]
    variations: int
    sealed: int


@dataclass(frozen=True)
class VariationShown:
    index: int
    state: str
    composite_id: UUID | None


@dataclass(frozen=True)
class Waits:
    """What a request waits for, and for whom. Who signed, why and of which photos is compliance's to see."""

    policy: str
    says: str
    role: str
    signers: int  # different people that it takes
    signed: int
    due_at: datetime


@dataclass(frozen=True)
class RequestShown:
    """A request as it was asked, and how far it is."""

    id: UUID
    filed_at: datetime
    filed_by: str
    department_id: UUID | None
    state: str
    finished_at: datetime | None
    attempt: int
    height: int
    width: int
    layout_sha256: str
    frame: str
    refiner: str
    canvas: str
    layout_origin: str
    products: dict[str, str]  # region -> the product that it is declared as
    seed: int
    use: dict[str, Any]
    variations: tuple[VariationShown, ...]
    failed: str | None
    timings_ms: dict[str, Any] | None
    memory_mb: dict[str, Any] | None
    waits: tuple[Waits, ...]

    @property
    def finished(self) -> bool:
        return self.state in FINAL

    @property
    def composites(self) -> tuple[UUID, ...]:
        return tuple(one.composite_id for one in self.variations if one.composite_id is not None)


@dataclass(frozen=True)
class RegionShort:
    """A region of the layout that the bank could not serve.

    `share` is of the layout's area, from 0 to 1; `segments` are those of its
    category that the bank holds; each reason counts the segments it stands against.
    Where `sampled` is not None, policies were asked about so many of the segments
    only, and what they stand against is an estimate.
    """

    region: int
    category: str
    area_px: int
    share: float
    box: tuple[int, ...]
    segments: int
    reasons: tuple[Denial, ...]
    sampled: int | None = None
    product: str | None = None  # that the region is declared as


@dataclass(frozen=True)
class Reason:
    code: str
    says: str


@dataclass(frozen=True)
class VariationExplained:
    """What became of one picture. `grants` are those that clash, `photos` the sources its seal refused."""

    index: int
    state: str
    composite_id: UUID | None
    reasons: tuple[Reason, ...]
    grants: tuple[str, ...]  # <license ref>/<grant ref>
    photos: tuple[UUID, ...]
    uncovered: tuple[str, ...]  # regions, with their categories


@dataclass(frozen=True)
class Explanation:
    """Why a request ended as it did, region by region and picture by picture."""

    request_id: UUID
    state: str
    bundle: str  # digest of the policies whose sentences are given
    regions: tuple[RegionShort, ...]
    variations: tuple[VariationExplained, ...]
    failed: str | None
    waits: tuple[Waits, ...] = ()


@dataclass(frozen=True)
class CompositeLine:
    """One composite in a list."""

    id: UUID
    sealed_at: datetime
    request_id: UUID
    variation: int
    height: int
    width: int
    handouts: int


def requests(
    session: Session, *, by: Actor, state: str | None = None, limit: int = 100, offset: int = 0
) -> list[RequestLine]:
    """Requests that `by` may know of, the newest first."""
    sealed = (
        select(func.count())
        .select_from(Variation)
        .where(Variation.request_id == Request.id, Variation.composite_id.is_not(None))
        .correlate(Request)
        .scalar_subquery()
    )
    wanted = (
        select(Request, sealed)
        .order_by(Request.filed_at.desc(), Request.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if state is not None:
        wanted = wanted.where(Request.state == state)
    if by.department_id is not None:
        wanted = wanted.where(Request.department_id == by.department_id)
    return [
        RequestLine(
            row.id,
            row.filed_at,
            row.filed_by,
            row.state,
            row.use["purpose"],
            tuple(row.use["channels"]),
            row.variations,
            count,
        )
        for row, count in session.execute(wanted)
    ]


def request(session: Session, request_id: UUID, *, by: Actor) -> RequestShown:
    """Raises: RequestNotFound: there is none, or it is another department's."""
    found = filing.get(session, request_id, by=by)
    return RequestShown(
        id=found.id,
        filed_at=found.filed_at,
        filed_by=found.filed_by,
        department_id=found.department_id,
        state=str(found.state),
        finished_at=found.finished_at,
        attempt=found.attempt,
        height=found.height,
        width=found.width,
        layout_sha256=found.layout_sha256,
        frame=found.frame,
        refiner=found.refiner,
        canvas=found.canvas,
        layout_origin=found.layout_origin,
        products=found.products,
        seed=found.seed,
        use=found.use,
        variations=tuple(
            VariationShown(one.index, str(one.state), one.composite_id)
            for one in _variations(session, request_id)
        ),
        failed=found.outcome.get("failed"),
        timings_ms=found.outcome.get("timings_ms"),
        memory_mb=found.outcome.get("memory_mb"),
        waits=waits(session, found),
    )


def waits(session: Session, request: Request) -> tuple[Waits, ...]:
    """What a request waits for, if it waits, the soonest due first."""
    if request.state != RequestState.AWAITING:
        return ()
    open_ = signoffs.queue(session, request_id=request.id)
    signed = signoffs.signatures(session, [one.id for one in open_])
    return tuple(
        Waits(
            one.policy,
            says(policy.stored(session, one.bundle_digest), one.policy),
            one.role,
            one.signers,
            len({each.signed_by for each in signed[one.id] if each.withdrawn_at is None}),
            one.due_at,
        )
        for one in open_
    )


def explain(
    session: Session, request_id: UUID, *, blobs: Blobs, taxonomy: Taxonomy, by: Actor
) -> Explanation:
    """Say why, in the sentences of the policies that decided (today's, where it came to no clearance).

    Raises:
        RequestNotFound: there is none, or it is another department's.
    """
    found = filing.get(session, request_id, by=by)
    bundle = _bundle(session, request_id)
    variations = _variations(session, request_id)
    whole = found.height * found.width
    names = {category.id: category.name for category in taxonomy.categories}
    cut: dict[int, str] = {}
    if any(one.reasons.get("uncovered") for one in variations):
        layout = labels.stored(blobs.get(found.layout_key, limit_bytes=MAX_LAYOUT_BYTES))
        cut = {region.ordinal: names[region.category] for region in regions(Layout(layout), taxonomy.thin)}
    clashing = refs(session, {UUID(grant) for one in variations for grant in one.reasons.get("grants", ())})
    return Explanation(
        request_id=request_id,
        state=str(found.state),
        bundle=bundle.digest,
        regions=tuple(
            RegionShort(
                region=short["region"],
                category=short["category"],
                area_px=short["area_px"],
                share=short["area_px"] / whole,
                box=tuple(short["box"]),
                segments=short["segments"],
                reasons=tuple(
                    Denial(one["policy"], one["says"], one["segments"]) for one in short["reasons"]
                ),
                sampled=short.get("sampled"),
                product=short.get("product"),
            )
            for short in found.outcome.get("regions", ())
        ),
        variations=tuple(
            _explained(one, bundle=bundle, said=_said(found), refs=clashing, cut=cut) for one in variations
        ),
        failed=found.outcome.get("failed"),
        waits=waits(session, found),
    )


def composites(session: Session, *, by: Actor, limit: int = 100, offset: int = 0) -> list[CompositeLine]:
    """Composites that `by` may know of, the newest first."""
    handed_out = (
        select(func.count())
        .select_from(Handout)
        .where(Handout.composite_id == Composite.id)
        .correlate(Composite)
        .scalar_subquery()
    )
    wanted = (
        select(
            Composite.id,
            Composite.sealed_at,
            Composite.request_id,
            Composite.variation,
            Composite.height,
            Composite.width,
            handed_out,
        )
        .order_by(Composite.sealed_at.desc(), Composite.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if by.department_id is not None:
        wanted = wanted.where(Composite.department_id == by.department_id)
    return [CompositeLine(*row) for row in session.execute(wanted)]


def composite_of(session: Session, composite_id: UUID, *, by: Actor) -> Composite:
    """With its usages and handouts.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
    """
    found = provenance.get(session, composite_id)
    if by.department_id is not None and found.department_id != by.department_id:
        raise CompositeNotFound(composite_id)
    return found


def _explained(
    one: Variation, *, bundle: Bundle, said: dict[str, str], refs: dict[UUID, str], cut: dict[int, str]
) -> VariationExplained:
    codes = [*one.reasons.get("reasons", ())]
    uncovered = [*one.reasons.get("uncovered", ())]
    if uncovered:
        codes.append("uncovered")
    reasons = [
        Reason(code, said.get(code) or OUTSIDE_POLICY.get(code) or says(bundle, code)) for code in codes
    ]
    if "failed" in one.reasons:
        reasons.append(Reason("failed", one.reasons["failed"]))
    return VariationExplained(
        index=one.index,
        state=str(one.state),
        composite_id=one.composite_id,
        reasons=tuple(reasons),
        grants=tuple(refs[UUID(grant)] for grant in one.reasons.get("grants", ())),
        photos=tuple(UUID(photo) for photo in one.reasons.get("photos", ())),
        uncovered=tuple(f"{cut[region]} (region {region})" for region in uncovered),
    )


def _said(request: Request) -> dict[str, str]:
    """The sentences that the refusal was recorded with: they stay, whatever the policies become."""
    return {
        one["policy"]: one["says"] for short in request.outcome.get("regions", ()) for one in short["reasons"]
    }


def _bundle(session: Session, request_id: UUID) -> Bundle:
    digest = session.scalar(
        select(Clearance.bundle_digest)
        .where(Clearance.request_id == request_id)
        .order_by(Clearance.at.desc())
        .limit(1)
    )
    return policy.active(session) if digest is None else policy.stored(session, digest)


def _variations(session: Session, request_id: UUID) -> list[Variation]:
    return list(
        session.scalars(select(Variation).where(Variation.request_id == request_id).order_by(Variation.index))
    )


def refs(session: Session, grant_ids: set[UUID]) -> dict[UUID, str]:
    """What grants are called: `<license ref>/<grant ref>`."""
    rows = session.execute(
        select(Grant.id, License.ref, Grant.ref)
        .join(License, License.id == Grant.license_id)
        .where(Grant.id.in_(grant_ids))
    )
    return {grant_id: f"{license}/{grant}" for grant_id, license, grant in rows}
