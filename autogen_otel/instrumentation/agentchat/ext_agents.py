"""Agents of `autogen_ext` that run their tools by themselves, and make a text of whatever fails.

An agent with a hosted model (OpenAI's assistants, Azure AI) tells the model `Error: ...`. The surfers make their answer
of the traceback, and stop at nothing: they catch a cancellation too.
"""

from __future__ import annotations

from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.instrumentation.agentchat.tool_calls import open_call
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.current import current_operation, uncancellable
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_OPENAI: Final = "autogen_ext.agents.openai._openai_assistant_agent"
_AZURE: Final = "autogen_ext.agents.azure._azure_ai_agent"
_WEB: Final = "autogen_ext.agents.web_surfer._multimodal_web_surfer"
_FILES: Final = "autogen_ext.agents.file_surfer._file_surfer"
_BROWSER: Final = "autogen_ext.agents.file_surfer._markdown_file_browser"
# How the model knows what a method of the browser does.
_FILE_TOOLS: Final = {
    "open_path": "open_path",
    "page_up": "page_up",
    "page_down": "page_down",
    "find_on_page": "find_on_page_ctrl_f",
    "find_next": "find_next",
}


# Agents with a hosted model


def _open_hosted(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    call = kwargs["tool_call"] if "tool_call" in kwargs else args[0]
    opened = open_call(call.name, call.id)
    opened.on_failure = _judge_hosted
    return opened


def _judge_hosted(opened: OpenOperation, error: BaseException) -> None:
    if opened.fault is not None:
        # The tool itself has raised.
        return
    if isinstance(error, JSONDecodeError):
        opened.fault_kind = FaultKind.BAD_ARGUMENTS
    elif type(error) is ValueError and _name_of(_raised_in(error)) == "_execute_tool_call":
        # AutoGen has looked the tool up and not found it.
        opened.fault_kind, opened.attributes[names.TOOL_KNOWN] = FaultKind.UNKNOWN_TOOL, False


# Surfers


def _open_web(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    call = (kwargs["message"] if "message" in kwargs else args[0])[0]
    return open_call(call.name, call.id)


def _opening_file(tool: str) -> Callable[[Any, Args, Kwargs], OpenOperation | None]:
    def opening(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
        current = current_operation()
        # The browser is a class of its own, which an application may use without any agent.
        return open_call(tool, None) if current is not None and current.fact.kind is Kind.AGENT else None

    return opening


def _keep_answered(_: Any, switch: Switch) -> Callable[..., Any]:
    async def reply(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        except GeneratorExit:
            raise
        except BaseException as error:
            if switch.on:
                guard.call(_answered, error)
            raise

    return reply


def _answered(error: BaseException) -> None:
    """Record what a surfer is about to answer with, if no call inside has recorded it."""
    current = current_operation()
    if current is None or recorded_fault(error, current.fact.request_id) is not None:
        return
    token = uncancellable.set(True)
    try:
        frame = _raised_in(error)
        call = frame.f_locals.get("function_call") if frame and _name_of(frame) == "_generate_reply" else None
        if call is None:
            current.catch(error)
        else:
            # Between the model's answer and the tool there is only the taking of its arguments.
            opened = open_call(call.name, call.id)
            opened.fault_kind = FaultKind.BAD_ARGUMENTS
            opened.fail(error)
    finally:
        uncancellable.reset(token)


def _raised_in(error: BaseException) -> FrameType | None:
    """Return the innermost frame of an exception; None if it was never raised."""
    frame, traceback = None, error.__traceback__
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
    return frame


def _name_of(frame: FrameType | None) -> str:
    return "" if frame is None else frame.f_code.co_name


EXT_AGENTS: Final = (
    *(
        Patch(module, f"{cls}._execute_tool_call", operation(_open_hosted), "tells the model only `Error: ...`")
        for module, cls in ((_OPENAI, "OpenAIAssistantAgent"), (_AZURE, "AzureAIAgent"))
    ),
    *(
        Patch(module, f"{cls}._generate_reply", wrap(_keep_answered), "makes its answer of whatever this raises")
        for module, cls in ((_WEB, "MultimodalWebSurfer"), (_FILES, "FileSurfer"))
    ),
    Patch(_WEB, "MultimodalWebSurfer._execute_tool", operation(_open_web), "a tool of the web surfer"),
    *(
        Patch(
            _BROWSER, f"MarkdownFileBrowser.{method}", operation(_opening_file(tool)), "a tool call of the file surfer"
        )
        for method, tool in _FILE_TOOLS.items()
    ),
)
