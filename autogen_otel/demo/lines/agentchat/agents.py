"""The agents of all cases, as an application builds them: alone, or in a team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.lines import Model


def build_client(model: Model) -> Any:
    """Return a model client. Any number of agents may share it, as long as they live in the same event loop."""
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    return OpenAIChatCompletionClient(**model, timeout=3)


def build_agent(client: Any, *tools: Callable[..., Any]) -> Any:
    """Return an assistant. This takes less than a millisecond; a model call takes seconds.

    Args:
        client: The model client.
        tools: Functions with a docstring, which it may call; the model then explains their results.
    """
    from autogen_agentchat.agents import AssistantAgent

    return AssistantAgent("assistant", client, tools=list(tools), reflect_on_tool_use=bool(tools))


def build_team(client: Any, *tools: Callable[..., Any]) -> Any:
    """Return a team of one assistant."""
    from autogen_agentchat.conditions import TextMentionTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    members = [build_agent(client, *tools)]
    return RoundRobinGroupChat(members, termination_condition=TextMentionTermination("TERMINATE"), max_turns=4)


async def ask(agent_or_team: Any, text: str) -> str:
    """Run an agent or a team and return what was said last."""
    result = await agent_or_team.run(task=text)
    return str(result.messages[-1].content)
