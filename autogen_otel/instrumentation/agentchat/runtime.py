"""AutoGen's runtime in one process: each message is handled in the request in which it was sent.

A team has a runtime of its own, or shares one that the application has made; core agents always share one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.agentchat.core import core_agents
from autogen_otel.instrumentation.agentchat.interventions import interventions
from autogen_otel.instrumentation.agentchat.message_spans import ORIGIN, message_spans
from autogen_otel.instrumentation.agentchat.messages import Origin, adopt, take_origin
from autogen_otel.instrumentation.carrier import addressing
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_RUNTIME: Final = "autogen_core._single_threaded_agent_runtime"


def _address(metadata: Any) -> None:
    metadata.__dict__[ORIGIN] = take_origin()


def _handle(_: Any, switch: Switch) -> Callable[..., Any]:
    async def process(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if switch.on:
            envelope = args[0] if args else kwargs["message_envelope"]
            origin = getattr(envelope.metadata, ORIGIN, None)
            if isinstance(origin, Origin):
                guard.call(adopt, origin)
        return await wrapped(*args, **kwargs)

    return process


def runtime(patches: Patches, content: bool) -> tuple[Patch, ...]:
    """Return the patches of the runtime and of the agents in it.

    Args:
        patches: Takes back what is woven later.
        content: Whether messages are to be recorded.
    """
    return (
        Patch(
            _RUNTIME,
            "get_telemetry_envelope_metadata",
            addressing(_address),
            "each message takes its request along",
        ),
        *(
            Patch(
                _RUNTIME,
                f"SingleThreadedAgentRuntime.{method}",
                wrap(_handle),
                "handles a message in a task that knows nothing of the request in which it was sent",
            )
            for method in ("_process_send", "_process_publish", "_process_response")
        ),
        *core_agents(),
        *interventions(patches),
        *message_spans(content),
    )
