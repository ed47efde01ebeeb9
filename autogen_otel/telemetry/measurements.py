"""Measurements wait and go to their histograms many at a time.

To record into a histogram of the SDK runs some 45 functions: 11 µs between two calls of AutoGen, where other code has
taken their place in the processor's caches, 7 µs in a loop, and less where many are of one series. What waits is
recorded before metrics are collected: the SDK asks for the number of requests in flight first, and that question is
where it is done.
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
from autogen_otel.telemetry.histograms import record_all

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter

    from autogen_otel.telemetry.histograms import Measured

_Waiting: TypeAlias = "tuple[Histogram, float, dict[str, str], Context]"
_Series: TypeAlias = "tuple[Histogram, dict[str, str], list[Measured]]"

MAX_WAITING: Final = 128
# Known to the module, for the SDK keeps the first callback of an instrument, whoever creates it again.
_all: Final[weakref.WeakSet[Measurements]] = weakref.WeakSet()


class Measurements:
    """Measurements that are not recorded yet, each with the context in which it was taken, for its exemplar."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._is_recording = False
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
        """Record what waits, those of one series together; what is being recorded meanwhile is waited for."""
        with fork_gate:
            if self._is_recording:
                # A finalizer that has ended an operation in the middle of it: the loop below comes to that, too.
                return
            self._is_recording = True
            try:
                while self._waiting:
                    for histogram, labels, measured in self._take():
                        record_all(histogram, labels, measured)
            finally:
                self._is_recording = False

    def _take(self) -> Collection[_Series]:
        """Take what waits, and return it by series."""
        series: dict[tuple[int, int], _Series] = {}
        for _ in range(len(self._waiting)):
            histogram, amount, labels, context = self._waiting.popleft()
            one = series.setdefault((id(histogram), id(labels)), (histogram, labels, []))
            one[2].append((amount, context))
        return series.values()

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
