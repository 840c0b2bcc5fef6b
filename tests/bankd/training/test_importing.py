"""Networks that come with the list of what they were trained on, and the rights in it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from small_bank import Bank

from bankd.catalog.taxonomy import house
from bankd.licensing import rights_file
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import importing, service
from bankd.training.errors import CheckpointUnusable, SnapshotMismatch
from bankd.training.models import NetworkCheckpoint
from synth.cards import Card
from synth.networks import checkpoints
from synth.networks.ordering import OrderingNetwork

RIGHTS = """
version: 1
licensors:
  - {ref: studio, name: Studio}
licenses:
  - ref: STUDIO
    licensor: studio
    title: Rendered scenes
    basis: owned
    grants:
      - ref: all
        terms:
          territories: WORLD
          channels: [web, print]
          purposes: [commercial]
          sectors: [any]
          audiences: [public, internal]
          licensees: [any]
          alterations: [crop, combine]
          generative: true
          train: %s
          starts_on: 2020-01-01
          ends_on: null
photos:
  - files: ["*.png"]
    licenses: [STUDIO]
    depictions: {persons: false, model_release: not-needed, youngest: adult, property_release: not-needed}
"""
USE = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["web"],
        "targeted": ["JP"],
        "accessible": ["JP"],
        "starts_on": "2026-06-01",
        "ends_on": "2026-12-31",
        "audience": "public",
    }
)


def travelling(bank: Bank, folder: Path, *, train: str = "true") -> Path:
    """A folder as `models import` takes it: a list of two photos that no bank holds, rights, a network."""
    folder.mkdir()
    (folder / "rights.yaml").write_text(RIGHTS % train)
    with bank.rt.transaction() as session:
        # The profile of these rights, worked out in a transaction that leaves nothing behind.
        profile = _profile(bank, session, folder)
        session.rollback()
    photos = [
        {
            "photo_sha256": f"{number:064x}",
            "label_sha256": f"{number + 100:064x}",
            "profile_sha256": profile,
            "group": str(number),
            "number": 0,
            "photo": f"photos/{number}.png",
            "labels": f"labels/{number}.png",
        }
        for number in range(2)
    ]
    digest = service.digest((p["photo_sha256"], p["label_sha256"], p["profile_sha256"]) for p in photos)  # type: ignore[misc]
    document = {"version": 1, "digest": digest, "categories": [{"id": 0, "name": "void", "void": True}]}
    (folder / "snapshot.json").write_text(json.dumps({**document, "photos": photos}))
    network = OrderingNetwork(2, generator=torch.Generator().manual_seed(1))
    card = Card(
        kind="ordering",
        width="small",
        categories=("void", "wall"),
        snapshot_sha256=digest,
        code_version="1",
        recipe={},
    )
    checkpoints.save(folder / "ordering.safetensors", network, card)
    return folder


def _profile(bank: Bank, session: Any, folder: Path) -> str:
    from bankd.catalog.importing import import_rights
    from bankd.licensing import profiles
    from bankd.licensing import service as licensing
    from bankd.licensing.terms import EmbeddedRights

    who = {"by": bank.rt.actor, "at": bank.rt.now()}
    rights = rights_file.load(folder / "rights.yaml")
    import_rights(session, rights, blobs=bank.rt.blobs, **who)
    record = rights.record_for("0.png")
    assert record is not None
    grants = licensing.grants_by_ref(session, record.grants).values()
    facts = profiles.facts_for(
        session, [grant.id for grant in grants], depictions=record.depictions, embedded=EmbeddedRights()
    )
    return profiles.profile_for(session, [one for _, one in facts]).digest


def brought(bank: Bank, folder: Path) -> list[NetworkCheckpoint]:
    with bank.rt.transaction() as session:
        return importing.import_networks(
            session, folder, USE, blobs=bank.rt.blobs, taxonomy=house(), by=bank.rt.actor, at=bank.rt.now()
        )


def test_a_fresh_house_can_clear_a_network_by_the_rights_that_come_with_it(
    bank: Bank, tmp_path: Path
) -> None:
    folder = travelling(bank, tmp_path / "set")

    made, again = brought(bank, folder), brought(bank, folder)

    assert [one.sha256 for one in again] == [one.sha256 for one in made]
    assert bank.rt.blobs.exists(importing.key(made[0].sha256))
    with bank.rt.transaction() as session:
        terms = terms_of(session, USE, at=bank.rt.now())
        assert service.standing(session, made[0].snapshot_id, terms).clears
        assert service.checkpoints(session)[0][1].imported
        later = terms_of(session, USE, at=datetime(2027, 1, 1, tzinfo=UTC))
        assert service.standing(session, made[0].snapshot_id, later).reasons == {"period-over"}


def test_a_network_whose_photos_may_not_train_is_registered_and_does_not_clear(
    bank: Bank, tmp_path: Path
) -> None:
    made = brought(bank, travelling(bank, tmp_path / "set", train="false"))

    with bank.rt.transaction() as session:
        found = service.standing(session, made[0].snapshot_id, terms_of(session, USE, at=bank.rt.now()))

    assert (found.refused, found.reasons) == (2, {"training-not-granted"})


def test_wider_rights_than_those_trained_under_are_refused(bank: Bank, tmp_path: Path) -> None:
    folder = travelling(bank, tmp_path / "set", train="false")
    (folder / "rights.yaml").write_text(RIGHTS % "true")

    with pytest.raises(SnapshotMismatch, match="not those that it was trained under"):
        brought(bank, folder)

    with bank.rt.transaction() as session:
        assert service.checkpoints(session) == []


def test_a_list_that_was_changed_is_refused(bank: Bank, tmp_path: Path) -> None:
    folder = travelling(bank, tmp_path / "set")
    document = json.loads((folder / "snapshot.json").read_text())
    document["photos"].pop()
    (folder / "snapshot.json").write_text(json.dumps(document))

    with pytest.raises(SnapshotMismatch):
        brought(bank, folder)


def test_a_checkpoint_cut_short_is_refused(bank: Bank, tmp_path: Path) -> None:
    folder = travelling(bank, tmp_path / "set")
    whole = (folder / "ordering.safetensors").read_bytes()
    (folder / "ordering.safetensors").write_bytes(whole[:-7])

    with pytest.raises(CheckpointUnusable, match="cut short"):
        brought(bank, folder)
