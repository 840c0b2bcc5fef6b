"""The lineage of one thing, for somebody: found, walked, described."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, may, sees
from bankd.audit.actor import Actor
from bankd.catalog.models import Photo, Segment
from bankd.identifying.models import PhotoOrigin
from bankd.lineage import describing
from bankd.lineage.describing import Pseudonym
from bankd.lineage.errors import NodeNotFound
from bankd.lineage.graph import WAYS, Edge, Lineage, Name, Node, NodeKind, Relation, Way
from bankd.lineage.walking import STRIDE, Place, Placing, Walked, placings, walk
from bankd.provenance.models import Composite, Handout, Publication
from bankd.training.models import NetworkCheckpoint, Snapshot

DEPTH, DEPTH_MOST = 8, 64
LIMIT, LIMIT_MOST = 200, 2000
SHA256_DIGITS = 64


def lineage(
    session: Session,
    named: str,
    *,
    ways: tuple[Way, ...] = WAYS,
    depth: int = DEPTH,
    limit: int = LIMIT,
    after: str | None = None,
    networks: bool = False,
    pseudonym: Pseudonym,
    by: Actor,
) -> Lineage:
    """What a thing was made of and what was made of it, one page.

    A department's actor sees its own composites and what hangs on them; the photos placed in them by id
    and hash alone where they are another's, as the manifest tells them. Terms are told to whom may read them.

    Args:
        named: an id, or `<kind>:<id>`, or a publication's ref.
        depth: how many steps up and down.
        after: of the page before.
        networks: whether to walk on through network checkpoints, from training photos to composites.

    Raises:
        NodeNotFound: there is no such thing, or it is another department's.
        PlaceUnreadable: `after` is not what a page told.
    """
    start = find(session, named, by=by)
    place = None if after is None else Place.read(after)
    walked = walk(
        session,
        start,
        ways=ways,
        depth=depth,
        limit=limit,
        after=place,
        networks=networks,
        department=by.department_id,
    )
    shown = [Node(one.name, _way(one.way), one.depth) for one in walked.places]
    if place is None:
        shown.insert(0, Node(start, None, 0))
    edges = _edges(session, walked)
    return Lineage(
        start=start,
        depth=depth,
        scope="house" if by.department_id is None else "department",
        totals=walked.totals,
        complete=walked.complete,
        nodes=tuple(describing.described(session, shown, pseudonym=pseudonym, by=by)),
        edges=edges,
        after=str(walked.places[-1]) if walked.more else None,
    )


def find(session: Session, named: str, *, by: Actor) -> Name:
    """Raises: NodeNotFound."""
    kind, _, rest = named.partition(":")
    kinds = [NodeKind(kind)] if rest and kind in {str(one) for one in NodeKind} else list(NodeKind)
    key = rest if len(kinds) == 1 else named
    for one in kinds:
        if (found := _find(session, one, key.strip(), by=by)) is not None:
            return found
    raise NodeNotFound(named)


def _find(session: Session, kind: NodeKind, key: str, *, by: Actor) -> Name | None:
    match kind:
        case NodeKind.SEGMENT:
            if not (key.isdecimal() and len(key) < len(str(2**63))):
                return None
            photo = session.scalar(
                select(Photo).join(Segment, Segment.photo_id == Photo.id).where(Segment.id == int(key))
            )
            seen = photo is not None and sees(by, photo.department_id)
            return Name(kind, str(int(key))) if seen else None
        case NodeKind.CHECKPOINT:
            known = len(key) == SHA256_DIGITS and session.get(NetworkCheckpoint, key.lower()) is not None
            return Name(kind, key.lower()) if known else None
        case NodeKind.PUBLICATION:
            wanted = select(Publication.id, Composite.department_id).join(
                Composite, Composite.id == Publication.composite_id
            )
            by_id = () if (id := _uuid(key)) is None else (Publication.id == id,)
            row = session.execute(wanted.where(or_(Publication.ref == key, *by_id))).first()
            return Name(kind, str(row[0])) if row is not None and _composite_seen(by, row[1]) else None
    id = _uuid(key)
    if id is None:
        return None
    match kind:
        case NodeKind.PHOTO:
            photo = session.get(Photo, id)
            there = photo is not None and sees(by, photo.department_id)
        case NodeKind.COMPOSITE:
            composite = session.get(Composite, id)
            there = composite is not None and _composite_seen(by, composite.department_id)
        case NodeKind.HANDOUT:
            handout = session.get(Handout, id)
            there = handout is not None and _composite_seen(
                by, session.get_one(Composite, handout.composite_id).department_id
            )
        case _:
            there = session.get(Snapshot, id) is not None and may(by, Permission.MODELS_READ)
    return Name(kind, str(id)) if there else None


def _composite_seen(by: Actor, department_id: UUID | None) -> bool:
    """Of composites a department sees its own alone, as everywhere."""
    return by.department_id in (None, department_id)


def _edges(session: Session, walked: Walked) -> tuple[Edge, ...]:
    """The steps as they came about, from before to after; a stride is told by its segments."""
    pairs: set[tuple[Name, Name]] = set()
    strides: dict[tuple[Name, Name], Way] = {}
    edges: dict[tuple[Name, Name], Edge] = {}
    for step in walked.steps:
        source, target = (step.source, step.target) if step.way == "down" else (step.target, step.source)
        if step.relation == STRIDE:
            pairs.add((target, source))
            strides[target, source] = step.way
        else:
            edges[source, target] = Edge(source, target, Relation(step.relation))
    reached = {one.target for one in walked.steps}
    for one in placings(session, sorted(pairs)):
        way = strides[one.composite, one.photo]
        if way == "down" or one.segment in reached:
            edges[one.segment, one.composite] = _placed(one)
        if way == "up":
            edges[one.photo, one.segment] = Edge(one.photo, one.segment, Relation.CUT)
    bare = [
        (edge.target, edge.source)
        for edge in edges.values()
        if edge.relation is Relation.PLACED and not edge.facts
    ]
    for one in placings(session, sorted(bare)):
        edges[one.segment, one.composite] = _placed(one)
    back = [edge for edge in edges.values() if edge.relation is Relation.RETURNED]
    found = {}
    if back:
        photos = [UUID(edge.target.key) for edge in back]
        for origin in session.scalars(select(PhotoOrigin).where(PhotoOrigin.photo_id.in_(photos))):
            found[str(origin.handout_id or origin.composite_id), str(origin.photo_id)] = origin
    for edge in back:
        origin = found[edge.source.key, edge.target.key]
        told = {"how": origin.how, "distance": origin.distance}
        edges[edge.source, edge.target] = replace(edge, facts=told)
    return tuple(edges[names] for names in sorted(edges))


def _placed(one: Placing) -> Edge:
    return Edge(
        one.segment,
        one.composite,
        Relation.PLACED,
        {"grant": str(one.grant_id), "canvas_px": one.canvas_px},
    )


def _way(way: str) -> Way:
    return "up" if way == "up" else "down"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
