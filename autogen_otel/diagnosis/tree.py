"""The spans of a request as a tree, whatever their order and however many of them are missing.

The tree is a tuple of nodes in the order in which they are read, parents before children, and not a nest of objects: a
request may be nested deeper than Python recurses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.diagnosis.load import StoredSpan


@dataclass(frozen=True, slots=True)
class Node:
    """A span at its place.

    Attributes:
        span: The span.
        depth: How many operations enclose it; 0 is the request itself.
        orphan: The span above it never arrived: it is shown below the request.
    """

    span: StoredSpan
    depth: int
    orphan: bool = False


class Forest:
    """Spans by the span above them.

    Args:
        spans: Spans of one trace, in any order. One that was exported twice counts once.

    Attributes:
        spans: The spans by their ID.
        tops: The spans whose parent is not among them, by their start. Of spans that are each other's parents, which
            only a broken exporter writes, the first one counts as a top.
    """

    def __init__(self, spans: Iterable[StoredSpan]) -> None:
        self.spans: dict[str, StoredSpan] = {}
        for span in spans:
            known = self.spans.get(span.span_id)
            if known is None or repr(known) < repr(span):
                self.spans[span.span_id] = span
        self._children: dict[str, list[StoredSpan]] = {}
        self.tops: list[StoredSpan] = []
        ordered = sorted(self.spans.values(), key=_order)
        for span in ordered:
            if span.parent_span_id in self.spans:
                self._children.setdefault(span.parent_span_id, []).append(span)
            else:
                self.tops.append(span)
        self._cut_circles(ordered)

    def nodes(self, root_span_id: str, tops: Iterable[StoredSpan]) -> tuple[Node, ...]:
        """Return the tree of a request.

        Args:
            root_span_id: The span of the request; it may not be there.
            tops: It and the tops that belong to it.
        """
        found: list[Node] = []
        for top in sorted(tops, key=lambda span: (span.span_id != root_span_id, _order(span))):
            if top.span_id == root_span_id:
                found += self._below(Node(top, 0))
            else:
                found += self._below(Node(top, 1, orphan=True))
        return tuple(found)

    def _below(self, top: Node) -> list[Node]:
        """Return a span and all that is below it."""
        found = []
        stack = [top]
        while stack:
            node = stack.pop()
            found.append(node)
            children = self._children.get(node.span.span_id, ())
            stack += [Node(child, node.depth + 1) for child in reversed(children)]
        return found

    def _cut_circles(self, ordered: list[StoredSpan]) -> None:
        seen = {node.span.span_id for top in self.tops for node in self._below(Node(top, 0))}
        for span in ordered:
            if span.span_id not in seen:
                self._children[span.parent_span_id].remove(span)
                self.tops.append(span)
                seen.update(node.span.span_id for node in self._below(Node(span, 0)))
        self.tops.sort(key=_order)


def _order(span: StoredSpan) -> tuple[int, int, str]:
    """Order siblings by their start; of two that start at once the longer one first."""
    return (span.start_ns, -span.end_ns, span.span_id)
