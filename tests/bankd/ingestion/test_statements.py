"""How often taking in a photo asks the database: what a bulk of small photos is slow by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image

from bankd.ingestion import service

Bank = Any


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The statements that reach the server within it, but for pings and the ends of transactions."""
    found: list[str] = []

    def counted(name: str) -> None:
        real = getattr(psycopg.Cursor, name)

        def call(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
            times = len(rest[0]) if name == "executemany" else 1
            found.extend([" ".join(str(query).split())] * times)
            return real(self, query, *rest, **options)

        monkeypatch.setattr(psycopg.Cursor, name, call)

    for name in ("execute", "executemany", "copy"):
        counted(name)

    @contextmanager
    def asked() -> Iterator[list[str]]:
        del found[:]
        yield found
        found[:] = [one for one in found if one not in ("SELECT 1", ";", "")]

    return asked


def many_segments(encode: Any) -> bytes:
    dotted = np.zeros((48, 64), np.uint8)
    dotted[np.ix_(np.arange(48) // 4 % 2 == 0, np.arange(64) // 4 % 2 == 0)] = 1
    return bytes(encode(Image.fromarray(dotted)))


def test_a_photo_is_taken_in_by_a_few_statements_however_much_is_in_it(
    bank: Bank, filed: Any, encode: Any, asked: Any
) -> None:
    bank.work(bank.open(filed(1)))  # its rights have a profile now
    batch_id = bank.open(filed(2), filed(3, labels=many_segments(encode)))
    with bank.sessions() as session:
        items = {item.name: item.id for item in service.items(session, batch_id)}

    with asked() as few:
        assert bank.ingest(items["2.png"]).segments == 3
    with asked() as many:
        assert bank.ingest(items["3.png"]).segments > 20

    assert len(many) == len(few), [*few]
    assert len(few) <= 27, few  # nine of them for what it looks like, and whether we made it
    assert sum("log" in one for one in few) == 1  # and the lock before it, taken last of all


def test_a_known_photo_is_not_decoded_again(bank: Bank, filed: Any, monkeypatch: Any) -> None:
    bank.work(bank.open(filed()))
    monkeypatch.setattr("bankd.ingestion.taking.decode", None)

    assert bank.work(bank.open(filed(name="again.png")))["again.png"].state == "known"
