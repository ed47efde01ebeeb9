"""The oracle: what the provider received and what it sent back, kept apart from the program under test."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Received:
    """One request for a completion, and what became of it.

    Attributes:
        number: Its ordinal among all requests to the provider, from 1.
        model: The model that was asked for.
        status: The HTTP status that was sent; 0 when none was, or not yet.
        tokens: The request tokens in the prompt.
        user_tokens: The request tokens in the newest message of a user.
        api_key: The bearer token.
        headers: The HTTP headers, names in lower case.
        retry_count: How often the client had tried before, by its own word.
        started: When its headers had been read, in seconds of `time.monotonic()`.
        ended: When the last bytes were about to be sent; None as long as they are not.
        port: The client's port, the same for all requests on one connection.
        body: Everything that was sent.
    """

    number: int
    model: str
    status: int
    tokens: tuple[str, ...]
    user_tokens: tuple[str, ...]
    api_key: str
    headers: Mapping[str, str]
    retry_count: int
    started: float
    ended: float | None
    port: int
    body: Mapping[str, Any]

    @property
    def request_id(self) -> str:
        """The `x-request-id` of the response."""
        return request_id(self.number)


def request_id(number: int) -> str:
    """Return the `x-request-id` of the response to the request with this ordinal."""
    return f"req_provider_{number}"


class ReceivedLog:
    """Keeps the records of requests, from any number of threads.

    Args:
        keep: How many of the requests that ended, the newest, are remembered; None for all.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Received] = {}
        self._ended: deque[Received] = deque(maxlen=keep)
        self._statuses: Counter[int] = Counter()
        self.next_number = itertools.count(1).__next__

    def open(self, record: Received) -> None:
        """Remember a request that came in."""
        with self._lock:
            self._open[record.number] = record

    def close(self, number: int, status: int, ended: float) -> None:
        """Remember what became of a request. The first word counts; numbers that are not open are ignored."""
        with self._lock:
            record = self._open.pop(number, None)
            if record is not None:
                self._ended.append(replace(record, status=status, ended=ended))
                self._statuses[status] += 1

    def snapshot(self) -> tuple[Received, ...]:
        """Return the records, those of requests that are still open included, in the order of arrival."""
        with self._lock:
            records = [*self._ended, *self._open.values()]
        return tuple(sorted(records, key=lambda record: record.number))

    def statuses(self) -> Counter[int]:
        """Return how many requests ended with each status, those no longer remembered included."""
        with self._lock:
            return Counter(self._statuses)
