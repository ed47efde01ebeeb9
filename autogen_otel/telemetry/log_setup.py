"""JSON lines: one object a line, structlog's events and the standard library's records in the same stream."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog

from autogen_otel.core import names
from autogen_otel.core.guard import safe_text
from autogen_otel.telemetry.log_fields import add_request_fields, exception_as_data

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

    _StreamHandler = logging.StreamHandler[TextIO]
else:
    # It has no type parameters before Python 3.11.
    _StreamHandler = logging.StreamHandler

OWN: Final = "autogen_otel"
_WRAP: Final = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
# Libraries below AutoGen whose records belong to a request.
_LIBRARIES: Final = ("autogen", "openai", "httpx", "httpx2")
_ORDER: Final = (
    "timestamp",
    "level",
    "event",
    "logger",
    names.LOG_REQUEST_ID,
    names.LOG_AGENT_NAME,
    names.LOG_TOOL_NAME,
    names.LOG_EXCEPTION_TYPE,
    names.LOG_TRACE_ID,
    names.LOG_SPAN_ID,
)


def configure_logging(to: TextIO | Path | str | None = None, level: str = "INFO") -> None:
    """Send all logging of the program, structlog's and the standard library's, as JSON lines to one place.

    For a program that has no logging of its own. One that has keeps it, and adds `add_request_fields` to its chain.

    Args:
        to: A stream or the path of a file, which is opened for appending; standard error if not given.
        level: The least level, by the name that the logging module gives it.

    Raises:
        OSError: The file cannot be opened.
    """
    handler: logging.Handler
    if isinstance(to, (str, Path)):
        handler = logging.handlers.WatchedFileHandler(to, encoding="utf-8")
    else:
        handler = logging.StreamHandler(to)
    handler.setFormatter(json_formatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), _WRAP],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def configured_here() -> bool:
    """Tell whether structlog writes through `configure_logging`, and not as the application has set it up."""
    return _WRAP in structlog.get_config()["processors"]


def json_formatter() -> logging.Formatter:
    """Return a formatter that makes one JSON object of a record."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            exception_as_data,
            _in_order,
            structlog.processors.JSONRenderer(serializer=_as_json, default=safe_text),
        ],
        # Otherwise the text of a traceback, with its line breaks, would be appended after the JSON.
        use_get_message=True,
    )


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_fields,
    ]


def _in_order(logger: Any, method: str, event: EventDict) -> EventDict:  # noqa: ARG001
    ordered = {key: event.pop(key) for key in _ORDER if key in event}
    return {**ordered, **event}


def _as_json(event: EventDict, **how: Any) -> str:
    """Return an event as JSON; what JSON cannot hold in it (a key that is no text, a circle) as its text.

    By the standard library: its ", " and ": " make `grep '"request_id": "req-42"'` work.
    """
    try:
        return json.dumps(event, **how)
    except (RecursionError, TypeError, ValueError):
        return json.dumps({key: _plain(value, **how) for key, value in event.items()}, **how)


def _plain(value: Any, **how: Any) -> Any:
    try:
        json.dumps(value, **how)
    except (RecursionError, TypeError, ValueError):
        return safe_text(value)
    return value


class FallbackHandler(_StreamHandler):
    """Writes JSON lines for a program that has not configured logging; silent as soon as it has.

    It stands where it does not hinder `logging.basicConfig`, which does nothing once the root logger has a handler: in
    the place of `logging.lastResort`, and at the loggers of the libraries below AutoGen.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(json_formatter())
        self._before = logging.lastResort

    def emit(self, record: logging.LogRecord) -> None:
        """Write what Python would have written too (warnings and above), and our own records."""
        if not logging.getLogger().handlers and (record.levelno >= logging.WARNING or record.name == OWN):
            super().emit(record)

    def install(self) -> None:
        """Stand in for the handler of last resort."""
        logging.lastResort = self
        for name in _LIBRARIES:
            logging.getLogger(name).addHandler(self)

    def remove(self) -> None:
        """Put back what was there."""
        if logging.lastResort is self:
            logging.lastResort = self._before
        for name in _LIBRARIES:
            logging.getLogger(name).removeHandler(self)
