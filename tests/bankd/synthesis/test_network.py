"""A request refined by a network: cleared as its photos are, bounded by its gate, named in the manifest."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_bank import Bank
from sqlalchemy import select

from bankd.catalog.taxonomy import house
from bankd.licensing.use import Use
from bankd.provenance import manifest
from bankd.provenance.models import Composite
from bankd.synthesis import handouts, made_by, orders, sealing, steps
from bankd.synthesis.errors import GateIsAnother
from bankd.synthesis.models import Variation
from bankd.training import importing, service
from bankd.training.models import NetworkCheckpoint
from synth import workorder
from synth.cards import Card
from synth.networks import checkpoints
from synth.networks.ordering import OrderingNetwork
from synth.networks.refinement import RefinementNetwork
from synth.refinement import Refined

NAMES = tuple(category.name for category in house().categories)


def registered(bank: Bank, folder: Path, **use: Any) -> NetworkCheckpoint:
    """An untrained network, registered as one that was trained on every photo that clears for it."""
    declared = Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["internal"],
            "targeted": ["WORLD"],
            "accessible": ["WORLD"],
            "starts_on": "2026-06-01",
            "ends_on": "2026-12-31",
            "audience": "internal",
            **use,
        }
    )
    who = {"by": bank.rt.actor, "at": bank.rt.now()}
    with bank.rt.transaction() as session:
        snapshot = service.pin(session, declared, sequences=False, **who).snapshot
        for kind, network in (
            ("ordering", OrderingNetwork(len(NAMES), generator=torch.Generator().manual_seed(2))),
            ("refinement", RefinementNetwork(len(NAMES), generator=torch.Generator().manual_seed(1))),
        ):
            card = Card(
                kind=kind,  # type: ignore[arg-type]
                width="small",
                categories=NAMES,
                snapshot_sha256=snapshot.digest,
                code_version="1",
                recipe={},
            )
            file = folder / f"{kind}.safetensors"
            checkpoints.save(file, network, card)
            read, content, sha256 = importing.read(file, taxonomy=house())
            kept = importing.keep(session, snapshot, read, content, sha256, blobs=bank.rt.blobs, **who)
    return kept


@pytest.fixture
def trained(bank: Bank, tmp_path: Path) -> Bank:
    """A bank with three photos that may be trained on, and a network that was."""
    ref = bank.grant("open", train=True)
    bank.take((ref,), (ref,), (ref,))
    registered(bank, tmp_path)
    return bank


def composites(bank: Bank) -> list[Composite]:
    with bank.rt.transaction() as session:
        return list(session.scalars(select(Composite)))


def reasons(bank: Bank) -> set[str]:
    with bank.rt.transaction() as session:
        return {r for one in session.scalars(select(Variation)) for r in one.reasons.get("reasons", ())}


def test_a_composite_names_the_network_what_trained_it_and_how_much_it_made(trained: Bank) -> None:
    request = trained.make(trained.ask(refiner="network"))

    assert request.state == "completed", request.outcome
    (composite,) = composites(trained)
    stages = request.outcome["timings_ms"]["pictures"]["0"]
    assert stages.keys() == {"regions", "align", "order", "compose", "paint", "refine"}
    memory = request.outcome["memory_mb"]
    assert memory["pictures"]["0"].keys() == stages.keys()
    assert all(held > 0 for held in memory["pictures"]["0"].values())
    made = manifest.read(composite.manifest)
    assert made.refiner.name == "network" and made.recipe == "network-1"
    assert made.refiner.training_photos == 3 and made.refiner.sorter and not made.refiner.aligner
    assert made.refiner.gate_sha256 is not None
    assert made.refiner_px <= made.refiner.made_px <= made.height * made.width
    with trained.rt.transaction() as session:
        found = service.checkpoint(session, str(made.refiner.checkpoint))
        assert found[1].digest == made.refiner.training_snapshot
    assert trained.rt.blobs.delete_prefix(f"composites/{composite.id}") == 2  # the picture and its gate


def test_networks_make_no_more_than_a_fifth_of_an_advertisement(trained: Bank, monkeypatch: Any) -> None:
    monkeypatch.setattr(made_by, "MADE", 0)  # as if the network had made every pixel

    assert trained.make(trained.ask(refiner="network", brand="Acme")).state == "refused"
    assert reasons(trained) == {"generated-area-above-limit"}
    assert trained.make(trained.ask(refiner="network", seed=8)).state == "completed"


def test_a_handout_carries_the_gate_map_that_the_manifest_names(trained: Bank) -> None:
    trained.make(trained.ask(refiner="network"))
    (composite,) = composites(trained)
    refiner = manifest.read(composite.manifest).refiner

    def handed_out() -> Any:
        who = {"blobs": trained.rt.blobs, "by": trained.rt.actor, "at": trained.rt.now()}
        with trained.rt.transaction() as session:
            return handouts.hand_out(session, composite.id, recipient="Agency", channel="web", **who)

    given = handed_out()
    with Image.open(io.BytesIO(given.gate)) as image:
        gate = np.asarray(image)
    assert manifest.gate_sha256(gate) == refiner.gate_sha256
    assert np.count_nonzero(gate >= made_by.MADE) == refiner.made_px

    key = made_by.gate_key(composite.id)
    trained.rt.blobs.delete(key)
    trained.rt.blobs.put(key, made_by.png(gate // 2), media_type="image/png")
    with pytest.raises(GateIsAnother):
        handed_out()


def test_the_same_seed_gives_the_same_picture(trained: Bank) -> None:
    for key in ("a", "b"):
        trained.make(trained.ask(refiner="network", key=key))

    first, second = composites(trained)
    assert first.pixel_sha256 == second.pixel_sha256


def test_without_a_network_blend_is_offered(served: Bank) -> None:
    request = served.make(served.ask(refiner="network"))

    assert request.state == "refused"
    assert reasons(served) == {"network-unknown"}


def test_a_network_is_refused_for_a_use_that_its_photos_do_not_clear_for(bank: Bank, tmp_path: Path) -> None:
    lab = bank.grant("lab", train=True, purposes=["research"])
    shop = bank.grant("shop")
    bank.take((lab,), (shop,), (shop,), (shop,))
    registered(bank, tmp_path, purpose="research")

    request = bank.make(bank.ask(refiner="network"))

    assert request.state == "refused"
    assert reasons(bank) == {"network-withheld", "purpose-not-covered"}
    assert bank.make(bank.ask(refiner="blend", key="again")).state == "completed"


def test_a_withdrawn_training_photo_refuses_the_seal(
    bank: Bank, tmp_path: Path, later: Callable[..., None]
) -> None:
    shop, other = bank.grant("shop"), bank.grant("other", train=True)
    bank.take((other,), (shop,), (shop,), (shop,))
    registered(bank, tmp_path)
    order = bank.order(bank.ask(refiner="network"))
    assert order is not None
    bank.render(order)
    bank.withdraw(other)

    steps.seal(bank.rt, order.id)

    assert composites(bank) == []
    assert "network-withheld" in reasons(bank)


@pytest.mark.parametrize("lie", ["picture", "gate", "nobody"])
def test_what_exceeds_its_gate_is_not_sealed(trained: Bank, lie: str, monkeypatch: Any) -> None:
    order = trained.order(trained.ask(refiner="network"))
    assert order is not None
    trained.render(order)
    key = orders.result_key(order)
    content = trained.rt.blobs.get(key, limit_bytes=1 << 26)
    height, width = int(order.spec["height"]), int(order.spec["width"])
    result, pictures = workorder.unpack_result(
        content, order_id=str(order.id), attempt=order.attempt, height=height, width=width, network=True
    )
    made = pictures[0]
    assert made.gate is not None and made.base is not None
    if lie == "picture":
        rgb = made.rgb.copy()
        rgb[:8, :8] = 255 - rgb[:8, :8] // 2
        forged = Refined(rgb, np.zeros_like(made.gate), made.base)
    elif lie == "gate":
        forged = Refined(made.rgb, made.gate // 4, made.base)
    else:
        forged = Refined(made.rgb, None, None)
    trained.rt.blobs.delete(key)
    trained.rt.blobs.put(key, workorder.pack_result(result, {0: forged}), media_type="application/zip")

    steps.seal(trained.rt, order.id)

    assert composites(trained) == []


def test_a_blended_order_takes_no_gate(served: Bank) -> None:
    order = served.order(served.ask())
    assert order is not None and order.spec["networks"] == []
    assert sealing.RECIPES[order.spec["refiner"]] == "blend-1"


def test_the_file_says_that_a_trained_network_had_a_part(trained: Bank) -> None:
    trained.make(trained.ask(refiner="network"))
    (composite,) = composites(trained)
    file = trained.rt.blobs.get(composite.blob_key, limit_bytes=1 << 26)

    assert b"compositeWithTrainedAlgorithmicMedia" in file
