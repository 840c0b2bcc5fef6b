"""The sparse map against its definition written out, and every way to lie about a key."""

import hashlib
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bankd.audit import usage_map
from bankd.audit.errors import NoteInvalid
from bankd.audit.usage_map import EMPTY, Path, SparseMap, root_by

# Keys that share long beginnings, and keys that do not.
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 255).map(lambda bit: (1 << bit).to_bytes(32, "big")),
    st.integers(0, 40).map(lambda low: bytes([0xAB] * 31 + [low])),
)
LEAVES = st.binary(min_size=32, max_size=32).filter(any)
WRITES = st.lists(st.tuples(KEYS, st.one_of(LEAVES, st.just(EMPTY))), max_size=12)


def plainly(leaves: dict[bytes, bytes], depth: int = 0) -> bytes:
    """docs/usage-proof.md, word for word: every node of the tree, none left out but empty subtrees."""
    if not leaves:
        return bytes(32)
    if depth == 256:
        (leaf,) = leaves.values()
        return leaf
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for key, leaf in leaves.items():
        sides[int.from_bytes(key, "big") >> (255 - depth) & 1][key] = leaf
    left, right = (plainly(side, depth + 1) for side in sides)
    return hashlib.sha256(b"\x01" + left + right).digest()


@settings(max_examples=60)
@given(WRITES, st.lists(KEYS, max_size=4))
@example([(bytes(32), b"\1" * 32), (bytes(31) + b"\1", b"\2" * 32)], [b"\xff" * 32])
def test_the_map_is_its_definition_and_shows_what_is_in_it_and_what_is_not(
    writes: list[tuple[bytes, bytes]], others: list[bytes]
) -> None:
    grown, leaves = SparseMap(), {}
    for key, leaf in writes:
        grown.put(key, leaf)
        leaves[key] = leaf
        grown.root()
    leaves = {key: leaf for key, leaf in leaves.items() if leaf != EMPTY}
    at_once = SparseMap()
    for key in sorted(leaves):
        at_once.put(key, leaves[key])

    root = plainly(leaves)
    assert grown.root() == at_once.root() == root
    for key in {*leaves, *others}:
        leaf = leaves.get(key, EMPTY)
        path = grown.path(key)
        assert path == at_once.path(key)
        assert root_by(key, leaf, path) == root
        if leaf == EMPTY:
            assert root_by(key, b"\7" * 32, path) != root
        else:
            assert root_by(key, EMPTY, path) != root
    with_tails = SparseMap()
    for key in leaves:
        with_tails.put(key, leaves[key], tail=at_once.tail(key))
    assert with_tails.root() == root
    assert all(with_tails.path(key) == at_once.path(key) for key in {*leaves, *others})


