"""Verifies an exported log. This file is all it takes: Python 3.10 or newer, the export and the log's public key.

    python3 verifier.py log.jsonl --public-key log.pub [--checkpoint kept-earlier.txt] [--partial]

Knows RFC 6962 (hashes of leaves and nodes), RFC 9162 2.1.3.2 (checking a proof), C2SP tlog-checkpoint and signed-note
(the signed tree head) and RFC 8032 (Ed25519). Must not know, and does not import, anything else of redactor: an
auditor is to read it whole, and run it where there is nothing else. Invariant: every byte of an export either is
covered by the checkpoint's signature or makes the verification fail when it is changed.

An export is lines of canonical JSON (UTF-8, keys sorted, no spaces). The first is

    {"checkpoint": <the signed note>, "format": "redactor-log/1", "keys": [<a signed note for each new key>, ...]}

and each further line is an entry, in order:

    {"entry": <the leaf>, "proof": [<base64 of each hash>, ...], "sealed": <base64 of the sealed text, or null>}

The leaf's canonical JSON is what the tree holds; `proof` leads from it to the checkpoint's root; the leaf has the
SHA-256 of the sealed text, which may be gone (null) only where a later entry of kind `retention` says so. A new key
is introduced by a note that the key before it has signed, and that an entry of kind `key` holds, too.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FORMAT = "redactor-log/1"
INTRODUCTION = "redactor log key 1"
LINE_LIMIT = 64 << 20

# ------------------------------------------------------------------ the tree (RFC 6962 2.1)


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf's hash at `index` to the root of the tree of that size."""
    at, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = node_hash(sibling, result)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        at, last = at >> 1, last >> 1
    return 0 <= index < size and last == 0 and result == root


def grow(hashes: list[bytes], size: int, leaf: bytes) -> None:
    """Add leaf number `size` to a tree, of which `hashes` are the roots of its complete subtrees, largest first."""
    while size & 1:
        leaf, size = node_hash(hashes.pop(), leaf), size >> 1
    hashes.append(leaf)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root of the tree of these complete subtrees; of the empty tree, SHA-256 of nothing."""
    result = hashes[-1] if hashes else hashlib.sha256(b"").digest()
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


# ------------------------------------------------------------------ Ed25519 (RFC 8032 5.1), verification only

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, p: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while n:
        result, p, n = (_add(result, p) if n & 1 else result), _add(p, p), n >> 1
    return result


def _point(data: bytes) -> Point:
    """A compressed point; ValueError where there is none."""
    y, sign = int.from_bytes(data, "little") & ((1 << 255) - 1), data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are the signature of the message by the holder of the key of these 32 public bytes."""
    s = int.from_bytes(signature[32:], "little")
    if len(public) != 32 or len(signature) != 64 or s >= L:
        return False
    try:
        x, y, z, t = _point(public)
    except ValueError:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    base = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    x, y, z, _ = _add(_times(s, base), _times(k, (P - x, y, z, P - t)))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# ------------------------------------------------------------------ keys, signed notes, checkpoints

Check = Callable[[bytes, bytes, bytes], bool]


class Unverifiable(Exception):
    """The key, or the checkpoint, cannot be used: nothing can be said of the entries."""


class PublicKey(NamedTuple):
    """A log's public key, which signs the checkpoints of `since` to `until` entries."""

    name: str
    public: bytes
    since: int = 0
    until: int = 1 << 62

    @staticmethod
    def read(text: str) -> PublicKey:
        """The key from its text (signed-note: name, id in hex, base64 of 0x01 and 32 bytes; plus signs between)."""
        name, _, rest = text.strip().partition("+")
        try:
            key = PublicKey(name, _base64(rest.partition("+")[2])[1:])
        except ValueError:
            key = PublicKey(name, b"")
        if len(key.public) != 32 or str(key) != text.strip():
            raise Unverifiable("this is not a log's public key (name+12345678+base64, as in log.pub), or it is damaged")
        return key

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n\x01" + self.public).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(b"\x01" + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"


class Checkpoint(NamedTuple):
    """A signed statement: the log of that name has `size` entries whose tree has this root."""

    origin: str
    size: int
    root: bytes


def _base64(text: object) -> bytes:
    """Strict: exactly the one spelling that encoding gives."""
    data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the canonical base64")
    return data


def signed_lines(note: str, key: PublicKey, check: Check) -> list[str] | None:
    """The lines of a signed note's text, if one of its signatures is by that key; those of others are passed over."""
    text, _, signatures = note.partition("\n\n")
    for line in signatures.split("\n")[:-1]:
        if line.startswith(f"— {key.name} "):
            try:
                data = _base64(line[len(key.name) + 3 :])
            except ValueError:
                continue
            if data[:4] == key.id and check(key.public, f"{text}\n".encode(), data[4:]):
                return text.split("\n")
    return None


