"""The witness's side: what it cosigns, what it refuses, and with which answer (C2SP tlog-witness)."""

from __future__ import annotations

import hashlib

import pytest

from redactor.audit import tree
from redactor.audit.checkpoint import Signer
from redactor.audit.verifier import Checkpoint, PublicKey, Unverifiable, leaf_hash, read_checkpoint
from redactor.audit.witness import Cosigner, Refused, WitnessKey, consider, cosigned, request
from tests.audit.samples import SIGNER

WITNESS = Cosigner("witness.example/w1", b"w" * 32)
LOGS = {SIGNER.origin: [SIGNER.public]}
LEVELS = tree.Levels(leaf_hash(bytes([i])) for i in range(20))


def note(size: int, signer: Signer = SIGNER) -> str:
    return signer.sign(size, tree.root(size, LEVELS) if size else hashlib.sha256(b"").digest())


def seen(size: int) -> dict[str, Checkpoint]:
    return {SIGNER.origin: read_checkpoint(note(size), [SIGNER.public])} if size else {}


def status(body: bytes, latest: int) -> int:
    with pytest.raises(Refused) as refused:
        consider(body, LOGS, seen(latest))
    return refused.value.status


@pytest.mark.parametrize(("old", "new"), [(0, 1), (0, 20), (1, 2), (7, 20), (8, 16), (16, 17), (20, 20)])
def test_what_continues_is_cosigned(old: int, new: int) -> None:
    proof = tree.consistency(old, new, LEVELS) if old else []
    checkpoint, text = consider(request(old, proof, note(new)), LOGS, seen(old))
    assert (checkpoint.size, text) == (new, note(new))
    line = WITNESS.cosign(text, 1_780_000_000)
    assert cosigned(text + line, WITNESS.public) == 1_780_000_000
    assert read_checkpoint(text + line, [SIGNER.public]) == checkpoint
    assert cosigned(text, WITNESS.public) is None
    assert cosigned(note(3) + line, WITNESS.public) is None
    assert cosigned(text + line, Cosigner("witness.example/w1", b"x" * 32).public) is None


def test_an_empty_log_is_cosigned_as_the_empty_tree() -> None:
    assert consider(request(0, [], note(0)), LOGS, {})[0].size == 0
    assert status(request(0, [], SIGNER.sign(0, b"x" * 32)), 0) == 422


def test_each_refusal_has_its_answer() -> None:
    proof = tree.consistency(7, 20, LEVELS)
    assert status(request(7, proof, note(20, Signer("other.example", b"o" * 32))), 7) == 404
    assert status(request(7, proof, note(20, Signer(SIGNER.origin, b"o" * 32))), 7) == 403
    assert status(request(20, proof, note(7)), 7) == 400
    assert status(request(7, proof, note(20)), 8) == 409
    assert status(request(7, proof[:-1], note(20)), 7) == 422
    assert status(request(7, proof, SIGNER.sign(20, b"f" * 32)), 7) == 422
    assert status(request(7, [], SIGNER.sign(7, b"f" * 32)), 7) == 422
    assert status(request(0, proof, note(20)), 0) == 422
    with pytest.raises(Refused) as conflict:
        consider(request(7, proof, note(20)), LOGS, seen(8))
    assert conflict.value.body == "8\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1",
        b"old -1\n\n",
        b"old 01\n\nx",
        b"new 1\n\nx",
        b"old 1\nAAAA\n\nx",
        b"old 1\n!\n\nx",
        b"\xff\n\n",
        b"old 1\n" + b"A" * 43 + b"=\n" + (b"A" * 43 + b"=\n") * 63 + b"\n",
    ],
)
def test_garbage_is_400(body: bytes) -> None:
    assert status(body, 0) == 400


def test_the_specifications_example_has_the_right_key_id() -> None:
    """The key's id of a line is of kind 4: another than the same key's as a log."""
    as_log = PublicKey(WITNESS.public.name, WITNESS.public.public)
    assert WITNESS.public.id != as_log.id
    assert WitnessKey.read(str(WITNESS.public)) == WITNESS.public
    for bad in ("", str(as_log), str(WITNESS.public)[:-4]):
        with pytest.raises(Unverifiable):
            WitnessKey.read(bad)
