"""ZIP archives of many small parts, stored as they are: byte for byte what `zipfile` writes. Pure."""

import struct
import zlib
from collections.abc import Iterable

VERSION = 20
UNIX = 3
NO_MOMENT = 1 << 5 | 1  # 1980-01-01, so that equal parts make equal archives
OWNERS_OWN = 0o600 << 16
LOCAL = struct.Struct("<4s2B4HL2L2H")
CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
END = struct.Struct("<4s4H2LH")


def zipped(parts: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of named parts; names are ASCII, and all of it has under 65,535 parts and 2 GiB."""
    written: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for text, content in parts:
        name = text.encode("ascii")
        crc, size = zlib.crc32(content), len(content)
        local = LOCAL.pack(b"PK\3\4", VERSION, 0, 0, 0, 0, NO_MOMENT, crc, size, size, len(name), 0)
        written += (local, name, content)
        central += (
            CENTRAL.pack(
                b"PK\1\2", VERSION, UNIX, VERSION, 0, 0, 0, 0, NO_MOMENT, crc, size, size, len(name),
                0, 0, 0, 0, OWNERS_OWN, offset,
            ),
            name,
        )  # fmt: skip
        offset += LOCAL.size + len(name) + size
    count, directory = len(central) // 2, b"".join(central)
    end = END.pack(b"PK\5\6", 0, 0, count, count, len(directory), offset, 0)
    return b"".join((*written, directory, end))
