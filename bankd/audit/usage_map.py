"""Which licensor had how many uses, as a sparse Merkle tree whose root stands in checkpoints; pure.

docs/usage-proof.md specifies all that is hashed here.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from bankd.audit.errors import NoteInvalid

DEPTH = 256
EMPTY = bytes(32)
"""The root of a subtree without leaves, the head of a chain without links, the leaf of who has none."""

TAIL = 40
"""The depth down to which a map is hashed as a whole: below it hardly any two keys go the same way, so what
is there of a key alone (its tail) can be kept from one map to the next."""

_RIGHT = b"\x01" + EMPTY

LINE = "org.bankd.usage-map/v1"


def key_of(licensor_id: UUID) -> bytes:
    return hashlib.sha256(f"bankd usage map 1\n{licensor_id}".encode()).digest()


def leaf_hash(key: bytes, count: int, head: bytes) -> bytes:
    if not count:
        return EMPTY
    return hashlib.sha256(b"\x00" + key + count.to_bytes(8, "big") + head).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    if left == EMPTY == right:
        return EMPTY
    return hashlib.sha256(b"\x01" + left + right).digest()


def chained(head: bytes, link: bytes) -> bytes:
    """The head of a chain with one link more."""
    return hashlib.sha256(b"\x02" + head + link).digest()


def link_hash(salt: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(b"\x03" + salt + payload).digest()


def link_salt(entry_salt: bytes, licensor_id: UUID) -> bytes:
    """Follows from the log entry's, so that links can be made again, and is gone when that is erased."""
    return hashlib.sha256(b"\x04" + entry_salt + str(licensor_id).encode()).digest()


def line(root: bytes) -> str:
    """The extension line of a checkpoint."""
    return f"{LINE} {base64.b64encode(root).decode()}"


def root_in(extensions: Iterable[str]) -> bytes | None:
    """The map's root in a checkpoint's extension lines; None: it is from before there was a map.

    Raises:
        NoteInvalid: there are two, or it is not a root.
    """
    found = [one for one in extensions if one == LINE or one.startswith(f"{LINE} ")]
    if not found:
        return None
    try:
        (only,) = found
        root = base64.b64decode(only.removeprefix(f"{LINE} "), validate=True)
    except (ValueError, binascii.Error) as error:
        raise NoteInvalid("its usage map cannot be read") from error
    if line(root) != only or len(root) != 32:
        raise NoteInvalid("its usage map cannot be read")
    return root


@dataclass(frozen=True)
class Path:
    """What stands beside the way from the root to a key: bit d of `bitmap` says whether at depth d + 1
    there is anything, and `hashes` are those, from the root down.
    """

    bitmap: bytes
    hashes: tuple[bytes, ...]


def root_by(key: bytes, leaf: bytes, path: Path) -> bytes | None:
    """The root that the path leads to from a leaf (`EMPTY`: nothing has this key); None if it is no path."""
    listed = sum(one.bit_count() for one in path.bitmap)
    if len(path.bitmap) != 32 or len(path.hashes) != listed or EMPTY in path.hashes:
        return None
    if any(len(one) != 32 for one in path.hashes):
        return None
    node, left = leaf, len(path.hashes)
    for depth in range(DEPTH - 1, -1, -1):
        beside = EMPTY
        if _bit(path.bitmap, depth):
            left -= 1
            beside = path.hashes[left]
        node = node_hash(beside, node) if _bit(key, depth) else node_hash(node, beside)
    return node


