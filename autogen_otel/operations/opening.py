"""Opening an operation: what it belongs to is taken from the one around it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from autogen_otel.core.facts import Kind, Operation
from autogen_otel.core.forks import process, this_thread
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import next_operation_id, random_hex
from autogen_otel.faults.frames import calling_line
from autogen_otel.operations.current import current, loop_id, open_requests, remote_request_id
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.operation import OpenOperation

if TYPE_CHECKING:
    from collections.abc import Mapping

# A new agent or chat inside a tool is not that tool's own work.
_RESET_TOOL: Final = frozenset({Kind.REQUEST, Kind.WORKFLOW, Kind.AGENT})
_REQUEST: Final = Kind.REQUEST


def open_operation(
    kind: Kind,
    name: str,
    *,
    agent: str | None = None,
    tool: str | None = None,
    request_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    started_ns: int | None = None,
    cls: type[OpenOperation] | None = None,
) -> OpenOperation:
    """Open an operation inside the current one and tell the listeners. It is not current until `enter()`.

    Args:
        kind: What it is.
        name: Of low cardinality; with the kind it makes the span's name.
        agent: The agent that acts; the enclosing operation's if not given.
        tool: The tool that runs; likewise.
        request_id: Starts a request of that ID. An operation outside any request starts one with an ID of its own.
        attributes: What is known now; a sampler sees these.
        started_ns: When it started, in nanoseconds since the epoch, if that is not now.
        cls: What to return, if it ends otherwise than others.
    """
    parent = current.get()
    if parent is None:
        request_id = request_id or remote_request_id.get() or random_hex()
        agent_name, tool_name, parent_id = agent, tool, None
        outermost = kind is not _REQUEST
    else:
        above = parent.fact
        request_id = request_id or above.request_id
        agent_name = agent or above.agent_name
        tool_name = tool if kind in _RESET_TOOL else tool or above.tool_name
        parent_id = above.id
        outermost = above.kind is _REQUEST and kind is not _REQUEST
    if outermost:
        # Once for each chat, not for each call: walking up the stack takes microseconds.
        attributes = {**(attributes or {}), **(guard.call(calling_line) or {})}
    # Documented, though underscored; get_running_loop() costs an exception outside a loop.
    loop = asyncio._get_running_loop()  # noqa: SLF001
    fact = Operation(
        next_operation_id(),
        kind,
        name,
        parent_id,
        request_id,
        agent_name,
        tool_name,
        started_ns or time.time_ns(),
        process.pid,
        this_thread.name,
        None if loop is None else loop_id(loop),
        len(open_requests) + (parent is None),
        attributes or {},
    )
    opened = (cls or OpenOperation)(fact, parent)
    if parent is None:
        # What a reference calls in the end gets the reference, which is here the default of `pop`.
        open_requests[fact.id] = ref(opened, partial(open_requests.pop, fact.id))
    listeners.tell(listeners.started, fact)
    return opened
