"""Classic AutoGen as an application uses it, on whichever of its versions is installed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

autogen = pytest.importorskip("autogen", reason="classic AutoGen is not installed")

from autogen_otel.demo.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = tuple(int(part) for part in autogen.__version__.split(".")[:2])
ASSISTANT, USER = "assistant", "user"


def needs(*version: int) -> Any:
    """Skip a test below a version of AutoGen."""
    return pytest.mark.skipif(version > VERSION, reason=f"AutoGen {autogen.__version__} does not have it")


def config(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return an entry of a config_list that talks to the provider, without retries of the client."""
    entry = {"model": "gpt-4o-mini", "api_key": "sk-" + "a" * 48, "base_url": provider.base_url, "price": [0, 0]}
    if VERSION != (0, 9):
        # 0.9 knows no such key; its client retries twice.
        entry["max_retries"] = 0
    return {**entry, **more}


def llm_config(*configs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an llm_config without the disk cache that 0.2 switches on by itself."""
    return {"config_list": list(configs), "cache_seed": None, **more}


def pair(provider: Provider, *tools: Callable[..., Any], **more: Any) -> tuple[Any, Any]:
    """Return assistant and user proxy, with tools that the assistant may call and the user proxy executes."""
    assistant = autogen.AssistantAgent(ASSISTANT, llm_config=llm_config(config(provider, **more)))
    return assistant, user_of(assistant, *tools)


def user_of(assistant: Any, *tools: Callable[..., Any], **more: Any) -> Any:
    """Return a user proxy for an assistant."""
    user = autogen.UserProxyAgent(
        USER,
        human_input_mode="NEVER",
        max_consecutive_auto_reply=4,
        is_termination_msg=ends,
        **{"code_execution_config": False, **more},
    )
    for tool in tools:
        autogen.register_function(tool, caller=assistant, executor=user, name=tool.__name__, description="A tool.")
    return user


def ends(message: dict[str, Any]) -> bool:
    """Tell whether the provider said that it is done."""
    return "TERMINATE" in str(message.get("content") or "")


def chat(user: Any, assistant: Any, message: str, **more: Any) -> str:
    """Run a chat to its end and return the last text."""
    result = user.initiate_chat(assistant, message=message, silent=True, **more)
    return str(result.chat_history[-1]["content"])


async def a_chat(user: Any, assistant: Any, message: str, **more: Any) -> str:
    """The same, async."""
    result = await user.a_initiate_chat(assistant, message=message, silent=True, **more)
    return str(result.chat_history[-1]["content"])


def named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function under another name."""

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    renamed.__name__ = name
    return renamed
