"""The request goes along into every task, thread and member of a team, and into no other request."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import structlog
from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.tools import FunctionTool
from opentelemetry import trace
from support.agentchat import Saying, assistant_of

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider

if TYPE_CHECKING:
    from support.recorder import Recorder

REQUESTS, AT_ONCE = 200, 20


def note(seen: list[Any]) -> None:
    """Note request, current span and logger's variables, and whether it is another thread."""
    span: Any = trace.get_current_span()
    seen.append(
        (
            autogen_otel.current_request_id(),
            getattr(span, "name", None),
            structlog.contextvars.get_contextvars().get("user"),
            threading.current_thread() is threading.main_thread(),
        )
    )


async def test_sync_tool_keeps_its_context(recorder, provider):
    """AutoGen runs a plain function in an executor, with an empty context."""
    seen: list[Any] = []

    def plain(policy_id: str) -> str:
        """Look around."""
        note(seen)
        return policy_id

    async def coroutine(policy_id: str) -> str:
        """Look around."""
        note(seen)
        return policy_id

    with autogen_otel.request("req-42"), structlog.contextvars.bound_contextvars(user="u7"):
        for tool in (plain, coroutine):
            await assistant_of(provider, tool).run(task=f'call {tool.__name__} {{"policy_id": "p9"}}')

    assert seen == [("req-42", "execute_tool plain", "u7", False), ("req-42", "execute_tool coroutine", "u7", True)]


async def test_sync_tool_with_a_token_keeps_its_context(recorder, provider):
    """A plain function that takes a CancellationToken goes another way into the executor."""
    from autogen_core import CancellationToken

    seen: list[Any] = []

    def cancellable(policy_id: str, cancellation_token: CancellationToken) -> str:
        """Look around."""
        note(seen)
        return policy_id

    # AutoGen resolves the annotations of a tool.
    cancellable.__annotations__ = {"policy_id": str, "cancellation_token": CancellationToken, "return": str}
    with autogen_otel.request("req-42"):
        await FunctionTool(cancellable, "A tool.").run_json({"policy_id": "p9"}, CancellationToken())

    assert seen == [("req-42", "execute_tool cancellable", None, False)]


async def test_sync_input_function_keeps_its_context(recorder):
    """So does a plain input function of a UserProxyAgent."""
    seen: list[Any] = []

    def ask(prompt: str) -> str:
        note(seen)
        return "yes"

    with autogen_otel.request("req-42"):
        await UserProxyAgent("user", input_func=ask).run(task="go")

    assert seen == [("req-42", "await_input user", None, False)]


async def test_objects_of_the_application_are_left_alone(recorder, provider):
    """A tool's function and an agent's input function are the very objects, before and after."""

    def plain(policy_id: str) -> str:
        """Look around."""
        return policy_id

    tool, agent = FunctionTool(plain, "A tool."), UserProxyAgent("user", input_func=input)
    await assistant_of(provider, tool).run(task='call plain {"policy_id": "p9"}')

    assert (tool._func is plain, agent.input_func is input) == (True, True)


async def test_whole_team_is_one_trace(recorder, provider):
    """Members, models, tools and AutoGen's own spans of messages are in the trace of `team.run`, with the ID."""

    def plain(policy_id: str) -> str:
        """Look around."""
        return policy_id

    team = RoundRobinGroupChat([assistant_of(provider, plain), Saying("b")], max_turns=3)
    with autogen_otel.request("req-42"):
        await team.run(task='call plain {"policy_id": "p9"}')

    spans = [span for span in recorder.spans if "create_agent" not in span.name]
    assert (
        len({span.context.trace_id for span in spans}),
        {span.attributes.get(names.REQUEST_ID) for span in spans},
    ) == (1, {"req-42"})


async def test_no_request_id_goes_astray(recorder):
    """200 requests, 20 at once, each with a team of its own and sync and async tools."""
    with Provider() as provider:
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(one_request(provider, gate, number) for number in range(REQUESTS)))

    assert (strangers(recorder), len({span.attributes[names.REQUEST_ID] for span in recorder.named("request")})) == (
        [],
        REQUESTS,
    )


async def one_request(provider: Provider, gate: asyncio.Semaphore, number: int) -> None:
    """Run a team that calls a sync and an async tool with the number of the request."""

    def plain(who: str) -> str:
        """Say who."""
        return who

    async def coroutine(who: str) -> str:
        """Say who."""
        await asyncio.sleep(0)
        return who

    async with gate:
        with autogen_otel.request(f"req-{number}"), structlog.contextvars.bound_contextvars(who=f"req-{number}"):
            agent = assistant_of(provider, plain, coroutine)
            team = RoundRobinGroupChat([agent, Saying("b")], max_turns=2)
            calls = [f'call {tool} {{"who": "req-{number}"}}' for tool in ("plain", "coroutine")]
            result = await team.run(task="\n".join([f"[rq:req-{number}]", *calls]))
            assert f"req-{number}" in str(result.messages[-2].content)


def strangers(recorder: Recorder) -> list[str]:
    """Return what carries one request's ID and another one's data."""
    found = []
    roots = {
        span.context.trace_id: span.attributes[names.REQUEST_ID] for span in recorder.spans if span.name == "request"
    }
    for span in recorder.spans:
        request_id = (span.attributes or {}).get(names.REQUEST_ID)
        if "create_agent" not in span.name and request_id != roots.get(span.context.trace_id):
            found.append(f"{span.name} {request_id}")
    for line in recorder.logs:
        told = set(re.findall(r"req-\d+", str(line))) - {line.get("request_id")}
        if told:
            found.append(f"{line['event'][:80]} {line.get('request_id')} {told}")
    return found