def follow(first: PublicKey, notes: Sequence[str], check: Check = ed25519) -> list[PublicKey]:
    """The log's keys, one after the other, from the first on; each note must be signed by the key before."""
    keys = [first]
    for note in notes:
        lines = signed_lines(note, keys[-1], check) or []
        if len(lines) != 3 or lines[0] != INTRODUCTION or not lines[1].isdecimal() or int(lines[1]) < keys[-1].since:
            raise Unverifiable("a new key of the log is not introduced by the key before it")
        keys[-1] = keys[-1]._replace(until=int(lines[1]))
        keys.append(PublicKey.read(lines[2])._replace(since=int(lines[1]) + 1))
    return keys


def read_checkpoint(note: str, keys: Sequence[PublicKey], check: Check = ed25519) -> Checkpoint:
    """The checkpoint in a signed note, if it is signed by the one of the log's keys whose turn it was."""
    try:
        origin, size, root = note.partition("\n\n")[0].split("\n")
        checkpoint = Checkpoint(origin, int(size), _base64(root))
        if str(checkpoint.size) != size or checkpoint.size < 0 or len(checkpoint.root) != 32:
            raise ValueError
    except ValueError:
        raise Unverifiable("the checkpoint is not a signed note of three lines (origin, size, root)") from None
    if origin != keys[0].name:
        raise Unverifiable(f"the checkpoint is of the log {origin!r}, the public key of {keys[0].name!r}")
    if any(k.since <= checkpoint.size <= k.until and signed_lines(note, k, check) for k in keys):
        return checkpoint
    raise Unverifiable("the checkpoint is not signed by this public key")


def split_notes(text: str) -> list[str]:
    """The signed notes of a file in which they follow one another, each ended by an empty line."""
    blocks = (text + "\n").split("\n\n")
    return [f"{a.lstrip()}\n\n{b.rstrip()}\n" for a, b in zip(blocks[0::2], blocks[1::2], strict=False) if b.strip()]


# ------------------------------------------------------------------ the whole export


