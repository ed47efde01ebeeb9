"""What the application's exporters bring over a fork: connections that another process has opened, and dead threads.

OpenTelemetry makes its queues and threads anew in a forked child, and so do we with our own exporters. The HTTP session
of an application's exporter stays: where it was used before the fork, all the children send their telemetry through one
socket. So does the thread of a processor that knows nothing of forks: in a child it does not run.
"""

from __future__ import annotations

import os
import select
import threading
from socket import socket
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import ref

from opentelemetry import _logs, metrics, trace

from autogen_otel.core import names
from autogen_otel.core.forks import after_fork_in_child, before_fork
from autogen_otel.operations.listeners import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Whose objects are looked into. An application's own exporter may hold anything, and most of that is not for exporting.
_PACKAGES: Final = frozenset({"opentelemetry", "requests", "urllib3", "queue"})
_EXPORTING: Final = ("export", "on_end", "on_emit", "collect")
_CONTAINERS: Final = (list, tuple, set, frozenset)
_MOST: Final = 4096


class _Held(NamedTuple):
    what: ref[Any]
    holder: str


class InheritedExporters(Listener):
    """Tells, once in each forked process, what of another one its exporters use."""

    def __init__(self) -> None:
        self._living: list[_Held] = []
        self._inherited: list[_Held] = []
        self._forked_from = 0
        self._ended = False
        before_fork(self._remember)
        after_fork_in_child(self._inherit)

    def notes(self) -> Mapping[str, Any]:
        """Return what this process has inherited, if it is in use here still."""
        inherited, self._inherited = self._inherited, []
        if not inherited:
            return {}
        # A processor may start its thread anew with the first spans that it gets: those of the request before this one.
        had_spans, self._ended = self._ended, True
        used = {id(what) for what, _ in _in_use()}
        inherited = [one for one in inherited if id(one.what()) in used]
        for what, holder in inherited:
            found = what()
            told = {names.EXPORTER_NAME: holder, names.EXPORTER_FORKED_FROM: self._forked_from}
            if isinstance(found, socket) and _is_idle(found):
                return told
            if isinstance(found, threading.Thread) and had_spans and not found.is_alive():
                return {**told, names.EXPORTER_THREAD: found.name}
        self._inherited = [one for one in inherited if isinstance(one.what(), threading.Thread)]
        return {}

    def _remember(self) -> None:
        self._living = [
            _Held(ref(what), holder)
            for what, holder in _in_use()
            if (what.is_alive() if isinstance(what, threading.Thread) else _is_idle(what))
        ]

    def _inherit(self) -> None:
        self._inherited, self._living = self._living, []
        self._forked_from = os.getppid()
        self._ended = False


def _in_use() -> Iterator[tuple[socket | threading.Thread, str]]:
    """Yield the sockets and threads of the application's exporters, processors and readers, each with whose it is."""
    # The last one first: a provider of metrics holds the most, and little of it is for exporting.
    found = (metrics.get_meter_provider(), _logs.get_logger_provider(), trace.get_tracer_provider())
    left: list[tuple[Any, str]] = [(provider, "") for provider in found]
    known: set[int] = set()
    while left and len(known) < _MOST:
        one, holder = left.pop()
        if id(one) in known:
            continue
        known.add(id(one))
        if isinstance(one, (socket, threading.Thread)):
            yield one, holder
        elif isinstance(one, dict):
            left += ((value, holder) for value in list(one.values()))
        elif isinstance(one, _CONTAINERS):
            left += ((value, holder) for value in list(one))
        else:
            exports = any(callable(getattr(type(one), name, None)) for name in _EXPORTING)
            if exports or type(one).__module__.partition(".")[0] in _PACKAGES:
                name = type(one).__name__
                holder = name if exports and not name.startswith("_") else holder
                left += ((value, holder) for value in list(getattr(one, "__dict__", {}).values()))


def _is_idle(connection: socket) -> bool:
    """Tell whether a connection is open and nothing was received; any other is not used again."""
    if connection.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)
