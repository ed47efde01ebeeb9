"""T6. A tool's error is wrapped twice on its way: the last one says nothing of the first."""

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


class RepositoryError(Exception):
    """Of the layer that reads."""


class ServiceError(Exception):
    """Of the layer above it."""


def serve(app: App) -> None:
    """A repository below a service below a tool."""
    rows = {f"k{number}": {"state": "found"} for number in range(1000)}

    def read(item: str) -> dict[str, str]:
        try:
            return rows[item]
        except KeyError as error:
            raise RepositoryError("row not readable") from error

    def look_up(item: str) -> str:
        try:
            return f"{read(item)['state']} {item}"
        except RepositoryError as error:
            raise ServiceError(f"service unavailable for {item}") from error

    tool = app.tool(look_up)
    model = app.line.model(app)
    every = app.rng.randint(3, 7)

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 0 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    app.serve(handle, handle_async, app.ask(20, 36, text), app.rng.randint(2, 8))


def proof(app: App) -> Proof:
    """The model was told of each error."""
    missing = [question for question in app.asked if "What about z" in question.text]
    return oracles.told(app, lambda question: question.text.split("What about ")[1].split("?")[0], missing)
