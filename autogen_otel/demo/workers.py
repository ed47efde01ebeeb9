"""A pre-fork server in miniature: worker processes that answer questions one after the other."""

from __future__ import annotations

import os
import pickle
import signal
from typing import TYPE_CHECKING

from autogen_otel.demo.web import Answer, Handler, Question, respond
from autogen_otel.instrument import instrument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

# A worker that waits for bytes which another one has taken would wait for ever.
_WORKER_SECONDS = 20


def in_workers(handle: Handler, questions: Sequence[Question], workers: int) -> list[Answer]:
    """Fork workers, give each its share of the questions, let them start together and return the answers."""
    ready, go = os.pipe()
    pipes = [_fork(handle, questions[number::workers], ready, go) for number in range(workers)]
    os.close(ready)
    os.close(go)
    answers = [answer for pid, pipe in pipes for answer in _collect(pid, pipe)]
    found = {answer.id: answer for answer in answers}
    return [found.get(question.id, Answer(question.id, 0, "")) for question in questions]


def _fork(handle: Handler, share: Sequence[Question], ready: int, go: int) -> tuple[int, int]:
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        _work(handle, share, send)
    os.close(send)
    return pid, receive


def _work(handle: Handler, share: Sequence[Question], send: int) -> NoReturn:
    try:
        signal.alarm(_WORKER_SECONDS)
        answers = [respond(handle, question) for question in share]
        instrument().flush()
        with os.fdopen(send, "wb") as pipe:
            pickle.dump([tuple(answer) for answer in answers], pipe)
    finally:
        # Not sys.exit: the parent's buffers and exit handlers are not the worker's to run.
        os._exit(0)


def _collect(pid: int, pipe: int) -> list[Answer]:
    with os.fdopen(pipe, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    return [Answer(*fields) for fields in pickle.loads(data)] if data else []  # noqa: S301 - from our own child
