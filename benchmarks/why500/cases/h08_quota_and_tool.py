"""H8. A tool raises for some, until the account has no money left and nothing goes any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Sequence, insufficient_quota
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App

CAUSES = {"tool_exception": TOOL, "rate_limit": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A provider that answers until the money is gone."""
    return Sequence([*[app.think] * app.rng.randint(24, 30), insufficient_quota()])


def serve(app: App) -> None:
    """A tool that divides."""

    def share(item: str) -> str:
        portion = 100 // (ord(item[0]) - ord("z"))
        return f"found {item}: {portion}"

    tool = app.tool(share)

    def text(number: int) -> str:
        item = f"z{number}" if number % 3 == 1 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    app.serve(*app.fresh(app.line.model(app), tool), app.ask(22, 30, text), app.rng.randint(1, 4))


def proof(app: App) -> Proof:
    """The provider refused the later ones, and of the earlier ones it was told of errors."""
    limited = {token for seen in app.provider.received if seen.status == 429 for token in seen.tokens}
    through = [q for q in app.asked if "about z" in q.text and q.token not in limited]
    return oracles.refused(app, {429}) & oracles.silent(app, through)
