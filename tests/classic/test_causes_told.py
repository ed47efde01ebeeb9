"""What the detectors need, told by real chats: conversations, whose messages a prompt holds, clients, stalls."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import pytest
from support.classic import a_chat, agent_of, chat, group_of, pair

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


def serve(user, assistant, request_id: str, message: str, **more) -> None:
    with autogen_otel.request(request_id):
        chat(user, assistant, message, **more)


def test_a_history_that_is_cleared_tells_of_no_other_request(recorder, provider):
    """One pair, one request after the other, each with a fresh history: nothing foreign, one conversation."""
    assistant, user = pair(provider)

    serve(user, assistant, "first", "the first question")
    serve(user, assistant, "second", "the second question")

    used = {fact.conversation for fact in recorder.facts.uses}
    assert (prompts(recorder), len(used)) == ({"first": [], "second": []}, 1)


def test_a_history_that_was_kept_names_the_request_before(recorder, provider):
    """What the first request said stands in the prompt of the second."""
    assistant, user = pair(provider)

    serve(user, assistant, "first", "the first question")
    serve(user, assistant, "second", "the second question", clear_history=False)

    assert prompts(recorder) == {"first": [], "second": ["first"]}


def test_turns_of_one_session_are_not_foreign_to_each_other(recorder, provider):
    """A service that keeps the history of a conversation says so with `session`."""
    assistant, user = pair(provider)

    for number in ("first", "second"):
        with autogen_otel.request(number, session="s-1"):
            chat(user, assistant, f"the {number} question", clear_history=False)

    assert prompts(recorder) == {"first": [], "second": []}


def test_the_same_question_of_two_users_is_nobody_elses(recorder, provider):
    """Two requests that say the same words have each said them."""
    for request_id in ("first", "second"):
        assistant, user = pair(provider)
        serve(user, assistant, request_id, "hello")

    assert prompts(recorder) == {"first": [], "second": []}


def test_examples_that_the_application_gives_an_agent_are_nobodys_words(recorder, provider):
    """Somebody asks just what stands in them; they are in the prompt of everybody."""
    for request_id, question in (("first", "the example"), ("second", "another question")):
        assistant, user = pair(provider)
        assistant.chat_messages[user].append({"role": "user", "content": "the example", "name": user.name})
        serve(user, assistant, request_id, question, clear_history=False)

    assert prompts(recorder) == {"first": [], "second": []}


def test_what_was_said_in_a_group_is_told_of_its_choice_of_speaker(recorder, provider):
    """AutoGen makes two agents for that and gives them the group's messages, here those of another request too."""
    said: list[dict[str, Any]] = []
    for request_id in ("first", "second"):
        members = [agent_of(provider, name) for name in ("ann", "bob")]
        manager = group_of(provider, *members, method="auto", messages=said)
        with autogen_otel.request(request_id):
            chat(members[0], manager, f"the question of {request_id}", clear_history=False)

    assert set(prompts(recorder)["second"]) == {"first"}


def test_a_shared_assistant_with_a_partner_of_its_own_for_each_request_shares_no_conversation(recorder, provider):
    """The history is kept for each partner."""
    assistant, first = pair(provider)
    _, second = pair(provider)

    serve(first, assistant, "first", "the first question")
    serve(second, assistant, "second", "the second question")

    keys = [(fact.operation.request_id, fact.conversation) for fact in recorder.facts.uses]
    assert (len(set(keys)), len({key for _, key in keys}), prompts(recorder)) == (2, 2, {"first": [], "second": []})


def test_a_group_chat_uses_the_conversation_of_each_member(recorder, provider):
    """The manager has one history with each of them."""
    manager = group_of(provider, agent_of(provider, "a"), agent_of(provider, "b"))
    _, user = pair(provider)

    serve(user, manager, "req-42", "the question")

    (span,) = [span for span in recorder.spans if span.name.startswith("invoke_workflow")]
    told = {key for span in recorder.spans for key in span.attributes.get(names.CONVERSATIONS, ())}
    assert (len(told), bool(span.attributes[names.CONVERSATIONS])) == (3, True)