class Wrong(NamedTuple):
    """Something that is not as it was signed. `sequence`: the entry it is about, where that is known."""

    kind: str
    what: str
    sequence: int | None = None


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

    def found(self, kind: str, what: str, sequence: int | None = None) -> None:
        self.wrong.append(Wrong(kind, what, sequence))


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _parse(line: bytes, *fields: str) -> list[Any]:
    """The fields of the object on a line; ValueError unless it has just these, in canonical spelling to the byte."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict) or tuple(sorted(value)) != fields or canonical(value) + b"\n" != line:
            raise ValueError("not these fields in their canonical form")
    except (RecursionError, UnicodeError) as e:
        raise ValueError(type(e).__name__) from None
    return [value[f] for f in fields]


def runs(numbers: Iterable[int]) -> list[tuple[int, int, str]]:
    """Ascending numbers as (first, last, in words) of each run."""
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return [(a, b, f"entry {a}" if a == b else f"entries {a}-{b}") for a, b in found]


def verify_export(
    lines: Iterable[bytes], key: PublicKey, earlier: Sequence[str] = (), partial: bool = False, check: Check = ed25519
) -> Report:
    """Verify an export, line by line. `earlier`: notes of checkpoints kept from before, which must be its beginning.

    With `partial`, entries may be left out; those which are there are verified all the same.
    """
    report, source = Report(), iter(lines)
    try:
        note, form, introduced = _parse(next(source, b""), "checkpoint", "format", "keys")
        if form != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        keys = follow(key, introduced, check)
        head = read_checkpoint(note, keys, check)
        kept = {c.size: c for c in (read_checkpoint(n, keys, check) for n in earlier)}
    except (ValueError, TypeError, AttributeError) as e:
        report.found("unreadable", f"line 1 is not the header of a {FORMAT} export ({e})")
    except Unverifiable as e:
        report.found("checkpoint", str(e))
    else:
        report.origin, report.size, report.root = head.origin, head.size, base64.b64encode(head.root).decode()
        _verify_entries(report, source, head, kept, introduced, partial)
    return report


def _verify_entries(
    report: Report, source: Iterator[bytes], head: Checkpoint, kept: dict[int, Checkpoint], keys: list[str], part: bool
) -> None:
    seen = bytearray(head.size)
    failed: list[tuple[int, int]] = []  # (sequence, line) of what its proof does not cover
    gone: list[int] = []  # entries whose sealed text is not there
    said: list[str] = []  # notes of new keys that entries hold
    tree: list[bytes] = []
    grown, newest, retired = 0, -1, -1
    for number, line in enumerate(source, 2):
        try:
            entry, proof, sealed = _parse(line, "entry", "proof", "sealed")
            sequence, text = entry["sequence"], None if sealed is None else _base64(sealed)
            leaf, path = leaf_hash(canonical(entry)), [_base64(p) for p in proof]
            if type(sequence) is not int or sequence < 0:
                raise ValueError("no sequence")
        except (ValueError, KeyError, TypeError) as e:
            report.found("unreadable", f"line {number} is not an entry as it was exported ({e})")
            continue
        if not included(leaf, sequence, head.size, path, head.root):
            failed.append((sequence, number))
            continue
        if seen[sequence]:
            report.found("doubled", f"entry {sequence} is there again, on line {number}", sequence)
            continue
        if sequence < newest:
            report.found("reordered", f"entry {sequence} stands after entry {newest}, on line {number}", sequence)
        seen[sequence], newest = 1, max(newest, sequence)
        report.entries += 1
        if grown == sequence:
            grow(tree, grown, leaf)
            grown += 1
            if grown in kept and kept[grown].root != root_of(tree):
                what = f"the first {grown} entries are not those of the checkpoint kept from before: it was rewritten"
                report.found("checkpoint", what)
        if (digest := (entry.get("sealed") or {}).get("sha256")) and text is None:
            gone.append(sequence)
        elif text is not None and hashlib.sha256(text).hexdigest() != digest:
            report.found("changed", f"the sealed text of entry {sequence} is not the one that was logged", sequence)
        if entry.get("kind") == "retention":
            # It speaks of entries before it only: nobody may retire in advance what is yet to be logged.
            retired = max(retired, through := min(entry["through"], sequence - 1))
            report.notes.append(f"entry {sequence} retired the texts of entries 0-{through}")
        elif entry.get("kind") == "key":
            said.append(entry["introduction"])
            report.notes.append(f"entry {sequence} introduced a new key of the log")
    for sequence, number in failed:
        if sequence < head.size and not seen[sequence]:
            seen[sequence] = 1
            report.found("changed", f"entry {sequence} (line {number}) is not the one that was logged", sequence)
        else:
            report.found("added", f"line {number} calls itself entry {sequence}; the signed log has no such", sequence)
    missing = runs(i for i, there in enumerate(seen) if not there)
    for first, last, words in missing if not part else ():
        report.found("cut off" if last == head.size - 1 else "missing", f"{words} of {head.size} not there", first)
    if part and missing:
        report.notes.append(
            f"{sum(b - a + 1 for a, b, _ in missing)} of {head.size} entries are left out of this export"
        )
    elif not missing and said != keys:
        report.found("key", "the keys that the export names are not those that the log's entries introduce")
    for size in sorted(s for s in kept if s > grown):
        if size > head.size:
            what = f"the log ends at {head.size} entries, but {size} had been signed: it was cut off or rolled back"
            report.found("cut off", what, head.size)
        else:
            report.notes.append(f"not compared with the checkpoint kept from before, of {size} entries")
    for first, _, words in runs(g for g in gone if g > retired):
        report.found("missing", f"the sealed text of {words} is gone, and no retention entry says so", first)


def _text(name: str) -> str:
    with open(name, encoding="utf-8") as file:
        return file.read()


def main() -> int:
    """The command; gives 0 when all is as it was signed, 1 when not, 2 when nothing can be said."""
    parser = argparse.ArgumentParser(description="Verify an exported log of redactor.")
    parser.add_argument("export")
    parser.add_argument("--public-key", required=True, help="the key, or a file that begins with it")
    parser.add_argument("--checkpoint", action="append", default=[], help="a file of checkpoints kept from before")
    parser.add_argument("--partial", action="store_true", help="the export is a selection: entries may be left out")
    options = parser.parse_args()
    try:
        key = options.public_key if "+" in options.public_key else _text(options.public_key)
        earlier = [note for name in options.checkpoint for note in split_notes(_text(name))]
        with open(options.export, "rb") as file:
            lines = iter(lambda: file.readline(LINE_LIMIT), b"")
            report = verify_export(lines, PublicKey.read(key.partition("\n")[0]), earlier, options.partial)
    except (OSError, Unverifiable) as e:
        print(f"cannot verify: {e}", file=sys.stderr)
        return 2
    for said in report.notes:
        print(f"note: {said}")
    for wrong in report.wrong:
        print(f"WRONG: {wrong.kind}: {wrong.what}")
    print(f"{report.origin}: {report.entries} of {report.size} entries verified, root {report.root}")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
