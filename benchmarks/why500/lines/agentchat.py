"""Microsoft's AutoGen: `autogen_agentchat`."""

from __future__ import annotations

import asyncio
import functools
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.why500.app import App

name = "agentchat"
_INFO: Final = {"vision": False, "function_calling": True, "json_output": True, "structured_output": False}


class Model:
    """How to reach the model. A client belongs to the event loop where it was used first; this makes one for each."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._clients: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def client(self) -> Any:
        """Return the client of the running loop; a fresh one outside any."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._make()
        if loop not in self._clients:
            self._clients[loop] = self._make()
        return self._clients[loop]

    @functools.cached_property
    def shared(self) -> Any:
        """The one client of a module, whichever loop asks."""
        return self._make()


def model(app: App, *, max_retries: int = 0, timeout: float = 8, **more: Any) -> Model:
    """Return how to reach the model."""
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    settings = {"model": app.words.model, "api_key": "sk-why500", "base_url": app.provider_url, **more}
    info: Any = {**_INFO, "family": "unknown"}
    return Model(
        lambda: OpenAIChatCompletionClient(max_retries=max_retries, timeout=timeout, model_info=info, **settings)
    )


def agents(
    app: App, model: Any, *tools: Callable[..., Any], name: str | None = None, system: str = "You are helpful."
) -> Any:
    """Return an assistant with tools; `model` is a `Model`, or a client."""
    from autogen_agentchat.agents import AssistantAgent

    return AssistantAgent(
        name or app.words.agents[0],
        model_client=model.client() if isinstance(model, Model) else model,
        tools=list(tools),
        system_message=system,
        max_tool_iterations=6,
        reflect_on_tool_use=True,
    )


def ask(agents: Any, text: str, **how: Any) -> str:
    """Run an agent or a team in a loop of its own, and return what was said last."""
    return asyncio.run(ask_async(agents, text, **how))


async def ask_async(agents: Any, text: str, **how: Any) -> str:
    """Run an agent or a team, and return what was said last."""
    result = await agents.run(task=text, **how)
    return str(result.messages[-1].content)
