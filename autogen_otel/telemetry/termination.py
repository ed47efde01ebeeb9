"""The ends of a process at which Python runs nothing at exit: what is queued is sent before.

SIGTERM, by which every container is stopped, is one; the end of a process of multiprocessing is another.
"""

from __future__ import annotations

import signal
import threading
from multiprocessing import parent_process, util
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable


class Termination:
    """Sends what is queued before the process ends, as it would have done without us.

    By SIGTERM only where the application, or its server, leaves the signal to the system; a handler of theirs stays.

    Args:
        send: Sends what is queued within a given time. It must not need a lock that this thread may hold: the handler
            runs between any two lines of the program.
    """

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send
        self._handler = self._handle
        self._finalizer: util.Finalize | None = None
        self._watching = False
        self._sending = False
        self._asked = False

    def watch(self) -> None:
        """Take the signal, which only the main thread can, and be told of the end of a process of multiprocessing."""
        self._watching = True
        if parent_process() is not None:
            self._finalize()
        util.register_after_fork(self, Termination._finalize)
        if _is_main() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._handler)

    def wait(self) -> None:
        """Let the signal wait: what is queued is being sent already, as at the end of a program."""
        self._sending = True

    def leave(self) -> None:
        """Give it back, and be told of no end; a signal that has waited is let go."""
        self._watching = False
        if self._finalizer is not None:
            self._finalizer.cancel()
        if _is_main() and signal.getsignal(signal.SIGTERM) is self._handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._sending = False
        if self._asked:
            self._asked = False
            signal.raise_signal(signal.SIGTERM)

    def _finalize(self) -> None:
        """Be told of the end of this process, before multiprocessing ends it without a word."""
        if self._watching:
            self._finalizer = util.Finalize(None, guard.call, (self._send,), exitpriority=0)

    def _handle(self, number: int, frame: Any) -> None:  # noqa: ARG002 - as the signal module calls it
        if self._sending and not self._asked:
            self._asked = True
            return
        # First, so that a second signal ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        if not self._sending:
            guard.call(self._send)
        signal.raise_signal(number)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
