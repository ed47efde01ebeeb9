"""An example request as a waterfall: each operation a bar, and those that are cited as evidence marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import VALUES, Kind, Outcome
from autogen_otel.diagnosis.render_tree import attempts
from autogen_otel.diagnosis.words import duration, plain

if TYPE_CHECKING:
    from autogen_otel.diagnosis.gathered import Span
    from autogen_otel.diagnosis.seen import Diagnosis, Seen

MAX_ROWS: Final = 60
_DEEPEST: Final = 12
_MESSAGE: Final = 240


class Row(NamedTuple):
    """One operation; where its bar stands, in percent of the width.

    Attributes:
        depth: How many operations enclose it.
        kind: What it is, as the page colours it.
        name: The name of its span.
        note: What else is to be said of it.
        left: Where the bar begins.
        width: How long it is.
        took: Its duration.
        failed: Whether it failed.
        says: Why it is evidence; empty where it is none.
    """

    depth: int
    kind: str
    name: str
    note: str
    left: float
    width: float
    took: str
    failed: bool
    says: str


class Waterfall(NamedTuple):
    """A request's operations, and how many are left out of them."""

    rows: list[Row]
    left_out: int


def waterfall(diagnosis: Diagnosis, seen: Seen) -> Waterfall:
    """Return the operations of an example; of very many the first ones and all that is evidence or failed."""
    tree = diagnosis.trees.get(seen.operation.id, [])
    cited: dict[int, list[str]] = {}
    for evidence in seen.verdict.findings[0].evidence if seen.verdict else ():
        cited.setdefault(evidence.operation_id, []).append(evidence.says)
    shown = tree
    if len(tree) > MAX_ROWS:
        matters = {index for index, (_, span) in enumerate(tree) if span.operation.id in cited or _failed(span)}
        kept = {*range(MAX_ROWS // 2), *sorted(matters)[: MAX_ROWS // 2]}
        shown = [one for index, one in enumerate(tree) if index in kept]
    start_ns = seen.operation.started_ns
    total_ns = max(1, max((span.ended_ns for _, span in tree), default=0) - start_ns)
    # What went up through many operations is told where it was raised.
    passed = {span.operation.parent_id for _, span in tree if _failed(span)}
    rows = [
        _row(depth, span, start_ns, total_ns, cited.get(span.operation.id, []), told=span.operation.id in passed)
        for depth, span in shown
    ]
    return Waterfall(rows, len(tree) - len(shown))


def _row(depth: int, span: Span, start_ns: int, total_ns: int, says: list[str], *, told: bool) -> Row:
    operation = span.operation
    kind = VALUES[operation.kind]
    left = min(max(0.0, 100 * (operation.started_ns - start_ns) / total_ns), 100.0)
    took_ns = max(0, span.ended_ns - operation.started_ns)
    return Row(
        min(depth, _DEEPEST),
        kind,
        plain(kind if operation.name == kind else f"{kind} {operation.name}", _MESSAGE),
        _note(span, told=told or bool(says)),
        round(left, 3),
        round(min(100 * took_ns / total_ns, 100 - left), 3),
        duration(took_ns),
        _failed(span),
        plain("; ".join(says), _MESSAGE),
    )


def _failed(span: Span) -> bool:
    return span.outcome is Outcome.ERROR


def _note(span: Span, *, told: bool) -> str:
    get = span.operation.attributes.get
    said = []
    statuses: Any = get(names.MODEL_ATTEMPT_STATUSES)
    if isinstance(statuses, list) and statuses and statuses != [200]:
        said.append(f"HTTP {attempts(statuses)}")
    if _failed(span) and not told:
        said.append(f"{get(names.ERROR_TYPE) or 'failed'}: {span.message}" if span.message else "failed")
    if get(names.FAULT_MASKED) is True:
        said.append("AutoGen went on")
    if span.outcome is Outcome.CANCELLED:
        said.append("cancelled")
    agent = span.operation.agent_name
    if agent and span.operation.kind in {Kind.TOOL, Kind.MODEL}:
        said.append(f"agent {agent}")
    return plain(", ".join(said), _MESSAGE)
