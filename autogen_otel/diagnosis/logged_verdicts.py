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
            _blame(line.told.get(names.LOG_BLAME)),
        )
        for line in lines
        if (cause := _CAUSES.get(str(line.told.get(names.LOG_CAUSE)))) is not None
    )
    return Verdict(operation.request_id, operation.id, failed, findings) if findings else None


def _evidence(told: Any, operation: Operation) -> tuple[Evidence, ...]:
    """Return what is cited: texts that begin with `span:<id>` or `fault:<id>`."""
    items = _plain(told)
    cited = [found for item in items if (found := _CITED.match(str(item)))] if isinstance(items, list) else []
    return tuple(
        Evidence(int(found["id"], 16), found["says"])
        if found["what"] == "span"
        else Evidence(operation.id, found["says"], found["id"])
        for found in cited
    )


def _blame(told: Any) -> dict[str, str | int]:
    """Return who is to blame, by attribute name."""
    blamed = _plain(told)
    pairs = blamed.items() if isinstance(blamed, dict) else ()
    return {str(name): value for name, value in pairs if isinstance(value, (str, int))}


def _plain(told: Any) -> Any:
    """Return a list or an object, which in a log record of OTLP is JSON; None for what is neither."""
    try:
        return json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return None
