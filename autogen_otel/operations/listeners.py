"""Who is told what happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import MISTAKE, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autogen_otel.core.causes import Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled, Stalled, Used

_log = logging.getLogger("autogen_otel")


class Listener:
    """Hears facts. Every method is optional; one that is not overridden is never called and costs nothing."""

    def started(self, operation: Operation) -> None:
        """Hear that an operation started."""

    def finished(self, end: Finished) -> None:
        """Hear that an operation ended."""

    def faulted(self, operation: Operation, fault: Fault) -> None:
        """Hear of an exception as soon as it is caught, in the operation in which it was raised."""

    def settled(self, fact: Settled) -> None:
        """Hear whether AutoGen answered on after a fault, or the application saw an exception."""

    def used(self, fact: Used) -> None:
        """Hear that an operation began to use a conversation."""

    def stalled(self, fact: Stalled) -> None:
        """Hear that code of an operation has blocked its event loop."""

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        """Hear why a request failed or cannot be trusted, just before its own operation ends."""

    def veto(self, operation: Operation) -> Exception | None:
        """Return what to raise in place of the host's call, or a `Warning` to warn of it; None to let it through."""

    def notes(self) -> Mapping[str, Any]:
        """Return attributes of the end of a request: what is known by then of the process in which it ran."""
        return {}

    def enter(self, operation: Operation) -> Any:
        """Be current while a slice of the host's code runs; the answer is handed to `leave`."""

    def leave(self, token: Any) -> None:
        """Be current no longer."""

    def close(self) -> None:
        """Give back what was taken, after the last fact."""


class Listeners:
    """The listeners, sorted by what they listen to.

    A listener that raises is removed, named in one log line, and the rest still hear.
    """

    def __init__(self) -> None:
        self._all: tuple[Listener, ...] = ()
        self._sort()

    def add(self, listener: Listener) -> None:
        """Tell a listener from now on; telling it twice is once."""
        if listener not in self._all:
            self._all = (*self._all, listener)
            self._sort()

    def remove(self, listener: Listener) -> None:
        """Tell a listener no more; one that is not there is ignored."""
        self._all = tuple(other for other in self._all if other is not listener)
        self._sort()

    def _sort(self) -> None:
        def overriding(name: str) -> tuple[Listener, ...]:
            default = getattr(Listener, name)
            return tuple(one for one in self._all if getattr(type(one), name) is not default)

        self.started: tuple[Callable[[Operation], None], ...] = tuple(one.started for one in overriding("started"))
        # The other way round: who hears of a start first, and makes the span, hears of its end last.
        self.finished: tuple[Callable[[Finished], None], ...] = tuple(
            one.finished for one in reversed(overriding("finished"))
        )
        self.faulted = tuple(one.faulted for one in overriding("faulted"))
        self.settled = tuple(one.settled for one in overriding("settled"))
        self.used = tuple(one.used for one in overriding("used"))
        self.stalled = tuple(one.stalled for one in overriding("stalled"))
        self.concluded = tuple(one.concluded for one in overriding("concluded"))
        self.vetoes = overriding("veto")
        self.noting = overriding("notes")
        self.ambients = overriding("enter")

    def tell(self, hooks: tuple[Callable[[Any], None], ...], fact: Any) -> None:
        """Call each of the hooks, methods of listeners, with a fact, guarded each by itself."""
        for hook in hooks:
            try:
                hook(fact)
            except MISTAKE as error:  # noqa: PERF203 - each by itself is the point
                self._failed(hook, error)

    def tell_of(self, hooks: tuple[Callable[[Operation, Any], None], ...], operation: Operation, fact: Any) -> None:
        """Do the same with hooks that are told the operation in which it happened too."""
        for hook in hooks:
            try:
                hook(operation, fact)
            except MISTAKE as error:  # noqa: PERF203 - each by itself is the point
                self._failed(hook, error)

    def _failed(self, hook: Callable[..., None], error: Exception) -> None:
        guard.failed(hook, error)
        self.fuse(hook.__self__)  # type: ignore[attr-defined]

    def fuse(self, listener: Listener) -> None:
        """Remove a listener that raised and say so once."""
        if listener in self._all:
            self.remove(listener)
            _log.warning("autogen-otel removed its listener %s because it raised", type(listener).__name__)


listeners: Final = Listeners()
