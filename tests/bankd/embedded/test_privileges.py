import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bankd import embedded
from bankd.embedded import postgres, privileges, processes
from bankd.embedded.errors import PrivilegesKept

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root's privileges are root's to drop")
ONLY = frozenset({postgres.NAME})


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """Programs and data below a folder that is closed to all but root."""
    programs = postgres.programs()
    wheel = tmp_path / "closed" / "site"
    shutil.copytree(programs, wheel / programs.parent.name / programs.name)
    libraries = programs.parent.with_suffix(".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, wheel / libraries.name)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(postgres, "programs", lambda: wheel / programs.parent.name / programs.name)
    folder = tmp_path / "closed" / "data"
    yield folder
    embedded.down(folder)


def rights(pid):
    lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return lines["Uid"].split()[1], int(lines["CapEff"], 16) if lines.get("CapEff") else None


@pytest.mark.parametrize("namespaces", [True, False])
def test_root_starts_postgres_without_root_rights_below_closed_folders(closed, monkeypatch, namespaces):
    if not namespaces:
        monkeypatch.setattr(privileges, "namespace_works", lambda programs, stranger: False)
    elif not privileges.namespace_works(postgres.programs(), privileges._stranger()):
        pytest.skip("no user namespaces here")
    users = Path("/etc/passwd").read_bytes()
    modes = [stat.S_IMODE(parent.stat().st_mode) for parent in closed.parents]

    addresses = embedded.up(closed, services=ONLY)
    with psycopg.connect(addresses.database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT '[1]'::vector").fetchone() == ("[1]",)
    server = processes.record(postgres.NAME, closed)
    uid, capabilities = rights(server.pid)

    assert capabilities == 0
    assert namespaces or uid == str(pwd.getpwnam("nobody").pw_uid)
    assert Path("/etc/passwd").read_bytes() == users
    assert [stat.S_IMODE(parent.stat().st_mode) for parent in closed.parents] == modes
    embedded.down(closed)
    assert not Path(server.where).exists() or Path(server.where).is_relative_to(closed)


def test_cluster_moves_between_both_ways(closed, monkeypatch):
    first = embedded.up(closed, services=ONLY, durability=False)
    with psycopg.connect(first.database_owner_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    embedded.down(closed)

    for works in (False, True):
        monkeypatch.setattr(privileges, "namespace_works", lambda programs, stranger, works=works: works)
        again = embedded.up(closed, services=ONLY, durability=False)
        with psycopg.connect(again.database_owner_url.replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        embedded.down(closed)


def test_root_that_cannot_drop_its_rights_is_told_so(folder, monkeypatch):
    monkeypatch.setattr(privileges, "namespace_works", lambda programs, stranger: False)
    monkeypatch.setattr(
        processes, "run", lambda *args, **kwargs: subprocess.CompletedProcess(args, 1, "", "not permitted")
    )

    with pytest.raises(PrivilegesKept, match=r"does not run as root and .*: start bankd as an ordinary user"):
        embedded.up(folder, services=ONLY)


def test_ordinary_user_has_the_whole_stack(tmp_path):
    """Seen from inside a namespace we are an ordinary user, whatever folders are closed here."""
    stranger = privileges._stranger()
    if not privileges.namespace_works(postgres.programs(), stranger):
        pytest.skip("no user namespaces here")
    script = (
        "import os, sys; from pathlib import Path; from bankd import embedded\n"
        "folder = Path(sys.argv[1]) / 'data'\n"
        "embedded.up(folder, durability=False)\n"
        "print(os.geteuid(), *(part.state.value for part in embedded.status(folder)))\n"
        "embedded.down(folder)\n"
    )
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(embedded.__file__).parents[2])}

    run = processes.run(
        [sys.executable, "-c", script, str(tmp_path)], env, tmp_path, drop=("namespace", stranger)
    )

    assert run.stdout.split() == [str(stranger), "running", "running", "running"], run.stderr
