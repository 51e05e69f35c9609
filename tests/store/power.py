"""Power that fails: what a disk would still have of the journal and of SQLite's files, which are watched as written.

SQLite is given a VFS (sqlite.org/vfs.html) that hands everything on to the real one and keeps, for each database and
write-ahead log, what was there at the last sync and each write since. When the power fails, of the writes since the
last sync every sector (512 bytes) is on disk or is not, by chance; of a journal file likewise. What was synced stays.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import random
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_POINTERS = 18
_WATCHED = 0x100 | 0x80000  # SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL


class _Methods(ctypes.Structure):
    _fields_ = (("version", c_int), ("functions", c_void_p * _POINTERS))


class _File(ctypes.Structure):
    _fields_ = (("methods", POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("path_length", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("others", c_void_p * 14),
    )


# the name as the pointer that it is: SQLite keeps it, and reads what lies behind it
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(_File), c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_XWRITE, _XTRUNCATE, _XSYNC = 2, 3, 4


@dataclass
class Image:
    """A file: `synced` is on disk; `since` are (offset, data), or a new size, that may be."""

    synced: bytearray
    since: list[tuple[int, bytes] | int] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.since:
            _apply(self.synced, change)
        self.since.clear()

    def after_power_loss(self, chance: random.Random) -> bytes:
        found = bytearray(self.synced)
        share = chance.choice((0.0, 0.2, 0.5, 0.9, 1.0))
        for change in self.since:
            if isinstance(change, int):
                if chance.random() < share:
                    _apply(found, change)
                continue
            offset, data = change
            for at in range(0, len(data), SECTOR):
                if chance.random() < share:
                    _apply(found, (offset + at, data[at : at + SECTOR]))
        return bytes(found)


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(change - len(content)))
        return
    offset, data = change
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """The disk under one log's directory. `lying`: it says that it has synced, and has not."""

    def __init__(self, directory: Path, *, lying: bool = False) -> None:
        self.directory = directory
        self.lying = lying
        self.lock = threading.Lock()
        self.images: dict[str, Image] = {}
        self.journal: dict[str, bytes] = {}

    def sync(self, fd: int) -> None:
        """In place of fdatasync, for the journal."""
        with self.lock:
            os.fdatasync(fd)
            if not self.lying:
                self.journal[Path(os.readlink(f"/proc/self/fd/{fd}")).stem] = os.pread(fd, 1 << 30, 0)

    def after_power_loss(self, chance: random.Random, target: Path) -> None:
        """Files as they are found when the power is back. While this looks, nothing that is written can be synced."""
        (target / "journal").mkdir(parents=True)
        with self.lock:
            names = {p.stem for p in (self.directory / "journal").glob("*.journal")}
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    data = (self.directory / "journal" / f"{name}.journal").read_bytes()
                    (target / "journal" / f"{name}.journal").write_bytes(self._left(name, data, chance))
            for name in set(self.journal) - names:
                # It had been deleted; the directory was not synced, so it may be there again.
                if chance.random() < 0.3:
                    (target / "journal" / f"{name}.journal").write_bytes(self.journal[name])
            for path, image in self.images.items():
                if Path(path).parent == self.directory:
                    (target / Path(path).name).write_bytes(image.after_power_loss(chance))
            shutil.copytree(self.directory / "keys", target / "keys")
            shutil.copy(self.directory / "log.pub", target / "log.pub")
            with contextlib.suppress(FileNotFoundError):
                notes = (self.directory / "checkpoints.txt").read_bytes()
                cut = chance.choice((0, chance.randrange(200)))
                (target / "checkpoints.txt").write_bytes(notes[: max(0, len(notes) - cut)])

    def _left(self, name: str, data: bytes, chance: random.Random) -> bytes:
        synced = self.journal.get(name, b"")
        tail = data[len(synced) :]
        match chance.randrange(4):
            case 0:
                tail = b""
            case 1:
                tail = tail[: chance.randrange(len(tail) + 1)]
            case 2:
                tail = bytes(len(tail))  # the file's length was written, its pages were not
            case _:
                tail = bytes(b ^ (chance.random() < 0.01) for b in tail)
        return synced + tail


