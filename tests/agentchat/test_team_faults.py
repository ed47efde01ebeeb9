"""Teams make a text of each failure inside: the original comes back as the cause, and each is told once."""

from __future__ import annotations

import copy
import gc
import json
import logging
import weakref
from typing import Any

import pytest
from autogen_agentchat.agents import SocietyOfMindAgent, UserProxyAgent
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import HandoffMessage
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.teams._group_chat._events import GroupChatError, SerializableException
from support.agentchat import Saying, client_of, operations, raised, raising, told

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Outcome
from autogen_otel.demo.provider import Provider, Sequence, Text

AGENT = "b"


async def run(team: Any) -> BaseException:
    """Run a team in request req-42 and return what it raises."""
    with pytest.raises(BaseException) as caught, autogen_otel.request("req-42"):  # noqa: PT011
        await team.run(task="go")
    return caught.value


async def run_stream(team: Any) -> BaseException:
    """The same by its stream."""
    with pytest.raises(BaseException) as caught, autogen_otel.request("req-42"):  # noqa: PT011
        async for _ in team.run_stream(task="go"):
            pass
    return caught.value


def team_of(error: BaseException, **more: Any) -> RoundRobinGroupChat:
    """Return a team whose second member raises."""
    return RoundRobinGroupChat([Saying("a"), Saying(AGENT, raising(error))], **{"max_turns": 4, **more})


@pytest.mark.parametrize("asking", [run, run_stream])
async def test_team_hands_back_the_original(recorder, asking):
    """M1, M3, M4: type and text of the RuntimeError stay, and its cause is the very exception."""
    original = ValueError("boom")

    error = await asking(team_of(original))

    assert (
        type(error),
        str(error).startswith("ValueError: boom\nTraceback:"),
        error.__cause__ is original,
        autogen_otel.original_exception(error) is original,
        told(recorder),
    ) == (RuntimeError, True, True, True, raised(original, agent=AGENT))


async def test_failure_is_an_error_all_the_way_up_and_one_event(recorder):
    """Agent, team and request have failed; the exception stands on the agent's span, once."""
    await run(team_of(ValueError("boom")))

    events = [(span.name, event.name) for span in recorder.spans for event in span.events if "agent" in span.name]
    assert (operations(recorder), events) == (
        ["request!", "  invoke_workflow RoundRobinGroupChat!", "    invoke_agent a", "    invoke_agent b!"],
        [("invoke_agent b", "exception")],
    )


async def test_healthy_agents_are_no_fault(recorder):
    """M6: with five agents, four raise because they do not know the news; one fault is told, and no line of theirs."""
    members = [*(Saying(name) for name in "acde"), Saying(AGENT, raising(ValueError("boom")))]

    await run(RoundRobinGroupChat(members, max_turns=9))

    lines = [line for line in recorder.logs if line["level"] == "error" and "exception_type" in line]
    false = [line for line in recorder.logs if "Unhandled message in agent container" in json.dumps(line)]
    assert (
        [fault.type for fault in recorder.facts.faults],
        [(line["logger"], line["exception_type"]) for line in lines],
        {line["level"] for line in false if line["logger"] == "autogen_core"},
    ) == (["ValueError"], [("autogen_core", "ValueError"), ("autogen_otel", "ValueError")], {"debug"})


async def test_termination_condition_that_raises_is_told(recorder):
    """M2: the manager's own code fails after an agent's reply."""
    error = await run(RoundRobinGroupChat([Saying("a")], termination_condition=Breaking()))

    cause = error.__cause__
    assert (type(cause), told(recorder)) == (LookupError, raised(cause, agent=None))


class Breaking(TerminationCondition):
    """A termination condition with a bug, from the second time on."""

    def __init__(self) -> None:
        self._asked = 0

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> None:
        self._asked += 1
        if self._asked > 1:
            raise LookupError("condition")

    async def reset(self) -> None:
        pass


@pytest.mark.parametrize(("turn", "type_"), [(0, KeyError), (1, RuntimeError)])
async def test_selector_function_that_raises_is_told(recorder, provider, turn, type_):
    """M2, M5: on the first turn its exception comes out as it is, later as a RuntimeError; both are told alike."""
    turns: list[int] = []

    def select(messages: Any) -> str:
        if len(turns) == turn:
            raise KeyError("sel")
        turns.append(1)
        return "a"

    team = SelectorGroupChat([Saying("a"), Saying(AGENT)], client_of(provider), selector_func=select, max_turns=3)
    error = await run(team)

    original = autogen_otel.original_exception(error)
    assert (type(error), told(recorder)) == (type_, raised(original, agent=None, function="select"))


