"""The one folder that holds everything of an embedded stack."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bankd.embedded.errors import FolderBusy, FolderUnusable, NothingHere, PlatformUnsupported

SOCKET_PATH_MAX = 107  # bytes, of sockaddr_un.sun_path less its final zero
LONGEST_SOCKET = ".s.PGSQL.5432.lock"
TEMPORARY = Path("/tmp")  # noqa: S108  what is made there is checked to be ours

Credentials = dict[str, dict[str, str]]

SETTINGS_FILE = "settings.toml"  # may be there before the first `up`


def prepare(folder: Path) -> Path:
    """Make the data folder, for its owner alone, and return its real path.

    A folder that holds somebody's other files is refused, since closing it would lock them away.
    """
    if platform.system() != "Linux":
        raise PlatformUnsupported(platform.system())
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise FolderUnusable(folder, "it belongs to another user")
        foreign = sorted(one.name for one in folder.iterdir() if one.name != SETTINGS_FILE)
        if not (folder / "run").is_dir() and foreign:
            raise FolderUnusable(
                folder, f"it holds other files, such as `{foreign[0]}`; set BANKD_HOME to a folder of its own"
            )
        folder.chmod(0o700)
        for room in ("run", "log"):
            (folder / room).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FolderUnusable(folder, error.strerror or str(error)) from error
    return folder.resolve()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against every other `up` and `down`; the kernel frees it if we die.

    Raises:
        FolderBusy: another holds it.
    """
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderBusy(folder) from error
        yield


def credentials(folder: Path) -> Credentials:
    """The secrets and addresses of each part, by its name.

    Raises:
        NothingHere: none were ever written.
    """
    try:
        found: Credentials = json.loads((folder / "credentials.json").read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NothingHere(folder) from error
    except PermissionError as error:
        raise FolderUnusable(folder, error.strerror or str(error)) from error
    return found


def remember(folder: Path, known: Credentials) -> None:
    write_private(folder / "credentials.json", json.dumps(known, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise FolderUnusable(path.parent, error.strerror or str(error)) from error


def sockets(folder: Path, *, outside: bool = False) -> Path:
    """Where the unix sockets of this stack are: inside the folder or, where its path is too long for a
    socket, in a folder of ours among the temporary files, named after the data folder.

    `outside` asks for the latter, for a server that may not pass the data folder's parents.
    Neither TMPDIR nor XDG_RUNTIME_DIR is asked: they change from login to login and the sockets must not.
    """
    inside = folder / "run"
    if not outside and len(os.fsencode(inside / LONGEST_SOCKET)) <= SOCKET_PATH_MAX:
        return inside
    found = _outside(folder)
    try:
        found.mkdir(mode=0o700, exist_ok=True)
        facts = found.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            raise FolderUnusable(found, "our sockets belong there and it is another user's")
        found.chmod(0o711 if outside else 0o700)
    except OSError as error:
        raise FolderUnusable(found, error.strerror or str(error)) from error
    return found


def clear_sockets(folder: Path) -> None:
    """Remove what `sockets` made outside the data folder, when nothing runs any more."""
    found = _outside(folder)
    if found.is_dir() and not found.is_symlink() and found.stat().st_uid == os.geteuid():
        shutil.rmtree(found)


def _outside(folder: Path) -> Path:
    return TEMPORARY / f"bankd-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
