"""H13. A plain tool calls a coroutine function and forgets to await it: its result is the coroutine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App

CAUSES = {"async_boundary": TOOL}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """The model is told of an object at an address, or ag2 fails to tell it."""

    async def fetch(item: str) -> str:
        return f"found {item}"

    def look_up(item: str) -> str:
        return fetch(item)  # type: ignore[return-value]

    async def look_up_async(item: str) -> str:
        return fetch(item)  # type: ignore[return-value]

    def look_up_text(item: str) -> str:
        return f"the answer is {fetch(item)}"

    # Where a plain function may return what is to be awaited, somebody awaits it.
    tools = [look_up_async, look_up_text, *([look_up] if app.line.name == "agentchat" else [])]
    tool = app.tool(app.rng.choice(tools))
    questions = app.ask(20, 26, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    _, handle_async = app.fresh(app.line.model(app), tool)
    app.loop(handle_async, questions, at_once=app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """Clients read of a coroutine in place of an answer, or the application of one that is no JSON."""
    hit = frozenset(
        answer.question.id
        for answer in app.answers
        if "coroutine" in f"{answer.text} {answer.error and answer.error.message}"
    )
    says = f"{len(hit)} of {len(app.answers)} read of a coroutine"
    return Proof(bool(hit), says, hit, hit) & oracles.sent_only(app, {200})
