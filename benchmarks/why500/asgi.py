"""Starlette in front of the agents: an ASGI application, whose plain endpoints run in its pool of threads."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any, Final

from autogen_otel import request
from benchmarks.why500.web import Answer, failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.why500.web import AsyncHandler, Handler, Question

_ID: Final = b"x-request-id"


def in_starlette(handle: Handler | AsyncHandler, questions: Sequence[Question], at_once: int) -> list[Answer]:
    """Answer the questions as an ASGI server does that has so many connections.

    Args:
        handle: The endpoint's code; a plain function goes to a thread, where Starlette puts it.
        questions: What is asked.
        at_once: How many at the same time.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    by_id = {question.id: question for question in questions}

    async def endpoint(incoming: Any) -> Any:
        question = by_id[incoming.headers[_ID.decode()]]
        answer: Any = handle(question) if inspect.iscoroutinefunction(handle) else run_in_threadpool(handle, question)
        return PlainTextResponse(await answer)

    app = Starlette(routes=[Route("/ask", endpoint, methods=["POST"])])

    async def serve() -> list[Answer]:
        slots = asyncio.Semaphore(at_once)

        async def arrive(question: Question) -> Answer:
            async with slots:
                return await _call(app, question)

        return await asyncio.gather(*map(arrive, questions))

    return asyncio.run(serve())


async def _call(app: Callable[..., Awaitable[None]], question: Question) -> Answer:
    """Make one request to an ASGI application, inside the middleware that its users write."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/ask",
        "query_string": b"",
        "headers": [(_ID, question.id.encode())],
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": question.text.encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    started = time.monotonic()
    try:
        with request(question.id):
            await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - the server's generic 500
        return failed(question, 500, error, started)
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return Answer(question, sent[0]["status"], text, None, (started, time.monotonic()))
