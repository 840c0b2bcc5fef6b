"""The graph: what its nodes and edges are; pure.

An edge goes from what was there before to what was made of it, whichever way it is walked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal


class NodeKind(StrEnum):
    PHOTO = "photo"
    SEGMENT = "segment"
    COMPOSITE = "composite"
    HANDOUT = "handout"
    PUBLICATION = "publication"
    SNAPSHOT = "snapshot"
    CHECKPOINT = "checkpoint"


class Relation(StrEnum):
    CUT = "cut"  # photo -> segment
    PLACED = "placed"  # segment -> composite
    HANDED_OUT = "handed-out"  # composite -> handout
    PUBLISHED = "published"  # handout, or composite that never was handed out -> publication
    RETURNED = "returned"  # composite or handout -> the photo as which it came back
    PINNED = "pinned"  # photo -> snapshot
    TRAINED = "trained"  # snapshot -> network checkpoint
    ARRANGED = "arranged"  # photo -> composite that has its arrangement: its label map was the layout
    MADE_WITH = "made-with"  # network checkpoint -> composite


Way = Literal["up", "down"]
WAYS: tuple[Way, ...] = ("up", "down")
"""Up: what it was made of. Down: what was made of it."""


@dataclass(frozen=True, order=True)
class Name:
    """A node: what it is, and its id as text."""

    kind: NodeKind
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True)
class Agent:
    """Who had a part in something. `id` is opaque: of a person a pseudonym, the same for the same name."""

    kind: Literal["person", "department", "licensor", "software"]
    id: str
    role: str


@dataclass(frozen=True)
class Activity:
    """How a node came about. `plan` is the digest of the policies that allowed it."""

    kind: str
    id: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    agents: tuple[Agent, ...] = ()
    plan: str | None = None
    grants: tuple[str, ...] = ()  # relied on
    after: tuple["Activity", ...] = ()  # without which it would not have come about


@dataclass(frozen=True)
class RightsHeld:
    """A grant that a photo holds, by ids alone; `terms` is there for whom may read it."""

    grant_id: str
    license_id: str
    licensor_id: str
    in_force: bool
    terms: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Node:
    name: Name
    way: Way | None  # None: where the walk began
    depth: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    made: Activity | None = None
    rights: tuple[RightsHeld, ...] = ()


@dataclass(frozen=True)
class Edge:
    source: Name
    target: Name
    relation: Relation
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """One page of a walk; `totals` are of the whole of it, exact, to the depth asked for.

    `complete`: nothing lies deeper. `after`: where the next page begins, None on the last.
    `scope`: `house`, or `department` where others' composites are neither shown nor counted.
    """

    start: Name
    depth: int
    scope: Literal["house", "department"]
    totals: Mapping[Way, Mapping[NodeKind, int]]
    complete: Mapping[Way, bool]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    after: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "start": str(self.start),
            "scope": self.scope,
            "depth": self.depth,
            "totals": {
                way: {str(kind): number for kind, number in counts.items()}
                for way, counts in self.totals.items()
            },
            "complete": dict(self.complete),
            "nodes": [_node(one) for one in self.nodes],
            "edges": [
                {
                    "from": str(one.source),
                    "to": str(one.target),
                    "relation": str(one.relation),
                    **one.facts,
                }
                for one in self.edges
            ],
            "after": self.after,
        }


def _node(node: Node) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": str(node.name),
        "kind": str(node.name.kind),
        "key": node.name.key,
        "way": node.way,
        "depth": node.depth,
        "facts": dict(node.facts),
    }
    if node.made is not None:
        told["made"] = _activity(node.made)
    if node.rights:
        told["rights"] = [
            {
                "grant": one.grant_id,
                "license": one.license_id,
                "licensor": one.licensor_id,
                "in_force": one.in_force,
                **({} if one.terms is None else {"terms": dict(one.terms)}),
            }
            for one in node.rights
        ]
    return told


def _activity(made: Activity) -> dict[str, Any]:
    return {
        "kind": made.kind,
        "id": made.id,
        "started_at": None if made.started_at is None else made.started_at.isoformat(),
        "ended_at": None if made.ended_at is None else made.ended_at.isoformat(),
        "agents": [{"kind": one.kind, "id": one.id, "role": one.role} for one in made.agents],
        "policy_bundle": made.plan,
        "grants": list(made.grants),
        "after": [_activity(one) for one in made.after],
    }