@pytest.mark.parametrize("said", ["nobody in particular", "a and b"])
async def test_speaker_that_the_model_has_not_chosen_is_told(recorder, said):
    """M8: a model that names nobody, or two, three times: the first speaks, or the one before, and nobody is told."""
    with Provider(Text(said)) as provider, autogen_otel.request("req-42"):
        members = Saying("a"), Saying(AGENT), Saying("c")
        team = SelectorGroupChat(list(members), client_of(provider), max_turns=2)
        result = await team.run(task="go")

    faults = [
        (fault.type, fault.message.partition(",")[0], fault.agent_name, fault.tool_name, fault.request_id)
        for fault in recorder.facts.faults
    ]
    first, second = (
        "Model failed to select a speaker after 3 and there was no previous speaker",
        ("Model failed to select a speaker after 3"),
    )
    assert (
        [message.source for message in result.messages],
        faults,
        recorder.masked,
        [line for line in operations(recorder) if "select" in line],
    ) == (
        ["user", "a", "a"],
        [("speaker_not_chosen", text, None, None, "req-42") for text in (first, second)],
        [True, True],
        ["    select_speaker!", "    select_speaker!"],
    )


async def test_speaker_that_the_model_chooses_late_is_no_fault(recorder):
    """A model that is asked again and then names one has chosen."""
    with Provider(Sequence([Text("nobody"), Text(AGENT)])) as provider:
        team = SelectorGroupChat([Saying("a"), Saying(AGENT)], client_of(provider), max_turns=1)
        result = await team.run(task="go")

    assert (result.messages[-1].source, recorder.facts.faults) == (AGENT, [])


async def test_swarm_without_the_agent_that_is_handed_to_is_told(recorder):
    """M2: an AssertionError without a text."""

    class Handing(Saying):
        async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
            from autogen_agentchat.base import Response

            return Response(chat_message=HandoffMessage(content="x", source=self.name, target="nobody"))

        @property
        def produced_message_types(self) -> Any:
            return (HandoffMessage,)

    error = await run(Swarm([Handing("a"), Saying(AGENT)], termination_condition=MaxMessageTermination(5)))

    cause = error.__cause__
    assert (type(error), type(cause), told(recorder)) == (RuntimeError, AssertionError, raised(cause, agent=None))


async def test_node_of_a_graph_that_raises_is_told(recorder):
    """M1: a node of a GraphFlow."""
    builder, first, second = DiGraphBuilder(), Saying("a"), Saying(AGENT, raising(OSError("disk")))
    builder.add_node(first).add_node(second).add_edge(first, second)

    error = await run(GraphFlow([first, second], graph=builder.build()))

    assert told(recorder) == raised(error.__cause__, agent=AGENT)


async def test_condition_of_an_edge_that_raises_is_told(recorder):
    """M2: the condition of an edge of a GraphFlow."""

    def condition(message: Any) -> bool:
        raise LookupError("edge")

    builder, first, second = DiGraphBuilder(), Saying("a"), Saying(AGENT)
    builder.add_node(first).add_node(second).add_edge(first, second, condition=condition)

    error = await run(GraphFlow([first, second], graph=builder.build()))

    assert told(recorder) == raised(error.__cause__, agent=None)


async def test_both_nodes_that_fail_at_once_are_told(recorder):
    """The RuntimeError names one of two parallel nodes; both are recorded."""
    builder, start = DiGraphBuilder(), Saying("a")
    nodes = [Saying(name, raising(OSError(name))) for name in "xy"]
    builder.add_node(start)
    for node in nodes:
        builder.add_node(node).add_edge(start, node)

    error = await run(GraphFlow([start, *nodes], graph=builder.build()))

    faults = [(fault.message, fault.agent_name) for fault in recorder.facts.faults]
    assert (sorted(faults), str(error.__cause__) in "xy", sorted(recorder.masked)) == (
        [("x", "x"), ("y", "y")],
        True,
        [False, True],
    )


async def test_team_in_a_team_hands_back_the_innermost(recorder):
    """Each RuntimeError has the next one as its cause, and the original comes last."""
    original = ValueError("inner")

    error = await run(RoundRobinGroupChat([team_of(original, name="inner")], max_turns=1))

    assert (
        [type(one) for one in (error, error.__cause__)],
        error.__cause__.__cause__ is original,
        autogen_otel.original_exception(error) is original,
        told(recorder),
    ) == ([RuntimeError, RuntimeError], True, True, raised(original, agent=AGENT))


async def test_society_of_mind_hands_back_the_innermost(recorder, provider):
    """A team inside an agent inside a team."""
    original = ValueError("inner")
    society = SocietyOfMindAgent("society", team_of(original), model_client=client_of(provider))

    error = await run(RoundRobinGroupChat([society], max_turns=1))

    assert (autogen_otel.original_exception(error) is original, told(recorder)) == (True, raised(original, agent=AGENT))


