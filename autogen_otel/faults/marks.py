"""Knowing a recorded exception again, so that it is recorded once and can be handed back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.faults.chain import links_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault

# The mark lives on the exception, so the fault is known for as long as the exception may still be raised again, and is
# gone with it. Exceptions cannot be referred to weakly.
_MARK: Final = "__autogen_otel_fault__"


class _Mark(str):
    """ID of the fault and of its request; pickled it is plain text, for a process may not have this package."""

    __slots__ = ("fault",)
    fault: Fault

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def mark(error: BaseException, fault: Fault) -> None:
    """Note on an exception which fault it was recorded as."""
    found = error.__dict__[_MARK] = _Mark(f"{fault.id} {fault.request_id}")
    found.fault = fault


def fault_of(error: BaseException, request_id: str) -> Fault | None:
    """Return the fault that an exception, or one of its causes, was recorded as in this request and process."""
    for _, found in _marked(error):
        if isinstance(found, _Mark) and found.fault.request_id == request_id:
            return found.fault
    return None


def recorded_fault(error: BaseException, request_id: str | None) -> str | None:
    """Return the ID of the fault that an exception, or one of its causes, was recorded as in this request.

    The request counts because an exception object may be raised again and again (a module-level constant). None, where
    the request has ended, stands for any.
    """
    for _, found in _marked(error):
        fault_id, _, owner = found.partition(" ")
        if request_id in {None, owner}:
            return fault_id
    return None


def original_exception(error: BaseException) -> BaseException:
    """Return the exception that was really raised, where AutoGen or the application raised another one instead.

    Args:
        error: What the application caught, for instance `KeyError('value')` or a builtin `TimeoutError`.

    Returns:
        The object that was recorded where it was raised, with its traceback and fields; `error` itself when it is
        the original, or when nothing was recorded.
    """
    for member, _ in _marked(error):
        return member
    return error


def _marked(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    for _, member in links_of(error):
        found = member.__dict__.get(_MARK)
        if isinstance(found, str):
            yield member, found
