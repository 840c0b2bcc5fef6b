"""A lineage as PROV-JSON (W3C Member Submission, 24 April 2013); pure.

Ids and hashes alone: no names of people or licensors, no terms, no places. Ids of photos, composites and the
like are the same in every document of this bank, so that pages, and documents asked for at different times,
join into one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bankd.lineage.graph import Activity, Agent, Lineage, Name, Node, NodeKind, Relation

MEDIA_TYPE = "application/json"  # PROV-JSON has none of its own

Record = dict[str, Any]

FACTS: Mapping[NodeKind, tuple[str, ...]] = {
    NodeKind.PHOTO: ("sha256", "state"),
    NodeKind.SEGMENT: ("category", "area_px"),
    NodeKind.COMPOSITE: ("pixel_sha256", "file_sha256", "height", "width", "log_index"),
    NodeKind.HANDOUT: ("file_sha256", "channel", "comp"),
    NodeKind.PUBLICATION: ("channel", "starts_on", "ends_on", "taken_down_on"),
    NodeKind.SNAPSHOT: ("digest", "training_photos"),
    NodeKind.CHECKPOINT: ("network",),
}
"""What is told of an entity; everything else stays in the house."""

SINGULAR: Mapping[Relation, str] = {
    Relation.CUT: "Cut",
    Relation.PLACED: "Placed",
    Relation.HANDED_OUT: "HandedOut",
    Relation.PUBLISHED: "Published",
    Relation.RETURNED: "Returned",
    Relation.TRAINED: "Trained",
    Relation.ARRANGED: "Arranged",
    Relation.MADE_WITH: "MadeWith",
}
AGENTS = {
    "person": "prov:Person",
    "department": "prov:Organization",
    "licensor": "prov:Organization",
    "software": "prov:SoftwareAgent",
}
KINDS = (
    *(str(kind) for kind in NodeKind),
    *("ingestion", "request", "clearance", "order", "handing-out", "publishing", "pinning", "training"),
    *("grant", "license", "policies", "person", "department", "licensor", "software"),
)
ACTIVITY_KINDS = {"handout": "handing-out", "publication": "publishing"}


def document(lineage: Lineage, *, origin: str) -> dict[str, Any]:
    """One page of a lineage as a PROV document.

    Args:
        origin: the name of this bank's log, by which its numbers are told from those of others.
    """
    return _Document(origin).filled(lineage)


class _Document:
    def __init__(self, origin: str) -> None:
        house = origin.rpartition("/")[2]
        self._of: dict[str, dict[str, Record]] = {}
        self._names: dict[str, int] = {}
        self._prefixes = {"bankd": "urn:bankd:terms:"} | {
            kind: f"urn:bankd:{house}:{kind}:" for kind in KINDS
        }

    def filled(self, lineage: Lineage) -> dict[str, Any]:
        for node in lineage.nodes:
            self._node(node)
        made = {node.name: node.made for node in lineage.nodes if node.made is not None}
        for edge in lineage.edges:
            self._edge(edge.source, edge.target, edge.relation, edge.facts, made.get(edge.target))
        return {"prefix": self._prefixes, **{kind: self._of[kind] for kind in sorted(self._of)}}

    def _add(self, kind: str, name: str, **record: Any) -> str:
        """An element under its own name; what is said twice of it is said once."""
        told = self._of.setdefault(kind, {}).setdefault(name, {})
        told.update({key.replace("__", ":"): value for key, value in record.items() if value is not None})
        return name

    def _relate(self, kind: str, record: Record) -> None:
        records = self._of.setdefault(kind, {})
        if record not in records.values():
            records[f"_:{kind}{len(records) + 1}"] = record

    def _node(self, node: Node) -> None:
        kind = node.name.kind
        types = [_typed("prov:Collection")] if kind is NodeKind.SNAPSHOT else []
        facts = {
            f"bankd:{name}": _value(node.facts[name])
            for name in FACTS[kind]
            if node.facts.get(name) is not None
        }
        entity = _id(node.name)
        self._of.setdefault("entity", {}).setdefault(entity, {}).update(
            {"prov:type": [*types, _typed(f"bankd:{str(kind).title()}")], **facts}
        )
        if node.made is not None:
            activity = self._activity(node.made)
            moment = None if node.made.ended_at is None else _moment(node.made.ended_at)
            self._relate(
                "wasGeneratedBy",
                _present({"prov:entity": entity, "prov:activity": activity, "prov:time": moment}),
            )
        for held in node.rights:
            grant = self._grant(held.grant_id)
            license = self._add("entity", f"license:{held.license_id}", prov__type=_typed("bankd:License"))
            licensor = self._agent(Agent("licensor", held.licensor_id, "licensor"))
            self._relate("wasDerivedFrom", {"prov:generatedEntity": grant, "prov:usedEntity": license})
            self._relate("wasAttributedTo", {"prov:entity": license, "prov:agent": licensor})
            self._relate("wasAttributedTo", {"prov:entity": entity, "prov:agent": licensor})

    def _edge(
        self,
        source: Name,
        target: Name,
        relation: Relation,
        facts: Mapping[str, Any],
        made: Activity | None,
    ) -> None:
        before, after = _id(source), _id(target)
        for name in (source, target):  # of a page before or after this one, it is named here all the same
            self._of.setdefault("entity", {}).setdefault(
                _id(name), {"prov:type": [_typed(f"bankd:{str(name.kind).title()}")]}
            )
        if relation is Relation.PINNED:
            self._relate("hadMember", {"prov:collection": after, "prov:entity": before})
            return
        activity = None if made is None else self._activity(made)
        self._relate(
            "wasDerivedFrom",
            _present(
                {
                    "prov:generatedEntity": after,
                    "prov:usedEntity": before,
                    "prov:activity": activity,
                    "prov:type": _typed(f"bankd:{SINGULAR[relation]}"),
                    "bankd:canvas_px": _value(facts["canvas_px"]) if "canvas_px" in facts else None,
                    "bankd:grant": _qualified(self._grant(facts["grant"])) if "grant" in facts else None,
                    "bankd:evidence": facts.get("how"),
                }
            ),
        )
        if activity is not None:
            self._relate("used", {"prov:activity": activity, "prov:entity": before})

    def _activity(self, made: Activity) -> str:
        kind = ACTIVITY_KINDS.get(made.kind, made.kind)
        name = self._add(
            "activity",
            f"{kind}:{made.id}",
            prov__startTime=None if made.started_at is None else _moment(made.started_at),
            prov__endTime=None if made.ended_at is None else _moment(made.ended_at),
            prov__type=_typed(f"bankd:{''.join(part.title() for part in kind.split('-'))}"),
        )
        plan = None
        if made.plan is not None:
            plan = self._add("entity", f"policies:{made.plan}", prov__type=_typed("prov:Plan"))
            self._relate("used", {"prov:activity": name, "prov:entity": plan})
        people = [one for one in made.agents if one.kind == "person"]
        for one in made.agents:
            agent = self._agent(one)
            if one.kind == "department" and people:
                for person in people:
                    self._relate(
                        "actedOnBehalfOf",
                        {
                            "prov:delegate": self._agent(person),
                            "prov:responsible": agent,
                            "prov:activity": name,
                        },
                    )
                continue
            with_plan = plan if one.role == "bank" else None
            self._relate(
                "wasAssociatedWith",
                _present(
                    {
                        "prov:activity": name,
                        "prov:agent": agent,
                        "prov:plan": with_plan,
                        "prov:role": one.role,
                    }
                ),
            )
        for grant in made.grants:
            self._relate("used", {"prov:activity": name, "prov:entity": self._grant(grant)})
        for before in made.after:
            self._relate("wasInformedBy", {"prov:informed": name, "prov:informant": self._activity(before)})
        return name

    def _agent(self, agent: Agent) -> str:
        return self._add("agent", f"{agent.kind}:{agent.id}", prov__type=_typed(AGENTS[agent.kind]))

    def _grant(self, grant_id: str) -> str:
        return self._add("entity", f"grant:{grant_id}", prov__type=_typed("bankd:Grant"))


def _id(name: Name) -> str:
    return str(name)


def _moment(at: datetime) -> str:
    return at.isoformat()


def _typed(name: str) -> dict[str, str]:
    return _qualified(name)


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "xsd:QName"}


def _value(value: Any) -> Any:
    """A literal: whole numbers with their type, since JSON's have none that PROV knows."""
    if isinstance(value, bool):
        return {"$": "true" if value else "false", "type": "xsd:boolean"}
    if isinstance(value, int):
        return {"$": str(value), "type": "xsd:int" if abs(value) < 1 << 31 else "xsd:long"}
    return str(value)


def _present(record: Record) -> Record:
    return {key: value for key, value in record.items() if value is not None}
