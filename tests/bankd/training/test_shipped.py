"""The networks that ship with the sample: whole, small, and cleared by the rights that come with them."""

import hashlib
import json
from functools import cache
from pathlib import Path

import pytest
from small_bank import Bank

from bankd.catalog.taxonomy import house
from bankd.licensing import rights_file
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import importing, service
from synth import cards
from synth.training import recipe, snapshot

SAMPLE = Path(__file__).parents[3] / "sample"
NETWORKS = SAMPLE / "networks"
KINDS = ("ordering", "refinement", "transformation")


@cache
def listed() -> snapshot.Snapshot:
    return snapshot.read(NETWORKS)


@cache
def card_of(kind: str) -> cards.Card:
    content, _ = cards.read_file(NETWORKS / f"{kind}.safetensors")
    return cards.read_card(content, kind)


def a_use(**stated: object) -> Use:
    return Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["WORLD"],
            "starts_on": "2026-06-01",
            "ends_on": "2026-12-31",
            "audience": "public",
            **stated,
        }
    )


def test_the_set_stays_under_twenty_megabytes() -> None:
    files = sorted(NETWORKS.glob("*.safetensors"))
    assert [file.stem for file in files] == list(KINDS)
    assert sum(file.stat().st_size for file in files) < 20_000_000


def test_the_scenes_are_those_that_the_list_names() -> None:
    listed().verify()
    named = {path for photo in listed().photos for path in (photo.photo, photo.labels, photo.depth)}
    there = {
        str(path.relative_to(NETWORKS))
        for folder in ("photos", "labels", "depth")
        for path in (NETWORKS / folder).iterdir()
    }
    assert named == there
    triples = ((one.photo_sha256, one.label_sha256, one.profile_sha256) for one in listed().photos)
    assert service.digest(triples) == listed().digest


def test_no_scene_of_the_demo_was_trained_on() -> None:
    demo = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (SAMPLE / "photos").iterdir()}
    assert not demo & {photo.photo_sha256 for photo in listed().photos}


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_was_made_from_these_scenes_by_its_recipe(kind: str) -> None:
    card = card_of(kind)

    assert (card.kind, card.width, card.snapshot_sha256) == (kind, "small", listed().digest)
    path = NETWORKS / "recipes" / f"{kind}.json"
    made_by = recipe.read(path)
    for field, said in json.loads(path.read_bytes()).items():
        done = card.recipe[field]
        assert (done if not isinstance(said, dict) else {key: done[key] for key in said}) == said
    assert 0 < card.metrics["step"] <= made_by.steps


@pytest.mark.parametrize(
    "use",
    [
        a_use(),
        a_use(purpose="editorial", channels=["print"], targeted=["FR"], accessible=["FR"]),
        a_use(sector="food", licensee="partner", beneficiaries=["partner"]),
    ],
    ids=["shop", "magazine", "partner"],
)
def test_a_fresh_house_clears_them_for_a_use(bank: Bank, use: Use) -> None:
    with bank.rt.transaction() as session:
        made = importing.import_networks(
            session, NETWORKS, use, blobs=bank.rt.blobs, taxonomy=house(), by=bank.rt.actor, at=bank.rt.now()
        )
        found = service.standing(session, made[0].snapshot_id, terms_of(session, use, at=bank.rt.now()))
        chosen = service.networks(session)

    assert found.clears and found.photos == len(listed().photos)
    assert {kind: one.sha256 for kind, one in chosen.items()} == {one.kind: one.sha256 for one in made}
    assert sorted(chosen) == list(KINDS)


def test_the_rights_quote_their_document() -> None:
    rights = rights_file.load(NETWORKS / "rights.yaml")
    (license,) = rights.licenses
    (document,) = rights.documents
    text = " ".join(rights.document_file(document).read_text().split())
    assert all(" ".join(said.quote.split()) in text for said in (license, *license.grants) if said.quote)
