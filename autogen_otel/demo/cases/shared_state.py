"""Agents shared between concurrent requests.

Symptom: Alone every request is fine; under load users read each other's text, and some get a 500.

Cause: An agent keeps its conversation in itself. Requests that share one agent clear, write and read the same history:
a prompt holds parts of several conversations. The model answers that, or refuses it because a tool call in it has lost
its result.

Fix: Build the agents inside the request; keep what must outlive it in a store, under the ID of the session.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.agents import GO_ON, Model, ask, build_agents
from autogen_otel.demo.provider import ChatRequest, Reply, Text, echo_tools
from autogen_otel.demo.web import Answer, Question, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 16


def script() -> Script:
    """Return a model that answers in two turns: it asks for patience, or calls a tool, for which it thinks longer."""

    def in_two_turns(chat: ChatRequest) -> Reply:
        last = chat.messages[-1]
        if last["role"] != "user" or "\ncall " in last["content"]:
            time.sleep(0.25)
            return echo_tools(chat)
        time.sleep(0.05)
        said = "No claim is open. TERMINATE" if last["content"] == GO_ON else "One moment."
        return Text(f"{' '.join(f'[rq:{user}]' for user in chat.tokens)} {said}")

    return in_two_turns


def prompt(number: int) -> str:
    """Return what the client asks; the model calls a tool when a line says so, for every fourth user."""
    question = f"I am user {number}. Which of my claims are open?"
    return f'{question}\ncall open_claims {{"user": {number}}}' if number % 4 == 0 else question


def open_claims(user: int) -> str:
    """List the open claims of a user."""
    return f"[rq:user-{user:02}] claim {user}-A is open"


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Use the same two agents for everybody."""
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
