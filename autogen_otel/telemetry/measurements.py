"""Measurements wait and go to their histograms many at a time.

To record into a histogram of the SDK runs some 45 functions: 11 µs between two calls of AutoGen, where other code has
taken their place in the processor's caches, and 7 µs in a loop. What waits is recorded before metrics
are collected: the SDK asks for the number of requests in flight first, and that question is where it is done.
"""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry.metrics import Observation

from autogen_otel.core import names
from autogen_otel.core.forks import after_fork_in_child, fork_gate
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import requests_in_flight

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter

_Waiting: TypeAlias = "tuple[Histogram, float, dict[str, str], Context]"

MAX_WAITING: Final = 64
# Known to the module, for the SDK keeps the first callback of an instrument, whoever creates it again.
_all: Final[weakref.WeakSet[Measurements]] = weakref.WeakSet()


class Measurements:
    """Measurements that are not recorded yet, each with the context in which it was taken, for its exemplar."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        _all.add(self)
        after_fork_in_child(self._forget)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, histogram: Histogram, amount: float, labels: dict[str, str], context: Context) -> None:
        """Let a measurement wait.

        Args:
            histogram: Where it is recorded in the end.
            amount: What was measured, in the histogram's unit.
            labels: Not to be changed afterwards.
            context: In which it was taken.
        """
        waiting = self._waiting
        waiting.append((histogram, amount, labels, context))
        if len(waiting) >= MAX_WAITING:
            self.record()

    def record(self) -> None:
        """Record what waits."""
        take = self._waiting.popleft
        with fork_gate:
            while self._waiting:
                try:
                    histogram, amount, labels, context = take()
                except IndexError:
                    # A finalizer that ended an operation in between has taken the last one.
                    return
                histogram.record(amount, labels, context)

    def _forget(self) -> None:
        """Leave to the parent what waited when it forked."""
        self._waiting.clear()


def observe_requests(meter: Meter) -> None:
    """Let the requests in flight be asked for, and record what waits whenever they are."""
    meter.create_observable_up_down_counter(
        names.REQUESTS_IN_FLIGHT, [_observe], "{request}", "Requests that are open in this process"
    )


def _observe(_: CallbackOptions) -> list[Observation]:
    for measurements in list(_all):
        guard.call(measurements.record)
    return [Observation(requests_in_flight())]
