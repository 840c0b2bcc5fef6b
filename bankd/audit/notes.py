"""Signed heads of the log, as C2SP `tlog-checkpoint` in a C2SP `signed-note` (Ed25519); pure."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bankd.audit.errors import NoteInvalid

ED25519 = b"\x01"
MARK = "\u2014 "  # an em dash and a space begin each signature line
NAME = re.compile(r"[^\s+]+")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Head:
    """The root of the tree over the first `size` entries of the log called `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign(head: Head, key: Ed25519PrivateKey) -> str:
    """The note: the head, and a signature in the name of its origin."""
    if not NAME.fullmatch(head.origin):
        raise ValueError(f"`{head.origin}` cannot name a log: no spaces, no `+`")
    signature = key_id(head.origin, key.public_key()) + key.sign(head.text().encode())
    return f"{head.text()}\n{MARK}{head.origin} {base64.b64encode(signature).decode()}\n"


def read(note: str, key: Ed25519PublicKey) -> Head:
    """The head in a note, if the log that it names signed it with this key.

    Signatures of others beside it, such as witnesses, are passed over.

    Raises:
        NoteInvalid: it cannot be read or the signature is missing or wrong.
    """
    body, _, signatures = note.rpartition("\n\n")
    text = f"{body}\n"
    head = _parse(text)
    mine = key_id(head.origin, key)
    found = [
        signature[len(mine) :]
        for name, signature in map(_signature, signatures.splitlines())
        if name == head.origin and signature.startswith(mine)
    ]
    if not found:
        raise NoteInvalid("this key did not sign it")
    try:
        for signature in found:
            key.verify(signature, text.encode())
    except InvalidSignature as error:
        raise NoteInvalid("its signature is wrong") from error
    return head


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(MARK).partition(" ")
    if not line.startswith(MARK) or not NAME.fullmatch(name):
        raise NoteInvalid("a line after the head is not a signature")
    try:
        return name, base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise NoteInvalid("a signature is not base64") from error


def key_id(name: str, key: Ed25519PublicKey) -> bytes:
    """Four bytes that say which key a signature is of."""
    return hashlib.sha256(f"{name}\n".encode() + ED25519 + key.public_bytes_raw()).digest()[:4]


def public_key_line(name: str, key: Ed25519PublicKey) -> str:
    """The public key as those who check notes write it: `name+id+key`."""
    encoded = base64.b64encode(ED25519 + key.public_bytes_raw()).decode()
    return f"{name}+{key_id(name, key).hex()}+{encoded}"


def read_public_key(line: str) -> tuple[str, Ed25519PublicKey]:
    """Name and key of a `public_key_line`.

    Raises:
        NoteInvalid: it is not one, or its id is another key's.
    """
    name, _, rest = line.strip().partition("+")
    claimed, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
        if raw[:1] != ED25519 or not NAME.fullmatch(name):
            raise ValueError(encoded)
        key = Ed25519PublicKey.from_public_bytes(raw[1:])
    except ValueError as error:
        raise NoteInvalid(f"`{line}` is not an Ed25519 public key line") from error
    if key_id(name, key).hex() != claimed:
        raise NoteInvalid(f"`{line}` carries another key's id")
    return name, key


def _parse(text: str) -> Head:
    # Lines that others may add after the root are signed too, and of no concern to us.
    lines = text.split("\n")
    if len(lines) < 4 or not NAME.fullmatch(lines[0]) or not SIZE.fullmatch(lines[1]):
        raise NoteInvalid("it does not begin with origin, size and root")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise NoteInvalid("its root is not base64") from error
    if len(root) != 32:
        raise NoteInvalid("its root is not a SHA-256")
    return Head(lines[0], int(lines[1]), root)
