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
    from autogen_otel.diagnosis.gathered import Gathered
    from autogen_otel.diagnosis.load_records import Json
    from autogen_otel.diagnosis.logged import Line

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
        verdicts: The records of causes, by the ID of the request's own operation.
    """

    spans: dict[int, Span] = field(default_factory=dict)
    roots: set[int] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)
    faults: dict[str, Line] = field(default_factory=dict)
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
    """The log records of one request."""

    def __init__(self, gathered: Gathered, found: Missing, *, known: bool) -> None:
        self._gathered = gathered
        self._found = found
        self._known = known

    def add(self, lines: list[Line]) -> None:
        """Add the operations of which these records tell.

        Args:
            lines: By their time.
        """
        root_id = self._root_id(lines)
        ends = {line.span_id: line for line in lines if line.event in ENDS}
        starts = {line.span_id: line for line in lines if line.event in STARTS}
        # Both "chat finished" and "request finished" tell of a chat that is a request by itself: the first is exact.
        kinds = {line.span_id: ENDS[line.event] for line in reversed(lines) if line.event in ENDS}
        for span_id in ends.keys() | starts.keys():
            parent_id = None if span_id == root_id else root_id
            kind = kinds.get(span_id) or STARTS[starts[span_id].event]
            self._add(span_id, kind, parent_id, starts.get(span_id), ends.get(span_id), lines)
        if root_id is None:
            return
        for line in lines:
            if line.event == names.FAULT_EVENT and line.span_id not in {*self._found.spans, *self._gathered.spans}:
                told = {**line.told, names.LOG_OUTCOME: Outcome.ERROR.value}
                self._put(line.span_id, _kind_of(line), root_id, (line.time_ns, line.time_ns), line, told)
            elif line.event == names.CAUSE_EVENT:
                self._found.verdicts.setdefault(root_id, []).append(line)
        if root_id not in self._found.spans and root_id not in self._gathered.spans:
            self._add_request(root_id, lines)

    def _root_id(self, lines: list[Line]) -> int | None:
        """Return the span of the request; where none is named, a number that no span has."""
        named = next((line.span_id for line in lines if line.event in _EDGES and line.span_id), None)
        return named if named or self._known else lines[0].trace_id or None

    def _add(
        self, span_id: int, kind: Kind, parent_id: int | None, start: Line | None, end: Line | None, lines: list[Line]
    ) -> None:
        line: Any = end or start
        told = {**(start.told if start else {}), **(end.told if end else {})}
        duration = told.get(names.LOG_DURATION)
        took_ns = round(duration * 10**6) if isinstance(duration, (int, float)) else 0
        started_ns = start.time_ns if start else line.time_ns - took_ns
        self._put(span_id, kind, parent_id, (started_ns, end.time_ns if end else lines[-1].time_ns), line, told)
        if end is None and parent_id is None:
            self._found.unfinished.add(span_id)

    def _add_request(self, root_id: int, lines: list[Line]) -> None:
        """Add a request of which nothing but faults is logged: the log level leaves out the rest."""
        failed = [line for line in lines if line.told.get(names.LOG_MASKED) is False]
        told: Json = {names.LOG_OUTCOME: Outcome.ERROR.value if failed else Outcome.OK.value}
        if failed:
            told |= {key: failed[-1].told.get(key) for key in (names.LOG_FAULT_ID, names.LOG_EXCEPTION_TYPE)}
        for key in (names.LOG_REQUEST_ID, names.LOG_PID, names.LOG_THREAD):
            told[key] = lines[0].told.get(key)
        self._put(root_id, Kind.REQUEST, None, (lines[0].time_ns, lines[-1].time_ns), lines[0], told)
        self._found.roots.add(root_id)

    def _put(
        self, span_id: int, kind: Kind, parent_id: int | None, times: tuple[int, int], line: Line, told: Json
    ) -> None:
        pid = told.get(names.LOG_PID)
        outcome = told.get(names.LOG_OUTCOME)
        attributes = {name: told[short] for short, name in FIELDS.items() if short in told}
        for short, name in ((names.LOG_FAULT_ID, names.FAULT_ID), (names.LOG_EXCEPTION_TYPE, names.ERROR_TYPE)):
            if told.get(short):
                attributes[name] = told[short]
        operation = Operation(
            span_id,
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
        self._found.spans[span_id] = Span(
            operation, times[1], line.trace_id, line.resource, Outcome(known), "", foreign=False
        )


def _kind_of(line: Line) -> Kind:
    """Return in which kind of operation a fault was raised, as far as its record tells."""
    if line.told.get(names.LOG_TOOL_NAME):
        return Kind.TOOL
    if names.LOG_HTTP_STATUS in line.told or names.LOG_ATTEMPTS in line.told:
        return Kind.MODEL
    return Kind.CODE if names.LOG_EXIT_CODE in line.told else Kind.AGENT
