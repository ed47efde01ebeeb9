"""Classic AutoGen: `import autogen`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.why500.app import App

name = "classic"


def model(app: App, *, max_retries: int = 0, timeout: float = 8, **entry: Any) -> dict[str, Any]:
    """Return an llm_config; it takes whole seconds only."""
    config = {
        "model": app.words.model,
        "api_key": "sk-why500",
        "base_url": app.provider_url,
        "max_retries": max_retries,
        "price": [0, 0],
        **entry,
    }
    return {"config_list": [config], "cache_seed": None, "timeout": math.ceil(timeout)}


def agents(
    app: App, model: Any, *tools: Callable[..., Any], name: str | None = None, system: str = "You are helpful."
) -> tuple[Any, Any]:
    """Return an assistant and a user proxy that runs its tools."""
    from autogen import AssistantAgent, UserProxyAgent, register_function

    assistant = AssistantAgent(name or app.words.agents[0], system_message=system, llm_config=model)
    user = UserProxyAgent(
        app.words.user,
        human_input_mode="NEVER",
        max_consecutive_auto_reply=6,
        default_auto_reply="Go on.",
        is_termination_msg=ends,
        code_execution_config=False,
    )
    for tool in tools:
        register_function(tool, caller=assistant, executor=user, name=tool.__name__, description=str(tool.__doc__))
    return assistant, user


def ask(agents: tuple[Any, Any], text: str, **how: Any) -> str:
    """Run a chat and return what was said last."""
    assistant, user = agents
    return last(user.initiate_chat(assistant, message=text, silent=True, **how))


async def ask_async(agents: tuple[Any, Any], text: str, **how: Any) -> str:
    """Do the same in an event loop."""
    assistant, user = agents
    return last(await user.a_initiate_chat(assistant, message=text, silent=True, **how))


def ends(message: Mapping[str, Any]) -> bool:
    """Tell whether the model is done."""
    return "TERMINATE" in str(message.get("content") or "")


def last(result: Any) -> str:
    """Return the last text of a chat."""
    return str(result.chat_history[-1].get("content") or "") if result.chat_history else ""
