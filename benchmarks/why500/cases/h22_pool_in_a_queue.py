"""H22. Agents wait in a queue: a request takes some out, cleans and uses them, and puts them back."""

from __future__ import annotations

import asyncio
import queue
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
HOLD_OUT = True


def serve(app: App) -> None:
    """More requests than agents, in threads or tasks, with a tool."""

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)
    model = app.line.model(app)
    size = app.rng.randint(2, 4)
    questions = app.ask(20, 40, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    if app.line.name == "classic":
        pool: queue.Queue[Any] = queue.Queue()
        for _ in range(size):
            pool.put(app.line.agents(app, model, tool))

        def handle(question: Question) -> str:
            agents = pool.get()
            try:
                return app.line.ask(agents, question.text)
            finally:
                pool.put(agents)

        app.threads(handle, questions, 9)
        return
    waiting: asyncio.Queue[Any] = asyncio.Queue()

    async def handle_async(question: Question) -> str:
        if not waiting.qsize() and len(made) < size:
            made.append(app.line.agents(app, model, tool))
            waiting.put_nowait(made[-1])
        agent = await waiting.get()
        try:
            if app.line.name == "agentchat":
                from autogen_core import CancellationToken

                await agent.on_reset(CancellationToken())
            return await app.line.ask_async(agent, question.text)
        finally:
            waiting.put_nowait(agent)

    made: list[Any] = []
    app.loop(handle_async, questions, at_once=9)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
