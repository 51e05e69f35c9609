"""Proofs from a Merkle tree (RFC 6962 2.1) that is too large to hold: whoever keeps it answers for single nodes.

Knows the tree's arithmetic only. Must not know where the hashes are kept: a `Nodes` says the hash of the complete
subtree with 2**level leaves that begins at leaf index * 2**level. Of those only every STRIDE-th level needs keeping
(`completed` says which); `from_kept` computes the others. Invariant: what is proved here, `verifier.included` and
`consistent` accept, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from redactor.audit.verifier import node_hash, root_of

Nodes: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> hash of that complete subtree. Asked only for subtrees that are complete."""

STRIDE = 8


class Frontier:
    """A tree that only grows: the roots of its complete subtrees, largest first. `size` is its number of leaves."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != bin(size).count("1"):
            raise ValueError("a frontier has one hash for each 1 in its size")
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; gives the subtrees which that completes: (level, index, hash), the leaf itself first."""
        index, level, new = self.size, 0, leaf
        done = [(0, index, new)]
        while index & 1:
            new = node_hash(self.hashes.pop(), new)
            index >>= 1
            level += 1
            done.append((level, index, new))
        self.hashes.append(new)
        self.size += 1
        return done

    def root(self) -> bytes:
        """The tree's root; of the empty tree, SHA-256 of nothing."""
        return root_of(self.hashes)


def completed(subtrees: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Those of the just completed subtrees that must be kept besides the leaves."""
    return [s for s in subtrees if s[0] and s[0] % STRIDE == 0]


def from_kept(kept: Callable[[int, int, int], Sequence[bytes]]) -> Nodes:
    """All nodes, from those at the levels that are multiples of STRIDE.

    `kept`: (level, first index, count) -> so many hashes in a row. Any node takes one question, of 128 at most.
    """

    def node(level: int, index: int) -> bytes:
        height = level % STRIDE
        row = list(kept(level - height, index << height, 1 << height))
        while len(row) > 1:
            row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        return row[0]

    return node


class Levels:
    """A whole tree in memory, 64 bytes an entry: for proving many entries at once."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes]) -> None:
        below = bytearray()
        for leaf in leaves:
            below += leaf
        self._levels = [below]
        while len(below) >= 64:
            above = bytearray()
            for at in range(0, len(below) - 32, 64):
                above += node_hash(bytes(below[at : at + 32]), bytes(below[at + 32 : at + 64]))
            self._levels.append(above)
            below = above

    def __call__(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][32 * index : 32 * index + 32])


def root(size: int, nodes: Nodes) -> bytes:
    """The root of the tree of the first `size` leaves; ValueError for 0, whose root needs no nodes."""
    if size < 1:
        raise ValueError("the empty tree has no nodes")
    return _range(0, size, nodes)


def frontier(size: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees, as (level, index), that make up a tree of that size, largest first."""
    at = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, at >> level
            at += 1 << level


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The proof that leaf `index` is in the tree of that size (RFC 6962 2.1.1, PATH), lowest sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range(middle, high, nodes))
            high = middle
        else:
            proof.append(_range(low, middle, nodes))
            low = middle
    proof.reverse()
    return proof


def consistency(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with that of `old` (RFC 6962 2.1.2, PROOF)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} cannot be the beginning of one of {new}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    low, high = 0, new
    whole = True  # the old tree is still a complete range whose hash the verifier has
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_range(middle, high, nodes))
            high = middle
        else:
            proof.append(_range(low, middle, nodes))
            low = middle
            whole = False
    if not whole:
        proof.append(_range(low, high, nodes))
    proof.reverse()
    return proof


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of size `old` is the beginning of the tree of size `new`."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == hashlib.sha256(b"").digest()
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before = node_hash(sibling, before)
            after = node_hash(sibling, after)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            after = node_hash(after, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and before == old_root and after == new_root


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def _range(low: int, high: int, nodes: Nodes) -> bytes:
    n = high - low
    if n & (n - 1) == 0 and low % n == 0:
        return nodes(n.bit_length() - 1, low // n)
    middle = low + _split(n)
    return node_hash(_range(low, middle, nodes), _range(middle, high, nodes))
