"""A span for each HTTP attempt, made by `opentelemetry-instrumentation-httpx`, inside requests only.

The instrumentor patches httpx for the whole process. An application that has not asked for it must not find spans and
`traceparent` headers on its other calls, nor its baggage at the model provider. So the instrumentor gets a tracer that
makes spans only inside an operation and takes the baggage out while the request is sent.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.metrics import NoOpMeterProvider

from autogen_otel.operations.current import current_operation
from autogen_otel.patching.imports import when_imported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# openai 3 talks over httpx2, earlier ones over httpx.
_INSTRUMENTORS: Final = {"httpx": "HTTPXClientInstrumentor", "httpx2": "HTTPX2ClientInstrumentor"}


class _RequestTracer(trace.NoOpTracer):
    def __init__(self, find: Callable[[], trace.Tracer]) -> None:
        self._find = find

    def start_span(self, name: str, *args: Any, **kwargs: Any) -> trace.Span:
        if current_operation() is None:
            return trace.INVALID_SPAN
        return self._find().start_span(name, *args, **kwargs)

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[trace.Span]:  # type: ignore[override]
        token = otel_context.attach(baggage.clear())
        try:
            if current_operation() is None:
                with trace.use_span(trace.INVALID_SPAN):
                    yield trace.INVALID_SPAN
            else:
                with self._find().start_as_current_span(name, *args, **kwargs) as span:
                    yield span
        finally:
            otel_context.detach(token)


class _RequestTracerProvider(trace.NoOpTracerProvider):
    def __init__(self, find: Callable[[], trace.TracerProvider]) -> None:
        self._find = find

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return _RequestTracer(lambda: self._find().get_tracer(*args, **kwargs))


class HttpSpans:
    """Instruments httpx and httpx2 once the application has imported them, if nobody else has done so.

    Args:
        tracer_provider: Returns the provider that is in use.
        without: `httpx` and `httpx2` in it stay uninstrumented.
    """

    def __init__(self, tracer_provider: Callable[[], trace.TracerProvider], without: frozenset[str]) -> None:
        self._provider = _RequestTracerProvider(tracer_provider)
        self._without = without
        self._ours: list[Any] = []
        self._on = False

    def instrument(self) -> None:
        """Instrument what is imported now, and the rest when it is."""
        self._on = True
        for module in _INSTRUMENTORS:
            when_imported(module, self._instrument_imported)

    def uninstrument(self) -> None:
        """Take back what was instrumented here."""
        self._on = False
        for instrumentor in self._ours:
            instrumentor.uninstrument()
        self._ours.clear()

    def _instrument_imported(self) -> None:
        """Instrument each of the two that is imported.

        Both, whichever was imported now: importing the instrumentor imports the other one, and is not finished itself
        when that calls here.
        """
        if not self._on:
            return
        from opentelemetry.instrumentation import httpx

        for module, name in _INSTRUMENTORS.items():
            make = getattr(httpx, name, None)
            if make is None or module in self._without or module not in sys.modules:
                continue
            instrumentor = make()
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument(tracer_provider=self._provider, meter_provider=NoOpMeterProvider())
                self._ours.append(instrumentor)
