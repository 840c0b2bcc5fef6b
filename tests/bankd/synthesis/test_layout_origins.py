"""A layout that is a photo's own label map takes something from that photo, and is cleared like it."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import c2pa
import pytest
from drawn import labels
from small_bank import ROOT, Bank
from sqlalchemy import select

from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import house
from bankd.exposure.reading import exposure
from bankd.exposure.subjects import Named
from bankd.licensing.use import Use
from bankd.lineage import service as lineage
from bankd.policy import load
from bankd.provenance import manifest
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite, LayoutUsage, Usage
from bankd.reports.kind import Context
from bankd.reports.kinds.provenance.gathering import gather
from bankd.reports.kinds.provenance.model import ProvenanceReport, ProvenanceScope
from bankd.reports.rendering import render
from bankd.synthesis import filing, handouts, origins, replaying, steps
from bankd.synthesis.errors import LayoutRefused
from bankd.synthesis.handouts import HandedOut, NotHandedOut
from bankd.synthesis.models import Variation


def ask(bank: Bank, origin: str, *, layout: Any = None, **use: object) -> UUID:
    declared = {
        "purpose": "commercial", "channels": ["web"], "targeted": ["JP"], "accessible": ["JP"],
        "starts_on": "2026-06-01", "ends_on": "2026-12-31", "audience": "public", **use,
    }  # fmt: skip
    layout = labels(mug_x=44) if layout is None else layout
    asked = filing.Asked(layout, Use.model_validate(declared), "scene", 1, 7, layout_origin=origin)
    with bank.rt.transaction() as session:
        return filing.file(
            session, asked, blobs=bank.rt.blobs, taxonomy=house(), idempotency_key=None,
            by=bank.rt.actor, at=bank.rt.now(),
        ).id  # fmt: skip


def test_the_origin_is_stored_logged_and_committed_to(served: Bank) -> None:
    request = served.make(ask(served, "licensed"))

    assert (request.state, request.layout_origin) == ("completed", "licensed")
    with served.rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request.id)).one()
        filed = [entry for entry in log.read(session) if entry.kind == "request.filed"][-1]
    disclosures = Disclosures.model_validate(composite.disclosures)
    assert disclosures.layout_origin is not None and disclosures.layout_origin.value == "licensed"
    assert manifest.read(composite.manifest).commitments == disclosures.commitments()
    assert filed.payload is not None and filed.payload["objects"]["layout_origin"] == "licensed"


def test_a_photo_gives_its_layout_only_where_it_clears(bank: Bank) -> None:
    free, bound = bank.take((bank.grant("open"),), (bank.grant("nc", purposes=["research"]),))

    assert bank.make(ask(bank, f"photo:{free}")).state == "completed"
    refused = ask(bank, f"photo:{bound}", brand="other")
    assert bank.make(refused).state == "refused"
    with bank.rt.transaction() as session:
        entry = [*log.read(session)][-1]
    assert entry.payload is not None
    assert set(entry.payload["objects"]["reasons"]) == {"layout-withheld", "purpose-not-covered"}


def arranged(bank: Bank, **terms: Any) -> tuple[UUID, str, UUID]:
    """The photo that gives the layout and no segment, its grant's ref, and the request for it."""
    ref = bank.grant("layout", alterations=["combine"], **terms)
    _, photo = bank.take((bank.grant("open"),), (ref,))
    return photo, ref, ask(bank, f"photo:{photo}")


def sealed(bank: Bank, request: UUID) -> Composite:
    with bank.rt.transaction() as session:
        return session.scalars(select(Composite).where(Composite.request_id == request)).one()


def reported(bank: Bank, composite: Composite) -> ProvenanceReport:
    """What the provenance report says of it."""
    with bank.rt.snapshot() as session:
        context = Context("The house", bank.rt.actor, bank.rt.now(), bank.rt.blobs)
        return gather(session, ProvenanceScope(composite=composite.id), context).report


def handed_out(bank: Bank, composite: Composite) -> HandedOut | NotHandedOut:
    with bank.rt.transaction() as session:
        return handouts.hand_out(
            session, composite.id, recipient="Agency", channel="web", blobs=bank.rt.blobs,
            by=bank.rt.actor, at=bank.rt.now(),
        )  # fmt: skip


