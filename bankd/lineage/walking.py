"""From one node to all that it was made of, or all that was made of it: one recursive statement, by index.

What a photo was cut into is many, and which of it was placed is known by photo in `usages`: so the walk
goes from photo to composite in one stride of two steps, and segments are not walked through (only begun
from). A training photo is no placed photo: unless the caller says so, or begins there, a walk stops at a
network checkpoint on its way down, and at a snapshot on its way up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.lineage.errors import PlaceUnreadable
from bankd.lineage.graph import WAYS, Name, NodeKind, Way

STRIDE = "stride"
"""What stands for the two relations `cut` and `placed` while walking."""


def _of(kind: NodeKind, type_name: str) -> str:
    """The key of the node walked from, as its column has it; NULL, and so nothing, for another kind."""
    return f"CASE WHEN w.kind = '{kind}' THEN w.key::{type_name} END"


_PHOTO = _of(NodeKind.PHOTO, "uuid")
_SEGMENT = _of(NodeKind.SEGMENT, "bigint")
_COMPOSITE = _of(NodeKind.COMPOSITE, "uuid")
_HANDOUT = _of(NodeKind.HANDOUT, "uuid")
_PUBLICATION = _of(NodeKind.PUBLICATION, "uuid")
_SNAPSHOT = _of(NodeKind.SNAPSHOT, "uuid")
_CHECKPOINT = _of(NodeKind.CHECKPOINT, "text")
# A department sees its own composites, and of photos that did not go into them its own and the house's.
_THEIRS = "(CAST(:department AS uuid) IS NULL OR c.department_id = :department)"
_SEEN = "(CAST(:department AS uuid) IS NULL OR p.department_id = :department)"

# ruff: noqa: S608  the statements below are of words of our own alone
DOWN = f"""
    SELECT 'segment', s.id::text, 'cut', 1 FROM segments s
        WHERE w.kind = 'photo' AND s.photo_id = {_PHOTO}
    UNION ALL
    SELECT 'composite', c.id::text, '{STRIDE}', 2
        FROM (SELECT DISTINCT u.composite_id FROM usages u WHERE u.photo_id = {_PHOTO}) used
        JOIN composites c ON c.id = used.composite_id
        WHERE w.kind = 'photo' AND {_THEIRS}
    UNION ALL
    SELECT 'snapshot', t.snapshot_id::text, 'pinned', 1 FROM photos p
        JOIN snapshot_photos t ON t.photo_sha256 = p.sha256
        WHERE w.kind = 'photo' AND p.id = {_PHOTO}
    UNION ALL
    SELECT 'composite', c.id::text, 'placed', 1 FROM segments s
        JOIN usages u ON u.photo_id = s.photo_id AND u.segment_id = s.id
        JOIN composites c ON c.id = u.composite_id
        WHERE w.kind = 'segment' AND w.depth = 0 AND s.id = {_SEGMENT} AND {_THEIRS}
    UNION ALL
    SELECT 'handout', h.id::text, 'handed-out', 1 FROM handouts h
        WHERE w.kind = 'composite' AND h.composite_id = {_COMPOSITE}
    UNION ALL
    SELECT 'publication', b.id::text, 'published', 1 FROM publications b
        WHERE w.kind = 'composite' AND b.composite_id = {_COMPOSITE}
            AND b.handout_id IS NULL AND b.replaced_by_id IS NULL
    UNION ALL
    SELECT 'photo', p.id::text, 'returned', 1 FROM photo_origins o JOIN photos p ON p.id = o.photo_id
        WHERE w.kind = 'composite' AND o.composite_id = {_COMPOSITE} AND o.handout_id IS NULL AND {_SEEN}
    UNION ALL
    SELECT 'publication', b.id::text, 'published', 1 FROM publications b
        WHERE w.kind = 'handout' AND b.handout_id = {_HANDOUT} AND b.replaced_by_id IS NULL
    UNION ALL
    SELECT 'photo', p.id::text, 'returned', 1 FROM photo_origins o JOIN photos p ON p.id = o.photo_id
        WHERE w.kind = 'handout' AND o.handout_id = {_HANDOUT} AND {_SEEN}
    UNION ALL
    SELECT 'checkpoint', n.sha256::text, 'trained', 1 FROM network_checkpoints n
        WHERE w.kind = 'snapshot' AND n.snapshot_id = {_SNAPSHOT}
    UNION ALL
    SELECT DISTINCT 'composite', c.id::text, 'made-with', 1 FROM network_usages m
        JOIN composites c ON c.id = m.composite_id
        WHERE w.kind = 'checkpoint' AND :networks AND m.checkpoint_sha256 = {_CHECKPOINT} AND {_THEIRS}
    UNION ALL
    SELECT 'composite', c.id::text, 'arranged', 1 FROM layout_usages l
        JOIN composites c ON c.id = l.composite_id
        WHERE w.kind = 'photo' AND l.photo_id = {_PHOTO} AND {_THEIRS}
