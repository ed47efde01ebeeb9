"""A pre-fork server in miniature: worker processes that answer questions one after the other."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.web import Answer, AsyncHandler, Handler, Question, respond, respond_async
from autogen_otel.instrument import instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    # What a worker does with its share of the questions.
    Work = Callable[[Sequence[Question]], list[Answer]]

# A worker may wait for bytes that another one has taken. The client's timeout ends that; this is for the worst.
_WORK_SECONDS: Final = 20
_FLUSH_SECONDS: Final = 5
_START_SECONDS: Final = 0.04


def in_workers(handle: Handler, questions: Sequence[Question], workers: int) -> list[Answer]:
    """Fork workers one after the other, give each its share of the questions, and return the answers in order."""

    def work(share: Sequence[Question]) -> list[Answer]:
        return [respond(handle, question) for question in share]

    return _in_processes(work, questions, workers)


def in_async_workers(handle: AsyncHandler, questions: Sequence[Question], workers: int) -> list[Answer]:
    """Do the same with workers that have an event loop each."""

    async def work(share: Sequence[Question]) -> list[Answer]:
        return [await respond_async(handle, question) for question in share]

    return _in_processes(lambda share: asyncio.run(work(share)), questions, workers)


def _in_processes(work: Work, questions: Sequence[Question], workers: int) -> list[Answer]:
    started = [_start(work, questions[number::workers]) for number in range(workers)]
    answers = {answer.question: answer for pid, pipe in started for answer in _collect(pid, pipe)}
    return [answers.get(question, Answer(question, 0, "")) for question in questions]


def _start(work: Work, share: Sequence[Question]) -> tuple[int, int]:
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(work, share, send)
    os.close(send)
    time.sleep(_START_SECONDS)  # a server does not start them in the same instant
    return pid, receive


def _work(work: Work, share: Sequence[Question], send: int) -> NoReturn:
    try:
        signal.alarm(_WORK_SECONDS)
        answers = work(share)
        with os.fdopen(send, "wb") as pipe:
            pickle.dump(answers, pipe)
        signal.alarm(_FLUSH_SECONDS)
        instrument().flush()
    finally:
        # Not sys.exit: the buffers and exit handlers of the parent are not the worker's to run.
        os._exit(0)


def _collect(pid: int, pipe: int) -> list[Answer]:
    with os.fdopen(pipe, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    return list(pickle.loads(data)) if data else []  # noqa: S301 - written by our own child
