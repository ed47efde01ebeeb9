"""What was recorded: the application's own OpenTelemetry SDK with exporters in memory."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen_otel.core import names
from autogen_otel.operations.listeners import Listener, listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from autogen_otel.core.causes import Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled, Stalled, Used


class Application:
    """The providers that an application sets up, once in a process."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(MeterProvider(metric_readers=[self.reader]))
        _logs.set_logger_provider(LoggerProvider())


class Facts(Listener):
    """Keeps every fact."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.ends: list[Finished] = []
        self.faults: list[Fault] = []
        self.settlements: list[Settled] = []
        self.uses: list[Used] = []
        self.stalls: list[Stalled] = []
        self.verdicts: list[Verdict] = []

    def started(self, operation: Operation) -> None:
        self.operations.append(operation)

    def finished(self, end: Finished) -> None:
        self.ends.append(end)

    def faulted(self, operation: Operation, fault: Fault) -> None:
        self.faults.append(fault)

    def settled(self, fact: Settled) -> None:
        self.settlements.append(fact)

    def used(self, fact: Used) -> None:
        self.uses.append(fact)

    def stalled(self, fact: Stalled) -> None:
        self.stalls.append(fact)

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


@dataclass
class Recorder:
    """What one test recorded, in forms that are easy to compare."""

    application: Application
    facts: Facts
    lines: list[str] = field(default_factory=list)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The finished spans, in order of their start."""
        return sorted(self.application.spans.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def tree(self, label: Callable[[ReadableSpan], str] = lambda span: span.name) -> list[str]:
        """Each span as an indented line: its name (or what `label` makes of it), and `!` where its status is ERROR."""
        spans = self.spans
        children: dict[int | None, list[ReadableSpan]] = {}
        known = {span.context.span_id for span in spans}
        for span in spans:
            parent = span.parent.span_id if span.parent and span.parent.span_id in known else None
            children.setdefault(parent, []).append(span)

        def lines(parent: int | None, depth: int) -> list[str]:
            found = []
            for span in children.get(parent, []):
                found.append("  " * depth + label(span) + ("!" if span.status.status_code.name == "ERROR" else ""))
                found += lines(span.context.span_id, depth + 1)
            return found

        return lines(None, 0)

    @property
    def traces(self) -> set[int]:
        """The IDs of all traces."""
        return {span.context.trace_id for span in self.spans}

    def request_ids(self) -> Counter[str]:
        """How many spans carry which request ID."""
        return Counter(str((span.attributes or {}).get(names.REQUEST_ID)) for span in self.spans)

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The JSON log lines."""
        return [json.loads(line) for line in self.lines]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        return [line for line in self.logs if line["event"] == name]

    @property
    def fault(self) -> Fault:
        """The only fault."""
        (fault,) = self.facts.faults
        return fault

    @property
    def masked(self) -> list[bool]:
        """For each settled fault, whether AutoGen answered on."""
        return [fact.masked for fact in self.facts.settlements]

    def story(self) -> dict[str, Any]:
        """The only fault, as the on-call engineer wants it."""
        fault = self.fault
        return {
            "type": fault.type,
            "message": fault.message,
            "function": fault.raised_at.function.rpartition(".")[2] if fault.raised_at else None,
            "agent": fault.agent_name,
            "tool": fault.tool_name,
            "request": fault.request_id,
            "kind": fault.kind.value,
            "masked": self.masked,
        }

    def points(self, metric: str) -> list[Any]:
        """The data points of a metric."""
        data = self.application.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for one in scope.metrics
            if one.name == metric
            for point in one.data.data_points
        ]


class LineHandler(logging.Handler):
    """Keeps formatted lines."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


def listen(facts: Facts) -> None:
    """Let a recorder hear facts."""
    listeners.add(facts)
