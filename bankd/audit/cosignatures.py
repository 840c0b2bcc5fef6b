"""What a witness says of a head: at this moment it was the latest of this log that I know of; pure.

C2SP `tlog-cosignature`, version 1, Ed25519.
"""

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bankd.audit import notes
from bankd.audit.errors import NoteInvalid
from bankd.audit.notes import COSIGNATURE, Note


def cosign(text: str, name: str, key: Ed25519PrivateKey, *, at: int) -> str:
    """The line to be put below the signatures of the note of this text; `at` in seconds since 1970."""
    if not notes.NAME.fullmatch(name):
        raise ValueError(f"`{name}` cannot name a witness: no spaces, no `+`")
    made = struct.pack(">Q", at) + key.sign(_told(text, at))
    return notes.signature_line(name, notes.key_id(name, key.public_key(), COSIGNATURE) + made)


def moment(note: Note, name: str, key: Ed25519PublicKey) -> int | None:
    """When this witness last said so of the note's text; None if it did not.

    Raises:
        NoteInvalid: what stands there in its name is no cosignature of it.
    """
    found: int | None = None
    for made in note.of(name, key, COSIGNATURE):
        if len(made) != 72:
            raise NoteInvalid(f"the cosignature of `{name}` is wrong")
        (at,) = struct.unpack(">Q", made[:8])
        try:
            key.verify(made[8:], _told(note.text, at))
        except InvalidSignature as error:
            raise NoteInvalid(f"the cosignature of `{name}` is wrong") from error
        if at >= 1 << 63:
            raise NoteInvalid(f"the cosignature of `{name}` is of no time")
        found = at if found is None else max(found, at)
    return found


def _told(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
