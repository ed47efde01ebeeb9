"""A tool raises, and the model reads "'p9'".

Cause: AutoGen catches what a tool raises and hands the model its text in its place, which is "'p9'" for a KeyError and
nothing at all for a TimeoutError; type and traceback are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.tool_exception import checking_tool, trusting_tool
from autogen_otel.demo.lines.agentchat.agents import ask, build_client, build_team
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give the assistant a tool that raises."""
    client = build_client(model)

    async def handle(text: str) -> str:
        return await ask(build_team(client, trusting_tool()), text)

    return in_loop(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give it one that answers always."""
    client = build_client(model)

    async def handle(text: str) -> str:
        return await ask(build_team(client, checking_tool()), text)

    return in_loop(handle, questions)
