"""What can go wrong with the parts that run on this machine."""

from pathlib import Path

from bankd.errors import BankError


class EmbeddedError(BankError):
    """The embedded stack could not do what was asked."""


class PlatformUnsupported(EmbeddedError):
    def __init__(self, system: str) -> None:
        super().__init__(
            f"the embedded stack needs Linux, this is `{system}`: give the settings URLs of your own services"
        )
        self.system = system


class ProgramMissing(EmbeddedError):
    def __init__(self, program: str) -> None:
        super().__init__(
            f"`{program}` is not installed for this platform: run `pip install 'bankd[embedded]'`"
        )
        self.program = program


class FolderUnusable(EmbeddedError):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"the data folder `{folder}` cannot be used: {reason}")
        self.folder = folder
        self.reason = reason


class FolderBusy(EmbeddedError):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another `bankd up` or `bankd down` is at work in `{folder}`: wait until it has ended"
        )
        self.folder = folder


class NothingHere(EmbeddedError):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"no embedded stack was started in `{folder}`: run `bankd up` first")
        self.folder = folder


class VersionDiffers(EmbeddedError):
    def __init__(self, folder: Path, *, found: str, needed: str) -> None:
        super().__init__(
            f"`{folder}` was made by PostgreSQL {found} and this is {needed}: "
            "dump it with the old version and restore it into a new data folder"
        )
        self.folder = folder
        self.found = found
        self.needed = needed


class PrivilegesKept(EmbeddedError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"PostgreSQL does not run as root and root's privileges could not be dropped ({reason}): "
            "start bankd as an ordinary user, or allow user namespaces"
        )
        self.reason = reason


class StartFailed(EmbeddedError):
    """A part ended before it was ready, or was not ready in time."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} did not start: {reason} (its log is `{log}`)")
        self.name = name
        self.reason = reason
        self.log = log


class StopFailed(EmbeddedError):
    def __init__(self, name: str, pid: int) -> None:
        super().__init__(f"{name} (process {pid}) did not stop")
        self.name = name
        self.pid = pid
