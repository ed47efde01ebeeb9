"""The web framework around the agents: what a client sends, what it gets, and what the error log of the app says."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from autogen_otel import request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

Handler: TypeAlias = "Callable[[Question], str]"
AsyncHandler: TypeAlias = "Callable[[Question], Awaitable[str]]"


class Question(NamedTuple):
    """What a client sends.

    Attributes:
        id: As from an `X-Request-ID` header.
        token: Who asks; `[rq:token]` stands in the text, and the provider repeats it.
        text: The text.
    """

    id: str
    token: str
    text: str


class Error(NamedTuple):
    """An exception as the error log of the application shows it.

    Attributes:
        type: The name of its class.
        message: Its text.
        frames: File, line and function, outermost first.
    """

    type: str
    message: str
    frames: list[tuple[str, int, str]]


class Answer(NamedTuple):
    """What the client gets: 499 when it went away, 504 when the application gave up, 0 stands for nothing at all.

    Attributes:
        question: What it has asked.
        status: The HTTP status.
        text: The body.
        error: What the error log of the application says.
        times: When it came and when it was answered, in seconds of `time.monotonic()`.
    """

    question: Question
    status: int
    text: str
    error: Error | None = None
    times: tuple[float, float] = (0.0, 0.0)


def respond(handle: Handler, question: Question) -> Answer:
    """Answer one question; whatever a handler raises becomes the same 500."""
    started = time.monotonic()
    try:
        with request(question.id):
            text = handle(question)
    except Exception as error:  # noqa: BLE001 - the generic 500 that all this is about
        return failed(question, 500, error, started)
    return Answer(question, 200, text, None, (started, time.monotonic()))


async def respond_async(handle: AsyncHandler, question: Question, deadline: float | None = None) -> Answer:
    """Do the same for an async handler, within a deadline in seconds where the application has one."""
    started = time.monotonic()
    try:
        with request(question.id):
            text = await asyncio.wait_for(handle(question), deadline)
    except asyncio.CancelledError as error:
        return failed(question, 499, error, started)
    except Exception as error:  # noqa: BLE001 - as above
        late = deadline is not None and isinstance(error, (TimeoutError, asyncio.TimeoutError))
        return failed(question, 504 if late else 500, error, started)
    return Answer(question, 200, text, None, (started, time.monotonic()))


def in_threads(handle: Handler, questions: Sequence[Question], workers: int) -> list[Answer]:
    """Answer all questions in a pool of threads; the first of each thread start at the same moment."""
    together = threading.Barrier(min(workers, len(questions)))
    begun = threading.local()

    def serve(question: Question) -> Answer:
        if not getattr(begun, "yes", False):
            begun.yes = True
            together.wait(10)
        return respond(handle, question)

    with ThreadPoolExecutor(workers, thread_name_prefix="web") as pool:
        return list(pool.map(serve, questions))


def one_by_one(handle: Handler, questions: Sequence[Question]) -> list[Answer]:
    """Answer one question after the other."""
    return [respond(handle, question) for question in questions]


def in_loop(
    handle: AsyncHandler,
    questions: Sequence[Question],
    *,
    at_once: int | None = None,
    gap: float = 0.0,
    deadline: float | None = None,
    leaves: Mapping[str, float] | None = None,
) -> list[Answer]:
    """Answer the questions in one event loop.

    Args:
        handle: The handler.
        questions: What is asked.
        at_once: How many are answered at the same time; all if not given.
        gap: Seconds between two arrivals.
        deadline: Seconds after which the application gives up on one.
        leaves: After how many seconds the client of a question closes the connection, by ID.
    """

    async def serve() -> list[Answer]:
        slots = asyncio.Semaphore(at_once or len(questions))

        async def arrive(number: int, question: Question) -> Answer:
            await asyncio.sleep(number * gap)
            async with slots:
                task = asyncio.ensure_future(respond_async(handle, question, deadline))
                if leaves and question.id in leaves:
                    asyncio.get_running_loop().call_later(leaves[question.id], task.cancel)
                return await task

        return await asyncio.gather(*(arrive(number, question) for number, question in enumerate(questions)))

    return asyncio.run(serve())


def failed(question: Question, status: int, error: BaseException, started: float) -> Answer:
    """Return the answer to a question of which an exception was all that came."""
    frames = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    kept = Error(type(error).__name__, str(error)[:400], frames)
    return Answer(question, status, "Internal Server Error", kept, (started, time.monotonic()))
