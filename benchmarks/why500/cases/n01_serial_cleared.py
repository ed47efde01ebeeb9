"""N1. Shared agents, one request after the other, and each begins with a clean history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL


def serve(app: App) -> None:
    """Classic AutoGen clears by itself, agentchat is told to, AG2 1.x keeps nothing."""
    agents = app.line.agents(app, app.line.model(app))
    questions = app.ask(20, 30)
    if app.line.name == "classic":
        app.serially(lambda question: app.line.ask(agents, question.text), questions)
        return

    async def handle(question: Question) -> str:
        if app.line.name == "agentchat":
            from autogen_core import CancellationToken

            await agents.on_reset(CancellationToken())
        return await app.line.ask_async(agents, question.text)

    app.loop(handle, questions, at_once=1)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)
