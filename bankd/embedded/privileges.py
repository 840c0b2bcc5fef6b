"""How PostgreSQL, which refuses to run as root, runs when root started us.

No system user is created and no folder is opened to others. First choice: a
user namespace, where the server is a user without any capability who still
owns root's files, so that it works below folders closed to everyone else.
Where those are forbidden (many containers): the user `nobody`, with a copy of
the programs where it can reach them and the cluster passed as an open folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from bankd.embedded import processes
from bankd.embedded.errors import PrivilegesKept
from bankd.embedded.folder import sockets

BY_DESCRIPTOR = Path(f"/proc/self/fd/{processes.PASSED}")


@dataclass(frozen=True)
class Footing:
    """What the server runs from and as.

    `sockets` is a folder that it can reach and write. `owner`: who must own
    the cluster, None if that is us.
    """

    programs: Path
    sockets: Path
    drop: processes.Drop = None
    owner: int | None = None

    def place(self, cluster: Path) -> Path:
        """The path by which the server finds its cluster."""
        return cluster if self.owner is None else BY_DESCRIPTOR

    def passed(self, cluster: Path) -> Path | None:
        """The folder that the server inherits open, past parents that it may not pass."""
        return None if self.owner is None else cluster

    def own(self, path: Path) -> None:
        """Give a file, or a folder and what is in it, to the server's user."""
        wanted = os.geteuid() if self.owner is None else self.owner
        if path.stat().st_uid != wanted:
            for each in (path, *path.rglob("*")):
                os.chown(each, wanted, wanted, follow_symlinks=False)


def footing(programs: Path, folder: Path) -> Footing:
    """Find how the server can run here.

    Raises:
        PrivilegesKept: we are root and neither way is open.
    """
    if os.geteuid() != 0:
        return Footing(programs, sockets(folder))
    stranger = _stranger()
    if namespace_works(programs, stranger):
        return Footing(programs, sockets(folder), drop=("namespace", stranger))
    return _as_stranger(programs, folder, stranger)


def namespace_works(programs: Path, stranger: int) -> bool:
    tried = processes.run(
        [str(programs / "bin" / "postgres"), "--version"], {}, Path("/"), drop=("namespace", stranger)
    )
    return tried.returncode == 0


def _stranger() -> int:
    """A user other than root; `initdb` insists on one with an entry."""
    found = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid}
    if not found:
        raise PrivilegesKept("this machine knows no user but root")
    return found.get("nobody", next(iter(found.values())))


def _as_stranger(programs: Path, folder: Path, stranger: int) -> Footing:
    reachable = sockets(folder, outside=True)
    # With the neighbors' names kept: programs find the wheel's libraries by a path relative to their own.
    store, own = reachable / "programs", reachable / "postgres"
    copy = store / programs.parent.name / programs.name
    own.mkdir(mode=0o700, exist_ok=True)
    os.chown(own, stranger, stranger)
    if processes.state("postgres", folder) is not processes.State.RUNNING:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(programs, copy)
        libraries = programs.parent.with_suffix(".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, store / libraries.name)
        for each in (store, *store.rglob("*")):
            if not each.is_symlink():
                each.chmod(0o755 if each.is_dir() or os.access(each, os.X_OK) else 0o644)
    found = Footing(copy, own, drop=("user", stranger), owner=stranger)
    tried = processes.run([str(copy / "bin" / "postgres"), "--version"], {}, Path("/"), drop=found.drop)
    if tried.returncode:
        raise PrivilegesKept(tried.stderr.strip() or "no user namespace and no other user")
    return found
