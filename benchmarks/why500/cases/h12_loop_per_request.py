"""H12. The client lies in the module, and each request runs an event loop of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from benchmarks.why500.case import CLIENT, Proof

if TYPE_CHECKING:
    from benchmarks.why500.app import App

CAUSES = {"stale_client": CLIENT}
# Classic AutoGen's own clients are sync.
LINES = ("agentchat", "ag2")
HOLD_OUT = True


def serve(app: App) -> None:
    """One request after the other; `asyncio.run` closes its loop."""
    agents = _agents(app)
    app.serially(lambda question: asyncio.run(app.line.ask_async(agents(), question.text)), app.ask(20, 26))


def _agents(app: App) -> Any:
    if app.line.name == "agentchat":
        client = app.line.model(app).shared
        return lambda: app.line.agents(app, client)
    import httpx2

    model = app.line.model(app, http_client=httpx2.AsyncClient(timeout=5))
    return lambda: app.line.agents(app, model)


def proof(app: App) -> Proof:
    """The application catches what is said of a closed loop, or of a connection; the provider is well."""
    hit = frozenset(answer.question.id for answer in app.answers if answer.error)
    kinds = {answer.error.type for answer in app.answers if answer.error}
    others = set(app.provider.statuses()) - {200, 0}
    says = f"{len(hit)} of {len(app.answers)} failed: {kinds}, other statuses {others or 'none'}"
    return Proof(bool(hit) and not others and kinds <= {"RuntimeError", "APIConnectionError"}, says, hit, hit)
