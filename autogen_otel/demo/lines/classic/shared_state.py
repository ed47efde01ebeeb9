"""Agents shared between concurrent requests.

Cause: An agent keeps its conversation in itself. Requests that share one agent clear, write and read the same history:
a prompt holds parts of several conversations. The model answers that, or refuses it because a tool call in it has lost
its result.

Fix: Build the agents inside the request; keep what must outlive it in a store, under the ID of the session.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.shared_state import open_claims
from autogen_otel.demo.lines.classic.agents import GO_ON, ask, build_agents
from autogen_otel.demo.provider import ChatRequest, Reply, Text, echo_tools
from autogen_otel.demo.web import Answer, Question, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model
    from autogen_otel.demo.provider import Script


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
