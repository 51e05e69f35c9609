"""The verifier against a small export that is damaged in every way, at every position."""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redactor.audit.verifier as verifier
from redactor.audit import tree
from redactor.audit.checkpoint import Signer, check
from redactor.audit.entry import canonical
from redactor.audit.verifier import PublicKey, Report, Unverifiable, read_checkpoint, split_notes, verify_export
from tests.audit.samples import SIGNER, export

SIZE = 7
KEY = SIGNER.public


def verify(lines: list[bytes], **options: object) -> Report:
    return verify_export(lines, KEY, check=check, **options)  # type: ignore[arg-type]


def cut(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True) if data else []


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return export(SIZE)


def test_a_whole_log_is_whole(lines: list[bytes]) -> None:
    report = verify_export(lines, KEY)
    assert report.ok
    assert (report.entries, report.size, report.origin) == (SIZE, SIZE, "city.example/log")


def test_a_flip_is_named(lines: list[bytes]) -> None:
    for i in range(SIZE):
        damaged = list(lines)
        damaged[i + 1] = damaged[i + 1].replace(b'"clerk"', b'"clerj"')
        report = verify(damaged)
        assert [w.sequence for w in report.wrong] == [i]
        assert report.wrong[0].kind == "changed"
        assert report.entries == SIZE - 1


def test_every_dropped_entry_is_named(lines: list[bytes]) -> None:
    for n in range(1, SIZE + 1):
        for dropped in itertools.combinations(range(SIZE), n):
            report = verify([line for i, line in enumerate(lines) if i - 1 not in dropped])
            named = {w.sequence for w in report.wrong}
            assert named
            assert named <= set(dropped)
            assert min(dropped) in named


def test_what_is_cut_off_is_said_so(lines: list[bytes]) -> None:
    report = verify(lines[:-2])
    assert [(w.kind, w.sequence) for w in report.wrong] == [("cut off", SIZE - 2)]
    assert "entries 5-6 of 7" in report.wrong[0].what


def test_every_swap_is_found(lines: list[bytes]) -> None:
    for a, b in itertools.combinations(range(1, SIZE + 1), 2):
        swapped = list(lines)
        swapped[a], swapped[b] = swapped[b], swapped[a]
        report = verify(swapped)
        assert "reordered" in {w.kind for w in report.wrong}
        assert a - 1 in {w.sequence for w in report.wrong}


def test_every_doubled_entry_is_found(lines: list[bytes]) -> None:
    for a in range(1, SIZE + 1):
        for at in range(1, SIZE + 2):
            report = verify([*lines[:at], lines[a], *lines[at:]])
            assert ("doubled", a - 1) in {(w.kind, w.sequence) for w in report.wrong}


def test_every_added_entry_is_found(lines: list[bytes]) -> None:
    other = export(SIZE + 2, Signer("another.example/log", b"x" * 32))
    for line in other[1:]:
        for at in range(1, SIZE + 2):
            report = verify([*lines[:at], line, *lines[at:]])
            assert not report.ok
            assert report.entries == SIZE


def test_an_entry_moved_to_another_place_is_found(lines: list[bytes]) -> None:
    moved = lines[3].replace(b'"sequence":2', b'"sequence":5')
    report = verify([*lines[:3], moved, *lines[4:]])
    assert {w.sequence for w in report.wrong} == {2, 5}


def test_a_field_said_twice_is_found(lines: list[bytes]) -> None:
    doubled = lines[2].replace(b'"verdict":"refused"', b'"verdict":"allowed","verdict":"refused"')
    assert not verify([*lines[:2], doubled, *lines[3:]]).ok


def test_another_log_signed_by_another_key_is_refused() -> None:
    report = verify(export(3, Signer("city.example/log", b"y" * 32)))
    assert [w.kind for w in report.wrong] == ["checkpoint"]
    report = verify(export(3, Signer("other.example/log", b"y" * 32)))
    assert "another" in report.wrong[0].what or "other.example" in report.wrong[0].what


def test_a_checkpoint_kept_from_before_must_be_the_beginning(lines: list[bytes]) -> None:
    hashes = [verifier.leaf_hash(canonical(json.loads(line)["entry"])) for line in lines[1:]]
    levels = tree.Levels(hashes)
    kept = [SIGNER.sign(n, tree.root(n, levels)) for n in range(1, SIZE + 1)]
    assert verify(lines, earlier=kept).ok
    assert "rewritten" in str(verify(lines, earlier=[SIGNER.sign(3, b"z" * 32)]).wrong[0])
    assert "rolled back" in str(verify(lines, earlier=[SIGNER.sign(SIZE + 1, b"z" * 32)]).wrong[0])


def test_a_selection_is_verified_as_one(lines: list[bytes]) -> None:
    some = [lines[0], lines[2], lines[5]]
    report = verify(some, partial=True)
    assert report.ok
    assert report.entries == 2
    assert "5 of 7 entries are left out" in report.notes[0]
    assert not verify(some).ok
    assert not verify([lines[0], lines[2].replace(b"clerk", b"clerj")], partial=True).ok


def test_a_text_may_be_gone_only_where_the_log_says_so() -> None:
    retired = export(6, retired=2)
    report = verify(retired)
    assert report.ok
    assert "retired the texts of entries 0-2" in report.notes[0]
    gone = export(6, retired=3)
    mixed = [*retired[:4], retired[4].replace(retired[4][retired[4].index(b'"sealed":"') :], b'"sealed":null}\n')]
    report = verify([*mixed, *retired[5:]])
    assert [(w.kind, w.sequence) for w in report.wrong] == [("missing", 3)]
    assert verify(gone).ok