"""

UP = f"""
    SELECT 'photo', s.photo_id::text, 'cut', 1 FROM segments s
        WHERE w.kind = 'segment' AND w.depth = 0 AND s.id = {_SEGMENT}
    UNION ALL
    SELECT 'segment', u.segment_id::text, 'placed', 1 FROM usages u
        WHERE w.kind = 'composite' AND u.composite_id = {_COMPOSITE}
    UNION ALL
    SELECT DISTINCT 'photo', u.photo_id::text, '{STRIDE}', 2 FROM usages u
        WHERE w.kind = 'composite' AND u.composite_id = {_COMPOSITE}
    UNION ALL
    SELECT DISTINCT 'checkpoint', m.checkpoint_sha256::text, 'made-with', 1 FROM network_usages m
        WHERE w.kind = 'composite' AND m.composite_id = {_COMPOSITE}
    UNION ALL
    SELECT 'photo', l.photo_id::text, 'arranged', 1 FROM layout_usages l
        WHERE w.kind = 'composite' AND l.composite_id = {_COMPOSITE}
    UNION ALL
    SELECT 'composite', h.composite_id::text, 'handed-out', 1 FROM handouts h
        WHERE w.kind = 'handout' AND h.id = {_HANDOUT}
    UNION ALL
    SELECT CASE WHEN b.handout_id IS NULL THEN 'composite' ELSE 'handout' END,
        coalesce(b.handout_id, b.composite_id)::text, 'published', 1 FROM publications b
        WHERE w.kind = 'publication' AND b.id = {_PUBLICATION}
    UNION ALL
    SELECT CASE WHEN o.handout_id IS NULL THEN 'composite' ELSE 'handout' END,
        coalesce(o.handout_id, o.composite_id)::text, 'returned', 1
        FROM photo_origins o JOIN composites c ON c.id = o.composite_id
        WHERE w.kind = 'photo' AND o.photo_id = {_PHOTO} AND {_THEIRS}
    UNION ALL
    SELECT 'snapshot', n.snapshot_id::text, 'trained', 1 FROM network_checkpoints n
        WHERE w.kind = 'checkpoint' AND n.sha256 = {_CHECKPOINT}
    UNION ALL
    SELECT 'photo', p.id::text, 'pinned', 1 FROM snapshot_photos t JOIN photos p ON p.sha256 = t.photo_sha256
        WHERE w.kind = 'snapshot' AND :networks AND t.snapshot_id = {_SNAPSHOT} AND {_SEEN}
"""

# OFFSET 0 keeps each branch a look into an index for one node, however the tables have grown.
# One step more than asked is walked, to say whether anything lies there.
WALK = text(
    f"""
WITH RECURSIVE walk (way, kind, key, depth, from_kind, from_key, relation) AS (
    SELECT way, CAST(:kind AS text), CAST(:key AS text), 0, NULL::text, NULL::text, NULL::text
    FROM unnest(CAST(:ways AS text[])) AS way
    UNION
    SELECT w.way, e.kind, e.key, w.depth + e.step, w.kind, w.key, e.relation
    FROM walk w CROSS JOIN LATERAL (
        SELECT * FROM ({DOWN}) AS d (kind, key, relation, step) WHERE w.way = 'down'
        UNION ALL
        SELECT * FROM ({UP}) AS u (kind, key, relation, step) WHERE w.way = 'up'
        OFFSET 0
    ) AS e
    WHERE w.depth <= :depth
), found AS MATERIALIZED (
    SELECT way, kind, key, min(depth) AS depth FROM walk GROUP BY way, kind, key
), page AS MATERIALIZED (
    SELECT way, kind, key, depth FROM found
    WHERE depth BETWEEN 1 AND :depth
        AND (way COLLATE "C", depth, kind COLLATE "C", key COLLATE "C")
            > (CAST(:after_way AS text), CAST(:after_depth AS integer), CAST(:after_kind AS text),
               CAST(:after_key AS text))
    ORDER BY way COLLATE "C", depth, kind COLLATE "C", key COLLATE "C" LIMIT :limit
)
SELECT 'count' AS what, way, kind, NULL AS key, count(*) FILTER (WHERE depth <= :depth) AS number,
    count(*) FILTER (WHERE depth > :depth) AS deeper, NULL AS from_kind, NULL AS from_key, NULL AS relation
    FROM found WHERE depth > 0 GROUP BY way, kind
