"""Knowing a recorded exception again, so that it is recorded once and can be handed back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.faults.chain import links_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# The mark lives on the exception, so it is gone with it and holds nothing alive. It is plain text, so that an exception
# can still be pickled into a process without this package. Exceptions cannot be referred to weakly.
_MARK: Final = "__autogen_otel_fault__"


def mark(error: BaseException, fault_id: str, request_id: str) -> None:
    """Note on an exception that it was recorded, and in which request."""
    error.__dict__[_MARK] = f"{fault_id} {request_id}"


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
