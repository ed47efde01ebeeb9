"""H34. The client is used with the module, and has closed what it had opened by the time when the server forks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import Proof
from benchmarks.why500.cases import f01_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
# Where each call has an event loop of its own, a client of the module is at fault in any case.
LINES = ("classic",)
HOLD_OUT = True
# After five seconds httpx opens another connection.
_REST_SECONDS = 6


def serve(app: App) -> None:
    """Three workers, each with connections of its own in the end."""
    ask = f01_fork.asking(app)
    ask("Hello.")
    time.sleep(_REST_SECONDS)

    def handle(question: Question) -> str:
        app.note(os.getpid())
        answer: str = ask(question.text)
        return answer

    app.forks(handle, app.ask(20, 30), 3)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    workers = len(set(app.pids))
    return oracles.healthy(app) & Proof(workers == 3, f"{workers} workers")
