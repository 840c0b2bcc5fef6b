"""What was made of what: walked up and down, paged, bounded, and shown to those who may see it."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from click.testing import CliRunner
from prov.model import ProvDocument
from sqlalchemy import Engine, select, update

from bankd.access import service as access
from bankd.audit.actor import Actor
from bankd.catalog.models import Photo
from bankd.cli import main
from bankd.identifying.models import PhotoOrigin
from bankd.lineage import drawing, prov, service
from bankd.lineage.errors import NodeNotFound, PlaceUnreadable
from bankd.lineage.graph import Lineage, Name, NodeKind
from bankd.lineage.pseudonyms import pseudonyms
from bankd.provenance.models import Composite, Handout, NetworkUsage, Publication, Usage
from bankd.synthesis.handouts import HandedOut, hand_out
from bankd.training.models import NetworkCheckpoint, Snapshot, SnapshotPhoto
from bankd.usage import publications
from bankd.usage.within import Published

PHOTO, SEGMENT, COMPOSITE = NodeKind.PHOTO, NodeKind.SEGMENT, NodeKind.COMPOSITE
HANDOUT, PUBLICATION = NodeKind.HANDOUT, NodeKind.PUBLICATION
SNAPSHOT, CHECKPOINT = NodeKind.SNAPSHOT, NodeKind.CHECKPOINT
NETWORK = "ab" * 32

NAME = {"type": "string", "pattern": "^[A-Za-z_-]+:.+$"}
VALUE = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "object",
            "required": ["$", "type"],
            "properties": {"$": {"type": "string"}, "type": {"pattern": "^xsd:[A-Za-z]+$"}},
            "additionalProperties": False,
        },
        {"type": "array", "items": {"$ref": "#/$defs/value"}},
    ]
}
RECORDS = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": VALUE}}


def related(*required: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    names = {f"prov:{one}": NAME for one in (*required, *optional)}
    record = {"type": "object", "required": [f"prov:{one}" for one in required], "properties": names}
    return {"type": "object", "additionalProperties": record}


SUBMISSION = {
    "$defs": {"value": VALUE},
    "type": "object",
    "properties": {
        "prefix": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
        **dict.fromkeys(("entity", "activity", "agent"), RECORDS),
        "wasGeneratedBy": related("entity", "activity"),
        "used": related("activity", "entity"),
        "wasInformedBy": related("informed", "informant"),
        "wasDerivedFrom": related("generatedEntity", "usedEntity", optional=("activity",)),
        "wasAttributedTo": related("entity", "agent"),
        "wasAssociatedWith": related("activity", "agent", optional=("plan",)),
        "actedOnBehalfOf": related("delegate", "responsible", optional=("activity",)),
        "hadMember": related("collection", "entity"),
    },
    "additionalProperties": False,
}
"""What of PROV-JSON (W3C Member Submission, 24 April 2013) a lineage uses, written down anew."""


class World:
    """Photos, a composite of them, its handout and publication; it came back as a photo, of which another
    composite was made with a network that learned from the first photos."""

    def __init__(self, bank: Any, owner: Engine) -> None:
        self.bank, self.rt = bank, bank.rt
        with self.rt.transaction() as session:
            self.photos = list(session.scalars(select(Photo.id)))
        self.first = self.sealed(seed=7)
        self.handout = self.hand_out(self.first)
        self.publication = self.publish(self.handout)
        bank.withdraw("L-open/all")  # so that the next one is made of what came back alone
        (self.back,) = bank.take((bank.grant("bought-back"),), first=7)
        self.second = self.sealed(seed=8)
        with self.rt.transaction() as session:
            session.add(
                PhotoOrigin(
                    photo_id=self.back,
                    composite_id=self.first,
                    handout_id=self.handout,
                    how="file",
                    distance=0,
                    found_at=self.rt.now(),
                )
            )
            self._train(session)
            self.mine, self.theirs = (
                access.record_department(session, name, by=self.rt.actor, at=self.rt.now()).id
                for name in ("mine", "theirs")
            )
        with owner.begin() as connection:
            for composite_id, department_id in ((self.first, self.mine), (self.second, self.theirs)):
                connection.execute(
                    update(Composite).where(Composite.id == composite_id).values(department_id=department_id)
                )

    def sealed(self, *, seed: int) -> UUID:
        request = self.bank.make(self.bank.ask(seed=seed))
        with self.rt.transaction() as session:
            return session.scalars(select(Composite.id).where(Composite.request_id == request.id)).one()

    def hand_out(self, composite_id: UUID) -> UUID:
        with self.rt.transaction() as session:
            given = hand_out(
                session,
                composite_id,
                recipient="Shop team",
                channel="web",
                blobs=self.rt.blobs,
                by=self.rt.actor,
                at=self.rt.now(),
            )
            assert isinstance(given, HandedOut)
            return given.handout.id

    def publish(self, handout_id: UUID) -> UUID:
        told = Published(
            channel="web",
            place="https://shop.example/mug",
            territories=frozenset({"JP"}),
            starts_on="2026-06-01",
        )
        with self.rt.transaction() as session:
            return publications.record(
                session, told, handout_id=handout_id, by=self.rt.actor, at=self.rt.now()
            ).publication.id

    def _train(self, session: Any) -> None:
        snapshot = Snapshot(
            digest="cd" * 32,
            use={},
            photos=len(self.photos),
            bundle_digest="ef" * 32,
            epoch=1,
            pinned_at=self.rt.now(),
            imported=False,
        )
        session.add(snapshot)
        session.flush()
        self.snapshot = snapshot.id
        for number, photo_id in enumerate(self.photos):
            photo = session.get_one(Photo, photo_id)
            session.add(
                SnapshotPhoto(
                    snapshot_id=snapshot.id,
                    number=number,
                    photo_sha256=photo.sha256,
                    label_sha256=photo.labels_sha256,
                    profile_id=photo.profile_id,
                    grant_ids=[],
                )
            )
        session.add(
            NetworkCheckpoint(
                sha256=NETWORK,
                snapshot_id=snapshot.id,
                kind="refinement",
                card={},
                size_bytes=1,
                registered_at=self.rt.now(),
            )
        )
        session.flush()
        session.add(NetworkUsage(composite_id=self.second, role="refiner", checkpoint_sha256=NETWORK))

    def of(self, named: object, **asked: Any) -> Lineage:
        by = asked.pop("by", Actor("user", "auditor", frozenset({"auditor"})))
        with self.rt.transaction() as session:
            return service.lineage(session, str(named), pseudonym=pseudonyms(b"secret"), by=by, **asked)


@pytest.fixture(scope="module")
def world(shared: Any) -> World:
    """Looked at by all tests, changed by none."""
    ref = shared.bank.grant("open")
    shared.bank.take((ref,), (ref,), (ref,))
    return World(shared.bank, shared.owner)


def keys(found: Lineage, kind: NodeKind, way: str | None) -> set[str]:
    return {one.name.key for one in found.nodes if (one.name.kind, one.way) == (kind, way)}


def edges(found: Lineage) -> set[tuple[str, str, str]]:
    return {(str(one.source), str(one.relation), str(one.target)) for one in found.edges}


def test_lineage_of_a_composite_goes_up_to_its_photos_and_down_to_what_became_of_it(world) -> None:
    found = world.of(world.first)

    with world.rt.transaction() as session:
        used = session.scalars(select(Usage).where(Usage.composite_id == world.first)).all()
    assert found.start == Name(COMPOSITE, str(world.first))
    assert keys(found, PHOTO, "up") == {str(one.photo_id) for one in used}
    assert keys(found, SEGMENT, "up") == {str(one.segment_id) for one in used}
    assert keys(found, HANDOUT, "down") == {str(world.handout)}
    assert keys(found, PUBLICATION, "down") == {str(world.publication)}
    assert keys(found, PHOTO, "down") == {str(world.back)}
    assert found.complete == {"up": True, "down": True}
    assert found.after is None
    for one in used:
        assert (f"photo:{one.photo_id}", "cut", f"segment:{one.segment_id}") in edges(found)
        assert (f"segment:{one.segment_id}", "placed", f"composite:{world.first}") in edges(found)
    assert (f"composite:{world.first}", "handed-out", f"handout:{world.handout}") in edges(found)
    assert (f"handout:{world.handout}", "published", f"publication:{world.publication}") in edges(found)
    assert (f"handout:{world.handout}", "returned", f"photo:{world.back}") in edges(found)
    placed = {one.source.key: one.facts for one in found.edges if str(one.relation) == "placed"}
    told = {str(u.segment_id): {"grant": str(u.grant_id), "canvas_px": u.canvas_px} for u in used}
    assert {key: placed[key] for key in told} == told
    assert found.totals["up"] == {PHOTO: len({u.photo_id for u in used}), SEGMENT: len(used)} | {
        kind: number for kind, number in found.totals["up"].items() if kind not in (PHOTO, SEGMENT)
    }


def test_what_was_made_of_a_picture_that_came_back_is_made_of_its_photos_too(world) -> None:
    """The derived composite is found from the very first photo, through the handout that came back."""
    with world.rt.transaction() as session:
        first = session.scalars(select(Usage.photo_id).where(Usage.composite_id == world.first)).first()

    down = world.of(first, ways=("down",))
    up = world.of(world.second, ways=("up",))

    assert str(world.second) in keys(down, COMPOSITE, "down")
    assert {str(world.back), str(first)} <= keys(up, PHOTO, "up")
    assert str(world.first) in keys(up, COMPOSITE, "up")
    returned = [one for one in up.edges if str(one.relation) == "returned"]
    assert [dict(one.facts) for one in returned] == [{"how": "file", "distance": 0}]


def test_training_photos_are_no_placed_photos_and_are_walked_to_only_when_asked_for(world) -> None:
    photo = world.photos[0]

    plain = world.of(photo, ways=("down",))
    through = world.of(photo, ways=("down",), networks=True)
    from_network = world.of(NETWORK)

    assert keys(plain, CHECKPOINT, "down") == {NETWORK}
    assert ("checkpoint:" + NETWORK, "made-with", f"composite:{world.second}") not in edges(plain)
    assert ("checkpoint:" + NETWORK, "made-with", f"composite:{world.second}") in edges(through)
    assert keys(from_network, COMPOSITE, "down") == {str(world.second)}
    assert keys(from_network, PHOTO, "up") == {str(one) for one in world.photos}
    assert keys(from_network, SNAPSHOT, "up") == {str(world.snapshot)}
    assert keys(world.of(world.second), SNAPSHOT, "up") == {str(world.snapshot)}


@pytest.mark.parametrize("limit", [1, 3])
def test_pages_together_are_the_whole_walk_and_totals_are_exact_on_each(world, limit) -> None:
    whole = world.of(world.first)
    nodes, told, after = [], set(), None
    while True:
        page = world.of(world.first, limit=limit, after=after)
        assert page.totals == whole.totals
        assert len([one for one in page.nodes if one.way]) <= limit
        nodes += page.nodes
        told |= edges(page)
        if (after := page.after) is None:
            break

    assert [one.name for one in nodes] == [one.name for one in whole.nodes]
    assert told == edges(whole)
    assert sum(sum(counts.values()) for counts in whole.totals.values()) == len(whole.nodes) - 1


def test_a_walk_of_few_steps_says_that_more_lies_deeper(world) -> None:
    found = world.of(world.first, depth=1)

    assert found.complete == {"up": False, "down": False}
    assert {one.depth for one in found.nodes} == {0, 1}
    assert PUBLICATION not in found.totals["down"]
    nothing = world.of(world.first, depth=0)
    assert [str(one.name) for one in nothing.nodes] == [f"composite:{world.first}"]
    assert nothing.totals == {"up": {}, "down": {}}


def test_anything_can_be_named_by_its_id_and_what_is_not_there_is_not_found(world) -> None:
    with world.rt.transaction() as session:
        segment = session.scalars(select(Usage.segment_id).where(Usage.composite_id == world.first)).first()
        ref = session.get_one(Publication, world.publication).ref
    for named, kind in (
        (world.photos[0], PHOTO),
        (segment, SEGMENT),
        (world.handout, HANDOUT),
        (ref, PUBLICATION),
        (f"publication:{world.publication}", PUBLICATION),
        (world.snapshot, SNAPSHOT),
        (NETWORK.upper(), CHECKPOINT),
    ):
        assert world.of(named).start.kind is kind
    assert keys(world.of(segment), COMPOSITE, "down") >= {str(world.first)}
    for named in (uuid4(), "no such thing", "9" * 30, f"photo:{world.first}", "composite:x"):
        with pytest.raises(NodeNotFound, match="nothing here has the id"):
            world.of(named)
    with pytest.raises(PlaceUnreadable):
        world.of(world.first, after="sideways:1:photo:x")


def test_a_department_sees_its_own_composites_and_of_others_photos_only_what_manifests_tell(world) -> None:
    member = Actor("user", "someone", frozenset({"creative"}), world.mine)

    found = world.of(world.first, by=member)

    assert found.scope == "department"
    assert keys(found, COMPOSITE, "down") == set()
    assert keys(found, PHOTO, "down") == set()  # it came back to another department
    for node in found.nodes:
        if node.name.kind is PHOTO:
            assert set(node.facts) == {"sha256", "of"}
            assert node.rights == ()
    for hidden in (world.second, world.photos[0], f"segment:{next(iter(keys(found, SEGMENT, 'up')))}"):
        with pytest.raises(NodeNotFound):
            world.of(hidden, by=member)
    with pytest.raises(NodeNotFound):
        world.of(world.handout, by=replace(member, department_id=world.theirs))


def test_terms_are_told_to_whom_may_read_them_and_to_no_creative(world) -> None:
    def rights(role: str) -> list[Any]:
        found = world.of(world.first, by=Actor("user", "someone", frozenset({role})), ways=("up",))
        return [held for one in found.nodes for held in one.rights]

    assert all(held.terms is None for held in rights("creative"))
    assert {held.terms["license_ref"] for held in rights("auditor")} == {"L-open"}
    assert {held.in_force for held in rights("creative")} == {False}


def test_as_prov_it_is_read_by_others_and_names_nobody(world) -> None:
    found = world.of(world.first, by=Actor("user", "auditor", frozenset({"auditor"})))

    written = json.dumps(prov.document(found, origin="bankd/0123"))
    read = ProvDocument.deserialize(content=written, format="json")

    again = json.loads(read.serialize(format="json"))
    assert set(again["entity"]) >= {str(one.name) for one in found.nodes}
    derived = {
        (one["prov:usedEntity"], one["prov:generatedEntity"]) for one in again["wasDerivedFrom"].values()
    }
    assert {
        (str(one.source), str(one.target)) for one in found.edges if str(one.relation) != "pinned"
    } <= derived
    kinds = {"used", "wasGeneratedBy", "wasAttributedTo", "wasAssociatedWith", "wasInformedBy"}
    assert kinds <= set(again)
    for secret in ("tests", "Shop team", "shop.example", "L-open", "Agency", "photo-0"):
        assert secret not in written
    assert pseudonyms(b"secret")("tests") in written
    assert pseudonyms(b"another")("tests") not in written


@pytest.mark.parametrize("named", ["first", "second", "snapshot", "network"])
def test_prov_has_the_structure_of_the_submission(world, named) -> None:
    """Section 2 and 3 of PROV-JSON: records by kind, each with its formal attributes, values typed."""
    found = world.of(NETWORK if named == "network" else getattr(world, named))
    document = prov.document(found, origin="bankd/0123")

    jsonschema.validate(document, SUBMISSION)
    for kind, records in document.items():
        for name in records if kind != "prefix" else ():
            assert name.partition(":")[0] in (*document["prefix"], "_"), name
    if named in ("snapshot", "network"):
        assert len(document["hadMember"]) == len(world.photos)
        assert document["entity"][f"snapshot:{world.snapshot}"]["prov:type"][0]["$"] == "prov:Collection"


def test_pages_of_prov_join_into_one_document(world) -> None:
    whole = prov.document(world.of(world.first), origin="bankd/0123")
    joined: dict[str, set[str]] = {}
    after = None
    while True:
        page = world.of(world.first, limit=2, after=after)
        for kind, records in prov.document(page, origin="bankd/0123").items():
            joined.setdefault(kind, set()).update(records if kind in ("entity", "activity", "agent") else ())
        if (after := page.after) is None:
            break

    for kind in ("entity", "activity", "agent"):
        assert joined[kind] == set(whole[kind])


def test_drawn_it_has_a_box_for_each_node_and_a_line_for_each_edge(world) -> None:
    found = world.of(world.first)

    drawn, graph = drawing.svg(found), drawing.dot(found)

    assert drawn.count("<rect") == len(found.nodes) + 1
    assert drawn.count("<path") == graph.count(" -> ") == len(found.edges)
    assert all(f'"{one.name}" [label=' in graph for one in found.nodes)


def test_a_recorded_handout_is_told_with_who_gave_it_on_which_grants(world) -> None:
    found = world.of(world.handout, ways=("up",))

    made = found.nodes[0].made
    with world.rt.transaction() as session:
        handout = session.get_one(Handout, world.handout)
    assert made is not None
    assert made.grants == tuple(sorted(set(handout.clearance["relied"].values())))
    assert [one.id for one in made.agents if one.kind == "person"] == [pseudonyms(b"secret")("tests")]
    order = next(one for one in found.nodes if one.name.kind is COMPOSITE).made
    assert order is not None
    assert [one.kind for one in order.after] == ["request", "clearance"]


def test_the_command_shows_a_page_and_writes_a_file(world, tmp_path) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["lineage", "show", *words], obj=world.rt)
        assert done.exit_code == code, (words, done.output, done.exception)
        return done.output

    told = run(str(world.first), "--limit", "4")
    after = told.rpartition("--after ")[2].strip(" `\n")
    rest = run(str(world.first), "--after", after)
    written = tmp_path / "lineage.json"
    run(str(world.first), "--format", "prov-json", "--out", str(written))

    assert "made of it: " in told and str(world.first) in told
    assert str(world.handout) in told + rest
    assert f"composite:{world.first}" in json.loads(written.read_text())["entity"]
    assert json.loads(run(str(world.first), "--json", "--up"))["totals"].keys() == {"up"}
    assert "error: nothing here has the id `nobody`" in run("nobody", code=2)
