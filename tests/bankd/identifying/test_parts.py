"""The file of parts says what the rows say, whatever became of it meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from bankd.identifying import kept, parts
from bankd.identifying.parts import Parts
from bankd.likeness.hashing import HASH_BYTES, ORIENTATIONS, Fingerprint

FILL = """
INSERT INTO composite_fingerprints (composite_id, handout_id, pixel_sha256, as_photo_sha256, pdq, phash,
    quality, crops)
SELECT md5(n::text)::uuid, CASE WHEN n % 3 = 0 THEN md5('h' || n)::uuid END,
    encode(sha256((n || CAST(:salt AS text))::bytea), 'hex'), encode(sha256(n::text::bytea), 'hex'),
    sha256((n || 'p')::bytea), sha256((n || 'h')::bytea), 40 + n % 60,
    (SELECT string_agg(sha256((n || '-' || crop || CAST(:salt AS text))::bytea), ''::bytea ORDER BY crop)
     FROM generate_series(1, 1 + n % 4) AS crop)
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
"""


FOREIGN = (
    "SELECT conname FROM pg_constraint WHERE conrelid = 'composite_fingerprints'::regclass AND contype = 'f'"
)


@pytest.fixture
def database_of(database: Any) -> Iterator[Any]:
    """Fills a database with looks that have no composites behind them."""
    owner = create_engine(database.owner_url)

    def fill(first: int, last: int, *, salt: str = "") -> None:
        with owner.begin() as connection:
            connection.execute(text(FILL), {"first": first, "last": last, "salt": salt})

    def empty() -> None:
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE composite_fingerprints DISABLE TRIGGER USER"))
            connection.execute(text("TRUNCATE composite_fingerprints RESTART IDENTITY"))

    with owner.begin() as connection:
        for (name,) in connection.execute(text(FOREIGN)).all():
            connection.execute(text(f"ALTER TABLE composite_fingerprints DROP CONSTRAINT {name}"))
    database.fill, database.empty = fill, empty
    yield database
    owner.dispose()


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAGE", 8)
    monkeypatch.setattr(parts, "SCANNED", 5)


def near(sessions: Any, number: int, crop: int, *, salt: str = "", bits: int = 7) -> Fingerprint:
    """A picture whose hash is that of a part but for some bits, in the first of its orientations."""
    with sessions() as session:
        told = session.scalar(
            text("SELECT sha256(CAST(:of AS bytea))"), {"of": f"{number}-{crop}{salt}".encode()}
        )
    hashed = np.frombuffer(bytes(told), np.uint8).copy()
    hashed[:bits] ^= 1
    others = np.random.default_rng(number).integers(0, 256, (ORIENTATIONS - 1) * HASH_BYTES, np.uint8)
    return Fingerprint(hashed.tobytes() + others.tobytes(), bytes(ORIENTATIONS * HASH_BYTES), 90, b"", "")


def both(sessions: Any, asked: Fingerprint, kept_in: Parts) -> list[kept.Like]:
    with sessions() as session:
        through = kept.cropped_from(session, asked)
        assert kept.cropped_from(session, asked, parts=kept_in) == through
    return through


def test_the_file_finds_what_reading_all_rows_finds_and_grows_with_them(
    database_of: Any, tmp_path: Path
) -> None:
    sessions, held = database_of.sessions, Parts(tmp_path / "looks")
    assert both(sessions, near(sessions, 3, 1), held) == []
    database_of.fill(1, 21)
    for number, crop in ((1, 1), (8, 1), (9, 2), (16, 1), (17, 1), (21, 2)):
        (found,) = both(sessions, near(sessions, number, crop), held)
        assert (found.how, found.distance) == ("crop", 7)
        assert (found.handout_id is None) == (number % 3 != 0)
    with sessions() as session:
        assert held.near(np.zeros((1, HASH_BYTES), np.uint8), 0) == (16, [])
        database_of.fill(22, 40)
        assert held.follow(session, pages=2) == 2 and held.follow(session) == 1
    assert both(sessions, near(sessions, 39, 3), held) != []
    assert Parts(tmp_path / "looks").near(np.zeros((1, HASH_BYTES), np.uint8), 0) == (40, [])


@pytest.mark.parametrize("harm", ["a bit", "a tail", "cut", "no head", "gone", "empty"])
def test_a_file_that_was_harmed_hides_nothing_and_is_made_again(
    harm: str, database_of: Any, tmp_path: Path
) -> None:
    sessions, held, file = database_of.sessions, Parts(tmp_path), tmp_path / "parts"
    database_of.fill(1, 40)
    both(sessions, near(sessions, 2, 1), held)
    whole = file.read_bytes()
    match harm:
        case "a bit":
            at = len(whole) // 2
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :])
        case "a tail":
            file.write_bytes(whole + whole[:333])
        case "cut":
            file.write_bytes(whole[:-50])
        case "no head":
            file.write_bytes(bytes(64) + whole[64:])
        case "gone":
            file.unlink()
        case "empty":
            file.write_bytes(b"")

    for number in (2, 19, 23, 38):
        assert len(both(sessions, near(sessions, number, 1), held)) == 1, number
    assert file.read_bytes() == whole


def test_the_file_of_a_database_that_was_put_back_is_made_again(database_of: Any, tmp_path: Path) -> None:
    sessions, held = database_of.sessions, Parts(tmp_path)
    database_of.fill(1, 24)
    both(sessions, near(sessions, 20, 1), held)
    database_of.empty()
    assert both(sessions, near(sessions, 20, 1), held) == []
    database_of.fill(1, 24, salt="later")

    assert both(sessions, near(sessions, 20, 1), held) == []
    assert len(both(sessions, near(sessions, 20, 1, salt="later"), held)) == 1


def test_where_no_file_can_be_kept_rows_are_read_through(
    database_of: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "looks").write_text("a file where a folder should be")
    database_of.fill(1, 10)

    assert len(both(database_of.sessions, near(database_of.sessions, 4, 1), Parts(tmp_path / "looks"))) == 1
    assert "read from the database" in caplog.text


def test_looks_that_are_read_by_the_page_are_those_of_the_rows(
    database_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PAGE", 7)
    sessions = database_of.sessions
    database_of.fill(1, 16)
    with sessions() as session:
        assert kept.count(session) == 16
        rows = session.execute(
            text(
                "SELECT composite_id, handout_id, pdq, phash, quality FROM composite_fingerprints ORDER BY id"
            )
        ).all()
        for composite_id, handout_id, pdq, phash, quality in rows:
            asked = Fingerprint(
                bytes(pdq) + bytes(7 * HASH_BYTES), bytes(phash) + bytes(7 * HASH_BYTES), 60, b"", ""
            )
            (like,) = kept.alike(session, asked)
            assert (like.composite_id, like.handout_id) == (composite_id, handout_id)
            assert (like.how, like.distance, like.telling) == ("pdq", 0, quality >= 50)
    database_of.fill(17, 23)
    with sessions() as session:
        assert kept.count(session) == 23
