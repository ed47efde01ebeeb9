"""The agents of all cases, as an application builds them: one that answers, and one that runs its tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autogen_otel.demo.lines import Model

# What the user proxy says when the assistant is not done.
GO_ON: Final = "Go on."


def build_agents(model: Model, *tools: Callable[..., Any]) -> tuple[Any, Any]:
    """Return an assistant and a user proxy. This takes milliseconds; a model call takes seconds.

    Args:
        model: How to reach the model.
        tools: Functions with a docstring, which the assistant may call and the user proxy runs.
    """
    from autogen import AssistantAgent, UserProxyAgent, register_function

    entry = {**model, "price": [0, 0]}
    assistant = AssistantAgent("assistant", llm_config={"config_list": [entry], "cache_seed": None, "timeout": 3})
    user_proxy = UserProxyAgent(
        "user_proxy",
        human_input_mode="NEVER",
        max_consecutive_auto_reply=4,
        default_auto_reply=GO_ON,
        is_termination_msg=_ends,
        code_execution_config=False,
    )
    for tool in tools:
        register_function(tool, caller=assistant, executor=user_proxy, description=str(tool.__doc__))
    return assistant, user_proxy


def ask(agents: tuple[Any, Any], text: str) -> str:
    """Run a chat and return what the assistant said last."""
    assistant, user_proxy = agents
    return str(user_proxy.initiate_chat(assistant, message=text, silent=True).summary)


async def ask_async(agents: tuple[Any, Any], text: str) -> str:
    """Do the same in an event loop."""
    assistant, user_proxy = agents
    result = await user_proxy.a_initiate_chat(assistant, message=text, silent=True)
    return str(result.summary)


def _ends(message: Mapping[str, Any]) -> bool:
    return "TERMINATE" in str(message.get("content") or "")
