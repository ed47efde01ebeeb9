"""What went wrong in a request, and whether the same work was done well later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core.facts import FaultKind, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Finished, Operation, Settled

MAX_PLACES: Final = 64


class Failure:
    """The faults of one kind at one place, which a loop or a retry may repeat any number of times.

    Attributes:
        fault: The last one, or the one with which the request ended.
        operation: In which it was raised.
        count: How many there were.
        chats: The chats, team runs or turns in which it was raised, the last of them first; two at most.
        masked: Whether AutoGen answered on; None while nobody knows.
        answered_in: The operation in which AutoGen did so.
        unheard: Whether it reached nobody, not even the chat in which it was raised.
    """

    __slots__ = ("answered_in", "chats", "count", "fault", "masked", "operation", "unheard")

    def __init__(self, operation: Operation, fault: Fault) -> None:
        self.operation = operation
        self.fault = fault
        self.count = 0
        self.chats: tuple[int | None, ...] = ()
        self.masked: bool | None = None
        self.answered_in: Operation | None = None
        self.unheard = False


class Failures:
    """The failures of one request, each place once, in the order of their last occurrence."""

    __slots__ = ("_answering", "_places", "_well")

    def __init__(self) -> None:
        self._places: dict[tuple[str, str | None, str | None], Failure] = {}
        # When something last went well: by kind, by kind and name of a tool, by the operation above a model call.
        self._well: dict[object, int] = {}
        # Operations that go on though something below them has failed; how they end says nothing of what failed.
        self._answering: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, operation: Operation, fault: Fault, chat: int | None) -> None:
        """Note an exception.

        Args:
            operation: In which it was raised.
            fault: What it was recorded as.
            chat: The outermost operation below the request, inside which it was.
        """
        key = _key(fault)
        failure = self._places.pop(key, None) or Failure(operation, fault)
        self._places[key] = failure
        failure.operation, failure.fault, failure.masked = operation, fault, None
        failure.count += 1
        if chat not in failure.chats[:1]:
            failure.chats = (chat, *failure.chats[:1])
        if len(self._places) > MAX_PLACES:
            del self._places[next(iter(self._places))]

    def settle(self, fact: Settled) -> None:
        """Note whether AutoGen answered on."""
        failure = self._places.get(_key(fact.fault))
        if failure is not None:
            failure.masked = fact.masked
            if fact.masked:
                failure.answered_in = fact.operation
            else:
                failure.unheard = fact.operation.id not in failure.chats and fact.operation.parent_id is not None
        if fact.masked and len(self._answering) < MAX_PLACES:
            self._answering.add(fact.operation.id)

    def end_with(self, operation: Operation, fault: Fault) -> None:
        """Note the fault with which the request has ended."""
        key = _key(fault)
        failure = self._places.get(key)
        if failure is None:
            failure = self._places[key] = Failure(operation, fault)
            failure.count = 1
        failure.fault, failure.masked = fault, False

    def went_well(self, end: Finished) -> None:
        """Note a call that may have made something good: a model's, a tool's, code."""
        operation = end.operation
        if not self._places or operation.id in self._answering:
            return
        above_or_name = operation.parent_id if operation.kind is Kind.MODEL else (operation.kind, operation.name)
        for what in (operation.kind, above_or_name):
            self._well.pop(what, None)
            self._well[what] = end.ended_ns
        while len(self._well) > MAX_PLACES:
            del self._well[next(iter(self._well))]

    def unrecovered(self, fatal: Fault | None) -> Iterator[Failure]:
        """Yield what was not made good later, and first what the request ended with."""
        ending = None if fatal is None else self._places.get(_key(fatal))
        if ending is not None:
            yield ending
        for failure in list(self._places.values()):
            if failure is not ending and not self._made_good(failure, failed=fatal is not None):
                yield failure

    def _made_good(self, failure: Failure, *, failed: bool) -> bool:
        """Tell whether the same work was done well later.

        What the application saw and went on after is its own affair: it has retried, or did without. Only if it gave
        up in the end, with an exception of its own, that is what it gave up on.
        """
        operation, since = failure.operation, failure.fault.time_ns
        if failure.unheard:
            return False
        if not failure.masked:
            return not failed or self._well_since(since, Kind.MODEL)
        if operation.kind is Kind.TOOL:
            made_up = failure.fault.kind is FaultKind.UNKNOWN_TOOL
            return self._well_since(since, operation.kind if made_up else (operation.kind, operation.name))
        if operation.kind is Kind.CODE:
            return self._well_since(since, operation.kind)
        if operation.kind is Kind.MODEL and self._well_since(since, operation.parent_id):
            return True
        answered_in = failure.answered_in
        return (
            answered_in is not None
            and answered_in.kind is Kind.TOOL
            and self._well_since(since, (answered_in.kind, answered_in.name))
        )

    def _well_since(self, time_ns: int, what: object) -> bool:
        when = self._well.get(what)
        return when is not None and when >= time_ns


def _key(fault: Fault) -> tuple[str, str | None, str | None]:
    return fault.fingerprint, fault.agent_name, fault.tool_name
