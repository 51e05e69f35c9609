"""What shows that an entry is in the log as it was signed: checked here, and handed out to be checked in the page.

Knows the tree's proofs and the log's public key. Must not know HTTP. Invariant: `holds` is said only where the leaf's
own bytes lead by the proof to the root of a checkpoint that the log's key has signed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from redactor.audit.checkpoint import check
from redactor.audit.verifier import Unverifiable, included, leaf_hash, read_checkpoint
from redactor.errors import LogUnavailable
from redactor.store import Reader, Stored
from redactor.store.keys import PUBLIC, read_public


@dataclass(frozen=True, slots=True)
class Proof:
    """`state`: holds, pending (not signed yet), or broken, with `why`. The rest is what a page checks again."""

    state: str
    why: str
    size: int = 0
    root: str = ""
    note: str = ""
    path: tuple[str, ...] = ()
    signer: str = ""
    keys: tuple[str, ...] = ()

    def document(self, entry: Stored) -> dict[str, Any]:
        """For the page's own check: the leaf's exact text, and the proof."""
        return {
            "leaf": entry.leaf.decode("utf-8", "replace"),
            "sequence": entry.sequence,
            "state": self.state,
            "why": self.why,
            "size": self.size,
            "root": self.root,
            "checkpoint": self.note,
            "proof": list(self.path),
            "signer": self.signer,
            "keys": list(self.keys),
        }


def prove(reader: Reader, entry: Stored) -> Proof:
    """The proof of an entry against the newest checkpoint."""
    newest = reader.checkpoint()
    if newest is None or entry.sequence >= newest[0]:
        return Proof("pending", "The next checkpoint will cover it.")
    try:
        keys = read_public((reader.directory / PUBLIC).read_text())
        head = read_checkpoint(newest[1], keys, check)
        path = reader.inclusion(entry.sequence, head.size)
    except (OSError, Unverifiable, LogUnavailable) as e:
        return Proof("broken", str(e))
    hashed = leaf_hash(entry.leaf)
    good = hashed == entry.leaf_hash and included(hashed, entry.sequence, head.size, path, head.root)
    good = good and entry.value.get("sequence") == entry.sequence
    encoded = tuple(base64.b64encode(h).decode() for h in path)
    why = "" if good else "The entry is not what was signed."
    root = base64.b64encode(head.root).decode()
    signer = next(str(k) for k in keys if k.since <= head.size <= k.until)
    all_keys = tuple(str(k) for k in keys)
    return Proof("holds" if good else "broken", why, head.size, root, newest[1], encoded, signer, all_keys)
