"""Stored records sorted into requests. A request that was never finished is one too."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.diagnosis.load import StoredLog, StoredSpan
from autogen_otel.diagnosis.request import FINISHED, SCOPE, STARTED, Request, request_id_of, text_in
from autogen_otel.diagnosis.tree import Forest

if TYPE_CHECKING:
    from collections.abc import Iterable

K = TypeVar("K")
_EDGES: Final = (STARTED, FINISHED)


def requests_in(records: Iterable[StoredSpan | StoredLog]) -> list[Request]:
    """Return the requests that records tell of, by their start; the same for each order of the records."""
    by_id: defaultdict[str, list[StoredSpan | StoredLog]] = defaultdict(list)
    for record in records:
        request_id = request_id_of(record)
        if request_id is not None:
            by_id[request_id].append(record)
    found = [request for request_id, own in by_id.items() for request in _of_one_id(request_id, own)]
    return sorted(found, key=lambda request: (request.started_ns, request.request_id, request.trace_id))


def _of_one_id(request_id: str, records: list[StoredSpan | StoredLog]) -> list[Request]:
    spans: defaultdict[str, list[StoredSpan]] = defaultdict(list)
    logs: defaultdict[str, list[StoredLog]] = defaultdict(list)
    for record in records:
        if isinstance(record, StoredSpan):
            spans[record.trace_id].append(record)
        else:
            logs[text_in(record, names.LOG_TRACE_ID) or record.trace_id].append(record)
    strays: list[StoredLog] = []
    if len(spans.keys() | logs.keys()) > 1 and all(log.body not in _EDGES for log in logs[""]):
        strays = logs.pop("")
    found = [
        request
        for trace_id in sorted(spans.keys() | logs.keys())
        if spans[trace_id] or logs[trace_id]
        for request in _in_trace(request_id, trace_id, Forest(spans[trace_id]), _by_time(logs[trace_id]))
    ]
    return _with_strays(found, strays) if strays else found


def _with_strays(requests: list[Request], strays: list[StoredLog]) -> list[Request]:
    """Add log lines that name no trace to the request during which they were written."""
    starts = {number: request.started_ns for number, request in enumerate(requests)}
    added: defaultdict[int, list[StoredLog]] = defaultdict(list)
    for log in strays:
        added[_owner(log.time_ns, starts)].append(log)
    return [
        replace(request, logs=tuple(_by_time([*request.logs, *added[number]])))
        for number, request in enumerate(requests)
    ]


def _by_time(logs: list[StoredLog]) -> list[StoredLog]:
    return sorted(logs, key=lambda log: (log.time_ns, str(log.body), log.span_id, repr(log.attributes)))


def _in_trace(request_id: str, trace_id: str, forest: Forest, logs: list[StoredLog]) -> list[Request]:
    """Return the requests of one ID in one trace: more than one if a client has retried within it."""
    starts = _roots(forest, logs)
    tops: defaultdict[str, list[StoredSpan]] = defaultdict(list)
    for top in forest.tops:
        tops[top.span_id if top.span_id in starts else _owner(top.start_ns, starts)].append(top)
    lines: defaultdict[str, list[StoredLog]] = defaultdict(list)
    for log in logs:
        span_id = text_in(log, names.LOG_SPAN_ID)
        lines[span_id if span_id in starts else _owner(log.time_ns, starts)].append(log)
    return [Request(request_id, trace_id, root, forest.nodes(root, tops[root]), tuple(lines[root])) for root in starts]


def _roots(forest: Forest, logs: list[StoredLog]) -> dict[str, int]:
    """Return the spans of requests with their start; one without a name if nothing tells which it is."""
    found: dict[str, int] = {}
    tops = {top.span_id for top in forest.tops}
    for log in logs:
        if log.body in _EDGES:
            span_id = text_in(log, names.LOG_SPAN_ID)
            # A request inside a request of the same ID, in another process or not, is a part of it.
            if span_id in tops or span_id not in forest.spans:
                found.setdefault(span_id, log.time_ns)
    own = [top for top in forest.tops if top.scope == SCOPE]
    found |= {top.span_id: top.start_ns for top in own if not top.parent_span_id or top.name == Kind.REQUEST.value}
    if not found and len(own) == 1 and own[0].name.startswith(Kind.WORKFLOW.value):
        # The application's own server span is above it, and does not carry our request ID.
        return {own[0].span_id: own[0].start_ns}
    return found or {"": 0}


def _owner(time_ns: int, starts: dict[K, int]) -> K:
    """Return the request that began last before a time; the first one for what is earlier."""
    ordered = sorted(starts, key=lambda key: (starts[key], str(key)))
    earlier = [key for key in ordered if starts[key] <= time_ns]
    return earlier[-1] if earlier else ordered[0]
