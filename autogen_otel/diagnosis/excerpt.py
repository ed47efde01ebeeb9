"""The part of a long tree that matters: what failed, the way down to it, how it began and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.diagnosis.request import ERROR_STATUS

if TYPE_CHECKING:
    from autogen_otel.diagnosis.tree import Node

# A tree that fits two screens is shown whole.
WHOLE: Final = 100
_EDGE: Final = 12
_AROUND: Final = 2


def excerpt(nodes: tuple[Node, ...]) -> list[int]:
    """Return the positions of the nodes to show, in order; all of them if the tree is not long."""
    if len(nodes) <= WHOLE:
        return list(range(len(nodes)))
    shown = {*range(_EDGE), *range(len(nodes) - _EDGE, len(nodes))}
    for position, node in enumerate(nodes):
        if _matters(node):
            shown.update(range(position - _AROUND, position + _AROUND + 1))
    for position in sorted(shown):
        if 0 <= position < len(nodes):
            shown.update(_above(nodes, position))
    return sorted(position for position in shown if 0 <= position < len(nodes))


def _matters(node: Node) -> bool:
    attributes = node.span.attributes
    return node.span.status_code == ERROR_STATUS or names.FAULT_ID in attributes or names.OUTCOME in attributes


def _above(nodes: tuple[Node, ...], position: int) -> list[int]:
    """Return the positions of the operations that enclose a node."""
    found = []
    depth = nodes[position].depth
    while depth > 0 and position > 0:
        position -= 1
        if nodes[position].depth < depth:
            depth = nodes[position].depth
            found.append(position)
    return found
