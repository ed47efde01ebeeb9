"""T7. Everything that goes wrong is tried again, also what can never go right."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"tool_exception": TOOL}
LINES = ALL


def serve(app: App) -> None:
    """A decorator would look nicer; what it does is the same."""
    stock = {f"k{number}": f"found {number}" for number in range(1000)}
    every = app.rng.randint(3, 6)
    tries = app.rng.randint(3, 4)

    def look_up(item: str) -> str:
        return f"{stock[item]} of {item}"

    tool = app.tool(look_up)
    model = app.line.model(app)

    def handle(question: Question) -> str:
        for attempt in range(tries):
            answer = app.line.ask(app.line.agents(app, model, tool), question.text)
            if "found" in answer:
                return answer
            time.sleep(0.01 * 2**attempt)
        raise RuntimeError("gave up")

    async def handle_async(question: Question) -> str:
        for attempt in range(tries):
            answer = await app.line.ask_async(app.line.agents(app, model, tool), question.text)
            if "found" in answer:
                return answer
            await asyncio.sleep(0.01 * 2**attempt)
        raise RuntimeError("gave up")

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 0 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    app.serve(handle, handle_async, app.ask(20, 28, text), app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """These requests failed, and the model was told why again and again."""
    missing = [question for question in app.asked if "What about z" in question.text]
    told = oracles.told(app, lambda question: question.text.split("What about ")[1].split("?")[0], missing)
    return told & oracles.failed(app, missing, "RuntimeError")
