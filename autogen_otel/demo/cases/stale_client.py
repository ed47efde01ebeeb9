"""A client that is carried over a fork.

Symptom: With several worker processes some requests fail with a connection error, and some are answered with 200 and
the text of another request. One worker alone is fine.

Cause: The client was made, and used, before the server forked its workers. They inherit its open connections, so
several processes write to and read from the same socket.

Fix: Make clients and agents in the worker, after the fork: in the request, or in the server's hook for a new worker.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.agents import Model, ask, build_agents
from autogen_otel.demo.provider import ChatRequest, Reply, echo_tools
from autogen_otel.demo.web import Answer, Question
from autogen_otel.demo.workers import in_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 12
WORKERS: Final = 4


def script() -> Script:
    """Return a model that takes a moment, as all do."""

    def slowly(chat: ChatRequest) -> Reply:
        time.sleep(0.05)
        return echo_tools(chat)

    return slowly


def prompt(number: int) -> str:
    """Return what the client asks."""
    return f"Summarise my contract {number}."


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Make the agents once, say hello to the model so that the first user need not wait, and fork."""
    agents = build_agents({**model, "timeout": 2})
    ask(agents, "Hello.")

    def handle(text: str) -> str:
        return ask(agents, text)

    return in_workers(handle, questions, WORKERS)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Fork first, and make agents when a request needs them."""

    def handle(text: str) -> str:
        return ask(build_agents(model), text)

    return in_workers(handle, questions, WORKERS)
