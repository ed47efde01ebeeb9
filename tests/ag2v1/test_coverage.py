"""What a turn of ag2 looks like as a tree of spans, whichever way it is driven."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from support.ag2 import ASSISTANT, agent_of, config

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Hang, Provider, Sequence, Text

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Context, ResponseSchema
from ag2.events import HumanInputRequest, ModelMessageChunk, ModelRequest
from ag2.testing import TestConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

ASK = "call look {}"
CHAT = ["    chat gpt-4o-mini", "      POST"]
TURN = [f"  invoke_agent {ASSISTANT}", *CHAT, "    execute_tool look", *CHAT]


def look() -> str:
    """Look."""
    return "seen"


async def _ask(agent: Any) -> None:
    await agent.ask(ASK)


async def _run(agent: Any) -> None:
    async with agent.run(ASK) as run:
        await run.result()


async def _start(agent: Any) -> None:
    async with agent.run(ASK) as run:
        run.start()
        await run.result()
        await run.result()


async def _resume(agent: Any) -> None:
    await agent.resume(ModelRequest.ensure_request([ASK]))


DRIVERS: dict[str, Callable[[Any], Any]] = {"ask": _ask, "run": _run, "start": _start, "resume": _resume}


@pytest.mark.parametrize("driver", DRIVERS)
async def test_turn_with_a_tool(recorder, provider, driver):
    """Ask, run, start or resume: the same tree."""
    with autogen_otel.request("req-42"):
        await DRIVERS[driver](agent_of(provider, look))

    assert recorder.tree() == ["request", *TURN]


async def test_conversation_that_goes_on(recorder, provider):
    """`reply.ask` is another turn."""
    with autogen_otel.request("req-42"):
        reply = await agent_of(provider, look).ask("hello")
        await reply.ask(ASK)

    assert recorder.tree() == ["request", f"  invoke_agent {ASSISTANT}", *CHAT, *TURN]


async def test_tools_called_at_once_stand_side_by_side(recorder, provider):
    """Two tool calls of one answer are siblings."""
    with autogen_otel.request("req-42"):
        await agent_of(provider, look).ask(f"{ASK}\n{ASK}")

    tools = recorder.named("execute_tool look")
    assert (len(tools), len({span.parent.span_id for span in tools})) == (2, 1)


async def test_streaming(recorder, provider):
    """A streamed answer is one model call that lasts until its end, and tells as much."""
    chunks = []
    agent = agent_of(provider, config=config(provider, streaming=True))

    with autogen_otel.request("req-42"):
        async with agent.run("hello") as run:
            run.stream.where(ModelMessageChunk).subscribe(lambda event: chunks.append(event.content))
            reply = await run.result()

    (span,) = recorder.named("chat gpt-4o-mini")
    assert (
        "".join(chunks) == reply.body,
        recorder.tree(),
        span.attributes[names.REQUEST_STREAM],
        span.attributes[names.FINISH_REASONS],
    ) == (True, ["request", f"  invoke_agent {ASSISTANT}", *CHAT], True, ("stop",))


async def test_wait_for_a_human_is_not_the_tools_time(recorder, provider):
    """Asking a human stands below the tool that asks."""

    async def confirm(context: Context) -> str:
        """Ask the human."""
        return await context.input("sure?")

    def hook(event: HumanInputRequest) -> str:
        return "yes"

    with autogen_otel.request("req-42"):
        await agent_of(provider, confirm, hitl_hook=hook).ask("call confirm {}")

    assert recorder.tree() == [
        "request",
        f"  invoke_agent {ASSISTANT}",
        *CHAT,
        "    execute_tool confirm",
        f"      await_input {ASSISTANT}",
        *CHAT,
    ]


async def test_answer_that_fits_at_the_second_attempt(recorder):
    """`content(retries=)` sends the answer back unseen; that, the other turn and what did not fit are told."""
    with Provider(Sequence([Text("no number"), Text('{"data": 7}')])) as provider, autogen_otel.request("req-42"):
        reply = await agent_of(provider, response_schema=ResponseSchema(int)).ask("how many?")
        content = await reply.content(retries=1)

    assert (content, recorder.tree(), recorder.fault.type.rpartition(".")[2], recorder.masked) == (
        7,
        [
            "request",
            f"  invoke_agent {ASSISTANT}",
            *CHAT,
            "  invoke_workflow structured output",
            "    invoke_workflow validation!",
            f"    invoke_agent {ASSISTANT}",
            *(f"  {line}" for line in CHAT),
        ],
        "ValidationError",
        [True],
    )


async def test_answer_that_never_fits(recorder):
    """The last failure reaches the application and is not masked; it is one fault."""
    with (
        Provider(Text("no number")) as provider,
        pytest.raises(Exception, match="validation error") as caught,
        autogen_otel.request("req-42"),
    ):
        reply = await agent_of(provider, response_schema=ResponseSchema(int)).ask("how many?")
        await reply.content()

    fault = recorder.fault
    assert (fault.type.rpartition(".")[2], fault.agent_name, fault.request_id, recorder.masked) == (
        type(caught.value).__name__,
        ASSISTANT,
        "req-42",
        [False],
    )


async def test_text_answer_is_no_structured_output(recorder, provider):
    """`content()` without a schema is the text, and no operation."""
    with autogen_otel.request("req-42"):
        await (await agent_of(provider).ask("hello")).content()

    assert recorder.tree() == ["request", f"  invoke_agent {ASSISTANT}", *CHAT]


async def test_client_of_the_applications_own(recorder):
    """A model client that ag2 does not bring is observed through the middleware all the same."""
    with autogen_otel.request("req-42"):
        await ag2.Agent(ASSISTANT, config=TestConfig("fine")).ask("hello")

    (span,) = [span for span in recorder.spans if span.name.startswith("chat ")]
    assert (recorder.tree(_kind)[1:], span.attributes[names.PROVIDER_NAME]) == (
        ["  invoke_agent", "    chat"],
        "TestClient",
    )


def _kind(span: ReadableSpan) -> str:
    return span.name.split()[0]


async def test_cancelled_turn_is_no_fault(recorder):
    """A turn that is cancelled ends as cancelled, from the model call up, and is current no longer."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(chat: Any) -> Hang:
        loop.call_soon_threadsafe(asked.set)
        return Hang()

    with Provider(hang) as provider, autogen_otel.request("req-42"):
        task = asyncio.ensure_future(agent_of(provider).ask("hello"))
        await asyncio.wait_for(asked.wait(), 10)
        task.cancel()
        await asyncio.wait([task])

    outcomes = {end.operation.kind.value: end.outcome.value for end in recorder.facts.ends}
    assert (task.cancelled(), recorder.facts.faults, outcomes) == (
        True,
        [],
        {"chat": "cancelled", "invoke_agent": "cancelled", "request": "ok"},
    )


async def test_uninstrumented_agent_is_as_before(recorder, provider):
    """After `uninstrument()` an agent that was observed is observed no more, and works."""
    agent = agent_of(provider, look)
    await agent.ask(ASK)
    autogen_otel.uninstrument()
    before = len(recorder.spans)

    reply = await agent.ask(ASK)

    assert (reply.body, len(recorder.spans)) == ("seen TERMINATE", before)
