"""Shared state: what is legal first, then what is not."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.core.facts import ExceptionData, Kind

from .facts import AUTOGEN, Facts, findings, only, verdicts


def serve(facts: Facts, request: str, conversation: str = "1-2") -> None:
    root, chat = facts.request(request)
    facts.use(chat, conversation)
    facts.model(chat)
    facts.end(root, chat)


def test_one_request_after_the_other_may_share_a_conversation():
    """A history that is cleared in between belongs to one request at a time."""
    facts = Facts()
    serve(facts, "r-1")
    serve(facts, "r-2")

    assert findings(facts) == {}


def test_requests_that_wait_for_a_lock_share_nothing():
    """Both requests are open, but the chats of the shared pair follow each other."""
    facts = Facts()
    first, second = (
        facts.open(Kind.REQUEST, "request", request="r-1"),
        facts.open(Kind.REQUEST, "request", request="r-2"),
    )
    for root in (first, second):
        chat = facts.open(Kind.WORKFLOW, "user -> assistant", root)
        facts.use(chat, "1-2")
        facts.model(chat)
        facts.close(chat)
    facts.end(first)
    facts.end(second)

    assert findings(facts) == {}


def test_a_conversation_of_its_own_for_each_request_is_legal():
    """Requests at the same time, each with its own pair of agents."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "3-4")
    facts.end(first, chat1)
    facts.end(second, chat2)

    assert findings(facts) == {}


def test_the_same_key_in_two_processes_stands_for_two_conversations():
    """Serial numbers begin anew in each process."""
    here, there = Facts(pid=1), Facts(pid=2)
    (first, chat1), (second, chat2) = here.request("r-1"), there.request("r-2")
    here.use(chat1, "1-2")
    there.use(chat2, "1-2")
    here.end(first, chat1)
    there.end(second, chat2)

    assert findings(here, there) == {}


def test_nested_chats_of_one_request_are_one_family():
    """A tool that starts a chat, in a request of its own, with the same agents."""
    facts = Facts()
    root, chat = facts.request("r-1")
    facts.use(chat, "1-2")
    tool = facts.open(Kind.TOOL, "ask_helper", chat)
    inner = facts.open(Kind.REQUEST, "request", tool, request="r-inner")
    nested = facts.open(Kind.WORKFLOW, "user -> helper", inner)
    facts.use(nested, "1-2")
    facts.model(nested, FOREIGN_REQUESTS=["r-1"])
    facts.end(root, chat, tool, inner, nested)

    assert findings(facts) == {}


def test_a_helper_behind_a_lock_is_held_as_long_as_the_tool_that_asks_it():
    """The chat around the tool goes on, and has nothing to do with the helper any more."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    for chat in (chat1, chat2):
        tool = facts.open(Kind.TOOL, "ask_helper", chat)
        helped = facts.open(Kind.WORKFLOW, "user -> helper", tool)
        facts.use(helped, "8-9")
        facts.model(helped)
        facts.close(helped)
        facts.close(tool)
    facts.end(first, chat1)
    facts.end(second, chat2)

    assert findings(facts) == {}


def test_a_helper_without_a_lock_is_shared():
    """Two tools ask the same helper at the same time."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    tools = [facts.open(Kind.TOOL, "ask_helper", chat) for chat in (chat1, chat2)]
    helped = [facts.open(Kind.WORKFLOW, "user -> helper", tool) for tool in tools]
    for chat in helped:
        facts.use(chat, "8-9")
    facts.end(first, chat1, tools[0], helped[0])
    facts.end(second, chat2, tools[1], helped[1])

    assert findings(facts) == {"r-1": ["shared_state/overlap"], "r-2": ["shared_state/overlap"]}


def overlapping() -> Facts:
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "1-2")
    facts.end(first, chat1)
    facts.end(second, chat2)
    return facts


def test_two_live_requests_with_one_conversation():
    """Both get the finding, though both have answered."""
    assert findings(overlapping()) == {"r-1": ["shared_state/overlap"], "r-2": ["shared_state/overlap"]}


def test_the_agent_that_answers_in_a_shared_chat_is_named():
    """The chat itself belongs to two agents; the one that replies is who its author looks for."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "1-2")
    facts.end(first, chat1, facts.open(Kind.AGENT, "clerk", chat1, agent="clerk"))
    facts.end(second, chat2, facts.open(Kind.AGENT, "clerk", chat2, agent="clerk"))

    assert [verdict.findings[0].blame.get(names.AGENT_NAME) for verdict in verdicts(facts)] == ["clerk", "clerk"]


def test_of_a_choice_of_speaker_the_manager_is_named():
    """AutoGen makes an agent of its own for that; its prompt is that of the group."""
    facts = Facts()
    other, _ = facts.request("r-1")
    root, chat = facts.request("r-2")
    turn = facts.open(Kind.AGENT, "manager", chat, agent="manager")
    choice = facts.open(Kind.SPEAKER, "select_speaker", turn)
    inner = facts.open(Kind.WORKFLOW, "checker -> selector", choice)
    asked = facts.open(Kind.AGENT, "selector", inner, agent="selector")
    facts.model(asked, FOREIGN_REQUESTS=["r-1"])
    facts.end(root, chat, turn, choice, inner, asked)
    facts.end(other)

    assert only(facts).blame[names.AGENT_NAME] == "manager"


def test_a_conversation_is_held_until_the_outermost_chat_ends():
    """An agent's turn that used it may be over; the team around it will go on with it."""
    facts = Facts()
    root, team = facts.request("r-1")
    turn = facts.open(Kind.AGENT, "writer", team)
    facts.use(turn, "7")
    facts.close(turn)
    other, chat = facts.request("r-2")
    facts.use(chat, "7")
    facts.end(other, chat)
    facts.end(root, team)

    assert findings(facts) == {"r-2": ["shared_state/overlap"], "r-1": ["shared_state/overlap"]}


