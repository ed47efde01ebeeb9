"""Measurements of one histogram under the same labels, recorded together.

To record one takes the SDK 7 µs, most of it to clean and sort the labels until it has found where to add it up. For
measurements that are recorded together it is found once. One of them is offered as an exemplar: the largest whose trace
is sampled, for that is the call that somebody wants to look at.

Where measurements are added up is private to the SDK. With a version that is not known here, and where somebody has
replaced `Histogram.record`, each is recorded by itself.
"""

from __future__ import annotations

from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.trace import set_span_in_context

from autogen_otel.telemetry.sdk_version import IS_KNOWN, is_original

try:
    from opentelemetry.sdk.metrics._internal import _view_instrument_match, instrument
    from opentelemetry.sdk.metrics._internal.measurement import Measurement
except ImportError:
    # A later SDK may have moved them; it is not known then, and its users import us all the same.
    _ARE_THERE = False
else:
    _ARE_THERE = True
    # By what the SDK finds the place of labels; before 1.45.2 by a set.
    _key_of = getattr(_view_instrument_match, "_hash_attributes", lambda labels: frozenset(labels.items()))

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span

_RECORD: Final = SdkHistogram.record
_MAKES_THEM: Final = IS_KNOWN and _ARE_THERE and is_original(_RECORD, instrument)


# An amount, the span that was current, and when that was, in nanoseconds since the epoch. Not the context: it may hold
# anything of the application's, and would keep it alive.
Measured: TypeAlias = "tuple[float, Span, int]"


class _Amount(NamedTuple):
    """As much of the SDK's `Measurement` as is looked at where one that is no exemplar is added up."""

    value: float


def is_enabled(histogram: Any) -> bool:
    """Tell whether a histogram takes measurements now: the SDK can turn its meter off."""
    ask = getattr(histogram, "_is_enabled", None) if IS_KNOWN else None
    return ask is None or bool(ask())


def record_all(histogram: Histogram, labels: dict[str, str], measured: deque[Measured]) -> None:
    """Record measurements, and take out of them what is recorded: whoever is interrupted can go on with the rest.

    Args:
        histogram: Of any provider.
        labels: Those of all of them.
        measured: The earliest first.
    """
    if _is_known(histogram):
        _add_up(histogram, labels, measured)
    while measured:
        amount, span, _ = measured[0]
        histogram.record(amount, labels, _context_of(span))
        measured.popleft()


def _is_known(histogram: object) -> bool:
    is_sdk = isinstance(histogram, SdkHistogram) and type(histogram).__module__ == SdkHistogram.__module__
    return _MAKES_THEM and is_sdk and SdkHistogram.record is _RECORD and "record" not in vars(histogram)


def _context_of(span: Span) -> Context:
    return set_span_in_context(span, Context())


def _add_up(histogram: Any, labels: dict[str, str], measured: deque[Measured]) -> None:
    """Add measurements up for each reader and view, as the SDK does."""
    consumer, exemplary = histogram._measurement_consumer, _exemplary(measured)
    matches = [
        match
        for storage in consumer._reader_storages.values()
        for match in storage._get_or_init_view_instrument_match(histogram)
    ]
    places = [_place_of(match, labels) for match in matches]
    is_whole = None in places
    while measured:
        one = measured[0]
        amount = one[0]
        if not 0 <= amount < inf:
            # The SDK warns of it.
            histogram.record(amount, labels)
        elif one is exemplary or is_whole:
            context = _context_of(one[1])
            measurement = Measurement(amount, one[2], histogram, context, labels)
            ask = consumer._sdk_config.exemplar_filter.should_sample
            offered = one is exemplary and ask(amount, one[2], labels, context)
            for match, place in zip(matches, places, strict=True):
                (match.consume_measurement if place is None else place.aggregate)(measurement, offered)
        else:
            for place in places:
                place.aggregate(_Amount(amount), False)
        measured.popleft()


def _place_of(match: Any, labels: dict[str, str]) -> Any:
    """Return where the SDK adds up measurements under these labels; None where only it can tell.

    That is before the first of them, when there are more series than it keeps, and where it makes a place anew after
    each collection.
    """
    if getattr(match, "_reset_on_collect", False):
        return None
    wanted = match._view._attribute_keys
    key = _key_of(labels if wanted is None else {name: labels[name] for name in labels if name in wanted})
    return match._attributes_aggregation.get(key)


def _exemplary(measured: Sequence[Measured]) -> Measured:
    """Return the largest measurement whose trace is sampled; without one, the largest."""
    by_size = sorted(measured, key=itemgetter(0), reverse=True)
    return next((one for one in by_size if one[1].get_span_context().trace_flags.sampled), by_size[0])
