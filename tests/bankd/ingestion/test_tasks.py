from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Retry

from bankd.ingestion import service, tasks
from bankd.ingestion.service import NewPhoto
from bankd.storage import BlobUnavailable

Bank = Any


class Unreachable:
    """The real store, as long as nobody reads from it."""

    def __init__(self, blobs: Any) -> None:
        self.blobs = blobs

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        raise BlobUnavailable("down")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.blobs, name)


@pytest.fixture
def rt(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    @contextmanager
    def transaction() -> Any:
        with bank.sessions.begin() as session:
            yield session

    rt = SimpleNamespace(
        transaction=transaction,
        blobs=bank.blobs,
        actor=bank.by.system,
        now=lambda: bank.at,
        settings=SimpleNamespace(face_detector="none", photo_anchors=None, sign_photos=False),
    )
    monkeypatch.setattr(tasks, "runtime", lambda: rt)
    return rt


def test_the_task_takes_a_photo_and_drops_its_sources(
    bank: Bank, rt: Any, a_photo: Any, a_label_map: Any
) -> None:
    batch_id = bank.open(NewPhoto("a.png", a_photo(), a_label_map(), rights=bank.rights("jp")))
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    tasks.ingest_photo(str(item.id))
    tasks.ingest_photo(str(item.id))

    assert bank.report(batch_id).taken == 1
    assert not bank.blobs.exists(f"batches/{batch_id}/{item.id}/{item.labels_sha256}")


def test_with_the_store_down_the_photo_waits_for_another_try(
    bank: Bank, rt: Any, a_photo: Any, a_label_map: Any
) -> None:
    batch_id = bank.open(NewPhoto("a.png", a_photo(), a_label_map(), rights=bank.rights("jp")))
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    rt.blobs = Unreachable(bank.blobs)

    with pytest.raises((BlobUnavailable, Retry)):
        tasks.ingest_photo(str(item.id))

    with bank.sessions() as session:
        (found,) = service.items(session, batch_id)
    assert (found.state, found.attempts) == ("waiting", 0)
    rt.blobs = bank.blobs
    tasks.ingest_photo(str(item.id))
    assert bank.report(batch_id).taken == 1
