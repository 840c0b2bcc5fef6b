"""Against the vectors of Certificate Transparency, and RFC 6962's recursive definitions written out."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.audit import merkle
from bankd.audit.merkle import Frontier

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert Frontier(HASHES[:size]).root().hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ],
)
def test_inclusion_proofs_are_those_of_certificate_transparency(
    index: int, size: int, proof: list[str]
) -> None:
    assert [node.hex() for node in merkle.inclusion_proof(HASHES[:size], index)] == proof


@pytest.mark.parametrize(
    ("first", "second", "proof"),
    [
        (1, 1, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_consistency_proofs_are_those_of_certificate_transparency(
    first: int, second: int, proof: list[str]
) -> None:
    assert [node.hex() for node in merkle.consistency_proof(HASHES[:second], first)] == proof


def split(size: int) -> int:
    return max(2**power for power in range(20) if 2**power < size)


def mth(d: list[bytes]) -> bytes:
    if not d:
        return hashlib.sha256(b"").digest()
    if len(d) == 1:
        return d[0]
    k = split(len(d))
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


trees = st.integers(1, 130).map(lambda size: [merkle.leaf_hash(b"%d" % number) for number in range(size)])


@given(trees, st.data())
def test_an_inclusion_proof_shows_its_leaf_and_no_other(tree: list[bytes], data: st.DataObject) -> None:
    size = len(tree)
    index = data.draw(st.integers(0, size - 1))
    root = Frontier(tree).root()
    proof = merkle.inclusion_proof(tree, index)

    assert root == mth(tree)
    assert proof == path(index, tree)
    assert merkle.includes(tree[index], index=index, size=size, proof=proof, root=root)

    other = data.draw(st.integers(0, size))
    if other != index:
        assert not merkle.includes(tree[index], index=other, size=size, proof=proof, root=root)
    assert not merkle.includes(merkle.leaf_hash(b"x"), index=index, size=size, proof=proof, root=root)
    assert not merkle.includes(tree[index], index=index, size=size, proof=[*proof, root], root=root)
    assert not merkle.includes(tree[index], index=index, size=size, proof=proof, root=bytes(32))
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:at], bytes(32), *proof[at + 1 :]]
        assert not merkle.includes(tree[index], index=index, size=size, proof=forged, root=root)
        assert not merkle.includes(tree[index], index=index, size=size, proof=proof[:-1], root=root)


@given(trees, st.data())
def test_a_consistency_proof_shows_the_beginning_and_nothing_rewritten(
    tree: list[bytes], data: st.DataObject
) -> None:
    second = len(tree)
    first = data.draw(st.integers(1, second))
    old, new = Frontier(tree[:first]).root(), Frontier(tree).root()
    proof = merkle.consistency_proof(tree, first)

    assert proof == subproof(first, tree, True)
    assert merkle.extends(first, old, second, new, proof=proof)

    rewritten = data.draw(st.integers(0, first - 1))
    other = Frontier([*tree[:rewritten], merkle.leaf_hash(b"x"), *tree[rewritten + 1 :]]).root()
    assert not merkle.extends(first, old, second, other, proof=proof)
    assert not merkle.extends(first, bytes(32), second, new, proof=proof)
    assert not merkle.extends(first, old, second, new, proof=[*proof, bytes(32)])
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:at], bytes(32), *proof[at + 1 :]]
        assert not merkle.extends(first, old, second, new, proof=forged)


def test_every_small_tree_proves_every_beginning() -> None:
    tree = [merkle.leaf_hash(b"%d" % number) for number in range(33)]
    for second in range(1, 34):
        for first in range(1, second + 1):
            proof = merkle.consistency_proof(tree[:second], first)
            assert proof == subproof(first, tree[:second], True)
            assert merkle.extends(first, mth(tree[:first]), second, mth(tree[:second]), proof=proof)


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert merkle.extends(0, merkle.EMPTY_ROOT, 8, bytes.fromhex(ROOTS[8]), proof=[])
    assert not merkle.extends(0, bytes(32), 8, bytes.fromhex(ROOTS[8]), proof=[])


def test_a_leaf_outside_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="no leaf 8 in a tree of 8"):
        merkle.inclusion_proof(HASHES, 8)
    with pytest.raises(ValueError, match="not the beginning"):
        merkle.consistency_proof(HASHES, 9)
    assert not merkle.includes(HASHES[0], index=-1, size=8, proof=[], root=bytes(32))


def test_a_copy_grows_alone() -> None:
    frontier = Frontier(HASHES[:3])
    twin = frontier.copy()
    twin.append(HASHES[3])

    assert (frontier.root().hex(), twin.root().hex()) == (ROOTS[3], ROOTS[4])
