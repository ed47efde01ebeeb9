"""An oracle for event loops that stand still: a task of the application that ought to wake up again and again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from benchmarks.why500.case import Proof

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import AsyncHandler, Question

_BEAT: Final = 0.02
_STOOD_STILL: Final = 0.3


def beating(app: App, handle: AsyncHandler) -> AsyncHandler:
    """Return the handler; the first request starts a heartbeat, whose gaps become notes of the application."""
    tasks: list[asyncio.Task[None]] = []

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.monotonic()
            if now - last > _STOOD_STILL:
                app.note(("gap", now - last))
            last = now

    async def handler(question: Question) -> str:
        if not tasks:
            tasks.append(asyncio.ensure_future(beat()))
        return await handle(question)

    return handler


def stalled(app: App, thought: float = 0.3) -> Proof:
    """The loop stood still, requests ended in a timeout, and the provider had answered in time.

    Args:
        app: The application.
        thought: How long the model may have taken, in seconds.
    """
    gaps = [gap for _, gap in (note for note in app.notes if note[0] == "gap")]
    late = frozenset(
        answer.question.id
        for answer in app.answers
        if answer.error and ("Timeout" in answer.error.type or "timed out" in answer.error.message.lower())
    )
    others = [answer.error[:2] for answer in app.answers if answer.error and answer.question.id not in late]
    says = f"the loop stood still {len(gaps)} times, {len(late)} late, model {app.thought:.2f} s, {others[:1]}"
    return Proof(bool(gaps) and bool(late) and not others and app.thought <= thought, says, late, late)
