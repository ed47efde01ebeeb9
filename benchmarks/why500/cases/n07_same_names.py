"""N7. All agents have the same names, and each request makes its own."""

from __future__ import annotations

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
    """At the same time, with a tool."""
    model = app.line.model(app)

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool, name="assistant"), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool, name="assistant"), question.text)

    questions = app.ask(24, 50, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    if app.line.name == "classic":
        app.serve(handle, handle_async, questions, 8)
    else:
        app.loop(handle_async, questions, at_once=10)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
