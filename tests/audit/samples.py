"""A small log, exported, for the tests to damage."""

from __future__ import annotations

import base64

from redactor.audit import entry as entries
from redactor.audit import tree
from redactor.audit.checkpoint import Signer
from redactor.audit.sealing import Seal, key_name
from redactor.audit.verifier import FORMAT, leaf_hash
from redactor.decision import Entry, Verdict
from redactor.model import ColumnName, ColumnUse, Problem, Requester, RuleHit, Use

SIGNER = Signer("city.example/log", bytes(range(32)))
AUDITOR_PRIVATE = bytes(range(1, 33))
NUMBER = ColumnName("public", "residents", "alien_number")


def auditor() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(AUDITOR_PRIVATE).public_key().public_bytes_raw()


def sample(i: int, text: str = "") -> Entry:
    """A refused statement; its literals are in `text` only."""
    return Entry(
        at=1_780_000_000.25 + i,
        decision=f"0123abcd-{i}",
        verdict=Verdict.REFUSED,
        requester=Requester("clerk", "city", frozenset({"staff", "all"}), "10.0.0.7", "psql", "scram-sha-256"),
        rules=(RuleHit("status-need-to-know", "Gov. Code 7284.6", (NUMBER,)),),
        columns=(ColumnUse(NUMBER, Use.PREDICATE),),
        shape="SELECT count(*) FROM residents WHERE alien_number = $1",
        text=text or f"SELECT count(*) FROM residents WHERE alien_number = 'A{i:09}'",
        snapshot="5a" * 32,
        outcome="refused",
        problem=Problem("42501", "column alien_number may not be used"),
    )


def closed(i: int) -> entries.Closed:
    seal = Seal(auditor(), bytes([i + 1] * 32))
    return entries.close(sample(i), b"k" * 32, seal, key_name(auditor()))


def export(size: int, signer: Signer = SIGNER, retired: int | None = None) -> list[bytes]:
    """The lines of an export of so many entries; with `retired`, the last says that texts 0..retired are gone."""
    made = [closed(i) for i in range(size)]
    if retired is not None:
        made[-1] = entries.retention(1_790_000_000.0, retired, "three years are over")
    leaves = [entries.place(c.body, "ab" * 16, i, i)[0] for i, c in enumerate(made)]
    levels = tree.Levels(leaf_hash(leaf) for leaf in leaves)
    root = tree.root(size, levels)
    lines = [entries.canonical({"checkpoint": signer.sign(size, root), "format": FORMAT, "keys": []}) + b"\n"]
    for i, leaf in enumerate(leaves):
        proof = [base64.b64encode(h).decode() for h in tree.inclusion(i, size, levels)]
        there = made[i].sealed and (retired is None or i > retired)
        rest = {"proof": proof, "sealed": base64.b64encode(made[i].sealed).decode() if there else None}
        lines.append(b'{"entry":' + leaf + b"," + entries.canonical(rest)[1:] + b"\n")
    return lines
