"""ag2 1.x (`import ag2`), and `autogen.beta`: the same before it was a package of its own, inside classic AutoGen.

Each part of a turn is seen through ag2's own middleware, put into each turn at the one place through which all of them
go; what no middleware sees (setting up, tools that do not exist, failures that are only logged) is patched where it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from autogen_otel.instrumentation.adapter import Adapter
from autogen_otel.instrumentation.ag2.code import CODE
from autogen_otel.instrumentation.ag2.conversations import CONVERSATIONS
from autogen_otel.instrumentation.ag2.models import close_chat, open_bypassing
from autogen_otel.instrumentation.ag2.network import network
from autogen_otel.instrumentation.ag2.schemas import SCHEMAS
from autogen_otel.instrumentation.ag2.scopes import keep_tools, keep_traceback, observe_scopes, record_unprepared
from autogen_otel.instrumentation.ag2.silent import SILENT
from autogen_otel.instrumentation.ag2.tools import (
    close_tool,
    keep_unresolved,
    mark_dynamic,
    open_background,
    open_tool,
    show_failed_task,
)
from autogen_otel.instrumentation.operations import operation
from autogen_otel.operations.provenance import forget_texts
from autogen_otel.patching.patch import Patch, wrap

if TYPE_CHECKING:
    from autogen_otel.patching.patches import Patches


# The clients that ag2 brings. Through middleware they are seen already; a summary of a conversation goes past it.
_CLIENTS: Final = (
    *(("openai", "openai_client", "OpenAIClient"), ("openai", "openai_responses_client", "OpenAIResponsesClient")),
    *(("anthropic", "anthropic_client", "AnthropicClient"), ("bedrock", "bedrock_client", "BedrockClient")),
    *(("dashscope", "dashscope_client", "DashScopeClient"), ("gemini", "gemini_client", "GeminiClient")),
    *(("mistral", "mistral_client", "MistralClient"), ("ollama", "ollama_client", "OllamaClient")),
    *(("openai", "openai_decisions_client", "OpenAIDecisionsClient"), ("xai", "xai_client", "XAIClient")),
    *(("typesafe", "typesafe_client", "TypeSafeClient"), ("zai", "zai_client", "ZAIClient")),
)


def _patches(patches: Patches, content: bool) -> tuple[Patch, ...]:
    patches.on_undo(forget_texts)
    return (*_rows(content), *(_in_beta(row) for row in _rows(content)))


def _in_beta(row: Patch) -> Patch:
    """Return the same place in `autogen.beta`, which most versions of classic AutoGen do not have."""
    return replace(row, module=f"autogen.beta{row.module.removeprefix('ag2')}", optional=True)


def _rows(content: bool) -> tuple[Patch, ...]:
    failed_task, chat = wrap(show_failed_task), operation(open_bypassing, close_chat)
    return (
        Patch("ag2.agent", "Agent._turn_scope", wrap(observe_scopes(content)), "every turn of every agent"),
        Patch("ag2.agent", "Agent._prepare_turn", wrap(record_unprepared), "a turn without a model never gets there"),
        Patch("ag2.agent", "AgentRun.__aexit__", wrap(keep_traceback), "wipes the traceback of what a turn raises"),
        Patch("ag2.tools.executor", "ToolExecutor.register", wrap(keep_tools), "which tools there are in a turn"),
        Patch(
            "ag2.tools.executor",
            "_execute_call",
            operation(open_tool, close_tool),
            "every tool call; no middleware sees unknown tools, nor what observers of a call raise",
        ),
        Patch("ag2.agent", "_run_task", failed_task, "run_subtask and run_subtasks make a text of a failure"),
        Patch("ag2.tools.subagents.subagent_tool", "run_task", failed_task, "so does an agent as a tool"),
        Patch("ag2.tools.subagents.background", "run_task", failed_task, "so does an agent in the background"),
        Patch("ag2.tools.dynamic.handler", "run_task", failed_task, "so does an agent made by a model", optional=True),
        Patch(
            "ag2.tools.dynamic.factory", "resolve_and_run", wrap(mark_dynamic), "makes it as described", optional=True
        ),
        Patch("ag2.spec", "AgentSpec.to_agent", wrap(keep_unresolved), "what the model has described does not fit"),
        Patch(
            "ag2.tools.subagents.background",
            "_run_and_deliver",
            operation(open_background),
            "outlives the tool call by which it was started",
        ),
        *CODE,
        *SCHEMAS,
        *(
            Patch(f"ag2.config.{package}.{module}", f"{cls}.__call__", chat, "calls past the middleware", optional=True)
            for package, module, cls in _CLIENTS
        ),
        *network(),
        *SILENT,
        *CONVERSATIONS,
    )


ADAPTER: Final = Adapter(
    name="ag2",
    module="ag2",
    distributions=("ag2",),
    versions="1.0.0 to 1.2.1, and autogen.beta in autogen 0.14",
    patches=_patches,
)
