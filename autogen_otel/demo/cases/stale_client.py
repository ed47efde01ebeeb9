"""A client is carried over a fork.

Symptom: One worker is fine; with several, users read each other's answers, and some requests end in a 500.

Cause: The client was made and used before the server forked its workers. They inherit its open connection, so several
processes write to one socket, and whoever reads first takes the answer.

Fix: Make clients and agents after the fork: in the request, or in the hook that the server runs in each new worker.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.agents import Model, ask, build_agents
from autogen_otel.demo.provider import ChatRequest, Reply, Text, echo_tools
from autogen_otel.demo.workers import in_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.provider import Script
    from autogen_otel.demo.web import Answer, Question

AVAILABLE: Final = hasattr(os, "fork")
REQUESTS: Final = 30
WORKERS: Final = 6
_CLAUSE: Final = "The party of the first part bears the cost of all of it. "


def script() -> Script:
    """Return a model that takes a moment; what it prints of a contract does not fit into one read of a socket."""

    def slowly(chat: ChatRequest) -> Reply:
        time.sleep(0.06)
        reply = echo_tools(chat)
        if isinstance(reply, Text) and "Print" in reply.content:
            return Text(reply.content.replace("Print", _CLAUSE * (4_000 + 200 * (chat.number % 10))))
        return reply

    return slowly


def prompt(number: int) -> str:
    """Return what the client asks; the last of each worker asks for much."""
    return f"{'Summarise' if number % REQUESTS in range(1, REQUESTS - WORKERS + 1) else 'Print'} my contract {number}."


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
