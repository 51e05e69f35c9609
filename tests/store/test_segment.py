"""The journal's file: what is read back after crashes, full disks and damage."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redactor.store.segment import HEAD, START, Segment, left_behind

NAME = "0123456789abcdef" * 2


def everything(segment: Segment, limit: int = 1 << 20) -> tuple[list[tuple[int, bytes]], list[bool]]:
    """All records as (number, payload), and for each damage whether it looks torn."""
    records, damages, at = [], [], START
    while True:
        found, damage = segment.read(at, limit)
        if damage is not None:
            damages.append(damage.torn)
            at = damage.offset + damage.length
        elif found:
            records += [(r.number, r.payload) for r in found]
            at = found[-1].end
        else:
            return records, damages


def abandon(directory: Path, payloads: list[bytes]) -> Path:
    """A segment as a killed process leaves it."""
    segment = Segment.create(directory, NAME)
    for payload in payloads:
        segment.append([payload])
    segment.close()
    return segment.path


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file may grow beyond that many bytes, as if the disk were full (EFBIG instead of ENOSPC)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=200), min_size=1, max_size=4), max_size=6), st.integers(1, 300))
def test_what_was_written_is_read(tmp_path: Path, commits: list[list[bytes]], limit: int) -> None:
    segment = Segment.create(tmp_path, NAME)
    for payloads in commits:
        segment.append(payloads)
    expected = list(enumerate(p for payloads in commits for p in payloads))
    found = everything(segment, limit)
    segment.close()
    adopted = Segment.adopt(segment.path)
    assert adopted is not None
    found_again = everything(adopted, limit)
    adopted.remove()
    assert found == found_again == (expected, [])
    assert not list(tmp_path.iterdir())


def test_a_torn_end_is_cut_wherever_it_is_torn(tmp_path: Path) -> None:
    path = abandon(tmp_path, [b"one", b"two", b"three"])
    whole = path.read_bytes()
    ends = [START + HEAD + 3, START + 2 * HEAD + 6, START + 3 * HEAD + 11]
    for length in range(START, len(whole)):
        path.write_bytes(whole[:length])
        segment = Segment.adopt(path)
        assert segment is not None
        kept = sum(end <= length for end in ends)
        torn = [True] if length not in (START, *ends) else []
        assert everything(segment) == ([(0, b"one"), (1, b"two"), (2, b"three")][:kept], torn)
        segment.close()


@pytest.mark.parametrize("length", [0, 1, START - 1])
def test_a_file_that_never_began_is_empty(tmp_path: Path, length: int) -> None:
    path = abandon(tmp_path, [])
    path.write_bytes(path.read_bytes()[:length])
    segment = Segment.adopt(path)
    assert segment is not None
    assert everything(segment) == ([], [])
    segment.close()


def test_zeros_at_the_end_are_torn(tmp_path: Path) -> None:
    path = abandon(tmp_path, [b"one"])
    path.write_bytes(path.read_bytes() + bytes(500))
    segment = Segment.adopt(path)
    assert segment is not None
    assert everything(segment) == ([(0, b"one")], [True])
    segment.close()


def test_damage_costs_no_other_record_and_is_not_called_torn(tmp_path: Path) -> None:
    path = abandon(tmp_path, [b"number one", b"number two", b"number three"])
    whole = path.read_bytes()
    second = START + HEAD + 10
    for at in range(second, second + HEAD + 10):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        segment = Segment.adopt(path)
        assert segment is not None
        assert everything(segment) == ([(0, b"number one"), (2, b"number three")], [False]), at
        segment.close()


def test_nobody_takes_what_another_holds(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, NAME)
    assert left_behind(tmp_path) == []
    segment.close()
    (adopted,) = left_behind(tmp_path)
    assert left_behind(tmp_path) == []
    adopted.close()
    assert Segment.adopt(tmp_path / "gone.journal") is None


def test_a_name_is_used_once(tmp_path: Path) -> None:
    Segment.create(tmp_path, NAME).close()
    (tmp_path / (NAME + ".new")).touch()
    with pytest.raises(FileExistsError):
        Segment.create(tmp_path, NAME)


def test_no_room_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, NAME)
    segment.append([b"first"])
    before = segment.path.read_bytes()
    for room in range(0, HEAD + 60, 7):
        with file_limit(len(before) + room), pytest.raises(OSError):
            segment.append([b"x" * 40, b"y" * 40])
        assert segment.path.read_bytes() == before
        assert segment.usable
    segment.append([b"second"])
    assert everything(segment) == ([(0, b"first"), (1, b"second")], [])
    segment.close()


def test_no_room_for_a_new_file_leaves_none(tmp_path: Path) -> None:
    with file_limit(20), pytest.raises(OSError):
        Segment.create(tmp_path, NAME)
    assert list(tmp_path.iterdir()) == []


def test_after_a_failed_sync_the_segment_is_not_used_again(tmp_path: Path) -> None:
    fail = False

    def sync(fd: int) -> None:
        if fail:
            raise OSError(5, "Input/output error")
        os.fdatasync(fd)

    segment = Segment.create(tmp_path, NAME, sync)
    segment.append([b"first"])
    fail = True
    with pytest.raises(OSError):
        segment.append([b"second"])
    assert not segment.usable
    assert everything(segment) == ([(0, b"first")], [])
    segment.close()


def test_a_record_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, NAME)
    with pytest.raises(ValueError):
        segment.append([bytes((64 << 20) + 1)])
    assert everything(segment) == ([], [])
    segment.close()
