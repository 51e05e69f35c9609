"""Proofs from a Merkle tree (RFC 6962 2.1) that is too large to hold: whoever keeps it answers for single nodes.

Knows the tree's arithmetic only. Must not know where the hashes are kept: a `Nodes` says the hash of the complete
subtree with 2**level leaves that begins at leaf index * 2**level. Of those only every STRIDE-th level needs keeping
(`completed` says which); `from_kept` computes the others. Invariant: what is proved here, `verifier.included` and
`verifier.consistent` accept, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from redactor.audit.verifier import node_hash

Nodes: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> hash of that complete subtree. Asked only for subtrees that are complete."""

STRIDE = 8


def completed(subtrees: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Those of the just completed subtrees that must be kept besides the leaves."""
    return [s for s in subtrees if s[0] and s[0] % STRIDE == 0]


def from_kept(kept: Nodes) -> Nodes:
    """All nodes, from those at the levels that are multiples of STRIDE."""

    def node(level: int, index: int) -> bytes:
        if level % STRIDE == 0:
            return kept(level, index)
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

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


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def _range(low: int, high: int, nodes: Nodes) -> bytes:
    n = high - low
    if n & (n - 1) == 0 and low % n == 0:
        return nodes(n.bit_length() - 1, low // n)
    middle = low + _split(n)
    return node_hash(_range(low, middle, nodes), _range(middle, high, nodes))
