"""H25. A tool makes a helper of its own and asks it, in a thread of its own where that must be."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """The helper is called as the tool's agent is: the names say nothing of who is who."""
    model = app.line.model(app)

    async def consult(item: str) -> str:
        return await app.line.ask_async(app.line.agents(app, model), f"Is {item} there? found {item}")

    def consult_in_thread(item: str) -> str:
        said: list[str] = []
        question = f"Is {item} there? found {item}"
        helper = threading.Thread(
            target=lambda: said.append(app.line.ask(app.line.agents(app, app.line.model(app)), question))
        )
        helper.start()
        helper.join(30)
        return said[0]

    name = app.words.tools[0]
    questions = app.ask(20, 26, lambda n: f'What about k{n}?\ncall {name} {{"item": "k{n}"}}')
    if app.rng.random() < 0.5:
        _, handle_async = app.fresh(model, app.tool(consult, name))
        app.loop(handle_async, questions, at_once=app.rng.randint(2, 6))
    else:
        handle, _ = app.fresh(model, app.tool(consult_in_thread, name))
        app.threads(handle, questions, app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
