"""The entry point for `opentelemetry-instrument python app.py`: no line of code is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from autogen_otel.instrument import instrument, uninstrument

if TYPE_CHECKING:
    from collections.abc import Collection


class AutogenInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Instruments AutoGen, whichever of its lines the application imports."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: AutoGen has many distributions, and each is looked for when it is imported."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - the base class's signature
        instrument()

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002
        uninstrument()
