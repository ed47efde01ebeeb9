"""Where AutoGen 0.7 waits for ever: what it waits for in vain is told before, and the run shows as open."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Handoff
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, SingleThreadedAgentRuntime
from autogen_core.tools import FunctionTool, StaticWorkbench
from support.agentchat import ASSISTANT, Saying, assistant_of, client_of, raising

import autogen_otel
from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.load import load
from autogen_otel.diagnosis.story import Ending, story_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from support.recorder import Recorder

TURNS = 400


class Leaving(BaseException):
    """An exception that is no `Exception`."""


async def cancelled(policy_id: str) -> str:
    """Be cancelled from within."""
    raise asyncio.CancelledError


async def leaving(policy_id: str) -> str:
    """Leave."""
    raise Leaving("gone")


def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return policy_id


class Dropping(StaticWorkbench):
    """A workbench whose connection is lost when a tool is called."""

    async def call_tool(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("call_tool failed")


class Listless(StaticWorkbench):
    """A workbench that lists its tools once."""

    asked = 0

    async def list_tools(self) -> Any:
        self.asked += 1
        if self.asked > 1:
            raise ConnectionError("list_tools failed")
        return await super().list_tools()


async def until_told(recorder: Recorder, running: Coroutine[Any, Any, Any]) -> bool:
    """Run something until a fault is settled; return whether it waits on, and clean up."""
    task = asyncio.ensure_future(running)
    while not recorder.facts.settlements and not task.done():
        await asyncio.wait([task], timeout=0.01)
    # It has had every chance to end by now: nothing else is going on.
    for _ in range(TURNS):
        await asyncio.sleep(0)
    waits = not task.done()
    await clean_up()
    return waits


async def clean_up() -> None:
    """Cancel what waits for ever, and what waits for that."""
    for _ in range(4):
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=0.2)
    gc.collect()


async def ask(agent: Any, task: str, **more: Any) -> None:
    with autogen_otel.request("req-42"):
        await agent.run(task=task, **more)


def first(recorder: Recorder) -> tuple[Any, ...]:
    """Return what was told of the fault, and whether AutoGen is said to have answered on."""
    fault = recorder.facts.settlements[0].fault
    return fault.type, fault.message, fault.agent_name, fault.tool_name, fault.request_id, recorder.masked[0]


def with_workbench(provider: Any, workbench: Any) -> AssistantAgent:
    return AssistantAgent(ASSISTANT, model_client=client_of(provider), workbench=workbench)


@pytest.mark.parametrize(
    ("tool", "type_", "message"),
    [
        (cancelled, "asyncio.exceptions.CancelledError", ""),
        (leaving, f"{Leaving.__module__}.Leaving", "gone"),
    ],
)
async def test_tool_that_raises_no_exception_is_told(recorder, provider, tool, type_, message):
    """T4: what is no `Exception` passes every `except` of AutoGen's, and the agent waits for ever."""
    agent = assistant_of(provider, tool)

    waits = await until_told(recorder, ask(agent, f'call {tool.__name__} {{"policy_id": "p9"}}'))

    assert (waits, first(recorder)) == (True, (type_, message, ASSISTANT, tool.__name__, "req-42", False))


@pytest.mark.parametrize(("workbench", "message"), [(Dropping, "call_tool failed"), (Listless, "list_tools failed")])
async def test_workbench_that_raises_is_told(recorder, provider, workbench, message):
    """T4: a workbench of the application's that raises, instead of answering with an error."""
    agent = with_workbench(provider, workbench([FunctionTool(lookup_policy, "A tool.")]))

    waits = await until_told(recorder, ask(agent, 'call lookup_policy {"policy_id": "p9"}'))

    assert (waits, first(recorder)) == (
        True,
        ("ConnectionError", message, ASSISTANT, "lookup_policy", "req-42", False),
    )


async def test_handoff_with_arguments_that_do_not_fit_is_told(recorder, provider):
    """T4: the arguments of a handoff are validated outside any `except`."""
    agent = AssistantAgent(ASSISTANT, model_client=client_of(provider), handoffs=[Handoff(target="bob")])

    waits = await until_told(recorder, ask(agent, "call transfer_to_bob [1]"))

    type_, _, *rest = first(recorder)
    assert (waits, type_.rpartition(".")[2], rest, recorder.fault.kind.value) == (
        True,
        "ValidationError",
        [ASSISTANT, "transfer_to_bob", "req-42", False],
        "bad_arguments",
    )


