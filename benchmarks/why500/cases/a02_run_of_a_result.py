"""A2. `asyncio.run` gets what is no coroutine: the result of a sync chat, or a stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from benchmarks.why500 import oracles
from benchmarks.why500.case import LINE, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": LINE}
LINES = ALL


def serve(app: App) -> None:
    """Copied from an example of another version."""
    model = app.line.model(app)
    every = app.rng.randint(2, 5)

    def wrongly(question: Question) -> Any:
        agents = app.line.agents(app, model)
        if app.line.name == "classic":
            assistant, user = agents
            return asyncio.run(user.initiate_chat(assistant, message=question.text, silent=True))
        if app.line.name == "agentchat":
            return asyncio.run(agents.run_stream(task=question.text))
        return asyncio.run(agents.run(question.text))

    def handle(question: Question) -> str:
        if "quick" in question.text:
            return str(wrongly(question))
        return app.line.ask(app.line.agents(app, model), question.text)

    def text(number: int) -> str:
        return f"{'A quick one: ' if number % every == 0 else ''}what about case {number}?"

    app.threads(handle, app.ask(20, 36, text), app.rng.randint(1, 6))


def proof(app: App) -> Proof:
    """Exactly those failed, with Python's own words."""
    return oracles.failed(app, [question for question in app.asked if "quick" in question.text])
