"""Verdicts that were reached when it happened, read from log records: of requests whose spans were sampled away."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause, Evidence, Finding, Verdict

if TYPE_CHECKING:
    from autogen_otel.core.facts import Operation
    from autogen_otel.diagnosis.logged import Line

_CAUSES: Final = {cause.value: cause for cause in Cause}
_CITED: Final = re.compile(r"(?P<what>span|fault):(?P<id>[0-9a-f]{16}) ?(?P<says>.*)", re.DOTALL)
_BLAME: Final = {
    names.LOG_AGENT_NAME: names.AGENT_NAME,
    names.LOG_TOOL_NAME: names.TOOL_NAME,
    names.LOG_PID: names.PROCESS_PID,
    names.LOG_RAISED_AT: names.FAULT_RAISED_AT,
}


def verdict_in(operation: Operation, lines: list[Line], *, failed: bool) -> Verdict | None:
    """Return the verdict that log records tell; None if they tell none that is known here.

    Args:
        operation: The request's own.
        lines: The records of causes, by their time.
        failed: Whether it ended with an exception.
    """
    findings = tuple(
        Finding(
            cause,
            str(line.told.get(names.LOG_DETAIL, "")),
            str(line.told.get(names.LOG_SUMMARY, "")),
            line.told.get(names.LOG_CERTAIN) is True,
            _evidence(line.told.get(names.LOG_EVIDENCE), operation) or (Evidence(operation.id, "the request"),),
            {name: line.told[short] for short, name in _BLAME.items() if short in line.told},
        )
        for line in lines
        if (cause := _CAUSES.get(str(line.told.get(names.LOG_CAUSE)))) is not None
    )
    return Verdict(operation.request_id, operation.id, failed, findings) if findings else None


def _evidence(told: Any, operation: Operation) -> tuple[Evidence, ...]:
    """Return what is cited: texts that begin with `span:<id>` or `fault:<id>`, in a list or its JSON."""
    try:
        items = json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return ()
    cited = [found for item in items if (found := _CITED.match(str(item)))] if isinstance(items, list) else []
    return tuple(
        Evidence(int(found["id"], 16), found["says"])
        if found["what"] == "span"
        else Evidence(operation.id, found["says"], found["id"])
        for found in cited
    )