class SparseMap:
    """A map of 256-bit keys to leaf hashes, all of it in memory; only what changed is hashed again."""

    def __init__(self) -> None:
        self._top: _Branch | _Leaf | None = None

    def put(self, key: bytes, leaf: bytes, *, tail: bytes | None = None) -> None:
        """`EMPTY` takes the key out. `tail`: as `tail` told it of this key and leaf, where that is known."""
        above: list[_Branch] = []
        at = self._top
        while isinstance(at, _Branch):
            above.append(at)
            at = at.sides[_bit(key, len(above) - 1)]
        new: _Branch | _Leaf | None
        if at is None or at.key == key:
            new = _Leaf(key, leaf, tail) if leaf != EMPTY else None
        elif leaf == EMPTY:
            return
        else:
            new = _part(at, _Leaf(key, leaf, tail), len(above))
        if above:
            above[-1].sides[_bit(key, len(above) - 1)] = new
        else:
            self._top = new
        for branch in above:
            branch.hash = None

    def root(self) -> bytes:
        return _hash(self._top, 0)

    def tail(self, key: bytes) -> bytes | None:
        """The root of the subtree at `TAIL` with this key alone; None if it is not alone, or not hashed."""
        at, depth = self._top, 0
        while isinstance(at, _Branch):
            at, depth = at.sides[_bit(key, depth)], depth + 1
        return at.tail if at is not None and at.key == key else None

    def path(self, key: bytes) -> Path:
        """The way to a key, whether it is there or not."""
        beside: list[bytes] = []
        at = self._top
        while isinstance(at, _Branch):
            side = _bit(key, len(beside))
            beside.append(_hash(at.sides[1 - side], len(beside) + 1))
            at = at.sides[side]
        if at is not None and at.key != key:
            while _bit(key, len(beside)) == _bit(at.key, len(beside)):
                beside.append(EMPTY)
            beside.append(_climb(at, len(beside) + 1))
        bitmap = bytearray(32)
        for depth, node in enumerate(beside):
            if node != EMPTY:
                bitmap[depth >> 3] |= 0x80 >> (depth & 7)
        return Path(bytes(bitmap), tuple(node for node in beside if node != EMPTY))


class _Leaf:
    """Stands at the first depth where no other key goes its way."""

    __slots__ = ("hash", "key", "leaf", "tail")

    def __init__(self, key: bytes, leaf: bytes, tail: bytes | None) -> None:
        self.key, self.leaf, self.tail = key, leaf, tail
        self.hash: bytes | None = None  # at the depth where it stands


class _Branch:
    __slots__ = ("hash", "sides")

    def __init__(self) -> None:
        self.sides: list[_Branch | _Leaf | None] = [None, None]
        self.hash: bytes | None = None


def _part(one: _Leaf, other: _Leaf, depth: int) -> _Branch:
    """Two leaves of different keys that go the same way down to `depth`."""
    one.hash = None
    top = at = _Branch()
    while (side := _bit(one.key, depth)) == _bit(other.key, depth):
        below = _Branch()
        at.sides[side] = below
        at, depth = below, depth + 1
    at.sides[side], at.sides[1 - side] = one, other
    return top


def _hash(node: _Branch | _Leaf | None, depth: int) -> bytes:
    if node is None:
        return EMPTY
    if node.hash is None:
        if isinstance(node, _Leaf):
            node.hash = _climb(node, depth)
        else:
            node.hash = node_hash(*(_hash(side, depth + 1) for side in node.sides))
    return node.hash


def _climb(leaf: _Leaf, depth: int) -> bytes:
    """The root of the subtree at `depth` in which the leaf is alone."""
    ways = int.from_bytes(leaf.key, "big")
    if depth > TAIL:
        return _up(leaf.leaf, ways, DEPTH - depth)
    if leaf.tail is None:
        leaf.tail = _up(leaf.leaf, ways, DEPTH - TAIL)
    return _up(leaf.tail, ways >> (DEPTH - TAIL), TAIL - depth)


def _up(node: bytes, ways: int, steps: int) -> bytes:
    """So many steps towards the root, with nothing beside; the lowest bit of `ways` says which side it is on.

    As `node_hash` does, written out: it is most of what a map costs.
    """
    sha256 = hashlib.sha256
    for _ in range(steps):
        node = sha256(_RIGHT + node if ways & 1 else b"\x01" + node + EMPTY).digest()
        ways >>= 1
    return node


def _bit(bits: Sequence[int], depth: int) -> int:
    return bits[depth >> 3] >> (7 - (depth & 7)) & 1