def test_nothing_is_retired_in_advance() -> None:
    ahead = export(4, retired=1000)
    report = verify(ahead)
    assert report.ok
    assert "texts of entries 0-2" in report.notes[0]


def test_garbage_is_refused_with_a_reason() -> None:
    for garbage in ([], [b""], [b"\n"], [b"{}\n"], [b"\xff\xfe"], [b"[" * 100_000 + b"\n"]):
        report = verify(garbage)
        assert [w.kind for w in report.wrong] == ["unreadable"]


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_never_raises(garbage: list[bytes]) -> None:
    assert not verify(garbage).ok
    assert not verify([*export(1), *garbage, b"{}\n"]).ok


# ------------------------------------------------------------------ keys and signatures


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [  # RFC 8032 7.1, tests 1 and 2
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ],
)
def test_ed25519_known_answers(public: str, message: str, signature: str) -> None:
    p, m, s = (bytes.fromhex(x) for x in (public, message, signature))
    assert verifier.ed25519(p, m, s)
    assert check(p, m, s)
    for i in range(64):
        bad = s[:i] + bytes([s[i] ^ 1]) + s[i + 1 :]
        assert not verifier.ed25519(p, m, bad)
    assert not verifier.ed25519(p, m + b"x", s)


def test_ed25519_agrees_with_the_library() -> None:
    for i in range(12):
        signer = Signer("x", bytes([i]) * 32)
        note = signer.sign(i, bytes([i]) * 32)
        assert read_checkpoint(note, [signer.public]) == read_checkpoint(note, [signer.public], check)
        other = Signer("x", bytes([i + 1]) * 32)
        with pytest.raises(Unverifiable):
            read_checkpoint(note, [other.public])


def test_the_key_text_is_that_of_signed_notes() -> None:
    known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert str(PublicKey.read(known + "\n")) == known
    assert PublicKey.read(str(KEY)) == KEY
    for bad in ("", "x", known[:-1], known.replace("033d", "033e"), "a+b+c", known.replace("+Ac", "+Bc")):
        with pytest.raises(Unverifiable):
            PublicKey.read(bad)


def test_others_may_sign_beside_the_log() -> None:
    note = SIGNER.sign(3, b"r" * 32)
    body, _, signature = note.partition("\n\n")
    assert read_checkpoint(f"{body}\n\n— witness.example AAAA\n{signature}", [KEY]).size == 3
    with pytest.raises(Unverifiable):
        read_checkpoint(f"{body}\n\n— witness.example AAAA\n", [KEY])


def test_notes_in_a_file_come_apart_again() -> None:
    notes = [SIGNER.sign(n, bytes([n]) * 32) for n in range(3)]
    assert split_notes("".join(n + "\n" for n in notes)) == notes
    assert split_notes(notes[0] + "\n") == notes[:1]
    assert split_notes("") == []


@pytest.mark.parametrize("name", ["", "a b", "a+b", " a", "a\n"])
def test_a_log_is_not_named_like_that(name: str) -> None:
    with pytest.raises(ValueError):
        Signer(name, b"x" * 32)


# ------------------------------------------------------------------ alone


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier's file alone, copied elsewhere, in a Python without site-packages."""
    copy = directory / "verifier.py"
    copy.write_text(Path(verifier.__file__).read_text())
    command = [sys.executable, "-I", "-S", str(copy), *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=60)


def test_it_is_read_in_ten_minutes() -> None:
    """Fewer than 300 lines of code, besides docstrings, comments and empty lines; and no import but the library's."""
    text = Path(verifier.__file__).read_text()
    tree_ = ast.parse(text)
    docs: set[int] = set()
    for node in ast.walk(tree_):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = [x for i, x in enumerate(text.split("\n"), 1) if i not in docs and x.strip() and x.strip()[0] != "#"]
    assert len(lines) < 300
    imported = {n.name for i in ast.walk(tree_) if isinstance(i, ast.Import) for n in i.names}
    imported |= {str(i.module) for i in ast.walk(tree_) if isinstance(i, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_it_stands_alone(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "log.pub").write_text(f"{KEY}\n")
    (tmp_path / "kept.txt").write_text(SIGNER.sign(2, b"z" * 32))
    good = run(tmp_path, "log.jsonl", "--public-key", "log.pub")
    assert good.returncode == 0, good.stderr
    assert "7 of 7 entries verified" in good.stdout
    (tmp_path / "bad.jsonl").write_bytes(
        b"".join(lines).replace(b'"decision":"0123abcd-4"', b'"decision":"0123abcd-5"')
    )
    bad = run(tmp_path, "bad.jsonl", "--public-key", str(KEY))
    assert bad.returncode == 1
    assert "WRONG: changed: entry 4 (line 6)" in bad.stdout
    rewritten = run(tmp_path, "log.jsonl", "--public-key", "log.pub", "--checkpoint", "kept.txt")
    assert rewritten.returncode == 1
    assert "rewritten" in rewritten.stdout
    none = run(tmp_path, "absent.jsonl", "--public-key", "log.pub")
    assert none.returncode == 2
    assert "absent.jsonl" in none.stderr
