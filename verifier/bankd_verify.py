#!/usr/bin/env python3
"""Check what a bank of photos says about its pictures: offline, without the bank and without its program.

    python bankd_verify.py AUDIT.zip --trust trust.json [--file PICTURE.png ...] [--json]
    python bankd_verify.py USAGE.json --trust trust.json [--seen CHECKPOINT ...] [--json]

Needs Python 3.11 and `cryptography`. Usage proofs take `bankd_verify_usage.py` beside it, time stamps
`bankd_verify_stamps.py`; content credentials and the replay of clearances take `bankd_verify_optional.py`,
`c2pa` and `cedarpy`. What is not there is NOT CHECKED.

Whom to believe is in trust.json alone, which reached you by another way than the file. Nothing in the file
adds to it, but a key that a trusted one has signed into the log. docs/audit-file.md specifies all of it.

Exit status: 0 every check passed; 1 one failed, and is named; 2 it was asked wrongly; 3 none failed, and
something was not checked.
"""

import argparse
import base64
import contextlib
import functools
import hashlib
import importlib.util
import itertools
import json
import mmap
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_MEMBERS, MAX_BYTES, MAX_FILE_BYTES, MAX_JSON_BYTES = 65_535, (1 << 32) - 1, 1 << 30, 64 << 20
MAX_PX, EXACT = 1 << 28, 2**53 - 1
NAME = re.compile(rb"[a-z0-9][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._-]{0,99}){0,3}")
HASH = re.compile("[0-9a-f]{64}")
MEMBER = re.compile(
    "(audit|keys).json|checkpoints/[0-9]+.note|consistency/[0-9]+-[0-9]+.json|bundles/[0-9a-f]{64}.json"
    "|(?:files/(?P<picture>[0-9a-f-]{36}).png)"
    "|(?:composites/[0-9a-f-]{36}/(manifest.json|manifest.sig|proof.json|disclosures.json|clearance.json"
    "|handouts.json|stamp-[0-9a-f]{64}-[0-9]+.tsr))"
)
PASSED, FAILED, NOT_CHECKED = "PASSED", "FAILED", "NOT CHECKED"
Bytes = bytes | mmap.mmap

SAYS = {  # what can fail, by name
    "archive.compressed": "a member is compressed: it may be a bomb, and an audit file has none",
    "archive.damaged": "it is not, byte for byte, the ZIP that its members make",
    "archive.duplicate-name": "two members have one name",
    "archive.path": "a name leads elsewhere, or is none that a member has",
    "archive.too-large": "it is larger than an audit file can be",
    "archive.truncated": "it is cut off",
    "clearance.another": "what was cleared is not what was placed",
    "contents.digest": "a member is not the one that `audit.json` lists",
    "contents.extra-member": "a member is not listed in `audit.json`, or is none that anything is checked by",
    "contents.missing-member": "a member is not there",
    "disclosure.another": "what is disclosed is not what the manifest fixed",
    "file.changed": "the pixels are a composite's, the bytes of the file are not those that were sealed",
    "handout.another": "the log has handed out something else under this entry",
    "json.duplicate-key": "a name stands twice in one object",
    "json.not-canonical": "it is not in the one spelling of RFC 8785",
    "json.number": "a number is not whole",
    "json.shape": "a value is missing, of another kind, or out of its bounds",
    "json.too-deep": "it is nested too deeply",
    "json.unreadable": "it is no JSON",
    "key.another": "a key of another log took the place of one of this log",
    "key.unreadable": "it is no Ed25519 key as notes write it",
    "log.consistency": "the log does not go on from an earlier state of it: it was forked, or rewritten",
    "log.inclusion": "the entry does not stand in the log",
    "log.leaf": "the proof is of another entry",
    "log.payload": "the words of the entry are not those that the log committed to",
    "log.two-views": "the log has signed two texts for one size: keep both, they are evidence",
    "malformed": "it cannot be read",
    "manifest.signature": "the manifest was changed, or is signed by no manifest key that is trusted",
    "manifest.sums": "the counts of the manifest do not add up",
    "manifest.swapped": "the manifest is another composite's",
    "note.origin": "the checkpoint is of another log",
    "note.signature": "a signature is not of this checkpoint",
    "note.size": "the checkpoint is of another size than its name",
    "note.unknown-key": "the checkpoint is signed by no key that is trusted",
    "note.unreadable": "the checkpoint is no signed note of origin, size and root",
    "pixels.changed": "the pixels are not those of the manifest",
    "pixels.unknown": "no composite in this audit file has these pixels",
    "png.damaged": "the picture was changed, or is no whole PNG",
    "png.kind": "the picture is no PNG of 8-bit RGB, or too large for a composite",
    "png.truncated": "the picture is cut off",
    "rendition.unknown": "no handout in this audit file has these bytes",
    "seal.another": "the log has sealed something else under this entry",
    "witness.missing": "fewer witnesses cosigned than trust.json asks for",
}


class Failed(Exception):
    """A check that did not hold, by a name of `SAYS`."""

    def __init__(self, name: str, detail: object = "") -> None:
        self.name, self.says = name, SAYS[name] + (f" ({detail})" if detail != "" else "")
        super().__init__(self.says)


class NotChecked(Exception):
    """A check that could not be made, and why."""


def require(holds: bool, name: str, detail: object = "") -> None:
    if not holds:
        raise Failed(name, detail)


