"""Failures of which AutoGen only writes a log line: recorded where it does so, whatever the logging is set up to do.

A module's `logger` is replaced by a look-alike. Its `exception` is looked up inside the except clause, while the
exception is at hand; the logger's own method is then what the host calls.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
    import logging

    from autogen_otel.patching.patch import Switch


class RecordingLogger(Proxy):
    """A logger that records an exception before it writes the line."""

    def __init__(self, logger: logging.Logger, switch: Switch) -> None:
        super().__init__(logger)
        self._self_switch = switch

    @property
    def exception(self) -> Any:
        """The logger's own method, looked up where the exception is still at hand."""
        if self._self_switch.on:
            guard.call(record_silent, self.__wrapped__.name, sys.exc_info()[1])
        return self.__wrapped__.exception


def record_silent(where: str, error: BaseException | None) -> None:
    """Record an exception for which nobody waits, if it is not recorded yet.

    Args:
        where: The logger or the module that says so; the name of its operation.
        error: What was raised.
    """
    current = current_operation()
    if error is None or recorded_fault(error, current.fact.request_id if current else None) is not None:
        return
    opened = open_operation(Kind.WORKFLOW, where, attributes={names.WORKFLOW_NAME: where})
    opened.catch(error)
    opened.finish()
