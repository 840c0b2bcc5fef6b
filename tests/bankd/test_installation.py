"""An installation is brought up, repaired, told and taken down as one."""

import base64
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import NullPool, create_engine, text

from bankd import config, installation
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.verify import verify
from bankd.embedded import State, processes
from bankd.installation import MigrationImpossible
from bankd.runtime import Runtime
from bankd.worker.app import BANK_QUEUE, INGEST_QUEUE

PARTS = {"postgres", "valkey", "seaweed", "ingest", "bank", "render", "clerk"}


@pytest.fixture(scope="module")
def rt(swift: Callable[[str], Path]) -> Iterator[Runtime]:
    runtime = Runtime(config.Settings(home=swift("house")), Actor("user", "tests"))
    try:
        installation.up(runtime, durability=False)
        yield runtime
    finally:
        runtime.engine.dispose()
        installation.down(runtime)


def pids(rt: Runtime) -> dict[str, int | None]:
    return {one.name: one.pid for one in installation.status(rt)}


def states(rt: Runtime) -> dict[str, State]:
    return {one.name: one.state for one in installation.status(rt)}


def kinds(rt: Runtime) -> list[str]:
    with rt.transaction() as session:
        return [entry.kind for entry in log.read(session)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill(rt: Runtime, *names: str) -> None:
    for name in names:
        record = processes.record(name, rt.settings.home)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        deadline = time.monotonic() + 300
        while record.alive:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_all_of_it_runs_and_only_its_owner_reads_its_files(rt: Runtime) -> None:
    assert states(rt) == dict.fromkeys(PARTS, State.RUNNING)
    home = rt.settings.home
    assert home.stat().st_mode & 0o077 == 0
    for private in (home / "credentials.json", *(home / "keys").iterdir()):
        if private.suffix == ".pem" and b"PRIVATE" not in private.read_bytes():
            continue
        assert private.stat().st_mode & 0o077 == 0, private


def test_up_again_changes_nothing(rt: Runtime) -> None:
    running, secret = pids(rt), files(rt.settings.keys)
    said, entries = (rt.settings.home / "credentials.json").read_bytes(), kinds(rt)

    installation.up(rt, durability=False)

    assert pids(rt) == running
    assert files(rt.settings.keys) == secret
    assert (rt.settings.home / "credentials.json").read_bytes() == said
    assert kinds(rt) == entries
    assert entries.count("bundle.activated") == 1


def test_up_starts_again_what_died_and_leaves_the_others(rt: Runtime) -> None:
    running = pids(rt)
    kill(rt, "clerk", "render", "valkey")
    assert {name for name, state in states(rt).items() if state is State.DEAD} == {
        "clerk",
        "render",
        "valkey",
    }

    installation.up(rt, durability=False)

    assert states(rt) == dict.fromkeys(PARTS, State.RUNNING)
    again = pids(rt)
    assert {name for name in PARTS if again[name] != running[name]} == {"clerk", "render", "valkey"}


def test_an_older_schema_is_brought_up_to_date(rt: Runtime) -> None:
    owner = create_engine(str(rt.addresses.database_owner_url), poolclass=NullPool)

    def version() -> str:
        with owner.connect() as connection:
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

    head = version()
    schema = Config(installation.ROOT / "alembic.ini")
    schema.attributes["url"] = rt.addresses.database_owner_url
    command.downgrade(schema, "-1")
    assert version() != head

    installation.up(rt, durability=False)

    assert version() == head
    with owner.connect() as connection:
        theirs = text("SELECT count(*) FROM pg_tables WHERE tableowner = 'bankd_app'")
        assert connection.execute(theirs).scalar_one() == 0


def test_the_render_worker_is_told_three_things_and_the_others_where_home_is(
    rt: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("BANKD_")]:
        monkeypatch.delenv(name)  # such as where tests find their photos
    monkeypatch.setenv("BANKD_HOUSE", "Studio North")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
    programs = installation.programs(rt)

    assert programs.keys() == set(installation.WORKERS)
    for name, program in programs.items():
        assert "AWS_SECRET_ACCESS_KEY" not in program.env
        ours = {key for key in program.env if key.startswith(("BANKD_", "SYNTH_"))}
        if name == "render":
            assert ours == {"SYNTH_BROKER_URL", "SYNTH_ORDER_KEY", "SYNTH_STORE"}
            assert program.env["SYNTH_BROKER_URL"] == rt.addresses.render_worker_broker_url
            assert program.env["SYNTH_STORE"] == rt.addresses.s3_url
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(program.env["SYNTH_ORDER_KEY"]))
            assert public == rt.order_key.public_key()
        else:
            assert ours == {"BANKD_HOME", "BANKD_HOUSE"}
            assert program.env["BANKD_HOME"] == str(rt.settings.home)
    for name, queue in {"ingest": INGEST_QUEUE, "bank": BANK_QUEUE, "render": "render"}.items():
        argv = programs[name].argv
        assert argv[argv.index("-Q") + 1] == queue


def test_down_leaves_nothing_running_and_up_finds_all_of_it_again(rt: Runtime) -> None:
    records = [processes.record(name, rt.settings.home) for name in PARTS]
    secret, entries = files(rt.settings.keys), kinds(rt)
    rt.engine.dispose()

    installation.down(rt)
    installation.down(rt)

    assert [record for record in records if record is None or record.alive] == []
    assert states(rt) == dict.fromkeys(PARTS, State.STOPPED)
    installation.up(rt, workers=False, durability=False)
    services = {"postgres", "valkey", "seaweed"}
    assert {name for name, state in states(rt).items() if state is State.RUNNING} == services
    assert files(rt.settings.keys) == secret
    assert kinds(rt)[: len(entries)] == entries
    with rt.transaction() as session:
        assert verify(session, rt.log_key.public_key()).holds


OWN: dict[str, Any] = {
    "database_url": "postgresql+psycopg://bankd_app@nowhere.invalid/bankd",
    "broker_url": "redis://a",
    "render_broker_url": "redis://b",
    "render_worker_broker_url": "redis://c",
}


def test_without_the_owners_url_nothing_is_started(tmp_path: Path) -> None:
    home = tmp_path / "house"
    runtime = Runtime(config.Settings(home=home, **OWN), Actor("user", "tests"))

    with pytest.raises(MigrationImpossible, match="set it, so that migrations can run"):
        installation.up(runtime)

    assert not home.exists()


def test_only_what_is_ours_is_told(tmp_path: Path) -> None:
    runtime = Runtime(config.Settings(home=tmp_path, **OWN), Actor("user", "tests"))

    assert states(runtime) == dict.fromkeys({"seaweed", *installation.WORKERS}, State.STOPPED)
