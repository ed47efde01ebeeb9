"""A process of a distributed application: `python grpc_process.py ROLE ADDRESS`. It ends when its input ends.

It writes what happened to it as one line of text, and its telemetry into the store of its environment.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from autogen_core import AgentId, DefaultTopicId, TypeSubscription, try_get_known_serializers_for_type
from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime, GrpcWorkerAgentRuntimeHost

import autogen_otel
from support.core import Ask, News, Working

POLICIES: dict[str, str] = {}
# For an answer that never comes, and for one that does, however busy the machine is.
IMPATIENCE, PATIENCE = 0.3, 20


async def work(agent: Working, text: str) -> str:
    """Answer, fail, or publish what is to be answered by nobody."""
    if text.startswith("tell "):
        await agent.tell(text.removeprefix("tell "), "back")
        return text
    return POLICIES[text] if text.startswith("p") else f"{text}!"


def broken() -> Working:
    """Fail to make an agent."""
    raise ConnectionError("no database")


async def serve(address: str) -> None:
    """Be the host."""
    host = GrpcWorkerAgentRuntimeHost(address)
    host.start()
    await until_told(host)


async def answer(address: str) -> None:
    """Be the worker with the agents."""
    runtime = await connect(address)
    await add(runtime, "answering", lambda: Working(work), "default")
    await add(runtime, "broken", broken, "broken")
    await until_told(runtime)


async def ask(address: str) -> None:
    """Be the worker in which requests begin."""
    runtime = await connect(address)
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(_: Working, text: str) -> str:
        heard.put_nowait(text)
        return text

    await add(runtime, "hearing", lambda: Working(hear), "back")

    async def send(request_id: str, text: str, agent: str = "answering") -> str:
        patience = PATIENCE if agent == "answering" else IMPATIENCE
        sending = runtime.send_message(Ask(text), AgentId(agent, "default"))
        try:
            with autogen_otel.request(request_id):
                return str((await asyncio.wait_for(sending, patience)).text)
        except Exception as error:  # noqa: BLE001 - the test compares it
            return repr(error) if str(error) else type(error).__name__

    found = [await send("asks", "hello"), await send("fails", "p9")]
    found += [await send("hangs", "x", "broken"), await send("nobody", "x", "nobody")]
    for request_id, text in (("tells", "tell all"), ("drops", "p9")):
        with autogen_otel.request(request_id):
            await runtime.publish_message(News(text), DefaultTopicId("default"))
    found.append(await heard.get())
    # An answer that comes later than what was published tells that it has arrived.
    found.append(await send("last", "done"))
    print("|".join(found), flush=True)
    await until_told(runtime)


async def connect(address: str) -> GrpcWorkerAgentRuntime:
    """Return a worker's runtime; it belongs to no request."""
    runtime = GrpcWorkerAgentRuntime(address)
    for message in (Ask, News):
        runtime.add_message_serializer(try_get_known_serializers_for_type(message))
    await runtime.start()
    return runtime


async def add(runtime: GrpcWorkerAgentRuntime, name: str, factory: object, topic: str) -> None:
    """Register an agent that listens to a topic."""
    await Working.register(runtime, name, factory, skip_class_subscriptions=True)  # type: ignore[arg-type]
    await runtime.add_subscription(TypeSubscription(topic, name))


async def until_told(running: GrpcWorkerAgentRuntime | GrpcWorkerAgentRuntimeHost) -> None:
    """Say that it runs, wait until the input ends, and stop."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.wait_for(running.stop(), 5)


if __name__ == "__main__":
    autogen_otel.instrument()
    asyncio.run({"host": serve, "answer": answer, "ask": ask}[sys.argv[1]](sys.argv[2]))
