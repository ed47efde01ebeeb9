"""A tool raises, and the model reads its traceback.

Cause: AG2 catches what a tool raises and sends the model the whole traceback in its place, file paths included. What
the user reads is whatever the model makes of it; nothing is logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.tool_exception import checking_tool, trusting_tool
from autogen_otel.demo.lines.ag2.agents import ask, build_agent
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give the agent a tool that raises."""
    agent = build_agent(model, trusting_tool())

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_loop(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give it one that answers always."""
    agent = build_agent(model, checking_tool())

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_loop(handle, questions)
