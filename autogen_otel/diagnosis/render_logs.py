"""The log records of a request, one line each, with what they say beside the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.diagnosis.lines import joined, show
from autogen_otel.diagnosis.words import duration, plain

if TYPE_CHECKING:
    from rich.console import Console

    from autogen_otel.diagnosis.request import Request

_SAID_ALREADY: Final = frozenset(
    {
        names.LOG_REQUEST_ID,
        names.LOG_TRACE_ID,
        names.LOG_SPAN_ID,
        names.LOG_TRACE_FLAGS,
        names.LOG_PID,
        names.LOG_THREAD,
        names.LOG_FINGERPRINT,
        names.LOG_EXCEPTION,
    }
)
_STYLES: Final = {"WARN": "yellow", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "FATAL": "red"}


def render_logs(console: Console, request: Request) -> None:
    """Print the log records, by time."""
    for log in request.logs:
        level = plain(log.severity_text or log.severity_number)
        start = f"+{duration(log.time_ns - request.started_ns)}"
        text = Text(plain(log.body))
        said = {key: value for key, value in log.attributes.items() if key not in _SAID_ALREADY}
        if said:
            text.append("  " + " ".join(f"{plain(key)}={plain(value, 200)}" for key, value in said.items()), "dim")
        first = joined(Text(f"{start:>10}  ", style="dim"), Text(f"{level:<8}", style=_STYLES.get(level, "dim")))
        show(console, text, first)
