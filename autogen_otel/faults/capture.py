"""An exception becomes a fault: data that outlives its traceback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autogen_otel.core.facts import ExceptionData, Fault, FaultKind
from autogen_otel.core.ids import random_hex
from autogen_otel.faults.chain import chain_of, stacktrace_of
from autogen_otel.faults.fields import fields_of, is_transient
from autogen_otel.faults.fingerprint import fingerprint
from autogen_otel.faults.marks import mark
from autogen_otel.faults.redact import redact

if TYPE_CHECKING:
    from autogen_otel.core.facts import Operation


def capture(error: BaseException, operation: Operation, kind: FaultKind = FaultKind.RAISED) -> Fault:
    """Return the fault of an exception that reached `operation`, and mark the exception as recorded.

    It is done at once and not when the span ends, because asyncio and AutoGen wipe tracebacks.
    """
    chain = chain_of(error)
    fields = fields_of(error)
    fault = _fault(operation, kind, chain, is_transient(error, fields), fields)
    mark(error, fault)
    return fault


def report(
    operation: Operation,
    kind: FaultKind,
    type_: str,
    message: str,
    chain: tuple[ExceptionData, ...] = (),
) -> Fault:
    """Return a fault for which no exception object exists in this process: an unknown tool, code that failed.

    Args:
        operation: Where it was noticed.
        kind: What it is.
        type_: The exception's type if a text told it, else a word of low cardinality.
        message: The text that AutoGen made of it.
        chain: The whole chain, when a text told it; replaces `type_` and `message`.
    """
    chain = chain or (ExceptionData(type_, redact(message), ()),)
    return _fault(operation, kind, chain, False if kind is FaultKind.UNKNOWN_TOOL else None, {})


def _fault(
    operation: Operation,
    kind: FaultKind,
    chain: tuple[ExceptionData, ...],
    transient: bool | None,
    fields: dict[str, object],
) -> Fault:
    return Fault(
        id=random_hex(16),
        kind=kind,
        chain=chain,
        fingerprint=fingerprint(chain),
        stacktrace=stacktrace_of(chain),
        request_id=operation.request_id,
        agent_name=operation.agent_name,
        tool_name=operation.tool_name,
        operation_id=operation.id,
        time_ns=time.time_ns(),
        transient=transient,
        fields=fields,
    )
