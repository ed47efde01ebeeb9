"""A stream shared between concurrent requests.

Symptom: Alone every request is fine; under load users read each other's text.

Cause: An agent keeps no conversation and may be shared; a stream is one. Requests that pass the same `MemoryStream`
write and read the same history: a prompt holds the conversations of all users before.

Fix: Leave `stream=` out, and each `ask` has a stream of its own; go on with `reply.ask`. Keep what must outlive the
request in a store, under the ID of the session, and nothing mutable in `variables=`, which all turns share too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.shared_state import open_claims
from autogen_otel.demo.lines.ag2.agents import ask, build_agent
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Let the agent remember, in one stream for everybody."""
    from ag2 import MemoryStream

    agent = build_agent(model, open_claims)
    memory = MemoryStream()

    async def handle(text: str) -> str:
        return await ask(agent, text, stream=memory)

    return in_loop(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Share the agent only."""
    agent = build_agent(model, open_claims)

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_loop(handle, questions)
