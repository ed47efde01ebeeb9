"""The application around the agents: what a web framework does with a request, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from autogen_otel.operations.request import request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Handler: TypeAlias = "Callable[[str], str]"
AsyncHandler: TypeAlias = "Callable[[str], Awaitable[str]]"


class Question(NamedTuple):
    """What a client sends.

    Attributes:
        request_id: As from an `X-Request-ID` header.
        user: Who asks; a mark in the text, `[rq:user]`, tells from an answer for whom it was made.
        text: The text.
        expected: What stands in a right answer.
    """

    request_id: str
    user: str
    text: str
    expected: str = ""


class Answer(NamedTuple):
    """What the client gets; status 0 stands for nothing at all."""

    question: Question
    status: int
    text: str


def respond(handle: Handler, question: Question) -> Answer:
    """Answer one question as a web framework does: whatever a handler raises becomes the same 500."""
    try:
        with request(question.request_id):
            return Answer(question, 200, handle(question.text))
    except Exception:  # noqa: BLE001 - this is the generic 500 that the demo is about
        return Answer(question, 500, "Internal Server Error")


async def respond_async(handle: AsyncHandler, question: Question) -> Answer:
    """Do the same for an async handler."""
    try:
        with request(question.request_id):
            return Answer(question, 200, await handle(question.text))
    except Exception:  # noqa: BLE001 - as above
        return Answer(question, 500, "Internal Server Error")


def in_threads(handle: Handler, questions: Sequence[Question]) -> list[Answer]:
    """Answer all questions at the same moment, each in a thread of its own."""
    together = threading.Barrier(len(questions))

    def serve(question: Question) -> Answer:
        together.wait()
        return respond(handle, question)

    with ThreadPoolExecutor(len(questions), thread_name_prefix="web") as pool:
        return list(pool.map(serve, questions))


def in_loop(handle: AsyncHandler, questions: Sequence[Question]) -> list[Answer]:
    """Answer all questions in one event loop, as an async framework does."""

    async def serve() -> list[Answer]:
        return await asyncio.gather(*(respond_async(handle, question) for question in questions))

    return asyncio.run(serve())
