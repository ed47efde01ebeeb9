"""Faults put together again from exception events and log records."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import ExceptionData, Fault, FaultKind, Kind, Operation, Outcome
from autogen_otel.diagnosis.chains import chain_from_data, chain_from_text
from autogen_otel.diagnosis.logged_operations import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.diagnosis.gathered import Gathered, Raised, Span
    from autogen_otel.diagnosis.logged import Line
    from autogen_otel.diagnosis.stored_operations import Placed

_KINDS: Final = {kind.value: kind for kind in FaultKind}
# What an exception itself carries, and its span therefore says.
_OF_EXCEPTION: Final = (
    names.HTTP_STATUS,
    names.PROVIDER_REQUEST_ID,
    names.PROVIDER_ERROR_CODE,
    names.RETRY_AFTER,
    names.MODEL_ATTEMPTS,
)
# The same exceptions come again and again, each with a text of many kilobytes.
_chain_from_text: Final = lru_cache(4096)(chain_from_text)


def faults_in(gathered: Gathered, placed: Placed) -> dict[str, Fault]:
    """Return the faults by their ID, each in the operation in which it was raised."""
    found: dict[str, Fault] = {}
    models = _models_of_others(placed.spans)
    for fault_id, raised in gathered.raised.items():
        span = placed.spans.get(raised.span_id)
        if span is not None:
            origin = _origin(span, raised, models)
            found[fault_id] = _from_event(fault_id, raised, origin, placed.missing.faults.get(fault_id))
    for fault_id, line in placed.missing.faults.items():
        span = placed.spans.get(placed.missing.origins.get(fault_id, line.span_id))
        if fault_id not in found and span is not None:
            found[fault_id] = _from_line(fault_id, line, span.operation)
    return found


def _from_event(fault_id: str, raised: Raised, operation: Operation, line: Line | None) -> Fault:
    said, told = operation.attributes, {} if line is None else line.told
    # A span that saw several faults carries the attributes of the last one.
    own = said if said.get(names.FAULT_ID) == fault_id else {}
    chain = chain_from_data(told.get(names.LOG_EXCEPTION)) or _chain_of(raised.event)
    transient = told.get(names.LOG_TRANSIENT, own.get(names.FAULT_TRANSIENT))
    return Fault(
        id=fault_id,
        kind=_kind(own.get(names.FAULT_KIND) or told.get(names.LOG_KIND)),
        chain=chain,
        fingerprint=str(own.get(names.FAULT_FINGERPRINT) or told.get(names.LOG_FINGERPRINT) or chain[0].type),
        stacktrace="",
        request_id=operation.request_id,
        agent_name=operation.agent_name,
        tool_name=operation.tool_name,
        operation_id=operation.id,
        time_ns=raised.time_ns,
        transient=transient if isinstance(transient, bool) else None,
        fields=_fields(said),
    )


def _from_line(fault_id: str, line: Line, operation: Operation) -> Fault:
    told = line.told
    transient = told.get(names.LOG_TRANSIENT)
    return Fault(
        id=fault_id,
        kind=_kind(told.get(names.LOG_KIND)),
        chain=chain_from_data(told.get(names.LOG_EXCEPTION))
        or (ExceptionData(str(told.get(names.LOG_EXCEPTION_TYPE, "")), str(told.get(names.LOG_MESSAGE, "")), ()),),
        fingerprint=str(told.get(names.LOG_FINGERPRINT, "")),
        stacktrace="",
        request_id=line.request_id,
        agent_name=told.get(names.LOG_AGENT_NAME),
        tool_name=told.get(names.LOG_TOOL_NAME),
        operation_id=operation.id,
        time_ns=line.time_ns,
        transient=transient if isinstance(transient, bool) else None,
        fields={name: told[short] for short, name in FIELDS.items() if name in _OF_EXCEPTION and short in told},
    )


def _fields(said: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: said[name] for name in _OF_EXCEPTION if name in said}
    status = fields.get(names.HTTP_STATUS)
    # The call was answered, and what has raised is no refusal.
    if isinstance(status, int) and status < HTTPStatus.BAD_REQUEST:
        del fields[names.HTTP_STATUS]
    return fields


def _chain_of(event: dict[str, Any]) -> tuple[ExceptionData, ...]:
    chain = _chain_from_text(str(event.get(names.EXCEPTION_STACKTRACE) or ""))
    if chain and chain[0].type:
        return chain
    type_, message = event.get(names.EXCEPTION_TYPE), event.get(names.EXCEPTION_MESSAGE)
    return (ExceptionData(str(type_ or "unknown"), str(message or ""), ()),)


def _kind(value: Any) -> FaultKind:
    return _KINDS.get(value, FaultKind.RAISED)


def _models_of_others(spans: dict[int, Span]) -> dict[int, list[Span]]:
    """Return the model calls that another tracer has made spans of and that failed, by the operation above them."""
    found: dict[int, list[Span]] = {}
    for span in spans.values():
        if span.foreign and span.outcome is Outcome.ERROR and span.operation.parent_id is not None:
            found.setdefault(span.operation.parent_id, []).append(span)
    return found


def _origin(span: Span, raised: Raised, models: dict[int, list[Span]]) -> Operation:
    """Return in which operation an exception was raised.

    Where another tracer makes the span of the model call, and has ended it by then, the event stands on the one around.
    """
    if span.operation.kind is not Kind.MODEL:
        for model in models.get(span.operation.id, ()):
            if model.operation.started_ns <= raised.time_ns and abs(raised.time_ns - model.ended_ns) < 10**9:
                return model.operation
    return span.operation
