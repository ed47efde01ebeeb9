"""A lock on an open file that nobody waits for: it is taken at once or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    # A byte that no file of ours reaches: a lock on Windows keeps others from reading what it covers.
    _BYTE = 0x7FFF_FFFE

    def try_lock(fd: int) -> bool:
        """Take the lock of a file; False when someone has it."""
        os.lseek(fd, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(fd: int) -> None:
        """Give the lock back."""
        os.lseek(fd, _BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

    def remove_idle(path: str) -> bool:
        """Remove a file unless someone has it open; tell whether it is gone."""
        try:
            Path(path).unlink()
        except FileNotFoundError:
            return True
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Take the lock of a file; False when someone has it.

        `flock` and not `lockf`: it belongs to the open file, so it holds between threads too, and closing the file
        elsewhere in the process does not lose it.

        Raises:
            OSError: The file system has no locks.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(fd: int) -> None:
        """Give the lock back, also where a child forked meanwhile still has the file open: closing would not."""
        fcntl.flock(fd, fcntl.LOCK_UN)

    def remove_idle(path: str) -> bool:
        """Remove a file unless someone is writing to it; tell whether it is gone."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            return try_lock(fd) and _remove_locked(path, fd)
        finally:
            os.close(fd)

    def _remove_locked(path: str, fd: int) -> bool:
        try:
            Path(path).unlink()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        finally:
            unlock(fd)
        return True
