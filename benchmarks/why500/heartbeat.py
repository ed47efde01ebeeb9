"""An oracle for event loops that stand still: a task of the application that ought to wake up again and again."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks.why500.case import Proof

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.why500.app import App
    from benchmarks.why500.web import Answer, AsyncHandler, Question

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
                app.note(("gap", last, now))
            last = now

    async def handler(question: Question) -> str:
        if not tasks:
            tasks.append(asyncio.ensure_future(beat()))
        return await handle(question)

    return handler


@contextmanager
def blocking(app: App) -> Iterator[None]:
    """Note for how long the code inside keeps the event loop."""
    begun = time.monotonic()
    try:
        yield
    finally:
        app.note(("block", begun, time.monotonic()))


def stalled(app: App, deadline: float, thought: float = 0.3) -> Proof:
    """The loop stood still; most of those who were late would not have been, and the provider had answered in time.

    On a machine that is too busy others are late as well, and a run with more of those proves nothing.

    Args:
        app: The application.
        deadline: What a request is given, in seconds.
        thought: How long the model may have taken.
    """
    gaps, blocks = ([(begun, ended) for kind, begun, ended in app.notes if kind == one] for one in ("gap", "block"))
    errors = [answer for answer in app.answers if answer.error]
    late = [answer for answer in errors if _is_late(answer)]
    hurt = [answer for answer in late if _alone(answer, blocks) < deadline]
    others = [answer.error for answer in errors if answer not in late]
    says = f"the loop stood still {len(gaps)} times, {len(late)} late, {len(hurt)} for that, model {app.thought:.2f} s"
    ids = frozenset(answer.question.id for answer in hurt)
    happened = bool(gaps) and 2 * len(hurt) > len(late) and not others and app.thought <= thought
    return Proof(happened, f"{says}, {others[:1]}", ids, ids)


def _alone(answer: Answer, blocks: list[tuple[float, float]]) -> float:
    """Return how long an answer took beside the time in which the loop was kept."""
    came, answered = answer.times
    kept = sum(max(0.0, min(answered, ended) - max(came, begun)) for begun, ended in blocks)
    return answered - came - kept


def _is_late(answer: Answer) -> bool:
    error = answer.error
    return error is not None and ("Timeout" in error.type or "timed out" in error.message.lower())
