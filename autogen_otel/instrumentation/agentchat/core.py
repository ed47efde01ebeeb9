"""Agents of `autogen_core`: one operation for each message that one handles, with the exception that AutoGen drops.

A team consists of core agents too, one around each member and one that manages them. What these do is the members' and
the team's, so they have no operations of their own.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import PerObject, agent_serials
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation, current_request_id
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_AGENTCHAT: Final = "autogen_agentchat."
_UNHANDLED: Final = "unhandled_message"
# Applications make an agent for each session and call its type by a UUID; a name must not be one.
_UUID: Final = re.compile(r"[-_.:/ ]?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class _Core(NamedTuple):
    """A core agent that is the application's.

    Attributes:
        name: Its type.
        attributes: What each operation of it has.
        handled: The types of messages that it handles; None if that cannot be told beforehand.
    """

    name: str
    attributes: dict[str, Any]
    handled: Any


def name_of(agent_type: str, otherwise: str = "agent") -> str:
    """Return the type of an agent without what makes it unique.

    Args:
        agent_type: As it was registered.
        otherwise: The name if nothing is left.
    """
    return _UUID.sub("", agent_type) or otherwise


def _look_at(agent: Any) -> _Core | None:
    closure = getattr(agent, "_closure", None)
    if str(getattr(closure, "__module__", "")).startswith(_AGENTCHAT):
        return None
    classes = type(agent).__mro__
    if any(cls.__module__.startswith(_AGENTCHAT) for cls in classes):
        return None
    attributes = {names.AGENT_INSTANCE: agent_serials.of(agent), names.AGENT_ID: str(agent.id)}
    # An agent that handles what has no handler may do anything there.
    owner = next((cls for cls in classes if "on_unhandled_message" in vars(cls)), None)
    silent = owner is not None and owner.__module__ == "autogen_core._routed_agent"
    return _Core(name_of(agent.id.type, type(agent).__name__), attributes, agent._handlers if silent else None)


_cores: Final = PerObject(_look_at)


def _open(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
    core = _cores.of(agent)
    if core is None:
        return None
    message = args[0] if args else kwargs["message"]
    context = args[1] if len(args) > 1 else kwargs["ctx"]
    if not context.is_rpc and core.handled is not None and type(message) not in core.handled:
        # A topic tells everyone who listens; who does not care for a message does nothing.
        return None
    opened = open_operation(Kind.AGENT, core.name, agent=core.name, attributes=core.attributes)
    if not context.is_rpc:
        opened.on_failure = _dropped
    return opened


def _dropped(opened: OpenOperation, error: BaseException) -> None:
    """Nobody waits for the handler of an event, so nobody above answers on its failure."""
    parent = opened.parent
    if parent is not None and parent.fact.kind is not Kind.REQUEST:
        opened.unheard = not isinstance(error, (asyncio.CancelledError, GeneratorExit))


def _report_unhandled(_: Any, switch: Switch) -> Callable[..., Any]:
    """Tell of a message that is asked for an answer, and which no handler is there for: the sender gets None."""

    def unhandled(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        if switch.on:
            guard.call(_unhandled, instance, *args, **kwargs)
        return wrapped(*args, **kwargs)

    return unhandled


def _unhandled(agent: Any, message: Any, ctx: Any) -> None:
    current = current_operation()
    if ctx.is_rpc and current is not None and _cores.of(agent) is not None:
        current.report(FaultKind.RAISED, _UNHANDLED, f"{agent.id} has no handler for {type(message).__name__}")


def keep_factory_error(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record what the factory of an agent raises. A wrapper, as `wrap` wants it, of a runtime's method."""

    async def invoke(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        started_ns = time.time_ns()
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            if switch.on:
                agent_id = kwargs["agent_id"] if "agent_id" in kwargs else args[1]
                guard.call(_not_made, agent_id.type, error, started_ns)
            raise

    return invoke


def _not_made(agent_type: str, error: BaseException, started_ns: int) -> None:
    if recorded_fault(error, current_request_id()) is None:
        name = name_of(agent_type)
        open_operation(Kind.AGENT, name, agent=name, started_ns=started_ns).fail(error)


def core_agents() -> tuple[Patch, ...]:
    """Return the patches of core agents."""
    runtime = "autogen_core._single_threaded_agent_runtime"
    return (
        Patch("autogen_core._base_agent", "BaseAgent.on_message", operation(_open), "a message that an agent handles"),
        Patch(
            "autogen_core._routed_agent",
            "RoutedAgent.on_unhandled_message",
            wrap(_report_unhandled),
            "who asks for an answer gets None",
        ),
        Patch(
            runtime,
            "SingleThreadedAgentRuntime._invoke_agent_factory",
            wrap(keep_factory_error),
            "makes an agent at its first message; what it raises is dropped if the message is an event",
        ),
    )
