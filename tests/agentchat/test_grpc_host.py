"""What the host of the distributed runtime loses, and what it gives to somebody else."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.core import Ask, News, Working

import autogen_otel

pytest.importorskip("grpc", reason="grpc is not installed")

from autogen_core import AgentId, try_get_known_serializers_for_type
from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime, GrpcWorkerAgentRuntimeHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.recorder import Recorder


class Slow:
    """An agent that answers each question when it is told to.

    Attributes:
        asked: For each question, whether it has come.
        told: For each question, whether it may be answered.
    """

    def __init__(self, *questions: str) -> None:
        self.asked = {question: asyncio.Event() for question in questions}
        self.told = {question: asyncio.Event() for question in questions}

    async def __call__(self, _: Working, text: str) -> str:
        self.asked[text].set()
        await self.told[text].wait()
        return f"{text}!"


class Distributed:
    """A host, and workers that know it by its address only."""

    def __init__(self, stack: AsyncExitStack) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        self.host = GrpcWorkerAgentRuntimeHost(self._address)
        self.host.start()
        self._stack = stack

    async def stop(self) -> None:
        """Stop the host, if nobody has stopped it."""
        if self.host._serve_task is not None:
            await self.host.stop(0)

    async def worker(self, slow: Slow | None = None) -> GrpcWorkerAgentRuntime:
        """Return another worker; with a slow agent, or to ask it."""
        runtime = GrpcWorkerAgentRuntime(self._address)
        for message in (Ask, News):
            runtime.add_message_serializer(try_get_known_serializers_for_type(message))
        await runtime.start()
        self._stack.push_async_callback(close, runtime)
        if slow is not None:
            await Working.register(runtime, "slow", lambda: Working(slow), skip_class_subscriptions=True)
        return runtime


async def close(runtime: GrpcWorkerAgentRuntime) -> None:
    """Let a worker go, as if its process had died."""
    if runtime._running:
        runtime._running = False
        runtime._read_task.cancel()
        for task in runtime._background_tasks:
            task.cancel()
        await asyncio.gather(runtime._host_connection.close(), return_exceptions=True)


@asynccontextmanager
async def distributed() -> AsyncIterator[Distributed]:
    """Run a host that belongs to no request."""
    async with AsyncExitStack() as stack:
        world = Distributed(stack)
        stack.push_async_callback(world.stop)
        yield world


def ask(runtime: GrpcWorkerAgentRuntime, request_id: str, text: str) -> asyncio.Task[Any]:
    """Ask the slow agent in a request of its own."""

    async def asking() -> str:
        with autogen_otel.request(request_id):
            return str((await runtime.send_message(Ask(text), AgentId("slow", "default"))).text)

    return asyncio.create_task(asking())


async def leave(*asking: asyncio.Task[Any]) -> None:
    """Stop waiting for answers."""
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)


async def until_told(recorder: Recorder, asking: asyncio.Task[Any]) -> bool:
    """Wait until a fault is settled; return whether who has asked waits on."""
    while not recorder.facts.settlements and not asking.done():
        await asyncio.wait([asking], timeout=0.01)
    return not asking.done()


def told(recorder: Recorder) -> list[tuple[Any, ...]]:
    """Return of each fault: type, agent, request and whether AutoGen is said to have answered on."""
    return [
        (one.fault.type, one.fault.agent_name, one.fault.request_id, one.masked) for one in recorder.facts.settlements
    ]


def causes(recorder: Recorder) -> list[tuple[str, str, str]]:
    """Return of each request that has failed: its ID, the cause, and what is told apart of it."""
    return [(one.request_id, one.cause.value, one.findings[0].detail) for one in recorder.facts.verdicts if one.failed]


async def test_questions_of_the_same_number_are_told(recorder):
    """Two workers ask a third one at once: the second gets the first one's answer, and the first waits for ever."""
    slow = Slow("first", "second")
    async with distributed() as world:
        await world.worker(slow)
        one, other = await world.worker(), await world.worker()
        first = ask(one, "req-1", "first")
        await slow.asked["first"].wait()
        second = ask(other, "req-2", "second")
        await slow.asked["second"].wait()
        slow.told["first"].set()
        heard = await second
        await leave(first)

    assert (heard, told(recorder), causes(recorder)) == (
        "first!",
        [("question_lost", "slow", "req-1", False), ("answer_crossed", "slow", "req-2", False)],
        [("req-1", "framework", "broken"), ("req-2", "framework", "broken")],
    )


async def test_worker_that_goes_before_it_answers_is_told(recorder):
    """The worker that was asked is gone: nobody tells who has asked, and that is told instead."""
    slow = Slow("first")
    async with distributed() as world:
        gone, one = await world.worker(slow), await world.worker()
        first = ask(one, "req-1", "first")
        await slow.asked["first"].wait()
        await close(gone)
        waits = await until_told(recorder, first)
        await leave(first)

    (fault,) = recorder.facts.faults
    assert (waits, told(recorder), causes(recorder), fault.message) == (
        True,
        [("worker_gone", "slow", "req-1", False)],
        [("req-1", "framework", "broken")],
        "the worker that has agent type slow is gone; the sender waits for ever",
    )


async def test_answers_in_any_order_are_no_fault(recorder):
    """Questions of different numbers, answered in another order, reach who has asked them."""
    slow = Slow("first", "second", "third")
    async with distributed() as world:
        await world.worker(slow)
        one = await world.worker()
        asking = [ask(one, f"req-{text}", text) for text in slow.asked]
        await asyncio.gather(*(event.wait() for event in slow.asked.values()))
        for event in reversed(slow.told.values()):
            event.set()
        heard = await asyncio.gather(*asking)

    assert (heard, recorder.facts.faults) == (["first!", "second!", "third!"], [])


@pytest.mark.parametrize("who", ["host", "asking"])
async def test_end_of_the_whole_is_no_fault(recorder, who):
    """A host that is stopped loses every worker, and a worker that is gone waits for nothing."""
    slow = Slow("first")
    async with distributed() as world:
        answering, one = await world.worker(slow), await world.worker()
        first = ask(one, "req-1", "first")
        await slow.asked["first"].wait()
        if who == "asking":
            await leave(first)
            await close(one)
            await close(answering)
        else:
            await world.stop()
            await leave(first)

    assert recorder.facts.faults == []
