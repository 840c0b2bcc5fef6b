"""Look at what the bank could retrieve for layouts and a use. Nothing is ordered, reserved or logged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from bankd import retrieval
from bankd.access import service as access
from bankd.audit.actor import Actor
from bankd.catalog.labels import Labels
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing import caps
from bankd.licensing.use import Use
from bankd.policy.clearing import Terms, clear_photos, rights_of, terms_of
from bankd.policy.engine import Cleared
from bankd.policy.explain import Denial
from bankd.policy.filters import filter_for
from bankd.retrieval import Ranked
from bankd.synthesis.coverage import Coverage, LayoutFound, RegionFound, cover
from bankd.synthesis.plan import MADE_UP_BP, ROUNDS, UNCOVERED_BP
from bankd.synthesis.quality import fitted
from bankd.synthesis.shortfall import shortfall
from synth.layout import Layout, Region, regions
from synth.retrieval.descriptors import describe

Frame = Literal["scene", "box"]


@dataclass(frozen=True)
class Named:
    """A layout as house category ids, and what to call it."""

    name: str
    labels: Labels


def survey(
    session: Session,
    layouts: Sequence[Named],
    use: Use,
    *,
    frame: Frame,
    taxonomy: Taxonomy,
    by: Actor,
    at: datetime,
) -> Coverage:
    """How well the bank could serve these layouts for this use, today.

    Each region is looked at alone: a request chooses sources that suit each
    other, so its scores are these or lower, and grants that clash are found
    by a request alone.
    """
    terms = terms_of(session, use, at=at, department=access.department_called(session, by.department_id))
    full = caps.short(session, places=1, at=at)
    names = {category.id: category.name for category in taxonomy.categories}
    left_out: set[UUID] = set()
    found: list[LayoutFound] = []
    short: dict[int, Region] = {}  # one region of each category that is short
    for layout in layouts:
        cut = regions(Layout(layout.labels), taxonomy.thin)
        best = _best(session, layout.labels, cut, terms=terms, frame=frame, left_out=left_out, full=full)
        short |= {region.category: region for region, one in zip(cut, best, strict=True) if one is None}
        found.append(
            LayoutFound(
                layout.name,
                layout.labels.size,
                tuple(
                    _found(region, one, names[region.category]) for region, one in zip(cut, best, strict=True)
                ),
            )
        )
    reasons = shortfall(
        session, [*short.values()], terms=terms, taxonomy=taxonomy, left_out=frozenset(left_out), full=full
    )
    held = {
        one["category"]: (
            one["segments"],
            [Denial(why["policy"], why["says"], why["segments"]) for why in one["reasons"]],
        )
        for one in reasons
    }
    return cover(found, held, blend_bp=UNCOVERED_BP, network_bp=MADE_UP_BP, fitted=fitted())


def _best(
    session: Session,
    labels: Labels,
    cut: Sequence[Region],
    *,
    terms: Terms,
    frame: Frame,
    left_out: set[UUID],
    full: frozenset[UUID],
) -> list[Ranked | None]:
    """The best segment for each region that the engine clears too; what it refuses joins `left_out`."""
    query = describe(labels, tuple(cut), frame)
    cleared = filter_for(terms.bundle, "synthesize", terms.use)
    best: list[Ranked | None] = []
    for _ in range(ROUNDS):
        ranked = retrieval.rank(
            session,
            cleared,
            [region.category for region in cut],
            query,
            k=1,
            at=terms.at,
            without=frozenset(left_out),
            without_grants=full,
        )
        best = [row[0] if row else None for row in ranked]
        photos = {one.photo_id for one in best if one is not None}
        answers = clear_photos(terms, "synthesize", rights_of(session, photos, at=terms.at), without=full)
        dirty = {photo for photo in photos if not isinstance(answers.get(photo), Cleared)}
        if not dirty:
            return best
        left_out |= dirty
    return [None if one is None or one.photo_id in left_out else one for one in best]


def _found(region: Region, best: Ranked | None, category: str) -> RegionFound:
    if best is None:
        return RegionFound(category, region.area_px, None, None)
    context = best.ic / best.uc if best.uc else 0.0  # an empty context union scores 0
    return RegionFound(category, region.area_px, best.im / best.um, context)
