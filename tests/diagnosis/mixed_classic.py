"""Requests of classic AutoGen that fail in different ways, and healthy ones; run as a program."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from live import in_child, lookup_policy, tell_of
from support.classic import ONCE_AGAIN, RETRYING, a_chat, chat, pair

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

STOCK = {"left": 10}


async def blocking(seconds: float) -> str:
    time.sleep(seconds)  # noqa: ASYNC251 - that is the fault
    return "done"


def one(request_id: str, user: Any, assistant: Any, text: str) -> None:
    """Make a request as a web handler does."""
    with contextlib.suppress(Exception), autogen_otel.request(request_id):
        chat(user, assistant, text)


async def a_one(request_id: str, provider: Provider, text: str, *tools: Any, **more: Any) -> None:
    """The same, async."""
    assistant, user = pair(provider, *tools, **more)
    with contextlib.suppress(Exception), autogen_otel.request(request_id):
        await a_chat(user, assistant, text)


def nested() -> str:
    return asyncio.run(blocking(0))


def requests() -> None:
    with Provider(echo_tools) as provider, Provider(lambda chat: Slow(0.2, echo_tools(chat))) as slow:
        one("req-healthy", *reversed(pair(provider)), "hello")
        assistant, user = pair(provider, lookup_policy)
        one("req-tool", user, assistant, 'call lookup_policy {"policy_id": "p9"}')
        one("req-tool-well", user, assistant, 'call lookup_policy {"policy_id": "p1"}')
        one("req-unknown-tool", user, assistant, 'call lookup_polic {"policy_id": "p1"}')
        for number, status in enumerate((500, 401, 400, 503)):
            with Provider(lambda _, status=status: Status(status)) as broken:
                assistant, user = pair(broken)
                one(f"req-status-{number}", user, assistant, "hello")
        with Provider(BrokenJson()) as garbling, Provider(Sequence([Status(500), Drop()])) as dropping:
            one("req-garbled", *reversed(pair(garbling)), "hello")
            one("req-dropped", *reversed(pair(dropping, **ONCE_AGAIN)), "hello")
        with Provider(rate_limit_exceeded(0.01)) as refusing:
            for number in range(3):
                assistant, user = pair(refusing, **RETRYING)
                one(f"req-429-{number}", user, assistant, "hello")
        with Provider(Sequence([rate_limit_exceeded(0.01), echo_tools])) as strained:
            assistant, user = pair(strained, **RETRYING)
            one("req-429-absorbed", user, assistant, "hello")
        shared_assistant, shared_user = pair(slow)
        with ThreadPoolExecutor(4) as pool:
            for number in range(4):
                pool.submit(one, f"req-shared-{number}", shared_user, shared_assistant, f"I am user {number}")
        with ThreadPoolExecutor(4) as pool:
            for number in range(4):
                fresh_assistant, fresh_user = pair(slow)
                pool.submit(one, f"req-fresh-{number}", fresh_user, fresh_assistant, f"I am user {number}")
        lock = threading.Lock()
        with ThreadPoolExecutor(3) as pool:
            for number in range(3):
                pool.submit(locked, lock, f"req-locked-{number}", shared_user, shared_assistant)
        asyncio.run(on_one_loop(provider, slow))
        lose_an_update(provider)
        warm_assistant, warm_user = pair(provider)
        one("req-warm", warm_user, warm_assistant, "hello")
        in_child(lambda: one("req-forked", warm_user, warm_assistant, "hello"))


def lose_an_update(provider: Provider) -> None:
    """Let two requests read before either writes."""
    stock, both = autogen_otel.watch(STOCK, "stock"), threading.Barrier(2)

    def sell() -> str:
        left = stock["left"]
        both.wait(20)
        stock["left"] = left - 1
        return "sold"

    with ThreadPoolExecutor(2) as pool:
        for number in range(2):
            assistant, user = pair(provider, sell)
            pool.submit(one, f"req-lost-{number}", user, assistant, "call sell {}")


def locked(lock: threading.Lock, request_id: str, user: Any, assistant: Any) -> None:
    with lock:
        one(request_id, user, assistant, f"hello from {request_id}")


async def on_one_loop(provider: Provider, slow: Provider) -> None:
    """Run a loop in a loop, block one for longer than the others wait, and cancel a request."""
    await a_one("req-nested", provider, "call nested {}", nested)
    blocker = a_one("req-blocker", provider, 'call blocking {"seconds": 2}', blocking)
    with Provider(lambda chat: Slow(4, echo_tools(chat))) as slower:
        victims = [asyncio.wait_for(a_one(f"req-victim-{number}", slower, "hello"), 1.5) for number in range(2)]
        await asyncio.gather(blocker, *victims, return_exceptions=True)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(a_one("req-cancelled", slow, "hello"), 0.1)


if __name__ == "__main__":
    tell_of(requests)
