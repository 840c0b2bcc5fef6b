import hashlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.errors import NotCanonical, NotInTransaction, SettledTooEarly
from bankd.audit.kinds import TOUCHES_RIGHTS, Kind
from bankd.audit.models import LogEntry, LogPayload

ROOT = Path(__file__).parents[3]


def note(session, BY, AT, name="a", kind=Kind.REPORT_MADE):
    return log.append(session, kind, by=BY.auditor, at=AT, name=name)


def names(session):
    return [entry.payload["objects"]["name"] for entry in log.read(session)]


def indexes(session):
    return list(session.scalars(text("SELECT index FROM log_entries ORDER BY index")))


def test_entries_are_numbered_from_zero_by_the_commit(sessions, BY, AT):
    with sessions.begin() as session:
        first, second = note(session, BY, AT, "a"), note(session, BY, AT, "b")
        assert log.epoch(session) == 0
        assert not first.settled

    assert (first.index, second.index) == (0, 1)
    with sessions.begin() as session:
        assert log.epoch(session) == 2
        assert names(session) == ["a", "b"]


def test_an_entry_says_who_did_what_to_what_and_when(sessions, BY, AT):
    with sessions.begin() as session:
        log.append(session, Kind.KEY_CREATED, by=BY.operator, at=AT, key=b"\x01", roles={"b", "a"})
    with sessions.begin() as session:
        (entry,) = log.read(session)

    assert (entry.index, entry.at, entry.kind) == (0, AT, Kind.KEY_CREATED)
    assert entry.payload == {
        "v": 1,
        "kind": "key.created",
        "at": "2026-06-01T11:00:00.000000Z",
        "by": {"kind": "user", "name": "test operator", "roles": ["operator"], "department": None},
        "objects": {"key": "01", "roles": ["a", "b"]},
    }


def test_a_leaf_commits_to_its_payload_with_a_salt_of_its_own(sessions, BY, AT):
    with sessions.begin() as session:
        note(session, BY, AT)
        note(session, BY, AT)
    with sessions.begin() as session:
        entries = [session.get(LogEntry, index) for index in (0, 1)]
        payloads = [session.get(LogPayload, index) for index in (0, 1)]

    assert payloads[0].payload == payloads[1].payload
    assert payloads[0].salt != payloads[1].salt
    for entry, payload in zip(entries, payloads, strict=True):
        assert entry.commitment == hashlib.sha256(payload.salt + payload.payload.encode()).digest()


def test_the_leaf_of_version_one_is_frozen(AT):
    assert log.leaf(7, AT, "photo.erased", bytes(range(32))) == (
        b'{"at":"2026-06-01T11:00:00.000000Z","commitment":"000102030405060708090a0b0c0d0e0f'
        b'101112131415161718191a1b1c1d1e1f","index":7,"kind":"photo.erased","v":1}'
    )


def test_a_transaction_that_is_rolled_back_leaves_nothing_and_no_gap(sessions, BY, AT):
    with sessions() as session:
        session.begin()
        note(session, BY, AT, "lost")
        session.rollback()
        session.begin()
        note(session, BY, AT, "kept")
        session.commit()
    with sessions() as session:
        session.begin()
        note(session, BY, AT, "closed")
        session.close()
        session.begin()
        session.commit()
    with pytest.raises(ZeroDivisionError), sessions.begin() as session:
        note(session, BY, AT, "raised")
        _ = 1 / 0
    with sessions.begin() as session:
        assert names(session) == ["kept"]
        assert indexes(session) == [0]


def test_a_commit_that_fails_leaves_nothing_and_no_gap(sessions, BY, AT):
    with pytest.raises(IntegrityError), sessions.begin() as session:
        note(session, BY, AT, "lost")
        session.add(LogPayload(index=99, salt=bytes(32), payload="{}"))
    with sessions.begin() as session:
        note(session, BY, AT, "kept")
    with sessions.begin() as session:
        assert names(session) == ["kept"]


def test_what_was_staged_in_a_savepoint_goes_with_it(sessions, BY, AT):
    with sessions.begin() as session:
        note(session, BY, AT, "before")
        undone = session.begin_nested()
        note(session, BY, AT, "inside")
        undone.rollback()
        with session.begin_nested():
            note(session, BY, AT, "kept")
        outer = session.begin_nested()
        note(session, BY, AT, "outer")
        with session.begin_nested():
            note(session, BY, AT, "released within")
        outer.rollback()
        note(session, BY, AT, "after")
    with sessions.begin() as session:
        assert names(session) == ["before", "kept", "after"]


