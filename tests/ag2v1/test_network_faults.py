"""Agents that talk over a hub: a peer's failure is recorded at once, for the request that asked it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, config, wrong

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status, per_model

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent
from ag2.knowledge import MemoryKnowledgeStore
from ag2.network import BaseHubListener, Hub, HubClient, LocalLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOOM = per_model({"gpt-4o": Status(500, "boom", retry_after=0.001)})
ASK_BOB = 'call delegate {"target": "bob", "prompt": "hello bob", "timeout": 20}'
ASK_IN_VAIN = ASK_BOB.replace("20", "1")


@contextlib.asynccontextmanager
async def network(*agents: Any) -> AsyncIterator[list[Any]]:
    """Register agents at a hub in this process."""
    hub = await Hub.open(MemoryKnowledgeStore())
    client = HubClient(LocalLink(hub), hub=hub)
    clients = [await client.register(agent) for agent in agents]
    try:
        yield clients
    finally:
        await client.close()
        await hub.close()


def bob(provider: Provider, model: str = "gpt-4o-mini", **more: Any) -> Any:
    """Return the agent that is asked."""
    return Agent("bob", config=config(provider, model), **more)


async def test_peer_stands_below_the_tool_that_asks_it(recorder, provider):
    """A peer works in the trace, and for the request, of the agent that asked it."""
    alice = agent_of(provider)
    async with network(alice, bob(provider)):
        answer = await ask(alice, ASK_BOB)

    assert ("hello bob" in answer, recorder.tree(), set(recorder.request_ids())) == (
        True,
        [
            "request",
            f"  invoke_agent {ASSISTANT}",
            "    chat gpt-4o-mini",
            "      POST",
            "    execute_tool delegate",
            "      invoke_agent bob",
            "        chat gpt-4o-mini",
            "          POST",
            "    chat gpt-4o-mini",
            "      POST",
        ],
        {"req-42"},
    )


async def test_failed_peer_is_recorded(recorder):
    """`Error: delegate to 'bob' timed out` was bob's model; the caller would have waited 300 s to hear less."""
    with Provider(BOOM) as provider:
        alice = agent_of(provider)
        async with network(alice, bob(provider, "gpt-4o")):
            answer = await ask(alice, ASK_IN_VAIN)

    fault = recorder.fault
    (tool,) = recorder.named("execute_tool delegate")
    assert (
        "timed out" in answer,
        (fault.type, fault.agent_name, fault.request_id),
        recorder.masked,
        wrong(recorder),
        tool.attributes[names.FAULT_ID] == fault.id,
        len(recorder.traces),
    ) == (
        True,
        ("openai.InternalServerError", "bob", "req-42"),
        [True],
        ["execute_tool delegate", "invoke_agent bob", "chat gpt-4o"],
        True,
        1,
    )


async def test_hub_that_was_started_in_another_request(recorder, provider):
    """The hub's tasks outlive the request in which they were started; each peer works for the one that asks."""
    alice = agent_of(provider)
    async with contextlib.AsyncExitStack() as stack:
        with autogen_otel.request("req-1"):
            await stack.enter_async_context(network(alice, bob(provider)))
        await ask(alice, ASK_BOB)
        with autogen_otel.request("req-43"):
            await alice.ask(ASK_BOB)

    agents = [(span.name, span.attributes[names.REQUEST_ID]) for span in recorder.spans if "invoke_agent" in span.name]
    assert (agents, len(recorder.traces)) == (
        [
            (f"invoke_agent {ASSISTANT}", "req-42"),
            ("invoke_agent bob", "req-42"),
            (f"invoke_agent {ASSISTANT}", "req-43"),
            ("invoke_agent bob", "req-43"),
        ],
        3,
    )


async def test_requests_at_once_over_one_hub(recorder, provider):
    """Eight requests ask the same peer at once; each of its turns works for the request that asked."""
    alice = agent_of(provider)

    async def one(number: int) -> None:
        with autogen_otel.request(f"req-{number}"):
            await alice.ask(f'call delegate {{"target": "bob", "prompt": "hello [rq:{number}]", "timeout": 20}}')

    async with network(alice, bob(provider)):
        await asyncio.gather(*(one(number) for number in range(8)))

    wanted = {f"req-{number}": 10 for number in range(8)}
    assert (dict(recorder.request_ids()), len(recorder.traces)) == (wanted, 8)


@pytest.mark.parametrize(
    ("call", "type_", "function"),
    [
        ('delegate {"target": "nobody", "prompt": "hello"}', "ag2.network.errors.NotFoundError", "get_agent"),
        ('channels {"action": "info", "channel_id": "c9"}', "ag2.network.errors.NotFoundError", "get_channel"),
        ('peers {"action": "describe", "name": "nobody"}', "ag2.network.errors.NotFoundError", "get_agent"),
        ('tasks {"action": "status", "task_id": "t9"}', "ag2.network.errors.NotFoundError", "get_task"),
        (
            'context {"action": "quote", "speaker": "nobody", "channel_id": "c9"}',
            "ag2.network.errors.NotFoundError",
            "get_agent",
        ),
        ('delegate {"target": "assistant", "prompt": "hello"}', "network_error", None),
    ],
)
async def test_texts_of_the_networks_tools(recorder, provider, call, type_, function):
    """`Error: ...`, with which a tool of the network answers, is told by what the hub raised, if it raised."""
    alice = agent_of(provider)
    async with network(alice, bob(provider)):
        await ask(alice, f"call {call}")

    tool = call.split()[0]
    assert {**recorder.story(), "message": None} == {
        "type": type_,
        "message": None,
        "function": function,
        "agent": ASSISTANT,
        "tool": tool,
        "request": "req-42",
        "kind": "raised" if function else "returned",
        "masked": [True],
    }


async def test_handler_that_fails(recorder, provider):
    """A handler of the application's own that fails is only logged by ag2; it is told for the request that asked."""

    async def handle(envelope: Any) -> None:
        if envelope.event_type == "ag2.msg.text":
            raise LookupError("no policy")
        await client._run_default_handler(envelope)

    alice = agent_of(provider)
    async with network(alice, bob(provider)) as (_, client):
        client.on_envelope(handle)
        await ask(alice, ASK_IN_VAIN)

    assert ("LookupError", "no policy", "handle", ASSISTANT, None, "req-42") in raised_faults(recorder)


async def test_listener_of_the_hub_that_fails(recorder, provider):
    """A listener of the application's own that fails is only logged by ag2; it is told for the request that asked."""

    class Listening(BaseHubListener):
        async def on_envelope_posted(self, envelope: Any, metadata: Any) -> None:
            if envelope.event_type == "ag2.msg.text":
                raise LookupError("no listener")

    alice = agent_of(provider)
    async with network(alice, bob(provider)) as (_, client):
        client._hub_client._hub.register_listener(Listening())
        answer = await ask(alice, ASK_BOB)

    assert ("hello bob" in answer, raised_faults(recorder)[0]) == (
        True,
        ("LookupError", "no listener", "on_envelope_posted", ASSISTANT, None, "req-42"),
    )


def raised_faults(recorder: Any) -> list[tuple[Any, ...]]:
    """Return of each fault that was raised: type, message, function, agent, tool and request."""
    return [
        (
            fault.type,
            fault.message,
            fault.raised_at.function.rpartition(".")[2],
            fault.agent_name,
            fault.tool_name,
            fault.request_id,
        )
        for fault in recorder.facts.faults
        if fault.raised_at is not None
    ]
