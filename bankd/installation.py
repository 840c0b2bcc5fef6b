"""This installation as a whole: its services, its schema, its keys, its workers.

`up` may be called at any time and repairs what it finds: services that died
are started again, migrations are run, workers that are gone come back.
"""

import base64
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bankd import embedded, keys
from bankd.catalog.service import sync_taxonomy
from bankd.embedded import ServiceStatus, State, processes
from bankd.errors import BankError
from bankd.policy import load
from bankd.policy import service as policy
from bankd.policy.errors import NoActiveBundle
from bankd.provenance import certificates
from bankd.runtime import Runtime, embedded_services
from bankd.usage import mapping

PACKAGES = Path(__file__).resolve().parent.parent
# Migrations and policies lie beside the package in a checkout, and under the prefix of an installed wheel.
ROOT = PACKAGES if (PACKAGES / "alembic.ini").exists() else Path(sys.prefix) / "share" / "bankd"
WORKERS = ("ingest", "bank", "render", "clerk")
# Celery lets the task in hand finish at the first signal and gives it up at the second.
STOP = ((signal.SIGTERM, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


class MigrationImpossible(BankError):
    def __init__(self) -> None:
        super().__init__(
            "`database_url` is set without `database_owner_url`: set it, so that migrations can run"
        )


def up(runtime: Runtime, *, workers: bool = True, durability: bool = True) -> None:
    """Start everything of this installation that does not run.

    Raises:
        MigrationImpossible: nothing was started.
        BankError: a part could not be started, and which; the others keep running.
    """
    settings = runtime.settings
    if settings.database_url and not settings.database_owner_url:
        raise MigrationImpossible
    if services := embedded_services(settings):
        embedded.up(settings.home, services=services, durability=durability)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key in keys.NAMES:
        keys.create(settings.keys, key)
    if settings.c2pa_certificates is None:
        certificates.ensure_development(settings.keys, at=runtime.now())
    migrate(runtime)
    with runtime.transaction() as session:
        sync_taxonomy(session, by=runtime.actor, at=runtime.now())
        try:
            policy.active(session)
        except NoActiveBundle:
            # Later bundles come into force by `bankd policies activate`, never by an upgrade.
            policy.activate(session, load.read(policies()), by=runtime.actor, at=runtime.now())
    mapping.link_all(runtime)
    with runtime.transaction() as session:
        mapping.signer(runtime).sign(session, at=runtime.now())
    if workers:
        for name in WORKERS:
            start_worker(runtime, name)


def other_policies(runtime: Runtime) -> bool:
    """Whether other policies are in force than this version brings: a house's own, or earlier ones."""
    with runtime.transaction() as session:
        return policy.active(session).digest != load.read(policies()).digest


def down(runtime: Runtime) -> None:
    """Stop the workers, then what is embedded. Work in hand goes on at the next `up`."""
    processes.stop_all(WORKERS, runtime.settings.home, by=STOP)
    embedded.down(runtime.settings.home)


def status(runtime: Runtime) -> list[ServiceStatus]:
    """Every part that is ours; a worker that was never started is stopped."""
    ours = [*sorted(embedded_services(runtime.settings)), *WORKERS]
    found = {one.name: one for one in embedded.status(runtime.settings.home)}
    return [found.get(name) or ServiceStatus(name, None, State.STOPPED, "", None) for name in ours]


def migrate(runtime: Runtime) -> None:
    """Bring the schema to this version's, as the owner."""
    url = runtime.addresses.database_owner_url
    if not url:
        raise MigrationImpossible
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def policies() -> Path:
    return ROOT / "policies"


@dataclass(frozen=True)
class Program:
    """How one worker is started."""

    argv: list[str]
    env: Mapping[str, str]


def start_worker(runtime: Runtime, name: str) -> None:
    program = programs(runtime)[name]
    processes.start(name, program.argv, program.env, runtime.settings.home, runtime.settings.home)


def programs(runtime: Runtime) -> dict[str, Program]:
    celery = [sys.executable, "-m", "celery", "-A"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO"]
    bank = [*celery, "bankd.worker.main", "worker", *quiet]
    return {
        "ingest": Program(
            [*bank, "-Q", "ingest", "-n", "ingest@%h", "-c", f"{ingest_processes()}"],
            _bank_environment(runtime),
        ),
        "bank": Program([*bank, "-Q", "bank", "-n", "bank@%h", "-c", "2"], _bank_environment(runtime)),
        "render": Program(
            [*celery, "synth.worker", "worker", *quiet, "-P", "solo", "-Q", "render", "-n", "render@%h"],
            render_environment(
                broker_url=runtime.addresses.render_worker_broker_url,
                order_key=runtime.order_key.public_key(),
                store=runtime.addresses.s3_url,
            ),
        ),
        "clerk": Program([sys.executable, "-m", "bankd.clerk"], _bank_environment(runtime)),
    }


def ingest_processes() -> int:
    """How many photos are taken in at once: one for each core and for each 2 GiB of memory, two at least.

    With a photo of 12 megapixels a process takes an eighth of that, with the largest allowed about all of it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(2, min(cores, memory // (2 << 30)))


def render_environment(*, broker_url: str, order_key: Ed25519PublicKey, store: str) -> dict[str, str]:
    """All that a render worker is given: no database, no store, no key but a public one."""
    return _plain_environment() | {
        "SYNTH_BROKER_URL": broker_url,
        "SYNTH_ORDER_KEY": base64.b64encode(order_key.public_bytes_raw()).decode(),
        "SYNTH_STORE": store,
    }


def _bank_environment(runtime: Runtime) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith("BANKD_")}
    home = runtime.settings.home
    # Loops are compiled once for each installation; its packages may lie where workers cannot write.
    return (
        _plain_environment()
        | own
        | {
            "BANKD_HOME": str(home),
            "NUMBA_CACHE_DIR": str(home / "compiled"),
            # Processes share the cores: two threads of one product of matrices wait for each other.
            "OPENBLAS_NUM_THREADS": "1",
        }
    )


def _plain_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    passed = {name: os.environ[name] for name in kept if name in os.environ}
    # The package may run from its checkout; workers start in the data folder.
    return passed | {"PYTHONPATH": str(PACKAGES), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "2"}
