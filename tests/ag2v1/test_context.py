"""The request goes along through every task and thread of ag2, and two requests never mix."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from support.ag2 import ASSISTANT, agent_of, ask, config

import autogen_otel
from autogen_otel.core import names
from autogen_otel.operations.current import current_operation

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent, TaskConfig, observer
from ag2.events import ModelResponse

_app = logging.getLogger("app")
ASK = "call look {}\ncall alook {}"


class Witness:
    """Tools and an observer that tell what the context says where they run."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

        def look() -> str:
            """Look."""
            self.look_from("tool")
            return "seen"

        async def alook() -> str:
            """Look."""
            self.look_from("async tool")
            return "seen"

        self.tools = (look, alook)
        self.observer = observer(ModelResponse, lambda event: self.look_from("observer"))

    def look_from(self, place: str) -> None:
        """Note what the context says here, and log a line."""
        _app.warning("seen from %s", place)
        span = trace.get_current_span()
        self.seen.append(
            (
                place,
                autogen_otel.current_request_id(),
                structlog.contextvars.get_contextvars().get("tenant"),
                span.name if place != "observer" else None,
            )
        )


async def test_request_is_seen_everywhere(recorder, provider):
    """Tools in threads, tools in tasks and observers see the request and their span; every line carries it."""
    witness = Witness()
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        await ask(agent_of(provider, *witness.tools, observers=[witness.observer]), ASK)

    assert (
        set(witness.seen),
        set(recorder.request_ids()),
        len(recorder.traces),
        {line.get("request_id") for line in recorder.logs if line["logger"] in {"app", "autogen_otel"}},
    ) == (
        {
            ("tool", "req-42", "acme", "execute_tool look"),
            ("async tool", "req-42", "acme", "execute_tool alook"),
            ("observer", "req-42", "acme", None),
        },
        {"req-42"},
        1,
        {"req-42"},
    )


async def test_agent_and_tool_are_right_on_every_line(recorder, provider):
    """A line logged inside a tool carries the tool and the agent that runs it, also in a subtask."""
    witness = Witness()
    child = Agent("child", config=config(provider), tools=list(witness.tools))
    boss = agent_of(provider, *witness.tools, child.as_tool(description="Looks."), tasks=TaskConfig())

    await ask(boss, f'{ASK}\ncall task_child {{"objective": "call look {{}}"}}')

    found = {(line.get("agent_name"), line.get("tool_name")) for line in recorder.logs if line["logger"] == "app"}
    assert found == {(ASSISTANT, "look"), (ASSISTANT, "alook"), ("child", "look")}


async def test_turn_leaves_nothing_behind(recorder, provider):
    """After a turn, a failed one and one that was never driven, no operation is current and each has ended."""
    agent = agent_of(provider)
    async with agent.run("hello"):
        inside = current_operation()
    await agent.ask("hello")
    with pytest.raises(Exception, match="model"):
        await Agent("nobody").ask("hello")

    ended = {end.operation.id for end in recorder.facts.ends}
    assert (inside, current_operation(), [one.name for one in recorder.facts.operations if one.id not in ended]) == (
        None,
        None,
        [],
    )


async def test_turn_outside_any_request_opens_one(recorder, provider):
    """Without `request()` each turn is a request of its own, with an ID of its own."""
    agent = agent_of(provider)

    await agent.ask("hello")
    await agent.ask("hello")

    assert (len(recorder.traces), len(recorder.request_ids())) == (2, 2)


async def test_two_agents_of_one_name_are_told_apart(recorder, provider):
    """The agent's span carries the number of the object."""
    one, other = agent_of(provider), agent_of(provider)
    for agent in (one, other, one):
        await agent.ask("hello")

    first, second, third = (
        span.attributes[names.AGENT_INSTANCE] for span in recorder.named(f"invoke_agent {ASSISTANT}")
    )
    assert (first == third, first == second) == (True, False)


def _look(number: int) -> str:
    """Look."""
    _app.warning("inside %d", number)
    return f"seen {number}"


async def _alook(number: int) -> str:
    """Look."""
    await asyncio.sleep(0)
    return _look(number)


async def _serve(agent: Any, number: int) -> None:
    with autogen_otel.request(f"req-{number}"):
        tool = ("look", "alook")[number % 2]
        reply = await agent.ask(f'[rq:{number}]\ncall {tool} {{"number": {number}}}')
    assert f"seen {number} TERMINATE" in reply.body


def _shared(provider: Any) -> Any:
    tools = [ag2.tool(_look, name="look"), ag2.tool(_alook, name="alook")]
    return Agent(ASSISTANT, config=config(provider), tools=tools)


def _foreign(recorder: Any) -> list[Any]:
    """Return each span and line that does not belong to the request that it names."""
    owner = {}
    for span in recorder.spans:
        if span.name == "request":
            owner[span.context.trace_id] = span.attributes[names.REQUEST_ID]
    spans = [span.name for span in recorder.spans if owner[span.context.trace_id] != span.attributes[names.REQUEST_ID]]
    by_trace = {f"{trace_id:032x}": request_id for trace_id, request_id in owner.items()}
    lines = [
        line
        for line in recorder.logs
        if ("trace_id" in line and by_trace[line["trace_id"]] != line["request_id"])
        or (line["event"].startswith("inside") and line["request_id"] != "req-" + line["event"].split()[1])
    ]
    return spans + lines


def test_200_requests_of_one_agent_at_20_tasks_do_not_mix(recorder, provider):
    """One Agent may serve any number of requests at once; no span and no line carries a foreign request ID."""
    agent = _shared(provider)

    async def serve() -> None:
        gate = asyncio.Semaphore(20)

        async def one(number: int) -> None:
            async with gate:
                await _serve(agent, number)

        await asyncio.gather(*(one(number) for number in range(200)))

    asyncio.run(serve())

    assert (_foreign(recorder), len(recorder.named("request")), len(recorder.events("inside 7"))) == ([], 200, 1)


def test_200_requests_of_one_agent_at_20_threads_do_not_mix(recorder, provider):
    """The same with an event loop for each request, in 20 threads."""
    agent = _shared(provider)

    with ThreadPoolExecutor(20) as executor:
        list(executor.map(lambda number: asyncio.run(_serve(agent, number)), range(200)))

    assert (_foreign(recorder), len(recorder.named("request")), len(recorder.events("inside 7"))) == ([], 200, 1)