@given(st.sets(KEYS, min_size=2, max_size=8), st.data())
@settings(max_examples=40)
def test_a_path_that_was_changed_leads_elsewhere(keys: set[bytes], data: st.DataObject) -> None:
    made = SparseMap()
    leaves = {key: hashlib.sha256(key).digest() for key in keys}
    for key, leaf in leaves.items():
        made.put(key, leaf)
    root = made.root()
    key = data.draw(st.sampled_from(sorted(keys)))
    path = made.path(key)
    bit = data.draw(st.integers(0, 255))
    flipped = bytearray(path.bitmap)
    flipped[bit // 8] ^= 0x80 >> bit % 8
    wrong = [
        Path(bytes(flipped), path.hashes),
        Path(path.bitmap, path.hashes[:-1]),
        Path(path.bitmap, (*path.hashes, path.hashes[0])),
        Path(path.bitmap, (EMPTY, *path.hashes[1:])),
        Path(path.bitmap, (path.hashes[0][:31], *path.hashes[1:])),
        Path(path.bitmap[:31], path.hashes),
        Path(path.bitmap + b"\0", path.hashes),
        Path(bytes(flipped), tuple([*path.hashes, EMPTY][: sum(b.bit_count() for b in flipped)])),
    ]
    # A bit moved to where nothing stands: as many hashes, at other depths.
    for one, other in pairwise(range(256)):
        if path.bitmap[one // 8] & 0x80 >> one % 8 and not path.bitmap[other // 8] & 0x80 >> other % 8:
            moved = bytearray(path.bitmap)
            moved[one // 8] ^= 0x80 >> one % 8
            moved[other // 8] ^= 0x80 >> other % 8
            wrong.append(Path(bytes(moved), path.hashes))
            break
    for bad in wrong:
        assert root_by(key, leaves[key], bad) != root
    for other in keys - {key}:
        assert root_by(other, leaves[other], path) != root


def test_an_empty_map_has_the_empty_root_and_shows_that_nobody_is_in_it() -> None:
    path = SparseMap().path(b"\3" * 32)
    assert SparseMap().root() == EMPTY
    assert path == Path(bytes(32), ())
    assert root_by(b"\3" * 32, EMPTY, path) == EMPTY


def test_a_tail_is_of_a_key_that_is_alone_there_and_a_wrong_one_makes_another_root() -> None:
    near, far = bytes(4) + b"\0" + bytes(27), bytes(4) + b"\1" + bytes(27)  # they part at depth 39
    nearer = bytes(5) + b"\x80" + bytes(26)  # and from the first at depth 40
    leaf = b"\5" * 32
    shown = SparseMap()
    for key in (near, far):
        shown.put(key, leaf)
    assert shown.tail(near) is None  # nothing was hashed yet
    root = shown.root()
    tail = shown.tail(near)
    assert tail is not None and shown.tail(nearer) is None

    again = SparseMap()
    again.put(far, leaf)
    again.put(near, leaf, tail=bytes([tail[0] ^ 1]) + tail[1:])
    assert again.root() != root
    again.put(near, leaf, tail=tail)
    assert again.root() == root
    again.put(nearer, leaf)
    again.root()
    assert again.tail(nearer) is None  # two keys go on below it
    assert again.path(near).hashes == map_of(near, far, nearer).path(near).hashes


def map_of(*keys: bytes) -> SparseMap:
    made = SparseMap()
    for key in keys:
        made.put(key, b"\5" * 32)
    return made


def test_one_licensor_by_hand() -> None:
    """What somebody who writes the check anew can hold his own against."""
    licensor = UUID("6b1f0b5e-4c1e-4a53-9d57-0f2a4c0c8d11")
    key = hashlib.sha256(b"bankd usage map 1\n6b1f0b5e-4c1e-4a53-9d57-0f2a4c0c8d11").digest()
    payload = b'{"v":1}'
    link = hashlib.sha256(b"\x03" + bytes(range(32)) + payload).digest()
    head = hashlib.sha256(b"\x02" + bytes(32) + link).digest()
    leaf = hashlib.sha256(b"\x00" + key + bytes(7) + b"\x01" + head).digest()
    node = leaf
    for depth in range(255, -1, -1):
        right = key[depth // 8] >> (7 - depth % 8) & 1
        node = hashlib.sha256(b"\x01" + (bytes(32) + node if right else node + bytes(32))).digest()

    assert usage_map.key_of(licensor) == key
    assert usage_map.link_hash(bytes(range(32)), payload) == link
    assert usage_map.chained(EMPTY, link) == head
    assert usage_map.leaf_hash(key, 1, head) == leaf
    made = SparseMap()
    made.put(key, leaf)
    assert made.root() == node
    assert made.path(key) == Path(bytes(32), ())


def test_a_checkpoint_carries_one_map_or_none() -> None:
    one = usage_map.line(b"\5" * 32)
    assert one == "org.bankd.usage-map/v1 BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU="
    assert usage_map.root_in(()) is None
    assert usage_map.root_in(("org.other/v1 x", "org.bankd.usage-map/v10 x")) is None
    assert usage_map.root_in(("org.other/v1 x", one)) == b"\5" * 32
    bare = "org.bankd.usage-map/v1"
    for bad in (
        (one, one),
        (bare,),
        (f"{bare} ",),
        (f"{bare} BQU=",),
        (f"{one} ",),
        (one[:-1],),
        (f"{bare} !",),
    ):
        with pytest.raises(NoteInvalid, match="usage map cannot be read"):
            usage_map.root_in(bad)