@dataclass(frozen=True)
class Line:
    outcome: str
    name: str
    about: str
    says: str


@dataclass
class Report:
    lines: list[Line] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)  # what the file says; so, where no line FAILED

    @contextlib.contextmanager
    def check(self, name: str, about: str = "") -> Iterator[Callable[[str], None]]:
        """Whatever goes wrong inside is a failure; what is yielded takes the sentence for what passed."""
        said = ["holds"]
        try:
            yield lambda says: said.__setitem__(0, says)
        except NotChecked as why:
            self.lines.append(Line(NOT_CHECKED, name, about, str(why)))
        except Failed as failed:
            self.lines.append(Line(FAILED, failed.name, about, f"{name}: {failed.says}"))
        except Exception as error:
            says = f"{name}: {SAYS['malformed']} ({error!r:.80})"
            self.lines.append(Line(FAILED, "malformed", about, says))
        else:
            self.lines.append(Line(PASSED, name, about, said[0]))

    @property
    def failed(self) -> bool:
        return any(line.outcome == FAILED for line in self.lines)

    @property
    def status(self) -> int:
        return 1 if self.failed else 3 if any(line.outcome == NOT_CHECKED for line in self.lines) else 0


# --- Bytes: the ZIP, JSON ---

LOCAL, CENTRAL, END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")


def members(data: Bytes) -> dict[str, tuple[int, int]]:
    """Where each member lies: (start, end). The ZIP must be the one that its stored members make."""
    found: dict[str, tuple[int, int]] = {}
    at, central = 0, b""
    require(len(data) <= MAX_BYTES, "archive.too-large")
    while data[at : at + 4] == b"PK\3\4":
        require(at + LOCAL.size <= len(data), "archive.truncated")
        _, _, _, method, _, _, crc, packed, size, length, extra = LOCAL.unpack(data[at : at + LOCAL.size])
        raw_name, start = data[at + LOCAL.size : at + LOCAL.size + length], at + LOCAL.size + length + extra
        require(start <= len(data), "archive.truncated")
        require(method == 0 and packed == size, "archive.compressed")
        require(NAME.fullmatch(raw_name) is not None, "archive.path", raw_name[:60])
        name = raw_name.decode()
        require(name not in found, "archive.duplicate-name", name)
        require(
            size <= (MAX_FILE_BYTES if name.startswith("files/") else MAX_JSON_BYTES),
            "archive.too-large",
            name,
        )
        require(len(found) < MAX_MEMBERS, "archive.too-large", f"more than {MAX_MEMBERS} members")
        require(start + size <= len(data), "archive.truncated", name)
        head = LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, length, 0) + raw_name
        require(
            head == data[at:start] and zlib.crc32(data[start : start + size]) == crc, "archive.damaged", name
        )
        fixed = (0x314, 20, 0, 0, 0, 33, crc, size, size, length, 0, 0, 0, 0, 0o600 << 16, at)
        central += CENTRAL.pack(b"PK\1\2", *fixed) + raw_name
        found[name] = (start, start + size)
        at = start + size
    ending = central + END.pack(b"PK\5\6", 0, 0, len(found), len(found), len(central), at, 0)
    require(len(data) - at >= len(ending) or not found, "archive.truncated", "its table")
    require(data[at:] == ending and bool(found), "archive.damaged", "its table")
    return found


def parse(text: bytes, what: str, *, exact: bool = True) -> Any:
    """JSON of whole numbers, no name twice in an object; `exact`: in the one spelling of RFC 8785."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(items)) == len(items), "json.duplicate-key", what)
        return dict(items)

    def refuse(word: str) -> None:
        raise Failed("json.number", f"{what}: {word[:20]}")

    try:
        value = json.loads(text.decode(), object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse)
        again = canonical(value)
    except RecursionError:
        raise Failed("json.too-deep", what) from None
    except ValueError:
        raise Failed("json.unreadable", what) from None
    require(not exact or again == text, "json.not-canonical", what)
    return value


def canonical(value: Any) -> bytes:
    """RFC 8785 of text under ASCII names and whole numbers: the standard library writes the same."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def exactly(value: Any, *names: str) -> Any:
    require(isinstance(value, dict) and value.keys() == {*names}, "json.shape", f"not exactly {names}")
    return value


def get(value: Any, name: str, kind: type[Any]) -> Any:
    found = value.get(name) if isinstance(value, dict) else None
    require(type(found) is kind, "json.shape", name)
    return found


def count(value: Any, name: str, least: int = 0, most: int = MAX_PX) -> int:
    found: int = get(value, name, int)
    require(least <= found <= most, "json.shape", f"{name}: {found}")
    return found


def hashed(value: Any, name: str) -> str:
    found: str = get(value, name, str)
    require(HASH.fullmatch(found) is not None, "json.shape", name)
    return found


