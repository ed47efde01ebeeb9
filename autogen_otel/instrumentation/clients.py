"""Clients that carry connections over: from the process that forked this one, or from another event loop.

A socket that two processes share answers the wrong one of them; a connection that belongs to another event loop fails
when it is used. Both need open connections: a client that was only made before the fork is harmless.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.forks import process
from autogen_otel.core.ids import PerObject, serials
from autogen_otel.operations.current import loop_id

if TYPE_CHECKING:
    from collections.abc import Iterable

_serials: Final = serials()


class _Use:
    """What is remembered of a client: where it was used last, and which connections it had brought from there."""

    __slots__ = ("forked_from", "inherited", "loop", "loop_id", "pid", "serial")

    def __init__(self, client: Any) -> None:
        self.serial = _serials.of(client)
        self.pid = process.pid
        self.forked_from = 0
        self.inherited: list[weakref.ref[Any]] = []
        self.loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self.loop_id = 0

    def move_to_this_process(self, connections: Iterable[Any]) -> None:
        self.forked_from, self.pid = self.pid, process.pid
        self.inherited = [weakref.ref(connection) for connection in connections]

    def has_inherited(self, connections: list[Any]) -> bool:
        """Tell whether a connection that another process opened is still in use here; one that has expired is not."""
        alive = [one for one in connections if not one.has_expired()]
        return any(reference() is one for reference in self.inherited for one in alive)


_uses: Final = PerObject(_Use)


def client_attributes(client: Any, http_client: Any) -> dict[str, Any]:
    """Return which client a model call uses, and from where it carries connections over.

    Args:
        client: The client object.
        http_client: The `httpx` or `httpx2` client inside; None where there is none or it is unknown.
    """
    use = _uses.of(client)
    attributes: dict[str, Any] = {names.CLIENT_INSTANCE: use.serial}
    if use.pid != process.pid:
        use.move_to_this_process(_connections_of(http_client))
    if use.inherited:
        if use.has_inherited(_connections_of(http_client)):
            attributes[names.CLIENT_FORKED_FROM] = use.forked_from
        else:
            use.inherited.clear()
    loop = asyncio._get_running_loop()
    if loop is not None and (use.loop is None or use.loop() is not loop):
        if use.loop is not None and _connections_of(http_client):
            before = use.loop()
            attributes[names.CLIENT_LOOP] = use.loop_id
            attributes[names.CLIENT_LOOP_CLOSED] = before is None or before.is_closed()
        use.loop, use.loop_id = weakref.ref(loop), loop_id(loop)
    return attributes


def _connections_of(http_client: Any) -> list[Any]:
    pool = getattr(getattr(http_client, "_transport", None), "_pool", None)
    return list(getattr(pool, "connections", ()))
