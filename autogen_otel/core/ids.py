"""Identities: ordinals for operations, serial numbers for objects, request IDs."""

from __future__ import annotations

import itertools
import random
import re
import weakref
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

next_operation_id = itertools.count(1).__next__

MAX_REQUEST_ID: Final = 128
_UNWANTED = re.compile(r"[^A-Za-z0-9._:@/+=~-]")
_random = random.SystemRandom()


def random_hex(digits: int = 16) -> str:
    """Return a random ID of that many hex digits."""
    return f"{_random.getrandbits(digits * 4):0{digits}x}"


def clean_request_id(request_id: object) -> str:
    """Return an ID that is safe in headers, logs and URLs.

    A request ID usually comes from a header and is untrusted: it is cut at 128 characters, and each character other
    than letters, digits and `._:@/+=~-` becomes `_`. Nothing is raised, for a request must not fail over its ID.

    Args:
        request_id: Anything with a text; None or an empty text gets a random ID.
    """
    text = "" if request_id is None else str(request_id)[:MAX_REQUEST_ID]
    return _UNWANTED.sub("_", text) or random_hex()


class PerObject(Generic[T]):
    """Remembers a value for each object, for as long as the object lives and without keeping it alive.

    `id()` is reused as soon as an object is gone, so it cannot tell two agents apart that lived one after the other; a
    `WeakKeyDictionary` can, at five times the cost and only for what is hashable.

    Args:
        make: Makes the value when an object is seen first.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._entries: dict[int, tuple[T, weakref.ref[Any]]] = {}

    def of(self, thing: Any) -> T:
        """Return the value that belongs to `thing`.

        Raises:
            TypeError: `thing` cannot be referred to weakly.
        """
        address = id(thing)
        entry = self._entries.get(address)
        if entry is not None and entry[1]() is thing:
            return entry[0]
        value = self._make(thing)
        # The entry of an earlier object at this address may be forgotten late; it must not take this one with it.
        self._entries[address] = (value, weakref.ref(thing, lambda ref: self._forget(address, ref)))
        return value

    def _forget(self, address: int, reference: weakref.ref[Any]) -> None:
        entry = self._entries.get(address)
        if entry is not None and entry[1] is reference:
            del self._entries[address]


def serials() -> PerObject[int]:
    """Return a memory that gives each object a number of its own."""
    numbers = itertools.count(1)
    return PerObject(lambda _: next(numbers))


# One numbering for the agents of all AutoGen lines, so that a number never stands for two of them.
agent_serials: Final = serials()
