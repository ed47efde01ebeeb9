"""N17. One agent of AG2 1.x answers everybody at the same time, for which it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ("ag2",)


def serve(app: App) -> None:
    """With a tool, in tasks of one loop or in threads with a loop each."""

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)
    agent = app.line.agents(app, app.line.model(app), tool)

    def handle(question: Question) -> str:
        return app.line.ask(agent, question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(agent, question.text)

    questions = app.ask(24, 50, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    app.serve(handle, handle_async, questions, app.rng.randint(6, 12))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
