"""T5. An async tool raises, called from a handler that is not async."""

from __future__ import annotations

import asyncio
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
    """Classic AutoGen runs the tool in a thread of its own; elsewhere each request has a loop of its own."""
    error = app.rng.choice([ValueError, LookupError, PermissionError, ZeroDivisionError])
    every = app.rng.randint(3, 6)

    async def look_up(item: str) -> str:
        await asyncio.sleep(0.005)
        if item.startswith("z"):
            raise error(f"no access to {item}")
        return f"found {item}"

    tool = app.tool(look_up)
    model = app.line.model(app)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 0 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    app.threads(handle, app.ask(20, 32, text), app.rng.randint(1, 4))


def proof(app: App) -> Proof:
    """The model was told of each error."""
    missing = [question for question in app.asked if "What about z" in question.text]
    return oracles.told(app, lambda question: question.text.split("What about ")[1].split("?")[0], missing)