def sha256(data: Bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unbase64(text: str) -> bytes:
    found = base64.b64decode(text, validate=True)
    require(base64.b64encode(found).decode() == text, "json.shape", "base64 in another spelling")
    return found


# --- The log: notes, keys, trees ---

ED25519, COSIGNATURE = 1, 4  # key types of C2SP signed-note and tlog-cosignature


class Key:
    """A public key as notes name it, `name+id+base64 of type and key`, trusted from a size on."""

    def __init__(self, line: str, since: int = 0) -> None:
        self.line, self.since = line.strip(), since
        try:
            self.name, claimed, encoded = self.line.split("+", 2)
            raw = unbase64(encoded)
            self.type, self.public = raw[0], Ed25519PublicKey.from_public_bytes(raw[1:])
        except (ValueError, IndexError):
            raise Failed("key.unreadable", line[:80]) from None
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        require(self.id.hex() == claimed and self.type in (ED25519, COSIGNATURE), "key.unreadable", line[:80])


@dataclass(frozen=True)
class Note:
    """A signed text (C2SP signed-note), and what it says if it is a head of a log (tlog-checkpoint)."""

    text: str
    signatures: Sequence[tuple[str, bytes]]
    origin: str = ""
    size: int = 0
    root: bytes = b""
    extensions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def split(cls, note: str) -> "Note":
        text, empty, below = note.rpartition("\n\n")
        lines = [line.split(" ") for line in below.removesuffix("\n").split("\n")]
        require(all(len(line) == 3 and line[0] == "\u2014" for line in lines), "note.unreadable")
        require(bool(empty) and below.endswith("\n"), "note.unreadable")
        return cls(text + "\n", [(name, unbase64(signature)) for _, name, signature in lines])

    @classmethod
    def read(cls, note: str) -> "Note":
        found = cls.split(note)
        origin, size, root, *more = (
            found.text.removesuffix("\n") + "\n" * (3 - found.text.count("\n"))
        ).split("\n")
        whole = re.fullmatch("0|[1-9][0-9]{0,15}", size) is not None and all(" " in line for line in more)
        extensions = dict(line.split(" ", 1) for line in more) if whole else {}
        require(whole and len(extensions) == len(more) and len(unbase64(root)) == 32, "note.unreadable")
        return cls(found.text, found.signatures, origin, int(size), unbase64(root), extensions)

    def signed_by(self, key: Key) -> bool:
        """Whether it carries the key's signature. Raises: Failed: it carries one, and that is wrong."""
        found = [raw[4:] for name, raw in self.signatures if name == key.name and raw[:4] == key.id]
        for raw in found:
            text = self.text.encode()
            if key.type == COSIGNATURE:
                text = b"cosignature/v1\ntime %d\n%s" % (int.from_bytes(raw[:8], "big"), text)
            try:
                key.public.verify(raw[8:] if key.type == COSIGNATURE else raw, text)
            except InvalidSignature:
                raise Failed("note.signature", f"of `{key.name}`") from None
        return bool(found)


@dataclass
class Trust:
    """trust.json: whom the auditor believes, and what the auditor has seen before."""

    origin: str
    keys: list[Key]
    manifest_keys: list[str]
    witnesses: list[Key]
    quorum: int
    c2pa_roots: str
    stamp_roots: str
    prior: Note | None

    @classmethod
    def read(cls, text: bytes) -> "Trust":
        value = parse(text, "trust.json", exact=False)
        require(get(value, "version", int) == 1, "json.shape", "version")
        keys = [Key(get({"key": line}, "key", str)) for line in get(get(value, "log", dict), "keys", list)]
        value = {"witnesses": [], "manifest_keys": [], "c2pa_roots": "", "timestamp_roots": "", **value}
        witnesses = [Key(get(one, "key", str)) for one in get(value, "witnesses", list)]
        several = len({key.name for key in witnesses})  # one may stand there with more than one key
        note, quorum = value.get("checkpoint"), value.get("quorum", several)
        require(type(quorum) is int and 0 <= quorum <= several, "json.shape", "quorum")
        own = [bytes.fromhex(hashed({"key": key}, "key")).hex() for key in get(value, "manifest_keys", list)]
        roots = get(value, "c2pa_roots", str), get(value, "timestamp_roots", str)
        prior = None if note is None else Note.read(get(value, "checkpoint", str))
        return cls(get(value["log"], "origin", str), keys, own, witnesses, quorum, *roots, prior)

    def knows(self, note: Note) -> bool:
        require(note.origin == self.origin, "note.origin", note.origin)
        return True in [note.signed_by(key) for key in self.keys if note.size >= key.since]  # checks each

    def seen(self) -> Note:
        """The auditor's own checkpoint, which may be signed by a key that only the file's changes lead to."""
        if self.prior is None:
            raise NotChecked("history unproven: trust.json holds no checkpoint that you have seen before")
        if not self.knows(self.prior):
            raise NotChecked("history unproven: your checkpoint is signed by no key that is trusted")
        return self.prior

    def signed(self, note: Note) -> None:
        require(self.knows(note), "note.unknown-key", f"{note.size} entries")

    def witnessed(self, note: Note) -> str:
        found = sorted({key.name for key in self.witnesses if note.signed_by(key)})
        if not self.witnesses:
            raise NotChecked("trust.json names no witness: that there is one log, only the house says")
        require(len(found) >= self.quorum, "witness.missing", f"{len(found)} of {self.quorum}")
        if not found:
            raise NotChecked(
                "none cosigned, nor does trust.json ask for one: only the house says there is one log"
            )
        return ", ".join(found)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def path_of(value: Any) -> list[bytes]:
    found = [unbase64(one) for one in get(value, "hashes", list)]
    require(all(len(one) == 32 for one in found), "json.shape", "hashes")
    return found


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    at, last, made = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for beside in path:
        if at & 1 or at == last:
            made = node(beside, made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made = node(made, beside)
        if last == 0:
            return False
        at, last = at >> 1, last >> 1
    return 0 <= index < size and last == 0 and made == root


def extends(first: int, old_root: bytes, second: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2: whether the tree of `second` leaves begins with that of `first`."""
    if first in (0, second):
        return not path and old_root == (new_root if first else hashlib.sha256(b"").digest())
    beside = [old_root, *path] if first & (first - 1) == 0 else [*path]
    if first > second or not beside:
        return False
    at, last, old, new = first - 1, second - 1, beside[0], beside[0]
    while at & 1:
        at, last = at >> 1, last >> 1
    for one in beside[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node(one, old), node(one, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node(new, one)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def entry(value: Any, head: Note, kind: str) -> dict[str, Any] | None:
    """What an entry says, shown to stand in the log of `head`; None where its words are not disclosed."""
    exactly(value, "index", "leaf", "salt", "payload", "hashes")
    text, index = get(value, "leaf", str), count(value, "index", most=EXACT)
    leaf = parse(text.encode(), "leaf")
    stated = (get(leaf, "v", int), get(leaf, "index", int), get(leaf, "kind", str))
    require(stated == (1, index, kind), "log.leaf", f"entry {index}, {kind}")
    inside = included(text.encode(), index, head.size, path_of(value), head.root)
    require(inside, "log.inclusion", f"entry {index} of {head.size}")
    if value["payload"] is None is value["salt"]:
        return None
    payload, salt = get(value, "payload", str).encode(), bytes.fromhex(hashed(value, "salt"))
    require(sha256(salt + payload) == hashed(leaf, "commitment"), "log.payload", f"entry {index}")
    told = parse(payload, f"words of entry {index}")
    require(
        (told.get("kind"), told.get("at")) == (kind, get(leaf, "at", str)), "log.payload", f"entry {index}"
    )
    return {**get(told, "objects", dict), "at": told["at"]}


# --- The manifest ---


def manifest_sums(m: Any) -> None:
    """Every count of docs/manifest.md adds up, to the pixel."""
    frame, ids, totals = count(m, "height", 1) * count(m, "width", 1), list[Any](), dict[int, int]()
    alone, seams = list[int](), list[int]()  # of each segment
    hows = ("placed", "filled", "blended", "seam")[: 2 + m["version"]]
    for photo in get(m, "placed_photos", list):
        segments = get(photo, "segments", list)
        fed = [[count(one, f"{how}_px") for how in hows] for one in segments]
        used, own = (
            sum(count(one, "area_px", 1) for one in segments),
            count(photo, "height", 1) * count(photo, "width", 1),
        )
        id = get(photo, "photo_id", str)
        hashed(photo, "sha256")
        require(
            count(photo, "canvas_px", 1) == sum(map(sum, fed)), "manifest.sums", f"canvas area of photo {id}"
        )
        share = count(photo, "share_ppm")
        require(used <= own and share == used * 1_000_000 // own, "manifest.sums", f"share of photo {id}")
        alone += [sum(one[:3]) for one in fed]
        seams += [sum(one[3:]) for one in fed]
        ids += [id, *(count(one, "segment_id", most=EXACT) for one in segments)]
    require(len(ids) == len({*ids}), "manifest.sums", "a photo or segment stands twice")
    runs = get(m, "owner_runs", list)
    whole = (
        len(runs) % 2 == 0 and all(type(one) is int for one in runs) and all(one > 0 for one in runs[1::2])
    )
    apart = whole and all(left != right for left, right in itertools.pairwise(runs[::2]))
    require(apart, "manifest.sums", "owner runs are pairs of an owner and a length")
    for owner, length in zip(runs[::2], runs[1::2], strict=True):
        totals[owner] = totals.get(owner, 0) + length
    nobodys, refiner = count(m, "inpainted_px") + count(m, "refiner_px"), get(m, "refiner", dict)
    expected = {-1: nobodys, **dict(enumerate(alone + seams))}
    expected = {owner: px for owner, px in expected.items() if px}
    require(m["version"] == 1 or count(m, "seam_px") == sum(seams), "manifest.sums", "the area of seams")
    require(
        totals == expected and sum(totals.values()) == frame, "manifest.sums", "the areas are not the frame"
    )
    made = count({"made_px": 0, **refiner}, "made_px") if refiner.get("checkpoint") is not None else 0
    require(m["refiner_px"] <= made <= frame, "manifest.sums", "the refiner's pixels")


def manifest_signed(text: bytes, signature: bytes, keys: Sequence[str]) -> None:
    for key in keys:
        with contextlib.suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
                signature, b"bankd manifest 1\n" + text
            )
            return
    raise Failed("manifest.signature")


def another_use(declared: Any, cleared: Any) -> list[str]:
    """In what a declared use, by days in a zone, differs from a cleared one, by instants."""
    told = {name: value for name, value in declared.items() if name not in ("starts_on", "ends_on", "zone")}
    for where in ("targeted", "accessible"):
        told[f"{where}_world"] = "WORLD" in get(told, where, list)
        told[where] = [one for one in told[where] if one != "WORLD"]
    for name, day, later in (("starts_at", "starts_on", 0), ("ends_at", "ends_on", 1)):
        on = date.fromisoformat(get(declared, day, str)) + timedelta(days=later)
        begins = datetime(on.year, on.month, on.day, tzinfo=ZoneInfo(get(declared, "zone", str)))
        told[name] = begins.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return sorted(name for name, value in told.items() if cleared.get(name) != value)


# --- The picture ---


def pixel_sha256(file: Bytes) -> str:
    """SHA-256 of `<height>x<width>`, a newline, and the RGB bytes of a PNG row by row, a few at a time."""
    require(file[:8] == b"\x89PNG\r\n\x1a\n", "png.kind")
    at, kind, parts, header = 8, b"", list[tuple[int, int]](), b""
    while kind != b"IEND":
        require(at + 12 <= len(file), "png.truncated")
        (length,), kind = struct.unpack(">I", file[at : at + 4]), file[at + 4 : at + 8]
        end = at + 8 + length
        require(end + 4 <= len(file), "png.truncated")
        require(zlib.crc32(file[at + 4 : end]).to_bytes(4) == file[end : end + 4], "png.damaged", kind)
        header = file[at + 8 : end] if at == 8 and kind == b"IHDR" else header
        parts += [(at + 8, end)] if kind == b"IDAT" else []
        at = end + 4
    require(at == len(file), "png.damaged", "bytes after its end")
    require(len(header) == 13 and header[8:] == b"\x08\x02\0\0\0", "png.kind")
    width, height = struct.unpack(">II", header[:8])
    require(0 < width * height <= MAX_PX, "png.kind", f"{width} x {height}")
    digest, stride, rows = hashlib.sha256(b"%dx%d\n" % (height, width)), 3 * width + 1, 0
    above, left = bytes(stride - 1), bytearray()
    for piece in inflated(file, parts):
        left += piece
        whole = len(left) // stride
        for start in range(0, whole * stride, stride):
            above = unfiltered(left[start], bytes(left[start + 1 : start + stride]), above)
            digest.update(above)
        del left[: whole * stride]
        rows += whole
        require(rows <= height, "png.damaged", "more rows than it says")
    require(rows == height and not left, "png.truncated", "fewer rows than it says")
    return digest.hexdigest()


def inflated(file: Bytes, parts: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """A megabyte at a time, however much it would come to."""
    unpack, most = zlib.decompressobj(), 1 << 20
    for start, end in parts:
        packed, piece = file[start:end], bytes(most)
        while packed or len(piece) == most:
            piece = unpack.decompress(packed, most)
            packed = unpack.unconsumed_tail
            yield piece
    require(unpack.eof and not unpack.unused_data, "png.truncated", "its pixels")


@functools.cache
def low_bits(length: int) -> int:
    return int.from_bytes(b"\x7f" * length)


def unfiltered(kind: int, row: bytes, above: bytes) -> bytes:
    """A row without its PNG filter: to each byte is added one to the left, above, or of both."""
    if kind == 0:
        return row
    if kind == 2:  # all at once: the low seven bits added, which carry into the eighth alone
        low, a, b = low_bits(len(row)), int.from_bytes(row), int.from_bytes(above)
        return (((a & low) + (b & low)) ^ ((a ^ b) & ~low)).to_bytes(len(row))
    require(kind in (1, 3, 4), "png.damaged", f"filter {kind}")
    made, over = bytearray(3) + row, bytes(3) + above
    for x in range(3, len(made)):
        a, b, c = made[x - 3], over[x], over[x - 3]
        near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2] if kind == 4 else 0
        made[x] = made[x] + (a if kind == 1 else (a + b) // 2 if kind == 3 else near) & 255
    return bytes(made[3:])


# --- An audit file ---


class Audit:
    """An audit file held against what the auditor believes. `check` makes all checks, each in the report."""

    def __init__(self, data: Bytes, trust: Trust, report: Report) -> None:
        self.data, self.trust, self.report = data, trust, report
        self.shown: dict[str, Composite] = {}  # those whose manifests hold
        self.key_notes: set[str] = set()  # members that show changes of the log's key

    def read(self, name: str) -> bytes:
        require(name in self.found, "contents.missing-member", name)
        start, end = self.found[name]
        return self.data[start:end]

    def json(self, name: str, *names: str) -> Any:
        """A member of exactly these names beside its version; of any where none is given."""
        value = parse(self.read(name), name)
        versions = (1, 2) if name.endswith("/manifest.json") else (1,)
        require(get(value, "version", int) in versions, "json.shape", f"{name}: version")
        return exactly(value, "version", *names) if names else value

    def check(self, pictures: Sequence[tuple[str, Bytes]], seen: Sequence[str] = ()) -> None:
        check = self.report.check
        with check("archive") as say:
            self.found = members(self.data)
            say(f"{len(self.data):,} bytes in {len(self.found):,} members, each accounted for")
        if self.report.failed:
            return
        with check("contents") as say:
            ids = self.contents()
            say(f"the members are those of `audit.json`; {len(ids):,} composites")
        with check("log keys") as say:
            say(f"{self.log_keys():,} more by the log's own entries")
        with check("checkpoint") as say:
            self.head = self.note(count(self.table, "checkpoint", most=EXACT))
            shown = {name for name in self.found if name.startswith("checkpoints/")}
            extra = sorted(shown - self.key_notes - {f"checkpoints/{self.head.size}.note"})
            require(not extra, "contents.extra-member", extra[:1])
            say(f"`{self.head.origin}`, {self.head.size:,} entries, root {self.head.root.hex()}")
        if self.report.failed:
            return
        with check("manifest keys") as say:
            say(f"{self.manifest_keys():,} more by the log's own entries")
        with check("witnesses") as say:
            say(f"cosigned by {self.trust.witnessed(self.head)}")
        with check("history") as say:
            say(self.leads_on(self.trust.seen()))
        for text in seen:
            with check("seen") as say:
                self.trust.signed(other := Note.read(text))
                say(self.leads_on(other))
        for id in ids:
            self.composite(id)
        for name, data in pictures:
            with check("picture", name) as say:
                say(self.picture(data))
        log = {"origin": self.head.origin, "size": self.head.size, "root": self.head.root.hex()}
        manifests = {id: {"manifest": one.sha256, "pixels": one.pixels} for id, one in self.shown.items()}
        self.report.claims = {"log": log, "manifests": manifests}

    def contents(self) -> list[str]:
        self.table = self.json("audit.json", "asked", "checkpoint", "composites", "members", "withheld")
        listed: dict[str, Any] = get(self.table, "members", dict)
        for name, member in listed.items():
            stated = (hashed(member, "sha256"), count(member, "size", most=MAX_BYTES))
            require(stated == (sha256(content := self.read(name)), len(content)), "contents.digest", name)
        extra = sorted(self.found.keys() - listed.keys() - {"audit.json"})
        require(not extra, "contents.extra-member", extra[:1])
        ids = sorted({name.split("/")[1] for name in listed if name.startswith("composites/")})
        for name in sorted(listed):  # what nobody checks, somebody might believe
            known = MEMBER.fullmatch(name)
            require(known is not None and known["picture"] in (None, *ids), "contents.extra-member", name)
        require(get(self.table, "composites", list) == ids, "json.shape", "composites")
        return ids

    def note(self, size: int) -> Note:
        note = Note.read(self.read(f"checkpoints/{size}.note").decode())
        require(note.size == size, "note.size", size)
        self.trust.signed(note)
        return note

    def log_keys(self) -> int:
        """Trust each new key whose entry stands under a checkpoint signed by one trusted until then."""
        keys, before = self.trust.keys, len(self.trust.keys)
        for one in get(self.json("keys.json", "log", "manifest"), "log", list):
            size = count(exactly(one, "checkpoint", "entry"), "checkpoint", most=EXACT)
            self.key_notes.add(f"checkpoints/{size}.note")
            note = Note.read(self.read(f"checkpoints/{size}.note").decode())
            if self.trust.knows(note):
                words = entry(one["entry"], note, "log.key-rotated") or {}
                after, known = Key(get(words, "after", str), note.size), {key.line for key in keys}
                if get(words, "before", str) in known and after.line not in known:
                    require(after.name == self.trust.origin, "key.another", after.line)
                    keys.append(after)
        return len(keys) - before

    def manifest_keys(self) -> int:
        keys, before = self.trust.manifest_keys, len(self.trust.manifest_keys)
        for one in get(self.json("keys.json"), "manifest", list):
            words = entry(exactly(one, "entry")["entry"], self.head, "manifest.key-rotated") or {}
            if get(words, "before", str) in keys and hashed(words, "after") not in keys:
                keys.append(words["after"])
        return len(keys) - before

    def goes_on(self, size: int, root: bytes) -> None:
        inner = 0 < size < self.head.size
        path = path_of(self.json(f"consistency/{size}-{self.head.size}.json", "hashes")) if inner else []
        require(
            extends(size, root, self.head.size, self.head.root, path), "log.consistency", f"{size} entries"
        )

    def leads_on(self, prior: Note) -> str:
        """From a checkpoint of the same log that the auditor has from elsewhere."""
        inner = 0 < prior.size < self.head.size
        if prior.size > self.head.size or (
            inner and f"consistency/{prior.size}-{self.head.size}.json" not in self.found
        ):
            raise NotChecked(
                f"history unproven: nothing leads on from your checkpoint of {prior.size} entries"
            )
        self.goes_on(prior.size, prior.root)
        require(
            prior.size < self.head.size or prior.text == self.head.text,
            "log.two-views",
            f"{prior.size} entries",
        )
        return f"the log goes on from your checkpoint of {prior.size:,} entries"

    def composite(self, id: str) -> None:
        report, about, before = self.report, f"composite {id}", len(self.report.lines)
        with report.check("manifest", about) as say:
            one = Composite.read(self, id)
            say("its areas add up to the frame")
        with report.check("manifest signature", about):
            signature = bytes.fromhex(self.read(f"composites/{id}/manifest.sig").decode().strip())
            manifest_signed(self.read(f"composites/{id}/manifest.json"), signature, self.trust.manifest_keys)
        if FAILED in {line.outcome for line in report.lines[before:]}:
            return
        self.shown[id] = one
        parts: Sequence[tuple[str, Callable[[Composite], str]]] = (
            ("seal", self.seal),
            ("clearance", self.clearance),
            ("made on", self.made_on),
            ("disclosures", self.disclosures),
            ("clearance replay", lambda one: str(beside("optional").replay(self, one))),
            ("picture", lambda one: self.picture(self.png(one), only=id)),
            ("content credentials", self.credentials),
            ("handouts", self.handouts),
        )
        for name, part in parts:
            with report.check(name, about) as say:
                say(part(one))
        stamps = re.compile(f"composites/{id}/stamp-([0-9a-f]+)-[0-9]+.tsr")
        for name in filter(stamps.fullmatch, self.found):
            with report.check("time stamp", about) as say:
                say(self.time_stamp(one, name, stamps.sub(r"\1", name)))
        one.text, one.manifest, one.proof = b"", None, None  # there may be ten thousand of them

    def seal(self, one: "Composite") -> str:
        words = entry(one.proof["seal"], self.head, "composite.sealed")
        if words is None:
            raise NotChecked("its entry stands in the log; the words of the entry were erased")
        m = one.manifest
        named: dict[str, Any] = {
            "composite": one.id,
            "manifest_sha256": one.sha256,
            "pixel_sha256": one.pixels,
            "request": m["request_id"],
            "variation": m["variation"],
            "grants": sorted({*one.grants.values()}),
            "layout_photo": one.layout[0],
            "layout_grant": one.layout[1],
        }
        other = [name for name, value in named.items() if words.get(name) != value]
        require(not other, "seal.another", f"entry {one.sealed}: {other}")
        one.file_sha256 = hashed(words, "file_sha256")
        return "its entry stands in the log, and names it"

    def clearance(self, one: "Composite") -> str:
        words, index = (
            entry(one.proof["clearance"], self.head, "request.cleared"),
            one.proof["clearance"]["index"],
        )
        same = one.manifest["clearance_log_index"] == index < one.sealed
        if words is not None:
            relied = get(words, "relied", dict)
            same = (
                same
                and words.get("request") == one.manifest["request_id"]
                and one.grants.items() <= relied.items()
                and (words.get("layout_photo"), words.get("layout_grant")) in ((None, None), one.layout)
            )
        require(same, "clearance.another", f"entry {index}")
        return "its entry stands in the log" + (
            ", and names its photos" if words else "; its words are not disclosed"
        )

    def made_on(self, one: "Composite") -> str:
        on = get(one.manifest, "log_checkpoint", dict)
        self.goes_on(count(on, "size", most=EXACT), bytes.fromhex(hashed(on, "root")))
        require(on["size"] <= one.sealed, "seal.another", f"entry {one.sealed}")
        return "the log goes on from the state that its manifest names"

    def disclosures(self, one: "Composite") -> str:
        if f"composites/{one.id}/disclosures.json" not in self.found:
            raise NotChecked("the words behind the manifest's hashes are not disclosed")
        words = get(self.json(f"composites/{one.id}/disclosures.json", "words"), "words", dict)
        exactly(words, *get(one.manifest, "commitments", dict))
        for name, fixed in one.manifest["commitments"].items():
            require(sha256(canonical(get(words, name, dict))) == fixed, "disclosure.another", name)
        said = "declared use, license and credits are those that the manifest fixed"
        cleared = entry(one.proof["clearance"], self.head, "request.cleared")
        if cleared is None:
            raise NotChecked(f"{said}; whether the use is the one that was cleared, is not disclosed")
        other = another_use(get(words["declared_use"], "value", dict), get(cleared, "use", dict))
        require(not other, "clearance.another", f"the use: {other}")
        return f"{said}, and the use is the one that was cleared"

    def png(self, one: "Composite") -> bytes:
        if f"files/{one.id}.png" not in self.found:
            withheld = one.id in get(self.table, "withheld", list)
            why = "was withheld: a photo in it may not be looked at" if withheld else "is not in the file"
            raise NotChecked(f"its picture {why}; check yours with --file")
        return self.read(f"files/{one.id}.png")

    def handouts(self, one: "Composite") -> str:
        name = f"composites/{one.id}/handouts.json"
        if name not in self.found:
            raise NotChecked("handouts are not disclosed, and so no copy can be told by its bytes")
        erased = 0
        for listed in get(self.json(name, "entries"), "entries", list):
            words = entry(listed, self.head, "composite.handed-out") or {}
            erased += not words
            same = words.get("composite") == one.id and listed["index"] > one.sealed
            require(same or not words, "handout.another", f"entry {listed['index']}")
            if words:
                comp = "comp" if get(words, "comp", bool) else "copy"
                told = f"{comp} ({get(words, 'format', str)}) of handout {get(words, 'handout', str)}"
                one.copies[hashed(words, "file_sha256")] = told
        one.copies.pop(one.file_sha256 or "", None)
        one.told = not erased
        if erased:
            raise NotChecked(f"the words of {erased:,} were erased: what was given, nothing shows")
        return "their entries stand in the log, and name it"

    def time_stamp(self, one: "Composite", name: str, file_sha256: str) -> str:
        """By an authority that saw the file; of the composite or of a copy, as the log has their bytes."""
        told = one.copies.get(file_sha256, "the composite" if file_sha256 == one.file_sha256 else "")
        if not told:
            raise NotChecked("it is of a file that nothing here shows to be the composite or a copy of it")
        return f"{told}: {beside('stamps').check(self.read(name), file_sha256, self.trust.stamp_roots)}"

    def credentials(self, one: "Composite") -> str:
        return str(beside("optional").credentials(self.png(one), one.text, self.trust.c2pa_roots))

    def picture(self, data: Bytes, only: str | None = None) -> str:
        """Which composite it is, to the byte."""
        file, those = sha256(data), list(self.shown.values()) if only is None else [self.shown[only]]
        for one in those if only is None else ():
            if file in one.copies:
                return f"it is the {one.copies[file]}, of composite {one.id}, byte for byte"
        if data[:3] == b"\xff\xd8\xff" or data[:4] in (b"RIFF", b"II*\0", b"MM\0*"):
            require(not all(one.told for one in those), "rendition.unknown")
            raise NotChecked("it is a rendition in another format, whose content credentials name its master")
        pixels = pixel_sha256(data)
        alike = [one for one in those if one.pixels == pixels]
        for one in alike:
            if one.file_sha256 == file:
                return f"it is composite {one.id}, byte for byte"
        for one in alike:
            if one.file_sha256 is None:
                raise NotChecked(
                    f"its pixels are those of composite {one.id}; nothing shows whether its bytes are"
                )
        require(not alike, "file.changed", [one.id for one in alike])
        own = (self.read(f"composites/{one.id}/manifest.json") for one in those)
        carried = [one.id for one, text in zip(those, own, strict=True) if only or data.find(text) >= 0]
        raise Failed("pixels.changed", f"composite {carried[0]}") if carried else Failed("pixels.unknown")


@dataclass
class Composite:
    """What an audit file says of one composite; `file_sha256` once its entry in the log has shown it."""

    id: str
    text: bytes
    sha256: str  # of its manifest's text
    pixels: str  # SHA-256, as its manifest says
    manifest: Any
    grants: dict[str, str]  # by photo
    layout: tuple[str | None, str | None]  # the photo whose arrangement it has, and the grant for that
    proof: Any
    sealed: int
    file_sha256: str | None = None
    copies: dict[str, str] = field(default_factory=dict)  # what was handed out in its place, by SHA-256
    told: bool = False  # whether these are all that are listed

    @classmethod
    def read(cls, audit: Audit, id: str) -> "Composite":
        manifest = audit.json(f"composites/{id}/manifest.json")
        proof = audit.json(f"composites/{id}/proof.json", "seal", "clearance")
        require(get(manifest, "composite_id", str) == id, "manifest.swapped")
        manifest_sums(manifest)
        grants = {photo["photo_id"]: get(photo, "grant_id", str) for photo in manifest["placed_photos"]}
        sealed = count(get(proof, "seal", dict), "index", most=EXACT)
        count(get(proof, "clearance", dict), "index", most=EXACT)
        text, pixels = audit.read(f"composites/{id}/manifest.json"), hashed(manifest, "pixel_sha256")
        photo = manifest.get("layout_photo")
        layout = (None, None) if photo is None else (get(photo, "photo_id", str), get(photo, "grant_id", str))
        return cls(id, text, sha256(text), pixels, manifest, grants, layout, proof, sealed)


# --- The command ---


def beside(name: str) -> Any:
    """The module `bankd_verify_<name>` that lies beside this one. Raises: NotChecked: it does not."""
    path = Path(__file__).with_name(f"bankd_verify_{name}.py")
    if path.stem not in sys.modules:
        if not path.exists():
            raise NotChecked(f"`{path.name}` is not there")
        sys.modules.setdefault("bankd_verify", sys.modules[__name__])
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[path.stem] = module
    return sys.modules[path.stem]


def verify(
    data: Bytes, trust: Trust, *, pictures: Sequence[tuple[str, Bytes]] = (), seen: Sequence[str] = ()
) -> Report:
    """Check an audit file, or a usage proof, which begins as JSON does. `trust` gains what the log adds."""
    report = Report()
    if data[:1] != b"{":
        Audit(data, trust, report).check(pictures, seen)
        return report
    with report.check("usage proof"):
        beside("usage").check(parse(data[:], "usage proof"), trust, report, seen)
    for name, _ in pictures:
        with report.check("picture", name):
            raise NotChecked("a usage proof holds no picture; look for it in an audit file")
    return report


def printed(report: Report) -> Iterator[str]:
    """A line for each check: what is said alike of many composites is said once, what failed each time."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in report.lines:
        groups.setdefault(
            (line.outcome, line.name, line.says, line.about * (line.outcome == FAILED)), []
        ).append(line)
    for lines in groups.values():
        many = "composites" if lines[0].about.startswith("composite ") else "times"
        about = f"{len(lines):,} {many}" if len(lines) > 1 else lines[0].about
        told = f"{lines[0].outcome:<12} {lines[0].name:<20} {about}{': ' if about else ''}{lines[0].says}"
        yield "".join(c if c.isprintable() else ascii(c)[1:-1] for c in told)  # no file moves the cursor
    verdicts = {0: "every check passed", 1: "FAILED", 3: "nothing failed, and not everything was checked"}
    yield f"verdict: {verdicts[report.status]}"


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[Bytes]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("audit", type=Path, help="an audit file, or a usage proof")
    parser.add_argument("--trust", type=Path, required=True, help="trust.json: whom you believe")
    parser.add_argument("--file", type=Path, action="append", default=[], help="a picture to look for in it")
    parser.add_argument(
        "--seen", type=Path, action="append", default=[], help="a checkpoint got from elsewhere"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            trust = Trust.read(asked.trust.read_bytes())
            seen = [path.read_text() for path in asked.seen]
            data, *pictures = [stack.enter_context(mapped(path)) for path in (asked.audit, *asked.file)]
        except (OSError, Failed, ValueError, TypeError, LookupError, AttributeError) as error:
            print(f"error: {ascii(str(error))[1:-1]}", file=sys.stderr)
            return 2
        named = [(path.name, picture) for path, picture in zip(asked.file, pictures, strict=True)]
        report = verify(data, trust, pictures=named, seen=seen)
    if asked.json:
        lines = [asdict(line) for line in report.lines]
        print(json.dumps({"status": report.status, "checks": lines, "claims": report.claims}, indent=1))
    else:
        print("\n".join(printed(report)))
    return report.status


if __name__ == "__main__":
    sys.exit(main())
