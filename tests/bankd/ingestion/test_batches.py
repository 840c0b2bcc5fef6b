from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from bankd.catalog.errors import UnknownCategories
from bankd.ingestion import service
from bankd.ingestion.errors import BatchEmpty, BatchNotFound, NameInvalid, NameTwice
from bankd.ingestion.models import BatchItem
from bankd.licensing.errors import GrantNotFound
from bankd.storage import BlobUnavailable
from bankd.worker.models import Outgoing

Bank = Any


class NoStore:
    """A store that must not be touched."""

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        raise AssertionError(f"stored {key}")


@pytest.mark.parametrize(
    "name", ["../a.png", "a/b.png", "a\\b.png", "", ".hidden", "a\0.png", "a\nb", "x" * 201]
)
def test_a_name_that_is_no_plain_file_name_refuses_the_batch_before_a_byte_is_stored(
    bank: Bank, filed: Any, name: str
) -> None:
    with pytest.raises(NameInvalid):
        bank.open(filed(1), filed(name=name), blobs=NoStore())


def test_a_batch_that_contradicts_itself_is_refused_whole(bank: Bank, filed: Any) -> None:
    with pytest.raises(BatchEmpty):
        bank.open()
    with pytest.raises(NameTwice, match=r"`0.png` is in the batch twice"):
        bank.open(filed(), filed(), blobs=NoStore())
    with pytest.raises(UnknownCategories, match="`zeppelin`"):
        bank.open(filed(), classes=[{"id": 0, "name": "zeppelin"}], blobs=NoStore())
    with pytest.raises(GrantNotFound):
        bank.open(filed(rights=bank.rights("us")), blobs=NoStore())
    with bank.sessions() as session:
        assert session.scalar(select(func.count()).select_from(BatchItem)) == 0
        with pytest.raises(BatchNotFound):
            service.report(session, uuid4())


def test_a_hint_is_staged_for_each_photo_that_waits(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed(1), filed(2))

    with bank.sessions() as session:
        hints = session.scalars(select(Outgoing)).all()
        items = service.items(session, batch_id)
    assert {(hint.task, hint.queue) for hint in hints} == {("ingestion.ingest_photo", "ingest")}
    assert {hint.arguments["item_id"] for hint in hints} == {str(item.id) for item in items}


def test_a_path_is_read_and_one_that_cannot_be_is_refused_alone(
    bank: Bank, filed: Any, tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(filed(1).photo)

    batch_id = bank.open(filed(1, photo=good), filed(2, photo=tmp_path / "gone.png"))
    outcomes = bank.work(batch_id)

    assert outcomes["1.png"].state == "taken"
    assert bank.report(batch_id).refused == {"corrupt-image": 1}


def test_opening_a_batch_with_the_store_down_leaves_neither_rows_nor_bytes(
    bank: Bank, filed: Any, failing: Any
) -> None:
    store = failing(3, BlobUnavailable("down"))
    with pytest.raises(BlobUnavailable):
        bank.open(filed(1), filed(2), blobs=store)

    assert len(store.written) == 3
    assert not any(bank.blobs.exists(name) for name in store.written)
    assert {name.split("/")[0] == "batches" for name in store.written} == {True, False}

    with bank.sessions() as session:
        assert session.scalar(select(func.count()).select_from(BatchItem)) == 0
        assert session.scalar(select(func.count()).select_from(Outgoing)) == 0
