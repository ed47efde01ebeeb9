"""X3. A blocking tool stops the loop, and what others see are timeouts, as if the model were slow."""

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
_DEADLINE = 1.2


def serve(app: App) -> None:
    """Reports crunch numbers on the loop, several in a row; the client of the model has a short timeout."""
    pause = app.rng.uniform(0.8, 1.0)
    rounds = app.rng.randint(3, 4)

    async def crunch(item: str) -> str:
        for _ in range(rounds):
            with blocking(app):
                time.sleep(pause)  # noqa: ASYNC251 - the fault
            await asyncio.sleep(0)
        return f"found {item}"

    def look_up(item: str) -> str:
        return f"found {item}"

    tool, quick = app.tool(crunch), app.tool(look_up, app.words.tools[1])
    patient, hasty = app.line.model(app), app.line.model(app, timeout=1)
    every = app.rng.randint(8, 12)

    async def handle(question: Question) -> str:
        if "report" in question.text:
            return await app.line.ask_async(app.line.agents(app, patient, tool), question.text)
        agents = app.line.agents(app, hasty, quick, name=app.words.agents[1])
        return await asyncio.wait_for(app.line.ask_async(agents, question.text), _DEADLINE)

    def text(number: int) -> str:
        if number % every == 3:
            return f'A report about k{number}.\ncall {tool.__name__} {{"item": "k{number}"}}'
        return f'A question about k{number}.\ncall {quick.__name__} {{"item": "k{number}"}}'

    app.loop(beating(app, handle), app.ask(24, 36, text), gap=app.rng.uniform(0.2, 0.3))


def proof(app: App) -> Proof:
    """The loop's own heartbeat stopped, who waited was too late, and the model was not."""
    return stalled(app, _DEADLINE)