def replayed(bank: Bank, request: UUID) -> list[tuple[str, str]]:
    with bank.rt.transaction() as session:
        return [(one.of, one.outcome) for one in replaying.replay(session, request, by=bank.rt.actor)]


def test_a_photo_whose_arrangement_is_taken_is_an_ingredient_without_any_area(bank: Bank) -> None:
    photo, _, request = arranged(bank, credit={"text": "Photo: A. Author"})

    assert bank.make(request).state == "completed"
    composite = sealed(bank, request)
    made = manifest.read(composite.manifest)
    with bank.rt.transaction() as session:
        row = session.get_one(Photo, photo)
        usage = session.get_one(LayoutUsage, composite.id)
        placed = set(session.scalars(select(Usage.photo_id).where(Usage.composite_id == composite.id)))
        found = exposure(session, Named("photo", photo, str(photo)), by=bank.rt.actor)
        walked = lineage.lineage(session, f"photo:{photo}", pseudonym=str, by=bank.rt.actor)
    assert made.layout_photo is not None
    assert (made.layout_photo.photo_id, made.layout_photo.sha256) == (photo, row.sha256)
    assert (usage.photo_id, usage.grant_id) == (photo, made.layout_photo.grant_id)
    assert photo not in placed and photo not in {one.photo_id for one in made.placed_photos}
    # Its credit is owed, and its alterations bind the whole.
    disclosures = Disclosures.model_validate(composite.disclosures)
    assert [credit.text for credit in disclosures.credits()] == ["Photo: A. Author"]
    assert disclosures.license().alterations == {"combine"}
    assert (found.composites, found.segments) == (1, 0)
    assert [str(edge.relation) for edge in walked.edges if edge.target.key == str(composite.id)] == [
        "arranged"
    ]
    report = reported(bank, composite)
    assert report.layout_origin == "photo" and report.layout is not None
    assert (report.layout.photo_id, report.layout.grant_id) == (photo, usage.grant_id)
    assert report.layout.thumbnail == "shown" and photo not in {one.photo_id for one in report.photos}
    assert [credit.photos for credit in report.credits_owed] == [(0,)]
    assert {on for mark, on in report.marks().items() if mark.license == "L-layout"} == {(0,)}
    assert "Layout photo" in render(report, "html").decode()

    content = bank.rt.blobs.get(composite.blob_key, limit_bytes=1 << 26)
    store = json.loads(c2pa.Reader("image/png", io.BytesIO(content)).json())
    active = store["manifests"][store["active_manifest"]]
    (given,) = [one for one in active["ingredients"] if one["relationship"] == "inputTo"]
    assert given["title"] == str(photo)
    actions = next(one for one in active["assertions"] if one["label"].startswith("c2pa.actions"))["data"]
    (created,) = [one for one in actions["actions"] if one["action"] == "c2pa.created"]
    assert len(created["parameters"]["ingredients"]) == 1
    assert isinstance(handed_out(bank, composite), HandedOut)
    assert replayed(bank, request) == [("request", "same"), ("seal", "same"), ("handout", "same")]


def test_an_arrangement_needs_no_right_to_crop_or_recolor_and_a_source_does(bank: Bank) -> None:
    ref = bank.grant("layout", alterations=["combine"])
    (photo,) = bank.take((ref,))

    request = bank.make(ask(bank, f"photo:{photo}"))  # nothing else is there to be cut out
    assert request.state == "refused"
    assert "layout-withheld" not in str(request.outcome)
    assert "composing-not-granted" in str(request.outcome)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"alterations": []}, "adapting-not-granted"), ({"generative": False}, "generative-not-granted")],
)
def test_an_arrangement_without_rights_is_withheld(bank: Bank, terms: dict[str, Any], reason: str) -> None:
    ref = bank.grant("layout", **terms)
    _, photo = bank.take((bank.grant("open"),), (ref,))

    request = bank.make(ask(bank, f"photo:{photo}"))

    assert request.state == "refused"
    with bank.rt.transaction() as session:
        variation = session.get_one(Variation, (request.id, 0))
    assert set(variation.reasons["reasons"]) == {"layout-withheld", reason}


