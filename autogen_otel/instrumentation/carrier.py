"""Taking a request along into another process: W3C's `traceparent` and the request's ID. Nothing goes into baggage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from autogen_otel.core.guard import guard
from autogen_otel.core.ids import clean_request_id
from autogen_otel.patching.patch import Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A key of gRPC's metadata, and the name of a CloudEvents attribute: small letters and digits only, and at most 20.
REQUEST_ID: Final = "autogenrequestid"
_trace_context: Final = TraceContextTextMapPropagator()
CARRIED: Final = (*sorted(_trace_context.fields), REQUEST_ID)


def inject(carrier: dict[str, Any], request_id: str | None, telemetry: Context | None = None) -> None:
    """Write onto a message where it was sent.

    Args:
        carrier: What goes along with the message.
        request_id: Of the request; None outside any.
        telemetry: OpenTelemetry's context; the current one if not given.
    """
    _trace_context.inject(carrier, telemetry)
    if request_id is not None:
        carrier[REQUEST_ID] = request_id


def extract(carrier: Mapping[str, str]) -> tuple[str | None, Context]:
    """Return request ID and context of where a message was sent; what a message says is untrusted."""
    request_id = carrier.get(REQUEST_ID)
    return clean_request_id(request_id) if request_id else None, _trace_context.extract(carrier, Context())


def addressing(address: Callable[[Any], None]) -> Callable[[Any, Switch], Any]:
    """Return the `Patch.replace` of what makes the metadata, or the whole, of a message.

    Args:
        address: Writes onto it where it is sent.
    """

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def make_message(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            made = wrapped(*args, **kwargs)
            if switch.on:
                guard.call(address, made)
            return made

        return make_message

    return wrap(make)
