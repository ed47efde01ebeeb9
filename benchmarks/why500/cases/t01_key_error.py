"""T1. `STORE[id]` raises a KeyError for a tenth of what users ask for."""

from __future__ import annotations

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
    """Everything is made for each request; the tool trusts its argument."""
    store = {f"k{number}": f"found k{number}, all well" for number in range(1000)}

    def look_up(item: str) -> str:
        return store[item]

    tool = app.tool(look_up)
    model = app.line.model(app)
    lucky = app.rng.randrange(10)

    def text(number: int) -> str:
        item = f"z{number}" if number % 10 == lucky else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    app.serve(handle, handle_async, app.ask(24, 50, text), app.rng.randint(2, 8))


def proof(app: App) -> Proof:
    """The model was told of the error for each item that is not there."""
    missing = [question for question in app.asked if "What about z" in question.text]
    return oracles.told(app, lambda question: question.text.split("What about ")[1].split("?")[0], missing)
