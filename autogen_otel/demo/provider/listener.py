"""A TCP server with one thread for each connection that stops at once, whatever its connections are doing."""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Address: TypeAlias = tuple[str, int]

HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 0.15  # for all threads together; those that are then still in a script end with the process


class Listener:
    """Accepts connections on a port of this machine; the port is chosen at the first start and kept.

    `http.server` would need a poll interval to be stopped, and would not end the connections that are open.

    Args:
        serve: Serves one connection, in a thread of its own, until it is over. A `ConnectionError` out of it is normal.
    """

    def __init__(self, serve: Callable[[socket.socket, Address], object]) -> None:
        self.port = 0
        self._serve = serve
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._acceptor: threading.Thread
        self._connections: dict[socket.socket, threading.Thread] = {}

    def start(self) -> None:
        """Listen. Connections are possible when this returns.

        Raises:
            RuntimeError: It listens already.
            OSError: There is no free port, or somebody else took this one meanwhile.
        """
        if self._socket is not None:
            raise RuntimeError(f"already listening on port {self.port}")
        listening = socket.create_server((HOST, self.port), backlog=1024)
        self._socket, self.port = listening, listening.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, args=(listening,), name="provider", daemon=True)
        self._acceptor.start()
        _listeners.add(self)

    def stop(self) -> None:
        """End all connections and free the port. Does nothing when it does not listen, as in a forked child."""
        with self._lock:
            listening, self._socket = self._socket, None
            connections = dict(self._connections)
        if listening is None:
            return
        # Closing a socket does not wake the thread that waits for connections on it; a connection does.
        with suppress(OSError):
            socket.create_connection((HOST, self.port), timeout=_STOP_SECONDS).close()
        for connection in (*connections, listening):
            _shut_down(connection)
        _join([self._acceptor, *connections.values()])
        listening.close()

    def abandon(self) -> None:
        """Let go of all sockets without a word to the other side: in a forked child they are the parent's."""
        for one in (self._socket, *self._connections):
            if one is not None and one.fileno() >= 0:
                os.close(one.detach())
        self._socket = None
        self._connections = {}
        self._lock = threading.Lock()  # a thread of the parent may have held the other one

    def _accept(self, listening: socket.socket) -> None:
        while self._socket is listening:
            with suppress(OSError):  # the client was gone again, or there are too many open files: go on
                self._attend(listening, *listening.accept())

    def _attend(self, listening: socket.socket, connection: socket.socket, peer: Address) -> None:
        with self._lock:
            if self._socket is not listening:
                connection.close()
                return
            thread = threading.Thread(target=self._run, args=(connection, peer), name="provider", daemon=True)
            self._connections[connection] = thread
            thread.start()  # under the lock, because stop() cannot join a thread that has not started

    def _run(self, connection: socket.socket, peer: Address) -> None:
        try:
            with suppress(ConnectionError):
                self._serve(connection, peer)
        finally:
            _shut_down(connection)
            connection.close()
            with self._lock:
                self._connections.pop(connection, None)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _join(threads: Iterable[threading.Thread]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    for thread in threads:
        if thread is not threading.current_thread():  # a script may stop the provider that it serves
            thread.join(max(0.0, deadline - time.monotonic()))


_listeners: Final[weakref.WeakSet[Listener]] = weakref.WeakSet()


def _abandon_all() -> None:
    for listener in list(_listeners):
        listener.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
