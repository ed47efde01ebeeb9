"""Streams of AutoGen 0.7 that are left, closed, cancelled and interleaved: the span ends, and nothing leaks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from opentelemetry import trace
from support.agentchat import Saying, client_of, operations

import autogen_otel
from autogen_otel.core.facts import Outcome
from autogen_otel.operations.current import current_operation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from support.recorder import Recorder


def agent_of(provider: Any, name: str = "assistant") -> AssistantAgent:
    return AssistantAgent(name, model_client=client_of(provider), model_client_stream=True)


def team_of(provider: Any, name: str = "team") -> RoundRobinGroupChat:
    return RoundRobinGroupChat([Saying("a"), Saying("b")], max_turns=3, name=name)


MAKERS = {"agent": agent_of, "team": team_of}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Make an agent, or a team."""
    return MAKERS[request.param]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail when OpenTelemetry could not detach a context, and when something stays current."""
    yield
    lines = [record for record in caplog.get_records("call") if record.name == "opentelemetry.context"]
    assert (lines, trace.get_current_span().get_span_context().is_valid) == ([], False)


async def settle() -> None:
    """Let the event loop close the generators that nobody holds any more."""
    gc.collect()
    for _ in range(20):
        await asyncio.sleep(0)
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if others:
        await asyncio.wait(others, timeout=5)


def outcomes(recorder: Recorder, *names: str) -> list[tuple[str, str]]:
    """Return how the outermost operations ended."""
    return [
        (end.operation.name, end.outcome.value)
        for end in recorder.facts.ends
        if end.operation.parent_id is None or end.operation.name in names
    ]


async def take(stream: AsyncGenerator[Any, None], count: int) -> None:
    """Take some items of a stream and leave it."""
    async for _ in stream:
        count -= 1
        if count == 0:
            break


def unclosed(recorder: Recorder) -> list[str]:
    """Return the operations that have started and not ended."""
    ended = {end.operation.id for end in recorder.facts.ends}
    return [one.name for one in recorder.facts.operations if one.id not in ended]


async def test_stream_that_is_read_to_its_end(recorder, provider, make):
    """All is well, and the consumer never sees a span of ours."""
    seen = [
        (current_operation(), trace.get_current_span().get_span_context().is_valid)
        async for _ in make(provider).run_stream(task="go")
    ]

    assert (set(seen), {outcome for _, outcome in outcomes(recorder)}, unclosed(recorder)) == (
        {(None, False)},
        {"ok"},
        [],
    )


async def test_stream_that_is_left(recorder, provider, make):
    """`break` without a close: the event loop closes it in another task and context."""
    await take(make(provider).run_stream(task="go"), 2)
    await settle()

    assert (outcomes(recorder)[-1][1], unclosed(recorder), current_operation()) == ("cancelled", [], None)


async def test_stream_that_is_closed(recorder, provider, make):
    """`aclose` in the consumer's own task."""
    async with contextlib.aclosing(make(provider).run_stream(task="go")) as stream:
        await anext(stream)
        await anext(stream)
    await settle()

    assert (outcomes(recorder)[-1][1], unclosed(recorder)) == ("cancelled", [])


async def test_stream_that_another_task_closes(recorder, provider, make):
    """`aclose` in another task leaves nothing current here."""
    stream = make(provider).run_stream(task="go")
    await anext(stream)
    await anext(stream)
    await asyncio.create_task(stream.aclose())
    await settle()

    inside = trace.get_current_span().get_span_context().is_valid
    assert (outcomes(recorder)[-1][1], unclosed(recorder), inside) == ("cancelled", [], False)


async def test_stream_whose_consumer_is_cancelled(recorder, provider, make):
    """Cancelling the consumer while it waits for an item."""
    first = asyncio.Event()

    async def consume() -> None:
        async for _ in make(provider).run_stream(task="go"):
            first.set()
            await asyncio.sleep(0)

    consumer = asyncio.create_task(consume())
    await first.wait()
    consumer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await consumer
    del consumer
    await settle()

    assert (outcomes(recorder)[-1][1], unclosed(recorder)) == ("cancelled", [])


