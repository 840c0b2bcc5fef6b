"""What a bundle would change: the last requests and composites decided under it and under the one in force.

Both are asked of the same rights, those of today, at the same moment, so that whatever differs comes of
the bundle alone. Nothing is written: the transaction can only read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.audit.actor import Actor
from bankd.catalog import labels
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing import caps
from bankd.licensing.facts import use_facts
from bankd.licensing.use import Use
from bankd.policy import compile
from bankd.policy import service as policy
from bankd.policy.clearing import Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared, Refused
from bankd.policy.errors import InvalidBundle
from bankd.policy.explain import Denial, says
from bankd.policy.facts import Pictured
from bankd.policy.load import Bundle
from bankd.provenance import manifest
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite, Handout
from bankd.storage import Blobs
from bankd.synthesis import asking, made_by, origins, products
from bankd.synthesis.clearing import SealRefused, SetRefused, clear_set, relied_on
from bankd.synthesis.models import Request
from bankd.synthesis.plan import Asked, Clashing, Plan, plan
from bankd.synthesis.reading import OUTSIDE_POLICY
from bankd.synthesis.shortfall import shortfall
from synth.layout import Layout

MAX_LAYOUT_BYTES = 64 << 20

Change = Literal["refused", "cleared", "other reasons", "other sources"]


@dataclass(frozen=True)
class RequestChanged:
    """A request that would come out otherwise.

    `reasons` are why it would be refused (or, of one that would now be cleared, why it is today);
    `photos` count the sources that would be placed anew where only these differ.
    """

    request_id: UUID
    filed_at: datetime
    purpose: str
    change: Change
    reasons: tuple[Denial, ...]
    photos: int = 0


@dataclass(frozen=True)
class CompositeChanged:
    """A sealed composite that could be handed out under one of the two bundles alone."""

    composite_id: UUID
    request_id: UUID
    sealed_at: datetime
    change: Literal["refused", "cleared"]
    reasons: tuple[Denial, ...]
    handouts: int


@dataclass(frozen=True)
class Comparison:
    """Two bundles over the same requests and composites; what comes out alike is only counted."""

    in_force: str
    other: str
    added: tuple[str, ...]  # ids of policies
    removed: tuple[str, ...]
    reworded: tuple[str, ...]  # same id, another text
    requests: int
    composites: int
    changed: tuple[RequestChanged, ...]
    handouts_changed: tuple[CompositeChanged, ...]


def compare(
    session: Session,
    other: Bundle,
    *,
    last: int,
    blobs: Blobs,
    taxonomy: Taxonomy,
    by: Actor,
    at: datetime,
) -> Comparison:
    """Ask both bundles about the last requests (as if filed now, with the rights of now) and composites.

    A request whose use is over by now is asked as of when it was filed. Of a composite the handout is
    asked, for the whole of its use, today.

    Raises:
        InvalidBundle: a policy of the other has no SQL.
        NoActiveBundle: there is nothing to compare with.
        BlobUnavailable, BlobMissing, BlobDamaged: a layout cannot be read.
    """
    if problems := compile.problems(other):
        raise InvalidBundle(problems)
    session.execute(text("SET TRANSACTION READ ONLY"))
    before = policy.active(session)
    requests = list(session.scalars(_latest(select(Request), Request.filed_at, Request.id, last, by)))
    changed = []
    for request in requests:
        layout = labels.stored(blobs.get(request.layout_key, limit_bytes=MAX_LAYOUT_BYTES))
        outcomes = [
            _outcome(session, request, Layout(layout), bundle=bundle, taxonomy=taxonomy, at=at)
            for bundle in (before, other)
        ]
        found = _difference(request, *outcomes, bundles=(before, other))
        if found is not None:
            changed.append(found)
    composites = list(
        session.scalars(_latest(select(Composite), Composite.sealed_at, Composite.id, last, by))
    )
    handed = [_handout(session, composite, before, other, at=at) for composite in composites]
    return Comparison(
        in_force=before.digest,
        other=other.digest,
        added=tuple(sorted(other.policies.keys() - before.policies.keys())),
        removed=tuple(sorted(before.policies.keys() - other.policies.keys())),
        reworded=tuple(
            sorted(
                id
                for id in before.policies.keys() & other.policies.keys()
                if before.policies[id].source != other.policies[id].source
            )
        ),
        requests=len(requests),
        composites=len(composites),
        changed=tuple(changed),
        handouts_changed=tuple(one for one in handed if one is not None),
    )


def _latest(wanted: Any, moment: Any, id: Any, last: int, by: Actor) -> Any:
    wanted = wanted.order_by(moment.desc(), id.desc()).limit(last)
    if by.department_id is not None:
        wanted = wanted.where(moment.class_.department_id == by.department_id)
    return wanted


@dataclass(frozen=True)
class _Outcome:
    """Photos with the grant relied on; or, where there are none, why."""

    relied: Mapping[UUID, UUID]
    reasons: Mapping[str, int]


def _outcome(
    session: Session, request: Request, layout: Layout, *, bundle: Bundle, taxonomy: Taxonomy, at: datetime
) -> _Outcome:
    use = Use.model_validate(request.use)
    moment = at if use.ends_on >= at.date() else request.filed_at
    asks = access.department_called(session, request.department_id)
    signed = asking.signed_for(session, request, bundle, at=moment)
    terms = Terms(bundle, use_facts(use, at=moment, department=asks), moment, signed)
    made_with = made_by.networks(session, request, terms)
    if isinstance(made_with, SealRefused):
        return _refused(made_with.reasons)
    arranged = origins.arranged(session, request, terms)
    if isinstance(arranged, SealRefused):
        return _refused(arranged.reasons)
    terms = replace(arranged, pictured=Pictured(products=frozenset(request.products.values())))
    full = caps.short(session, places=1, at=moment)
    asked = Asked(
        layout,
        request.frame,  # type: ignore[arg-type]
        tuple(range(request.variations)),
        request.seed,
        makes_up=bool(made_with),
        products=products.by_region(request.products),
    )
    planned = plan(session, asked, terms=terms, taxonomy=taxonomy, without_grants=full)
    if isinstance(planned, Plan):
        return _Outcome(planned.relied, {})
    if isinstance(planned, Clashing):
        return _refused(planned.refused.reasons)
    short = [planned.regions[ordinal] for ordinal in planned.uncovered]
    regions = shortfall(
        session,
        short,
        terms=terms,
        taxonomy=taxonomy,
        products=asked.products,
        left_out=planned.left_out,
        full=full,
    )
    counted: dict[str, int] = {}
    for region in regions:
        for reason in region["reasons"]:
            counted[reason["policy"]] = counted.get(reason["policy"], 0) + 1
    return _Outcome({}, counted)


def _refused(reasons: Iterable[str]) -> _Outcome:
    return _Outcome({}, dict.fromkeys(reasons, 1))


def _difference(
    request: Request, was: _Outcome, would: _Outcome, *, bundles: tuple[Bundle, Bundle]
) -> RequestChanged | None:
    photos = 0
    if was.relied and would.relied:
        if was.relied == would.relied:
            return None
        change: Change = "other sources"
        reasons: tuple[Denial, ...] = ()
        photos = len(would.relied.items() - was.relied.items())
    elif was.relied:
        change, reasons = "refused", _said(bundles[1], would.reasons)
    elif would.relied:
        change, reasons = "cleared", _said(bundles[0], was.reasons)
    elif was.reasons.keys() == would.reasons.keys():
        return None
    else:
        change, reasons = "other reasons", _said(bundles[1], would.reasons)
    return RequestChanged(
        request.id, request.filed_at, str(request.use["purpose"]), change, reasons, photos=photos
    )


def _said(bundle: Bundle, reasons: Mapping[str, int]) -> tuple[Denial, ...]:
    """Each reason with the regions that it stands against, the commonest first."""
    return tuple(
        Denial(id, OUTSIDE_POLICY.get(id) or says(bundle, id), count)
        for id, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    )


def _handout(
    session: Session, composite: Composite, before: Bundle, other: Bundle, *, at: datetime
) -> CompositeChanged | None:
    was, would = (_not_handed_out(session, composite, bundle, at=at) for bundle in (before, other))
    if bool(was) == bool(would):
        return None
    return CompositeChanged(
        composite_id=composite.id,
        request_id=composite.request_id,
        sealed_at=composite.sealed_at,
        change="refused" if would else "cleared",
        reasons=_said(other, dict.fromkeys(would, 1)) if would else _said(before, dict.fromkeys(was, 1)),
        handouts=_handouts(session, composite.id),
    )


def _not_handed_out(
    session: Session, composite: Composite, bundle: Bundle, *, at: datetime
) -> frozenset[str]:
    """Why its photos on the grants relied on, or the set of them, would not clear today, if so."""
    use = Disclosures.model_validate(composite.disclosures).use()
    asks = access.department_called(session, composite.department_id)
    request = session.get_one(Request, composite.request_id)
    signed = asking.signed_for(session, request, bundle, at=at)
    sealed = manifest.read(composite.manifest)
    pictured = products.as_sealed(sealed, Disclosures.model_validate(composite.disclosures))
    terms = Terms(bundle, use_facts(use, at=at, department=asks), at, signed, pictured=pictured)
    if (layout := sealed.layout_photo) is not None:
        arranged = origins.adapted(
            session, layout.photo_id, terms, action="publish-adapted", on=layout.grant_id
        )
        if isinstance(arranged, SealRefused):
            return arranged.reasons
        terms = arranged
    relied = {one.photo_id: one.grant_id for one in sealed.placed_photos}
    rights = rights_of(session, relied, at=at)
    answers = clear_photos(terms, "publish", rights, only=relied)
    refused = [answer for answer in answers.values() if isinstance(answer, Refused)]
    if refused:
        return frozenset(reason for answer in refused for reason in answer.reasons)
    assert all(isinstance(answer, Cleared) for answer in answers.values())
    met = clear_set(
        terms, [relied_on(rights, photo, relied[photo]) for photo in sorted(relied)], photos=relied.keys()
    )
    return met.reasons if isinstance(met, SetRefused) else frozenset()


def _handouts(session: Session, composite_id: UUID) -> int:
    counted = select(func.count()).select_from(Handout).where(Handout.composite_id == composite_id)
    return session.scalar(counted) or 0
