"""Requests for programs. The keys are stable: they may become more, none is renamed or removed.

A request in a list: `request_id`, `outcome` (`ok`, `error`, `cancelled`, `open`, `unknown`), `masked_faults` (how
many), `started_at` (ISO 8601, UTC), `started_unix_nano`, `duration_ms` (null without an end), `service`, `pid`,
`thread`, `trace_id`, `span_id` (of the request's own span), `cause` (null, or `cause`, `detail`, `summary`, `certain`,
`evidence`), `fault` (null, or the one with which it failed, else the first).

A request of `show` has the same, and `faults`, `spans` (parents before children, with their `depth`), `logs`.

A fault: `id`, `kind`, `type`, `message`, `masked`, `fatal`, `transient`, `agent`, `tool`, `raised_at` (null or `file`,
`line`, `function`, `source`), `fingerprint`, `fields` (by attribute name); with `show` also `chain` (as in log lines:
`type`, `message`, `link`, `notes`, `frames`, `members`), `stacktrace`, `time_unix_nano`, `span_id` and `reported` (what
was raised in its place: `type`, `message`, `by`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autogen_otel.diagnosis.story import reports_of
from autogen_otel.diagnosis.words import moment

if TYPE_CHECKING:
    from autogen_otel.core.facts import ExceptionData, Frame
    from autogen_otel.diagnosis.load import StoredLog
    from autogen_otel.diagnosis.stored_cause import StoredCause
    from autogen_otel.diagnosis.stored_faults import StoredFault
    from autogen_otel.diagnosis.story import Story
    from autogen_otel.diagnosis.tree import Node

Json = dict[str, Any]


def summary(story: Story) -> Json:
    """Return a request for a list."""
    request = story.request
    return {
        "request_id": request.request_id,
        "outcome": story.ending.value,
        "masked_faults": len(story.masked),
        "started_at": iso(request.started_ns),
        "started_unix_nano": request.started_ns,
        "duration_ms": None if story.duration_ns is None else story.duration_ns / 10**6,
        "service": story.service,
        "pid": int(story.pid) if story.pid.isdecimal() else None,
        "thread": story.thread,
        "trace_id": request.trace_id,
        "span_id": request.root_span_id,
        "cause": _cause(story.cause) if story.cause else None,
        "fault": _fault(story, story.faults[0]) if story.faults else None,
    }


def whole(story: Story) -> Json:
    """Return a request with all that is stored of it."""
    request = story.request
    return {
        **summary(story),
        "faults": [_whole_fault(story, fault) for fault in story.faults],
        "spans": [_span(node, request.started_ns) for node in request.nodes],
        "logs": [_log(log) for log in request.logs],
    }


def _cause(cause: StoredCause) -> Json:
    return {**cause._asdict(), "evidence": list(cause.evidence)}


def _fault(story: Story, fault: StoredFault) -> Json:
    return {
        "id": fault.id,
        "kind": fault.kind,
        "type": fault.type,
        "message": fault.message,
        "masked": fault.masked,
        "fatal": fault is story.fatal,
        "transient": fault.transient,
        "agent": fault.agent_name,
        "tool": fault.tool_name,
        "raised_at": None if fault.frame is None else frame_data(fault.frame),
        "fingerprint": fault.fingerprint,
        "fields": clean(fault.fields),
    }


def _whole_fault(story: Story, fault: StoredFault) -> Json:
    return {
        **_fault(story, fault),
        "chain": [_exception(data) for data in fault.chain],
        "stacktrace": fault.stacktrace,
        "time_unix_nano": fault.time_ns,
        "span_id": fault.span_id,
        "reported": [
            {"type": one.type, "message": one.message, "by": one.by} for one in reports_of(story.request, fault)
        ],
    }


def _exception(data: ExceptionData) -> Json:
    return {
        "type": data.type,
        "message": data.message,
        "link": data.link,
        "notes": list(data.notes),
        "frames": [frame_data(frame) for frame in data.frames],
        "members": [_exception(member) for member in data.members],
    }


def frame_data(frame: Frame) -> Json:
    """Return a line of code."""
    return {"file": frame.file, "line": frame.line, "function": frame.function, "source": frame.source}


def _span(node: Node, started_ns: int) -> Json:
    span = node.span
    return {
        "name": span.name,
        "depth": node.depth,
        "orphan": node.orphan,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "offset_ms": (span.start_ns - started_ns) / 10**6,
        "duration_ms": (span.end_ns - span.start_ns) / 10**6,
        "status": ("unset", "ok", "error")[span.status_code] if span.status_code in {0, 1, 2} else "unset",
        "status_message": span.status_message,
        "scope": span.scope,
        "attributes": clean(span.attributes),
        "events": [
            {"name": event.name, "time_unix_nano": event.time_ns, "attributes": clean(event.attributes)}
            for event in span.events
        ],
    }


def _log(log: StoredLog) -> Json:
    return {
        "time": iso(log.time_ns),
        "severity": log.severity_text,
        "event": clean(log.body),
        "span_id": log.span_id,
        "attributes": clean(log.attributes),
    }


def iso(ns: int) -> str | None:
    """Return a time in UTC as ISO 8601 has it; None for one that was not recorded."""
    found = moment(ns)
    return None if found is None else found.isoformat(timespec="microseconds").replace("+00:00", "Z")


def clean(value: Any) -> Any:
    """Return a value that JSON has: `NaN` and bytes, which telemetry may hold, become texts."""
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
