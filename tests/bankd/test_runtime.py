"""What settings become: addresses, a database that answers or says that it does not, keys and a name."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bankd import embedded, keys
from bankd.audit.actor import Actor
from bankd.config import Settings, SettingsInvalid
from bankd.embedded.errors import NothingHere
from bankd.keys import KeyUnusable
from bankd.runtime import DatabaseUnavailable, Runtime, addresses, embedded_services

OWN_DATABASE = {
    "database_url": "postgresql+psycopg://db/b",
    "database_owner_url": "postgresql+psycopg://o@db/b",
}
OWN_BROKER = {
    "broker_url": "redis://a",
    "render_broker_url": "redis://b",
    "render_worker_broker_url": "redis://c",
}
OWN_STORE = {"s3_endpoint": "s3.example:443", "s3_access_key": "key", "s3_secret_key": "word"}


def runtime(home: Path, **settings: Any) -> Runtime:
    return Runtime(Settings(home=home, **settings), Actor.system("tests"))


def test_what_is_the_operators_own_is_not_started(tmp_path: Path) -> None:
    assert embedded_services(Settings(home=tmp_path)) == {"postgres", "valkey", "seaweed"}
    assert embedded_services(Settings(home=tmp_path, **OWN_DATABASE)) == {"valkey", "seaweed"}
    assert embedded_services(Settings(home=tmp_path, **OWN_BROKER)) == {"postgres", "seaweed"}
    assert embedded_services(Settings(home=tmp_path, **OWN_STORE)) == {"postgres", "valkey"}


def test_own_services_need_no_home(tmp_path: Path) -> None:
    found = addresses(Settings(home=tmp_path / "none", **OWN_DATABASE, **OWN_BROKER, **OWN_STORE))

    assert (found.database_url, found.database_owner_url) == tuple(OWN_DATABASE.values())
    assert (found.broker_url, found.render_broker_url, found.render_worker_broker_url) == tuple(
        OWN_BROKER.values()
    )
    assert (found.s3_url, found.s3_bucket) == ("https://s3.example:443", "bankd")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "half",
    [
        {"broker_url": "redis://a"},
        {"broker_url": "redis://a", "render_broker_url": "redis://b"},
        {"s3_endpoint": "s3.example:443"},
        {"s3_endpoint": "s3.example:443", "s3_access_key": "key"},
    ],
)
def test_half_an_address_is_refused(tmp_path: Path, half: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match=f"`{next(iter(half))}` is set: set "):
        addresses(Settings(home=tmp_path, **half))


def test_own_and_embedded_services_stand_side_by_side(cluster: Any, stack: embedded.Addresses) -> None:
    found = addresses(Settings(home=cluster.folder, **OWN_STORE))

    assert found.database_url == stack.database_url
    assert found.render_worker_broker_url == stack.render_broker_url != found.broker_url
    assert (found.s3_endpoint, found.s3_secret_key) == ("s3.example:443", "word")


def test_a_home_where_nothing_was_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(NothingHere):
        addresses(Settings(home=tmp_path))


def test_a_database_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://bankd_app@/bankd?host={tmp_path}"
    rt = runtime(tmp_path, database_url=nowhere, **OWN_BROKER, **OWN_STORE)

    with pytest.raises(DatabaseUnavailable) as refused, rt.transaction() as session:
        session.execute(text("SELECT 1"))
    rt.engine.dispose()

    assert str(refused.value).startswith("the database cannot be reached; `bankd status` says what runs")


@pytest.fixture
def working(database: Any, tmp_path: Path) -> Any:
    rt = runtime(tmp_path, database_url=database.app_url, **OWN_BROKER, **OWN_STORE)
    yield rt
    rt.engine.dispose()


def departments(rt: Runtime) -> int:
    with rt.transaction() as session:
        return int(session.execute(text("SELECT count(*) FROM departments")).scalar_one())


RECORD = text("INSERT INTO departments (id, name, created_at) VALUES (gen_random_uuid(), 'press', now())")


def test_a_transaction_is_kept_whole_or_not_at_all(working: Runtime) -> None:
    with pytest.raises(ZeroDivisionError), working.transaction() as session:
        session.execute(RECORD)
        raise ZeroDivisionError

    assert departments(working) == 0
    with working.transaction() as session:
        session.execute(RECORD)
    assert departments(working) == 1


def test_a_database_that_goes_away_in_a_transaction_keeps_nothing_of_it(
    working: Runtime, database: Any
) -> None:
    with pytest.raises(DatabaseUnavailable), working.transaction() as session:
        session.execute(RECORD)
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        session.execute(text("SELECT 1"))

    assert departments(working) == 0


def test_a_connection_that_the_database_ended_is_noticed_before_its_next_use(
    working: Runtime, database: Any
) -> None:
    for _ in range(2):  # the second finds the first one's connection, which was alive a moment ago
        with working.transaction() as session:
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.engine.connect() as other:
            # It returns when the backend is gone.
            ended = text("SELECT pg_terminate_backend(:pid, 10000)")
            assert other.execute(ended, {"pid": pid}).scalar_one()

    with working.transaction() as session:
        session.execute(RECORD)
    assert departments(working) == 1


def test_what_the_database_answers_is_not_mistaken_for_silence(working: Runtime) -> None:
    with pytest.raises(OperationalError, match="statement timeout"), working.transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = '20ms'"))
        session.execute(text("SELECT pg_sleep(5)"))


def test_a_log_is_named_by_its_key(tmp_path: Path) -> None:
    rt = runtime(tmp_path, **OWN_DATABASE)
    with pytest.raises(KeyUnusable):
        _ = rt.log_origin
    keys.create(tmp_path / "keys", "log")
    keys.create(tmp_path / "other", "log")

    assert rt.log_origin == runtime(tmp_path).log_origin
    assert rt.log_origin.startswith("bankd/") and len(rt.log_origin) == 22
    assert rt.log_key.private_bytes_raw() != keys.read(tmp_path / "other", "log").private_bytes_raw()
