"""A signing key and the one that takes its place, named in a note that both signed; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bankd.audit import notes
from bankd.audit.errors import NoteInvalid

Signs = Literal["log", "manifest"]
FIRST_LINE = "bankd key rotation 1"  # no log is called so, and nothing else that these keys sign begins so


@dataclass(frozen=True)
class Rotation:
    """`before` signed until then, `after` signs from then on."""

    signs: Signs
    origin: str
    before: Ed25519PublicKey
    after: Ed25519PublicKey

    def text(self) -> str:
        keys = (told(self.signs, self.origin, key) for key in (self.before, self.after))
        return "".join(f"{line}\n" for line in (FIRST_LINE, self.signs, self.origin, *keys))

    @property
    def name(self) -> str:
        """In whose name both sign."""
        return _name(self.signs, self.origin)


def objects(
    signs: Signs, origin: str, *, before: Ed25519PrivateKey, after: Ed25519PrivateKey
) -> dict[str, str]:
    """What the log's entry says: both keys, and the note."""
    rotation = Rotation(signs, origin, before.public_key(), after.public_key())
    return {
        "before": told(signs, origin, rotation.before),
        "after": told(signs, origin, rotation.after),
        "note": notes.signed(rotation.text(), [(rotation.name, before), (rotation.name, after)]),
    }


def read(signs: Signs, objects: Mapping[str, object]) -> Rotation:
    """The rotation that an entry's objects tell of, if both keys signed it.

    Raises:
        NoteInvalid: some part of it is missing, or is not what they signed.
    """
    note = notes.split(str(objects.get("note")))
    lines = note.text.removesuffix("\n").split("\n")
    if len(lines) != 5 or lines[:2] != [FIRST_LINE, signs]:
        raise NoteInvalid("it tells of no rotation")
    origin, before, after = lines[2:]
    if (before, after) != (objects.get("before"), objects.get("after")):
        raise NoteInvalid("its note names other keys")
    rotation = Rotation(signs, origin, _key(signs, origin, before), _key(signs, origin, after))
    for key in (rotation.before, rotation.after):
        if not note.signed_by(rotation.name, key):
            raise NoteInvalid("one of its keys did not sign it")
    return rotation


def _name(signs: Signs, origin: str) -> str:
    return origin if signs == "log" else f"{origin}/{signs}"


def told(signs: Signs, origin: str, key: Ed25519PublicKey) -> str:
    """A log's key as those who check notes write it, a manifest's as 64 hexadecimal digits."""
    return notes.public_key_line(origin, key) if signs == "log" else key.public_bytes_raw().hex()


def _key(signs: Signs, origin: str, line: str) -> Ed25519PublicKey:
    try:
        if signs == "log":
            name, key = notes.read_public_key(line)
        else:
            name, key = origin, Ed25519PublicKey.from_public_bytes(bytes.fromhex(line))
    except ValueError as error:
        raise NoteInvalid("its keys cannot be read") from error
    if name != origin or told(signs, origin, key) != line:
        raise NoteInvalid("its keys cannot be read")
    return key
