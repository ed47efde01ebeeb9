"""One tool call: the operation of it, the parts of it, and what its failures mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.faults.chain import qualified_type, text_of
from autogen_otel.faults.marks import mark
from autogen_otel.instrumentation.operations import Inside
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.operations.operation import OpenOperation

_NOT_FOUND: Final = ("not found in any workbench", "not found.")
_TOOL_ERROR: Final = "tool_error"


class InsideCall(Inside):
    """A part of a tool call whose operation is open already: only what it raises is of interest."""

    __slots__ = ()

    def fail(self, error: BaseException) -> None:
        """Record the exception in it, for AutoGen is about to make a text of it."""
        catch(self.whole, error)


def open_call(name: str, call_id: object, agent: str | None = None) -> OpenOperation:
    """Open the operation of a tool call.

    Args:
        name: The tool, as the model calls it.
        call_id: The ID that the model gave the call; some models give none.
        agent: Who calls it, if it is not the current agent.
    """
    attributes: dict[str, Any] = {names.TOOL_TYPE: "function"}
    if call_id and isinstance(call_id, str):
        attributes[names.TOOL_CALL_ID] = call_id
    return open_operation(Kind.TOOL, name, agent=agent, tool=name, attributes=attributes)


def current_call(name: str, call_id: object) -> OpenOperation | None:
    """Return the operation that is open for this very call."""
    current = current_operation()
    if current is None or current.fact.kind is not Kind.TOOL:
        return None
    known = current.fact.attributes.get(names.TOOL_CALL_ID)
    return current if (call_id == known if call_id and known else current.fact.name == name) else None


def catch(call: OpenOperation, error: BaseException) -> None:
    """Record an exception in a tool call; one of the arguments that did not fit is the model's."""
    if call.fault is None:
        judge(call, error)
        call.catch(error)


def catch_in_thread(error: BaseException) -> None:
    """Record what a function that a tool or an agent runs in an executor has raised."""
    current = current_operation()
    if current is not None and current.fact.kind in {Kind.TOOL, Kind.INPUT}:
        current.catch(error)


def judge(call: OpenOperation, error: BaseException) -> None:
    """Tell what an exception means that ends a tool call."""
    if _is_of_arguments(error):
        call.fault_kind = FaultKind.BAD_ARGUMENTS
    keep_fault(call, error)


def keep_fault(call: OpenOperation, error: BaseException) -> None:
    """Let an exception that asyncio or anyio has made of the one that was recorded here stand for that one."""
    fault = call.fault
    if fault is not None and any(
        fault.type == qualified_type(one) and fault.message == text_of(one) for one in _with_members(error)
    ):
        mark(error, fault)


def _with_members(error: BaseException) -> Iterator[BaseException]:
    yield error
    for member in getattr(error, "exceptions", None) or ():
        yield from _with_members(member)


def _is_of_arguments(error: BaseException) -> bool:
    """Tell whether AutoGen's own validation of the arguments raised, and not the tool."""
    traceback = error.__traceback__ if type(error).__name__ == "ValidationError" else None
    while traceback is not None:
        below = traceback.tb_next
        if below is not None and traceback.tb_frame.f_code.co_name in {"run_json", "run_json_stream"}:
            return below.tb_frame.f_code.co_name == "model_validate"
        traceback = below
    return False


def report_error(call: OpenOperation, arguments: object, text: str) -> None:
    """Tell what a tool call has failed with for which there is no exception, by the text that AutoGen made of it.

    Args:
        call: The operation of the call.
        arguments: What the model has sent; it may be no JSON.
        text: What the model is told.
    """
    message = text.removeprefix("Error: ")
    if message.endswith(_NOT_FOUND) and call.fact.name in message:
        call.attributes[names.TOOL_KNOWN] = False
        call.report(FaultKind.UNKNOWN_TOOL, FaultKind.UNKNOWN_TOOL.value, message)
    elif text.startswith("Error: ") and not _is_json(arguments):
        call.report(FaultKind.BAD_ARGUMENTS, "json.decoder.JSONDecodeError", message)
    else:
        # An MCP server, or a workbench of the application, has told that its tool failed.
        call.report(FaultKind.RETURNED, _TOOL_ERROR, text)


def _is_json(arguments: object) -> bool:
    try:
        json.loads(str(arguments))
    except json.JSONDecodeError:
        return False
    return True
