"""Stored telemetry told again as facts, in the order in which they happened.

A detector that listened when it happened and one that is told now hear the same: started, used, stalled, faulted,
settled, finished. What is not stored is derived: a fault was settled where the exception stopped going up.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from autogen_otel.core import names
from autogen_otel.core.facts import Fault, Finished, Kind, Operation, Outcome, Settled, Stalled, Used
from autogen_otel.diagnosis.gathered_faults import faults_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.diagnosis.gathered import Gathered, Span
    from autogen_otel.diagnosis.stored_operations import Placed

# Some stores keep microseconds: what ended a moment after the operation around it has ended with it.
_ROUNDING_NS: Final = 2_000


class Listens(Protocol):
    """What facts are told to."""

    def started(self, operation: Operation) -> None:
        """Hear that an operation started."""

    def finished(self, end: Finished) -> None:
        """Hear that an operation ended."""

    def faulted(self, operation: Operation, fault: Fault) -> None:
        """Hear of an exception."""

    def settled(self, fact: Settled) -> None:
        """Hear whether AutoGen answered on after a fault."""

    def used(self, fact: Used) -> None:
        """Hear that an operation began to use a conversation."""

    def stalled(self, fact: Stalled) -> None:
        """Hear that code of an operation has blocked its event loop."""


def tell(gathered: Gathered, placed: Placed, listeners: tuple[Listens, ...]) -> None:
    """Tell all facts.

    Args:
        gathered: What was read.
        placed: Its operations.
        listeners: Who is told; each fact goes to all of them before the next one.
    """
    _Teller(gathered, placed, listeners).tell()


class _Teller:
    def __init__(self, gathered: Gathered, placed: Placed, listeners: tuple[Listens, ...]) -> None:
        self._spans = placed.spans
        self._listeners = listeners
        self._faults = faults_in(gathered, placed)
        logged = {fault_id: line.told.get(names.LOG_MASKED) for fault_id, line in placed.missing.faults.items()}
        self._settlements = _settlements(self._faults, self._spans, logged)
        self._open: set[int] = set()

    def tell(self) -> None:
        starts = sorted(self._spans.values(), key=_start)
        moved = _moved(starts, self._spans)
        ends = starts[::-1]
        # A sort is stable: of those that end together the inner ones come first.
        ends.sort(key=lambda span: moved.get(span.operation.id, span.ended_ns))
        between = _Between(self._faults, self._spans)
        hear_start = [listener.started for listener in self._listeners]
        hear_end = [listener.finished for listener in self._listeners]
        opened, spans = self._open, self._spans
        begun, total = 0, len(starts)
        for span in ends:
            ended_ns = moved.get(span.operation.id, span.ended_ns)
            # What starts in the nanosecond in which another one ends comes behind it, but for what ends there too.
            while begun < total and (
                starts[begun].operation.started_ns < ended_ns
                or (starts[begun].operation.started_ns == ended_ns and span.operation.id not in opened)
            ):
                operation = starts[begun].operation
                begun += 1
                if between.next_ns < operation.started_ns:
                    self._interpose(between.until(operation.started_ns - 1))
                opened.add(operation.id)
                for hear in hear_start:
                    hear(operation)
            if between.next_ns <= ended_ns:
                self._interpose(between.until(ended_ns))
            operation = span.operation
            settlements = self._settlements.get(operation.id)
            if settlements is not None:
                self._settle(settlements)
            end = self._finished(span, ended_ns)
            for hear_finished in hear_end:
                hear_finished(end)
            opened.discard(operation.id)
        assert begun == total == len(spans)  # noqa: S101 - each operation that starts ends

    def _interpose(self, facts: Iterator[_Fact]) -> None:
        for fact in facts:
            for listener in self._listeners:
                if isinstance(fact, Stalled):
                    listener.stalled(fact)
                elif isinstance(fact, Used):
                    listener.used(fact)
                else:
                    listener.faulted(*fact)

    def _settle(self, settlements: list[Settled]) -> None:
        for fact in settlements:
            for listener in self._listeners:
                listener.settled(fact)

    def _finished(self, span: Span, ended_ns: int) -> Finished:
        operation = span.operation
        if span.outcome is Outcome.OK:
            return Finished(operation, ended_ns, Outcome.OK, None, None, None, operation.attributes)
        get = operation.attributes.get
        fault = self._faults.get(str(get(names.FAULT_ID))) if span.outcome is Outcome.ERROR else None
        error_type = get(names.ERROR_TYPE)
        return Finished(
            operation,
            ended_ns,
            span.outcome,
            None if error_type is None else str(error_type),
            span.message or None,
            fault,
            operation.attributes,
        )


_Fact: TypeAlias = "tuple[Operation, Fault] | Stalled | Used"


class _Between:
    """Facts that are neither a start nor an end, by their time."""

    def __init__(self, faults: dict[str, Fault], spans: dict[int, Span]) -> None:
        found: list[tuple[int, int, _Fact]] = []
        for fault in faults.values():
            span = spans[fault.operation_id]
            found.append((_inside(fault.time_ns, span), len(found), (span.operation, fault)))
        for span in spans.values():
            attributes = span.operation.attributes
            if names.CONVERSATIONS in attributes:
                for time_ns, use in _uses_of(span.operation):
                    found.append((_inside(time_ns, span), len(found), use))
            if names.LOOP_STALLS in attributes:
                for stall in _stalls_of(span.operation):
                    found.append((_inside(stall.ended_ns, span), len(found), stall))
        self._facts = sorted(found, reverse=True)

    @property
    def next_ns(self) -> float:
        """When the next one is due."""
        return self._facts[-1][0] if self._facts else float("inf")

    def until(self, time_ns: int) -> Iterator[_Fact]:
        """Yield what is due by then."""
        while self._facts and self._facts[-1][0] <= time_ns:
            yield self._facts.pop()[2]


def _start(span: Span) -> tuple[int, bool, int]:
    """Order spans by their start; of those that start together the outer ones first."""
    return (span.operation.started_ns, span.operation.parent_id is not None, -span.ended_ns)


def _moved(starts: list[Span], spans: dict[int, Span]) -> dict[int, int]:
    """Return the ends of spans that are told otherwise than they are stored, by ID.

    None comes before its start, nor just after the operation around it.

    Args:
        starts: The spans by their start, the outer ones first.
        spans: The same by ID.
    """
    moved: dict[int, int] = {}
    for span in starts:
        operation, ended_ns = span.operation, max(span.ended_ns, span.operation.started_ns)
        above = None if operation.parent_id is None else spans.get(operation.parent_id)
        if above is not None:
            limit = moved.get(above.operation.id, above.ended_ns)
            if limit < ended_ns <= limit + _ROUNDING_NS and operation.started_ns <= limit:
                ended_ns = limit
        if ended_ns != span.ended_ns:
            moved[operation.id] = ended_ns
    return moved


def _inside(time_ns: int, span: Span) -> int:
    return min(max(time_ns, span.operation.started_ns), span.ended_ns)


def _uses_of(operation: Operation) -> Iterator[tuple[int, Used]]:
    """Yield which conversations an operation uses, and from when on: from its start, unless it says another time."""
    keys: Any = operation.attributes[names.CONVERSATIONS]
    since: Any = operation.attributes.get(names.CONVERSATIONS_SINCE)
    times = since if isinstance(since, list) and all(isinstance(time_ns, int) for time_ns in since) else []
    if isinstance(keys, list):
        for key, time_ns in zip_longest(keys, times[: len(keys)], fillvalue=operation.started_ns):
            yield time_ns, Used(operation, str(key))


def _stalls_of(operation: Operation) -> Iterator[Stalled]:
    times: Any = operation.attributes[names.LOOP_STALLS]
    if isinstance(times, list) and all(isinstance(time_ns, int) for time_ns in times):
        for started_ns, ended_ns in zip(times[::2], times[1::2], strict=False):
            yield Stalled(operation, started_ns, ended_ns)


def _settlements(faults: dict[str, Fault], spans: dict[int, Span], logged: dict[str, Any]) -> dict[int, list[Settled]]:
    """Return what is told of faults at the end of an operation: where it went up to, and what became of it there.

    Args:
        faults: By ID.
        spans: By ID.
        logged: Whether a fault was masked, as its log record says it. Of log records alone no other tree can be made
            than one in which everything stands directly below the request.
    """
    found: dict[int, list[Settled]] = {}
    for fault in faults.values():
        top = _highest(fault, spans)
        operation = top.operation
        parent = None if operation.parent_id is None else spans.get(operation.parent_id)
        if _masked_here(operation, fault):
            settled = Settled(operation, fault, True)
        elif parent is None or parent.operation.kind is Kind.REQUEST:
            settled = Settled(operation, fault, top.outcome is not Outcome.ERROR or logged.get(fault.id) is True)
        else:
            settled = Settled(parent.operation, fault, True)
        found.setdefault(settled.operation.id, []).append(settled)
    return found


def _highest(fault: Fault, spans: dict[int, Span]) -> Span:
    """Return the highest operation, below the request, that failed with a fault."""
    top = spans[fault.operation_id]
    while not _masked_here(top.operation, fault) and top.operation.parent_id is not None:
        above = spans.get(top.operation.parent_id)
        if above is None or above.operation.kind is Kind.REQUEST or not _failed_with(above, fault):
            break
        top = above
    return top


def _failed_with(span: Span, fault: Fault) -> bool:
    return span.outcome is Outcome.ERROR and span.operation.attributes.get(names.FAULT_ID) == fault.id


def _masked_here(operation: Operation, fault: Fault) -> bool:
    attributes = operation.attributes
    return attributes.get(names.FAULT_MASKED) is True and attributes.get(names.FAULT_ID) == fault.id
