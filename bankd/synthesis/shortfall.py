"""Why the bank cannot serve a region: how many segments there are, and what stands in their way.

Photos under embargo or erased are counted nowhere: that they exist is
nobody's business yet, or any more.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, false, func, or_, select
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy import compile as compiled
from bankd.policy.clearing import Terms
from bankd.policy.explain import says
from synth.layout import Region

NO_SEGMENTS = "no-segments"
NO_SEGMENTS_SAYS = "The bank holds no photo with this category"
BLOCKED = "held-back"
BLOCKED_SAYS = "The license was withdrawn, superseded or used up, or somebody disputes the rights"
PROMISED = "cap-promised"
PROMISED_SAYS = "The pictures that this license still allows are fewer than were asked for here and elsewhere"
LEFT_OUT = "left-out"
LEFT_OUT_SAYS = "It cleared at first and no longer did when its rights were looked at again"
OWN = {BLOCKED: BLOCKED_SAYS, PROMISED: PROMISED_SAYS, LEFT_OUT: LEFT_OUT_SAYS}


def shortfall(
    session: Session,
    short: Sequence[Region],
    *,
    terms: Terms,
    taxonomy: Taxonomy,
    left_out: frozenset[UUID] = frozenset(),
    full: frozenset[UUID] = frozenset(),
) -> list[dict[str, Any]]:
    """Per region what it needed, how many segments of its category there are, and why none of them clears.

    A reason counts the segments for which it is among the reasons; a region has at least one.

    Args:
        left_out: photos that ranking was told to leave out.
        full: grants with no place left under their cap.
    """
    names = {category.id: category.name for category in taxonomy.categories}
    reasons = {
        category: _reasons(session, category, terms=terms, left_out=left_out, full=full)
        for category in {region.category for region in short}
    }
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


def _reasons(
    session: Session, category: int, *, terms: Terms, left_out: frozenset[UUID], full: frozenset[UUID]
) -> tuple[int, list[dict[str, Any]]]:
    visible = or_(Photo.embargo_until.is_(None), Photo.embargo_until <= terms.at)
    promised = exists().where(PhotoGrant.photo_id == Photo.id, PhotoGrant.grant_id.in_(full))
    each = (
        select(
            Segment.profile_id,
            or_(Photo.grant_blocks != 0, Photo.disputed_at.is_not(None)).label("blocked"),
            (promised if full else false()).label("promised"),
            (Photo.id.in_(left_out) if left_out else false()).label("left_out"),
        )
        .join(Photo, Photo.id == Segment.photo_id)
        .where(Segment.category_id == category, Photo.state == "admitted", visible)
        .subquery()
    )
    alike = (each.c.profile_id, each.c.blocked, each.c.promised, each.c.left_out)
    held = session.execute(select(*alike, func.count()).group_by(*alike)).all()
    if not held:
        return 0, [{"policy": NO_SEGMENTS, "says": NO_SEGMENTS_SAYS, "segments": 0}]
    denied: dict[int | None, set[str]] = {}
    rows = compiled.denials(terms.bundle, "synthesize", terms.use).subquery()
    ours = {profile for profile, *_ in held if profile is not None}
    for profile, _, policies in session.execute(select(rows).where(rows.c.profile_id.in_(ours))):
        denied.setdefault(profile, set()).update(policies)
    counts: Counter[str] = Counter()
    for profile, blocked, taken, left, count in held:
        own = {BLOCKED: blocked, PROMISED: taken, LEFT_OUT: left}
        ids = denied.get(profile, set()) | {policy for policy, holds in own.items() if holds}
        # Rights may move between ranking and this look; it was ranked without, whatever stands now.
        counts.update(dict.fromkeys(ids or {LEFT_OUT}, count))
    return sum(count for *_, count in held), [
        {"policy": policy, "says": OWN.get(policy) or says(terms.bundle, policy), "segments": count}
        for policy, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
