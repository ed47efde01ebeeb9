"""H29. Requests share what may be shared: a user proxy, a client of the model, the functions of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    """An assistant for each request, all in one loop."""

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)
    model = app.line.model(app)
    handle = _one_user(app, model, tool) if app.line.name == "classic" else app.fresh(model, tool)[1]
    questions = app.ask(20, 40, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    app.loop(handle, questions, at_once=app.rng.randint(4, 10))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")


def _one_user(app: App, model: Any, tool: Any) -> Any:
    from autogen import register_function

    _, user = app.line.agents(app, model, tool)

    async def handle(question: Question) -> str:
        assistant, _ = app.line.agents(app, model)
        register_function(tool, caller=assistant, executor=user, name=tool.__name__, description=str(tool.__doc__))
        return await app.line.ask_async((assistant, user), question.text)

    return handle
