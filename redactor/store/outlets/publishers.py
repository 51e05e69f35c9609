"""Publishing checkpoints: into a file, an object store, a git repository, another database, syslog; to a witness.

Knows each of these. Must not know the log's store. Invariant: nothing that has been published is ever written over; an
outlet that has another checkpoint of the same size is OtherHistory.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import SplitResult

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, insert, select

from redactor.audit.entry import time_text
from redactor.audit.formats.syslog import note_message
from redactor.audit.witness import WitnessKey, cosigned
from redactor.audit.witness import request as witness_request
from redactor.errors import RedactorError
from redactor.store import published
from redactor.store.database import Database
from redactor.store.outlets import http
from redactor.store.outlets.outlet import Consistency, Undelivered, not_there_yet, require_same
from redactor.store.outlets.streams import Syslog

GIT_SECONDS = 60


class File:
    """A file of checkpoints, on another disk or a share; grows only."""

    everything = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`."""
        try:
            published.mend(self._path)
            text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
            missing = set(not_there_yet(text, notes))
            published.append(self._path, [(s, n) for s, n in notes if n in missing])
        except OSError as e:
            raise Undelivered(f"{self._path}: {e.strerror or e}") from None
        return []


class S3:
    """An object store that speaks S3: one object a checkpoint, `prefix/origin/<size>.txt`, never replaced."""

    everything = True

    def __init__(
        self, endpoint: SplitResult, bucket: str, prefix: str, who: http.Credentials, ca: str | None = None
    ) -> None:
        self._endpoint = endpoint
        self._place = f"/{bucket}/{prefix.strip('/')}".rstrip("/")
        self._who = who
        self._ca = ca

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`. A bucket with object lock keeps them from its own administrators, too."""
        for size, note in notes:
            origin = note.partition("\n")[0]
            path = http.encoded(f"{self._place}/{origin}/{size:020}.txt")
            answer = self._ask("PUT", path, note.encode(), {"if-none-match": "*", "content-type": "text/plain"})
            if answer.status in (409, 412):
                there = self._ask("GET", path, b"", {})
                if there.status != 200:
                    raise Undelivered(f"{path} is there and cannot be read: status {there.status}")
                require_same(there.body.decode(errors="replace"), note, size)
            elif answer.status != 200:
                raise Undelivered(f"status {answer.status} for {path}")
        return []

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> http.Answer:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = http.sign_v4(
            method, path, headers | {"host": http.authority(self._endpoint)}, body, self._who, moment
        )
        return http.request(method, self._endpoint, path, headers, body, self._ca)


class Git:
    """A git repository: a commit on a branch, to which each checkpoint is appended. Never forced."""

    everything = True

    def __init__(self, repository: str, branch: str, clone: Path) -> None:
        """`clone`: where a bare copy is kept."""
        self._repository = repository
        self._branch = branch
        self._clone = clone

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`."""
        if not self._clone.exists():
            self._clone.parent.mkdir(parents=True, exist_ok=True)
            self._git("init", "-q", "--bare", str(self._clone), inside=False)
        here = f"refs/heads/{self._branch}"
        there = self._git("ls-remote", self._repository, here).split()
        parent = there[0] if there else ""
        if parent:
            self._git("fetch", "-q", "--no-tags", self._repository, f"+{here}:{here}")
        name = notes[-1][1].partition("\n")[0].replace("/", "_") + ".txt"
        known = parent and self._git("ls-tree", "--name-only", parent, "--", name)
        text = self._git("cat-file", "blob", f"{parent}:{name}") if known else ""
        missing = not_there_yet(text, notes)
        if not missing:
            return []
        blob = self._git("hash-object", "-w", "--stdin", give=text + "".join(n + "\n" for n in missing)).strip()
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}
            if parent:
                self._git("read-tree", parent, more=index)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", more=index)
            tree = self._git("write-tree", more=index).strip()
        title = f"Checkpoint of {notes[-1][0]} entries"
        commit = self._git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", title).strip()
        self._git("push", "-q", self._repository, f"{commit}:{here}")
        return []

    def _git(self, *words: str, give: str = "", more: dict[str, str] | None = None, inside: bool = True) -> str:
        who = {f"GIT_{role}_{part}": v for role in ("AUTHOR", "COMMITTER") for part, v in _GIT_PERSON.items()}
        environment = {**os.environ, **who, "GIT_TERMINAL_PROMPT": "0", **(more or {})}
        command = ["git", *(["--git-dir", str(self._clone)] if inside else []), *words]
        try:
            done = subprocess.run(
                command, input=give.encode(), capture_output=True, env=environment, timeout=GIT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Undelivered(f"git {words[0]}: {type(e).__name__}") from None
        if done.returncode:
            raise Undelivered(f"git {words[0]} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout.decode()


_GIT_PERSON = {"NAME": "redactor", "EMAIL": "redactor@localhost"}

_metadata = MetaData()
_checkpoints = Table(
    "redactor_checkpoints",
    _metadata,
    Column("origin", String(255), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)


class SecondDatabase:
    """A second database: the table redactor_checkpoints, made where it is missing. Rows are only added."""

    everything = True

    def __init__(self, url: str) -> None:
        self._url = url

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`."""
        try:
            database = Database(self._url, create=True)
            try:
                database.call(_metadata.create_all, write=True)
                for size, note in notes:
                    self._add(database, size, note)
            finally:
                database.close()
        except RedactorError as e:
            raise Undelivered(e.public) from None
        return []

    def _add(self, database: Database, size: int, note: str) -> None:
        origin = note.partition("\n")[0]
        found = (_checkpoints.c.origin == origin) & (_checkpoints.c.size == size)
        there = database.call(lambda c: c.execute(select(_checkpoints.c.note).where(found)).scalar())
        if there is not None:
            require_same(str(there), note, size)
            return
        database.call(lambda c: c.execute(insert(_checkpoints).values(origin=origin, size=size, note=note)), write=True)


