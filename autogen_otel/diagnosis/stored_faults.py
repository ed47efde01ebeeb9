"""The faults of a stored request: each exception once, with all that its span and its log record tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import ExceptionData, Frame
from autogen_otel.diagnosis.chains import chain_from_data, chain_from_text
from autogen_otel.diagnosis.request import ERROR_STATUS, FAULT, FINISHED, text_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.diagnosis.load import StoredEvent, StoredLog, StoredSpan
    from autogen_otel.diagnosis.request import Request

# Keys of a fault's log record, and the span attributes that say the same.
_FIELDS: Final = {
    names.LOG_HTTP_STATUS: names.HTTP_STATUS,
    names.LOG_ATTEMPTS: names.MODEL_ATTEMPTS,
    names.LOG_RETRY_AFTER: names.RETRY_AFTER,
    names.LOG_PROVIDER_REQUEST_ID: names.PROVIDER_REQUEST_ID,
    names.LOG_EXIT_CODE: names.CODE_EXIT_CODE,
    names.LOG_TOOL_CALL_ID: names.TOOL_CALL_ID,
}
_ON_SPAN: Final = (*_FIELDS.values(), names.MODEL_ATTEMPT_STATUSES, names.PROVIDER_ERROR_CODE, names.REQUEST_MODEL)


@dataclass(frozen=True, slots=True)
class StoredFault:
    """One exception, as it was recorded where it was raised.

    Attributes:
        id: The same on each span that it passed through.
        kind: A value of `FaultKind`, or what a later version has written.
        chain: The exception itself, then its causes.
        masked: Whether AutoGen answered on; False when an exception reached the application, None when nothing tells.
        transient: Whether trying again may help; None where it is not known.
        fields: What the span of the failed call says: HTTP status, attempts, retry-after and so on, by attribute name.
        span_id: The span in which it was raised; empty when it never arrived.
        raised_at: As the request's span says it, for when there is no frame.
    """

    id: str
    kind: str
    chain: tuple[ExceptionData, ...]
    fingerprint: str
    stacktrace: str
    agent_name: str
    tool_name: str
    time_ns: int
    masked: bool | None
    transient: bool | None
    fields: dict[str, Any]
    span_id: str
    raised_at: str

    @property
    def type(self) -> str:
        """The type of the original exception."""
        return self.chain[0].type

    @property
    def message(self) -> str:
        """The text of the original exception."""
        return self.chain[0].message

    @property
    def frame(self) -> Frame | None:
        """The line that raised."""
        frames = self.chain[0].frames
        return frames[-1] if frames else None


def faults_of(request: Request) -> tuple[StoredFault, ...]:
    """Return the faults of a request, by their time; the one with which it failed comes first."""
    ids = sorted({fault_id for node in request.nodes if (fault_id := text_in(node.span, names.FAULT_ID))})
    ids += sorted({text_in(log, names.LOG_FAULT_ID) for log in _logs(request)} - {"", *ids})
    fatal = fatal_id(request)
    found = [_fault(request, fault_id) for fault_id in ids]
    return tuple(sorted(found, key=lambda fault: (fault.id != fatal, fault.time_ns, fault.id)))


def fatal_id(request: Request) -> str:
    """Return the ID of the fault with which a request failed; empty when it has not failed, or nothing tells."""
    root, finished = request.root, request.event(FINISHED)
    if root is not None:
        return text_in(root, names.FAULT_ID) if root.status_code == ERROR_STATUS else ""
    return "" if finished is None else text_in(finished, names.LOG_FAULT_ID)


def _logs(request: Request) -> Iterator[StoredLog]:
    return (log for log in request.logs if log.body == FAULT)


def _fault(request: Request, fault_id: str) -> StoredFault:
    """Put together what is told of a fault: by its record, by the span where it was raised, by the topmost span."""
    spans = [node.span for node in request.nodes if text_in(node.span, names.FAULT_ID) == fault_id]
    origin, event = _origin(spans, fault_id)
    log = next((log for log in _logs(request) if text_in(log, names.LOG_FAULT_ID) == fault_id), None)
    told = {} if log is None else log.attributes
    own = {} if origin is None else origin.attributes
    top = spans[0].attributes if spans else {}
    return StoredFault(
        id=fault_id,
        kind=str(told.get(names.LOG_KIND) or own.get(names.FAULT_KIND) or top.get(names.FAULT_KIND) or ""),
        chain=_chain(told, event, spans),
        fingerprint=str(told.get(names.LOG_FINGERPRINT) or top.get(names.FAULT_FINGERPRINT) or ""),
        stacktrace=str(event.attributes.get(names.EXCEPTION_STACKTRACE) or "") if event else "",
        agent_name=str(told.get(names.LOG_AGENT_NAME) or own.get(names.AGENT_NAME) or top.get(names.FAULT_AGENT) or ""),
        tool_name=str(told.get(names.LOG_TOOL_NAME) or own.get(names.TOOL_NAME) or top.get(names.FAULT_TOOL) or ""),
        time_ns=event.time_ns if event else log.time_ns if log else request.started_ns,
        masked=_masked(request, spans, told),
        transient=_flag(told.get(names.LOG_TRANSIENT), top.get(names.FAULT_TRANSIENT)),
        fields={
            **{name: told[short] for short, name in _FIELDS.items() if short in told},
            **{name: own[name] for name in _ON_SPAN if name in own},
        },
        span_id=origin.span_id if origin else "",
        raised_at=str(told.get(names.LOG_RAISED_AT) or top.get(names.FAULT_RAISED_AT) or ""),
    )


def _origin(spans: list[StoredSpan], fault_id: str) -> tuple[StoredSpan | None, StoredEvent | None]:
    """Return the span in which a fault was raised, and the event on it."""
    for span in spans:
        for event in span.events:
            if event.attributes.get(names.FAULT_ID) == fault_id:
                return span, event
    return None, None


def _chain(told: dict[str, Any], event: StoredEvent | None, spans: list[StoredSpan]) -> tuple[ExceptionData, ...]:
    """Return the chain from the best source there is; one with neither frames nor causes if need be."""
    attributes = event.attributes if event else {}
    chain = chain_from_data(told.get(names.LOG_EXCEPTION)) or chain_from_text(
        str(attributes.get(names.EXCEPTION_STACKTRACE) or "")
    )
    if chain:
        return chain
    types = [span.attributes.get(names.FAULT_TYPE) for span in spans]
    messages = [span.status_message for span in reversed(spans)]
    type_ = told.get(names.LOG_EXCEPTION_TYPE) or attributes.get(names.EXCEPTION_TYPE)
    message = told.get(names.LOG_MESSAGE) or attributes.get(names.EXCEPTION_MESSAGE)
    return (ExceptionData(str(_first(type_, *types) or "unknown"), str(_first(message, *messages) or ""), ()),)


def _masked(request: Request, spans: list[StoredSpan], told: dict[str, Any]) -> bool | None:
    known = _flag(told.get(names.LOG_MASKED))
    if known is None and any(span.attributes.get(names.FAULT_MASKED) is True for span in spans):
        return True
    # Each masked fault is marked on a span; without a mark, an exception reached the application.
    return False if known is None and request.root is not None else known


def _first(*values: Any) -> Any:
    return next((value for value in values if value), None)


def _flag(*values: Any) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)
