"""A real PostgreSQL for the whole run; a test sees a database of its own or a transaction of its own."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck
from hypothesis import settings as examples
from psycopg import sql
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.orm import Session, sessionmaker
from xdist.scheduler import LoadScopeScheduling

from bankd import embedded
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.db import make_engine, make_sessions
from bankd.embedded import postgres
from bankd.embedded.folder import credentials
from bankd.storage import MinioBlobs

# Properties are tried on the same examples each time, and how long an example takes is no reason to fail.
# Other examples: `--hypothesis-profile=search`.
SLOW = (HealthCheck.too_slow,)
examples.register_profile("bank", deadline=None, derandomize=True, database=None, suppress_health_check=SLOW)
examples.register_profile("search", deadline=None, database=None, suppress_health_check=SLOW)
examples.load_profile("bank")

ROOT = Path(__file__).parent.parent
TEMPLATE = "bankd_template"
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30  # for two runs at once; each takes about a tenth

# Folders whose tests share an installation, and what else waits long: of several processes one begins with
# them, so that none is left last.
TOGETHER = ("tests/faults/", "tests/bankd/cli/", "tests/bankd/embedded/")
FIRST = (
    *TOGETHER,
    "tests/tools/",
    "tests/test_migrations",
    "tests/bankd/test_installation",
    "tests/bankd/synthesis/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: [not item.nodeid.startswith(first) for first in FIRST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With `-n 2` one process runs all the tests of a file, or of a folder that shares an installation."""

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((folder for folder in TOGETHER if file.startswith(folder)), file)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def NOON() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def AT(NOON: datetime) -> datetime:
    """A moment of no meaning."""
    return NOON - timedelta(hours=1)


@pytest.fixture(scope="session")
def BY() -> SimpleNamespace:
    """One actor in each role, and the bank itself."""
    roles = ("librarian", "creative", "compliance", "auditor", "operator")
    people = {role: Actor("user", f"test {role}", frozenset({role})) for role in roles}
    return SimpleNamespace(**people, system=Actor.system("tests"))


@dataclass(frozen=True)
class Cluster:
    """The PostgreSQL of this run: one server, many databases. Not durable, so that it is fast."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def owner_url(self, database: str) -> str:
        return postgres.url(credentials(self.folder), postgres.OWNER, database=database)

    def app_url(self, database: str) -> str:
        return postgres.url(credentials(self.folder), postgres.APP, database=database)

    def clone(self, template: str) -> str:
        """The name of a fresh copy of a database to which nobody is connected."""
        name = f"test_{next(self.numbers)}"
        self._execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(postgres.OWNER), sql.Identifier(template)
            )
        )
        return name

    def drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        mine = credentials(self.folder)[postgres.NAME]
        with psycopg.connect(
            host=mine["sockets"],
            dbname="postgres",
            user=postgres.SUPERUSER,
            password=mine[postgres.SUPERUSER],
            autocommit=True,
        ) as connection:
            connection.execute(statement)


def alembic_config(url: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes folders for servers, in memory where there is room.

    A database of a test's own is a thousand small files, and there are hundreds of such tests. What servers
    do is the same; only a power cut would differ.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        with tempfile.TemporaryDirectory(prefix="bankd-tests-", dir=MEMORY) as found:
            yield lambda name: Path(tempfile.mkdtemp(prefix=f"{name}-", dir=found))
    else:
        yield tmp_path_factory.mktemp


@pytest.fixture(scope="session")
def cluster(swift: Callable[[str], Path]) -> Iterator[Cluster]:
    folder = swift("stack")
    try:
        embedded.up(folder, services=frozenset({postgres.NAME}), durability=False)
        yield Cluster(folder)
    finally:
        embedded.down(folder)


@pytest.fixture(scope="session")
def stack(cluster: Cluster) -> embedded.Addresses:
    """Where broker, store and (its default, empty) database of this run are."""
    return embedded.up(cluster.folder, durability=False)


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a migrated database that is only ever copied."""
    postgres.create_database(cluster.folder, TEMPLATE)
    command.upgrade(alembic_config(cluster.owner_url(TEMPLATE)), "head")
    return TEMPLATE


@pytest.fixture(scope="session")
def engine(cluster: Cluster, template: str) -> Iterator[Engine]:
    """As `bankd_app`, on a migrated database where nothing is ever committed."""
    engine = make_engine(cluster.app_url(cluster.clone(template)))
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """As `bankd_app`; whatever happens, `commit` included, is undone after the test.

    Entries of the log are staged until `flush_log` or a commit.
    """
    with engine.connect() as connection, connection.begin() as transaction:
        with make_sessions(engine)(bind=connection, join_transaction_mode="create_savepoint") as session:
            session.begin()
            yield session
        transaction.rollback()


@pytest.fixture
def flush_log() -> Callable[[Session], int]:
    """Write what a service appended, as its commit would, and return the size of the log."""
    return log.settle


@dataclass
class Database:
    """A fresh migrated database, for tests that commit, listen or race."""

    name: str
    owner_url: str
    app_url: str
    engine: Engine
    sessions: sessionmaker[Session]
    owner_engine: Engine


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[Database]:
    name = cluster.clone(template)
    engine = make_engine(cluster.app_url(name), pool_size=10)
    owner = create_engine(cluster.owner_url(name), poolclass=NullPool)
    try:
        yield Database(
            name, cluster.owner_url(name), cluster.app_url(name), engine, make_sessions(engine), owner
        )
    finally:
        engine.dispose()
        owner.dispose()
        cluster.drop(name)


@pytest.fixture
def sessions(database: Database) -> sessionmaker[Session]:
    """Sessions as `bankd_app` on a database of this test's own: `with sessions.begin() as session`."""
    return database.sessions


@pytest.fixture(scope="session")
def blobs(stack: embedded.Addresses) -> MinioBlobs:
    """The store of this run. Shared by all tests: use random photo ids or prefixes."""
    return MinioBlobs(
        stack.s3_endpoint,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        bucket=stack.s3_bucket,
        secure=stack.s3_secure,
    )
