"""Measurements of one histogram under the same labels, recorded together.

To record one takes the SDK 7 µs, most of it to clean and sort the labels until it has found where to add it up. The
first one of them goes that way, and the others are added up in the same place, 1 µs each. Only the first can become an
exemplar: it is the largest whose trace is sampled, for that is the call that somebody wants to look at.

Where measurements are added up is private to the SDK. With a version that is not known here it records each of them.
"""

from __future__ import annotations

from math import inf
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.trace import get_current_span

from autogen_otel.telemetry.sdk_version import IS_KNOWN

if IS_KNOWN:
    from opentelemetry.sdk.metrics._internal import _view_instrument_match
    from opentelemetry.sdk.metrics._internal.measurement import Measurement

    # By what the SDK finds the place of labels; before 1.45.2 by a set.
    _key_of = getattr(_view_instrument_match, "_hash_attributes", lambda labels: frozenset(labels.items()))

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram

    Measured = tuple[float, Context]


class _Amount(NamedTuple):
    """As much of a `Measurement` as is looked at where one that is no exemplar is added up."""

    value: float


def record_all(histogram: Histogram, labels: dict[str, str], measured: Sequence[Measured]) -> None:
    """Record measurements.

    Args:
        histogram: Of any provider.
        labels: Those of all of them.
        measured: At least one amount, each with the context in which it was taken.
    """
    others = list(measured)
    amount, context = others.pop(_exemplary(measured))
    histogram.record(amount, labels, context)
    if others and IS_KNOWN and isinstance(histogram, SdkHistogram) and _is_taken(histogram, others):
        for match in _matches_of(histogram):
            _add_up(match, labels, others)
    else:
        for amount, context in others:
            histogram.record(amount, labels, context)


def _exemplary(measured: Sequence[Measured]) -> int:
    """Return which measurement is the largest whose trace is sampled; without one, the largest."""
    if len(measured) == 1:
        return 0
    by_size = sorted(range(len(measured)), key=lambda index: measured[index][0], reverse=True)
    sampled = (
        index for index in by_size if get_current_span(measured[index][1]).get_span_context().trace_flags.sampled
    )
    return next(sampled, by_size[0])


def _is_taken(histogram: Any, measured: Sequence[Measured]) -> bool:
    """Tell whether the SDK would add them up: it warns of negative ones, and a meter can be turned off."""
    is_enabled = getattr(histogram, "_is_enabled", None)
    return all(0 <= amount < inf for amount, _ in measured) and (is_enabled is None or is_enabled())


def _matches_of(histogram: Any) -> Iterator[Any]:
    """Yield what adds up the histogram's measurements: one for each reader and view."""
    for storage in histogram._measurement_consumer._reader_storages.values():
        yield from storage._get_or_init_view_instrument_match(histogram)


def _add_up(match: Any, labels: dict[str, str], measured: Sequence[Measured]) -> None:
    wanted = match._view._attribute_keys
    key = _key_of(labels if wanted is None else {name: labels[name] for name in labels if name in wanted})
    # Held while metrics are collected, too: nothing is added up where nobody looks any more.
    with match._lock:
        place = match._attributes_aggregation.get(key)
        if place is not None:
            for amount, _ in measured:
                place.aggregate(_Amount(amount), False)
            return
    # The histogram has too many series: it goes where the SDK puts what is left.
    for amount, context in measured:
        match.consume_measurement(Measurement(amount, time_ns(), match._instrument, context, labels), False)