async def test_token_that_is_cancelled_while_a_tool_runs_is_told(recorder, provider):
    """T4: cancelling by token ends the tool, and the agent waits for its result for ever."""
    started, token = asyncio.Event(), CancellationToken()

    async def waiting(policy_id: str) -> str:
        """Wait."""
        started.set()
        await asyncio.Event().wait()
        return ""

    async def cancel() -> None:
        await started.wait()
        token.cancel()

    cancelling = asyncio.ensure_future(cancel())
    agent = assistant_of(provider, waiting)
    waits = await until_told(recorder, ask(agent, 'call waiting {"policy_id": "p9"}', cancellation_token=token))

    assert (waits, first(recorder), cancelling.done()) == (
        True,
        ("asyncio.exceptions.CancelledError", "", ASSISTANT, "waiting", "req-42", False),
        True,
    )


@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("error", [asyncio.CancelledError(), Leaving("gone")], ids=lambda error: type(error).__name__)
async def test_member_of_a_team_that_raises_no_exception_is_told(recorder, error, shared):
    """M1: the team waits for the member's answer for ever, on a runtime of its own and on one that it shares."""
    runtime = SingleThreadedAgentRuntime() if shared else None
    if runtime is not None:
        runtime.start()
    team = RoundRobinGroupChat([Saying("b", raising(error))], max_turns=2, runtime=runtime)

    waits = await until_told(recorder, ask(team, "go"))

    assert (waits, first(recorder)[1:]) == (True, (str(error), "b", None, "req-42", False))


async def test_team_that_is_cancelled_by_token_is_no_fault(recorder):
    """A token ends a team while a member waits; that is what it is for."""
    started, token = asyncio.Event(), CancellationToken()

    class Waiting(Saying):
        async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            cancellation_token.link_future(future)
            started.set()
            await future

    running = asyncio.ensure_future(
        ask(RoundRobinGroupChat([Waiting("b")], max_turns=2), "go", cancellation_token=token)
    )
    await started.wait()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert recorder.facts.faults == []


async def test_program_that_ends_while_a_tool_runs_is_no_fault(recorder, provider):
    """The event loop cancels all tasks at its end; the tool has not failed."""
    started = asyncio.Event()

    async def waiting(policy_id: str) -> str:
        """Wait."""
        started.set()
        await asyncio.Event().wait()
        return ""

    running = asyncio.ensure_future(ask(assistant_of(provider, waiting), 'call waiting {"policy_id": "p9"}'))
    await started.wait()
    await clean_up()

    assert (running.cancelled(), recorder.facts.faults) == (True, [])


HANGING = """
import asyncio, os
from support.agentchat import assistant_of
from support.recorder import Facts, listen
import autogen_otel
from autogen_otel.demo.provider import Provider

class Leaving(BaseException): ...

async def leaving(policy_id: str) -> str:
    "Leave."
    raise Leaving("gone")

async def main():
    active, facts = autogen_otel.instrument(), Facts()
    listen(facts)
    with Provider() as provider, autogen_otel.request("req-42"):
        task = asyncio.ensure_future(assistant_of(provider, leaving).run(task='call leaving {"policy_id": "p9"}'))
        while not facts.settlements:
            await asyncio.wait([task], timeout=0.01)
        active.flush()
        # Somebody has lost patience and kills the process.
        os._exit(9)

asyncio.run(main())
"""


def test_run_that_never_ends_is_shown_as_open(tmp_path):
    """The store has the fault, and the request without an end."""
    environ = {"AUTOGEN_OTEL_STORE": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent.parent)}
    killed = subprocess.run([sys.executable, "-c", HANGING], timeout=60, env=environ, capture_output=True, check=False)

    (request,) = requests_in(load(tmp_path))
    story = story_of(request)
    assert (
        killed.returncode,
        story.ending,
        [(fault.chain[0].type, fault.tool_name, fault.masked) for fault in story.faults],
    ) == (
        9,
        Ending.OPEN,
        [("Leaving", "leaving", False)],
    )