async def test_ledger_that_is_no_json_is_told(recorder):
    """M9: MagenticOne gives up on a ledger that it cannot read."""
    info = {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "family": "unknown",
        "structured_output": False,
    }
    with Provider(Text("no ledger")) as provider:
        team = MagenticOneGroupChat([Saying("a")], model_client=client_of(provider, model_info=info))
        error = await run(team)

    original = autogen_otel.original_exception(error)
    assert (type(original), str(original), told(recorder)) == (
        ValueError,
        "Failed to parse ledger information after multiple retries.",
        raised(original, agent=None),
    )


@pytest.mark.parametrize("in_team", [False, True])
async def test_human_input_that_fails_is_told(recorder, in_team):
    """A1: AutoGen wraps the exception of an input function twice; the original is told."""

    def ask(prompt: str) -> str:
        raise OSError("no tty")

    agent = UserProxyAgent("user", input_func=ask)
    error = await run(RoundRobinGroupChat([agent], max_turns=1) if in_team else agent)

    original = autogen_otel.original_exception(error)
    assert (str(original), told(recorder), recorder.named("await_input user") != []) == (
        "no tty",
        raised(original, agent="user", function="ask"),
        True,
    )


async def test_team_that_a_failure_has_broken_is_flagged(recorder):
    """M7: after a failure every later run stops after one message and looks well."""
    errors = [ValueError("boom")]

    def say() -> str:
        if errors:
            raise errors.pop()
        return "hi"

    team = RoundRobinGroupChat([Saying("a", say), Saying(AGENT)], max_turns=4)
    await run(team)
    (first,) = recorder.facts.faults
    await team.reset()
    with autogen_otel.request("req-43"):
        result = await team.run(task="go")

    flagged = recorder.facts.faults[-1]
    end = next(end for end in recorder.facts.ends if end.fault is flagged)
    assert (
        (result.stop_reason, len(result.messages)),
        (flagged.type, flagged.request_id, first.id in flagged.message, "ValueError" in flagged.message),
        (end.operation.name, end.outcome, end.attributes[names.TEAM_STOP_REASON]),
        [(one.cause.value, one.findings[0].detail) for one in recorder.facts.verdicts if one.request_id == "req-43"],
    ) == (
        ("The group chat is stopped.", 2),
        ("team_stopped", "req-43", True, True),
        ("RoundRobinGroupChat", Outcome.ERROR, "The group chat is stopped."),
        [("framework", "broken")],
    )


async def test_healthy_team_is_not_flagged(recorder):
    """Two runs of a healthy team end for the reason that its limit gives."""
    team = RoundRobinGroupChat([Saying("a")], max_turns=2)
    for _ in range(2):
        await team.run(task="go")

    reasons = [
        end.attributes.get(names.TEAM_STOP_REASON)
        for end in recorder.facts.ends
        if end.operation.kind.value == "invoke_workflow"
    ]
    assert (reasons, recorder.facts.faults) == (["Maximum number of turns 2 reached."] * 2, [])


async def test_reason_that_a_model_gave_is_not_recorded(recorder):
    """A stop reason may be what a model has said; only AutoGen's own words are recorded."""

    class Talkative(Breaking):
        async def __call__(self, messages: Any) -> Any:
            from autogen_agentchat.messages import StopMessage

            return StopMessage(content="the patient's secret", source="condition")

    result = await RoundRobinGroupChat([Saying("a")], termination_condition=Talkative()).run(task="go")

    (span,) = recorder.named("invoke_workflow RoundRobinGroupChat")
    assert (result.stop_reason, span.attributes[names.TEAM_STOP_REASON]) == ("the patient's secret", "other")


async def test_exception_of_a_team_is_not_kept_alive(recorder, caplog):
    """Nothing of ours holds the exception, its frames or the team when the application has let go."""
    # pytest keeps AutoGen's log record of it.
    caplog.set_level(logging.CRITICAL, logger="autogen_core")

    class Payload:
        pass

    async def fail() -> Any:
        payload = Payload()
        error = ValueError("boom")
        error.payload = payload
        await run(team_of(error))
        return weakref.ref(payload)

    reference = await fail()
    gc.collect()

    assert reference() is None


def test_message_with_an_original_is_copied_and_sent_without_it(recorder):
    """A copy, a dump and a comparison of AutoGen's message are as without us."""
    error = ValueError("boom")
    plain = SerializableException(error_type="ValueError", error_message="boom", traceback="ValueError: boom\n")

    made = SerializableException.from_exception(error)

    sent = GroupChatError(error=made)
    assert (
        made == plain,
        made.model_dump() == plain.model_dump(),
        copy.deepcopy(sent) == sent,
        SerializableException.model_validate_json(made.model_dump_json()) == plain,
    ) == (True, True, True, True)
