"""The files of a store: finding, creating, appending, removing."""

from __future__ import annotations

import itertools
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core.paths import STORE_FILE, store_file_name
from autogen_otel.telemetry.store_lock import remove_idle, try_lock, unlock

if TYPE_CHECKING:
    from pathlib import Path

# Windows has no O_NOFOLLOW, the others no O_BINARY.
_FLAGS: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class StoreFile(NamedTuple):
    """A file of the store as it was when the folder was looked at; size in bytes, time in nanoseconds since 1970."""

    path: str
    signal: str
    size: int
    changed_ns: int


def files_of(folder: Path) -> list[StoreFile]:
    """Return the store's own files in a folder, none where there is no such folder; links are nobody's.

    Raises:
        OSError: The folder cannot be read.
    """
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    return [found for entry in entries if (found := _look_at(entry)) is not None]


def create(folder: Path, signal: str) -> tuple[str, int]:
    """Create a file and return its path and a descriptor for it; the folder too, if it is not there.

    They can be read by their owner only: telemetry may hold what customers said.

    Raises:
        OSError: It cannot be created.
    """
    # Counted on and not asked again: the host's tests may have stopped the clock.
    later = itertools.count(time.time_ns(), 1000)
    while True:
        path = str(folder / store_file_name(signal, next(later), os.getpid()))
        try:
            return path, os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:
            # Another thread in the same microsecond, or another container in which the process has the same number.
            continue


def open_existing(path: str) -> int | None:
    """Return a descriptor for appending to a file; None where it is gone, or belongs to another user."""
    try:
        return os.open(path, _FLAGS)
    except OSError:
        return None


def append(fd: int, line: bytes, max_bytes: int) -> bool:
    """Append a line to an open file, if nobody else is writing to it, it is not removed and has room.

    Args:
        fd: A descriptor from `create` or `open_existing` that nobody else uses.
        line: The line with its end.
        max_bytes: How long the file may become; an empty one takes a line of any length.

    Returns:
        Whether the line is in the file, whole. When not, nothing of it is.

    Raises:
        OSError: The disk is full, or broken, or the file system has no locks.
    """
    if not try_lock(fd):
        return False
    try:
        status = os.fstat(fd)
        size = status.st_size
        if status.st_nlink == 0 or (size and size + len(line) > max_bytes):
            return False
        # A writer that was killed can leave half a line. It stays half a line, and does not spoil this one.
        _write(fd, line if _ends_with_line(fd, size) else b"\n" + line, size)
        return True
    finally:
        unlock(fd)


def prune(folder: Path, max_bytes: int, keep: str) -> None:
    """Remove files, those first that were written to longest ago, until the rest is small enough.

    A file that is being written to stays: it is not old. When several processes do this at once, each removes the
    same files, and the last one sees what all of them wrote.

    Args:
        folder: The folder of the store.
        max_bytes: How much may stay.
        keep: The path of a file that stays in any case.

    Raises:
        OSError: The folder cannot be read.
    """
    files = files_of(folder)
    total = sum(file.size for file in files)
    for file in sorted(files, key=lambda file: (file.changed_ns, file.path)):
        if total <= max_bytes:
            return
        if file.path != keep and remove_idle(file.path):
            total -= file.size


def _look_at(entry: os.DirEntry[str]) -> StoreFile | None:
    name = STORE_FILE.fullmatch(entry.name)
    if name is None:
        return None
    try:
        # Not `entry.stat()`: on Windows it tells the size that the folder remembers of a file that is open.
        status = os.stat(entry.path, follow_symlinks=False)  # noqa: PTH116 - an entry is no Path
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return StoreFile(entry.path, name["signal"], status.st_size, status.st_mtime_ns)


def _ends_with_line(fd: int, size: int) -> bool:
    if size == 0:
        return True
    os.lseek(fd, size - 1, os.SEEK_SET)
    return os.read(fd, 1) == b"\n"


def _write(fd: int, line: bytes, size: int) -> None:
    """Write all of a line, or nothing: what a full disk took of it is cut off again."""
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise
