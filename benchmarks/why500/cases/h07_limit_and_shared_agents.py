"""H7. Agents are shared, and the provider limits the rate: two faults at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import RateLimit
from benchmarks.why500 import oracles
from benchmarks.why500.case import AGENT, PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT, "rate_limit": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A provider with a token bucket."""
    return RateLimit(app.rng.uniform(0.4, 0.9), app.rng.randint(10, 14), app.think)


def serve(app: App) -> None:
    """In threads, with a tool that makes chats longer, or in tasks; agents of AG2 1.x can be shared, a stream not."""

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)
    tools = [tool] if app.line.name == "classic" else []
    agents = app.line.agents(app, app.line.model(app), *tools)
    how = {}
    if app.line.name == "ag2":
        from ag2 import MemoryStream

        how["stream"] = MemoryStream()

    def handle(question: Question) -> str:
        return app.line.ask(agents, question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(agents, question.text, **how)

    questions = app.ask(24, 36, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
    if app.line.name == "classic":
        app.threads(handle, questions, 6)
    else:
        app.loop(handle_async, questions, at_once=app.rng.randint(4, 8))


def proof(app: App) -> Proof:
    """The provider counted its refusals; users read what was not theirs."""
    answered = sum(answer.status == 200 for answer in app.answers)
    return oracles.refused(app, {429}) & oracles.crosstalk(app) & Proof(bool(answered), f"{answered} answered")
