"""An audit file as bytes: a ZIP of stored members, the same whenever its members are; pure but for its file.

docs/audit-file.md specifies it to the byte. `audit.json` lists the other members and comes last, since it
holds their digests.
"""

import zipfile
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rfc8785

from bankd.proving.errors import AuditFileTooLarge

TABLE = "audit.json"
VERSION = 1
# Of a ZIP without the extensions for large ones, which the verifier does not read.
MOST_BYTES = (1 << 32) - 1
MOST_MEMBERS = 65_535
EPOCH = (1980, 1, 1, 0, 0, 0)
TABLE_ENTRY_BYTES = 512  # more than a member takes in both tables


class Archive:
    """Members one after the other; `finish` ends it, and without it nothing readable is left."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=False)
        self._listed: dict[str, dict[str, Any]] = {}
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._listed

    def add(self, name: str, content: bytes) -> None:
        """Raises: AuditFileTooLarge."""
        if name in self._listed:
            raise ValueError(f"`{name}` is in it already")
        self._write(name, content)
        self._listed[name] = {"sha256": sha256(content).hexdigest(), "size": len(content)}

    def add_json(self, name: str, value: dict[str, Any]) -> None:
        self.add(name, rfc8785.dumps({"version": VERSION, **value}))

    def finish(self, value: dict[str, Any]) -> None:
        """Write the table of contents, which says `value` too."""
        self._write(TABLE, rfc8785.dumps({"version": VERSION, **value, "members": self._listed}))

    def _write(self, name: str, content: bytes) -> None:
        self._bytes += len(content) + TABLE_ENTRY_BYTES
        if self._bytes > MOST_BYTES or len(self._listed) >= MOST_MEMBERS - 1:
            raise AuditFileTooLarge
        info = zipfile.ZipInfo(name, EPOCH)
        info.create_system = 3
        info.external_attr = 0o600 << 16
        self._zip.writestr(info, content)
