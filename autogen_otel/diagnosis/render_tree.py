"""The tree of a request, one line for each operation: when, how long, what, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.diagnosis.excerpt import excerpt
from autogen_otel.diagnosis.lines import Signs, joined, show, signs_of
from autogen_otel.diagnosis.request import ERROR_STATUS, text_in
from autogen_otel.diagnosis.words import count, duration, plain

if TYPE_CHECKING:
    from rich.console import Console

    from autogen_otel.diagnosis.load import StoredSpan
    from autogen_otel.diagnosis.request import Request
    from autogen_otel.diagnosis.tree import Node

_MESSAGE: Final = 80
# What is nested deeper is not indented further.
_DEEPEST: Final = 24
# opentelemetry-instrumentation-httpx: the stable names, and those that it uses unless it is asked for them.
_URLS: Final = ("url.full", "http.url")
_STATUSES: Final = (names.HTTP_STATUS, "http.status_code")


def render_tree(console: Console, request: Request, *, full: bool = False) -> None:
    """Print the tree. The columns before it are the time since the start, and the duration.

    Args:
        console: Where to.
        request: The request.
        full: Leave nothing out of a long tree.
    """
    signs = signs_of(console)
    nodes = request.nodes
    parents: dict[str, StoredSpan] = {node.span.span_id: node.span for node in nodes}
    guides = _guides(nodes, signs)
    times = [_times(node.span, request.started_ns) for node in nodes]
    widths = [max(map(len, column), default=0) for column in zip(*times, strict=True)] or [0, 0]
    if request.root is None:
        row = joined(Text("request", style="bold"), Text("  its own span never arrived", style="magenta"))
        show(console, row, Text(" " * (sum(widths) + 6)))
    last = -1
    for position in range(len(nodes)) if full else excerpt(nodes):
        if position > last + 1:
            words = f"... {count(position - last - 1, 'operation')} without a fault, --full shows them"
            show(console, Text(words, style="dim italic"), Text(" " * (sum(widths) + 6)))
        last = position
        columns = "  ".join(["", *(time.rjust(width) for time, width in zip(times[position], widths, strict=True)), ""])
        first, rest = guides[position]
        label = _label(nodes[position], parents.get(nodes[position].span.parent_span_id), signs)
        show(console, label, Text(columns + first, style="dim"), Text(" " * len(columns) + rest, style="dim"))


def _times(span: StoredSpan, started_ns: int) -> tuple[str, str]:
    return f"+{duration(span.start_ns - started_ns)}", duration(span.end_ns - span.start_ns)


def _guides(nodes: tuple[Node, ...], signs: Signs) -> list[tuple[str, str]]:
    """Return what stands before the first line of each node, and before its other lines."""
    found = []
    # Read backwards, a depth is open as long as a node above it is still to come.
    below: set[int] = set()
    for node in reversed(nodes):
        bars = "".join(signs.bar if depth in below else "   " for depth in range(1, min(node.depth, _DEEPEST)))
        own = "" if node.depth == 0 else signs.branch if node.depth in below else signs.last
        rest = "" if node.depth == 0 else signs.bar if node.depth in below else "   "
        children = signs.bar if node.depth + 1 in below else "   "
        found.append((bars + own, bars + rest + children))
        below = {depth for depth in below if depth < node.depth} | {node.depth}
    return list(reversed(found))


def _label(node: Node, parent: StoredSpan | None, signs: Signs) -> Text:
    span = node.span
    text = Text(plain(span.name), style="bold" if node.depth == 0 else "")
    if node.orphan:
        text.append("  parent never arrived", style="magenta")
    told = [*_http(span), *_model(span), *_tool(span), *_elsewhere(span, parent)]
    if told:
        text.append(f"  {', '.join(told)}", style="dim")
    text.append_text(_fault(span, signs))
    return text


def _http(span: StoredSpan) -> list[str]:
    """Return address and status of a span that is an HTTP attempt; the query may hold secrets."""
    url = next((found for key in _URLS if (found := text_in(span, key))), "")
    if not url:
        return []
    status = next((span.attributes[key] for key in _STATUSES if key in span.attributes), "no answer")
    return [plain(url.split("?")[0].partition("://")[2] or url, _MESSAGE), plain(status)]


def _model(span: StoredSpan) -> list[str]:
    get = span.attributes.get
    told = []
    statuses = get(names.MODEL_ATTEMPT_STATUSES)
    if isinstance(statuses, list) and (len(statuses) > 1 or statuses[-1:] != [200]):
        told.append(f"HTTP {attempts(statuses)}")
    tokens = [get(names.INPUT_TOKENS), get(names.OUTPUT_TOKENS)]
    if any(count is not None for count in tokens):
        told.append(f"{plain(tokens[0])} + {plain(tokens[1])} tokens")
    reasons: Any = get(names.FINISH_REASONS)
    if reasons and reasons != ["stop"]:
        told.append(plain(", ".join(map(str, reasons)) if isinstance(reasons, list) else reasons))
    if get(names.CACHE_HIT) is True:
        told.append("from the cache")
    if get(names.MODEL_CONFIG_INDEX):
        told.append(f"config_list[{plain(get(names.MODEL_CONFIG_INDEX))}]")
    return told


def _tool(span: StoredSpan) -> list[str]:
    told = []
    if span.attributes.get(names.TOOL_KNOWN) is False:
        told.append("there is no such tool")
    code = span.attributes.get(names.CODE_EXIT_CODE)
    if code is not None:
        told.append(f"exit code {plain(code)}")
    return told


def _elsewhere(span: StoredSpan, parent: StoredSpan | None) -> list[str]:
    """Return process and thread where they are not those of the operation above."""
    told = []
    for key, what in ((names.PROCESS_PID, "pid"), (names.THREAD_NAME, "thread")):
        here = span.attributes.get(key)
        there = parent.attributes.get(key) if parent else None
        if here is not None and there is not None and here != there:
            told.append(f"{what} {plain(here)}")
    return told


def _fault(span: StoredSpan, signs: Signs) -> Text:
    get = span.attributes.get
    masked = get(names.FAULT_MASKED) is True
    failed = span.status_code == ERROR_STATUS
    if get(names.OUTCOME) == "cancelled":
        return Text("  cancelled", style="yellow")
    if masked and not failed:
        return Text(f"  went on after {plain(get(names.FAULT_TYPE))} (masked)", style="yellow")
    if not failed:
        return Text()
    style = "yellow" if masked else "red"
    text = Text(f"  {signs.cross}", style=style)
    raised = any(event.name == names.EXCEPTION_EVENT for event in span.events)
    if raised or names.FAULT_ID not in span.attributes:
        what = f"{get(names.ERROR_TYPE) or ''}: {span.status_message}".strip(": ")
        text.append(f" {plain(what, _MESSAGE)}" if what else "", style=style)
    elif get(names.ERROR_TYPE) != get(names.FAULT_TYPE):
        text.append(f" as {plain(get(names.ERROR_TYPE))}", style=style)
    if masked:
        text.append(" (masked)", style=style)
    return text


def attempts(statuses: list[Any]) -> str:
    """Return the statuses of HTTP attempts; 0 stands for one without an answer."""
    return ", ".join("no answer" if status == 0 else plain(status) for status in statuses)
