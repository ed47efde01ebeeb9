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
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter

    from autogen_otel.telemetry.histograms import Measured

_Series: TypeAlias = "tuple[Histogram, dict[str, str], deque[Measured]]"

MAX_WAITING: Final = 128
# Whoever collects metrics does not wait longer for another thread that records: it may be about to fork.
_PATIENCE_S: Final = 1.0
# Known to the module, for the SDK keeps the first callback of an instrument, whoever creates it again.
_all: Final[weakref.WeakSet[Measurements]] = weakref.WeakSet()


class Measurements:
    """Measurements that are not recorded yet."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Histogram, dict[str, str], Measured]] = deque()
        self._is_recording = False
        self._is_closed = False
        _all.add(self)
        after_fork_in_child(self._forget)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, histogram: Histogram, labels: dict[str, str], measured: Measured) -> None:
        """Let a measurement wait.

        Args:
            histogram: Where it is recorded in the end.
            labels: Not to be changed afterwards.
            measured: In the histogram's unit.
        """
        waiting = self._waiting
        waiting.append((histogram, labels, measured))
        if self._is_closed:
            self.record()
        elif len(waiting) >= MAX_WAITING:
            # A call of the host does not wait: a thread that is recording comes to this one, or the next call does.
            self.record(0)

    def record(self, patience_s: float | None = None) -> None:
        """Record what waits, those of one series together; what is being recorded meanwhile is waited for.

        Args:
            patience_s: How long, in seconds; as whoever collects metrics, if not given.
        """
        if not fork_gate.acquire(timeout=_PATIENCE_S if patience_s is None else patience_s):
            return
        try:
            # Otherwise a finalizer has ended an operation in the middle of it: the loop comes to that, too.
            if not self._is_recording:
                self._is_recording = True
                try:
                    while self._waiting:
                        self._record_series()
                finally:
                    self._is_recording = False
        finally:
            fork_gate.release()

    def close(self) -> None:
        """Record what waits, and from now on each measurement at once: an operation may end later."""
        self._is_closed = True
        self.record()

    def _record_series(self) -> None:
        waiting = self._waiting
        series: dict[tuple[int, int], _Series] = {}
        try:
            for _ in range(len(waiting)):
                histogram, labels, one = waiting[0]
                key = id(histogram), id(labels)
                if key not in series:
                    series[key] = histogram, labels, deque()
                series[key][2].append(one)
                waiting.popleft()
            for histogram, labels, measured in series.values():
                record_all(histogram, labels, measured)
        finally:
            # Whoever was interrupted leaves the rest to the next.
            for histogram, labels, measured in series.values():
                waiting.extend((histogram, labels, one) for one in measured)

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
