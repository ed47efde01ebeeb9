"""Failures of which ag2 1.x only writes a log line: recorded where it does so, whatever the logging is set up to do.

A module's `logger` is replaced by a look-alike. Its `exception` is looked up inside the except clause, while the
exception is at hand; the logger's own method is then what the host calls.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.faults.marks import recorded_fault
from autogen_otel.operations.operation import current_operation, open_operation
from autogen_otel.patching.patch import Patch, Switch, wrap
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

# Where it happens while agents run, and in servers of protocols, which are there when their packages are.
_MODULES: Final = (
    ("ag2.agent", "the event log, compaction and aggregation fail behind a reply"),
    ("ag2.watch", "a timer of the application's fails"),
    ("ag2.network.client.handlers", "an agent on a hub fails, and posts no reply"),
    ("ag2.network.client.hub_client", "a handler of envelopes fails"),
    ("ag2.network.hub.core", "a listener or an operation of the hub fails"),
)
_SERVERS: Final = (
    *("ag2.network.client.human_client", "ag2.network.hub.audit", "ag2.network.hub.telemetry"),
    *("ag2.acp.agent", "ag2.acp.tool_gateway", "ag2.mcp.server", "ag2.ag_ui.interrupts"),
    *("ag2.a2ui.server_action", "ag2.a2ui.transports.rest"),
)


class _Logger(Proxy):
    """A logger that records an exception before it writes the line."""

    def __init__(self, logger: logging.Logger, switch: Switch) -> None:
        super().__init__(logger)
        self._self_switch = switch

    @property
    def exception(self) -> Any:
        if self._self_switch.on:
            guard.call(_record, self.__wrapped__.name, sys.exc_info()[1])
        return self.__wrapped__.exception


class _Logging(Proxy):
    """The module `logging` whose loggers are such loggers."""

    def __init__(self, module: Any, switch: Switch) -> None:
        super().__init__(module)
        self._self_switch = switch

    def getLogger(self, name: str | None = None) -> _Logger:  # noqa: N802 - the name it stands for
        return _Logger(self.__wrapped__.getLogger(name), self._self_switch)


def _record(where: str, error: BaseException | None) -> None:
    current = current_operation()
    if error is None or recorded_fault(error, current.fact.request_id if current else None) is not None:
        return
    opened = open_operation(Kind.WORKFLOW, where, attributes={names.WORKFLOW_NAME: where})
    opened.catch(error)
    opened.finish()


def _watch_background(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record what a task raised for which nobody waits."""

    def drop(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_record_task, args[1] if len(args) > 1 else kwargs["task"])
        return wrapped(*args, **kwargs)

    return drop


def _record_task(task: Any) -> None:
    if not task.cancelled():
        _record("ag2.context", task.exception())


SILENT: Final = (
    *(Patch(module, "logger", _Logger, why) for module, why in _MODULES),
    *(Patch(module, "logger", _Logger, "a failure that is only logged", optional=True) for module in _SERVERS),
    Patch("ag2.observers.observer", "logging", _Logging, "an observer of the application's fails"),
    Patch("ag2.stream", "drop_background_task", wrap(_watch_background), "a task for which nobody waits fails"),
)
