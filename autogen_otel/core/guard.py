"""The one guard: keeps a mistake of ours away from the host program.

This is the only file that says what is caught. The host's own call never runs inside it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
# What the guard keeps away. Cancellation, `SystemExit` and `KeyboardInterrupt` pass: they are not ours to stop.
MISTAKE: Final = Exception
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
        """Return `function(*args)`, or FAILED when it made a mistake."""
        try:
            return function(*args)
        except MISTAKE as error:
            return self.failed(function, error)

    def failed(self, function: Callable[..., Any], error: Exception) -> Failed:
        """Report what `function` raised, and return FAILED: for a caller that has caught the MISTAKE itself.

        `try` is free and `call` is not, for its arguments go into a tuple and out again (0.2 µs); so is done what runs
        on every call of the host.
        """
        if self.strict:
            raise error
        self._report(function, error)
        return FAILED

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
    except MISTAKE as error:
        return f"<unprintable {type(thing).__name__}: {type(error).__name__}>"


def safe_attribute(thing: object, name: str) -> Any:
    """Return an attribute of something of the host's; None where it has none, or raises when it is read."""
    try:
        return getattr(thing, name, None)
    except MISTAKE:
        return None
