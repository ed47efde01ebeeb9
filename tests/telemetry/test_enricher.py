"""What stands among the application's own span processors does not get in their way."""

from __future__ import annotations

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from autogen_otel.telemetry.enricher import Enricher


class Flushed(SpanProcessor):
    """Counts how often it was asked to send what it has."""

    def __init__(self) -> None:
        self.times = 0

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.times += 1
        return True


def test_processors_behind_are_flushed():
    """A processor that the application adds after `instrument()` is flushed as well, with every version of the SDK."""
    provider, behind = TracerProvider(shutdown_on_exit=False), Flushed()
    provider.add_span_processor(Enricher())
    provider.add_span_processor(behind)

    assert (provider.force_flush(), behind.times) == (True, 1)
