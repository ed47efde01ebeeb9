"""Requests of an async line of AutoGen that fail in different ways, and healthy ones."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from live import in_child, lookup_policy

import autogen_otel
from autogen_otel.demo.provider import (
    BrokenJson,
    Drop,
    Provider,
    Sequence,
    Slow,
    Status,
    echo_tools,
    rate_limit_exceeded,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Line(NamedTuple):
    """How a line of AutoGen is used.

    Attributes:
        ask: Ask an agent of its own with these tools; `client` as the line's client takes it.
        conversation: Make something that keeps a conversation and its client, and return how it is asked.
    """

    ask: Callable[..., Awaitable[Any]]
    conversation: Callable[[Provider], Callable[[str], Awaitable[Any]]]


async def blocking(seconds: float) -> str:
    """Take long."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is the fault
    return "done"


async def nested() -> str:
    """Run a loop in a loop."""
    waiting = asyncio.sleep(0)
    try:
        return str(asyncio.run(waiting))
    finally:
        waiting.close()


async def one(request_id: str, asked: Callable[[], Awaitable[Any]]) -> None:
    """Make a request as a web handler does."""
    with contextlib.suppress(Exception), autogen_otel.request(request_id):
        await asked()


def requests(line: Line) -> None:
    """Make them all."""
    with Provider(echo_tools) as provider:
        asyncio.run(_on_one_loop(line, provider))
        asyncio.run(_beside_each_other(line, provider))
        warm = line.conversation(provider)
        asyncio.run(one("req-warm", lambda: warm("hello")))
        asyncio.run(one("req-closed-loop", lambda: warm("hello")))
        other = line.conversation(provider)
        asyncio.run(one("req-to-be-forked", lambda: other("hello")))
        in_child(lambda: asyncio.run(one("req-forked", lambda: other("hello"))))


async def _on_one_loop(line: Line, provider: Provider) -> None:
    ask = line.ask
    await one("req-healthy", lambda: ask(provider, "hello"))
    await one("req-tool", lambda: ask(provider, 'call lookup_policy {"policy_id": "p9"}', lookup_policy))
    await one("req-tool-well", lambda: ask(provider, 'call lookup_policy {"policy_id": "p1"}', lookup_policy))
    await one("req-unknown-tool", lambda: ask(provider, 'call lookup_polic {"policy_id": "p1"}', lookup_policy))
    await one("req-nested", lambda: ask(provider, "call nested {}", nested))
    for number, status in enumerate((500, 401, 400, 503)):
        with Provider(lambda _, status=status: Status(status)) as broken:
            await one(f"req-status-{number}", lambda broken=broken: ask(broken, "hello"))
    with Provider(BrokenJson()) as garbling, Provider(Sequence([Status(500), Drop()])) as dropping:
        await one("req-garbled", lambda: ask(garbling, "hello"))
        await one("req-dropped", lambda: ask(dropping, "hello", max_retries=1))
    with Provider(rate_limit_exceeded(0.01)) as refusing:
        for number in range(3):
            await one(f"req-429-{number}", lambda: ask(refusing, "hello", max_retries=2))
    with Provider(Sequence([rate_limit_exceeded(0.01), echo_tools])) as strained:
        await one("req-429-absorbed", lambda: ask(strained, "hello", max_retries=2))


async def _beside_each_other(line: Line, provider: Provider) -> None:
    """Share a conversation, share none, block the loop for longer than the others wait, cancel."""
    with Provider(lambda chat: Slow(0.2, echo_tools(chat))) as slow:
        shared = line.conversation(slow)
        await asyncio.gather(*(one(f"req-shared-{n}", lambda n=n: shared(f"I am shared {n}")) for n in range(2)))
        kept = line.conversation(slow)
        for number in range(2):
            await one(f"req-kept-{number}", lambda number=number: kept(f"I am kept {number}"))
        await asyncio.gather(*(one(f"req-fresh-{n}", lambda n=n: line.ask(slow, f"I am fresh {n}")) for n in range(2)))
        blocker = one("req-blocker", lambda: line.ask(provider, 'call blocking {"seconds": 2}', blocking))
        with Provider(lambda chat: Slow(4, echo_tools(chat))) as slower:
            victims = [one(f"req-victim-{n}", lambda: line.ask(slower, "hello")) for n in range(2)]
            waiting = [asyncio.wait_for(victim, 1.5) for victim in victims]
            await asyncio.gather(blocker, *waiting, return_exceptions=True)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(one("req-cancelled", lambda: line.ask(slow, "hello")), 0.1)
