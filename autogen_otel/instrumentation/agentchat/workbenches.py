"""Tools that something other than an AssistantAgent runs: an MCP server, a workbench, an agent of `autogen_core`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import mark, recorded_fault
from autogen_otel.instrumentation.agentchat.tool_calls import InsideCall, catch, current_call, open_call, report_error
from autogen_otel.instrumentation.operations import operation
from autogen_otel.instrumentation.silent import RecordingLogger
from autogen_otel.operations.current import current_operation, leave_request
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_MCP: Final = "autogen_ext.tools.mcp._workbench"
_ADAPTER: Final = "autogen_ext.tools.mcp._base"
_ACTOR: Final = "autogen_ext.tools.mcp._actor"
_LOST: Final = "__autogen_otel_lost__"


def _open_mcp(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    name = kwargs["name"] if "name" in kwargs else args[0]
    call_id = args[3] if len(args) > 3 else kwargs.get("call_id")
    call = current_call(name, call_id)
    return InsideCall(call) if call is not None else open_call(name, call_id)


def _close_mcp(opened: OpenOperation, result: Any) -> None:
    if result.is_error and opened.fault is None and not isinstance(opened, InsideCall):
        report_error(opened, "{}", result.to_text())


def _open_core_call(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:
    """Open the call that a core ToolAgent is asked for; it may name a tool that is not there."""
    message: Any = args[0] if args else kwargs.get("message")
    if type(message).__name__ != "FunctionCall" or type(agent).__name__ != "ToolAgent":
        return None
    opened = open_call(message.name, message.id)
    opened.on_failure = _judge_core
    return opened


def _judge_core(opened: OpenOperation, error: BaseException) -> None:
    kinds = {"ToolNotFoundException": FaultKind.UNKNOWN_TOOL, "InvalidToolArgumentsException": FaultKind.BAD_ARGUMENTS}
    opened.fault_kind = kinds.get(type(error).__name__, opened.fault_kind)
    if opened.fault_kind is FaultKind.UNKNOWN_TOOL:
        opened.attributes[names.TOOL_KNOWN] = False
        # Its own text is empty; what it wants to say stands in a field.
        opened.report(opened.fault_kind, opened.fault_kind.value, str(getattr(error, "content", "")))
        if opened.fault is not None:
            mark(error, opened.fault)
    elif error.__cause__ is not None:
        opened.catch(error.__cause__)


def _keep_error(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record an exception in the tool call of which a workbench is about to keep only the text."""

    def format_errors(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_catch_here, args[0] if args else kwargs.get("error"))
        return wrapped(*args, **kwargs)

    return format_errors


def _keep_raised(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record what an MCP tool raises before the group of its session's tasks makes an exception group of it."""

    async def run(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            if switch.on:
                guard.call(_catch_here, error)
            raise

    return run


def _catch_here(error: Any) -> None:
    current = current_operation()
    if current is None or current.fact.kind is not Kind.TOOL or not isinstance(error, BaseException):
        return
    # A tool that a tool has called by itself has recorded its own.
    if recorded_fault(error, current.fact.request_id) is None:
        catch(current, error)


class _ActorLogger(RecordingLogger):
    """The logger of the task that talks to an MCP server, which outlives the request in which it was started."""

    @property
    def exception(self) -> Any:
        """The logger's own method; who waits for an answer gets the exception, and it is told there."""
        if self._self_switch.on and not guard.call(_lose, sys._getframe(1)):
            guard.call(_leave_ended_request)
            return super().exception
        return self.__wrapped__.exception


def _lose(frame: FrameType) -> bool:
    """Keep why the task has ended on what it was the task of, and tell whether somebody waits for an answer of it."""
    found = frame.f_locals
    # Not in a table of ours: the exception's frames refer to the actor, so neither would ever go.
    found["self"].__dict__[_LOST] = found["e"]
    waiting = found.get("fut")
    return waiting is not None and not waiting.cancelled()


def _keep_cause(_: Any, switch: Switch) -> Callable[..., Any]:
    """Give the RuntimeError of a lost connection its cause: it says only that there is none."""

    async def call(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except RuntimeError as error:
            lost = instance.__dict__.get(_LOST)
            if switch.on and lost is not None and lost is not error and error.__cause__ is None:
                error.__cause__ = lost
            raise

    return call


def _leave_ended_request() -> None:
    root = current_operation()
    while root is not None and root.parent is not None:
        root = root.parent
    if root is not None and root.closed:
        leave_request()


WORKBENCHES: Final = (
    Patch(
        "autogen_core.tools._static_workbench",
        "StaticWorkbench._format_errors",
        wrap(_keep_error),
        "makes a text of a tool's exception",
    ),
    Patch(_MCP, "McpWorkbench.call_tool", operation(_open_mcp, _close_mcp), "a tool of an MCP server"),
    Patch(_MCP, "McpWorkbench._format_errors", wrap(_keep_error), "makes a text of an MCP server's failure"),
    Patch(_ADAPTER, "McpToolAdapter._run", wrap(_keep_raised), "what it raises comes out in an exception group"),
    Patch(_ACTOR, "McpSessionActor.call", wrap(_keep_cause), "when the server is lost it does not say why"),
    Patch(_ACTOR, "logger", _ActorLogger, "the connection to an MCP server is lost, and only a line says why"),
    Patch(
        "autogen_core._routed_agent",
        "RoutedAgent.on_message_impl",
        operation(_open_core_call),
        "a tool call that a core ToolAgent is asked for",
    ),
)
