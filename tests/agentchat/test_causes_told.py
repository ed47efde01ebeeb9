"""What the detectors need, told by real agents and teams: conversations, whose messages a prompt holds."""

from __future__ import annotations

from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from support.agentchat import assistant_of

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind


def prompts(recorder) -> dict[str, list[str]]:
    """Return for each request the requests whose messages stood in its prompts."""
    found: dict[str, list[str]] = {}
    for operation in recorder.facts.operations:
        if operation.kind is Kind.MODEL:
            found.setdefault(operation.request_id, []).extend(operation.attributes.get(names.FOREIGN_REQUESTS, ()))
    return found


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
