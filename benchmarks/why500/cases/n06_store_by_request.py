"""N6. A module's dict keeps what tools did, keyed by the request's ID."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autogen_otel import watch
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
    """The dict is watched; nobody writes where somebody else does."""
    store: dict[str, int] = watch({})

    def remember(item: str) -> str:
        seen = store.get(item, 0)
        time.sleep(0.005)
        store[item] = seen + 1
        return f"found {item}, seen {seen} times"

    tool = app.tool(remember)
    model = app.line.model(app)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), _with_id(question))

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), _with_id(question))

    app.serve(handle, handle_async, app.ask(20, 36, lambda _: f'Go.\ncall {tool.__name__} {{"item": "ID"}}'), 8)


def _with_id(question: Question) -> str:
    return question.text.replace("ID", question.id)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda question: f"found {question.id}, seen 0")
