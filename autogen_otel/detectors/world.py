"""What is kept across requests: who holds which conversation, which loop was blocked, whom a provider has refused."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Finished, Operation, Stalled
    from autogen_otel.detectors.request_facts import RequestFacts

MAX_CONVERSATIONS: Final = 16_384
MAX_ENDED: Final = 4_096
MAX_PLACES: Final = 256
MAX_STALLS: Final = 64
MAX_REFUSED: Final = 64
MINUTE_NS: Final = 60 * 10**9


class Holder(NamedTuple):
    """Who uses a conversation, and the operation until whose end it is held."""

    request: RequestFacts
    operation: Operation
    scope: int


class Stall(NamedTuple):
    """A stretch during which an event loop could not go on."""

    root_id: int
    operation: Operation
    started_ns: int
    ended_ns: int


class World:
    """What is known of a process's, or of many processes', requests beside each by itself.

    A conversation and a loop belong to a process: after a fork the same key stands for another object.
    """

    def __init__(self) -> None:
        self._holders: dict[tuple[int, str], dict[int, Holder]] = {}
        self._held: dict[int, set[tuple[int, str]]] = {}
        self._live: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        self._stalls: dict[tuple[int, int], deque[Stall]] = {}
        self._refused: dict[object, deque[tuple[int, int]]] = {}

    # Requests

    def begin(self, request: RequestFacts) -> None:
        """Note that a request lives."""
        self._live[request.root.request_id] = request.root.id

    def end(self, request: RequestFacts) -> None:
        """Note that a request has ended; another one may go by the same ID."""
        request_id, end = request.root.request_id, request.end
        if self._live.get(request_id) == request.root.id:
            del self._live[request_id]
        if end is not None:
            self._ended.pop(request_id, None)
            self._ended[request_id] = end.ended_ns
            _bound(self._ended, MAX_ENDED)

    def met(self, request: RequestFacts, request_id: str) -> bool:
        """Tell whether another request was open at a time when this one was."""
        return request_id in self._live or self._ended.get(request_id, 0) > request.root.started_ns

    # Conversations

    def hold(self, request: RequestFacts, operation: Operation, conversation: str, scope: int) -> list[Holder]:
        """Let a request hold a conversation, and return the other requests that hold it.

        Args:
            request: Who begins to use it.
            operation: Which of its operations does.
            conversation: The key.
            scope: The operation until whose end it is held.
        """
        key = (operation.pid, conversation)
        holders = self._holders.setdefault(key, {})
        others = [holder for holder in list(holders.values()) if holder.request is not request]
        if scope not in holders:
            holders[scope] = Holder(request, operation, scope)
            self._held.setdefault(scope, set()).add(key)
            if len(self._holders) > MAX_CONVERSATIONS:
                self._forget_conversation(next(iter(self._holders)))
        return others

    def _forget_conversation(self, key: tuple[int, str]) -> None:
        """Forget who holds a conversation; a chat that never ends may go through any number of them."""
        for scope in self._holders.pop(key):
            self._held.get(scope, set()).discard(key)

    def release(self, scope: int) -> None:
        """Give back what was held until the end of an operation."""
        for key in self._held.pop(scope, ()):
            holders = self._holders.get(key)
            if holders is not None:
                holders.pop(scope, None)
                if not holders:
                    self._holders.pop(key, None)

    # Event loops

    def stall(self, root_id: int, fact: Stalled) -> None:
        """Note that a loop was blocked; who only waited for what was told already is not named beside it."""
        operation = fact.operation
        if operation.loop is None:
            return
        key = (operation.pid, operation.loop)
        stalls = self._stalls.setdefault(key, deque(maxlen=MAX_STALLS))
        inside = sum(
            one.ended_ns - one.started_ns
            for one in list(stalls)
            if one.root_id == root_id and one.started_ns >= fact.started_ns and one.ended_ns <= fact.ended_ns
        )
        if 2 * inside < fact.ended_ns - fact.started_ns:
            stalls.append(Stall(root_id, operation, fact.started_ns, fact.ended_ns))
        _bound(self._stalls, MAX_PLACES)

    def stalls(self, pid: int, loop: int | None) -> Iterator[Stall]:
        """Yield the recent stalls of a loop, oldest first."""
        if loop is not None:
            yield from list(self._stalls.get((pid, loop), ()))

    # Providers

    def refuse(self, root_id: int, end: Finished) -> None:
        """Note that a provider has refused a request with 429."""
        provider = _provider(end.operation)
        self._refused.setdefault(provider, deque(maxlen=MAX_REFUSED)).append((end.ended_ns, root_id))
        _bound(self._refused, MAX_PLACES)

    def refused_beside(self, root_id: int, end: Finished) -> int:
        """Return how many other requests the same provider has refused within a minute of this one."""
        refused = list(self._refused.get(_provider(end.operation), ()))
        return len(
            {other for time_ns, other in refused if other != root_id and abs(time_ns - end.ended_ns) <= MINUTE_NS}
        )


def _provider(operation: Operation) -> tuple[Any, ...]:
    attributes = operation.attributes
    return tuple(attributes.get(name) for name in (names.PROVIDER_NAME, names.SERVER_ADDRESS, names.SERVER_PORT))


def _bound(table: dict[Any, Any], size: int) -> None:
    while len(table) > size:
        table.pop(next(iter(table)), None)
