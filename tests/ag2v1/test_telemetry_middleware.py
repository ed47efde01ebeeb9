"""A TelemetryMiddleware of the application's own stays: each call has one span, and ours is not a second one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, config

from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")
telemetry = pytest.importorskip("ag2.middleware.builtin.telemetry", reason="the extra `tracing` is not installed")

from ag2 import Agent, Plugin
from ag2.events import ModelRequest, ToolCallEvent
from ag2.middleware import ConditionalMiddleware

OURS = "autogen_otel"
ASK = 'call lookup_policy {"policy_id": "p9"}'
POLICIES = {"p1": "covered"}


def lookup_policy(policy_id: str) -> str:
    """Look up a policy."""
    return POLICIES[policy_id]


def theirs() -> Any:
    """Return the application's middleware."""
    return telemetry.TelemetryMiddleware(agent_name=ASSISTANT, capture_content=False)


def spans(recorder: Any) -> list[tuple[str, bool, str]]:
    """Return of each span that both could make: its operation, whether it is ours, and its request."""
    return sorted(
        (
            str(span.attributes.get(names.OPERATION_NAME)),
            span.instrumentation_scope.name == OURS,
            str(span.attributes.get(names.REQUEST_ID)),
        )
        for span in recorder.spans
        if span.attributes.get(names.OPERATION_NAME)
    )


def measured(recorder: Any, metric: str) -> int:
    """Return how often a duration was recorded so far."""
    return sum(point.count for point in recorder.points(metric))


ONE_EACH = [
    ("chat", False, "req-42"),
    ("chat", False, "req-42"),
    ("execute_tool", False, "req-42"),
    ("invoke_agent", False, "req-42"),
]


async def _of_agent(provider: Provider) -> None:
    await ask(agent_of(provider, lookup_policy, middleware=[theirs()]), ASK)


async def _per_ask(provider: Provider) -> None:
    await ask(agent_of(provider, lookup_policy), ASK, middleware=[theirs()])


async def _of_plugin(provider: Provider) -> None:
    await ask(agent_of(provider, lookup_policy, plugins=[Plugin(middleware=[theirs()])]), ASK)


@pytest.mark.parametrize("way", [_of_agent, _per_ask, _of_plugin])
async def test_each_call_has_one_span(recorder, provider, way):
    """One invoke_agent, one execute_tool and one span for each model call, all with the request's ID."""
    await way(provider)

    assert (spans(recorder), len(recorder.traces)) == (ONE_EACH, 1)


async def test_operations_are_facts_all_the_same(recorder, provider):
    """Log lines, metrics and faults are as without it."""
    metrics = (names.AGENT_DURATION, names.TOOL_DURATION, names.MODEL_DURATION)
    before = [measured(recorder, metric) for metric in metrics]

    await ask(agent_of(provider, lookup_policy, middleware=[theirs()]), ASK)

    kinds = [end.operation.kind.value for end in recorder.facts.ends]
    story = {key: recorder.story()[key] for key in ("type", "agent", "tool", "request", "masked")}
    durations = [measured(recorder, metric) - count for metric, count in zip(metrics, before, strict=True)]
    assert (kinds, story, durations, len(recorder.events("model call finished"))) == (
        ["chat", "execute_tool", "chat", "invoke_agent", "request"],
        {"type": "KeyError", "agent": ASSISTANT, "tool": "lookup_policy", "request": "req-42", "masked": [True]},
        [1, 1, 2],
        2,
    )


async def test_turn_outside_any_request(recorder, provider):
    """Without `request()` a turn still has an ID and one trace, below a span of ours that stands for the request."""
    await agent_of(provider, lookup_policy, middleware=[theirs()]).ask(ASK)

    (request_id,) = {request_id for _, _, request_id in spans(recorder)}
    assert (
        [(kind, ours) for kind, ours, _ in spans(recorder)],
        [span.attributes[names.REQUEST_ID] for span in recorder.named("request")],
        len(recorder.traces),
    ) == ([(kind, ours) for kind, ours, _ in ONE_EACH], [request_id], 1)


async def test_failed_turn_is_told_on_the_requests_span(recorder):
    """The request's span carries what the model call failed with; its own span is theirs."""
    with Provider(Status(500, "boom", retry_after=0.001)) as provider, pytest.raises(Exception, match="boom"):
        await agent_of(provider, middleware=[theirs()]).ask("hello")

    (request,) = recorder.named("request")
    keys = (names.ERROR_TYPE, names.FAULT_ID, names.FAULT_AGENT)
    assert [request.attributes[key] for key in keys] == [
        "openai.InternalServerError",
        recorder.fault.id,
        ASSISTANT,
    ]


async def test_fault_is_found_from_their_spans(recorder, provider):
    """Their span has the exception; ours adds what leads from it to the fault, and the log's record leads to it."""
    await ask(agent_of(provider, lookup_policy, middleware=[theirs()]), ASK)

    tool = next(span for span in recorder.spans if span.name == "execute_tool lookup_policy")
    (line,) = recorder.events(names.FAULT_EVENT)
    (found,) = [span for span in recorder.spans if f"{span.context.span_id:016x}" == line["span_id"]]
    assert (
        [event.attributes["exception.type"] for event in tool.events][:1],
        (found.name, found.attributes[names.FAULT_ID], found.attributes[names.FAULT_TYPE]),
        [event for event in found.events if names.FAULT_ID in event.attributes],
    ) == (
        ["KeyError"],
        (f"invoke_agent {ASSISTANT}", recorder.fault.id, "KeyError"),
        [],
    )


@pytest.mark.parametrize(
    ("condition", "theirs_are"), [(ToolCallEvent, ["execute_tool"]), (ModelRequest, ["chat", "chat", "invoke_agent"])]
)
async def test_one_that_makes_only_some_spans(recorder, provider, condition, theirs_are):
    """A middleware with a condition makes the spans for which the condition holds; the others are ours."""
    some = ConditionalMiddleware(theirs(), condition)

    await ask(agent_of(provider, lookup_policy, middleware=[some]), ASK)

    kinds = [kind for kind, _, _ in spans(recorder)]
    assert (kinds, [kind for kind, ours, _ in spans(recorder) if not ours]) == (
        [kind for kind, _, _ in ONE_EACH],
        theirs_are,
    )


async def test_child_without_it_has_spans_of_ours(recorder, provider):
    """Whether it is there is asked of each agent: a child that has none is observed as ever."""
    child = Agent("child", config=config(provider))
    boss = agent_of(provider, child.as_tool(description="Works."), middleware=[theirs()])

    await ask(boss, 'call task_child {"objective": "x"}')

    ours = [span.name for span in recorder.spans if span.instrumentation_scope.name == OURS]
    assert ours == ["request", "invoke_agent child", "chat gpt-4o-mini"]


async def test_requests_at_once(recorder, provider):
    """Twenty turns of one agent at once, each with one span for each call and an ID of its own."""
    agent = agent_of(provider, lookup_policy, middleware=[theirs()])

    await asyncio.gather(*(agent.ask(ASK) for _ in range(20)))

    by_request: dict[str, list[str]] = {}
    for kind, _, request_id in spans(recorder):
        by_request.setdefault(request_id, []).append(kind)
    assert list(by_request.values()) == [[kind for kind, _, _ in ONE_EACH]] * 20
