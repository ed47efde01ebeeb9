"""What the page draws, in percent of the room there is: failure against concurrency, and requests along the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Outcome
from autogen_otel.diagnosis.words import count, duration, plain, share, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.diagnosis.seen import Diagnosis, Seen

MAX_BINS: Final = 12
# A line for each request, as long as they fit a screen; else as few lines as go without two on top of each other.
MAX_NAMED: Final = 40
MAX_SHOWN: Final = 120


class Bin(NamedTuple):
    """Requests with about the same concurrency.

    Attributes:
        label: How many requests were open at a time.
        total: How many requests there are.
        share: What share of them failed or answered wrongly, in percent.
        failed: The height of those that failed, in percent of the highest bar.
        wrong: The height of those that answered wrongly.
        words: The same in words.
    """

    label: str
    total: int
    share: float
    failed: float
    wrong: float
    words: str


class Bar(NamedTuple):
    """A request on the time line: which line it stands in, and where, in percent of the width."""

    row: int
    left: float
    width: float
    state: str
    request_id: str
    words: str
    overlaps: tuple[tuple[float, float], ...]


class Link(NamedTuple):
    """Two requests that were mixed: at which time, in percent of the width, and from which line to which."""

    left: float
    top: int
    rows: int


class TimeLine(NamedTuple):
    """Requests along the time.

    Attributes:
        bars: One for each request.
        links: Between requests that were mixed.
        rows: How many lines there are.
        named: Whether each request has a line of its own.
        ticks: Where on the width, in percent, which time after the start stands.
        words: What is to be seen.
    """

    bars: list[Bar]
    links: list[Link]
    rows: int
    named: bool
    ticks: list[tuple[float, str]]
    words: str


def state_of(seen: Seen) -> str:
    """Return how a request ended, as the page colours it."""
    if seen.outcome is None:
        return "open"
    if seen.bad:
        return "failed" if seen.failed else "wrong"
    return "cancelled" if seen.outcome is Outcome.CANCELLED else "well"


def concurrency(diagnosis: Diagnosis) -> list[Bin]:
    """Return how many requests failed by how many were open in the process at the same time."""
    counted = [one for one in diagnosis.requests if one.in_flight > 0 and one.outcome is not None]
    most = max((one.in_flight for one in counted), default=0)
    width = max(1, -(-most // MAX_BINS))
    bins: dict[int, list[Seen]] = {}
    for one in counted:
        bins.setdefault((one.in_flight - 1) // width, []).append(one)
    shares = [sum(one.bad for one in found) / len(found) for found in bins.values()]
    highest = max(shares, default=0) or 1
    return [_bin(number, width, bins.get(number, []), highest) for number in range(-(-most // width))]


def _bin(number: int, width: int, requests: list[Seen], highest: float) -> Bin:
    first = number * width + 1
    label = str(first) if width == 1 else f"{first}–{first + width - 1}"
    total, failed, wrong = len(requests), sum(one.failed for one in requests), sum(one.wrong for one in requests)
    words = f"{label} at a time: {count(total, 'request')}"
    if total:
        words += f", {failed} failed ({share(failed, total)}), {wrong} wrong ({share(wrong, total)})"
    one = 100 / (total or 1)
    return Bin(
        label,
        total,
        (failed + wrong) * one,
        round(failed * one / highest, 2),
        round(wrong * one / highest, 2),
        words,
    )


def time_line(diagnosis: Diagnosis) -> TimeLine | None:
    """Return the requests along the time; of very many those around an example; None if there are none."""
    shown = _around_example(diagnosis)
    if not shown:
        return None
    start_ns = shown[0].operation.started_ns
    end_ns = max(one.ended_ns for one in shown)
    span_ns = max(1, end_ns - start_ns)
    named = len(shown) <= MAX_NAMED
    rows = _rows(shown, named=named)

    def at(time_ns: int) -> float:
        return round(100 * (min(max(time_ns, start_ns), end_ns) - start_ns) / span_ns, 3)

    bars = [
        Bar(
            rows[one.operation.id],
            at(one.operation.started_ns),
            round(at(one.ended_ns) - at(one.operation.started_ns), 3),
            state_of(one),
            plain(one.request_id),
            _words(one),
            tuple((at(first), round(at(last) - at(first), 3)) for first, last in _overlaps(one)),
        )
        for one in shown
    ]
    words = f"{count(len(shown), 'request')} from {when(start_ns)}"
    if len(shown) < len(diagnosis.requests):
        words = f"{len(shown)} of {count(len(diagnosis.requests), 'request')}, around an example, from {when(start_ns)}"
    ticks = [(25.0 * quarter, f"+{duration(span_ns * quarter // 4)}" if quarter else "0") for quarter in range(5)]
    return TimeLine(bars, _links(shown, rows, at), max(rows.values()) + 1, named, ticks, words)


def _around_example(diagnosis: Diagnosis) -> list[Seen]:
    requests = diagnosis.requests
    if len(requests) <= MAX_SHOWN:
        return requests
    mixed = sorted(diagnosis.groups, key=lambda group: (group.cause is not Cause.SHARED_STATE, -len(group.requests)))
    middle = next((requests.index(group.examples[0]) for group in mixed if group.examples), len(requests))
    first = min(max(0, middle - MAX_SHOWN // 2), len(requests) - MAX_SHOWN)
    return requests[first : first + MAX_SHOWN]


def _rows(shown: list[Seen], *, named: bool) -> dict[int, int]:
    """Return the line of each request: its own, or the first one that is free when it starts."""
    if named:
        return {one.operation.id: row for row, one in enumerate(shown)}
    free_ns: list[int] = []
    rows = {}
    for one in shown:
        row = next((row for row, ns in enumerate(free_ns) if ns <= one.operation.started_ns), len(free_ns))
        free_ns[row : row + 1] = [one.ended_ns]
        rows[one.operation.id] = row
    return rows


def _overlaps(one: Seen) -> list[tuple[int, int]]:
    """Return the stretches of time during which a request ran beside those with which it was mixed."""
    if one.verdict is None or one.verdict.cause is not Cause.SHARED_STATE:
        return []
    both = [
        (max(one.operation.started_ns, other.operation.started_ns), min(one.ended_ns, other.ended_ns))
        for other in one.others
    ]
    return [(first, last) for first, last in both if first < last]


def _links(shown: list[Seen], rows: dict[int, int], at: Callable[[int], float]) -> list[Link]:
    found: dict[tuple[int, int], Link] = {}
    for one in shown:
        for other in one.others:
            here, there = rows[one.operation.id], rows.get(other.operation.id)
            if there is None or here == there or (key := (min(here, there), max(here, there))) in found:
                continue
            begun = max(one.operation.started_ns, other.operation.started_ns)
            found[key] = Link(at(min(begun, one.ended_ns, other.ended_ns)), key[0], key[1] - key[0])
    return list(found.values())


def _words(one: Seen) -> str:
    took = duration(one.ended_ns - one.operation.started_ns)
    cause = f", {one.verdict.cause.value}" if one.verdict else ""
    mixed = f", beside {', '.join(plain(other.request_id) for other in one.others[:4])}" if one.others else ""
    return f"{plain(one.request_id)}: {state_of(one)}{cause}{mixed}, {took}"
