"""A pre-fork server: worker processes that answer their share of the questions."""

from __future__ import annotations

import os
import pickle
import signal
from typing import TYPE_CHECKING, Final

from autogen_otel import instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from benchmarks.why500.web import Answer, Question

    Work = Callable[[Sequence[Question]], list[Answer]]

_WORK_SECONDS: Final = 25
_FLUSH_SECONDS: Final = 5


def in_forks(work: Work, questions: Sequence[Question], workers: int) -> tuple[list[Answer], list[int]]:
    """Fork workers, give each its share, and return all answers and the workers' process IDs."""
    started = [_start(work, questions[number::workers]) for number in range(workers)]
    answers = [answer for pid, pipe in started for answer in _collect(pid, pipe)]
    return answers, [pid for pid, _ in started]


def _start(work: Work, share: Sequence[Question]) -> tuple[int, int]:
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(work, share, send)
    os.close(send)
    return pid, receive


def _work(work: Work, share: Sequence[Question], send: int) -> NoReturn:
    try:
        # A worker may wait for bytes that another one has taken.
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
    return list(pickle.loads(data)) if data else []