def test_a_message_of_a_live_request_in_the_prompt_is_the_proof():
    """It comes first, for it says what went wrong and not only that it may."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "1-2")
    facts.model(chat2, FOREIGN_REQUESTS=["r-1"])
    facts.end(second, chat2)
    facts.end(first, chat1)

    assert findings(facts) == {
        "r-2": ["shared_state/foreign_message", "shared_state/overlap"],
        "r-1": ["shared_state/overlap"],
    }


def test_a_message_of_a_request_that_has_ended_meanwhile_is_one_of_its_time():
    """It was open when this one began, as behind a lock that lets one chat in at a time."""
    facts = Facts()
    first, first_chat = facts.request("r-1")
    root, chat = facts.request("r-2")
    facts.model(first_chat)
    facts.end(first, first_chat)
    facts.model(chat, FOREIGN_REQUESTS=["r-1"])
    facts.end(root, chat)

    assert findings(facts) == {"r-2": ["shared_state/foreign_message"]}


def test_a_message_of_a_request_that_has_ended_is_history_that_was_kept():
    """Nothing overlaps: strictly one after the other."""
    facts = Facts()
    serve(facts, "r-1")
    root, chat = facts.request("r-2")
    call = facts.model(chat, FOREIGN_REQUESTS=["r-1"])
    facts.end(root, chat)

    finding = only(facts)
    assert (finding.detail, finding.certain, [one.operation_id for one in finding.evidence]) == (
        "kept_history",
        True,
        [call.id],
    )


@pytest.mark.parametrize(
    ("failing", "explained"),
    [
        (("openai.BadRequestError", "tool_calls must be followed by tool messages", 400), True),
        (("openai.AuthenticationError", "no key", 401), False),
        (("openai.RateLimitError", "slow down", 429), False),
        (("openai.InternalServerError", "oops", 500), False),
    ],
)
def test_a_mixed_conversation_explains_what_the_provider_refuses(failing, explained):
    """A 400 of a request that shares its conversation; a wrong key, a limit and a failing provider are themselves."""
    type_, message, status = failing
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "1-2")
    _, fault = facts.failing_model(chat2, type_, message, HTTP_STATUS=status)
    facts.end(second, chat2, fault=fault)
    facts.end(first, chat1)

    found = findings(facts)["r-2"]
    assert (found[0].startswith("shared_state"), len(found)) == (explained, 1 if explained else 2)


def test_a_mixed_conversation_explains_an_odd_error_of_autogen():
    """A KeyError out of AutoGen's own files, in the middle of a conversation that another request has cleared."""
    facts = Facts()
    (first, chat1), (second, chat2) = facts.request("r-1"), facts.request("r-2")
    facts.use(chat1, "1-2")
    facts.use(chat2, "1-2")
    turn = facts.open(Kind.AGENT, "assistant", chat2)
    fault = facts.fault(turn, "KeyError", "'name'", AUTOGEN)
    facts.end(second, chat2, turn, fault=fault)
    facts.end(first, chat1)

    assert findings(facts) == {"r-2": ["shared_state/overlap"], "r-1": ["shared_state/overlap"]}


def test_a_team_that_works_for_another_request():
    """AutoGen's own guard says so."""
    facts = Facts()
    root, team = facts.request("r-1")
    text = "The team is already running, it cannot run again until it is stopped."
    fault = facts.fault(team, "ValueError", text, AUTOGEN)
    facts.end(root, team, fault=fault)

    assert findings(facts) == {"r-1": ["shared_state/overlap"]}


def test_an_update_that_was_lost():
    """A watched object tells which tool has overwritten what."""
    facts = Facts()
    root, chat = facts.request("r-1")
    tool = facts.open(Kind.TOOL, "add", chat)
    facts.close(tool, STATE_WATCHED=["totals"], STATE_LOST_UPDATES=["totals"], FOREIGN_REQUESTS=["r-9"])
    facts.end(root, chat)

    finding = only(facts)
    assert (finding.detail, finding.blame[names.TOOL_NAME], "r-9" in finding.summary, "totals" in finding.summary) == (
        "lost_update",
        "add",
        True,
        True,
    )


LOCKED = ExceptionData("sqlite3.OperationalError", "database is locked", ())


def test_a_cache_file_that_another_process_writes():
    """The cache is read by the agent's turn, before the model is called."""
    facts = Facts()
    root, chat = facts.request("r-1")
    turn = facts.open(Kind.AGENT, "assistant", chat)
    fault = facts.fault(turn, "diskcache.core.Timeout", "", AUTOGEN, caused_by=LOCKED)
    facts.end(root, chat, turn, fault=fault)

    assert findings(facts) == {"r-1": ["shared_state/locked_file"]}


def test_the_database_of_a_tool_is_the_tools_own_affair():
    """A tool may have a database that is locked."""
    facts = Facts()
    root, chat = facts.request("r-1")
    facts.failing_tool(chat, type_="sqlite3.OperationalError", message="database is locked")
    facts.end(root, chat)

    assert findings(facts) == {"r-1": ["tool_exception/raised"]}