UNION ALL
SELECT 'node', way, kind, key, depth, NULL, NULL, NULL, NULL FROM page
UNION ALL
SELECT DISTINCT 'edge', w.way, w.kind, w.key, NULL::bigint, NULL::bigint, w.from_kind, w.from_key, w.relation
    FROM walk w JOIN page USING (way, kind, key)
"""
)

USED = """
    SELECT u.composite_id, u.photo_id, u.segment_id, u.grant_id, u.canvas_px
    FROM unnest(CAST(:composites AS uuid[]), CAST(:others AS {type_name}[])) AS asked (composite_id, other)
    JOIN usages u ON u.composite_id = asked.composite_id AND u.{column} = asked.other
    ORDER BY u.composite_id, u.segment_id
"""
PLACED = {
    NodeKind.PHOTO: text(USED.format(type_name="uuid", column="photo_id")),
    NodeKind.SEGMENT: text(USED.format(type_name="bigint", column="segment_id")),
}


@dataclass(frozen=True)
class Place:
    """Where a node stands in the order of a walk: pages begin after one."""

    way: str
    depth: int
    name: Name

    def __str__(self) -> str:
        return f"{self.way}:{self.depth}:{self.name}"

    @classmethod
    def read(cls, written: str) -> "Place":
        """Raises: PlaceUnreadable."""
        try:
            way, depth, kind, key = written.split(":", 3)
            if way not in WAYS:
                raise ValueError
            return cls(way, int(depth), Name(NodeKind(kind), key))
        except ValueError as error:
            raise PlaceUnreadable(written) from error


@dataclass(frozen=True)
class Step:
    """From one node to another, the way it was walked."""

    way: Way
    source: Name
    target: Name
    relation: str  # a `Relation`, or `STRIDE`


@dataclass(frozen=True)
class Walked:
    """One page, and whether another follows."""

    places: tuple[Place, ...]
    steps: tuple[Step, ...]  # that lead to the nodes of the page
    more: bool
    totals: dict[Way, dict[NodeKind, int]]
    complete: dict[Way, bool]


@dataclass(frozen=True)
class Placing:
    """One row of `usages`."""

    composite: Name
    photo: Name
    segment: Name
    grant_id: UUID
    canvas_px: int


def walk(
    session: Session,
    start: Name,
    *,
    ways: Sequence[Way],
    depth: int,
    limit: int,
    after: Place | None,
    networks: bool,
    department: UUID | None,
) -> Walked:
    """One page of what lies up or down from a node, by steps and then by kind and id.

    Args:
        department: whose composites alone are walked to; None is the whole house.
    """
    asked = {
        "kind": str(start.kind),
        "key": start.key,
        "ways": list(ways),
        "depth": depth,
        "limit": limit + 1,
        "networks": networks or start.kind in (NodeKind.SNAPSHOT, NodeKind.CHECKPOINT),
        "department": department,
        "after_way": "" if after is None else after.way,
        "after_depth": 0 if after is None else after.depth,
        "after_kind": "" if after is None else str(after.name.kind),
        "after_key": "" if after is None else after.name.key,
    }
    totals: dict[Way, dict[NodeKind, int]] = {way: {} for way in ways}
    complete: dict[Way, bool] = dict.fromkeys(ways, True)
    places, steps = [], []
    for row in session.execute(WALK, asked):
        way: Way = row.way
        if row.what == "count":
            if row.number:
                totals[way][NodeKind(row.kind)] = row.number
            complete[way] = complete[way] and not row.deeper
            continue
        name = Name(NodeKind(row.kind), row.key)
        if row.what == "node":
            places.append(Place(way, row.number, name))
        else:
            steps.append(Step(way, Name(NodeKind(row.from_kind), row.from_key), name, row.relation))
    places.sort(key=lambda one: (one.way, one.depth, str(one.name.kind), one.name.key))
    more = len(places) > limit
    places = places[:limit]
    shown = {(one.way, one.name) for one in places}
    return Walked(
        tuple(places), tuple(one for one in steps if (one.way, one.target) in shown), more, totals, complete
    )


def placings(session: Session, pairs: Sequence[tuple[Name, Name]]) -> list[Placing]:
    """The rows of `usages` of each pair of a composite, and a photo or segment; all pairs of one kind."""
    if not pairs:
        return []
    asked = {
        "composites": [UUID(composite.key) for composite, _ in pairs],
        "others": [int(one.key) if one.kind is NodeKind.SEGMENT else UUID(one.key) for _, one in pairs],
    }
    return [
        Placing(
            Name(NodeKind.COMPOSITE, str(row.composite_id)),
            Name(NodeKind.PHOTO, str(row.photo_id)),
            Name(NodeKind.SEGMENT, str(row.segment_id)),
            row.grant_id,
            row.canvas_px,
        )
        for row in session.execute(PLACED[pairs[0][1].kind], asked)
    ]
