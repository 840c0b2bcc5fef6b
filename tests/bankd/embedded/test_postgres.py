import os
import signal
import time

import psycopg
import pytest

from bankd import embedded
from bankd.embedded import postgres, processes


def connect(url, **changes):
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True, **changes)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION vector",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE bankd_app SUPERUSER",
        "SET ROLE bankd_owner",
        "ALTER SYSTEM SET fsync = off",
        "SELECT * FROM pg_authid",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT * FROM owned",
    ],
)
def test_app_role_may_not(machine, statement):
    with connect(machine.addresses.database_owner_url) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS owned (id int)")

    with (
        connect(machine.addresses.database_url) as app,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateObject)),
    ):
        app.execute(statement)


def test_roles_are_no_more_than_they_need(machine):
    with connect(machine.addresses.database_url) as app:
        rows = app.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin"
            " FROM pg_roles WHERE rolname IN ('bankd_app', 'bankd_owner') ORDER BY 1"
        ).fetchall()

    no = (False,) * 5
    assert rows == [("bankd_app", *no, True), ("bankd_owner", *no, True)]


def test_owner_makes_tables_and_pgvector_is_there(machine):
    with connect(machine.addresses.database_owner_url) as owner:
        owner.execute("CREATE TABLE masks (bits bit(8), seen vector(2))")
        owner.execute("INSERT INTO masks VALUES (B'11110000', '[1,2]')")
        distance = owner.execute("SELECT bits <%> B'11000000' FROM masks").fetchone()
        owner.execute("DROP TABLE masks")

    assert distance == (0.5,)


def test_wrong_password_is_refused_on_the_socket_too(machine):
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            connect(machine.addresses.database_url, password=password)


def test_real_use_waits_for_the_disk_and_tests_need_not(machine, folder):
    quick = embedded.up(folder, services=frozenset({postgres.NAME}), durability=False)

    answers = []
    for url in (machine.addresses.database_url, quick.database_url):
        with connect(url) as connection:
            settings = (
                "fsync",
                "full_page_writes",
                "synchronous_commit",
                "data_checksums",
                "listen_addresses",
            )
            answers.append([connection.execute(f"SHOW {name}").fetchone()[0] for name in settings])

    assert answers == [["on", "on", "on", "on", ""], ["off", "off", "off", "on", ""]]


def test_copied_database_has_what_its_template_has_and_the_same_rights(machine):
    first = postgres.create_database(machine.folder, "first")
    with connect(first[postgres.OWNER]) as owner:
        owner.execute("CREATE TABLE words (word vector(1))")
        owner.execute("GRANT SELECT ON words TO bankd_app")
        owner.execute("INSERT INTO words VALUES ('[1]')")
    second = postgres.create_database(machine.folder, "second", template="first")

    with connect(second[postgres.APP]) as app:
        assert app.execute("SELECT word FROM words").fetchone() == ("[1]",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE mine (id int)")
        for name in ("first", "second"):
            postgres.drop_database(machine.folder, name)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(second[postgres.APP])


def test_sessions_that_outlive_a_killed_server_are_waited_for(folder):
    """A stopped session cannot see that its server is gone; the next server starts once it has."""
    only = frozenset({postgres.NAME})
    addresses = embedded.up(folder, services=only)
    with connect(addresses.database_owner_url) as owner:
        owner.execute("CREATE TABLE kept (id int)")
        owner.execute("INSERT INTO kept VALUES (1)")
        session = owner.execute("SELECT pg_backend_pid()").fetchone()[0]
        server = processes.record(postgres.NAME, folder.resolve()).pid
        os.kill(session, signal.SIGSTOP)
        os.kill(server, signal.SIGKILL)
        deadline = time.monotonic() + 300
        while (
            processes.state(postgres.NAME, folder) is embedded.State.RUNNING and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        waking = processes.start(
            "waking",
            ["/bin/sh", "-c", f"sleep 1; kill -CONT {session}"],
            {"PATH": "/usr/bin:/bin"},
            folder,
            folder,
        )
        again = embedded.up(folder, services=only)

    assert not waking.alive
    with connect(again.database_url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT * FROM kept")
    with connect(again.database_owner_url) as owner:
        assert owner.execute("SELECT id FROM kept").fetchone() == (1,)
    processes.stop("waking", folder)


def test_lock_of_a_dead_server_is_not_taken_for_another_programs(folder):
    """After a crash of the machine the pid in the lock can be anyone's."""
    only = frozenset({postgres.NAME})
    embedded.up(folder, services=only)
    server = processes.record(postgres.NAME, folder).pid
    lock = folder / "postgres" / "postmaster.pid"
    os.kill(server, signal.SIGKILL)
    deadline = time.monotonic() + 300
    while processes.state(postgres.NAME, folder) is embedded.State.RUNNING and time.monotonic() < deadline:
        time.sleep(0.01)
    bystander = processes.start("bystander", ["/bin/sleep", "600"], {}, folder, folder)
    try:
        lock.write_text(lock.read_text().replace(str(server), str(bystander.pid), 1))

        addresses = embedded.up(folder, services=only)

        with connect(addresses.database_url) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)
        assert bystander.alive
    finally:
        processes.stop("bystander", folder)
