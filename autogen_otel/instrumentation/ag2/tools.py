"""Tool calls of ag2 1.x, and the agents that run inside one."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.ag2.models import text_of
from autogen_otel.instrumentation.ag2.network import NETWORK_TOOLS, last_failure, listen_for_failures
from autogen_otel.instrumentation.ag2.turns import current_turn
from autogen_otel.instrumentation.content import content_of
from autogen_otel.instrumentation.coroutines import report_unawaited
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.provenance import introduce

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patch import Switch

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# What stands between the model's arguments and the tool's own code.
_BEFORE_THE_TOOL: Final = (
    *("ag2.tools.final.function_tool", "autogen.beta.tools.final.function_tool"),
    *("ag2.events.", "autogen.beta.events.", "fast_depends.", "pydantic.", "json."),
)
_dynamic: Final[ContextVar[bool]] = ContextVar("autogen_otel_ag2_dynamic", default=False)


def open_tool(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    """Open a tool call; the arguments are those of `_execute_call`."""
    call = args[1] if len(args) > 1 else kwargs["call"]
    name = call.name
    attributes: dict[str, Any] = {names.TOOL_TYPE: "function", names.TOOL_CALL_ID: call.id}
    if name in NETWORK_TOOLS:
        listen_for_failures()
    turn = current_turn()
    if turn is None:
        return open_operation(Kind.TOOL, name, tool=name, attributes=attributes)
    if turn.known_tools is not None and name not in turn.known_tools:
        attributes[names.TOOL_KNOWN] = False
    opened = turn.open(Kind.TOOL, name, event=call, tool=name, attributes=attributes)
    if turn.content:
        opened.attributes[names.TOOL_ARGUMENTS] = content_of(call.arguments)
    return opened


def close_tool(opened: OpenOperation, result: Any) -> None:
    """Record the exception that ag2 has made an event, and a text for the model, of."""
    introduce(_text_of(result))
    error = getattr(result, "error", None)
    if isinstance(error, BaseException):
        if type(result).__name__ == "ToolNotFoundEvent":
            opened.report(FaultKind.UNKNOWN_TOOL, FaultKind.UNKNOWN_TOOL.value, str(error))
        else:
            if not _reached_the_tool(error.__traceback__):
                opened.fault_kind = FaultKind.BAD_ARGUMENTS
            opened.catch(error)
    elif opened.fact.name in NETWORK_TOOLS and _text_of(result).startswith("Error: "):
        _catch_text(opened, _text_of(result))
    else:
        for part in _parts_of(result):
            report_unawaited(opened, getattr(part, "data", None) or getattr(part, "content", None))
    turn = current_turn()
    if turn is not None and turn.content:
        opened.attributes[names.TOOL_RESULT] = content_of(_text_of(result))


def _reached_the_tool(traceback: TracebackType | None) -> bool:
    """Tell whether a frame of the tool's own is in a traceback; if not, the model's arguments did not fit it."""
    if traceback is None:
        return True
    while traceback is not None:
        if not f"{traceback.tb_frame.f_globals.get('__name__', '')}.".startswith(_BEFORE_THE_TOOL):
            return True
        traceback = traceback.tb_next
    return False


def _catch_text(opened: OpenOperation, text: str) -> None:
    """Record why a tool of the network answered with an error: a peer failed, or the hub raised, or it only says so."""
    failure = last_failure()
    if opened.escaped:
        opened.fault = opened.escaped[-1]
    elif failure is not None:
        opened.catch(failure)
    else:
        opened.report(FaultKind.RETURNED, "network_error", text.removeprefix("Error: "))


def _parts_of(result: Any) -> Any:
    return getattr(getattr(result, "result", None), "parts", ())


def _text_of(result: Any) -> str:
    return text_of(_parts_of(result))


def show_failed_task(_: Any, switch: Switch) -> Callable[..., Any]:
    """Show the failure of an agent on the tool call that ran it: ag2 makes the answer of a tool of it."""

    async def run_task(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            guard.call(_show, switch, error)
            raise
        if not result.completed:
            guard.call(_show, switch, result.error)
        return result

    return run_task


def mark_dynamic(_: Any, switch: Switch) -> Callable[..., Any]:
    """Note that an agent is being made as a model has described it."""

    async def resolve_and_run(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        token = _dynamic.set(switch.on)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            guard.call(_dynamic.reset, token)

    return resolve_and_run


def keep_unresolved(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record why an agent could not be made as a model has described it; ag2 makes the answer of a tool of it."""

    def to_agent(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return wrapped(*args, **kwargs)
        except BaseException as error:
            if _dynamic.get() and switch.on:
                guard.call(_not_resolved, error)
            raise

    return to_agent


def _not_resolved(error: BaseException) -> None:
    current = current_operation()
    if current is not None and current.fact.kind is Kind.TOOL:
        current.fault_kind = FaultKind.BAD_ARGUMENTS
        current.catch(error)


def open_background(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    """Open the work of an agent that goes on after the tool call by which it was started."""
    name = f"background {(args[0] if args else kwargs['agent']).name}"
    return open_operation(Kind.WORKFLOW, name, attributes={names.WORKFLOW_NAME: name})


def _show(switch: Switch, error: BaseException | None) -> None:
    current = current_operation()
    if error is not None and switch.on and current is not None and current.fact.kind in {Kind.TOOL, Kind.WORKFLOW}:
        current.catch(error)
