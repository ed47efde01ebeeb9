"""The detectors, live: facts go in as they happen, causes go out to the other listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.core.facts import Kind
from autogen_otel.core.forks import after_fork_in_child, fork_gate
from autogen_otel.detectors.causes import Causes
from autogen_otel.errors import SharedStateError, SharedStateWarning
from autogen_otel.operations.listeners import Listener, listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.core.causes import Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled, Stalled, Used
    from autogen_otel.core.settings import OnShared


class Detection(Listener):
    """Finds the causes of requests when they end.

    To be added behind the listeners that make spans, metrics and logs: of an end it then hears first, and what it finds
    out is told while the span of the request is open.

    Args:
        keep: Told of the operations that may be cited as evidence.
    """

    def __init__(self, keep: Callable[[Operation], None]) -> None:
        self._keep = keep
        self._verdicts: list[tuple[Operation, Verdict]] = []
        self._causes = self._make()
        after_fork_in_child(self._renew)

    def started(self, operation: Operation) -> None:
        """Take it in."""
        # One fact at a time; a fork waits until the facts are whole.
        with fork_gate:
            self._causes.started(operation)

    def finished(self, end: Finished) -> None:
        """Take it in, and tell the verdict on a request that has ended."""
        with fork_gate:
            self._causes.finished(end)
            if not self._verdicts:
                return
            verdicts, self._verdicts = self._verdicts, []
        # Outside the lock: who hears it may be the application's own logging.
        for operation, verdict in verdicts:
            listeners.tell_of(listeners.concluded, operation, verdict)

    def faulted(self, operation: Operation, fault: Fault) -> None:
        """Take it in."""
        with fork_gate:
            self._causes.faulted(operation, fault)

    def settled(self, fact: Settled) -> None:
        """Take it in."""
        with fork_gate:
            self._causes.settled(fact)

    def used(self, fact: Used) -> None:
        """Take it in."""
        with fork_gate:
            self._causes.used(fact)

    def stalled(self, fact: Stalled) -> None:
        """Take it in."""
        with fork_gate:
            self._causes.stalled(fact)

    def _make(self) -> Causes:
        return Causes(lambda operation, verdict: self._verdicts.append((operation, verdict)), self._keep)

    def _renew(self) -> None:
        """Forget the requests of the process that forked this one: here they never end."""
        self._verdicts = []
        self._causes = self._make()


class Guarding(Detection):
    """Warns of, or stops, a model call that would mix two live requests.

    Args:
        keep: Told of the operations that may be cited as evidence.
        raising: Stop the call; warn otherwise, once for each two requests.
    """

    def __init__(self, keep: Callable[[Operation], None], *, raising: bool) -> None:
        super().__init__(keep)
        self._raising = raising

    def veto(self, operation: Operation) -> Exception | None:
        """Return what is to be raised, or to be warned of, instead of a model call."""
        if operation.kind is not Kind.MODEL:
            return None
        with fork_gate:
            others = self._causes.sharing(operation, once=not self._raising)
        if not others:
            return None
        text = (
            f"request {operation.request_id} shares a conversation or a prompt with request "
            f"{', '.join(others)}, which runs at the same time"
        )
        return SharedStateError(text) if self._raising else SharedStateWarning(text)


def detection_for(on_shared: OnShared, keep: Callable[[Operation], None]) -> Detection:
    """Return the listener for a setting of `on_shared`."""
    return Detection(keep) if on_shared == "log" else Guarding(keep, raising=on_shared == "raise")