class Announcement:
    """Syslog: each checkpoint is a message."""

    everything = True

    def __init__(self, stream: Syslog, clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._clock = clock

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`, as far as syslog can tell: it acknowledges nothing."""
        at = time_text(self._clock())
        host, process = self._stream.host, self._stream.process
        self._stream.send([note_message(at, note, host, process) for _, note in notes])
        return []


class Witnessed:
    """A witness (C2SP tlog-witness), which cosigns the newest checkpoint once it has seen that the log only grew."""

    everything = False

    def __init__(self, prefix: SplitResult, key: WitnessKey, consistency: Consistency, ca: str | None = None) -> None:
        self._prefix = prefix
        self._key = key
        self._consistency = consistency
        self._ca = ca
        self._old = 0

    def publish(self, notes: Sequence[tuple[int, str]]) -> list[str]:
        """As `Publisher.publish`; gives the cosignature. Undelivered with what the witness says where it refuses."""
        size, note = notes[-1]
        note = note.partition("\n\n")[0] + "\n\n" + note.partition("\n\n")[2].split("\n")[0] + "\n"
        for _ in range(2):
            proof = self._consistency(self._old, size) if 0 < self._old <= size else []
            answer = self._ask(witness_request(min(self._old, size), proof, note))
            if answer.status != 409:
                break
            there = answer.body.strip()
            self._old = int(there) if there.isdigit() and len(there) < 19 else 0
            if self._old > size:
                raise Undelivered(f"the witness has seen {self._old} entries of this log, and it has {size} now")
        text = answer.body.decode(errors="replace")
        if answer.status != 200:
            raise Undelivered(f"the witness does not cosign ({answer.status}): {text.strip()[:200]}")
        lines = [line for line in text.splitlines(keepends=True) if cosigned(f"{note}{line}", self._key) is not None]
        if not lines:
            raise Undelivered("the witness's answer is not signed with its key")
        self._old = size
        return lines[:1]

    def _ask(self, body: bytes) -> http.Answer:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Host": http.authority(self._prefix)}
        path = self._prefix.path.rstrip("/") + "/add-checkpoint"
        return http.request("POST", self._prefix, path, headers, body, self._ca)
