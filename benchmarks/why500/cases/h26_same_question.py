"""H26. Everybody asks the same, word by word and at the same time; who asks stands in the prompt of the system."""

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
HOLD_OUT = True


def serve(app: App) -> None:
    """The results of the tool are the same too."""

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)
    model = app.line.model(app)
    text = f'What is new?\ncall {tool.__name__} {{"item": "news"}}'

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool, system=_for(question)), text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool, system=_for(question)), text)

    app.serve(handle, handle_async, app.ask(24, 40), app.rng.randint(6, 12))


def _for(question: Question) -> str:
    return f"You answer [rq:{question.token}]."


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found news")
