"""The spans of others inside a request: HTTP, databases, the application's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.telemetry.operation_spans import OperationSpan
from autogen_otel.telemetry.span_attributes import belonging
from autogen_otel.telemetry.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.context import Context


class Enricher(SpanProcessor):
    """Gives the spans of others (HTTP, databases, the application's own) the request, agent and tool they belong to."""

    def __init__(self) -> None:
        self._on = True

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Add the attributes, unless the span is ours and has them."""
        # Most spans here are ours and have them.
        if type(span) is OperationSpan or getattr(span.instrumentation_scope, "name", None) == SCOPE or not self._on:
            return
        operation = current_operation()
        if operation is None:
            return
        guard.call(span.set_attributes, belonging(operation.fact))

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Say that nothing waits here: where that of older SDKs returns None, no processor behind is flushed."""
        return True

    def shutdown(self) -> None:
        """Be silent from now on: a provider has no way to remove a processor."""
        self._on = False
