"""What the detectors need, told by real agents and teams: conversations, whose messages a prompt holds."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import UserMessage
from support.agentchat import assistant_of
from support.sharing import prompts

import autogen_otel
from autogen_otel.errors import SharedStateWarning


async def run(agent, request_id: str, **more) -> None:
    with autogen_otel.request(request_id, **more):
        await agent.run(task=f"the question of {request_id}")


async def test_agents_of_their_own_share_nothing(recorder, provider):
    """Each has its own model context."""
    for request_id in ("first", "second"):
        await run(assistant_of(provider), request_id)

    keys = {fact.conversation for fact in recorder.facts.uses}
    assert (prompts(recorder), len(keys)) == ({"first": [], "second": []}, 2)


async def test_an_agent_keeps_what_the_request_before_has_said(recorder, provider):
    """Its model context is not cleared between two runs."""
    agent = assistant_of(provider)
    await run(agent, "first")
    await run(agent, "second")

    keys = {fact.conversation for fact in recorder.facts.uses}
    assert (prompts(recorder), len(keys)) == ({"first": [], "second": ["first"]}, 1)


async def test_a_reset_agent_keeps_nothing(recorder, provider):
    """As its documentation asks for."""
    agent = assistant_of(provider)
    await run(agent, "first")
    await agent.on_reset(None)
    await run(agent, "second")

    assert prompts(recorder) == {"first": [], "second": []}


async def test_the_turns_of_a_session_belong_together(recorder, provider):
    """A service that keeps an agent for each user says so."""
    agent = assistant_of(provider)
    await run(agent, "first", session="s-1")
    await run(agent, "second", session="s-1")

    assert prompts(recorder) == {"first": [], "second": []}


async def test_a_state_that_is_loaded_is_said_by_who_loads_it(recorder, provider):
    """A conversation that an application keeps in its store goes on in another request."""
    before, after = assistant_of(provider), assistant_of(provider)
    await run(before, "first")
    state = await before.save_state()
    with autogen_otel.request("second"):
        await after.load_state(state)
        await after.run(task="the question of second")

    assert prompts(recorder) == {"first": [], "second": []}


async def test_a_team_is_a_conversation_beside_those_of_its_members(recorder, provider):
    """It keeps a thread of its own."""
    members = [assistant_of(provider, name=name) for name in ("a", "b")]
    team = RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3))
    await run(team, "first")

    keys = sorted(fact.conversation.partition("-")[0] for fact in recorder.facts.uses)
    assert keys == ["context", "context", "team"]


async def second_of_two(slow, asking) -> list[str]:
    """Let a second request ask while the first one waits for its answer; return how both ended."""
    first = asyncio.create_task(asking("first"))
    await asyncio.to_thread(slow.entered.acquire)
    second = asyncio.create_task(asking("second"))
    called = asyncio.create_task(asyncio.to_thread(slow.entered.acquire))
    await asyncio.wait([second, called], return_when=asyncio.FIRST_COMPLETED)
    slow.answer.set()
    slow.entered.release()
    return [type(end).__name__ for end in await asyncio.gather(first, second, return_exceptions=True)]


async def through_run(agent, text: str) -> None:
    await agent.run(task=text)


async def through_stream(agent, text: str) -> None:
    async for _ in agent.run_stream(task=text):
        pass


@pytest.mark.parametrize("model_stream", [False, True], ids=["create", "create_stream"])
@pytest.mark.parametrize("asked", [through_run, through_stream])
async def test_the_guard_stops_the_call_before_the_provider_sees_it(recorder, slow, asked, model_stream):
    """The second request of a shared agent fails, whichever way it is asked, and its text is not sent."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    agent = assistant_of(slow.provider, model_client_stream=model_stream)

    async def asking(request_id: str) -> None:
        with autogen_otel.request(request_id):
            await asked(agent, request_id)

    ends = await second_of_two(slow, asking)
    assert (ends, len(slow.provider.received)) == (["NoneType", "SharedStateError"], 1)


async def test_the_guard_stops_a_team_that_two_requests_share(recorder, slow):
    """Its members are shared though AutoGen refuses to run it twice: two teams of the same members."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    member = assistant_of(slow.provider)

    async def asking(request_id: str) -> None:
        team = RoundRobinGroupChat([member], termination_condition=MaxMessageTermination(2))
        with autogen_otel.request(request_id):
            await team.run(task=request_id)

    ends = await second_of_two(slow, asking)
    assert (ends[0], len(slow.provider.received)) == ("NoneType", 1)


async def test_the_guard_warns(recorder, slow):
    """Both requests are answered."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="warn")
    agent = assistant_of(slow.provider)

    async def asking(request_id: str) -> None:
        with autogen_otel.request(request_id):
            await agent.run(task=request_id)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", SharedStateWarning)
        ends = await second_of_two(slow, asking)

    assert (ends, {one.category for one in warned} & {SharedStateWarning}) == (["NoneType"] * 2, {SharedStateWarning})


async def test_examples_that_a_context_is_made_with_are_nobodys_words(recorder, provider):
    """Somebody asks just what stands in them; they are in the prompt of everybody."""
    example = UserMessage(content="the question of first", source="user")
    for request_id in ("first", "second"):
        with autogen_otel.request(request_id):
            context = UnboundedChatCompletionContext(initial_messages=[example])
            await assistant_of(provider, model_context=context).run(task=f"the question of {request_id}")

    assert prompts(recorder) == {"first": [], "second": []}
