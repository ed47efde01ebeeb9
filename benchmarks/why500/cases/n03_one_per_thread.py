"""N3. Each thread has agents of its own, and uses them for one request after the other."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

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
    """In `threading.local()`, with a loop of its own where the line is async."""
    mine = threading.local()

    def agents() -> Any:
        if not hasattr(mine, "agents"):
            mine.agents = app.line.agents(app, app.line.model(app))
            mine.loop = asyncio.new_event_loop()
        return mine.agents

    def handle(question: Question) -> str:
        own = agents()
        if app.line.name == "classic":
            return app.line.ask(own, question.text)

        async def once() -> str:
            if app.line.name == "agentchat":
                from autogen_core import CancellationToken

                await own.on_reset(CancellationToken())
            return await app.line.ask_async(own, question.text)

        answer: str = mine.loop.run_until_complete(once())
        return answer

    app.threads(handle, app.ask(20, 36), app.rng.randint(4, 8))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)
