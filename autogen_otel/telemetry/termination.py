"""The end of a process by SIGTERM, as every container is stopped: Python runs nothing at exit then."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable


class Termination:
    """Sends what is queued before SIGTERM ends the process, as it would have done without us.

    Only where the application, or its server, leaves the signal to the system; a handler of theirs stays.

    Args:
        send: Sends what is queued within a given time. It must not need a lock that this thread may hold: the handler
            runs between any two lines of the program.
    """

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send
        self._handler = self._handle

    def watch(self) -> None:
        """Take the signal; only the main thread can."""
        if _is_main() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._handler)

    def leave(self) -> None:
        """Give it back."""
        if _is_main() and signal.getsignal(signal.SIGTERM) is self._handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _handle(self, number: int, frame: Any) -> None:  # noqa: ARG002 - as the signal module calls it
        # First, so that a second signal ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        guard.call(self._send)
        signal.raise_signal(number)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
