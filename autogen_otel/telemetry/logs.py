"""Operations and faults become log events: the story of a request, to be read with grep."""

from __future__ import annotations

import functools
import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from opentelemetry._logs import SeverityNumber

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.operations.listeners import Listener
from autogen_otel.telemetry.log_fields import FIELDS, chain_as_data, context_fields, trace_fields
from autogen_otel.telemetry.log_setup import OWN, FallbackHandler, configured_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger

    from autogen_otel.core.causes import Finding, Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled
    from autogen_otel.telemetry.spans import Spans

_SEVERITIES: Final = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}
_STARTED: Final = {
    Kind.MODEL: "model call started",
    Kind.TOOL: "tool call started",
    Kind.CODE: "code started",
    Kind.INPUT: "human asked",
}
_FINISHED: Final = {
    Kind.REQUEST: names.REQUEST_FINISHED,
    Kind.WORKFLOW: "chat finished",
    Kind.AGENT: "agent replied",
    Kind.MODEL: "model call finished",
    Kind.TOOL: "tool call finished",
    Kind.CODE: "code finished",
    Kind.INPUT: "human answered",
    Kind.SPEAKER: "speaker selected",
}
_TOLD: Final = {
    names.REQUEST_MODEL: names.LOG_MODEL,
    names.INPUT_TOKENS: names.LOG_INPUT_TOKENS,
    names.OUTPUT_TOKENS: names.LOG_OUTPUT_TOKENS,
    names.MODEL_ATTEMPTS: names.LOG_ATTEMPTS,
    names.HTTP_STATUS: names.LOG_HTTP_STATUS,
    names.RETRY_AFTER: names.LOG_RETRY_AFTER,
    names.PROVIDER_REQUEST_ID: names.LOG_PROVIDER_REQUEST_ID,
    names.CODE_EXIT_CODE: names.LOG_EXIT_CODE,
    names.TOOL_CALL_ID: names.LOG_TOOL_CALL_ID,
    names.CACHE_HIT: names.LOG_CACHE_HIT,
}


def logs_at(level: str) -> Callable[[Callable[[], Logger], Spans], Listener]:
    """Return the listener for a least level, given by the name that the logging module gives it.

    Above INFO nothing but faults is told, and an operation that goes well costs nothing.
    """
    number = logging.getLevelName(level)
    if not isinstance(number, int) or number <= logging.INFO:
        return Story
    return functools.partial(Faults, level=number)


class Faults(Listener):
    """Writes one event for each fault.

    Through structlog if the application has configured it; else through the logger `autogen_otel`, in the application's
    own format if it has configured logging, and as JSON on standard error if it has configured neither. The same events
    go out as OpenTelemetry log records.

    Args:
        logger: Returns the OpenTelemetry logger in use.
        spans: Knows the trace and span of each operation and fault.
        level: The least level.
    """

    def __init__(self, logger: Callable[[], Logger], spans: Spans, level: int = logging.INFO) -> None:
        self._find_logger = logger
        self._spans = spans
        self._level = level
        self._stdlib = logging.getLogger(OWN)
        self._fallback = FallbackHandler()
        self._fallback.install()

    def settled(self, fact: Settled) -> None:
        """Tell of a fault, once: an error if the application saw an exception, a warning if AutoGen answered on."""
        level = logging.WARNING if fact.masked else logging.ERROR
        if level >= self._level:
            trace = trace_fields(self._spans.origin_of(fact.fault))
            self._tell(level, names.FAULT_EVENT, {**_fault_fields(fact.fault, masked=fact.masked), **trace})

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        """Tell why a request failed or cannot be trusted; that its client went away is no warning."""
        finding = verdict.findings[0]
        level = logging.INFO if finding.cause is Cause.CANCELLED else logging.WARNING
        if level >= self._level:
            fields = {**_who(operation), **_cause_fields(finding, self._spans.cited(finding.evidence))}
            self._tell(level, names.CAUSE_EVENT, {**fields, **trace_fields(self._spans.context_of(operation.id))})

    def close(self) -> None:
        """Take the fallback handler away."""
        self._fallback.remove()

    def _tell(self, level: int, event: str, fields: dict[str, Any]) -> None:
        fields = {**context_fields(), **fields}
        if structlog.is_configured() and not configured_here():
            structlog.get_logger(OWN).log(level, event, logger=OWN, **fields)
        elif not logging.getLogger().handlers or self._stdlib.isEnabledFor(level):
            record = self._stdlib.makeRecord(OWN, level, __file__, 0, readable(event, fields), (), None)
            setattr(record, FIELDS, {"event": event, **fields})
            self._stdlib.handle(record)
        self._find_logger().emit(
            timestamp=time.time_ns(),
            severity_number=_SEVERITIES[level],
            severity_text=logging.getLevelName(level),
            body=event,
            attributes=_flat(fields),
        )