async def test_each_step_in_a_task_of_its_own(recorder, provider, make):
    """`wait_for(anext(...))` runs each step in another context; all of it is one request."""
    stream = make(provider).run_stream(task="go")
    with contextlib.suppress(StopAsyncIteration):
        while True:
            await asyncio.create_task(anext(stream))

    (root,) = [one for one in recorder.facts.operations if one.parent_id is None]
    others = {one.request_id for one in recorder.facts.operations}
    assert (
        others,
        len(recorder.traces - {span.context.trace_id for span in recorder.spans if "create_agent" in span.name}),
    ) == (
        {root.request_id},
        1,
    )


async def test_two_streams_in_turns(recorder, provider, make):
    """Two streams that one task reads in turns stay apart."""
    streams = [make(provider, name).run_stream(task="go") for name in ("first", "second")]
    open_streams = list(streams)
    while open_streams:
        for stream in list(open_streams):
            if await anext(stream, None) is None:
                open_streams.remove(stream)

    roots = [one.name for one in recorder.facts.operations if one.parent_id is None]
    requests = {one.request_id for one in recorder.facts.operations}
    assert (roots, len(requests), unclosed(recorder)) == (["first", "second"], 2, [])


async def test_stream_that_is_left_after_its_result(recorder, provider, make):
    """Who has seen the last item misses nothing: it went well."""
    async for item in make(provider).run_stream(task="go"):
        if isinstance(item, TaskResult):
            break
    await settle()

    assert (outcomes(recorder)[-1][1], unclosed(recorder)) == ("ok", [])


async def test_streamed_answer_that_is_left_still_counts(recorder, provider):
    """The model call below a stream that was left has ended too, as cancelled."""
    await take(agent_of(provider).run_stream(task="a long answer with several words"), 2)
    await settle()

    ends = {(end.operation.kind.value, end.outcome) for end in recorder.facts.ends}
    assert ends == {("invoke_agent", Outcome.CANCELLED), ("chat", Outcome.CANCELLED)}


class Endless(Saying):
    """An agent that never comes to an end."""

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
        await asyncio.Event().wait()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize(
    ("make", "name"), [(lambda: Saying("a"), "a"), (lambda: RoundRobinGroupChat([Endless("a")], name="team"), "team")]
)
def test_stream_whose_loop_is_gone(recorder, make, name):
    """Without a loop that could close it, the span ends when the stream is thrown away."""
    loop = asyncio.new_event_loop()
    stream = make().run_stream(task="go")
    loop.run_until_complete(anext(stream))
    for _ in range(100):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    del stream
    gc.collect()

    assert (outcomes(recorder, name)[-1], unclosed(recorder)) == ((name, "cancelled"), [])


async def test_error_inside_a_stream_comes_out_as_it_is(recorder, make, provider):
    """The consumer's exception, thrown into the stream, passes through."""
    stream = make(provider).run_stream(task="go")
    await anext(stream)

    with pytest.raises(ZeroDivisionError) as caught:
        await stream.athrow(ZeroDivisionError("mine"))
    await settle()

    assert (str(caught.value), unclosed(recorder)) == ("mine", [])


async def test_context_variables_of_the_consumer_reach_the_agent(recorder):
    """What is set before the first step is seen inside; what the agent sets stays with it, from step to step."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen = []

    class Setting(Saying):
        async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
            seen.append(variable.get())
            token = variable.set("inside")
            yield TextMessage(content="first", source=self.name)
            seen.append(variable.get())
            variable.reset(token)
            yield await self.on_messages(messages, cancellation_token)

    variable.set("outside")
    async for _ in Setting("a").run_stream(task="go"):
        seen.append(variable.get())  # noqa: PERF401 - in turns with the agent

    assert (seen, variable.get()) == (["outside", "outside", "outside", "inside", "outside", "outside"], "outside")


async def test_stream_inside_a_request(recorder, provider, make):
    """A stream is a part of the request in which it is begun, though it is closed after that."""
    with autogen_otel.request("req-42"):
        stream = make(provider).run_stream(task="go")
        await anext(stream)
    await stream.aclose()
    await settle()

    assert (operations(recorder)[0], {one.request_id for one in recorder.facts.operations}) == ("request", {"req-42"})
