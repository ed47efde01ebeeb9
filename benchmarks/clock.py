"""How time is measured."""

from __future__ import annotations

from time import process_time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def microseconds(action: Callable[[], object], times: int = 1) -> float:
    """Return how long one call takes.

    It is the CPU time of the process with all its threads, the exporters' too. Nothing here waits for anything, so on
    an idle machine that is the time on the wall, and on a busy one the neighbours do not count.
    """
    began = process_time_ns()
    for _ in range(times):
        action()
    return (process_time_ns() - began) / times / 1000