def test_an_arrangement_is_cleared_again_at_seal_and_at_handout(bank: Bank) -> None:
    _, ref, request = arranged(bank)
    assert bank.make(request).state == "completed"
    composite = sealed(bank, request)
    late = ask(bank, bank.request(request).layout_origin, copies=5)
    order = bank.order(late)
    assert order is not None
    bank.render(order)

    bank.withdraw(ref)
    steps.seal(bank.rt, order.id)

    with bank.rt.transaction() as session:
        variation = session.get_one(Variation, (late, 0))
    assert variation.composite_id is None
    assert set(variation.reasons["reasons"]) == {"layout-withheld", "license-withdrawn"}
    refused = handed_out(bank, composite)
    assert isinstance(refused, NotHandedOut)
    assert set(refused.reasons) == {"layout-withheld", "license-withdrawn"}
    assert replayed(bank, request)[1:] == [("seal", "same"), ("handout-refused", "same")]


def test_an_arrangement_for_another_clash_refuses_the_set(bank: Bank) -> None:
    _, _, request = arranged(bank, share_alike="CC-BY-SA-4.0", licensees=["any"])

    made = bank.make(request)

    assert made.state == "refused"
    with bank.rt.transaction() as session:
        variation = session.get_one(Variation, (request, 0))
    assert variation.reasons["reasons"] == ["share-alike-beside-rights-managed"]


def test_a_bundle_older_than_the_action_is_asked_for_what_stood_in_its_place() -> None:
    today = load.read(ROOT / "policies")
    assert origins.asked_of(today, "adapt") == "adapt"
    older = load.Bundle.of(without_adapting(today.texts))
    assert origins.asked_of(older, "adapt") == "synthesize"
    assert origins.asked_of(older, "publish-adapted") == "publish"


def without_adapting(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, text in texts:
        rules = re.split(r"(?=^@id)", text, flags=re.MULTILINE)
        kept = "".join(rule for rule in rules if '@id("adapting-not-granted")' not in rule)
        for known in ('Action::"adapt"', 'Action::"publish-adapted"'):
            kept = re.sub(rf" *{known},\n|{known}, |, {known}", "", kept)
        yield name, kept.replace(', adapt, publish, "publish-adapted"', ", publish")


def test_a_photos_own_label_map_is_that_photos_whatever_is_declared(bank: Bank) -> None:
    """Who says `own`, `licensed` or the name of a freer photo takes the arrangement on no other terms."""
    free, bound = bank.take((bank.grant("open"),), (bank.grant("nc", purposes=["research"]),))
    maps = {free: labels(mug_x=30), bound: labels(mug_x=34)}

    for said in ("own", "licensed"):
        request = bank.make(ask(bank, said, layout=maps[bound]))
        assert (request.layout_origin, request.state) == (f"photo:{bound}", "refused")
        with bank.rt.transaction() as session:
            variation = session.get_one(Variation, (request.id, 0))
            filed = [entry for entry in log.read(session) if entry.kind == "request.filed"][-1]
        assert set(variation.reasons["reasons"]) == {"layout-withheld", "purpose-not-covered"}
        assert filed.payload is not None and filed.payload["objects"]["layout_declared"] == said
    with pytest.raises(LayoutRefused, match=f"of photo `{bound}` and not of `{free}`"):
        ask(bank, f"photo:{free}", layout=maps[bound])

    request = bank.make(ask(bank, "own", layout=maps[free]))
    assert (request.layout_origin, request.state) == (f"photo:{free}", "completed")
    assert manifest.read(sealed(bank, request.id).manifest).layout_photo is not None
    other = maps[bound].copy()
    other[0, 0] = other[-1, -1]
    assert bank.request(ask(bank, "own", layout=other)).layout_origin == "own"


def test_the_label_map_of_a_photo_that_one_may_not_know_of_is_no_layout(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    with bank.rt.transaction() as session:
        catalog.embargo(session, photo, until=bank.rt.at.replace(year=2028), by=bank.rt.actor, at=bank.rt.at)

    with pytest.raises(LayoutRefused, match="may not be taken from") as refused:
        ask(bank, "own", layout=labels(mug_x=30))
    assert str(photo) not in str(refused.value)


def test_a_photo_that_nobody_may_know_of_gives_no_layout(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    with bank.rt.transaction() as session:
        catalog.embargo(session, photo, until=bank.rt.at.replace(year=2028), by=bank.rt.actor, at=bank.rt.at)

    for unknown in (photo, uuid4()):
        with pytest.raises(LayoutRefused, match="no photo has the id"):
            ask(bank, f"photo:{unknown}")
