import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from bankd.ingestion import service
from bankd.ingestion.models import BatchItem
from bankd.ingestion.service import ATTEMPTS_MOST, LEASE
from bankd.storage import BlobMissing, BlobUnavailable
from bankd.worker.outbox import HINT_AGAIN

Bank = Any
Make = Callable[..., bytes]
MEBIBYTE = 1024 * 1024


def test_an_item_runs_once_however_often_it_is_hinted(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    first = bank.work(batch_id)
    before = bank.rows()

    assert bank.work(batch_id) == {}
    assert first["0.png"].state == "taken"
    assert bank.rows() == before


def test_a_claim_keeps_others_out_until_its_lease_runs_out_and_is_worth_nothing_after(
    bank: Bank, filed: Any
) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    with bank.sessions.begin() as session:
        stale = service.claim(session, item.id, at=bank.at)
    with bank.sessions.begin() as session:
        assert service.claim(session, item.id, at=bank.at + LEASE - timedelta(seconds=1)) is None
    assert bank.ingest(item.id, at=bank.at + LEASE).state == "taken"

    assert stale is not None
    with bank.sessions.begin() as session:
        assert service.ingest_item(session, stale, blobs=bank.blobs, by=bank.by.system, at=bank.at) is None
    assert bank.rows()["photos"] == 1


def test_while_it_is_worked_on_nobody_can_claim_an_item_however_late_it_is(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    late = bank.at + 100 * LEASE
    assert claimed is not None

    with bank.sessions.begin() as working:
        service.ingest_item(working, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)
        with bank.sessions.begin() as other:
            assert service.claim(other, item.id, at=late) is None
            assert service.sweep(other, drained=False, by=bank.by.system, at=late) == 0
    assert bank.rows()["photos"] == 1


@pytest.mark.parametrize("together", ["bytes", "pixels"])
def test_of_two_equal_photos_at_the_same_time_one_is_taken(
    bank: Bank, filed: Any, encode: Make, pixels: Any, together: str
) -> None:
    twin = filed().photo if together == "bytes" else encode(Image.fromarray(pixels(0)), "TIFF")
    batch_id = bank.open(filed(name="one.png"), filed(name="two.png", photo=twin))
    with bank.sessions() as session:
        items = [item.id for item in service.items(session, batch_id)]
    ready = threading.Barrier(2)
    found: list[Any] = []

    def run(item_id: UUID) -> None:
        try:
            ready.wait(300)
            found.append(bank.ingest(item_id).state)
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(item_id,)) for item_id in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert sorted(map(str, found)) == (["known", "taken"] if together == "bytes" else ["refused", "taken"])
    assert bank.rows()["photos"] == 1


@pytest.mark.parametrize("after", range(3))
def test_a_crash_at_any_upload_leaves_no_half_state_and_the_next_attempt_completes(
    bank: Bank, filed: Any, failing: Any, after: int
) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    with pytest.raises(KeyboardInterrupt):
        bank.ingest(item.id, blobs=failing(after, KeyboardInterrupt()))

    assert bank.rows() == {"photos": 0, "segments": 0, "descriptors": 0, "logged": 0}
    assert bank.report(batch_id).waiting == 1
    assert bank.ingest(item.id, at=bank.at + LEASE).state == "taken"
    assert bank.rows() == {"photos": 1, "segments": 3, "descriptors": 6, "logged": 1}


def test_a_crash_between_upload_and_commit_leaves_no_half_state(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    assert claimed is not None

    with pytest.raises(KeyboardInterrupt), bank.sessions.begin() as session:
        service.ingest_item(session, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)
        raise KeyboardInterrupt

    assert bank.rows() == {"photos": 0, "segments": 0, "descriptors": 0, "logged": 0}
    outcome = bank.ingest(item.id, at=bank.at + LEASE)
    photo = bank.photo(outcome.photo_id)
    assert photo.id == item.id
    assert bank.blobs.delete_prefix(str(photo.id)) == 4  # and nothing twice


def test_a_photo_that_turns_out_known_leaves_nothing_of_an_earlier_attempt(
    bank: Bank, filed: Any, failing: Any
) -> None:
    first = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, first)
    with pytest.raises(KeyboardInterrupt):
        bank.ingest(item.id, blobs=failing(2, KeyboardInterrupt()))
    bank.work(bank.open(filed()))

    assert bank.ingest(item.id, at=bank.at + LEASE).state == "known"

    assert bank.blobs.delete_prefix(str(item.id)) == 0


def test_an_unreachable_store_costs_no_attempt(bank: Bank, filed: Any, failing: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    for _ in range(2 * ATTEMPTS_MOST):
        with bank.sessions.begin() as session:
            claimed = service.claim(session, item.id, at=bank.at)
        assert claimed is not None
        with pytest.raises(BlobUnavailable), bank.sessions.begin() as session:
            service.ingest_item(
                session,
                claimed,
                blobs=failing(0, BlobUnavailable("down")),
                by=bank.by.system,
                at=bank.at,
            )
        with bank.sessions.begin() as session:
            service.give_back(session, claimed)

    assert bank.ingest(item.id).state == "taken"


def test_the_sweep_brings_back_lost_leases_and_lost_hints(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed(1), filed(2))
    with bank.sessions() as session:
        leased, _ = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        service.claim(session, leased.id, at=bank.at)

    def sweep(at: Any) -> int:
        with bank.sessions.begin() as session:
            return service.sweep(session, drained=False, by=bank.by.system, at=at)

    assert sweep(bank.at + LEASE - timedelta(seconds=1)) == 0
    assert sweep(bank.at + LEASE) == 1
    assert sweep(bank.at + HINT_AGAIN) == 1
    assert sweep(bank.at + HINT_AGAIN) == 0
    assert {outcome.state for outcome in bank.work(batch_id).values()} == {"taken"}
    assert sweep(bank.at + 10 * HINT_AGAIN) == 0


def test_a_photo_that_kills_its_workers_is_failed_after_three_attempts(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    at = bank.at
    for _ in range(ATTEMPTS_MOST):
        with bank.sessions.begin() as session:
            assert service.claim(session, item.id, at=at) is not None
        at += LEASE
        with bank.sessions.begin() as session:
            service.sweep(session, drained=False, by=bank.by.system, at=at)

    found = bank.report(batch_id)
    assert (found.failed, found.waiting) == (1, 0)
    assert bank.ingest(item.id, at=at + LEASE) is None
    with bank.sessions() as session:
        detail = session.get_one(BatchItem, item.id).detail
    assert detail == "`0.png` stopped its worker 3 times"


def test_sources_that_a_crash_left_are_swept(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    assert claimed is not None
    with bank.sessions.begin() as session:
        service.ingest_item(session, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)

    with bank.sessions.begin() as session:
        assert service.sweep(session, drained=False, by=bank.by.system, at=bank.at + HINT_AGAIN) == 1
    bank.ingest(item.id)  # the task: nothing to claim
    with bank.sessions.begin() as session:
        service.drop_sources(session, item.id, blobs=bank.blobs)

    with pytest.raises(BlobMissing):
        bank.blobs.get(f"batches/{batch_id}/{item.id}/{item.photo_sha256}", limit_bytes=MEBIBYTE)


def test_a_filed_photo_whose_bytes_are_gone_is_refused_with_what_to_do(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    bank.blobs.delete_prefix(f"batches/{batch_id}")

    outcome = bank.work(batch_id)["0.png"]

    assert outcome.reason == "source-missing"
    assert outcome.detail is not None
    assert outcome.detail.endswith("file it again")
