"""What is told of each node, and to whom: facts, how it came about, and the rights held in it.

A few statements for a page, whatever is on it. Names of people are never told: an agent is a pseudonym.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, may, sees
from bankd.audit.actor import Actor
from bankd.catalog.models import Category, Photo, PhotoGrant, Segment
from bankd.licensing.models import Grant, License
from bankd.lineage.graph import Activity, Agent, Name, Node, NodeKind, RightsHeld
from bankd.provenance.models import Composite, Handout, Publication
from bankd.synthesis.models import Clearance, Order, Request
from bankd.training.models import NetworkCheckpoint, Snapshot

Pseudonym = Callable[[str], str]
"""A person's name to an opaque id: the same for the same name, and no way back without the house's key."""

BANK = Agent("software", "bankd", "bank")
RENDERER = Agent("software", "render-worker", "renderer")

Described = dict[str, Node]


def described(session: Session, nodes: Sequence[Node], *, pseudonym: Pseudonym, by: Actor) -> list[Node]:
    """The nodes in their order, with all that `by` may know of each."""
    tell = _Telling(session, pseudonym, by)
    keys: dict[NodeKind, list[str]] = {}
    for node in nodes:
        keys.setdefault(node.name.kind, []).append(node.name.key)
    told: dict[Name, Node] = {}
    for kind, of_kind in keys.items():
        for key, node in _TELLING[kind](tell, of_kind).items():
            told[Name(kind, key)] = node
    return [
        node
        if (found := told.get(node.name)) is None
        else replace(node, facts=found.facts, made=found.made, rights=found.rights)
        for node in nodes
    ]


class _Telling:
    def __init__(self, session: Session, pseudonym: Pseudonym, by: Actor) -> None:
        self.session, self.pseudonym, self.by = session, pseudonym, by

    def person(self, name: str, role: str) -> Agent:
        return Agent("person", self.pseudonym(name), role)

    def owner(self, department_id: UUID | None) -> tuple[Agent, ...]:
        return () if department_id is None else (Agent("department", str(department_id), "owner"),)

    def photos(self, keys: list[str]) -> Described:
        ids = [UUID(key) for key in keys]
        rows = self.session.scalars(select(Photo).where(Photo.id.in_(ids))).all()
        ours = [photo.id for photo in rows if sees(self.by, photo.department_id)]
        rights = self._rights(ours)
        names = may(self.by, Permission.PHOTOS_READ)
        told: Described = {}
        for photo in rows:
            facts: dict[str, Any] = {"sha256": photo.sha256}
            if photo.id in rights or photo.id in ours:
                facts |= {"state": photo.state, "height": photo.height, "width": photo.width}
                if names:
                    facts["name"] = photo.name
                if photo.withdrawn_at is not None:
                    facts["withdrawn_at"] = photo.withdrawn_at.isoformat()
                if photo.erased_at is not None:
                    facts["erased_at"] = photo.erased_at.isoformat()
                made = Activity(
                    "ingestion",
                    str(photo.id),
                    ended_at=photo.taken_at,
                    agents=(BANK, *self.owner(photo.department_id)),
                )
            else:
                facts["of"] = "another department"
                made = None
            told[str(photo.id)] = _node(NodeKind.PHOTO, photo.id, facts, made, rights.get(photo.id, ()))
        return told

    def _rights(self, photos: Sequence[UUID]) -> dict[UUID, tuple[RightsHeld, ...]]:
        """Of photos that are ours to see: which licenses, and of whom; terms, to whom may read them."""
        if not may(self.by, Permission.LICENSES_READ):
            return {}
        terms = may(self.by, Permission.TERMS_READ)
        held: dict[UUID, list[RightsHeld]] = {}
        rows = self.session.execute(
            select(PhotoGrant.photo_id, Grant, License)
            .join(Grant, Grant.id == PhotoGrant.grant_id)
            .join(License, License.id == Grant.license_id)
            .where(PhotoGrant.photo_id.in_(photos))
            .order_by(PhotoGrant.photo_id, PhotoGrant.ordinal)
        )
        for photo_id, grant, license in rows:
            over = (grant.withdrawn_at, license.withdrawn_at, grant.superseded_at, license.superseded_at)
            held.setdefault(photo_id, []).append(
                RightsHeld(
                    str(grant.id),
                    str(license.id),
                    str(license.licensor_id),
                    in_force=not any(over),
                    terms=_terms(grant, license) if terms else None,
                )
            )
        return {photo_id: tuple(rights) for photo_id, rights in held.items()}

    def segments(self, keys: list[str]) -> Described:
        rows = self.session.execute(
            select(Segment.id, Segment.photo_id, Segment.area_px, Category.name)
            .join(Category, Category.id == Segment.category_id)
            .where(Segment.id.in_([int(key) for key in keys]))
        )
        return {
            str(id): _node(
                NodeKind.SEGMENT,
                id,
                {"photo": str(photo_id), "category": category, "area_px": area_px},
                Activity("ingestion", str(photo_id), agents=(BANK,)),
            )
            for id, photo_id, area_px, category in rows
        }

    def composites(self, keys: list[str]) -> Described:
        rows = self.session.execute(
            select(Composite, Request, Order, Clearance)
            .outerjoin(Request, Request.id == Composite.request_id)
            .outerjoin(Order, Order.id == Composite.order_id)
            .outerjoin(Clearance, Clearance.id == Order.clearance_id)
            .where(Composite.id.in_([UUID(key) for key in keys]))
        )
        told: Described = {}
        for composite, request, order, clearance in rows:
            facts = {
                "request": str(composite.request_id),
                "variation": composite.variation,
                "sealed_at": composite.sealed_at.isoformat(),
                "height": composite.height,
                "width": composite.width,
                "pixel_sha256": composite.pixel_sha256,
                "file_sha256": composite.file_sha256,
                "log_index": composite.log_index,
            }
            made = _sealing(self, composite, request, order, clearance)
            told[str(composite.id)] = _node(NodeKind.COMPOSITE, composite.id, facts, made)
        return told

    def handouts(self, keys: list[str]) -> Described:
        rows = self.session.scalars(select(Handout).where(Handout.id.in_([UUID(key) for key in keys])))
        told: Described = {}
        for handout in rows:
            facts = {
                "composite": str(handout.composite_id),
                "recipient": handout.recipient,
                "channel": handout.channel,
                "comp": handout.comp,
                "at": handout.at.isoformat(),
                "file_sha256": handout.file_sha256,
            }
            relied = handout.clearance.get("relied", {})
            made = Activity(
                "handout",
                str(handout.id),
                ended_at=handout.at,
                agents=(BANK, self.person(handout.by, "handed-out-by")),
                plan=handout.bundle_digest,
                grants=tuple(sorted(set(map(str, relied.values())))),
            )
            told[str(handout.id)] = _node(NodeKind.HANDOUT, handout.id, facts, made)
        return told

    def publications(self, keys: list[str]) -> Described:
        wanted = select(Publication).where(Publication.id.in_([UUID(key) for key in keys]))
        told: Described = {}
        for one in self.session.scalars(wanted):
            facts = {
                "ref": one.ref,
                "composite": str(one.composite_id),
                "channel": one.channel,
                "place": one.place,
                "territories": sorted(one.territories),
                "starts_on": one.starts_on.isoformat(),
                "ends_on": None if one.ends_on is None else one.ends_on.isoformat(),
                "taken_down_on": None if one.taken_down_on is None else one.taken_down_on.isoformat(),
                "outside": list(one.outside),
            }
            made = Activity(
                "publication",
                str(one.id),
                ended_at=one.recorded_at,
                agents=(self.person(one.recorded_by, "recorded-by"),),
            )
            told[str(one.id)] = _node(NodeKind.PUBLICATION, one.id, facts, made)
        return told

    def snapshots(self, keys: list[str]) -> Described:
        rows = self.session.scalars(select(Snapshot).where(Snapshot.id.in_([UUID(key) for key in keys])))
        return {
            str(one.id): _node(
                NodeKind.SNAPSHOT,
                one.id,
                {"digest": one.digest, "training_photos": one.photos, "imported": one.imported},
                Activity(
                    "pinning", str(one.id), ended_at=one.pinned_at, agents=(BANK,), plan=one.bundle_digest
                ),
            )
            for one in rows
        }

    def checkpoints(self, keys: list[str]) -> Described:
        rows = self.session.scalars(select(NetworkCheckpoint).where(NetworkCheckpoint.sha256.in_(keys)))
        return {
            one.sha256: _node(
                NodeKind.CHECKPOINT,
                one.sha256,
                {"network": one.kind, "size_bytes": one.size_bytes},
                Activity("training", one.sha256, ended_at=one.registered_at),
            )
            for one in rows
        }


_TELLING: dict[NodeKind, Callable[[_Telling, list[str]], Described]] = {
    NodeKind.PHOTO: _Telling.photos,
    NodeKind.SEGMENT: _Telling.segments,
    NodeKind.COMPOSITE: _Telling.composites,
    NodeKind.HANDOUT: _Telling.handouts,
    NodeKind.PUBLICATION: _Telling.publications,
    NodeKind.SNAPSHOT: _Telling.snapshots,
    NodeKind.CHECKPOINT: _Telling.checkpoints,
}


def _sealing(
    tell: _Telling,
    composite: Composite,
    request: Request | None,
    order: Order | None,
    clearance: Clearance | None,
) -> Activity:
    """The order that it was sealed from, after the clearance of the order, after the request."""
    after: list[Activity] = []
    if request is not None:
        agents = (tell.person(request.filed_by, "filed-by"), *tell.owner(request.department_id))
        after.append(Activity("request", str(request.id), started_at=request.filed_at, agents=agents))
    if clearance is not None:
        after.append(
            Activity(
                "clearance",
                str(clearance.id),
                ended_at=clearance.at,
                agents=(BANK,),
                plan=clearance.bundle_digest,
                grants=tuple(sorted(set(map(str, clearance.relied.values())))),
            )
        )
    return Activity(
        "order",
        str(composite.order_id),
        started_at=None if order is None else order.made_at,
        ended_at=composite.sealed_at,
        agents=(BANK, RENDERER),
        after=tuple(after),
    )


def _terms(grant: Grant, license: License) -> dict[str, Any]:
    """What a contract says, where to find it: for whom may read terms."""
    ends = grant.ends_on
    return {
        "license_ref": license.ref,
        "grant_ref": grant.ref,
        "basis": license.basis,
        "spdx": license.spdx,
        "document_sha256": grant.document_sha256 or license.document_sha256,
        "clause": grant.clause or license.clause,
        "ends_on": None if ends is None else ends.isoformat(),
    }


def _node(
    kind: NodeKind,
    key: object,
    facts: dict[str, Any],
    made: Activity | None,
    rights: Iterable[RightsHeld] = (),
) -> Node:
    return Node(Name(kind, str(key)), None, 0, facts, made, tuple(rights))
