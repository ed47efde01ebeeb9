"""X3. A blocking tool stops the loop, and what others see are timeouts, as if the model were slow."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.why500.case import TOOL
from benchmarks.why500.cases import ALL
from benchmarks.why500.heartbeat import beating, stalled

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": TOOL}
LINES = ALL


def serve(app: App) -> None:
    """Reports crunch numbers on the loop, several in a row; the client of the model has a short timeout."""
    pause = app.rng.uniform(0.5, 0.65)
    rounds = app.rng.randint(3, 4)

    async def crunch(item: str) -> str:
        for _ in range(rounds):
            time.sleep(pause)  # noqa: ASYNC251 - the fault
            await asyncio.sleep(0)
        return f"found {item}"

    tool = app.tool(crunch)
    patient, hasty = app.line.model(app), app.line.model(app, timeout=0.6)
    deadline = 0.7
    every = app.rng.randint(8, 12)

    async def handle(question: Question) -> str:
        if "report" in question.text:
            return await app.line.ask_async(app.line.agents(app, patient, tool), question.text)
        agents = app.line.agents(app, hasty, name=app.words.agents[1])
        return await asyncio.wait_for(app.line.ask_async(agents, question.text), deadline)

    def text(number: int) -> str:
        if number % every == 3:
            return f'A report about k{number}.\ncall {tool.__name__} {{"item": "k{number}"}}'
        return f"A question about k{number}."

    app.loop(beating(app, handle), app.ask(24, 36, text), gap=app.rng.uniform(0.04, 0.07))


def proof(app: App) -> Proof:
    """The loop's own heartbeat stopped, who waited was too late, and the model was not."""
    return stalled(app)
