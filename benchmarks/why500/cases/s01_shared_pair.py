"""S1. Who answers is made once, with the module, and serves everybody at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import AGENT, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ALL


def serve(app: App) -> None:
    """Eight threads in classic AutoGen; tasks elsewhere. Agents of AG2 1.x can be shared, a stream cannot."""
    agents = app.line.agents(app, app.line.model(app))
    how = {}
    if app.line.name == "ag2":
        from ag2 import MemoryStream

        how["stream"] = MemoryStream()

    def handle(question: Question) -> str:
        return app.line.ask(agents, question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(agents, question.text, **how)

    questions = app.ask(24, 40)
    if app.line.name == "classic":
        app.threads(handle, questions, 8)
    else:
        app.loop(handle_async, questions, at_once=app.rng.randint(5, 10))


def proof(app: App) -> Proof:
    """Users read each other's tokens."""
    return oracles.crosstalk(app)
