"""The composition root: settings become an engine, a store, keys and a clock.

The only place that reads a clock, and the only one that knows which parts
are embedded and which are the operator's own.
"""

import hashlib
import logging
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from bankd import config, embedded, keys
from bankd.audit import signing_keys
from bankd.audit.actor import Actor
from bankd.audit.rotations import Signs
from bankd.audit.signing_keys import SigningKey
from bankd.config import Settings, SettingsInvalid
from bankd.db import make_engine, make_sessions
from bankd.errors import BankError
from bankd.storage import Blobs, MinioBlobs

logger = logging.getLogger(__name__)

UNASKED_S = 5.0  # a connection that vanished without a word is found out after that


class DatabaseUnavailable(BankError):
    """The database does not answer; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "the database cannot be reached; `bankd status` says what runs, `bankd up` starts it"
        )


@dataclass(frozen=True)
class Addresses:
    """Where the three services are, embedded or the operator's own."""

    database_owner_url: str | None
    database_url: str
    broker_url: str
    render_broker_url: str
    render_worker_broker_url: str
    s3_endpoint: str
    s3_secure: bool
    s3_access_key: str
    s3_secret_key: str
    s3_bucket: str

    @property
    def s3_url(self) -> str:
        return f"{'https' if self.s3_secure else 'http'}://{self.s3_endpoint}"


def addresses(settings: Settings) -> Addresses:
    """The settings' own addresses where given, else those of the embedded stack in `settings.home`.

    Raises:
        SettingsInvalid: half of an address is given.
        BankError: something is embedded and `bankd up` has never run here.
    """
    own: dict[str, object] = {}
    if settings.database_url:
        own |= {
            "database_url": settings.database_url,
            "database_owner_url": settings.database_owner_url,
        }
    if settings.broker_url:
        if not (settings.render_broker_url and settings.render_worker_broker_url):
            raise SettingsInvalid(
                "`broker_url` is set: set `render_broker_url` and `render_worker_broker_url` too,"
                " each with a user of its own"
            )
        own |= {
            "broker_url": settings.broker_url,
            "render_broker_url": settings.render_broker_url,
            "render_worker_broker_url": settings.render_worker_broker_url,
        }
    if settings.s3_endpoint:
        if not (settings.s3_access_key and settings.s3_secret_key):
            raise SettingsInvalid("`s3_endpoint` is set: set `s3_access_key` and `s3_secret_key` too")
        own |= {
            "s3_endpoint": settings.s3_endpoint,
            "s3_secure": settings.s3_secure,
            "s3_access_key": settings.s3_access_key,
            "s3_secret_key": settings.s3_secret_key,
            "s3_bucket": settings.s3_bucket,
        }
    if embedded_services(settings):
        found = embedded.addresses(settings.home)
        own = {
            "database_owner_url": found.database_owner_url,
            "database_url": found.database_url,
            "broker_url": found.broker_url,
            "render_broker_url": found.broker_url,
            "render_worker_broker_url": found.render_broker_url,
            "s3_endpoint": found.s3_endpoint,
            "s3_secure": found.s3_secure,
            "s3_access_key": found.s3_access_key,
            "s3_secret_key": found.s3_secret_key,
            "s3_bucket": found.s3_bucket,
        } | own
    return Addresses(**own)  # type: ignore[arg-type]


def embedded_services(settings: Settings) -> frozenset[str]:
    """Which services `bankd up` runs itself."""
    given = {
        "postgres": settings.database_url,
        "valkey": settings.broker_url,
        "seaweed": settings.s3_endpoint,
    }
    return frozenset(name for name, url in given.items() if not url)


def _ask_seldom(engine: Engine) -> None:
    """Of a connection that was alive a moment ago, only see whether the server has ended it."""
    ping = engine.dialect.do_ping
    alive_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def do_ping(connection: Any) -> bool:
        now = time.monotonic()
        if now - alive_at.get(connection, -UNASKED_S) < UNASKED_S and _silent(connection.fileno()):
            return True
        alive = ping(connection)
        alive_at[connection] = now
        return alive

    engine.dialect.do_ping = do_ping  # type: ignore[method-assign,assignment]


def _silent(file: int) -> bool:
    """A server that ends a connection says so: then there is something to read, or an end."""
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return not waiting.poll(0)


class Runtime:
    """What a command, a task or a route works with. One for a process."""

    def __init__(self, settings: Settings, actor: Actor) -> None:
        self.settings = settings
        self.actor = actor

    @cached_property
    def addresses(self) -> Addresses:
        return addresses(self.settings)

    @cached_property
    def engine(self) -> Engine:
        engine = make_engine(self.addresses.database_url)
        _ask_seldom(engine)
        return engine

    @cached_property
    def blobs(self) -> Blobs:
        at = self.addresses
        return MinioBlobs(
            at.s3_endpoint,
            access_key=at.s3_access_key,
            secret_key=at.s3_secret_key,
            bucket=at.s3_bucket,
            secure=at.s3_secure,
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One session, committed at the end or rolled back whole.

        Raises:
            DatabaseUnavailable: no connection, or it broke before the commit.
        """
        try:
            with make_sessions(self.engine).begin() as session:
                yield session
        except OperationalError as error:
            if error.connection_invalidated or "connect" in str(error.orig):
                logger.warning("database: %s", error.orig)
                raise DatabaseUnavailable from error
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One session that reads, and sees the bank as it was at its first statement, whatever comes after.

        Raises:
            DatabaseUnavailable: no connection, or it broke.
        """
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            with make_sessions(self.engine.execution_options(**options)).begin() as session:
                yield session
        except OperationalError as error:
            if error.connection_invalidated or "connect" in str(error.orig):
                logger.warning("database: %s", error.orig)
                raise DatabaseUnavailable from error
            raise

    def now(self) -> datetime:
        return datetime.now(UTC)

    @cached_property
    def order_key(self) -> Ed25519PrivateKey:
        return keys.read(self.settings.keys, "order")

    # Read anew each time: they may be rotated while this process runs.

    @property
    def manifest_key(self) -> Ed25519PrivateKey:
        return keys.read(self.settings.keys, "manifest")

    @property
    def log_key(self) -> Ed25519PrivateKey:
        return keys.read(self.settings.keys, "log")

    def log_keys(self) -> list[Ed25519PrivateKey]:
        """The log's key and, while it is being rotated, the next one."""
        following = keys.read_next(self.settings.keys, "log")
        return [self.log_key] if following is None else [self.log_key, following]

    def signing_keys(self, session: Session) -> dict[Signs, list[SigningKey]]:
        """Every key that signed the log and the manifests, the first first, the present one last."""
        return signing_keys.history(
            session, log=self.log_key.public_key(), manifest=self.manifest_key.public_key()
        )

    @cached_property
    def log_origin(self) -> str:
        """The name of this house's log in its checkpoints: of its first key, whatever key signs now."""
        kept = keys.read_origin(self.settings.keys)
        if kept is not None:
            return kept
        return f"bankd/{hashlib.sha256(self.log_key.public_key().public_bytes_raw()).hexdigest()[:16]}"


@cache
def runtime() -> Runtime:
    """This worker process's runtime, from its environment, opened at first use (after any fork)."""
    return Runtime(config.load(), Actor.system("worker"))
