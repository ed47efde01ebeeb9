"""T2. The API that a tool calls refuses with 429; the model provider does not."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL
from benchmarks.why500.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"tool_exception": TOOL}
LINES = ALL


def serve(app: App) -> None:
    """The tool fetches with whatever its author liked."""
    with Upstream(allowed=app.rng.randint(8, 14)) as upstream:
        fetch = app.rng.choice([_urllib, _httpx])(upstream.url)

        def look_up(item: str) -> str:
            return f"found {fetch(item)['item']}"

        tool = app.tool(look_up)
        model = app.line.model(app)

        def handle(question: Question) -> str:
            return app.line.ask(app.line.agents(app, model, tool), question.text)

        async def handle_async(question: Question) -> str:
            return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

        questions = app.ask(20, 32, lambda n: f'What about k{n}?\ncall {tool.__name__} {{"item": "k{n}"}}')
        app.serve(handle, handle_async, questions, app.rng.randint(2, 6))
        app.note(upstream.refused)


def proof(app: App) -> Proof:
    """The other API counts what it refused; the model provider refused nothing."""
    (refused,) = app.notes
    hit = frozenset(q.id for q in app.asked if q.text.split("about ")[1].split("?")[0] in refused)
    says = f"the tool's API refused {len(refused)}, the provider sent {dict(app.provider.statuses())}"
    return Proof(bool(hit) and set(app.provider.statuses()) == {200}, says, hit, hit)


def _urllib(url: str) -> Callable[[str], Any]:
    def fetch(item: str) -> Any:
        with urllib.request.urlopen(f"{url}/{item}", timeout=5) as response:
            return json.load(response)

    return fetch


def _httpx(url: str) -> Callable[[str], Any]:
    try:
        import httpx
    except ImportError:
        import httpx2 as httpx  # type: ignore[no-redef]

    def fetch(item: str) -> Any:
        response = httpx.get(f"{url}/{item}", timeout=5)
        response.raise_for_status()
        return response.json()

    return fetch
