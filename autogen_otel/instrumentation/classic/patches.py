"""Classic AutoGen (`import autogen`): pyautogen 0.2 to 0.9, ag2 and autogen below 1.

Each place is patched on the class, so that agents made before and after are covered alike. What AutoGen stores as a
function object in an agent (its reply functions) is left alone: a patch of the class would not reach agents that exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.ids import agent_serials
from autogen_otel.instrumentation.adapter import Adapter
from autogen_otel.instrumentation.classic.background import BACKGROUND
from autogen_otel.instrumentation.classic.code import close_legacy_code
from autogen_otel.instrumentation.classic.conversations import CONVERSATIONS, owner_of_tool
from autogen_otel.instrumentation.classic.models import ModelCalls, keep_bad_request
from autogen_otel.instrumentation.classic.services import services
from autogen_otel.instrumentation.code_runs import CodeExecutors, open_code
from autogen_otel.instrumentation.content import content_of
from autogen_otel.instrumentation.coroutines import report_unawaited
from autogen_otel.instrumentation.operations import operation
from autogen_otel.instrumentation.tools import ObservedTools
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.provenance import forget_texts
from autogen_otel.patching.patch import Patch, wrap

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_CONVERSABLE: Final = "autogen.agentchat.conversable_agent"
# How AutoGen tells the model of arguments that it could not read, and of a coroutine that it took for the result.
_NO_JSON: Final = "The argument must be in JSON format."
_COROUTINE: Final = re.compile(r"<coroutine object (\S+) at 0x")


# Chats


def _open_chat(sender: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    recipient = args[0] if args else kwargs.get("recipient")
    name = f"{sender.name} -> {getattr(recipient, 'name', '?')}"
    return open_operation(Kind.WORKFLOW, name, attributes={names.WORKFLOW_NAME: name})


def _open_chats(_: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
    """Open one workflow for a queue of chats, at the outermost of the functions that lead there."""
    current = current_operation()
    if current is not None and current.fact.name == "initiate_chats":
        return None
    return open_operation(Kind.WORKFLOW, "initiate_chats", attributes={names.WORKFLOW_NAME: "initiate_chats"})


# Replies


def _open_speaker(group: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    opened = open_operation(Kind.SPEAKER, Kind.SPEAKER.value)
    opened.signal = _is_over
    return opened


def _is_over(error: BaseException) -> bool:
    """Tell the exception with which a pattern, or a selection function of the application, ends its group chat."""
    return type(error).__name__.startswith("NoEligibleSpeaker") and "Terminating conversation" in str(error)


def _open_input(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    return open_operation(Kind.INPUT, agent.name, agent=agent.name)


# Tools


def _tool_call(args: Args, kwargs: Kwargs) -> dict[str, Any]:
    return args[0] if args else kwargs["func_call"]  # type: ignore[no-any-return]


def _open_tool(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
    call = _tool_call(args, kwargs)
    name = str(call.get("name", ""))
    call_id = args[1] if len(args) > 1 else kwargs.get("call_id")
    attributes: dict[str, Any] = {names.TOOL_TYPE: "function"}
    if isinstance(call_id, str):
        attributes[names.TOOL_CALL_ID] = call_id
    if name not in agent._function_map:
        attributes[names.TOOL_KNOWN] = False
    operation = open_operation(Kind.TOOL, name, agent=owner_of_tool(agent), tool=name, attributes=attributes)
    arguments = call.get("arguments", "{}")
    if isinstance(arguments, str) and not arguments.lstrip().startswith("{"):
        # Valid JSON that is no object (null, a list) makes AutoGen itself raise.
        operation.fault_kind = FaultKind.BAD_ARGUMENTS
    return operation


def _close_tool(operation: OpenOperation, result: Any) -> None:
    """Tell the failures apart for which AutoGen never made an exception, or ate it before it reached a tool."""
    succeeded, answer = result
    text = answer.get("content")
    if operation.fault is not None or not isinstance(text, str):
        return
    message = text.removeprefix("Error: ")
    if succeeded:
        coroutine = _COROUTINE.match(text)
        if coroutine is not None:
            # What Python itself says, somewhere on standard error and later.
            operation.report(FaultKind.RAISED, "RuntimeWarning", f"coroutine {coroutine[1]!r} was never awaited")
        else:
            report_unawaited(operation, text)
    elif not operation.fact.attributes.get(names.TOOL_KNOWN, True):
        operation.report(FaultKind.UNKNOWN_TOOL, FaultKind.UNKNOWN_TOOL.value, message)
    else:
        type_ = "json.decoder.JSONDecodeError" if message.endswith(_NO_JSON) else "TypeError"
        operation.report(FaultKind.BAD_ARGUMENTS, type_, message)


def _patches(patches: Patches, content: bool) -> tuple[Patch, ...]:
    tools = ObservedTools(lambda agent: agent._function_map)
    executors = CodeExecutors(patches)
    patches.on_undo(tools.restore)
    patches.on_undo(forget_texts)

    def open_reply(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
        executors.weave(getattr(agent, "_code_executor", None))
        name = agent.name
        return open_operation(Kind.AGENT, name, agent=name, attributes={names.AGENT_INSTANCE: agent_serials.of(agent)})

    def open_tool(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation:
        opened = _open_tool(agent, args, kwargs)
        tools.observe(agent, opened.fact.name)
        if content:
            opened.attributes[names.TOOL_ARGUMENTS] = content_of(_tool_call(args, kwargs).get("arguments"))
        return opened

    def close_tool(opened: OpenOperation, result: Any) -> None:
        _close_tool(opened, result)
        if content:
            opened.attributes[names.TOOL_RESULT] = content_of(result[1].get("content"))

    def agent(method: str, replace: Any, why: str, *, optional: bool = False) -> Patch:
        return Patch(_CONVERSABLE, f"ConversableAgent.{method}", replace, why, optional)

    chat, chats = operation(_open_chat), operation(_open_chats)
    reply, tool = operation(open_reply), operation(open_tool, close_tool)
    ask, speaker = operation(_open_input), operation(_open_speaker)
    return (
        agent("initiate_chat", chat, "a chat; runs below the except clauses that swallow its failure"),
        agent("a_initiate_chat", chat, "the same, async"),
        agent("initiate_chats", chats, "a queue of chats is one workflow"),
        agent("a_initiate_chats", chats, "the same, async"),
        *(
            Patch(module, name, chats, "the same, called as a function", optional=True)
            for module in ("autogen", "autogen.agentchat", "autogen.agentchat.chat")
            for name in ("initiate_chats", "a_initiate_chats")
        ),
        agent("generate_reply", reply, "an agent's turn"),
        agent("a_generate_reply", reply, "the same, async"),
        agent("execute_function", tool, "every tool call that a model asks for; AutoGen catches the exception inside"),
        agent("a_execute_function", tool, "the same, async"),
        agent("get_human_input", ask, "the time a human takes is not the agent's"),
        agent("a_get_human_input", ask, "the same, async"),
        agent("execute_code_blocks", operation(open_code, close_legacy_code), "code run without an executor object"),
        Patch("autogen.agentchat.groupchat", "GroupChat.select_speaker", speaker, "who speaks next"),
        Patch("autogen.agentchat.groupchat", "GroupChat.a_select_speaker", speaker, "the same, async"),
        Patch(
            "autogen.oai.client",
            "OpenAIWrapper.create",
            ModelCalls(patches, content).replace,
            "which clients are called",
        ),
        Patch(
            "autogen.oai.client",
            "OpenAIClient._handle_openai_bad_request_error",
            wrap(keep_bad_request),
            "turns a 400 into ValueError",
            optional=True,
        ),
        *CONVERSATIONS,
        *BACKGROUND,
        *services(patches),
    )


ADAPTER: Final = Adapter(
    name="classic",
    module="autogen",
    distributions=("autogen", "ag2", "pyautogen"),
    versions="pyautogen 0.2.35 to 0.9, autogen and ag2 0.9 to 0.14",
    patches=_patches,
)
