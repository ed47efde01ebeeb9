"""Agents that talk over a hub in another process: the request goes along with each frame, and failures are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, config, wrong

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status, per_model

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")
websockets = pytest.importorskip("websockets.asyncio.client", reason="websockets is not installed")

from ag2 import Agent
from ag2.knowledge import MemoryKnowledgeStore
from ag2.network import Hub, HubClient, Passport, Resume
from ag2.network.transport.ws import WsLink, serve_ws

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOOM = per_model({"gpt-4o": Status(500, "boom", retry_after=0.001)})
ASK_BOB = 'call delegate {"target": "bob", "prompt": "hello bob", "timeout": 20}'


@contextlib.asynccontextmanager
async def serving(kind: type[Hub] = Hub) -> AsyncIterator[str]:
    """Serve a hub, started in a request of its own, and yield its URL."""
    async with contextlib.AsyncExitStack() as stack:
        with autogen_otel.request("req-1"):
            hub = await kind.open(MemoryKnowledgeStore())
            server = await stack.enter_async_context(serve_ws(hub, "127.0.0.1", 0))
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await hub.close()


@contextlib.asynccontextmanager
async def network(*agents: Any, kind: type[Hub] = Hub) -> AsyncIterator[None]:
    """Let each agent have a connection of its own to a hub that it knows by its URL only."""
    async with serving(kind) as url, contextlib.AsyncExitStack() as stack:
        for agent in agents:
            client = HubClient(WsLink(url))
            stack.push_async_callback(client.close)
            await client.register(agent)
        yield


def bob(provider: Provider, model: str = "gpt-4o-mini") -> Any:
    """Return the agent that is asked."""
    return Agent("bob", config=config(provider, model))


async def test_peer_works_for_the_request_of_who_asks_it(recorder, provider):
    """The peer's turn stands below the tool call by which it was asked, two hops away, with the request's ID."""
    alice = agent_of(provider)
    async with network(alice, bob(provider)):
        answer = await ask(alice, ASK_BOB)
        with autogen_otel.request("req-43"):
            await alice.ask(ASK_BOB)

    asked, turns = recorder.named("execute_tool delegate"), recorder.named("invoke_agent bob")
    assert (
        "hello bob" in answer,
        [(turn.parent.span_id, turn.attributes[names.REQUEST_ID]) for turn in turns],
        recorder.facts.faults,
    ) == (
        True,
        [(tool.context.span_id, request) for tool, request in zip(asked, ("req-42", "req-43"), strict=True)],
        [],
    )


async def test_failed_peer_is_told_in_the_request_of_who_asked(recorder):
    """The caller waits in vain; the exception is told in the peer's process, and what the caller heard in its own."""
    with Provider(BOOM) as provider:
        alice = agent_of(provider)
        async with network(alice, bob(provider, "gpt-4o")):
            answer = await ask(alice, ASK_BOB.replace("20", "1"))

    told = [
        (
            fault.type.rpartition(".")[2],
            fault.raised_at is not None,
            fault.agent_name,
            fault.tool_name,
            fault.request_id,
        )
        for fault in recorder.facts.faults
    ]
    assert ("timed out" in answer, told, set(wrong(recorder)), len(recorder.traces)) == (
        True,
        [
            ("InternalServerError", True, "bob", None, "req-42"),
            ("TimeoutError", True, ASSISTANT, "delegate", "req-42"),
        ],
        {"invoke_agent bob", "chat gpt-4o", "execute_tool delegate"},
        2,
    )


async def test_failure_of_the_hub_is_told_in_the_request_of_who_asked(recorder, provider):
    """The caller gets a text of what the hub raised; the exception is told in the hub's process, for that request."""

    class Broken(Hub):
        async def get_agent(self, name_or_id: str) -> Any:
            raise OSError("the disk is gone")

    alice = agent_of(provider)
    async with network(alice, kind=Broken):
        await ask(alice, ASK_BOB)

    told = [
        (fault.type.rpartition(".")[2], fault.message, fault.raised_at.function.rpartition(".")[2], fault.request_id)
        for fault in recorder.facts.faults
    ]
    assert (told[0], told[1][1:2] + told[1][3:]) == (
        ("OSError", "the disk is gone", "get_agent", "req-42"),
        ("the disk is gone", "req-42"),
    )


async def test_client_that_is_not_observed_gets_what_it_knows(recorder, provider):
    """A client of which no request came gets frames as ag2 makes them: it would refuse any other."""
    alice, frames = agent_of(provider), []
    async with serving() as url, websockets.connect(url) as peer:
        parameters = {"passport": Passport(name="bob").to_dict(), "resume": Resume().to_dict()}
        await peer.send(json.dumps({"kind": "request", "request_id": "1", "op": "register", "params": parameters}))
        client = HubClient(WsLink(url))
        await client.register(alice)
        asking = asyncio.ensure_future(ask(alice, ASK_BOB))
        while not frames or frames[-1]["kind"] != "notify":
            frames.append(json.loads(await peer.recv()))
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()

    assert [sorted(frame) for frame in frames if frame["kind"] == "notify"] == [["envelope", "kind", "recipient_id"]]
