"""AutoGen's runtime over gRPC: one trace and one request ID over all its processes, and the messages that get lost.

An exception is recorded in the process in which it was raised: the sender gets only its text. AutoGen answers a message
that never reaches an agent with nothing at all, and its sender waits for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.instrumentation.agentchat.core import keep_factory_error
from autogen_otel.instrumentation.agentchat.grpc_host import GRPC_HOST
from autogen_otel.instrumentation.agentchat.grpc_messages import open_lost, origin_of
from autogen_otel.instrumentation.agentchat.messages import adopt, take_origin
from autogen_otel.instrumentation.carrier import CARRIED, addressing, inject
from autogen_otel.operations.current import current_request_id
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_WORKER: Final = "autogen_ext.runtimes.grpc._worker_runtime"


# Sending


def _address(metadata: dict[str, str]) -> None:
    origin = take_origin()
    inject(metadata, origin.request_id, origin.telemetry)


def _publish(_: Any, switch: Switch) -> Callable[..., Any]:
    """Put the metadata onto an event too, which AutoGen sends without any."""

    def send(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_address_event, *args, **kwargs)
        return wrapped(*args, **kwargs)

    return send


def _address_event(runtime_message: Any, send_type: str, recipient: Any, telemetry_metadata: Mapping[str, str]) -> None:  # noqa: ARG001
    if runtime_message.HasField("cloudEvent"):
        attributes = runtime_message.cloudEvent.attributes
        for key in CARRIED:
            if key in telemetry_metadata:
                attributes[key].ce_string = telemetry_metadata[key]


# Handling


def _handle(_: Any, switch: Switch) -> Callable[..., Any]:
    async def process(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if not switch.on:
            return await wrapped(*args, **kwargs)
        (message,) = (*args, *kwargs.values())
        guard.call(lambda: adopt(origin_of(message)))
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            guard.call(_lose, message, error)
            raise

    return process


def _lose(message: Any, error: BaseException) -> None:
    """Record what has kept a message from its agent, or an answer from who waits for it."""
    if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
        return
    if recorded_fault(error, current_request_id()) is None:
        open_lost(message).fail(error)


def grpc() -> tuple[Patch, ...]:
    """Return the patches of workers and host."""
    handle, runtime = wrap(_handle), "GrpcWorkerAgentRuntime"
    return (
        Patch(_WORKER, "get_telemetry_grpc_metadata", addressing(_address), "each message takes its request along"),
        Patch(_WORKER, f"{runtime}._send_message", wrap(_publish), "an event is sent without any metadata"),
        Patch(_WORKER, f"{runtime}._process_request", handle, "a message of another process"),
        Patch(_WORKER, f"{runtime}._process_event", handle, "the same of an event"),
        Patch(_WORKER, f"{runtime}._process_response", handle, "an answer of another process"),
        Patch(
            _WORKER,
            f"{runtime}._invoke_agent_factory",
            wrap(keep_factory_error),
            "makes an agent at its first message, outside any except clause",
        ),
        *GRPC_HOST,
    )