class Story(Faults):
    """Writes one event for the start of a request and of each call too, and for each operation's end."""

    def __init__(self, logger: Callable[[], Logger], spans: Spans, level: int = logging.INFO) -> None:
        super().__init__(logger, spans, level)
        # Between the moment when the cause of a request is told and the one in which its end is.
        self._causes: dict[int, str] = {}

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        """Tell why a request failed, and keep it for the line that tells its end."""
        self._causes[operation.id] = verdict.cause.value
        super().concluded(operation, verdict)

    def started(self, operation: Operation) -> None:
        """Tell that a request has begun, or something that may hang: until it ends, nothing else tells of it."""
        event = names.REQUEST_STARTED if operation.parent_id is None else _STARTED.get(operation.kind)
        if event is not None:
            trace = trace_fields(self._spans.context_of(operation.id))
            self._tell(logging.INFO, event, {**_who(operation), **trace})

    def finished(self, end: Finished) -> None:
        """Tell how an operation ended."""
        operation = end.operation
        attributes = {**operation.attributes, **end.attributes}
        fields: dict[str, Any] = {
            **_who(operation),
            names.LOG_OPERATION: operation.name,
            names.LOG_OUTCOME: end.outcome.value,
            names.LOG_DURATION: round((end.ended_ns - operation.started_ns) / 1e6, 3),
            **{short: attributes[key] for key, short in _TOLD.items() if key in attributes},
        }
        if end.outcome is Outcome.ERROR:
            fields[names.LOG_EXCEPTION_TYPE] = end.fault.type if end.fault else end.error_type
            fields[names.LOG_FAULT_ID] = end.fault.id if end.fault else None
        if operation.kind is not Kind.REQUEST:
            self._tell(logging.INFO, _FINISHED[operation.kind], fields)
        if operation.parent_id is None or operation.kind is Kind.REQUEST:
            cause = self._causes.pop(operation.id, None)
            if cause is not None:
                fields[names.LOG_CAUSE] = cause
            self._tell(logging.INFO, names.REQUEST_FINISHED, fields)


def _who(operation: Operation) -> dict[str, Any]:
    fields: dict[str, Any] = {
        names.LOG_REQUEST_ID: operation.request_id,
        names.LOG_PID: operation.pid,
        names.LOG_THREAD: operation.thread,
    }
    if operation.agent_name is not None:
        fields[names.LOG_AGENT_NAME] = operation.agent_name
    if operation.tool_name is not None:
        fields[names.LOG_TOOL_NAME] = operation.tool_name
    return fields


def _cause_fields(finding: Finding, evidence: list[str]) -> dict[str, Any]:
    return {
        names.LOG_CAUSE: finding.cause.value,
        names.LOG_DETAIL: finding.detail,
        names.LOG_SUMMARY: finding.summary,
        names.LOG_CERTAIN: finding.certain,
        names.LOG_EVIDENCE: evidence,
        names.LOG_BLAME: dict(finding.blame),
    }


def _fault_fields(fault: Fault, *, masked: bool) -> dict[str, Any]:
    frame = fault.raised_at
    fields = {
        names.LOG_REQUEST_ID: fault.request_id,
        names.LOG_AGENT_NAME: fault.agent_name,
        names.LOG_TOOL_NAME: fault.tool_name,
        names.LOG_EXCEPTION_TYPE: fault.type,
        names.LOG_MESSAGE: fault.message,
        names.LOG_MASKED: masked,
        names.LOG_KIND: fault.kind.value,
        names.LOG_TRANSIENT: fault.transient,
        names.LOG_RAISED_AT: f"{frame.file}:{frame.line} in {frame.function}" if frame else None,
        names.LOG_FAULT_ID: fault.id,
        names.LOG_FINGERPRINT: fault.fingerprint,
        **{short: fault.fields[key] for key, short in _TOLD.items() if key in fault.fields},
        names.LOG_EXCEPTION: chain_as_data(fault.chain),
    }
    return {key: value for key, value in fields.items() if value is not None}


def readable(event: str, fields: dict[str, Any]) -> str:
    """Return an event as `event key=value ...`; JSON quotes what would break the line."""
    parts = [event]
    for key, value in fields.items():
        if key != names.LOG_EXCEPTION and value is not None:
            text = str(value)
            parts.append(
                f"{key}={text if text.isascii() and text.isprintable() and ' ' not in text else json.dumps(text)}"
            )
    return " ".join(parts)


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as attributes of an OpenTelemetry log record, whose nested values older SDKs reject."""
    return {
        key: json.dumps(value, default=str) if isinstance(value, (list, dict)) else value
        for key, value in fields.items()
        if value is not None
    }