class Watch:
    """The VFS. Files below no known disk are left alone. One for the whole process, since files may stay open."""

    def __init__(self) -> None:
        self.disks: dict[str, Disk] = {}
        self._library = ctypes.CDLL(_sqlite3.__file__)
        find = self._library.sqlite3_vfs_find
        find.restype = POINTER(_Vfs)
        self._real = find(None)
        self._open, self._delete = _OPEN(self._real.contents.open), _DELETE(self._real.contents.delete)
        self._methods: dict[int, _Methods] = {}
        self._files: dict[int, str] = {}
        self._kept: list[object] = []
        self._vfs = _Vfs.from_buffer_copy(self._real.contents)
        self._vfs.name = b"watched"
        self._vfs.next = None
        self._vfs.open = self._pointer(_OPEN(self._opened))
        self._vfs.delete = self._pointer(_DELETE(self._deleted))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this runs, newly opened databases are watched."""
        register = self._library.sqlite3_vfs_register
        assert register(ctypes.byref(self._vfs), 1) == 0
        try:
            yield
        finally:
            assert register(self._real, 1) == 0

    def _pointer(self, function: object) -> int | None:
        self._kept.append(function)
        return ctypes.cast(function, c_void_p).value  # type: ignore[arg-type]

    def _disk(self, path: str) -> Disk | None:
        return self.disks.get(os.path.dirname(path))

    def _opened(self, vfs: int, name: int | None, file: object, flags: int, out: object) -> int:
        code = self._open(vfs, name, file, flags, out)
        if code != 0 or name is None or not flags & _WATCHED:
            return code
        path = ctypes.string_at(name).decode()
        disk = self._disk(path)
        if disk is None:
            return code
        with disk.lock:
            if path not in disk.images:
                disk.images[path] = Image(bytearray(Path(path).read_bytes()))
        address = ctypes.addressof(file.contents)  # type: ignore[attr-defined]
        self._files[address] = path
        file.contents.methods = ctypes.pointer(self._watched(file.contents.methods))  # type: ignore[attr-defined]
        return code

    def _deleted(self, vfs: int, name: bytes, sync: int) -> int:
        disk = self._disk(name.decode())
        if disk is None:
            return self._delete(vfs, name, sync)
        with disk.lock:
            disk.images.pop(name.decode(), None)
            return self._delete(vfs, name, sync)

    def _watched(self, real: object) -> _Methods:
        """A table of methods that tells us of writes and syncs and calls the real ones."""
        address = ctypes.addressof(real.contents)  # type: ignore[attr-defined]
        known = self._methods.get(address)
        if known is not None:
            return known
        write = _WRITE(real.contents.functions[_XWRITE])  # type: ignore[attr-defined]
        truncate = _TRUNCATE(real.contents.functions[_XTRUNCATE])  # type: ignore[attr-defined]
        sync = _SYNC(real.contents.functions[_XSYNC])  # type: ignore[attr-defined]

        def on_write(file: int, data: int, length: int, offset: int) -> int:
            path = self._files[file]
            disk = self._disk(path)
            assert disk is not None
            with disk.lock:
                disk.images[path].since.append((offset, ctypes.string_at(data, length)))
                return write(file, data, length, offset)

        def on_truncate(file: int, size: int) -> int:
            path = self._files[file]
            disk = self._disk(path)
            assert disk is not None
            with disk.lock:
                disk.images[path].since.append(size)
                return truncate(file, size)

        def on_sync(file: int, flags: int) -> int:
            path = self._files[file]
            disk = self._disk(path)
            assert disk is not None
            with disk.lock:
                code = sync(file, flags)
                if code == 0 and not disk.lying:
                    disk.images[path].sync()
                return code

        # The length of the real table depends on its version (1, 2, 3); what lies behind it is never called.
        count = {1: 12, 2: 16}.get(real.contents.version, _POINTERS)  # type: ignore[attr-defined]
        made = _Methods(real.contents.version)  # type: ignore[attr-defined]
        for i in range(count):
            made.functions[i] = real.contents.functions[i]  # type: ignore[attr-defined]
        made.functions[_XWRITE] = self._pointer(_WRITE(on_write))
        made.functions[_XTRUNCATE] = self._pointer(_TRUNCATE(on_truncate))
        made.functions[_XSYNC] = self._pointer(_SYNC(on_sync))
        self._methods[address] = made
        return made