def test_a_flush_that_fails_in_a_savepoint_unstages_only_that_savepoint(sessions, BY, AT):
    with sessions.begin() as session:
        note(session, BY, AT, "before")
        with pytest.raises(IntegrityError), session.begin_nested():
            note(session, BY, AT, "inside")
            session.add(LogPayload(index=99, salt=bytes(32), payload="{}"))
            session.flush()
    with sessions.begin() as session:
        assert names(session) == ["before"]


def test_releasing_a_savepoint_writes_nothing(sessions, BY, AT):
    with sessions.begin() as session:
        with session.begin_nested():
            entry = note(session, BY, AT)
        assert not entry.settled
        assert log.epoch(session) == 0


def test_appending_outside_a_transaction_is_refused(sessions, BY, AT):
    with sessions() as session, pytest.raises(NotInTransaction):
        note(session, BY, AT)


def test_what_cannot_be_hashed_is_refused_where_it_is_appended(sessions, BY, AT):
    with sessions.begin() as session:
        with pytest.raises(NotCanonical):
            log.append(session, Kind.REPORT_MADE, by=BY.auditor, at=AT, score=0.5)
        with pytest.raises(NotCanonical):
            log.append(session, Kind.REPORT_MADE, by=BY.auditor, at=AT.replace(tzinfo=None))
    with sessions.begin() as session:
        assert log.epoch(session) == 0


def test_settling_gives_the_index_before_the_commit(sessions, BY, AT):
    with sessions.begin() as session:
        note(session, BY, AT, "earlier")
    with sessions.begin() as session:
        entry = note(session, BY, AT, "named in a row")
        log.locked(session)
        assert log.settle(session) == 2
        assert entry.index == 1
        later = note(session, BY, AT, "later")
    assert later.index == 2
    with sessions.begin() as session:
        assert names(session) == ["earlier", "named in a row", "later"]


def test_settling_in_a_savepoint_is_refused(sessions, BY, AT):
    with sessions.begin() as session, session.begin_nested(), pytest.raises(SettledTooEarly):
        log.settle(session)


def test_an_index_before_it_is_known_is_a_mistake(session, BY, AT):
    with pytest.raises(RuntimeError):
        _ = note(session, BY, AT).index


def test_the_lock_holds_the_log_still(sessions, BY, AT):
    done = threading.Event()

    def another():
        with sessions.begin() as session:
            note(session, BY, AT, "another")
        done.set()

    with sessions.begin() as session:
        log.locked(session)
        before = log.epoch(session)
        thread = threading.Thread(target=another)
        thread.start()
        assert not done.wait(0.3)
        assert log.epoch(session) == before == 0
        mine = note(session, BY, AT, "mine")
    thread.join(timeout=300)

    assert done.is_set()
    assert mine.index == 0
    with sessions.begin() as session:
        assert names(session) == ["mine", "another"]


def test_rights_changes_are_found_behind_everything_else(sessions, BY, AT):
    with sessions.begin() as session:
        assert log.last_rights_change(session) == -1
        note(session, BY, AT)
        note(session, BY, AT, kind=Kind.LICENSE_WITHDRAWN)
        note(session, BY, AT, kind=Kind.PHOTO_DISPUTED)
        note(session, BY, AT)
    with sessions.begin() as session:
        assert log.last_rights_change(session) == 2
        assert log.epoch(session) == 4


@pytest.mark.parametrize("kind", sorted(TOUCHES_RIGHTS))
def test_every_kind_that_touches_rights_is_seen(session, flush_log, BY, AT, kind):
    note(session, BY, AT, kind=kind)
    flush_log(session)

    assert log.touches_rights(kind)
    assert log.last_rights_change(session) == 0


def test_making_pictures_does_not_touch_rights():
    for kind in (Kind.REQUEST_FILED, Kind.COMPOSITE_SEALED, Kind.REPORT_MADE, Kind.KEY_CREATED):
        assert not log.touches_rights(kind)