def test_an_answer_kept_on_the_client_names_the_request_that_got_it(recorder, provider):
    """As the clients of the Responses API keep it; here a client of the chat API with the same attribute stands in."""
    assistant, user = pair(provider)
    client = assistant.client._clients[0]

    serve(user, assistant, "first", "the first question")
    (span,) = recorder.named("chat gpt-4o-mini")
    client.previous_response_id = span.attributes[names.RESPONSE_ID]
    serve(user, assistant, "second", "the second question")

    assert prompts(recorder) == {"first": [], "second": ["first"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def told_in_a_child(recorder, user, assistant) -> str:
    """Return from which process a forked one says that it has connections of the client."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            serve(user, assistant, "child", "after the fork")
        finally:
            told = [one for one in recorder.facts.operations if one.request_id == "child" and one.kind is Kind.MODEL]
            os.write(writing, str(told[0].attributes.get(names.CLIENT_FORKED_FROM)).encode())
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()


def test_a_client_with_open_connections_is_told_in_the_child(recorder, provider):
    """A child that was forked after the client was used inherits its connections; the parent keeps its own."""
    assistant, user = pair(provider)
    serve(user, assistant, "parent", "warm up")
    found = told_in_a_child(recorder, user, assistant)
    serve(user, assistant, "parent again", "after the fork")

    own = [one.attributes for one in recorder.facts.operations if one.kind is Kind.MODEL]
    assert (found, any(names.CLIENT_FORKED_FROM in attributes for attributes in own)) == (str(os.getpid()), False)


def test_connections_that_have_expired_are_not_used_in_the_child(recorder, provider):
    """The client opens others in their place."""
    assistant, user = pair(provider)
    serve(user, assistant, "parent", "warm up")
    for connection in assistant.client._clients[0]._oai_client._client._transport._pool.connections:
        connection._connection._expire_at = 0

    assert told_in_a_child(recorder, user, assistant) == "None"


async def test_a_tool_that_blocks_the_loop_is_named(recorder, provider):
    """An async tool that sleeps without awaiting keeps everybody else from going on."""

    async def look_up(city: str) -> str:
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251 - what is tested
        return city

    assistant, user = pair(provider, look_up)
    with autogen_otel.request("req-42"):
        await a_chat(user, assistant, 'call look_up {"city": "Bern"}')

    ((name, blocked),) = [
        (span.name, span.attributes[names.LOOP_BLOCKED])
        for span in recorder.spans
        if names.LOOP_BLOCKED in span.attributes
    ]
    assert (name, blocked >= 150) == ("execute_tool look_up", True)


async def test_a_tool_that_awaits_blocks_nobody(recorder, provider):
    """However long it takes."""

    async def look_up(city: str) -> str:
        await asyncio.sleep(0.15)
        return city

    assistant, user = pair(provider, look_up)
    with autogen_otel.request("req-42"):
        await a_chat(user, assistant, 'call look_up {"city": "Bern"}')

    assert recorder.facts.stalls == []


async def test_a_sync_chat_inside_a_running_loop_blocks_it(recorder, provider):
    """The whole chat is one stretch on the loop's thread; the innermost of it is told first."""

    def look_up(city: str) -> str:
        time.sleep(0.15)
        return city

    assistant, user = pair(provider, look_up)
    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call look_up {"city": "Bern"}')

    stalled = [stall.operation.name for stall in recorder.facts.stalls]
    assert stalled.index("look_up") < stalled.index("user -> assistant")


def test_a_sync_chat_in_a_thread_blocks_no_loop(recorder, provider):
    """Where no event loop runs, nobody waits."""

    def look_up(city: str) -> str:
        time.sleep(0.15)
        return city

    assistant, user = pair(provider, look_up)
    thread = threading.Thread(target=serve, args=(user, assistant, "req-42", 'call look_up {"city": "Bern"}'))
    thread.start()
    thread.join()

    assert (recorder.facts.stalls, len(recorder.named("execute_tool look_up"))) == ([], 1)
