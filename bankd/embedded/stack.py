"""The parts of one machine together: start them, stop them, say what runs and where to connect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType

from bankd.embedded import postgres, processes, seaweed, valkey
from bankd.embedded.errors import NothingHere
from bankd.embedded.folder import Credentials, clear_sockets, credentials, locked, prepare, remember
from bankd.embedded.processes import State

PARTS: dict[str, ModuleType] = {part.NAME: part for part in (postgres, valkey, seaweed)}
ALL = frozenset(PARTS)


@dataclass(frozen=True)
class Addresses:
    """What the rest connects to, secrets included. A part that is not ours has empty addresses."""

    database_owner_url: str = ""
    database_url: str = ""
    broker_url: str = ""
    render_broker_url: str = ""
    s3_endpoint: str = ""
    s3_secure: bool = False
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_bucket: str = ""


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    pid: int | None
    state: State
    where: str
    since: datetime | None


def up(folder: Path, *, services: frozenset[str] = ALL, durability: bool = True) -> Addresses:
    """Start what does not run and return when all of it is ready; safe to call again.

    Args:
        services: the parts that are ours; the user has his own in place of the others.
        durability: False tells the disk nothing, so that a power cut may lose all. For tests only.

    Raises:
        EmbeddedError: a part could not be started; those before it keep running.
    """
    folder = prepare(folder)
    with locked(folder):
        try:
            known = credentials(folder)
        except NothingHere:
            known = {}
        for name, part in PARTS.items():
            if name in services:
                part.up(folder, known, durability=durability)
                remember(folder, known)
    return _addresses(known, services)


def down(folder: Path) -> None:
    """Stop what `up` started, the last first; safe to call again."""
    if not (folder / "run").is_dir():
        return
    folder = folder.resolve()
    with locked(folder):
        for part in reversed(PARTS.values()):
            part.down(folder)
        clear_sockets(folder)


def status(folder: Path) -> list[ServiceStatus]:
    """Every part and whatever else was started in this folder, alive or not."""
    folder = folder.resolve()
    found = {record.name: record for record in processes.records(folder)}
    names = [*PARTS, *sorted(found.keys() - ALL)]
    answer = []
    for name in names:
        record = found.get(name)
        if record is None:
            answer.append(ServiceStatus(name, None, State.STOPPED, "", None))
        else:
            state = State.RUNNING if record.alive else State.DEAD
            answer.append(ServiceStatus(name, record.pid, state, record.where, record.since))
    return answer


def addresses(folder: Path) -> Addresses:
    """What the parts of this folder are reached by, running or not.

    Raises:
        NothingHere: `up` was never called for this folder.
    """
    known = credentials(folder.resolve())
    return _addresses(known, frozenset(known))


def _addresses(known: Credentials, services: frozenset[str]) -> Addresses:
    found = Addresses()
    if postgres.NAME in services:
        found = replace(
            found,
            database_owner_url=postgres.url(known, postgres.OWNER),
            database_url=postgres.url(known, postgres.APP),
        )
    if valkey.NAME in services:
        found = replace(
            found,
            broker_url=valkey.url(known, valkey.BANK),
            render_broker_url=valkey.url(known, valkey.RENDER),
        )
    if seaweed.NAME in services:
        found = replace(
            found,
            s3_endpoint=seaweed.endpoint(known),
            s3_access_key=known[seaweed.NAME]["access_key"],
            s3_secret_key=known[seaweed.NAME]["secret_key"],
            s3_bucket=seaweed.BUCKET,
        )
    return found
