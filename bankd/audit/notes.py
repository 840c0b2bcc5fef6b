"""Signed heads of the log, as C2SP `tlog-checkpoint` in a C2SP `signed-note` (Ed25519); pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bankd.audit.errors import NoteInvalid

ED25519 = b"\x01"
COSIGNATURE = b"\x04"  # Ed25519 over a head and the moment it was seen: C2SP `tlog-cosignature`
MARK = "\u2014 "  # an em dash and a space begin each signature line
NAME = re.compile(r"[^\s+]+")
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
MOST_BYTES = 1 << 20
MOST_SIGNATURES = 100


@dataclass(frozen=True)
class Head:
    """The root of the tree over the first `size` entries of the log called `origin`.

    `extensions` are lines that the log signs with it, in their order, each `<name> <value>`.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Note:
    """A text, and who says to have signed it: nothing of it is true before a signature was checked."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]  # name; key id and signature

    def of(self, name: str, key: Ed25519PublicKey, algorithm: bytes = ED25519) -> list[bytes]:
        """What stands there in the name of this key."""
        mine = key_id(name, key, algorithm)
        return [made[4:] for who, made in self.signatures if who == name and made[:4] == mine]

    def signed_by(self, name: str, key: Ed25519PublicKey) -> bool:
        """Whether this key signed the text.

        Raises:
            NoteInvalid: what stands there in its name is no signature of it.
        """
        found = self.of(name, key)
        try:
            for signature in found:
                key.verify(signature, self.text.encode())
        except InvalidSignature as error:
            raise NoteInvalid("its signature is wrong") from error
        return bool(found)


def sign(head: Head, *keys: Ed25519PrivateKey) -> str:
    """The note: the head, and a signature of each key in the name of its origin."""
    for line in head.extensions:
        if not line or "\n" in line or CONTROL.search(line):
            raise ValueError(f"`{line}` cannot be a line of a checkpoint")
    return signed(head.text(), [(head.origin, key) for key in keys])


def signed(text: str, signers: Sequence[tuple[str, Ed25519PrivateKey]]) -> str:
    """A note of any text that ends a line."""
    lines = []
    for name, key in signers:
        if not NAME.fullmatch(name):
            raise ValueError(f"`{name}` cannot name a log: no spaces, no `+`")
        signature = key_id(name, key.public_key()) + key.sign(text.encode())
        lines.append(signature_line(name, signature))
    return f"{text}\n{''.join(lines)}"


def signature_line(name: str, signature: bytes) -> str:
    return f"{MARK}{name} {base64.b64encode(signature).decode()}\n"


def read(note: str, key: Ed25519PublicKey) -> Head:
    """The head in a note, if the log that it names signed it with this key.

    Signatures of others beside it, such as witnesses, are passed over.

    Raises:
        NoteInvalid: it cannot be read or the signature is missing or wrong.
    """
    opened = split(note)
    found = head(opened.text)
    if not opened.signed_by(found.origin, key):
        raise NoteInvalid("this key did not sign it")
    return found


def split(note: str) -> Note:
    """The text and the signatures of a note; checks none of them.

    Raises:
        NoteInvalid: it is not written as C2SP `signed-note` says.
    """
    if len(note) > MOST_BYTES:
        raise NoteInvalid("it is too long")
    if CONTROL.search(note) or _unpaired(note):
        raise NoteInvalid("it holds what no text holds")
    body, empty, last = note.rpartition("\n\n")
    if not empty or not last.endswith("\n"):
        raise NoteInvalid("no signatures follow its text")
    lines = last.removesuffix("\n").split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteInvalid("it carries too many signatures")
    return Note(f"{body}\n", tuple(map(signature, lines)))


def signature(line: str) -> tuple[str, bytes]:
    """Name, and key id with signature, of a line without its end. Raises: NoteInvalid."""
    name, _, encoded = line.removeprefix(MARK).partition(" ")
    if not line.startswith(MARK) or not NAME.fullmatch(name):
        raise NoteInvalid("a line after the head is not a signature")
    found = decoded(encoded)
    if found is None or len(found) < 5:
        raise NoteInvalid("a signature is not base64")
    return name, found


def head(text: str) -> Head:
    """The head that a text is, whoever signed it.

    Raises:
        NoteInvalid: it is not written as C2SP `tlog-checkpoint` says.
    """
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not NAME.fullmatch(lines[0]) or not SIZE.fullmatch(lines[1]):
        raise NoteInvalid("it does not begin with origin, size and root")
    size, root = int(lines[1]), decoded(lines[2])
    if size >= 1 << 63:
        raise NoteInvalid("it does not begin with origin, size and root")
    if root is None:
        raise NoteInvalid("its root is not base64")
    if len(root) != 32:
        raise NoteInvalid("its root is not a SHA-256")
    if "" in lines[3:]:
        raise NoteInvalid("one of its lines is empty")
    return Head(lines[0], size, root, tuple(lines[3:]))


def decoded(text: str) -> bytes | None:
    """What base64 says, if it is written in its one way."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None


def key_id(name: str, key: Ed25519PublicKey, algorithm: bytes = ED25519) -> bytes:
    """Four bytes that say which key a signature is of."""
    return hashlib.sha256(f"{name}\n".encode() + algorithm + key.public_bytes_raw()).digest()[:4]


def public_key_line(name: str, key: Ed25519PublicKey, algorithm: bytes = ED25519) -> str:
    """The public key as those who check notes write it: `name+id+key`."""
    encoded = base64.b64encode(algorithm + key.public_bytes_raw()).decode()
    return f"{name}+{key_id(name, key, algorithm).hex()}+{encoded}"


def read_public_key(line: str, algorithm: bytes = ED25519) -> tuple[str, Ed25519PublicKey]:
    """Name and key of a `public_key_line`.

    Raises:
        NoteInvalid: it is not one, or its id is another key's.
    """
    name, _, rest = line.strip().partition("+")
    claimed, _, encoded = rest.partition("+")
    raw = decoded(encoded) or b""
    if raw[:1] != algorithm or len(raw) != 33 or not NAME.fullmatch(name):
        what = "a witness's" if algorithm == COSIGNATURE else "an Ed25519"
        raise NoteInvalid(f"`{line}` is not {what} public key line")
    key = Ed25519PublicKey.from_public_bytes(raw[1:])
    if key_id(name, key, algorithm).hex() != claimed:
        raise NoteInvalid(f"`{line}` carries another key's id")
    return name, key


def _unpaired(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
