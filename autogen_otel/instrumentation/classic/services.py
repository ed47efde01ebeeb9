"""Agents of classic AutoGen that run without a chat: behind A2A and AG-UI, and on a voice line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.instrumentation.operations import operation
from autogen_otel.instrumentation.tools import ObservedTools
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def services(patches: Patches) -> tuple[Patch, ...]:
    """Return the patches of what runs an agent, or its tools, past the methods that a chat calls."""
    tools = ObservedTools(vars)
    patches.on_undo(tools.restore)

    def open_voice_tool(observer: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
        name = str(kwargs["name"] if "name" in kwargs else args[1])
        tool = observer.agent.registered_realtime_tools.get(name)
        attributes: dict[str, Any] = {names.TOOL_TYPE: "function", names.TOOL_CALL_ID: kwargs.get("call_id", "")}
        if tool is None:
            attributes[names.TOOL_KNOWN] = False
        else:
            tools.observe(tool, "_func")
        agent = getattr(observer.agent, "_name", None)
        return open_operation(Kind.TOOL, name, agent=agent, tool=name, attributes=attributes)

    return (
        Patch(
            "autogen.agentchat.remote.agent_service",
            "AgentService.__call__",
            operation(_open_service),
            "A2A and AG-UI: an agent's turn; calls the reply functions itself",
            optional=True,
        ),
        Patch(
            "autogen.agentchat.realtime.experimental.function_observer",
            "FunctionObserver.call_function",
            operation(open_voice_tool, _close_voice_tool),
            "a tool call by voice; says 'Function call failed' of any exception",
            optional=True,
        ),
    )


def _open_service(service: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    return open_operation(Kind.AGENT, service.agent.name, agent=service.agent.name)


def _close_voice_tool(opened: OpenOperation, _: Any) -> None:
    if not opened.fact.attributes.get(names.TOOL_KNOWN, True):
        name = opened.fact.name
        opened.report(FaultKind.UNKNOWN_TOOL, FaultKind.UNKNOWN_TOOL.value, f"Function {name} not found.")
