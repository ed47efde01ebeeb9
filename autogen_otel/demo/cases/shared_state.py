"""Agents shared between concurrent requests.

Symptom: Each request alone is answered well. Under load users read parts of each other's conversations, answered with
200, and some get a 500 that nobody can repeat.

Cause: An agent keeps its conversation in itself. Requests that share one agent clear, write and read the same history.

Fix: Build the agents inside the request. What must outlive a request goes into a store, under the ID of its session.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.agents import Model, ask, build_agents
from autogen_otel.demo.provider import ChatRequest, Reply, echo_tools
from autogen_otel.demo.web import Answer, Question, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 16


def script() -> Script:
    """Return a model that takes a moment, as all do."""

    def slowly(chat: ChatRequest) -> Reply:
        time.sleep(0.05)
        return echo_tools(chat)

    return slowly


def prompt(number: int) -> str:
    """Return what the client asks; every fourth question needs a tool."""
    question = f"I am customer {number}. Which of my claims are open?"
    return f'{question}\ncall open_claims {{"customer": {number}}}' if number % 4 == 0 else question


def open_claims(customer: int) -> str:
    """List the open claims of a customer."""
    return f"customer {customer}: claim {customer:03}"


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Use the two agents of the process for everybody."""
    agents = build_agents(model, open_claims)

    def handle(text: str) -> str:
        return ask(agents, text)

    return in_threads(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Build two agents for each request."""

    def handle(text: str) -> str:
        agents = build_agents(model, open_claims)
        return ask(agents, text)

    return in_threads(handle, questions)
