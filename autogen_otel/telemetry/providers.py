"""Where telemetry goes: to the application's providers, else to our own."""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from autogen_otel.core.forks import after_fork_in_child
from autogen_otel.core.guard import guard
from autogen_otel.telemetry import exporters
from autogen_otel.telemetry.enricher import Enricher
from autogen_otel.telemetry.spans import SCOPE
from autogen_otel.telemetry.store import Store, StoreLogExporter, StoreMetricExporter, StoreSpanExporter
from autogen_otel.telemetry.undelivered import KeepingUndelivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from autogen_otel.core.settings import Settings


class Providers:
    """The providers in use.

    Those that the application has set up are used whenever it does so, before or after `instrument()`. Ours never
    become the global ones: the application could not set its own any more.
    """

    def __init__(self, settings: Settings, version: str) -> None:
        self._settings = settings
        self._version = version
        self._store: Store | None = None
        self._own: dict[str, Any] = {}
        self._keeping: list[KeepingUndelivered] = []
        self._refused: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        after_fork_in_child(self._after_fork)
        self._enriched: list[tuple[Any, Enricher]] = []
        self._handed_out: dict[str, tuple[Any, Any]] = {}

    def prepare(self) -> None:
        """Make our own providers now where the application has none.

        Not by the first request: making them imports modules and starts threads, and a fork meanwhile, while the import
        lock is held, would leave the child with a lock that nobody gives back.
        """
        self.tracer()
        self.meter()
        self.logger()

    def tracer_provider(self) -> trace.TracerProvider:
        """Return the application's TracerProvider, else ours."""
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider):
            provider = self._ours(exporters.TRACES, self._make_tracer_provider)
        self._enrich(provider)
        return provider

    def tracer(self) -> Tracer:
        """Return a tracer of the provider that is in use now."""
        return self._hand_out("tracer", self.tracer_provider(), lambda p: p.get_tracer(SCOPE, self._version))  # type: ignore[no-any-return]

    def meter(self) -> Meter:
        """Return a meter of the provider that is in use now."""
        provider: Any = metrics.get_meter_provider()
        if type(provider).__name__ == "_ProxyMeterProvider":
            provider = self._ours(exporters.METRICS, self._make_meter_provider)
        return self._hand_out("meter", provider, lambda p: p.get_meter(SCOPE, self._version))  # type: ignore[no-any-return]

    def logger(self) -> _logs.Logger:
        """Return an OpenTelemetry logger of the provider that is in use now."""
        provider: Any = _logs.get_logger_provider()
        if type(provider).__name__ == "ProxyLoggerProvider":
            provider = self._ours(exporters.LOGS, self._make_logger_provider)
        return self._hand_out("logger", provider, lambda p: p.get_logger(SCOPE, self._version))  # type: ignore[no-any-return]

    def flush(self) -> None:
        """Send what is queued in our own providers."""
        for provider in list(self._own.values()):
            provider.force_flush()

    def shutdown(self) -> None:
        """Send what is queued and stop, within the seconds that the settings allow; take back what we added."""
        for _, enricher in self._enriched:
            enricher.shutdown()
        for exporter in self._keeping:
            exporter.close_soon()
        deadline = time.monotonic() + self._settings.shutdown_seconds
        own, self._own = self._own, {}
        for provider in own.values():
            for part in provider.autogen_otel_parts:
                guard.call(_shutdown_part, part, max(0.05, deadline - time.monotonic()))

    def _hand_out(self, what: str, provider: Any, get: Callable[[Any], Any]) -> Any:
        known = self._handed_out.get(what)
        if known is None or known[0] is not provider:
            known = self._handed_out[what] = (provider, get(provider))
        return known[1]

    def _ours(self, signal: str, make: Callable[[list[Any]], Any]) -> Any:
        provider = self._own.get(signal)
        if provider is not None:
            return provider
        with self._lock:
            if signal not in self._own:
                self._own[signal] = make(self._exporters(signal))
            return self._own[signal]

    def _after_fork(self) -> None:
        """Begin anew in a forked child.

        Metrics with a provider of its own: the parent's sums must not be sent by each child again, and a thread that
        was collecting in the parent has left its locks behind. Spans and logs keep theirs, which the SDK renews.
        """
        self._lock = threading.Lock()
        self._own.pop(exporters.METRICS, None)
        self._handed_out.pop("meter", None)

    def _exporters(self, signal: str) -> list[Any]:
        return [self._exporter(signal, name) for name in exporters.chosen(signal)]

    def _exporter(self, signal: str, name: str) -> Any:
        keep = functools.partial(self._store_exporter, signal)
        make = functools.partial(exporters.make, signal, name)
        exporter = None if name == exporters.STORE else make()
        if exporter is None:
            # Telemetry that cannot be sent where it should go is kept, not thrown away.
            return keep()
        where = (signal, exporters.endpoint_of(signal) or f"The exporter {name!r}", self._settings.store)
        exporter = KeepingUndelivered(exporter, make, keep, where, self._refused)
        self._keeping.append(exporter)
        return exporter

    def _store_exporter(self, signal: str) -> Any:
        self._store = self._store or Store(self._settings.store)
        makers: dict[str, Callable[[Store], Any]] = {
            exporters.TRACES: StoreSpanExporter,
            exporters.METRICS: StoreMetricExporter,
            exporters.LOGS: StoreLogExporter,
        }
        return makers[signal](self._store)

    def _make_tracer_provider(self, to: list[Any]) -> TracerProvider:
        provider = TracerProvider(shutdown_on_exit=False)
        parts = [BatchSpanProcessor(exporter) for exporter in to]
        for part in parts:
            provider.add_span_processor(part)
        provider.autogen_otel_parts = parts  # type: ignore[attr-defined]
        return provider

    def _make_meter_provider(self, to: list[Any]) -> MeterProvider:
        parts = [PeriodicExportingMetricReader(exporter) for exporter in to]
        provider = MeterProvider(metric_readers=parts, shutdown_on_exit=False)
        provider.autogen_otel_parts = parts  # type: ignore[attr-defined]
        return provider

    def _make_logger_provider(self, to: list[Any]) -> LoggerProvider:
        provider = LoggerProvider(shutdown_on_exit=False)
        parts = [BatchLogRecordProcessor(exporter) for exporter in to]
        for part in parts:
            provider.add_log_record_processor(part)
        provider.autogen_otel_parts = parts  # type: ignore[attr-defined]
        return provider

    def _enrich(self, provider: Any) -> None:
        if any(provider is known for known, _ in self._enriched):
            return
        enricher = Enricher()
        self._enriched.append((provider, enricher))
        if hasattr(provider, "add_span_processor"):
            provider.add_span_processor(enricher)


def _shutdown_part(part: Any, seconds: float) -> None:
    """Stop a processor or reader with a deadline.

    The public `shutdown` of the batch processors takes none: with a Collector that does not answer a program would hang
    for seconds at its end. Starting a thread of our own to wait in is not possible while an interpreter shuts down.
    """
    batch = getattr(part, "_batch_processor", part)
    batch.shutdown(timeout_millis=seconds * 1000)
    # An export that was cut short may be writing to the store now.
    worker = getattr(batch, "_worker_thread", None) or getattr(batch, "_daemon_thread", None)
    if worker is not None:
        worker.join(0.2)
