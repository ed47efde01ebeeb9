"""Reading much: two files at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Final

from autogen_otel.diagnosis.collecting import without_collecting
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.load import each_in, files_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autogen_otel.diagnosis.load import Problem

# Starting processes takes half a second: the time in which one of them reads this many bytes.
MUCH: Final = 32 * 1024 * 1024
_PROCESSES: Final = 2


def gather(path: Path, *, since_ns: int, on_problem: Callable[[Problem], None], much: int = MUCH) -> Gathered:
    """Return what a diagnosis needs of the telemetry that is stored at a path.

    Args:
        path: As for `load.load`.
        since_ns: Leave out what ended earlier, in nanoseconds since 1970.
        on_problem: Told of each line that cannot be read.
        much: From how many bytes on it is read by several processes.

    Raises:
        StoreNotFound: There is nothing at the path.
        OSError: The folder cannot be read.
    """
    files = files_at(path)
    with without_collecting():
        if len(files) < 2 or (os.cpu_count() or 1) < 2 or sum(map(_size, files)) < much:
            return _by_one(files, since_ns, on_problem)
        return _by_several(files, since_ns, on_problem)


def _by_one(files: list[Path], since_ns: int, on_problem: Callable[[Problem], None]) -> Gathered:
    gathered = Gathered()
    for file in files:
        for _ in each_in(file, lambda document: gathered.take(document, since_ns), since_ns, on_problem):
            pass
    return gathered


def _by_several(files: list[Path], since_ns: int, on_problem: Callable[[Problem], None]) -> Gathered:
    gathered = Gathered()
    # A process that is forked would inherit the threads' locks of whoever calls this as a library.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=context) as processes:
        for part, problems in processes.map(_part, files, [since_ns] * len(files)):
            gathered.merge(part)
            for problem in problems:
                on_problem(problem)
    return gathered


def _part(file: Path, since_ns: int) -> tuple[Gathered, list[Problem]]:
    problems: list[Problem] = []
    with without_collecting():
        return _by_one([file], since_ns, problems.append), problems


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
