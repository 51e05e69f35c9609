"""Verifies an exported log. This file is all it takes: Python 3.10 or newer, the export and the log's public key.

    python3 verifier.py log.jsonl --public-key log.pub [--checkpoint kept-earlier.txt] [--partial]

Knows RFC 6962 (hashes of leaves and nodes), RFC 9162 2.1.3.2 (checking a proof), C2SP tlog-checkpoint and signed-note
(the signed tree head) and RFC 8032 (Ed25519). Must not know, and does not import, anything else of redactor: an
auditor is to read it whole, and run it where there is nothing else. Invariant: every byte of an export either is
covered by the checkpoint's signature or makes the verification fail when it is changed.

An export is lines of canonical JSON (UTF-8, keys sorted, no spaces). The first is

    {"checkpoint": <the signed note>, "format": "redactor-log/1"}

and each further line is an entry, in order:

    {"entry": <the leaf>, "proof": [<base64 of each hash>, ...], "sealed": <base64 of the sealed text, or null>}

The leaf's canonical JSON is what the tree holds; `proof` leads from it to the checkpoint's root; the leaf has the
SHA-256 of the sealed text, which may be gone (null) only where a later entry of kind `retention` says so.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = "redactor-log/1"
LINE_LIMIT = 64 << 20

# ------------------------------------------------------------------ the tree (RFC 6962 2.1)


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the entry's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and its children's hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


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
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        result = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            result = node_hash(left, result)
        return result


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf's hash at `index` to the root of the tree of that size."""
    if not 0 <= index < size:
        return False
    at, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = node_hash(sibling, result)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and result == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of size `old` is the beginning of the tree of size `new`."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == hashlib.sha256(b"").digest()
    if old == new:
        return not proof and old_root == new_root
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


