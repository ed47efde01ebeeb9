"""H24. A help desk talks of nothing but errors: questions, results of tools and answers are full of them."""

from __future__ import annotations

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
_TICKETS = (
    "Error: 'p9'",
    "KeyError: 'p9' (Traceback (most recent call last): line 4)",
    "Error code: 429 - Rate limit reached for requests",
    "RuntimeError: asyncio.run() cannot be called from a running event loop",
    "sqlite3.OperationalError: database is locked",
    "<coroutine object fetch at 0x7f00deadbeef> was never awaited",
    "the provider answered 503, Request timed out.",
    "Function look_up not found; exitcode: 1 (execution failed)",
    "RuntimeError: Event loop is closed",
)


def serve(app: App) -> None:
    """The text of a ticket, as a user has pasted it."""

    def read_ticket(item: str) -> str:
        return f"found ticket {item}: {_TICKETS[int(item) % len(_TICKETS)]}"

    tool = app.tool(read_ticket, says="Read a ticket, which is an error as a customer saw it.")

    def text(number: int) -> str:
        return f'{_TICKETS[number % len(_TICKETS)]}: why?\ncall {tool.__name__} {{"item": "{number}"}}'

    app.serve(*app.fresh(app.line.model(app), tool), app.ask(20, 36, text), app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found ticket")
