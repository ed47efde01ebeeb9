"""`instrument()`: the only place that knows all the parts."""

from __future__ import annotations

import _thread
import atexit
import threading
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard
from autogen_otel.core.settings import Settings
from autogen_otel.detection import detection_for
from autogen_otel.instrumentation import ADAPTERS, coroutines
from autogen_otel.instrumentation import httpx as httpx_attempts
from autogen_otel.instrumentation.llm_tracers import traced_elsewhere
from autogen_otel.instrumentation.servers import servers
from autogen_otel.operations.background import end_left_requests
from autogen_otel.operations.listeners import Listener, listeners
from autogen_otel.patching.patches import Patches
from autogen_otel.telemetry.http import HttpSpans
from autogen_otel.telemetry.inherited import InheritedExporters
from autogen_otel.telemetry.logs import logs_at
from autogen_otel.telemetry.metrics import Metrics
from autogen_otel.telemetry.providers import Providers
from autogen_otel.telemetry.spans import Spans
from autogen_otel.telemetry.termination import Termination

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.core.settings import OnShared
    from autogen_otel.patching.patch import Patch, Status

_lock = threading.Lock()
_active: Instrumentation | None = None


class Instrumentation:
    """What one `instrument()` has set up.

    Attributes:
        settings: The settings in force.
        providers: Where spans, metrics and logs go.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.providers = Providers(settings, _version())
        self._patches = Patches()
        self._http = HttpSpans(self.providers.tracer_provider, settings.without)
        self._termination = Termination(self._send_last)
        self._listeners: list[Listener] = []

    def start(self) -> None:
        """Apply the patches and begin to listen."""
        guard.call(self.providers.prepare)
        spans = Spans(self.providers.tracer, traced_elsewhere)
        self._listeners = [
            spans,
            Metrics(self.providers.meter, spans.has),
            logs_at(self.settings.log_level)(self.providers.logger, spans),
            InheritedExporters(),
            detection_for(self.settings.on_shared, spans.keep),
        ]
        for listener in self._listeners:
            listeners.add(listener)
        for adapter in ADAPTERS:
            guard.call(self._apply, adapter)
        self._patches.apply((*httpx_attempts.PATCHES, *coroutines.PATCHES))
        self._patches.apply(servers(self._send_last))
        guard.call(self._http.instrument)
        guard.call(self._termination.watch)
        atexit.register(self.stop)

    def stop(self) -> None:
        """Take everything back and send what is queued; ends within `settings.shutdown_seconds`."""
        atexit.unregister(self.stop)
        guard.call(self._termination.wait)
        self._patches.undo()
        guard.call(self._http.uninstrument)
        end_left_requests()
        for listener in self._listeners:
            listeners.remove(listener)
        guard.call(self.providers.shutdown)
        for listener in self._listeners:
            guard.call(listener.close)
        # Last: a pool of processes is told to end while it ends by itself.
        guard.call(self._termination.leave)

    def flush(self, seconds: float = 2.0) -> bool:
        """Send what is queued now, as far as it goes through our own providers.

        Args:
            seconds: How long to wait. The SDK's own flush ignores a timeout.

        Returns:
            Whether everything was sent, or kept in the local store, in that time.
        """
        return _done_within(seconds, self.providers.flush)

    def _send_last(self) -> None:
        """Send what is queued before the process is killed; nothing can be sent later."""

        def end_and_send() -> None:
            end_left_requests()
            self.providers.flush()

        _done_within(self.settings.shutdown_seconds, end_and_send)

    def status(self) -> list[tuple[Patch, Status]]:
        """Return each patch with what became of it."""
        return self._patches.status()

    def _apply(self, adapter: Any) -> None:
        self._patches.apply(adapter.patches(self._patches, self.settings.capture_content))


def instrument(settings: Settings | None = None, *, on_shared: OnShared | None = None) -> Instrumentation:
    """Record every request of AutoGen: request ID, agent, tool and the original exception, on spans and log lines.

    Call it once, at the start of the program, before or after agents are made. Calling it again changes nothing. What
    the application has set up (TracerProvider, MeterProvider, structlog, logging) is used and not replaced.

    Args:
        settings: Instead of those that the environment asks for.
        on_shared: Instead of what the settings say: `log`, `warn`, or `raise` to stop a model call that would mix two
            live requests. That is the one case in which autogen-otel raises into the program.

    Returns:
        What was set up; `uninstrument()` takes it back.
    """
    global _active  # noqa: PLW0603 - a process is instrumented or it is not
    with _lock:
        if _active is None:
            settings = settings or Settings.from_env()
            _active = Instrumentation(settings if on_shared is None else replace(settings, on_shared=on_shared))
            if not _active.settings.disabled:
                _active.start()
        return _active


def is_instrumented() -> bool:
    """Tell whether `instrument()` is in force."""
    return _active is not None


def uninstrument() -> None:
    """Leave everything as it was before `instrument()`: the very objects, and no listener."""
    global _active
    with _lock:
        active, _active = _active, None
    if active is not None:
        active.stop()


def _done_within(seconds: float, function: Callable[[], object]) -> bool:
    """Call a function in a thread of its own, and tell whether it was done in that time.

    Not by `threading`, to start a thread with which takes a lock: a signal handler may have interrupted its holder.
    """
    done = _thread.allocate_lock()
    done.acquire()

    def call() -> None:
        guard.call(function)
        done.release()

    _thread.start_new_thread(call, ())
    return done.acquire(timeout=seconds)


def _version() -> str:
    try:
        return version("autogen-otel")
    except PackageNotFoundError:
        return "0"
