"""A4. An async tool sleeps without `await`: the loop stands still, and others miss their deadline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.why500.case import TOOL
from benchmarks.why500.cases import ALL
from benchmarks.why500.heartbeat import beating, blocking, stalled

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": TOOL}
LINES = ALL
_DEADLINE = 1.1


def serve(app: App) -> None:
    """A report may take its time; a question may not."""
    pause = app.rng.uniform(1.7, 2.1)

    async def look_up(item: str) -> str:
        with blocking(app):
            time.sleep(pause)  # noqa: ASYNC251 - the fault
        return f"found {item}"

    async def cheap(item: str) -> str:
        await asyncio.sleep(0.01)
        return f"found {item}"

    slow, quick = app.tool(look_up, app.words.tools[0]), app.tool(cheap, app.words.tools[1])
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        agents = app.line.agents(app, model, slow, quick)
        if "report" in question.text:
            return await app.line.ask_async(agents, question.text)
        return await asyncio.wait_for(app.line.ask_async(agents, question.text), _DEADLINE)

    every = app.rng.randint(8, 10)

    def text(number: int) -> str:
        kind, tool = ("A report", slow) if number % every == 4 else ("A question", quick)
        return f'{kind} about k{number}.\ncall {tool.__name__} {{"item": "k{number}"}}'

    app.loop(beating(app, handle), app.ask(24, 34, text), gap=app.rng.uniform(0.2, 0.3))


def proof(app: App) -> Proof:
    """The loop's own heartbeat stopped, who waited was too late, and the model was not."""
    return stalled(app, _DEADLINE)
