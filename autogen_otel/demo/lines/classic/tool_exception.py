"""A tool raises, and the model reads "Error: 'p9'".

Cause: AutoGen catches what a tool raises and hands the model "Error: 'p9'" in its place; type and traceback are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.tool_exception import checking_tool, trusting_tool
from autogen_otel.demo.lines.classic.agents import ask, build_agents
from autogen_otel.demo.web import Answer, Question, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give the assistant a tool that raises."""

    def handle(text: str) -> str:
        return ask(build_agents(model, trusting_tool()), text)

    return in_threads(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Give it one that answers always."""

    def handle(text: str) -> str:
        return ask(build_agents(model, checking_tool()), text)

    return in_threads(handle, questions)
