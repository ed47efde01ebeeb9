"""An agent and a team shared between concurrent requests.

Cause: An agent keeps its conversation in its model context. Requests that share one agent write and read the same
context: a prompt holds parts of several conversations. The model answers that, or refuses it because a tool call in it
has no result yet. A team that is shared runs for one request and refuses all others meanwhile.

Fix: Build agents and teams inside the request; only the model client may be shared, inside one event loop. Keep what
must outlive the request with `save_state`, under the ID of the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.cases.shared_state import open_claims
from autogen_otel.demo.lines.agentchat.agents import ask, build_agent, build_client, build_team
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Use the same agent for one half of the users, and the same team for the other half."""
    agent = build_agent(build_client(model), open_claims)
    team = build_team(build_client(model), open_claims)

    async def by_agent(text: str) -> str:
        return await ask(agent, text)

    async def by_team(text: str) -> str:
        return await ask(team, text)

    half = len(questions) // 2
    return [*in_loop(by_agent, questions[:half]), *in_loop(by_team, questions[half:])]


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Build a team for each request."""
    client = build_client(model)

    async def handle(text: str) -> str:
        return await ask(build_team(client, open_claims), text)

    return in_loop(handle, questions)
