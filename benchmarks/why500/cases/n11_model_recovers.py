"""N11. A tool raises, the model reads why, and calls it again in the right way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, ToolCalls, echo_tools
from autogen_otel.demo.provider.chat import text_of
from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL


def script(app: App) -> Script:
    """A model that learns: the key is written in capitals."""

    def learning(chat: ChatRequest) -> Reply:
        last = chat.messages[-1]
        if last["role"] == "tool" and "found" not in text_of(last):
            item = text_of(chat.last_user_message).split("about ")[1].split("?")[0]
            return Slow(app.latency, ToolCalls((app.words.tools[0], {"item": item.upper()})))
        return Slow(app.latency, _own(echo_tools(chat)))

    return learning


def _own(reply: Reply) -> Reply:
    from autogen_otel.demo.provider import Text

    if isinstance(reply, Text) and "found" in reply.content:
        return Text(reply.content[: reply.content.index("]") + 1] + " found it TERMINATE")
    return reply


def serve(app: App) -> None:
    """A tool that is picky about its keys."""
    store = {f"K{number}": f"found K{number}" for number in range(1000)}

    def look_up(item: str) -> str:
        return store[item]

    tool = app.tool(look_up)
    model = app.line.model(app)
    every = app.rng.randint(2, 5)

    def text(number: int) -> str:
        item = f"{'k' if number % every == 0 else 'K'}{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    app.serve(handle, handle_async, app.ask(20, 36, text), app.rng.randint(2, 8))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found it")
