"""Tool calls: one operation for each, whichever of its ways a call takes, and the exception before it becomes a text.

An AssistantAgent hands each call to `_execute_tool_call`, which finds a workbench, which runs a tool. Core agents and
other agents run a tool directly. The outermost of these opens the operation; what is inside only adds to it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.instrumentation.agentchat.tool_calls import InsideCall, current_call, judge, open_call, report_error
from autogen_otel.instrumentation.agentchat.workbenches import WORKBENCHES
from autogen_otel.instrumentation.content import content_of
from autogen_otel.instrumentation.coroutines import report_unawaited
from autogen_otel.instrumentation.operations import operation
from autogen_otel.patching.patch import Patch

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_MAX_DESCRIPTION: Final = 1_024
_ASSISTANT: Final = "autogen_agentchat.agents._assistant_agent"


def _call_of(args: Args, kwargs: Kwargs) -> Any:
    return kwargs["tool_call"] if "tool_call" in kwargs else args[0]


def _open_call(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    call = _call_of(args, kwargs)
    opened = open_call(call.name, call.id, kwargs.get("agent_name"))
    # What escapes kills the task that was to end the agent's wait for its tools: the agent waits for ever.
    opened.on_failure = _reaches_nobody
    return opened


def _reaches_nobody(opened: OpenOperation, error: BaseException) -> None:
    gone = isinstance(error, GeneratorExit) or (isinstance(error, asyncio.CancelledError) and _is_cancelled(opened))
    opened.unheard = not gone
    judge(opened, error)


def _is_cancelled(opened: OpenOperation) -> bool:
    """Tell whether the task itself was cancelled, as at the end of a program, and not only what it waited for."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    nobody_waits = opened.parent is not None and opened.parent.closed
    return nobody_waits or (cancelling is not None and cancelling() > 0)


def _close_call(opened: OpenOperation, result: Any) -> None:
    """Tell the failures apart for which there never was an exception, or none that reached a tool."""
    call, answer = result
    if answer.is_error and opened.fault is None:
        report_error(opened, call.arguments, str(answer.content))
    elif not answer.is_error:
        report_unawaited(opened, answer.content)


def _open_run(tool: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    call_id = args[2] if len(args) > 2 else kwargs.get("call_id")
    call = current_call(tool.name, call_id)
    # The same tool again, called by itself, is another call.
    if call is not None and names.TOOL_DESCRIPTION not in call.attributes:
        call.attributes[names.TOOL_DESCRIPTION] = str(tool.description)[:_MAX_DESCRIPTION]
        return InsideCall(call)
    opened = open_call(tool.name, call_id)
    opened.attributes[names.TOOL_DESCRIPTION] = str(tool.description)[:_MAX_DESCRIPTION]
    opened.on_failure = judge
    return opened


def tools(content: bool) -> tuple[Patch, ...]:
    """Return the patches of tool calls.

    Args:
        content: Whether arguments and results are to be recorded.
    """

    def opening(instance: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
        opened = _open_call(instance, args, kwargs)
        if content:
            opened.attributes[names.TOOL_ARGUMENTS] = content_of(_call_of(args, kwargs).arguments)
        return opened

    def closing(opened: OpenOperation, result: Any) -> None:
        _close_call(opened, result)
        if content:
            opened.attributes[names.TOOL_RESULT] = content_of(result[1].content)

    def open_run(tool: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
        opened = _open_run(tool, args, kwargs)
        if content:
            opened.attributes[names.TOOL_ARGUMENTS] = content_of(args[0] if args else kwargs.get("args"))
        return opened

    def close_run(opened: OpenOperation, result: Any) -> None:
        report_unawaited(opened.whole if isinstance(opened, InsideCall) else opened, result)
        if content:
            opened.attributes[names.TOOL_RESULT] = content_of(result)

    base = "autogen_core.tools._base"
    return (
        Patch(
            _ASSISTANT,
            "AssistantAgent._execute_tool_call",
            operation(opening, closing),
            "every tool call of an AssistantAgent; what escapes it makes the agent wait for ever",
        ),
        Patch(
            base,
            "BaseTool.run_json",
            operation(open_run, close_run),
            "a tool, whoever runs it; a workbench catches the exception above",
        ),
        Patch(
            base, "BaseStreamTool.run_json_stream", operation(open_run, close_run), "the same of AgentTool, TeamTool"
        ),
        *WORKBENCHES,
    )
