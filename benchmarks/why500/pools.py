"""A pool of `multiprocessing`: workers that live on and take one question after the other."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, Final

from autogen_otel import instrument
from benchmarks.why500 import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.why500.web import Answer, Handler, Question

# What a worker serves; set before the fork, for a handler is no thing to be sent through a pipe.
_handlers: Final[list[Handler]] = []


def in_pool(handle: Handler, questions: Sequence[Question], workers: int) -> tuple[list[Answer], list[int]]:
    """Answer all questions in worker processes, and return the answers and the workers' process IDs."""
    _handlers.append(handle)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        told = pool.map(_work, questions, chunksize=2)
    return [answer for answer, _ in told], sorted({pid for _, pid in told})


def _work(question: Question) -> tuple[Answer, int]:
    answer = web.respond(_handlers[-1], question)
    # A pool ends its workers with SIGTERM.
    instrument().flush()
    return answer, os.getpid()
