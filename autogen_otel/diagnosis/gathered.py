"""Stored telemetry kept small: what a diagnosis needs of a million spans, in a few hundred bytes each."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Operation, Outcome
from autogen_otel.diagnosis.load_records import NOTHING, attributes_of, groups_in
from autogen_otel.diagnosis.logged import EVENTS, Line, line_of
from autogen_otel.diagnosis.request import ERROR_STATUS, SCOPE
from autogen_otel.diagnosis.traits import Traits

if TYPE_CHECKING:
    from autogen_otel.diagnosis.load_records import Json

_KINDS: Final = {kind.value: kind for kind in Kind}
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
# What a fact has a field of its own for, what only people read, and what may be long.
_LEFT_OUT: Final = frozenset(
    {
        names.REQUEST_ID,
        names.AGENT_NAME,
        names.TOOL_NAME,
        names.PROCESS_PID,
        names.THREAD_NAME,
        names.REQUESTS_IN_FLIGHT,
        names.EVENT_LOOP_ID,
        names.OPERATION_NAME,
        names.WORKFLOW_NAME,
        names.TOOL_TYPE,
        names.TOOL_CALL_ID,
        names.TOOL_ARGUMENTS,
        names.TOOL_RESULT,
        names.INPUT_MESSAGES,
        names.OUTPUT_MESSAGES,
        names.RESPONSE_ID,
        names.CALLED_AT,
        names.CAUSE,
        names.CAUSE_DETAIL,
        names.CAUSE_EVIDENCE,
        names.CAUSE_SUMMARY,
        names.CAUSE_CERTAIN,
    }
)
# Which machine or container a process ID belongs to: in containers it is 1 everywhere.
_PLACES: Final = ("service.instance.id", "k8s.pod.uid", "k8s.pod.name", "container.id", "host.id", "host.name")
_NEXT_PLACE: Final = 1 << 32
_FIELDS: Final = attrgetter(*Operation.__slots__)
_WIDTH: Final = len(Operation.__slots__)


class Span(NamedTuple):
    """A span of ours, or of another tracer that has made it in our place.

    Attributes:
        operation: The fact that it tells; `parent_id` is the span above it, whoever has made that.
        ended_ns: When it ended.
        trace_id: Its trace, as a number.
        resource: The number of its resource.
        outcome: How it ended.
        message: The status message.
        foreign: Another tracer has made it.
    """

    operation: Operation
    ended_ns: int
    trace_id: int
    resource: int
    outcome: Outcome
    message: str
    foreign: bool


class Raised(NamedTuple):
    """An exception event: the time in nanoseconds since 1970, what it says, and on which span."""

    time_ns: int
    event: Json
    span_id: int


class Gathered:
    """What documents of OTLP JSON have told so far.

    Attributes:
        spans: The spans that tell operations, by the number that is their ID.
        above: The spans of others, by ID: which span is above each.
        raised: The exception events of our spans, by the ID of the fault.
        lines: Log records of requests, but those that only repeat what a span tells.
        resources: The resources' attributes, by number.
        around: What spans of others say, by trace.
        traits: The attributes of all requests, counted.
    """

    def __init__(self) -> None:
        self.spans: dict[int, Span] = {}
        self.above: dict[int, int] = {}
        self.raised: dict[str, Raised] = {}
        self.lines: list[Line] = []
        self.resources: list[Json] = []
        self.around: dict[int, set[int]] = {}
        self.traits = Traits()
        self._resource_numbers: dict[str, int] = {}
        self._places: dict[int, list[tuple[object, ...]]] = {}
        self._pids: dict[tuple[int, int], int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process is sent: spans as plain tuples, which takes a third of the time of objects."""
        rows = [(*_FIELDS(span.operation), *span[1:]) for span in self.spans.values()]
        return {**vars(self), "spans": rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make spans of the tuples again."""
        vars(self).update(state)
        rows = state["spans"]
        self.spans = {row[0]: Span(Operation(*row[:_WIDTH]), *row[_WIDTH:]) for row in rows}

    def take(self, document: Json, since_ns: int = 0) -> None:
        """Take what one document tells; nothing of a malformed one.

        Args:
            document: An OTLP/JSON export document, parsed.
            since_ns: Spans that ended earlier and logs written earlier are left out, in nanoseconds since 1970.

        Raises:
            ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError: It is malformed.
        """
        batch = _Batch(self, since_ns)
        for resource, scope, spans in groups_in(document, "resourceSpans", "scopeSpans", "spans"):
            batch.add_spans(self._number_of(resource), scope, spans)
        for resource, _, logs in groups_in(document, "resourceLogs", "scopeLogs", "logRecords"):
            batch.add_logs(self._number_of(resource), logs)
        batch.commit()

    def merge(self, other: Gathered) -> None:
        """Take over what was gathered elsewhere, from another part of the same telemetry."""
        resources = [self._number_of(resource) for resource in other.resources]
        for span_id, span in other.spans.items():
            number, operation = resources[span.resource], span.operation
            pid = self.pid_of(true_pid(operation.pid), number)
            if pid != operation.pid:
                span = span._replace(operation=replace(operation, pid=pid))  # noqa: PLW2901
            self.spans[span_id] = span if number == span.resource else span._replace(resource=number)
        self.above.update(other.above)
        self.raised.update(other.raised)
        lines = (line._replace(resource=resources[line.resource]) for line in other.lines)
        self.lines += (line for line in lines if not line.repeats(self.spans, self.raised))
        numbers = self.traits.merge(other.traits)
        for trace_id, around in other.around.items():
            known = self.around.setdefault(trace_id, set())
            known.update(here for one in around if (here := numbers[one]) is not None)

    def pid_of(self, pid: int, resource: int) -> int:
        """Return a number for a process that no process on another machine has; most often its own ID."""
        known = self._pids.get((pid, resource))
        if known is None:
            attributes = self.resources[resource]
            places = self._places.setdefault(pid, [])
            place = tuple(attributes.get(key) for key in _PLACES)
            if place not in places:
                places.append(place)
            known = self._pids[pid, resource] = pid + places.index(place) * _NEXT_PLACE
        return known

    def _number_of(self, resource: Json) -> int:
        key = repr(resource)
        number = self._resource_numbers.setdefault(key, len(self.resources))
        if number == len(self.resources):
            self.resources.append(resource)
        return number


def true_pid(pid: int) -> int:
    """Return the process ID that the system gave."""
    return pid % _NEXT_PLACE


class _Batch:
    """The records of one document, until all of it is known to be sound."""

    def __init__(self, gathered: Gathered, since_ns: int) -> None:
        self._to = gathered
        self._since_ns = since_ns
        self._spans: dict[int, Span] = {}
        self._above: dict[int, int] = {}
        self._raised: dict[str, Raised] = {}
        self._lines: list[Line] = []
        self._around: list[tuple[int, Json]] = []

    def add_spans(self, resource: int, scope: str, spans: list[Json]) -> None:
        own = scope == SCOPE
        for span in spans:
            ended_ns = int(span.get("endTimeUnixNano") or 0)
            if ended_ns < self._since_ns:
                continue
            attributes = attributes_of(span.get("attributes"))
            kind = _kind_of(span, attributes, own=own)
            if kind is None:
                self._above[int(span["spanId"], 16)] = int(span.get("parentSpanId") or "0", 16)
                self._around.append((int(span["traceId"], 16), attributes))
            else:
                self._add(span, kind, attributes, ended_ns, resource, own=own)

    def _add(self, span: Json, kind: Kind, attributes: Json, ended_ns: int, resource: int, *, own: bool) -> None:
        get = attributes.get
        span_id, name = int(span["spanId"], 16), span.get("name") or ""
        pid, loop = get(names.PROCESS_PID), get(names.EVENT_LOOP_ID)
        status = span.get("status") or NOTHING
        known = _OUTCOMES.get(get(names.OUTCOME, ""))
        operation = Operation(
            span_id,
            kind,
            intern(name.partition(" ")[2] or name),
            int(span.get("parentSpanId") or "0", 16) or None,
            str(get(names.REQUEST_ID, "")),
            _text(get(names.AGENT_NAME)),
            _text(get(names.TOOL_NAME)),
            int(span.get("startTimeUnixNano") or 0),
            self._to.pid_of(pid if isinstance(pid, int) else 0, resource),
            _text(get(names.THREAD_NAME)) or "",
            loop if isinstance(loop, int) else None,
            int(get(names.REQUESTS_IN_FLIGHT) or 0),
            # The same few texts stand on most spans.
            {
                key: intern(value) if value.__class__ is str else value
                for key, value in attributes.items()
                if key not in _LEFT_OUT
            },
        )
        for event in span.get("events") or ():
            self._add_event(event, span_id)
        self._spans[span_id] = Span(
            operation,
            ended_ns,
            int(span["traceId"], 16),
            resource,
            known or (Outcome.ERROR if status.get("code") in {ERROR_STATUS, "STATUS_CODE_ERROR"} else Outcome.OK),
            status.get("message") or "",
            not own,
        )

    def _add_event(self, event: Json, span_id: int) -> None:
        if event.get("name") == names.EXCEPTION_EVENT:
            told = attributes_of(event.get("attributes"))
            fault_id = _text(told.get(names.FAULT_ID))
            if fault_id:
                self._raised[fault_id] = Raised(int(event.get("timeUnixNano") or 0), told, span_id)

    def add_logs(self, resource: int, logs: list[Json]) -> None:
        for log in logs:
            body = (log.get("body") or NOTHING).get("stringValue")
            time_ns = int(log.get("timeUnixNano") or 0) or int(log.get("observedTimeUnixNano") or 0)
            if body in EVENTS and time_ns >= self._since_ns:
                line = line_of(body, time_ns, attributes_of(log.get("attributes")), resource)
                if not line.repeats(self._to.spans, self._to.raised):
                    self._lines.append(line)

    def commit(self) -> None:
        to = self._to
        to.spans.update(self._spans)
        to.above.update(self._above)
        to.raised.update(self._raised)
        to.lines += self._lines
        for trace_id, attributes in self._around:
            to.traits.add(attributes, to.around.setdefault(trace_id, set()))


def _kind_of(span: Json, attributes: Json, *, own: bool) -> Kind | None:
    """Return which operation a span is; None for an HTTP attempt and whatever else is not one of ours."""
    if own:
        return _KINDS.get((span.get("name") or "").partition(" ")[0])
    # Where another tracer makes the span of a model call, we make none; it knows the request from us.
    is_model = attributes.get(names.OPERATION_NAME) == Kind.MODEL.value and names.REQUEST_ID in attributes
    return Kind.MODEL if is_model else None


def _text(value: Any) -> str | None:
    return intern(value) if value.__class__ is str else None
