"""What the detectors need, told by real agents: conversations, whose messages a prompt holds."""

from __future__ import annotations

import pytest
from support.ag2 import agent_of

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")


def prompts(recorder) -> dict[str, list[str]]:
    """Return for each request the requests whose messages stood in its prompts."""
    found: dict[str, list[str]] = {}
    for operation in recorder.facts.operations:
        if operation.kind is Kind.MODEL:
            found.setdefault(operation.request_id, []).extend(operation.attributes.get(names.FOREIGN_REQUESTS, ()))
    return found


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
