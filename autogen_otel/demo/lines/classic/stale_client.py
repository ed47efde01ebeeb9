"""Agents made before the fork.

Symptom: One worker is fine; with several, users read each other's answers, and some requests end in a 500.

Cause: The client was made and used before the server forked its workers. They inherit its open connection, so several
processes write to one socket, and whoever reads first takes the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.stale_client import WORKERS
from autogen_otel.demo.lines.classic.agents import ask, build_agents
from autogen_otel.demo.workers import in_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model
    from autogen_otel.demo.web import Answer, Question


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Make the agents once, say hello to the model so that the first user need not wait, and fork."""
    agents = build_agents(model)
    ask(agents, "Hello.")

    def handle(text: str) -> str:
        return ask(agents, text)

    return in_workers(handle, questions, WORKERS)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Fork first, and make agents when a request needs them."""

    def handle(text: str) -> str:
        return ask(build_agents(model), text)

    return in_workers(handle, questions, WORKERS)
