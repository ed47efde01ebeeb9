"""The cause of a request as it was found when the request ended, read from its span or from its log record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.diagnosis.request import Request


class StoredCause(NamedTuple):
    """Why a request failed, or why its answer is not to be trusted.

    Attributes:
        cause: A value of `Cause`, or what a later version has written.
        detail: What is told apart inside it.
        summary: One sentence.
        certain: Whether it is proved; a hint otherwise.
        evidence: Texts that begin with the ID of a span or a fault.
    """

    cause: str
    detail: str
    summary: str
    certain: bool
    evidence: tuple[str, ...]


def cause_of(request: Request) -> StoredCause | None:
    """Return the cause of a request; None if none was found, or it was not stored."""
    root, log = request.root, request.event(names.CAUSE_EVENT)
    if root is not None and names.CAUSE in root.attributes:
        on_span = (names.CAUSE, names.CAUSE_DETAIL, names.CAUSE_SUMMARY, names.CAUSE_CERTAIN, names.CAUSE_EVIDENCE)
        return _cause(root.attributes, *on_span)
    if log is not None and names.LOG_CAUSE in log.attributes:
        in_log = (names.LOG_CAUSE, names.LOG_DETAIL, names.LOG_SUMMARY, names.LOG_CERTAIN, names.LOG_EVIDENCE)
        return _cause(log.attributes, *in_log)
    return None


def _cause(told: Mapping[str, Any], cause: str, detail: str, summary: str, certain: str, evidence: str) -> StoredCause:
    return StoredCause(
        str(told[cause]),
        str(told.get(detail, "")),
        str(told.get(summary, "")),
        told.get(certain) is True,
        _texts(told.get(evidence)),
    )


def _texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts, which in a log record is JSON."""
    try:
        items = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return (value,)
    return tuple(map(str, items)) if isinstance(items, (list, tuple)) else ()
