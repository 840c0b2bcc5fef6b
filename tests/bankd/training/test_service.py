"""What may be trained on, and for how long what was trained may be used."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from small_bank import Bank
from sqlalchemy import select

from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import house
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import exporting, service
from bankd.training.errors import NetworkNotFound, NothingToTrainOn, SnapshotNoLongerClears, SnapshotNotFound
from bankd.training.models import SnapshotPhoto


def use(**stated: Any) -> Use:
    return Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["internal"],
            "targeted": ["WORLD"],
            "accessible": ["WORLD"],
            "starts_on": "2026-06-01",
            "ends_on": "2026-12-31",
            "audience": "internal",
            **stated,
        }
    )


def pinned(bank: Bank, *, sequences: bool = False, **stated: Any) -> service.Pinned:
    with bank.rt.transaction() as session:
        return service.pin(session, use(**stated), sequences=sequences, by=bank.rt.actor, at=bank.rt.now())


def standing(bank: Bank, snapshot_id: UUID, **stated: Any) -> service.Standing:
    with bank.rt.transaction() as session:
        return service.standing(session, snapshot_id, terms_of(session, use(**stated), at=bank.rt.now()))


@pytest.fixture
def mixed(bank: Bank) -> Bank:
    """Three photos whose grants allow training, one whose grant does not, one for research alone."""
    free, closed = bank.grant("free", train=True), bank.grant("closed")
    research = bank.grant("research", train=True, purposes=["research"])
    bank.take((free,), (free,), (free,), (closed,), (research,))
    return bank


def test_only_photos_that_clear_for_training_are_pinned_and_the_log_says_which(mixed: Bank) -> None:
    found = pinned(mixed)

    assert found.snapshot.photos == 3
    assert Counter(found.left_out) == Counter({"training-not-granted": 1, "purpose-not-covered": 1})
    with mixed.rt.transaction() as session:
        rows = session.scalars(select(SnapshotPhoto).order_by(SnapshotPhoto.number)).all()
        photos = {photo.sha256: photo for photo in session.scalars(select(Photo))}
        assert [row.photo_sha256 for row in rows] == sorted(row.photo_sha256 for row in rows)
        assert all(photos[row.photo_sha256].profile_id == row.profile_id for row in rows)
        last = [entry for entry in log.read(session) if entry.kind == "snapshot.pinned"]
    assert len(last) == 1


def test_a_snapshot_is_named_by_content_alone(mixed: Bank) -> None:
    first, again = pinned(mixed), pinned(mixed, purpose="commercial", ends_on="2026-11-30")
    wider = pinned(mixed, purpose="research")

    assert again.snapshot.digest == first.snapshot.digest
    assert wider.snapshot.digest != first.snapshot.digest
    assert wider.snapshot.photos == 4


def test_with_nothing_to_train_on_the_reasons_are_named(bank: Bank) -> None:
    bank.take((bank.grant("closed"),))

    with pytest.raises(NothingToTrainOn) as refused:
        pinned(bank)

    assert refused.value.reasons == {"training-not-granted": 1}
    assert "training-not-granted (1)" in str(refused.value)


def test_a_withdrawal_refuses_the_snapshot_from_that_moment_on(mixed: Bank) -> None:
    snapshot = pinned(mixed).snapshot
    assert standing(mixed, snapshot.id).clears

    mixed.withdraw("L-free/all")

    found = standing(mixed, snapshot.id)
    assert (found.photos, found.refused, found.reasons) == (3, 3, {"license-withdrawn"})


def test_a_snapshot_is_asked_for_the_use_at_hand(mixed: Bank) -> None:
    snapshot = pinned(mixed, purpose="research").snapshot

    assert standing(mixed, snapshot.id, purpose="research").clears
    assert standing(mixed, snapshot.id).reasons == {"purpose-not-covered"}


def test_a_photo_that_the_bank_never_held_is_asked_by_the_rights_that_came_with_it(mixed: Bank) -> None:
    source = pinned(mixed).snapshot
    with mixed.rt.transaction() as session:
        row = session.scalars(select(SnapshotPhoto)).first()
        assert row is not None
        elsewhere = {
            "photo_sha256": "a" * 64,
            "label_sha256": "b" * 64,
            "profile_id": row.profile_id,
            "grant_ids": row.grant_ids,
            "sequence": None,
            "frame": None,
        }
        terms = terms_of(session, use(), at=mixed.rt.now())
        snapshot = service.record(
            session, [elsewhere], digest="c" * 64, use=use(), terms=terms, epoch=source.epoch,
            imported=True, by=mixed.rt.actor, at=mixed.rt.now(),
        )  # fmt: skip
    assert standing(mixed, snapshot.id).clears

    mixed.withdraw("L-free/all")

    assert standing(mixed, snapshot.id).reasons == {"license-withdrawn"}


def test_an_erased_photo_refuses_its_snapshot(mixed: Bank) -> None:
    snapshot = pinned(mixed).snapshot
    with mixed.rt.transaction() as session:
        sha256 = session.scalars(select(SnapshotPhoto.photo_sha256)).first()
        photo_id = session.scalars(select(Photo.id).where(Photo.sha256 == sha256)).one()
        catalog.tombstone(session, photo_id, reason="asked for", by=mixed.rt.actor, at=mixed.rt.now())

    found = standing(mixed, snapshot.id)

    assert (found.refused, found.reasons) == (1, {"photo-erased"})


def test_frames_of_a_sequence_are_told_by_their_names_if_asked(mixed: Bank) -> None:
    pinned(mixed, sequences=True)
    with mixed.rt.transaction() as session:
        rows = session.execute(select(SnapshotPhoto.sequence, SnapshotPhoto.frame)).all()
    assert {sequence for sequence, _ in rows} == {"photo-"}
    assert sorted(frame for _, frame in rows) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "sequence", "frame"),
    [
        ("street-0007.png", "street-", 7),
        ("monday/0007.png", "monday/", 7),
        ("0007", "", 7),
        ("desk.png", None, None),
    ],
)
def test_a_folder_is_a_sequence_of_its_own(name: str, sequence: str | None, frame: int | None) -> None:
    assert service.place(name, sequences=True) == {"sequence": sequence, "frame": frame}
    assert service.place(name, sequences=False) == {"sequence": None, "frame": None}


def test_an_export_is_the_photos_byte_for_byte_and_is_logged(mixed: Bank, tmp_path: Path) -> None:
    snapshot = pinned(mixed).snapshot
    with mixed.rt.transaction() as session:
        export = exporting.clear(
            session, snapshot, terms_of(session, use(), at=mixed.rt.now()), taxonomy=house(),
            by=mixed.rt.actor, at=mixed.rt.now(),
        )  # fmt: skip
    exporting.write(export, tmp_path / "out", blobs=mixed.rt.blobs)

    document = json.loads((tmp_path / "out" / "snapshot.json").read_text())
    assert document["digest"] == snapshot.digest
    assert len(document["photos"]) == 3
    for photo in document["photos"]:
        for name, field in (("photo", "photo_sha256"), ("labels", "label_sha256")):
            content = (tmp_path / "out" / photo[name]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == photo[field]
    triples = [(p["photo_sha256"], p["label_sha256"], p["profile_sha256"]) for p in document["photos"]]
    assert service.digest(triples) == snapshot.digest
    with mixed.rt.transaction() as session:
        assert [entry.kind for entry in log.read(session)].count("snapshot.exported") == 1


def test_what_no_longer_clears_is_not_exported(mixed: Bank) -> None:
    snapshot = pinned(mixed).snapshot
    mixed.withdraw("L-free/all")

    with mixed.rt.transaction() as session, pytest.raises(SnapshotNoLongerClears) as refused:
        exporting.clear(
            session, snapshot, terms_of(session, use(), at=mixed.rt.now()), taxonomy=house(),
            by=mixed.rt.actor, at=mixed.rt.now(),
        )  # fmt: skip

    assert refused.value.photos == 3


def test_a_picture_is_made_with_the_newest_networks_of_one_snapshot(mixed: Bank) -> None:
    first, other = pinned(mixed).snapshot, pinned(mixed, purpose="research").snapshot
    made = {"by": mixed.rt.actor, "at": mixed.rt.now()}
    with mixed.rt.transaction() as session:
        with pytest.raises(NetworkNotFound):
            service.networks(session)
        for number, (snapshot, kind) in enumerate(
            [(first, "refinement"), (first, "ordering"), (other, "transformation"), (first, "ordering")]
        ):
            service.register(
                session, snapshot, sha256=f"{number:064x}", size_bytes=9, kind=kind, card={}, **made
            )
        found = service.networks(session)
        with pytest.raises(SnapshotNotFound):
            service.snapshot_of(session, "nonsense")
        exposed = service.trained_on(session, session.scalars(select(SnapshotPhoto.photo_sha256)).all())

    assert {kind: one.sha256 for kind, one in found.items()} == {
        "refinement": f"{0:064x}",
        "ordering": f"{3:064x}",
    }
    assert len(exposed) == 4