# ------------------------------------------------------------------ Ed25519 (RFC 8032 5.1), verification only

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(n: int, p: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = _add(result, p)
        p = _add(p, p)
        n >>= 1
    return result


def _point(data: bytes) -> _Point | None:
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _bytes(p: _Point) -> bytes:
    inverse = pow(p[2], -1, _P)
    x, y = p[0] * inverse % _P, p[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are the signature of the message by the holder of the key of these 32 public bytes."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, base = _point(public), _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    if a is None or base is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    minus = (_P - a[0], a[1], a[2], _P - a[3])
    return _bytes(_add(_times(s, base), _times(k, minus))) == signature[:32]


# ------------------------------------------------------------------ checkpoints

Check = Callable[[bytes, bytes, bytes], bool]


class Unverifiable(Exception):
    """The key, or the checkpoint, cannot be used: nothing can be said of the entries."""


def _base64(text: object) -> bytes:
    """Strict: exactly the one spelling that encoding gives."""
    if not isinstance(text, str):
        raise ValueError("not base64")
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the canonical base64")
    return data


def key_id(name: str, public: bytes) -> bytes:
    """What a signature line names its key by (signed-note: SHA-256 of name, newline, 0x01 and the key; 4 bytes)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


@dataclass(frozen=True)
class PublicKey:
    """A log's public key. As text: `name+<key id in hex>+<base64 of 0x01 and 32 bytes>` (C2SP signed-note)."""

    name: str
    public: bytes

    @staticmethod
    def read(text: str) -> PublicKey:
        """The key from its text; Unverifiable says what is wrong with it."""
        name, _, rest = text.strip().partition("+")
        number, _, encoded = rest.partition("+")
        try:
            data = _base64(encoded)
        except ValueError:
            data = b""
        if len(data) != 33 or data[0] != 1:
            raise Unverifiable("this is not a log's public key (name+12345678+base64, as in the file log.pub)")
        key = PublicKey(name, data[1:])
        if key_id(name, key.public).hex() != number:
            raise Unverifiable("the public key is damaged: its id does not belong to it")
        return key

    def __str__(self) -> str:
        encoded = base64.b64encode(b"\x01" + self.public).decode()
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{encoded}"


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement: the log of that name (`origin`) has `size` entries whose tree has this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed (tlog-checkpoint: three lines, each ended by a newline)."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def read_checkpoint(note: str, key: PublicKey, check: Check = ed25519) -> Checkpoint:
    """The checkpoint in a signed note, its signature verified; Unverifiable says what is wrong.

    Signatures by others (witnesses) may stand beside the log's own and are passed over.
    """
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    try:
        if not gap or len(lines) != 3 or not signatures.endswith("\n"):
            raise ValueError
        checkpoint = Checkpoint(lines[0], int(lines[1]), _base64(lines[2]))
        if checkpoint.text != text + "\n" or len(checkpoint.root) != 32 or checkpoint.size < 0:
            raise ValueError
    except ValueError:
        raise Unverifiable("the checkpoint is not a signed note of three lines (origin, size, root)") from None
    if checkpoint.origin != key.name:
        raise Unverifiable(f"the checkpoint is of the log {checkpoint.origin!r}, the public key of {key.name!r}")
    mine = f"— {key.name} "
    for line in signatures[:-1].split("\n"):
        if not line.startswith(mine):
            continue
        try:
            data = _base64(line[len(mine) :])
        except ValueError:
            continue
        if data[:4] == key_id(key.name, key.public) and check(key.public, checkpoint.text.encode(), data[4:]):
            return checkpoint
    raise Unverifiable("the checkpoint is not signed by this public key")


def split_notes(text: str) -> list[str]:
    """The signed notes of a file in which they follow one another, each ended by an empty line."""
    blocks = text.split("\n\n")
    pairs = zip(blocks[0::2], blocks[1::2], strict=False)
    return [f"{body.lstrip()}\n\n{signatures.rstrip()}\n" for body, signatures in pairs]


# ------------------------------------------------------------------ the whole export


@dataclass(frozen=True)
class Wrong:
    """Something that is not as it was signed. `sequence`: the entry it is about, where that is known."""

    kind: str
    what: str
    sequence: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass
class Report:
    """What a verification found. `entries`: how many are proved to be as they were logged."""

    origin: str = ""
    size: int = 0
    root: str = ""
    entries: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.wrong


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value that is hashed: UTF-8, keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _parse(line: bytes) -> dict[str, Any]:
    """The object on a line; ValueError unless the line is its canonical spelling and a newline, to the byte."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict) or canonical(value) + b"\n" != line:
            raise ValueError("not in its canonical form")
    except (RecursionError, UnicodeError) as e:
        raise ValueError(type(e).__name__) from None
    return value


def ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as (first, last) runs."""
    first = last = None
    for n in numbers:
        if first is None or last is None:
            first = last = n
        elif n == last + 1:
            last = n
        else:
            yield first, last
            first = last = n
    if first is not None and last is not None:
        yield first, last


def describe(first: int, last: int) -> str:
    """`entry 7`, or `entries 7-9`."""
    return f"entry {first}" if first == last else f"entries {first}-{last}"


def verify_export(
    lines: Iterable[bytes],
    key: PublicKey,
    earlier: Sequence[str] = (),
    partial: bool = False,
    check: Check = ed25519,
) -> Report:
    """Verify an export, line by line. `earlier`: notes of checkpoints kept from before, which must be its beginning.

    With `partial`, entries may be left out; those which are there are verified all the same.
    """
    report = Report()
    source = iter(lines)
    try:
        header = _parse(next(source, b""))
        if set(header) != {"checkpoint", "format"} or header["format"] != FORMAT:
            raise ValueError("no header")
        head = read_checkpoint(str(header["checkpoint"]), key, check)
        kept = {c.size: c for c in (read_checkpoint(note, key, check) for note in earlier)}
    except ValueError as e:
        report.wrong.append(Wrong("unreadable", f"line 1 is not the header of a {FORMAT} export ({e})"))
        return report
    except Unverifiable as e:
        report.wrong.append(Wrong("checkpoint", str(e)))
        return report
    report.origin, report.size, report.root = head.origin, head.size, base64.b64encode(head.root).decode()
    for size in sorted(kept):
        if size > head.size:
            text = f"the log ends at {head.size} entries, but {size} had been signed: it was cut off or rolled back"
            report.wrong.append(Wrong("cut off", text, head.size))
    _entries(report, source, head, kept, partial)
    return report


def _entries(
    report: Report, source: Iterator[bytes], head: Checkpoint, kept: dict[int, Checkpoint], partial: bool
) -> None:
    seen = bytearray(head.size)
    gone: list[int] = []
    retired = -1
    failed: list[tuple[int, int]] = []
    newest = -1
    frontier = Frontier()
    for number, line in enumerate(source, 2):
        try:
            sequence, leaf, proof, sealed, entry = _line(line)
        except (ValueError, KeyError, TypeError) as e:
            report.wrong.append(Wrong("unreadable", f"line {number} is not an entry as it was exported ({e})"))
            continue
        if not included(leaf, sequence, head.size, proof, head.root):
            failed.append((sequence, number))
            continue
        if seen[sequence]:
            report.wrong.append(Wrong("doubled", f"entry {sequence} is there again, on line {number}", sequence))
            continue
        if sequence < newest:
            report.wrong.append(
                Wrong("reordered", f"entry {sequence} stands after entry {newest}, on line {number}", sequence)
            )
        seen[sequence] = 1
        newest = max(newest, sequence)
        report.entries += 1
        if frontier.size == sequence:
            frontier.append(leaf)
            _compare(report, kept.get(frontier.size), frontier)
        commitment = entry.get("sealed")
        if isinstance(commitment, dict):
            if sealed is None:
                gone.append(sequence)
            elif hashlib.sha256(sealed).hexdigest() != commitment.get("sha256"):
                report.wrong.append(
                    Wrong("changed", f"the sealed text of entry {sequence} is not the one that was logged", sequence)
                )
        elif sealed is not None:
            report.wrong.append(Wrong("added", f"entry {sequence} was logged without a sealed text", sequence))
        if entry.get("kind") == "retention" and isinstance(entry.get("through"), int):
            # It speaks of entries before it only: nobody may retire in advance what is yet to be logged.
            through = min(entry["through"], sequence - 1)
            retired = max(retired, through)
            report.notes.append(f"entry {sequence} retired the texts of entries 0-{through}")
    for sequence, number in failed:
        if sequence < head.size and not seen[sequence]:
            seen[sequence] = 1
            what = f"entry {sequence} (line {number}) is not the one that was logged"
            report.wrong.append(Wrong("changed", what, sequence))
        else:
            what = f"line {number} calls itself entry {sequence}, which is not in the log as signed"
            report.wrong.append(Wrong("added", what, sequence))
    missing = list(ranges(i for i, there in enumerate(seen) if not there))
    for first, last in missing if not partial else ():
        kind = "cut off" if last == head.size - 1 else "missing"
        report.wrong.append(Wrong(kind, f"{describe(first, last)} of {head.size} not there", first))
    if partial and missing:
        report.notes.append(f"{sum(b - a + 1 for a, b in missing)} of {head.size} entries are left out of this export")
    if uncompared := [str(size) for size in sorted(kept) if frontier.size < size <= head.size]:
        report.notes.append(f"not compared with the checkpoints kept from before, of {', '.join(uncompared)} entries")
    for first, last in ranges(g for g in gone if g > retired):
        what = f"the sealed text of {describe(first, last)} is gone, and no retention entry says so"
        report.wrong.append(Wrong("missing", what, first))


def _line(line: bytes) -> tuple[int, bytes, list[bytes], bytes | None, dict[str, Any]]:
    """A line's sequence, leaf hash, proof, sealed text and entry; ValueError, KeyError or TypeError if it is none."""
    value = _parse(line)
    if set(value) != {"entry", "proof", "sealed"}:
        raise ValueError("unknown fields")
    entry, sealed = value["entry"], value["sealed"]
    sequence = entry["sequence"]
    if not isinstance(sequence, int) or isinstance(sequence, bool) or sequence < 0:
        raise ValueError("no sequence")
    proof = [_base64(p) for p in value["proof"]]
    return sequence, leaf_hash(canonical(entry)), proof, None if sealed is None else _base64(sealed), entry


def _compare(report: Report, kept: Checkpoint | None, frontier: Frontier) -> None:
    if kept is not None and kept.root != frontier.root():
        what = f"the first {kept.size} entries are not those of the checkpoint kept from before: the log was rewritten"
        report.wrong.append(Wrong("checkpoint", what))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives 0 when all is as it was signed, 1 when not, 2 when nothing can be said."""
    parser = argparse.ArgumentParser(description="Verify an exported log of redactor.")
    parser.add_argument("export")
    parser.add_argument("--public-key", required=True, help="the key, or a file that holds it")
    parser.add_argument("--checkpoint", action="append", default=[], help="a file of checkpoints kept from before")
    parser.add_argument("--partial", action="store_true", help="the export is a selection: entries may be left out")
    options = parser.parse_args(arguments)
    try:
        text = options.public_key
        if "+" not in text:
            with open(text, encoding="utf-8") as file:
                text = file.read()
        earlier: list[str] = []
        for name in options.checkpoint:
            with open(name, encoding="utf-8") as file:
                earlier += split_notes(file.read() + "\n")
        with open(options.export, "rb") as export:
            report = verify_export(
                iter(lambda: export.readline(LINE_LIMIT), b""), PublicKey.read(text), earlier, options.partial
            )
    except (OSError, Unverifiable) as e:
        print(f"cannot verify: {e}", file=sys.stderr)
        return 2
    for note in report.notes:
        print(f"note: {note}")
    for wrong in report.wrong:
        print(f"WRONG: {wrong}")
    print(f"{report.origin}: {report.entries} of {report.size} entries verified, root {report.root}")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
