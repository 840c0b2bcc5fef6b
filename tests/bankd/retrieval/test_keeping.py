"""An index in a file: the same rows, or none."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from sqlalchemy import text, true

from bankd.access import service as access
from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.catalog import service
from bankd.erasure import service as erasure
from bankd.erasure.service import Handling
from bankd.policy.filters import Filter
from bankd.retrieval import copying, following, keeping, ranking, reference
from bankd.retrieval.following import Follower

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALL = Filter("all", AT, (), true)
QUERY = drawn(np.random.Generator(np.random.Philox(7)), 3)
CATEGORIES = [1, 2, 1]
WAIT_S = 300.0


class Bank:
    def __init__(self, sessions, by) -> None:
        self.sessions, self.by = sessions, by
        self.rng = np.random.Generator(np.random.Philox(3))
        self.photos: list[UUID] = []
        with sessions.begin() as session:
            service.sync_taxonomy(session, by=by, at=AT)
            self.department = access.record_department(session, "d", by=by, at=AT).id
            self.grant = granted(session, "L", by=by, at=AT).id

    def admit(self) -> None:
        with self.sessions.begin() as session:
            photo = admitted(
                session, str(uuid4()), [1, 2, 1], [drawn(self.rng, 3)], department_id=self.department,
                grant_ids=[self.grant], by=self.by, at=AT,
            )  # fmt: skip
            self.photos.append(photo.id)

    def dispute(self, number: int) -> None:
        with self.sessions.begin() as session:
            service.dispute(session, self.photos[number], reason="r", by=self.by, at=AT)

    def expected(self) -> list:
        with self.sessions() as session:
            return reference.rank(session, ALL, CATEGORIES, QUERY, k=50, at=AT)


@pytest.fixture
def bank(sessions, BY) -> Bank:
    bank = Bank(sessions, BY.librarian)
    for _ in range(5):
        bank.admit()
    return bank


@pytest.fixture
def engine(database) -> Iterator:
    yield database.engine
    following.forget(database.engine)


def answered(follower: Follower, bank: Bank) -> list:
    """As a process that has just begun answers."""
    follower.build("scene")
    with bank.sessions() as session:
        index = follower.index("scene", epoch=log.epoch(session))
    at_us = int(AT.timestamp()) * 1_000_000
    return index.rank(CATEGORIES, QUERY, follower.clears(ALL, index), k=50, at_us=at_us)


def kept(engine, folder: Path) -> Path:
    first = Follower(engine, folder)
    first.build("scene")
    first.write("scene")
    return keeping.path(folder, "scene")


@pytest.fixture
def unread(monkeypatch):
    """Nothing may read a descriptor from Postgres."""

    def refuse() -> None:
        monkeypatch.setattr(copying, "described", None)

    return refuse


def test_the_next_process_reads_the_file_and_no_descriptor(engine, bank, tmp_path, unread) -> None:
    kept(engine, tmp_path)
    unread()

    assert answered(Follower(engine, tmp_path), bank) == bank.expected() != [[], [], []]


def test_what_changed_since_the_file_is_caught_up_with(engine, bank, tmp_path) -> None:
    file = kept(engine, tmp_path)
    before = file.read_bytes()
    bank.dispute(0)
    bank.admit()

    follower = Follower(engine, tmp_path)
    assert answered(follower, bank) == bank.expected()
    assert len(follower.index("scene", epoch=0).pieces) == 2  # what the file had, and what is new
    assert file.read_bytes() == before  # mapped pages that are written to are the process's own


def test_pieces_are_kept_as_they_are(engine, bank, tmp_path, unread) -> None:
    first = Follower(engine)
    first.build("scene")
    bank.admit()
    bank.dispute(1)
    with bank.sessions() as session:
        index = first.index("scene", epoch=log.epoch(session))
    keeping.write(index, keeping.path(tmp_path, "scene"))
    unread()

    assert answered(Follower(engine, tmp_path), bank) == bank.expected()


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone", "other frame"])
def test_a_file_that_is_damaged_is_no_index(engine, bank, tmp_path, damage) -> None:
    file = kept(engine, tmp_path)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-40])
        case "flip":
            file.write_bytes(content)
        case "empty":
            file.write_bytes(b"")
        case "gone":
            file.unlink()
        case "other frame":
            file.rename(keeping.path(tmp_path, "box"))

    assert keeping.read(file, "scene") is None
    assert keeping.read(keeping.path(tmp_path, "box"), "box") is None
    assert answered(Follower(engine, tmp_path), bank) == bank.expected()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE photos SET grant_blocks = 1 WHERE id = :photo",
        "UPDATE photos SET disputed_at = now(), dispute_reason = 'r' WHERE id = :photo",
        "UPDATE photos SET sha256 = repeat('0', 64) WHERE id = :photo",
    ],
)
def test_a_file_that_differs_from_its_catalog_is_not_used(
    database, engine, bank, tmp_path, caplog, change
) -> None:
    """As after a restore from a backup: rows differ, and no number of a transaction tells."""
    kept(engine, tmp_path)
    with database.owner_engine.begin() as owner:
        owner.exec_driver_sql("ALTER TABLE photos DISABLE TRIGGER photos_written")
        owner.execute(text(change), {"photo": bank.photos[2]})
        owner.exec_driver_sql("ALTER TABLE photos ENABLE TRIGGER photos_written")

    assert answered(Follower(engine, tmp_path), bank) == bank.expected()
    assert "built anew" in caplog.text


def test_a_worker_keeps_its_index_in_the_data_folder(engine, bank, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BANKD_HOME", str(tmp_path))
    monkeypatch.setattr(ranking, "RESIDENT_FROM", 0)
    with bank.sessions() as session:
        ranking.rank(session, ALL, CATEGORIES, QUERY, k=5, at=AT)
    file = tmp_path / "indexes" / "scene.index"
    until = time.monotonic() + WAIT_S
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)

    assert keeping.read(file, "scene") is not None


def test_rows_of_an_erased_photo_leave_memory_and_file(engine, bank, tmp_path, BY) -> None:
    file = kept(engine, tmp_path)
    follower = Follower(engine, tmp_path)
    follower.build("scene")
    bank.admit()  # a second piece, which stays as it is
    with bank.sessions() as session:
        follower.index("scene", epoch=log.epoch(session))
    follower._asked.add("scene")
    gone = bank.photos[2]
    assert keeping.holds(file, frozenset({gone.bytes}))
    assert not keeping.holds(file, frozenset({uuid4().bytes}))

    erased(bank, gone, BY)
    follower._look()

    assert not keeping.holds(file, frozenset({gone.bytes}))
    assert gone.bytes not in file.read_bytes()
    assert all(gone.bytes not in piece.photos for piece in follower._indexes["scene"].pieces)
    assert answered(Follower(engine, tmp_path), bank) == answered(follower, bank) == bank.expected()


def test_a_process_that_begins_later_drops_erased_rows_from_its_file(engine, bank, tmp_path, BY) -> None:
    file = kept(engine, tmp_path)
    erased(bank, bank.photos[0], BY)

    follower = Follower(engine, tmp_path)
    follower._asked.add("scene")
    follower._look()

    assert bank.photos[0].bytes not in file.read_bytes()
    assert answered(follower, bank) == bank.expected()


def test_a_file_of_nothing_but_erased_photos_is_deleted(engine, bank, tmp_path, BY) -> None:
    file = kept(engine, tmp_path)
    follower = Follower(engine, tmp_path)
    follower._asked.add("scene")
    follower._look()
    for photo in bank.photos:
        erased(bank, photo, BY)
    follower._look()

    assert not file.exists() and len(follower._indexes["scene"]) == 0


def erased(bank: Bank, photo: UUID, by) -> None:
    """Out of use, and its rows gone, as `bankd.erasure` does it."""
    with bank.sessions.begin() as session:
        erasure.carry_out(
            session, "photo", str(photo), reason="r", ground="house", handling=Handling(),
            by=by.compliance, at=AT,
        )  # fmt: skip
    with bank.sessions.begin() as session:
        session.execute(text("SELECT erase_photo_rows(:photo, :at)"), {"photo": photo, "at": AT})
        log.append(session, Kind.PHOTO_EMPTIED, by=by.compliance, at=AT, photo=photo)
