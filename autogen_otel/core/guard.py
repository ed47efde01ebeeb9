"""The one guard: keeps a mistake of ours away from the host program.

This is the only file that catches `Exception`. The host's own call never runs inside it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_log = logging.getLogger("autogen_otel")


class Failed:
    """The answer of a guarded call that raised."""

    __slots__ = ()

    def __bool__(self) -> Literal[False]:
        return False


FAILED: Final = Failed()


class Guard:
    """Calls our own code so that what it raises does not reach the host.

    Attributes:
        strict: Raise instead of reporting. The tests switch it on, so that our mistakes are loud for us.
    """

    __slots__ = ("_reported", "strict")

    def __init__(self) -> None:
        self.strict = False
        self._reported: set[tuple[str, str]] = set()

    def call(self, function: Callable[..., T], *args: Any) -> T | Failed:
        """Return `function(*args)`, or FAILED when it raised an `Exception`.

        Cancellation, `SystemExit` and `KeyboardInterrupt` pass: they are not ours to stop.
        """
        try:
            return function(*args)
        except Exception as error:
            if self.strict:
                raise
            self._report(function, error)
            return FAILED

    def call_each(
        self, hooks: tuple[tuple[Any, Callable[..., None]], ...], facts: tuple[Any, ...], failed: Callable[[Any], None]
    ) -> None:
        """Call each hook with the facts, each guarded by itself; `failed(owner)` for one that raised.

        One frame for all of them: this runs twice for each call of the host.
        """
        for owner, hook in hooks:
            try:
                hook(*facts)
            except Exception as error:  # noqa: PERF203 - each by itself is the point
                if self.strict:
                    raise
                self._report(hook, error)
                failed(owner)

    def _report(self, function: Callable[..., Any], error: Exception) -> None:
        """Log a failure once for each place and type, so that a broken hot path does not flood the log."""
        place = getattr(function, "__qualname__", None) or type(function).__qualname__
        key = (place, type(error).__name__)
        if key in self._reported:
            return
        self._reported.add(key)
        _log.warning("autogen-otel failed in %s and goes on without it: %r", place, error, exc_info=error)


guard: Final = Guard()


def safe_text(thing: object) -> str:
    """Return `str(thing)`; of something of the host's whose `__str__` raises, a text that says so."""
    try:
        return str(thing)
    except Exception as error:  # noqa: BLE001 - the host's __str__ may raise anything
        return f"<unprintable {type(thing).__name__}: {type(error).__name__}>"