def test_whoever_listens_hears_the_new_size_at_the_commit(database, BY, AT):
    url = database.app_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute(f"LISTEN {log.CHANNEL}")
        with database.sessions.begin() as session:
            note(session, BY, AT)
            note(session, BY, AT)
        with database.sessions() as session:
            session.begin()
            note(session, BY, AT)
            log.settle(session)
            session.rollback()
        with database.sessions.begin() as session:
            note(session, BY, AT)
        heard = [message.payload for message in listener.notifies(timeout=300, stop_after=2)]
    assert heard == ["2", "3"]


def test_a_session_that_logs_nothing_never_takes_the_lock(sessions):
    with sessions.begin() as holder:
        log.locked(holder)
        with sessions.begin() as session:
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            session.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET kind = 'x'",
        "UPDATE log_entries SET kind = 'x' WHERE false",
        "DELETE FROM log_entries",
        "TRUNCATE log_entries CASCADE",
        "UPDATE log_payloads SET payload = '{}'",
        "DELETE FROM log_payloads",
        "UPDATE log_checkpoints SET note = ''",
        "DELETE FROM log_checkpoints",
        "DROP TABLE log_entries CASCADE",
        "ALTER TABLE log_entries DISABLE TRIGGER ALL",
    ],
)
def test_the_application_can_only_add_to_the_log(session, statement):
    with pytest.raises(ProgrammingError):
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_entries SET kind = 'x' WHERE false",
        "DELETE FROM log_entries",
        "TRUNCATE log_entries CASCADE",
        "UPDATE log_payloads SET payload = '{}'",
        "TRUNCATE log_payloads",
        "DELETE FROM log_checkpoints",
    ],
)
def test_even_the_owner_rewrites_the_log_only_on_purpose(database, statement):
    with database.owner_engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(statement))


def test_writers_at_once_leave_no_gap_and_keep_the_order_of_commits(database, BY, AT):
    """Each writer's commit is seen to lie after its index was given and before a later one's."""
    writers, rounds = 4, 40

    def write(writer):
        seen = []
        for number in range(rounds):
            with database.sessions() as session:
                session.begin()
                before = log.epoch(session)
                entry = note(session, BY, AT, f"{writer}/{number}")
                if number % 5 == 4:
                    log.settle(session)
                    session.rollback()
                    continue
                session.commit()
                seen.append((before, entry.index, log.epoch(session)))
        return seen

    with ThreadPoolExecutor(writers) as pool:
        seen = [moment for batch in pool.map(write, range(writers)) for moment in batch]

    with database.sessions.begin() as session:
        kept = writers * rounds * 4 // 5
        assert indexes(session) == list(range(kept))
        assert len(set(names(session))) == kept
    for before, index, after in seen:
        assert before <= index < after
    by_writer = {}
    with database.sessions.begin() as session:
        for name in names(session):
            writer, _, number = name.partition("/")
            by_writer.setdefault(writer, []).append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_writer.values())


WRITER = """
import sys
from datetime import UTC, datetime
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.db import make_engine, make_sessions

sessions = make_sessions(make_engine(sys.argv[1]))
number = 0
while True:
    with sessions.begin() as session:
        at = datetime(2026, 6, 1, tzinfo=UTC)
        log.append(session, Kind.REPORT_MADE, by=Actor.system("w"), at=at, name="w")
        number = log.settle(session)
    print(number, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_no_gap_and_no_lock(database, BY, AT):
    acknowledged = 0
    for patience in (1, 7, 23):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database.app_url],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(patience):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        # By the same buffered reader: `communicate` would lose the lines that it already holds.
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait(timeout=300)
        acknowledged = int(rest[-1]) if rest else acknowledged
    with database.sessions.begin() as session:
        session.execute(text("SET LOCAL lock_timeout = '300s'"))
        note(session, BY, AT, "after")
    with database.sessions.begin() as session:
        found = indexes(session)
        assert found == list(range(len(found)))
        assert acknowledged < len(found) <= acknowledged + 2


def test_an_actor_of_the_bank_itself_has_no_roles():
    assert Actor.system("clerk") == Actor("service", "clerk", frozenset(), None)


def test_entries_can_be_read_in_part(session, flush_log, BY, AT):
    for name in "abcd":
        note(session, BY, AT + timedelta(minutes=1), name)
    flush_log(session)

    assert [entry.index for entry in log.read(session, start=1, stop=3)] == [1, 2]
