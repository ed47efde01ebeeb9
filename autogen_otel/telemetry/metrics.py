"""Operations and faults become metrics, with labels that stay bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import get_current_span

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Kind
from autogen_otel.core.forks import after_fork_in_child, fork_gate
from autogen_otel.operations.listeners import Listener
from autogen_otel.telemetry.histograms import is_enabled
from autogen_otel.telemetry.labels import Labels
from autogen_otel.telemetry.measurements import Measurements, observe_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import Counter, Histogram, Meter

    from autogen_otel.core.causes import Verdict
    from autogen_otel.core.facts import Finished, Operation, Settled

# To look up a member of an enum takes 60 ns in Python 3.11.
_MODEL: Final = Kind.MODEL
# Buckets of opentelemetry-util-genai 1.3, so that dashboards made for it fit.
_CALL_SECONDS: Final = [0.01 * 2**step for step in range(14)]
_AGENT_SECONDS: Final = [0.1 * 2**step for step in range(13)]
_WORKFLOW_SECONDS: Final = [1.0, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200]
_TOKENS: Final = [4.0**step for step in range(14)]


class Metrics(Listener):
    """Records durations, tokens and faults.

    Args:
        meter: Asked at the start of each request, so that a MeterProvider which the application sets up late is used.
        traced_here: Tells that no other instrumentation traces, and measures, this model call.
    """

    def __init__(self, meter: Callable[[], Meter], traced_here: Callable[[Operation], bool] = lambda _: True) -> None:
        self._find_meter = meter
        self._traced_here = traced_here
        self._labels = Labels()
        self._measurements = Measurements()
        self._meter: Meter | None = None
        # Asked at the end of each request, and not for each measurement.
        self._is_off = False
        after_fork_in_child(self._forget)
        self._durations: dict[Kind, Histogram] = {}
        self._tokens: Histogram
        self._faults: Counter
        self._causes: Counter

    def finished(self, end: Finished) -> None:
        """Record how long an operation took, and the tokens of a model call."""
        operation = end.operation
        kind = operation.kind
        if self._meter is None or operation.parent_id is None:
            self._follow()
        histogram = self._durations.get(kind)
        if histogram is None or self._is_off:
            return
        is_model = kind is _MODEL
        if is_model and (names.CACHE_HIT in operation.attributes or not self._traced_here(operation)):
            return
        labels, add = self._labels.of(operation, end.error_type), self._measurements.add
        # It is current until its end is told: the exemplar points to the span of the operation itself.
        span, ended_ns = get_current_span(), end.ended_ns
        add(histogram, labels.duration, ((ended_ns - operation.started_ns) / 1e9, span, ended_ns))
        if is_model:
            sent, answered = end.attributes.get(names.INPUT_TOKENS), end.attributes.get(names.OUTPUT_TOKENS)
            if sent is not None:
                add(self._tokens, labels.input_tokens, (sent, span, ended_ns))
            if answered is not None:
                add(self._tokens, labels.output_tokens, (answered, span, ended_ns))

    def settled(self, fact: Settled) -> None:
        """Count a fault, once, when it is known whether it was masked."""
        if self._meter is None:
            self._follow()
        labels = self._labels.of_fault(fact.fault, masked=fact.masked)
        with fork_gate:
            self._faults.add(1, labels)

    def concluded(self, operation: Operation, verdict: Verdict) -> None:  # noqa: ARG002
        """Count a request that failed or answered wrongly, by its cause."""
        if self._meter is None:
            self._follow()
        finding = verdict.findings[0]
        if finding.cause is not Cause.CANCELLED:
            with fork_gate:
                self._causes.add(1, {names.CAUSE: finding.cause.value, names.CAUSE_DETAIL: finding.detail})

    def close(self) -> None:
        """Let nothing wait any more."""
        self._measurements.close()

    def _forget(self) -> None:
        """Ask for the meter anew in a forked child: our own provider is another one there."""
        self._meter = None

    def _follow(self) -> None:
        meter = self._find_meter()
        if meter is not self._meter:
            self._meter = meter
            self._make_instruments(meter)
        self._is_off = not is_enabled(self._tokens)

    def _make_instruments(self, meter: Meter) -> None:
        observe_requests(meter)

        def seconds(name: str, what: str, buckets: list[float]) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=buckets)

        self._durations = {
            Kind.WORKFLOW: seconds(names.WORKFLOW_DURATION, "Duration of a chat or team run", _WORKFLOW_SECONDS),
            Kind.AGENT: seconds(names.AGENT_DURATION, "Duration of an agent's reply", _AGENT_SECONDS),
            Kind.TOOL: seconds(names.TOOL_DURATION, "Duration of a tool call", _CALL_SECONDS),
            Kind.MODEL: seconds(names.MODEL_DURATION, "Duration of a model call", _CALL_SECONDS),
        }
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE, "{token}", "Tokens of a model call", explicit_bucket_boundaries_advisory=_TOKENS
        )
        self._faults = meter.create_counter(names.FAULTS, "{fault}", "Exceptions, recorded where they were raised")
        self._causes = meter.create_counter(names.CAUSES, "{request}", "Requests that failed or answered wrongly")
