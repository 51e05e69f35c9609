"""The tree against RFC 6962's definition, written out naively, and against the well-known roots of its test data."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redactor.audit import tree
from redactor.audit.tree import Frontier, consistent
from redactor.audit.verifier import included, leaf_hash

# The leaves and roots that Certificate Transparency implementations share as test data.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
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


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 6962 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def data(n: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(n)]


def hashes(n: int) -> list[bytes]:
    return [leaf_hash(d) for d in data(n)]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    leaves = [bytes.fromhex(x) for x in LEAVES[:size]]
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    assert frontier.root().hex() == ROOTS[size] == mth(leaves).hex()


@given(st.integers(0, 300))
def test_growing_gives_the_definition(size: int) -> None:
    frontier = Frontier()
    for h in hashes(size):
        frontier.append(h)
    assert frontier.root() == mth(data(size))
    assert Frontier(frontier.size, frontier.hashes).root() == frontier.root()
    if size:
        assert tree.root(size, tree.Levels(hashes(size))) == frontier.root()


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(ValueError):
        Frontier(5, [b"x" * 32])


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_inclusion_is_the_definition_and_verifies(case: tuple[int, int]) -> None:
    index, size = case
    levels = tree.Levels(hashes(size))
    proof = tree.inclusion(index, size, levels)
    assert proof == path(index, data(size))
    root = mth(data(size))
    assert included(hashes(size)[index], index, size, proof, root)


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))), st.data())
def test_no_other_inclusion_verifies(case: tuple[int, int], draw: st.DataObject) -> None:
    index, size = case
    leaf, root = hashes(size)[index], mth(data(size))
    proof = path(index, data(size))
    assert not included(leaf_hash(b"another"), index, size, proof, root)
    assert not included(leaf, index, size, [*proof, root], root)
    assert not included(leaf, size, size, proof, root)
    for other in range(size):
        assert included(leaf, other, size, proof, root) == (other == index)
    if proof:
        at = draw.draw(st.integers(0, len(proof) - 1))
        assert not included(leaf, index, size, proof[:at] + proof[at + 1 :], root)
        assert not included(leaf, index, size, [*proof[:at], leaf_hash(b"another"), *proof[at + 1 :]], root)


@given(st.integers(0, 150).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_consistency_is_the_definition_and_verifies(case: tuple[int, int]) -> None:
    old, new = case
    levels = tree.Levels(hashes(new))
    proof = tree.consistency(old, new, levels)
    assert proof == (subproof(old, data(new), True) if old else [])
    before, after = mth(data(old)), mth(data(new))
    assert consistent(old, new, before, after, proof)
    other = leaf_hash(b"another")
    assert not consistent(old, new, other, after, proof)
    if old:
        assert not consistent(old, new, before, other, proof)
        assert not consistent(old, new, before, after, [*proof, other])
    if proof:
        assert not consistent(old, new, before, after, proof[:-1])
        assert not consistent(old, new, before, after, [other, *proof[1:]])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 1025])
def test_every_node_comes_from_the_kept_ones(size: int) -> None:
    frontier = Frontier()
    kept: dict[tuple[int, int], bytes] = {}
    for i, h in enumerate(hashes(size)):
        kept[0, i] = h
        kept |= {(level, index): digest for level, index, digest in tree.completed(frontier.append(h))}
    assert len(kept) == size + size // 256
    nodes = tree.from_kept(lambda level, first, count: [kept[level, i] for i in range(first, first + count)])
    assert [nodes(*at) for at in tree.frontier(size)] == frontier.hashes
    levels = tree.Levels(hashes(size))
    for index in {0, size // 2, size - 1}:
        assert tree.inclusion(index, size, nodes) == tree.inclusion(index, size, levels)


def test_nothing_is_proved_of_what_is_not_there() -> None:
    levels = tree.Levels(hashes(3))
    with pytest.raises(ValueError):
        tree.inclusion(3, 3, levels)
    with pytest.raises(ValueError):
        tree.consistency(4, 3, levels)
    with pytest.raises(ValueError):
        tree.root(0, levels)
