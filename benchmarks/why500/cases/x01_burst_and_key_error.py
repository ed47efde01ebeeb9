"""X1. A burst meets the rate limit, and among those who get through some ask for what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import RateLimit
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"rate_limit": PROVIDER, "tool_exception": TOOL}
LINES = ALL


def script(app: App) -> Script:
    """A provider with a token bucket."""
    return RateLimit(app.rng.uniform(12, 20), app.rng.randint(14, 18), app.think)


def serve(app: App) -> None:
    """Two faults that know nothing of each other."""
    store = {f"k{number}": f"found k{number}" for number in range(1000)}

    def look_up(item: str) -> str:
        return store[item]

    tool = app.tool(look_up)
    model = app.line.model(app)

    def text(number: int) -> str:
        item = f"z{number}" if number % 3 == 1 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    app.serve(handle, handle_async, app.ask(30, 40, text), app.rng.randint(8, 14))


def proof(app: App) -> Proof:
    """The provider counted its refusals, and was told of errors by others."""
    limited = {token for seen in app.provider.received if seen.status == 429 for token in seen.tokens}
    through = [q for q in app.asked if "about z" in q.text and q.token not in limited]
    told = oracles.told(app, lambda question: question.text.split("about ")[1].split("?")[0], through)
    return oracles.refused(app, {429}) & told
