"""What the detectors need, told by real agents: conversations, whose messages a prompt holds."""

from __future__ import annotations

import asyncio

import pytest
from support.ag2 import agent_of, config
from support.sharing import prompts

import autogen_otel

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")


async def ask(agent, request_id: str, **more):
    with autogen_otel.request(request_id):
        return await agent.ask(f"the question of {request_id}", **more)


async def test_a_shared_agent_shares_no_conversation(recorder, provider):
    """Each turn has a stream of its own unless it is given one."""
    agent = agent_of(provider)
    await ask(agent, "first")
    await ask(agent, "second")

    keys = {fact.conversation for fact in recorder.facts.uses}
    assert (prompts(recorder), len(keys)) == ({"first": [], "second": []}, 2)


async def test_a_stream_that_two_requests_are_given_holds_both(recorder, provider):
    """What the first one said is in the prompt of the second."""
    agent, stream = agent_of(provider), ag2.MemoryStream()
    await ask(agent, "first", stream=stream)
    await ask(agent, "second", stream=stream)

    keys = {fact.conversation for fact in recorder.facts.uses}
    assert (prompts(recorder), len(keys)) == ({"first": [], "second": ["first"]}, 1)


async def test_a_reply_that_is_continued_is_one_conversation(recorder, provider):
    """The application names the history with which it goes on, though in another request."""
    reply = await ask(agent_of(provider), "first")
    with autogen_otel.request("second"):
        await reply.ask("the question of second")

    assert prompts(recorder) == {"first": [], "second": []}


async def second_of_two(slow, asking) -> list[str]:
    """Let a second request ask while the first one waits for its answer; return how both ended."""
    first = asyncio.create_task(asking("first"))
    await asyncio.to_thread(slow.entered.acquire)
    second = asyncio.create_task(asking("second"))
    # One step, in which its request begins. On a stream that is shared it waits until the first turn is over.
    await asyncio.sleep(0)
    slow.answer.set()
    return [type(end).__name__ for end in await asyncio.gather(first, second, return_exceptions=True)]


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_guard_stops_the_call_before_the_provider_sees_it(recorder, slow, streaming):
    """The second request on a stream that two were given fails, and its text is not sent."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    agent, stream = agent_of(slow.provider, config=config(slow.provider, streaming=streaming)), ag2.MemoryStream()

    ends = await second_of_two(slow, lambda request_id: ask(agent, request_id, stream=stream))
    assert (ends[1], len(slow.provider.received)) == ("SharedStateError", 1)


async def test_the_guard_lets_an_agent_be_shared(recorder, slow):
    """Each of two requests has a stream of its own: an agent of ag2 is made for that."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    agent = agent_of(slow.provider)
    slow.answer.set()

    ends = await second_of_two(slow, lambda request_id: ask(agent, request_id))
    assert (set(ends), len(slow.provider.received)) == ({"AgentReply"}, 2)


async def test_examples_that_the_application_puts_into_a_history_are_nobodys_words(recorder, provider):
    """Somebody asks just what stands in them; they are in the prompt of everybody."""
    agent = agent_of(provider)
    for request_id in ("first", "second"):
        stream = ag2.MemoryStream()
        with autogen_otel.request(request_id):
            await stream.history.replace([ag2.events.ModelRequest.ensure_request(["the question of first"])])
            await agent.ask(f"the question of {request_id}", stream=stream)

    assert prompts(recorder) == {"first": [], "second": []}
