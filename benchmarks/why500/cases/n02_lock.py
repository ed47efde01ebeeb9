"""N2. Shared agents behind a lock."""

from __future__ import annotations

import asyncio
import threading
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
    """Requests come together and wait for each other."""
    agents = app.line.agents(app, app.line.model(app))
    questions = app.ask(20, 30)
    if app.line.name == "classic":
        lock = threading.Lock()

        def handle(question: Question) -> str:
            with lock:
                return app.line.ask(agents, question.text)

        app.threads(handle, questions, 8)
        return
    turn = asyncio.Lock()

    async def handle_async(question: Question) -> str:
        async with turn:
            if app.line.name == "agentchat":
                from autogen_core import CancellationToken

                await agents.on_reset(CancellationToken())
            return await app.line.ask_async(agents, question.text)

    app.loop(handle_async, questions, at_once=8)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)
