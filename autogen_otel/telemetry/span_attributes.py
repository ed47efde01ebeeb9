"""What the span of an operation carries: to whom it belongs, where it ran, what went wrong and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from autogen_otel.core import names
from autogen_otel.core.facts import VALUES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autogen_otel.core.causes import Evidence, Finding
    from autogen_otel.core.facts import Fault, Operation

# The operations that the GenAI conventions name; Jaeger draws an icon for them.
_GEN_AI: Final = frozenset({Kind.WORKFLOW, Kind.AGENT, Kind.MODEL, Kind.TOOL})


def belonging(operation: Operation) -> dict[str, Any]:
    """Return the request, agent and tool to which a span belongs."""
    attributes: dict[str, Any] = {names.REQUEST_ID: operation.request_id}
    agent, tool = operation.agent_name, operation.tool_name
    if agent is not None:
        attributes[names.AGENT_NAME] = agent
    if tool is not None:
        attributes[names.TOOL_NAME] = tool
    return attributes


def name_of(operation: Operation) -> str:
    """Return the name of an operation's span, as the GenAI conventions make it."""
    word, name = VALUES[operation.kind], operation.name
    return word if name == word else f"{word} {name}"


def kind_of(operation: Operation) -> SpanKind:
    """Return the kind of an operation's span: a model call goes to another program."""
    return SpanKind.CLIENT if operation.kind is Kind.MODEL else SpanKind.INTERNAL


def attributes_of(operation: Operation) -> dict[str, Any]:
    """Return the attributes that each span of ours has from its start."""
    attributes = belonging(operation)
    attributes[names.PROCESS_PID] = operation.pid
    attributes[names.THREAD_NAME] = operation.thread
    attributes[names.REQUESTS_IN_FLIGHT] = operation.in_flight
    if operation.attributes:
        attributes.update(operation.attributes)
    kind, loop = operation.kind, operation.loop
    if kind in _GEN_AI:
        attributes[names.OPERATION_NAME] = VALUES[kind]
    if loop is not None:
        attributes[names.EVENT_LOOP_ID] = loop
    return attributes


def fault_attributes(fault: Fault) -> dict[str, Any]:
    """Return what each span that a fault passed through carries of it."""
    attributes: dict[str, Any] = {
        names.FAULT_ID: fault.id,
        names.FAULT_TYPE: fault.type,
        names.FAULT_KIND: fault.kind.value,
        names.FAULT_FINGERPRINT: fault.fingerprint,
    }
    if fault.transient is not None:
        attributes[names.FAULT_TRANSIENT] = fault.transient
    return attributes


def cause_attributes(finding: Finding, cited: Callable[[Iterable[Evidence]], list[str]]) -> dict[str, Any]:
    """Return what the span of a request tells of its cause."""
    called_at = finding.blame.get(names.CALLED_AT)
    return {
        **({} if called_at is None else {names.CALLED_AT: called_at}),
        names.CAUSE: finding.cause.value,
        names.CAUSE_DETAIL: finding.detail,
        names.CAUSE_SUMMARY: finding.summary,
        names.CAUSE_CERTAIN: finding.certain,
        names.CAUSE_EVIDENCE: cited(finding.evidence),
    }


def origin_attributes(fault: Fault) -> dict[str, Any]:
    """Return where a fault came from, for the span at the top, so that one span tells the whole story."""
    frame = fault.raised_at
    found = {
        names.FAULT_AGENT: fault.agent_name,
        names.FAULT_TOOL: fault.tool_name,
        names.FAULT_RAISED_AT: f"{frame.file}:{frame.line} in {frame.function}" if frame else None,
    }
    return {key: value for key, value in found.items() if value is not None}
