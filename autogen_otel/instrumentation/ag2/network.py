"""Agents of ag2 1.x that talk over a hub: the sender's request goes along, and no failure stays a text or a silence.

The hub delivers in tasks that serve everyone and were started by whoever came first, so each delivery is run in the
context in which its envelope was sent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.ag2.wire import Wire
from autogen_otel.operations.current import leave_request
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# The tools that a hub gives its agents. They catch everything and answer with a text.
NETWORK_TOOLS: Final = frozenset({"channels", "context", "delegate", "peers", "say", "tasks"})
# What an agent that was disconnected never fetches must not be kept for ever.
MAX_UNDELIVERED: Final = 1024
_caught: ContextVar[list[BaseException] | None] = ContextVar("autogen_otel_ag2_caught", default=None)


def listen_for_failures() -> None:
    """Begin to note what the hub raises in this tool call."""
    _caught.set([])


def last_failure() -> BaseException | None:
    """Return what the hub raised last in this tool call."""
    caught = _caught.get()
    return caught[-1] if caught else None


def _note_failure(_: Any, switch: Switch) -> Callable[..., Any]:
    async def call(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            caught = _caught.get()
            if caught is not None and switch.on and isinstance(error, Exception):
                caught.append(error)
            raise

    return call


class _Deliveries:
    """Remembers, from an envelope's sending to its delivery, for whom it is."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[tuple[str, str], Context] = OrderedDict()

    def send(self, _: Any, switch: Switch) -> Callable[..., Any]:
        def send_frame(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
            if switch.on:
                guard.call(self._remember, args[0] if args else kwargs["frame"])
            return wrapped(*args, **kwargs)

        return send_frame

    def deliver(self, _: Any, switch: Switch) -> Callable[..., Any]:
        async def dispatch(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
            context = guard.call(self._recall, args[0] if args else kwargs["frame"]) if switch.on else None
            if not context:
                return await wrapped(*args, **kwargs)
            # A task takes the context in which it is made; waiting for it keeps the order, and hands a cancellation on.
            return await context.run(asyncio.ensure_future, wrapped(*args, **kwargs))

        return dispatch

    def _remember(self, frame: Any) -> None:
        envelope = getattr(frame, "envelope", None)
        if envelope is not None:
            self.remember(envelope.envelope_id, frame.recipient_id, copy_context())

    def remember(self, envelope_id: str, recipient_id: str, context: Context) -> None:
        """Remember in which context an envelope is to be delivered.

        Args:
            envelope_id: Which.
            recipient_id: To whom; there may be several.
            context: Where it was sent.
        """
        self._contexts[envelope_id, recipient_id] = context
        if len(self._contexts) > MAX_UNDELIVERED:
            self._contexts.popitem(last=False)

    def _recall(self, frame: Any) -> Context | None:
        return self._contexts.pop((frame.envelope.envelope_id, frame.recipient_id), None)


def _serve_everyone(_: Any, switch: Switch) -> Callable[..., Any]:
    async def serve(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_forget_request)
        return await wrapped(*args, **kwargs)

    return serve


def _forget_request() -> None:
    leave_request()
    otel_context.attach(otel_context.Context())


def network() -> tuple[Patch, ...]:
    """Return the patches of the network."""
    deliveries = _Deliveries()
    serve, noting = wrap(_serve_everyone), wrap(_note_failure)
    client, hub = "ag2.network.client.hub_client", "ag2.network.hub.core"
    local, agent = "ag2.network.transport.local", "ag2.network.client.agent_client"
    return (
        Patch(local, "LocalLinkEndpoint.send_frame", wrap(deliveries.send), "for whom an envelope is"),
        Patch(client, "HubClient._dispatch_notify_safe", wrap(deliveries.deliver), "an envelope reaches an agent"),
        Patch(client, "HubClient._receive_loop", serve, "a task that outlives the request in which it was started"),
        Patch(hub, "Hub._handle_endpoint", serve, "a task that outlives the request in which it was started"),
        *Wire(deliveries.remember).patches(),
        Patch(agent, "AgentClient.wait_for_channel_event", noting, "tools make a text of a peer that never answers"),
        *(
            Patch(client, f"HubClient.{method}", noting, "tools make a text of what it raises", optional=True)
            for method in (
                *("get_agent", "get_channel", "create_channel", "close_channel"),
                *("post_envelope", "read_wal", "get_task"),
            )
        ),
    )
