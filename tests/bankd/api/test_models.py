"""Networks over the API: pinned, brought in and looked at by those who may."""

import json
from pathlib import Path
from typing import Any

import torch

from bankd.audit.actor import Actor
from bankd.catalog.taxonomy import house
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import exporting, service
from synth.cards import Card
from synth.networks import checkpoints
from synth.networks.ordering import OrderingNetwork

TO_PIN = {"use": {"purpose": "commercial"}}


def trainable(rights_text: str) -> str:
    return rights_text.replace("generative: true", "generative: true\n          train: true")


def taken(bank: Any, rights: str) -> None:
    """Two photos under these rights."""
    assert bank.import_rights(rights).status_code == 200
    depictions = {"persons": False, "model_release": "not-needed", "property_release": "not-needed"}
    record = {
        "grants": ["L-1/all"],
        "depictions": depictions,
        "releases": [],
        "disputed": None,
        "embargo_until": None,
    }
    records = json.dumps({"desk-1.png": record, "desk-2.png": record})
    bank.work(bank.ingest("desk-1.png", "desk-2.png", rights=False, records=records).json()["batch"])


def travelling(bank: Any, folder: Path, digest: str, rights: str) -> list[tuple[str, tuple[str, bytes]]]:
    """A network with the list and the rights of its photos, as files of a form."""
    with bank.runtime.transaction() as session:
        snapshot = service.snapshot_of(session, digest)
        terms = terms_of(session, Use.model_validate(snapshot.use), at=bank.runtime.now())
        by = Actor.system("tests")
        export = exporting.clear(session, snapshot, terms, taxonomy=house(), by=by, at=bank.runtime.now())
    card = Card(
        kind="ordering",
        width="small",
        categories=("void", "wall"),
        snapshot_sha256=digest,
        code_version="1",
        recipe={},
    )
    network = OrderingNetwork(2, generator=torch.Generator().manual_seed(1))
    checkpoints.save(folder / "ordering.safetensors", network, card)
    return [
        ("files", ("ordering.safetensors", (folder / "ordering.safetensors").read_bytes())),
        ("files", ("snapshot.json", json.dumps(export.document).encode())),
        ("files", ("rights.yaml", rights.encode())),
        ("files", ("documents/agreement.md", b"# Agreement\n4.10 for all media")),
    ]


def test_photos_that_may_not_train_are_not_pinned_and_the_policies_are_named(
    bank: Any, rights_text: str
) -> None:
    taken(bank, rights_text)

    response = bank.call("compliance", "POST", "/models/snapshots", json=TO_PIN)

    assert response.status_code == 422
    assert response.json()["type"].endswith("nothing-to-train-on")
    assert "training-not-granted (2)" in response.json()["detail"]


def test_a_network_is_brought_in_shown_and_exposed_by_a_withdrawal(
    bank: Any, rights_text: str, tmp_path: Path
) -> None:
    rights = trainable(rights_text)
    taken(bank, rights)
    pinned = bank.call("operator", "POST", "/models/snapshots", json=TO_PIN)
    assert pinned.status_code == 201, pinned.text
    assert (pinned.json()["photos"], pinned.json()["left_out"]) == (2, {})
    files = travelling(bank, tmp_path, pinned.json()["digest"], rights)

    brought = bank.call(
        "compliance", "POST", "/models/import", files=files, data={"use": json.dumps(TO_PIN["use"])}
    )

    assert brought.status_code == 200, brought.text
    (network,) = brought.json()
    assert (network["kind"], network["clears"], network["snapshot"]["photos"]) == ("ordering", True, 2)
    assert bank.call("creative", "GET", "/models").json() == [network]
    assert bank.call("creative", "GET", f"/models/{network['sha256'][:12]}").json() == network

    body = {"reason": "the licensor left"}
    withdrawn = bank.call("compliance", "POST", "/licenses/L-1/withdraw", json=body)

    assert withdrawn.json()["networks"] == [network["sha256"]]
    (after,) = bank.call("creative", "GET", "/models").json()
    assert (after["clears"], after["refused"]) == (False, 2)
    assert "license-withdrawn" in after["reasons"]


def test_coverage_names_policies_and_no_license(
    bank: Any, rights_text: str, use: dict[str, Any], label_map: Any
) -> None:
    taken(bank, rights_text)
    files = [
        ("layouts", ("shelf.png", label_map())),
        ("classes", ("classes.json", json.dumps([{"id": 0, "name": "wall"}, {"id": 1, "name": "mug"}]))),
    ]

    def asked(**changes: Any) -> Any:
        body = {"use": json.dumps({**use, **changes})}
        return bank.call("creative", "POST", "/models/coverage", files=files, data=body)

    served, short = asked().json(), asked(purpose="education")
    assert (served["short_share"], served["blend"], served["short_by"]) == (0, 1, [])
    assert served["categories"][0]["score"]["most"] == 2  # the photos' own label map
    assert short.json()["short_share"] == 1
    assert short.json()["short_by"][0]["categories"] == ["mug", "wall"]
    assert "L-1" not in short.text and "123456" not in short.text


def test_what_cannot_be_pinned_or_brought_in_is_a_problem(bank: Any) -> None:
    for faulty in ({}, {"use": {"purpose": "theft"}}, {"use": {"purpose": "commercial", "ends_on": "x"}}):
        assert bank.call("compliance", "POST", "/models/snapshots", json=faulty).status_code == 422
    files = [("files", ("ordering.safetensors", b"nothing"))]
    for use in ("{", '{"purpose": "commercial"}'):
        response = bank.call("compliance", "POST", "/models/import", files=files, data={"use": use})
        assert response.status_code == 422, response.text
    missing = bank.call("creative", "GET", "/models/0123456789ab")
    assert missing.status_code == 404 and missing.json()["type"].endswith("network-not-found")
