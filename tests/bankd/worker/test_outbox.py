"""Hints exist with their rows or not at all, are sent in order, and are gone once sent."""

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session, sessionmaker

from bankd.worker import outbox
from bankd.worker.errors import BrokerUnavailable
from bankd.worker.models import Outgoing

Sessions = sessionmaker[Session]


def fill(sessions: Sessions, *names: str, at: datetime) -> None:
    with sessions.begin() as session:
        for name in names:
            outbox.enqueue(session, name, queue="bank", at=at)
            session.flush()


def left(sessions: Sessions) -> list[str]:
    with sessions.begin() as session:
        return list(session.scalars(select(Outgoing.task).order_by(Outgoing.id)))


class Broker:
    """Remembers what it was sent; fails at one task, if told."""

    def __init__(self, fails_at: str | None = None) -> None:
        self.sent: list[str] = []
        self._fails_at = fails_at

    def __call__(self, queue: str, task: str, arguments: Mapping[str, str]) -> None:
        if task == self._fails_at:
            raise BrokerUnavailable("away")
        self.sent.append(task)


def test_hints_are_sent_oldest_first_with_ids_as_text(sessions: Sessions, NOON: datetime) -> None:
    request_id = uuid4()
    sent: list[tuple[str, str, Mapping[str, str]]] = []
    with sessions.begin() as session:
        outbox.enqueue(session, "first", queue="bank", at=NOON, request_id=request_id)
        session.flush()
        outbox.enqueue(session, "second", queue="ingest", at=NOON, number=7)

    with sessions.begin() as session:
        assert outbox.relay(session, lambda *hint: sent.append(hint)) == 2

    assert sent == [
        ("bank", "first", {"request_id": str(request_id)}),
        ("ingest", "second", {"number": "7"}),
    ]
    assert left(sessions) == []


def test_a_hint_is_as_committed_as_its_row(sessions: Sessions, NOON: datetime) -> None:
    with sessions() as session:
        outbox.enqueue(session, "never", queue="bank", at=NOON)
        session.flush()
        session.rollback()

    assert left(sessions) == []


def test_what_a_failing_broker_did_not_take_waits_in_order(sessions: Sessions, NOON: datetime) -> None:
    fill(sessions, "a", "b", "c", at=NOON)
    broker = Broker(fails_at="b")

    with sessions.begin() as session:
        assert outbox.relay(session, broker) == 1
    assert left(sessions) == ["b", "c"]

    broker = Broker()
    with sessions.begin() as session:
        outbox.relay(session, broker)
    assert broker.sent == ["b", "c"]


def test_a_relay_that_dies_after_sending_sends_again(sessions: Sessions, NOON: datetime) -> None:
    fill(sessions, "a", at=NOON)
    broker = Broker()

    with sessions() as session:
        outbox.relay(session, broker)
        session.rollback()
    with sessions.begin() as session:
        outbox.relay(session, broker)

    assert (broker.sent, left(sessions)) == (["a", "a"], [])


def test_two_relays_send_no_hint_twice(sessions: Sessions, NOON: datetime) -> None:
    fill(sessions, "a", "b", at=NOON)
    one, other = Broker(), Broker()

    with sessions.begin() as first:
        outbox.relay(first, one, limit=1)
        with sessions.begin() as second:
            outbox.relay(second, other)

    assert (one.sent, other.sent, left(sessions)) == (["a"], ["b"], [])


def test_a_commit_wakes_who_listens_and_a_rollback_does_not(
    database: object, sessions: Sessions, NOON: datetime
) -> None:
    url = make_url(database.app_url).set(drivername="postgresql")  # type: ignore[attr-defined]
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as listener:
        listener.execute(f"LISTEN {outbox.CHANNEL}")
        with sessions() as session:
            outbox.enqueue(session, "never", queue="bank", at=NOON)
            session.flush()
            session.rollback()
        assert list(listener.notifies(timeout=0)) == []

        fill(sessions, "a", at=NOON)

        assert len(list(listener.notifies(timeout=300, stop_after=1))) == 1


@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_a_fault_of_ours_sends_and_deletes_nothing_by_halves(
    sessions: Sessions, NOON: datetime, error: type[Exception]
) -> None:
    fill(sessions, "a", "b", at=NOON)

    def send(queue: str, task: str, arguments: Mapping[str, str]) -> None:
        if task == "b":
            raise error

    with pytest.raises(error), sessions.begin() as session:
        outbox.relay(session, send)

    assert left(sessions) == ["a", "b"]
