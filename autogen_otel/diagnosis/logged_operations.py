"""Operations of which only log records tell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Operation, Outcome
from autogen_otel.diagnosis.gathered import Span
from autogen_otel.diagnosis.logged import ENDS, STARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.diagnosis.gathered import Gathered
    from autogen_otel.diagnosis.load_records import Json
    from autogen_otel.diagnosis.logged import Line

# What is added to a span ID for each further operation that goes by the same one.
SAME_SPAN: Final = 1 << 64
_EDGES: Final = (names.REQUEST_STARTED, names.REQUEST_FINISHED)
# Keys of a log record, and the span attributes that say the same.
FIELDS: Final = {
    names.LOG_MODEL: names.REQUEST_MODEL,
    names.LOG_ATTEMPTS: names.MODEL_ATTEMPTS,
    names.LOG_HTTP_STATUS: names.HTTP_STATUS,
    names.LOG_RETRY_AFTER: names.RETRY_AFTER,
    names.LOG_PROVIDER_REQUEST_ID: names.PROVIDER_REQUEST_ID,
    names.LOG_EXIT_CODE: names.CODE_EXIT_CODE,
    names.LOG_CACHE_HIT: names.CACHE_HIT,
}


@dataclass(slots=True)
class Missing:
    """What log records tell beyond the spans.

    Attributes:
        spans: Operations whose span is missing, by the ID that the span would have.
        roots: The spans of requests that log records name, stored or not.
        unfinished: The requests of which no end is recorded.
        faults: The records of faults, by the fault's ID.
        origins: In which of these operations a fault was raised, by the fault's ID.
        verdicts: The records of causes, by the ID of the request's own operation; none where there was no cause.
    """

    spans: dict[int, Span] = field(default_factory=dict)
    roots: set[int] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)
    faults: dict[str, Line] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)
    verdicts: dict[int, list[Line]] = field(default_factory=dict)


def missing_in(gathered: Gathered) -> Missing:
    """Return what the log records tell beyond the spans."""
    found = Missing()
    families: defaultdict[tuple[int, str], list[Line]] = defaultdict(list)
    for line in gathered.lines:
        if line.event == names.FAULT_EVENT:
            found.faults[str(line.told.get(names.LOG_FAULT_ID))] = line
        if line.event in _EDGES and line.span_id:
            found.roots.add(line.span_id)
        if line.span_id not in gathered.spans:
            families[line.trace_id, line.request_id].append(line)
    known = {(span.trace_id, span.operation.request_id) for span in gathered.spans.values()} if families else set()
    for key, lines in families.items():
        _Family(gathered, found, known=key in known).add(sorted(lines, key=lambda line: line.time_ns))
    return found


class _Family:
    """The log records of one request.

    Where a request is not sampled at all, its operations share one span ID: those behind the first get numbers of
    their own, see `span_id_of`.
    """

    def __init__(self, gathered: Gathered, found: Missing, *, known: bool) -> None:
        self._gathered = gathered
        self._found = found
        self._known = known

    def add(self, lines: list[Line]) -> None:
        """Add the operations of which these records tell.

        Args:
            lines: By their time.
        """
        root_id = next((line.span_id for line in lines if line.event in _EDGES and line.span_id), None)
        if root_id is None and (self._known or not lines[0].trace_id):
            return
        if root_id is None:
            root_id = self._add_faulty(lines)
        elif root_id not in self._gathered.spans:
            self._add_request(root_id, lines)
        self._found.roots.add(root_id)
        for line in self._inner(lines, root_id):
            self._add_ended(line, root_id)
        for line in self._begun(lines):
            self._put(self._free(line.span_id), STARTS[line.event], root_id, (line.time_ns, lines[-1].time_ns), line)
        for line in lines:
            if line.event == names.FAULT_EVENT:
                self._add_fault(line, root_id)
            elif line.event == names.CAUSE_EVENT:
                self._found.verdicts.setdefault(root_id, []).append(line)

    def _inner(self, lines: list[Line], root_id: int) -> Iterator[Line]:
        """Yield the ends of operations but the request's own: of a chat that is a request by itself two lines tell."""
        own = next((line for line in lines if line.event == names.REQUEST_FINISHED and line.span_id == root_id), None)
        same = (names.LOG_OPERATION, names.LOG_DURATION)
        for line in lines:
            if line.event not in ENDS or line is own:
                continue
            if own is None or line.span_id != root_id or any(line.told.get(k) != own.told.get(k) for k in same):
                yield line

    def _begun(self, lines: list[Line]) -> list[Line]:
        """Return the starts of calls that have no end."""
        begun: list[Line] = []
        for line in lines:
            if line.event in STARTS and line.event != names.REQUEST_STARTED:
                begun.append(line)
            elif line.event in ENDS:
                same = (one for one in begun if _call(one, STARTS[one.event]) == _call(line, ENDS[line.event]))
                ended = next(same, None)
                if ended is not None:
                    begun.remove(ended)
        return begun

    def _add_ended(self, line: Line, root_id: int) -> None:
        operation_id = self._free(line.span_id)
        self._put(operation_id, ENDS[line.event], root_id, (line.time_ns - _took_ns(line), line.time_ns), line)
        fault_id = line.told.get(names.LOG_FAULT_ID)
        if fault_id:
            # The first to end is the one in which it was raised.
            self._found.origins.setdefault(str(fault_id), operation_id)

    def _add_fault(self, line: Line, root_id: int) -> None:
        """Add the operation in which a fault was raised, if nothing else tells of it."""
        fault_id = str(line.told.get(names.LOG_FAULT_ID))
        if fault_id not in self._found.origins:
            operation_id = self._found.origins[fault_id] = self._free(line.span_id)
            told = {**line.told, names.LOG_OUTCOME: Outcome.ERROR.value}
            self._put(operation_id, _kind_of(line), root_id, (line.time_ns, line.time_ns), line._replace(told=told))

    def _add_request(self, root_id: int, lines: list[Line]) -> None:
        start = next((line for line in lines if line.event == names.REQUEST_STARTED), None)
        end = next((line for line in lines if line.event == names.REQUEST_FINISHED and line.span_id == root_id), None)
        line: Any = end or start
        started_ns = start.time_ns if start else line.time_ns - _took_ns(line)
        last_ns = end.time_ns if end else lines[-1].time_ns
        self._put(root_id, Kind.REQUEST, None, (started_ns, last_ns), line)
        if end is None:
            self._found.unfinished.add(root_id)
        else:
            # Who logs ends has logged causes too: without one there was none.
            self._found.verdicts[root_id] = []

    def _free(self, span_id: int) -> int:
        """Return a number for an operation of which only the span ID is known: that itself, if no other has it."""
        operation_id = span_id
        while operation_id in self._found.spans or operation_id in self._gathered.spans:
            operation_id += SAME_SPAN
        return operation_id

    def _add_faulty(self, lines: list[Line]) -> int:
        """Add a request of which nothing but faults is logged, as the log level leaves out the rest."""
        failed = [line for line in lines if line.told.get(names.LOG_MASKED) is False]
        told: Json = {names.LOG_OUTCOME: Outcome.ERROR.value if failed else Outcome.OK.value}
        if failed:
            told |= {key: failed[-1].told.get(key) for key in (names.LOG_FAULT_ID, names.LOG_EXCEPTION_TYPE)}
        for key in (names.LOG_REQUEST_ID, names.LOG_PID, names.LOG_THREAD):
            told[key] = lines[0].told.get(key)
        root_id = self._free(lines[0].span_id) + SAME_SPAN
        self._put(root_id, Kind.REQUEST, None, (lines[0].time_ns, lines[-1].time_ns), lines[0]._replace(told=told))
        return root_id

    def _put(self, operation_id: int, kind: Kind, parent_id: int | None, times: tuple[int, int], line: Line) -> None:
        told = line.told
        pid, outcome = told.get(names.LOG_PID), told.get(names.LOG_OUTCOME)
        attributes = {name: told[short] for short, name in FIELDS.items() if short in told}
        for short, name in ((names.LOG_FAULT_ID, names.FAULT_ID), (names.LOG_EXCEPTION_TYPE, names.ERROR_TYPE)):
            if told.get(short):
                attributes[name] = told[short]
        operation = Operation(
            operation_id,
            kind,
            str(told.get(names.LOG_OPERATION) or told.get(names.LOG_TOOL_NAME) or kind.value),
            parent_id,
            line.request_id,
            told.get(names.LOG_AGENT_NAME),
            told.get(names.LOG_TOOL_NAME),
            times[0],
            self._gathered.pid_of(pid if isinstance(pid, int) else 0, line.resource),
            str(told.get(names.LOG_THREAD) or ""),
            None,
            0,
            attributes,
        )
        known = outcome if outcome in {one.value for one in Outcome} else Outcome.OK.value
        self._found.spans[operation_id] = Span(
            operation, times[1], line.trace_id, line.resource, Outcome(known), "", foreign=False
        )


def span_id_of(operation_id: int) -> str:
    """Return the ID of the span that tells of an operation, or that its log records name."""
    return f"{operation_id % SAME_SPAN:016x}"


def _took_ns(line: Line) -> int:
    duration = line.told.get(names.LOG_DURATION)
    return round(duration * 10**6) if isinstance(duration, (int, float)) else 0


def _call(line: Line, kind: Kind) -> tuple[int, Kind, Any, Any, Any]:
    told = line.told
    return line.span_id, kind, told.get(names.LOG_AGENT_NAME), told.get(names.LOG_TOOL_NAME), told.get(names.LOG_THREAD)


def _kind_of(line: Line) -> Kind:
    """Return in which kind of operation a fault was raised, as far as its record tells."""
    if line.told.get(names.LOG_TOOL_NAME):
        return Kind.TOOL
    if names.LOG_HTTP_STATUS in line.told or names.LOG_ATTEMPTS in line.told:
        return Kind.MODEL
    return Kind.CODE if names.LOG_EXIT_CODE in line.told else Kind.AGENT
