"""How PostgreSQL, which refuses to run as root, runs when root started us.

No system user is created and no folder is opened to others. In a user
namespace the server is an ordinary user without capabilities that still owns
root's files, so that it works below folders closed to everyone else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bankd.embedded import processes
from bankd.embedded.errors import PrivilegesKept


@dataclass(frozen=True)
class Footing:
    """Where the programs are for the server, and what it gives up; `outside`: it may not enter the data folder."""

    programs: Path
    drop: processes.Drop
    outside: bool = False

    @contextmanager
    def at(self, cluster: Path) -> Iterator[Path]:
        """The path by which the server finds its cluster."""
        yield cluster

    def socket_folder(self, sockets: Path) -> Path:
        return sockets


def footing(programs: Path, cluster: Path) -> Footing:
    if os.geteuid() != 0:
        return Footing(programs, None)
    tried = processes.run([str(programs / "bin" / "postgres"), "--version"], {}, Path("/"), drop="namespace")
    if tried.returncode == 0:
        return Footing(programs, "namespace")
    raise PrivilegesKept(tried.stderr.strip() or "no user namespace")
