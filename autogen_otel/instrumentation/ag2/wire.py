"""A hub of ag2 1.x that is reached over WebSockets: a request goes along with each frame, to the hub and to a peer.

A hub takes no offence at a parameter that it does not know. An agent's client would, and lose the frame; so the hub
sends a request along only to a client from which one came.
"""

from __future__ import annotations

import weakref
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.carrier import addressing, extract, inject
from autogen_otel.operations.current import current_operation, current_request_id, go_on_with_request, work_for
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_KEY: Final = "autogen_otel"
_WEB: Final = "ag2.network.transport.ws"
_understood: Final[ContextVar[bool]] = ContextVar("autogen_otel_ag2_understood", default=False)


class _Within:
    """Goes where a frame was sent, in another process or in this one, and back."""

    def __init__(self, carrier: Any) -> None:
        self._request_id, self._telemetry = extract(carrier)
        self._before: tuple[Any, ...] = ()

    def __enter__(self) -> None:
        self._before = (current_operation(), current_request_id(), otel_context.get_current())
        go_on_with_request(self._request_id)
        otel_context.attach(self._telemetry)

    def __exit__(self, *_: object) -> None:
        operation, request_id, telemetry = self._before
        go_on_with_request(request_id)
        if operation is not None:
            work_for(operation)
        otel_context.attach(telemetry)


class Wire:
    """Puts requests onto frames, and takes them off again.

    Args:
        remember: Told of each envelope that arrives: its ID, for whom it is, and the context in which to deliver it.
    """

    def __init__(self, remember: Callable[[str, str, Context], None]) -> None:
        self._remember = remember
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()

    def _decode(self, _: Any, switch: Switch) -> Callable[..., Any]:
        def decode(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
            data = args[0] if args else kwargs["data"]
            # Also when it is switched off: the host would not know the key.
            carrier = data.pop(_KEY, None) if isinstance(data, dict) else None
            frame = wrapped(*args, **kwargs)
            if carrier is not None and switch.on:
                guard.call(self._arrive, frame, carrier)
            return frame

        return decode

    def _send(self, _: Any, switch: Switch) -> Callable[..., Any]:
        async def send_frame(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
            token = _understood.set(switch.on and instance in self._clients)
            try:
                return await wrapped(*args, **kwargs)
            finally:
                _understood.reset(token)

        return send_frame

    def _handle(self, _: Any, switch: Switch) -> Callable[..., Any]:
        async def handle_request(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
            within = guard.call(self._take, *args, **kwargs) if switch.on else None
            if not within:
                return await wrapped(*args, **kwargs)
            with within:
                return await wrapped(*args, **kwargs)

        return handle_request

    def _take(self, endpoint: Any, frame: Any) -> _Within | None:
        carrier = frame.params.pop(_KEY, None)
        if carrier is None:
            return None
        self._clients.add(endpoint)
        return _Within(carrier)

    def _arrive(self, frame: Any, carrier: Any) -> None:
        context = copy_context()
        context.run(_Within(carrier).__enter__)
        self._remember(frame.envelope.envelope_id, frame.recipient_id, context)

    def patches(self) -> tuple[Patch, ...]:
        """Return the patches of the wire."""
        return (
            Patch(_WEB, "encode_frame", addressing(_address), "a frame takes its request along", optional=True),
            Patch(_WEB, "decode_frame", wrap(self._decode), "a frame has taken its request along", optional=True),
            Patch(_WEB, "WsLinkEndpoint.send_frame", wrap(self._send), "a frame to a client", optional=True),
            Patch("ag2.network.hub.core", "Hub._handle_request", wrap(self._handle), "a frame of a client"),
        )


def _address(data: dict[str, Any]) -> None:
    kind = data.get("kind")
    holder = data.get("params") if kind == "request" else data if kind == "notify" and _understood.get() else None
    if isinstance(holder, dict):
        carrier: dict[str, str] = {}
        inject(carrier, current_request_id())
        holder[_KEY] = carrier
