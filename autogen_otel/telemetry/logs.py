"""Operations and faults become log events: the story of a request, to be read with grep."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from opentelemetry._logs import SeverityNumber

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.operations.listeners import Listener
from autogen_otel.telemetry.log_fields import chain_as_data, context_fields, trace_fields
from autogen_otel.telemetry.log_setup import FIELDS, OWN, FallbackHandler, configured_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger

    from autogen_otel.core.facts import Fault, Finished, Operation, Settled
    from autogen_otel.core.settings import Settings
    from autogen_otel.telemetry.spans import Spans

_SEVERITIES: Final = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}
_FINISHED: Final = {
    Kind.REQUEST: "request finished",
    Kind.WORKFLOW: "chat finished",
    Kind.AGENT: "agent replied",
    Kind.MODEL: "model call finished",
    Kind.TOOL: "tool call finished",
    Kind.CODE: "code finished",
    Kind.INPUT: "human answered",
    Kind.SPEAKER: "speaker selected",
}
_TOLD: Final = {
    names.REQUEST_MODEL: "model",
    names.INPUT_TOKENS: "input_tokens",
    names.OUTPUT_TOKENS: "output_tokens",
    names.MODEL_ATTEMPTS: "attempts",
    names.HTTP_STATUS: "http_status",
    names.RETRY_AFTER: "retry_after",
    names.PROVIDER_REQUEST_ID: "provider_request_id",
    names.CODE_EXIT_CODE: "exit_code",
    names.TOOL_CALL_ID: "tool_call_id",
    names.CACHE_HIT: "cache_hit",
}


class Logs(Listener):
    """Writes one event for the start and end of a request, for each operation's end, and for each fault.

    Through structlog if the application has configured it; else through the logger `autogen_otel`, in the application's
    own format if it has configured logging, and as JSON on standard error if it has configured neither. The same events
    go out as OpenTelemetry log records.

    Args:
        logger: Returns the OpenTelemetry logger in use.
        settings: Their `log_level` is the least level.
        spans: Knows the trace and span of each operation and fault.
    """

    def __init__(self, logger: Callable[[], Logger], settings: Settings, spans: Spans) -> None:
        self._find_logger = logger
        self._spans = spans
        self._level = logging.getLevelName(settings.log_level)
        if not isinstance(self._level, int):
            self._level = logging.INFO
        self._stdlib = logging.getLogger(OWN)
        self._fallback = FallbackHandler()
        self._fallback.install()

    def started(self, operation: Operation) -> None:
        """Tell that a request has begun."""
        if operation.parent_id is None and self._wants(logging.INFO):
            trace = trace_fields(self._spans.context_of(operation.id))
            self._tell(logging.INFO, "request started", {**_who(operation), **trace})

    def finished(self, end: Finished) -> None:
        """Tell how an operation ended."""
        if not self._wants(logging.INFO):
            return
        operation = end.operation
        attributes = {**operation.attributes, **end.attributes}
        fields: dict[str, Any] = {
            **_who(operation),
            "operation": operation.name,
            "outcome": end.outcome.value,
            "duration_ms": round((end.ended_ns - operation.started_ns) / 1e6, 3),
            **{short: attributes[key] for key, short in _TOLD.items() if key in attributes},
        }
        if end.outcome is Outcome.ERROR:
            fields[names.LOG_EXCEPTION_TYPE] = end.fault.type if end.fault else end.error_type
            fields[names.LOG_FAULT_ID] = end.fault.id if end.fault else None
        self._tell(logging.INFO, _FINISHED[operation.kind], fields)
        if operation.parent_id is None and operation.kind is not Kind.REQUEST:
            self._tell(logging.INFO, _FINISHED[Kind.REQUEST], fields)

    def settled(self, fact: Settled) -> None:
        """Tell of a fault, once: an error if the application saw an exception, a warning if AutoGen answered on."""
        level = logging.WARNING if fact.masked else logging.ERROR
        if self._wants(level):
            trace = trace_fields(self._spans.origin_of(fact.fault))
            self._tell(level, "fault", {**_fault_fields(fact.fault, masked=fact.masked), **trace})

    def close(self) -> None:
        """Take the fallback handler away."""
        self._fallback.remove()

    def _wants(self, level: int) -> bool:
        if level < self._level:
            return False
        return not logging.getLogger().handlers or self._stdlib.isEnabledFor(level)

    def _tell(self, level: int, event: str, fields: dict[str, Any]) -> None:
        fields = {**context_fields(), **fields}
        if structlog.is_configured() and not configured_here():
            structlog.get_logger(OWN).log(level, event, **fields)
        else:
            record = self._stdlib.makeRecord(OWN, level, __file__, 0, _readable(event, fields), (), None)
            setattr(record, FIELDS, {"event": event, **fields})
            self._stdlib.handle(record)
        self._find_logger().emit(
            timestamp=time.time_ns(),
            severity_number=_SEVERITIES[level],
            severity_text=logging.getLevelName(level),
            body=event,
            attributes=_flat(fields),
        )


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


def _fault_fields(fault: Fault, *, masked: bool) -> dict[str, Any]:
    frame = fault.raised_at
    fields = {
        names.LOG_REQUEST_ID: fault.request_id,
        names.LOG_AGENT_NAME: fault.agent_name,
        names.LOG_TOOL_NAME: fault.tool_name,
        names.LOG_EXCEPTION_TYPE: fault.type,
        "message": fault.message,
        names.LOG_MASKED: masked,
        "kind": fault.kind.value,
        "transient": fault.transient,
        "raised_at": f"{frame.file}:{frame.line} in {frame.function}" if frame else None,
        names.LOG_FAULT_ID: fault.id,
        names.LOG_FINGERPRINT: fault.fingerprint,
        **{short: fault.fields[key] for key, short in _TOLD.items() if key in fault.fields},
        names.LOG_EXCEPTION: chain_as_data(fault.chain),
    }
    return {key: value for key, value in fields.items() if value is not None}


def _readable(event: str, fields: dict[str, Any]) -> str:
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
