"""How much memory a stretch of work takes at most."""

import contextlib
from pathlib import Path
from typing import Protocol

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_PEAK_ALONE = "5"  # see proc_pid_clear_refs(5)


class Meter(Protocol):
    """A mark that only rises, until it is lowered to what is held now."""

    def lower(self) -> None: ...

    def most_bytes(self) -> int | None:
        """The most that was held since; None where the system does not say."""
        ...


class ResidentMemory:
    """What this process holds in RAM: all of it, libraries and what earlier work left included.

    Linux alone says so, and lets a process lower its own mark.
    """

    def __init__(self) -> None:
        self._lowered = False

    def lower(self) -> None:
        self._lowered = False
        with contextlib.suppress(OSError):
            _CLEAR.write_text(_PEAK_ALONE)
            self._lowered = True

    def most_bytes(self) -> int | None:
        if not self._lowered:
            return None
        with _STATUS.open() as lines:
            found = next((line for line in lines if line.startswith("VmHWM:")), None)
        return None if found is None else int(found.split()[1]) * 1024
