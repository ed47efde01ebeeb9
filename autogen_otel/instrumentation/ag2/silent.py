"""The places where ag2 1.x only writes a log line about a failure, or where nobody waits for a task that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.silent import RecordingLogger, record_silent
from autogen_otel.patching.patch import Patch, Switch, wrap
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
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


class _Logging(Proxy):
    """The module `logging` whose loggers are such loggers."""

    def __init__(self, module: Any, switch: Switch) -> None:
        super().__init__(module)
        self._self_switch = switch

    def getLogger(self, name: str | None = None) -> RecordingLogger:  # noqa: N802 - the name it stands for
        return RecordingLogger(self.__wrapped__.getLogger(name), self._self_switch)


def _watch_background(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record what a task raised for which nobody waits."""

    def drop(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_record_task, args[1] if len(args) > 1 else kwargs["task"])
        return wrapped(*args, **kwargs)

    return drop


def _record_task(task: Any) -> None:
    if not task.cancelled():
        record_silent("ag2.context", task.exception())


SILENT: Final = (
    *(Patch(module, "logger", RecordingLogger, why) for module, why in _MODULES),
    *(Patch(module, "logger", RecordingLogger, "a failure that is only logged", optional=True) for module in _SERVERS),
    Patch("ag2.observers.observer", "logging", _Logging, "an observer of the application's fails"),
    Patch("ag2.stream", "drop_background_task", wrap(_watch_background), "a task for which nobody waits fails"),
)
