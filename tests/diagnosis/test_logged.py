"""What log records alone tell."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.diagnosis.logged import ENDS, STARTS

from .documents import MS, START, attributes, found_in


def record(event, at, span_id=10, **told):
    """Return a log record of request req-1; `at` is its time in milliseconds."""
    fields = {
        names.LOG_REQUEST_ID: "req-1",
        names.LOG_PID: 1,
        names.LOG_TRACE_ID: f"{1:032x}",
        names.LOG_SPAN_ID: f"{span_id:016x}",
        **told,
    }
    body = {"stringValue": event}
    return {"timeUnixNano": str(START + at * MS), "body": body, "attributes": attributes(fields)}


def logged(*records):
    """Return the requests of which log records tell."""
    return found_in({"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}).requests


def test_events_are_those_that_are_written():
    """The events that are read are the events that telemetry writes."""
    logs = pytest.importorskip("autogen_otel.telemetry.logs")

    written = [{event: kind for kind, event in events.items()} for events in (logs._STARTED, logs._FINISHED)]
    edges = [{names.REQUEST_STARTED: logs.Kind.REQUEST}, {names.REQUEST_FINISHED: logs.Kind.REQUEST}]
    assert [{**edge, **events} for edge, events in zip(edges, written, strict=True)] == [STARTS, ENDS]


def test_request_that_only_began_has_no_end():
    """A start without an end is a request that hangs, or was killed."""
    (found,) = logged(record(names.REQUEST_STARTED, 0), record("tool call started", 5, 11, tool_name="lookup"))

    assert (found.request_id, found.outcome, found.ended_ns) == ("req-1", None, START + 5 * MS)


def test_request_that_was_well_has_no_cause():
    """Where the end of a request is logged, and no cause, there was none, whatever the faults on the way."""
    (found,) = logged(
        record(names.REQUEST_STARTED, 0),
        record(names.FAULT_EVENT, 5, 11, fault_id="f1", masked=True, tool_name="lookup", exception_type="KeyError"),
        record(names.REQUEST_FINISHED, 9, outcome="ok"),
    )

    assert (found.outcome.value, found.verdict, len(found.faults)) == ("ok", None, 1)


def test_fault_alone_is_judged():
    """Where nothing but a fault is logged, it is told what that proves."""
    (found,) = logged(
        record(names.FAULT_EVENT, 5, 11, fault_id="f1", masked=True, tool_name="lookup", exception_type="KeyError")
    )

    assert (found.verdict.cause.value, found.verdict.findings[0].evidence[0].fault_id) == ("tool_exception", "f1")
