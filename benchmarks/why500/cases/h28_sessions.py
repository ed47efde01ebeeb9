"""H28. Conversations of several requests, each with a session, and many of them at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from autogen_otel import request
from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True
_TURNS = 4


def serve(app: App) -> None:
    """Agents live as long as their session; it takes one turn after the other."""
    model = app.line.model(app)
    questions = app.ask(24, 32, lambda number: f"Turn {number % _TURNS}.")
    sessions = [questions[first : first + _TURNS] for first in range(0, len(questions), _TURNS)]

    async def session(number: int, turns: list[Question]) -> None:
        agents, how = app.line.agents(app, model), _going_on(app)
        for turn in turns:
            with request(turn.id, session=f"session-{number}"):
                app.note((turn, await app.line.ask_async(agents, turn.text, **how)))

    async def everybody() -> None:
        await asyncio.gather(*(session(number, turns) for number, turns in enumerate(sessions)))

    asyncio.run(everybody())
    app.note(sessions)


def _going_on(app: App) -> dict[str, Any]:
    if app.line.name == "classic":
        return {"clear_history": False}
    if app.line.name == "agentchat":
        return {}
    from ag2 import MemoryStream

    return {"stream": MemoryStream()}


def proof(app: App) -> Proof:
    """Each turn was answered by itself."""
    conversations = app.notes.pop()
    return oracles.turns(app, conversations, app.notes)
