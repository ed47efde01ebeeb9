"""Which stored operation belongs below which, and which of them are requests."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Operation, Outcome
from autogen_otel.diagnosis.logged_operations import Missing, missing_in

if TYPE_CHECKING:
    from autogen_otel.diagnosis.gathered import Gathered, Span
    from autogen_otel.diagnosis.seen import Seen

# How many spans of others may stand between two of ours; an exporter that is broken writes circles.
_MAX_BETWEEN: Final = 64


class Placed(NamedTuple):
    """The operations of all requests.

    Attributes:
        spans: By ID. `operation.parent_id` is the operation above it; None for a request's own.
        unfinished: The requests that have no end, or whose own span never arrived.
        missing: What only log records have told.
    """

    spans: dict[int, Span]
    unfinished: set[int]
    missing: Missing


def placed(gathered: Gathered) -> Placed:
    """Return all operations that spans or log records tell of, each at its place."""
    missing = missing_in(gathered)
    spans = {**gathered.spans, **missing.spans} if missing.spans else gathered.spans
    orphans: list[Span] = []
    roots: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    inner: list[int] = []
    for span in spans.values():
        operation = span.operation
        above = _above(operation, spans, gathered.above)
        if above is not None and span.foreign and above.kind is Kind.MODEL:
            inner.append(operation.id)
        elif above is not None and not _is_own_request(operation, above):
            if above.id != operation.parent_id:
                spans[operation.id] = _below(span, above.id)
        elif operation.parent_id is None or operation.kind is Kind.REQUEST or operation.id in missing.roots:
            roots[span.trace_id, operation.request_id].append(operation.id)
            if operation.parent_id is not None:
                spans[operation.id] = _below(span, None)
        else:
            orphans.append(span)
    for span_id in inner:
        del spans[span_id]
    unfinished = set(missing.unfinished)
    if orphans:
        unfinished |= _adopt(orphans, spans, roots)
    return Placed(spans, unfinished, missing)


def _above(operation: Operation, spans: dict[int, Span], others: dict[int, int]) -> Operation | None:
    """Return the next operation above, past spans of others."""
    span_id = operation.parent_id
    for _ in range(_MAX_BETWEEN):
        if span_id is None or span_id == operation.id:
            return None
        found = spans.get(span_id)
        if found is not None:
            return found.operation
        span_id = others.get(span_id)
    return None


def _is_own_request(operation: Operation, above: Operation) -> bool:
    """Tell whether the span above is that of a caller in another process, which has sent its trace along."""
    return operation.pid != above.pid and (operation.kind is Kind.REQUEST or operation.request_id != above.request_id)


def _below(span: Span, parent_id: int | None) -> Span:
    return span._replace(operation=replace(span.operation, parent_id=parent_id))


def _adopt(orphans: list[Span], spans: dict[int, Span], roots: defaultdict[tuple[int, str], list[int]]) -> set[int]:
    """Put operations whose parent never arrived below their request, and return the requests made up for that."""
    families: defaultdict[tuple[int, str], list[Span]] = defaultdict(list)
    for span in orphans:
        families[span.trace_id, span.operation.request_id].append(span)
    made_up = set()
    for key, family in families.items():
        known = roots.get(key)
        if known:
            root_id = known[0]
        elif len(family) == 1 and family[0].operation.kind is Kind.WORKFLOW:
            # The application's own server span is above it, and is stored elsewhere.
            spans[family[0].operation.id] = _below(family[0], None)
            continue
        else:
            root = _request_of(family)
            root_id = root.operation.id
            spans[root_id] = root
            made_up.add(root_id)
        for span in family:
            spans[span.operation.id] = _below(span, root_id)
    return made_up


def _request_of(family: list[Span]) -> Span:
    """Return a request for operations of which only the ID of what was above them is known."""
    first = min(family, key=lambda span: span.operation.started_ns)
    operation = replace(
        first.operation,
        id=first.operation.parent_id or first.trace_id,
        kind=Kind.REQUEST,
        name=Kind.REQUEST.value,
        parent_id=None,
        agent_name=None,
        tool_name=None,
        attributes={names.REQUEST_ID: first.operation.request_id},
    )
    ended_ns = max(span.ended_ns for span in family)
    return first._replace(operation=operation, ended_ns=ended_ns, outcome=Outcome.OK, message="", foreign=False)


def root_of(operation_id: int, spans: dict[int, Span]) -> int:
    """Return the request that an operation belongs to; 0 for an operation that is not stored."""
    seen: set[int] = set()
    while operation_id not in seen and (span := spans.get(operation_id)) is not None:
        if span.operation.parent_id is None:
            return operation_id
        seen.add(operation_id)
        operation_id = span.operation.parent_id
    return 0


def trees_of(requests: list[Seen], spans: dict[int, Span]) -> dict[int, list[tuple[int, Span]]]:
    """Return all operations of requests with their depth, parents before children, by the ID of the request's own."""
    traces = {int(one.trace_id, 16) for one in requests}
    below: defaultdict[int, list[Span]] = defaultdict(list)
    for span in spans.values() if traces else ():
        if span.trace_id in traces and span.operation.parent_id is not None:
            below[span.operation.parent_id].append(span)
    return {one.operation.id: _tree(spans[one.operation.id], below) for one in requests}


def _tree(root: Span, below: defaultdict[int, list[Span]]) -> list[tuple[int, Span]]:
    found, stack = [], [(0, root)]
    while stack:
        depth, span = stack.pop()
        found.append((depth, span))
        children = sorted(below[span.operation.id], key=lambda child: -child.operation.started_ns)
        stack += [(depth + 1, child) for child in children]
    return found
