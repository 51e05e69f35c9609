"""The log's keys: made once, kept private, refused when damaged."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from redactor.audit.sealing import open_sealed
from redactor.errors import ConfigurationError
from redactor.store import Reader, keys, months
from tests.audit.samples import sample
from tests.store.opened import opened, url


async def test_keys_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    async with opened(tmp_path, origin="city.example/log") as log:
        first = log.keys
    for name in ("log.key", "digest.key", "auditor.key"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "redactor.db").stat().st_mode) == 0o600
    assert first.left == tmp_path / "keys/auditor.key"
    (tmp_path / "keys/auditor.key").unlink()
    async with opened(tmp_path) as log:
        assert log.keys.signer.public == first.signer.public
        assert (log.keys.digest, log.keys.auditor, log.keys.left) == (first.digest, first.auditor, None)
    assert repr(first) == "Keys(city.example/log)"


async def test_the_auditors_own_key_is_used_and_no_pair_is_made(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    pair = keys.prepare(theirs)
    async with opened(tmp_path, auditor_key=theirs / "keys/auditor.pub") as log:
        assert log.keys.auditor == pair.auditor
        await log.append(sample(4))
    assert not (tmp_path / "keys/auditor.key").exists()

    with Reader(url(tmp_path)) as reader:
        (entry,) = reader.find("0123abcd-4")
    assert entry.sealed is not None
    private = keys.private_key(theirs / "keys/auditor.key")
    of_month = months.unwrap(tmp_path, private, entry.value["sealed"]["to"])
    assert of_month is not None
    assert "'A000000004'" in json.loads(open_sealed(of_month, entry.sealed, "0123abcd-4"))["text"]


@pytest.mark.parametrize("name", ["keys/log.key", "keys/digest.key", "keys/auditor.pub", "log.pub"])
def test_a_damaged_key_is_said_so(tmp_path: Path, name: str) -> None:
    keys.prepare(tmp_path)
    (tmp_path / name).write_text("damaged\n")
    with pytest.raises(ConfigurationError) as refused:
        keys.prepare(tmp_path)
    assert name.rpartition("/")[2] in refused.value.faults[0].file


def test_an_absent_or_wrong_auditors_key_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        keys.prepare(tmp_path, auditor=tmp_path / "absent.pem")
    with pytest.raises(ConfigurationError):
        keys.private_key(tmp_path / "absent.key")
    with pytest.raises(ConfigurationError):
        keys.prepare(tmp_path / "other", origin="two words")
