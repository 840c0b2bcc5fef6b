"""Why the bank cannot serve a region: how many segments there are, and what stands in their way.

Photos under embargo or erased are counted nowhere: that they exist is
nobody's business yet, or any more.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy import compile as compiled
from bankd.policy.clearing import Terms
from bankd.policy.explain import says
from synth.layout import Region

NO_SEGMENTS = "no-segments"
NO_SEGMENTS_SAYS = "The bank holds no photo with this category"
BLOCKED = "held-back"
BLOCKED_SAYS = "The license was withdrawn, superseded or used up, or somebody disputes the rights"


def shortfall(
    session: Session, short: Sequence[Region], *, terms: Terms, taxonomy: Taxonomy
) -> list[dict[str, Any]]:
    """Per region what it needed, how many segments of its category there are, and why none of them clears.

    A reason counts the segments for which it is among the reasons.
    """
    names = {category.id: category.name for category in taxonomy.categories}
    reasons = {category: _reasons(session, category, terms=terms) for category in {r.category for r in short}}
    return [
        {
            "region": region.ordinal,
            "category": names[region.category],
            "area_px": region.area_px,
            "box": [region.x0, region.y0, region.x1, region.y1],
            "segments": reasons[region.category][0],
            "reasons": reasons[region.category][1],
        }
        for region in short
    ]


def _reasons(session: Session, category: int, *, terms: Terms) -> tuple[int, list[dict[str, Any]]]:
    visible = or_(Photo.embargo_until.is_(None), Photo.embargo_until <= terms.at)
    held = session.execute(
        select(Segment.profile_id, Photo.grant_blocks, Photo.disputed_at.is_not(None), func.count())
        .join(Photo, Photo.id == Segment.photo_id)
        .where(Segment.category_id == category, Photo.state == "admitted", visible)
        .group_by(Segment.profile_id, Photo.grant_blocks, Photo.disputed_at.is_not(None))
    ).all()
    denied: dict[int | None, dict[int, list[str]]] = {}
    ours = {profile for profile, *_ in held if profile is not None}
    rows = compiled.denials(terms.bundle, "synthesize", terms.use).subquery()
    for profile, ordinal, policies in session.execute(select(rows).where(rows.c.profile_id.in_(ours))):
        denied.setdefault(profile, {})[ordinal] = policies
    counts: Counter[str] = Counter()
    for profile, blocks, disputed, count in held:
        ids = {policy for policies in denied.get(profile, {}).values() for policy in policies}
        if disputed or blocks:
            ids.add(BLOCKED)
        for policy in ids:
            counts[policy] += count
    if not held:
        return 0, [{"policy": NO_SEGMENTS, "says": NO_SEGMENTS_SAYS, "segments": 0}]
    own = {BLOCKED: BLOCKED_SAYS}
    return sum(count for *_, count in held), [
        {"policy": policy, "says": own.get(policy) or says(terms.bundle, policy), "segments": count}
        for policy, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
