"""What a Collector does not take is kept in the local store, and said once."""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard
from autogen_otel.patching.proxies import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("autogen_otel")
# Each of these logs several lines for every batch that it could not send.
_TALKATIVE: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
_exporting: ContextVar[bool] = ContextVar("autogen_otel_exporting", default=False)


def _quiet(record: logging.LogRecord) -> bool:  # noqa: ARG001 - the signature of a filter
    """Let a record pass unless it comes from an export of ours; the application's exporters speak as before."""
    return not _exporting.get()


class KeepingUndelivered(Proxy):
    """An exporter that writes to the local store what the other end does not take.

    To the SDK it looks like the exporter that it stands for.

    Args:
        exporter: A span, log or metric exporter of the SDK.
        make: Makes another one in a forked child, where the connections of this one belong to the parent.
        store_exporter: Makes the exporter of the local store for the same signal, when it is needed.
        where: Signal, place and store, for the warning.
        refused: Which signals a place does not take; the exporters share it, so that there is one warning for a place.
    """

    def __init__(
        self,
        exporter: Any,
        make: Callable[[], Any],
        store_exporter: Callable[[], Any],
        where: tuple[str, str, object],
        refused: dict[str, set[str]],
    ) -> None:
        super().__init__(exporter)
        self._self_make = make
        self._self_pid = os.getpid()
        self._self_store_exporter = store_exporter
        self._self_signal, self._self_place, self._self_store = where
        self._self_refused = refused.setdefault(self._self_place, set())
        self._self_closing = False
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_quiet)

    def export(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a batch; keep it if that fails."""
        if self._self_closing and self._self_signal in self._self_refused:
            return self._keep(batch)
        if self._self_pid != os.getpid():
            self._self_pid = os.getpid()
            self.__wrapped__ = self._self_make() or self.__wrapped__
        token = _exporting.set(True)
        try:
            result = guard.call(self._send, batch, args, kwargs)
        finally:
            _exporting.reset(token)
        if result and result.name == "SUCCESS":
            self._self_refused.discard(self._self_signal)
            return result
        return self._keep(batch)

    def _send(self, batch: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return self.__wrapped__.export(batch, *args, **kwargs)
        except OSError:
            # Some versions of the exporters raise what requests raises, which is an OSError.
            return None

    def close_soon(self) -> None:
        """Prepare for the end: do not wait again for a place that did not answer last time."""
        self._self_closing = True

    def _keep(self, batch: Any) -> Any:
        if not self._self_refused:
            _log.warning(
                "%s does not take %s; until it does, they are kept in %s",
                self._self_place,
                self._self_signal,
                self._self_store,
            )
        self._self_refused.add(self._self_signal)
        return self._self_store_exporter().export(batch)
