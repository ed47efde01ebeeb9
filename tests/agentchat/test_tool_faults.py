"""Each place where AutoGen 0.7 makes a text of a tool's exception, or of a tool call that never reached a tool."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core import AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from autogen_core.models import FunctionExecutionResultMessage, UserMessage
from autogen_core.tool_agent import ToolAgent, ToolException, tool_agent_caller_loop
from autogen_core.tools import FunctionTool, StaticWorkbench, TextResultContent, ToolResult, Workbench
from support.agentchat import ASSISTANT, Saying, assistant_of, client_of, line_of, raising, told

import autogen_otel
from autogen_otel.core import names

POLICIES: dict[str, str] = {}


class PolicyError(Exception):
    """An exception of the application."""


def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return POLICIES[policy_id]


async def alookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return POLICIES[policy_id]


def wordless(policy_id: str) -> str:
    """Fail without a word."""
    raise ValueError


def late(policy_id: str) -> str:
    """Fail with a timeout, which has no text."""
    raise TimeoutError


def wrapped(policy_id: str) -> str:
    """Fail with an exception of the application."""
    try:
        return POLICIES[policy_id]
    except KeyError as error:
        raise PolicyError("no such policy") from error


class Unprintable:
    """A result of which no text can be made."""

    def __str__(self) -> str:
        raise OSError("no text")


def unprintable(policy_id: str) -> Any:
    """Return something that cannot be sent to the model."""
    return Unprintable()


FAILING = {lookup_policy: "return POLICIES", alookup_policy: "return POLICIES", wordless: "raise", late: "raise"}


def story(tool: str, type_: str, message: str, **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "message": message,
        "function": tool,
        "agent": ASSISTANT,
        "tool": tool,
        "request": "req-42",
        "kind": "raised",
        "masked": [True],
        **more,
    }


def called(tool: Any, arguments: str = '{"policy_id": "p9"}') -> str:
    return f"call {getattr(tool, '__name__', tool)} {arguments}"


async def ask(agent: Any, task: str) -> str:
    """Run an agent in request req-42 and return its last text."""
    with autogen_otel.request("req-42"):
        result = await agent.run(task=task)
    return str(result.messages[-1].content)


async def ask_stream(agent: Any, task: str) -> str:
    """The same by its stream."""
    last = ""
    with autogen_otel.request("req-42"):
        async for item in agent.run_stream(task=task):
            last = str(getattr(item, "content", last))
    return last


@pytest.mark.parametrize("asking", [ask, ask_stream])
@pytest.mark.parametrize(
    ("tool", "type_", "message"),
    [
        (lookup_policy, "KeyError", "'p9'"),
        (alookup_policy, "KeyError", "'p9'"),
        (wordless, "ValueError", ""),
        (late, "TimeoutError", ""),
    ],
)
async def test_exception_of_a_tool_is_told(recorder, provider, tool, type_, message, asking):
    """T1: the workbench keeps `str(error)` only, which may be empty; the exception is told with its line."""
    answer = await asking(assistant_of(provider, tool), called(tool))

    place = f"{__file__}:{line_of(tool, FAILING[tool])}"
    assert (told(recorder), answer) == (
        story(tool.__name__, type_, message, place=place),
        f"{message} TERMINATE".strip(),
    )


async def test_exception_of_a_tool_in_a_static_workbench_is_told(recorder, provider):
    """T1: a workbench that does not stream keeps no more."""
    workbench = StaticWorkbench([FunctionTool(lookup_policy, "A tool.")])
    agent = AssistantAgent(ASSISTANT, model_client=client_of(provider), workbench=workbench)

    await ask(agent, called(lookup_policy))

    assert recorder.story() == story("lookup_policy", "KeyError", "'p9'")


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("asking", [ask, ask_stream])
async def test_coroutine_that_nobody_awaits_is_told(recorder, provider, asking):
    """A tool that returns a coroutine gives the model `<coroutine object ...>`."""

    def forgetful(policy_id: str) -> str:
        return alookup_policy(policy_id)  # type: ignore[return-value]

    await asking(assistant_of(provider, forgetful), called(forgetful))

    text = "coroutine 'alookup_policy' was never awaited"
    assert recorder.story() == story("forgetful", "RuntimeWarning", text, function=None)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_coroutine_in_the_text_of_a_result_is_told(recorder, provider):
    """A tool that puts one into its answer; a text that only looks like that is no fault."""

    def forgetful(policy_id: str) -> str:
        return f"the policy is {alookup_policy(policy_id)}"

    def quoting(policy_id: str) -> str:
        return "a user wrote: <coroutine object alookup_policy at 0x7f00>"

    agent = assistant_of(provider, forgetful, quoting)
    await ask(agent, "\n".join((called(forgetful), called(quoting))))

    assert recorder.story()["tool"] == "forgetful"


async def test_cause_chain_is_kept(recorder, provider):
    """An exception raised from another one carries it as its cause."""
    await ask(assistant_of(provider, wrapped), called(wrapped))

    links = [(data.type.rpartition(".")[2], data.link, data.frames[-1].function) for data in recorder.fault.chain]
    assert links == [("PolicyError", "", "wrapped"), ("KeyError", "cause", "wrapped")]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no exception groups")
async def test_members_of_an_exception_group_are_told(recorder, provider):
    """T1: AutoGen runs the texts of a group's members together; each is told."""

    async def several(policy_id: str) -> str:
        """Fail in several ways."""
        raise ExceptionGroup("several", [KeyError("a"), ValueError("b")])  # noqa: F821 - not before Python 3.11

    answer = await ask(assistant_of(provider, several), called(several))

    members = [(data.type, data.message) for data in recorder.fault.chain[0].members]
    assert (members, answer) == ([("KeyError", "'a'"), ("ValueError", "b")], "'a'b TERMINATE")


async def test_result_without_a_text_is_told(recorder, provider):
    """T1: a result of which no text can be made is the same failure to the model."""
    await ask(assistant_of(provider, unprintable), called(unprintable))

    assert recorder.story() == story("unprintable", "OSError", "no text", function="__str__")


async def test_arguments_that_do_not_fit_are_the_models_fault(recorder, provider):
    """T1: pydantic refuses the arguments before the tool is entered."""
    await ask(assistant_of(provider, lookup_policy), called(lookup_policy, '{"wrong": 1}'))

    fault = recorder.story()
    assert (fault["type"], fault["kind"], fault["tool"], fault["function"], fault["masked"]) == (
        "pydantic_core._pydantic_core.ValidationError",
        "bad_arguments",
        "lookup_policy",
        "model_validate",
        [True],
    )


async def test_validation_error_of_the_tool_itself_is_the_tools(recorder, provider):
    """A ValidationError that the tool's own code raises is no fault of the model's."""

    async def validating(policy_id: str) -> str:
        """Validate something else."""
        from pydantic import TypeAdapter

        return str(TypeAdapter(int).validate_python(policy_id))

    await ask(assistant_of(provider, validating), called(validating))

    assert recorder.fault.kind.value == "raised"


async def test_arguments_that_are_no_json_are_the_models_fault(recorder, provider):
    """T2: broken JSON never reaches a tool, a span or a log line of AutoGen's."""
    await ask(assistant_of(provider, lookup_policy), called(lookup_policy, '{"policy_id": '))

    assert recorder.story() == story(
        "lookup_policy",
        "json.decoder.JSONDecodeError",
        "Expecting value: line 1 column 14 (char 13)",
        kind="bad_arguments",
        function=None,
    )


async def test_unknown_tool_is_no_exception_of_a_tool(recorder, provider):
    """T3: a tool that the model made up is told as such."""
    await ask(assistant_of(provider, lookup_policy), called("nope", "{}"))

    (span,) = recorder.named("execute_tool nope")
    assert (recorder.story(), span.attributes[names.TOOL_KNOWN]) == (
        story(
            "nope",
            "unknown_tool",
            "tool 'nope' not found in any workbench",
            kind="unknown_tool",
            function=None,
        ),
        False,
    )


async def test_tool_error_of_a_custom_workbench_is_told(recorder, provider):
    """A workbench of the application's that says `is_error` has failed, though there is no exception."""
    agent = AssistantAgent(ASSISTANT, model_client=client_of(provider), workbench=Refusing())

    await ask(agent, called("refuse", "{}"))

    assert recorder.story() == story("refuse", "tool_error", "refused", kind="returned", function=None)


class Refusing(Workbench):
    """A workbench whose only tool says that it has failed."""

    async def list_tools(self) -> Any:
        return [{"name": "refuse", "description": "Refuse.", "parameters": {"type": "object", "properties": {}}}]

    async def call_tool(self, name: Any, arguments: Any = None, cancellation_token: Any = None, call_id: Any = None):
        return ToolResult(name=name, result=[TextResultContent(content="refused")], is_error=True)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def reset(self) -> None:
        pass

    async def save_state(self) -> Any:
        return {}

    async def load_state(self, state: Any) -> None:
        pass

    def _to_config(self) -> Any:
        raise NotImplementedError

    @classmethod
    def _from_config(cls, config: Any) -> Any:
        raise NotImplementedError


async def tool_agent(*tools: FunctionTool) -> tuple[SingleThreadedAgentRuntime, AgentId]:
    """Return a runtime with a core agent that runs tools."""
    runtime = SingleThreadedAgentRuntime()
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("It runs tools.", list(tools)))
    runtime.start()
    return runtime, AgentId("tools", "default")


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("lookup_policy", '{"policy_id": "p9"}', ("KeyError", "'p9'", "raised")),
        ("nope", "{}", ("unknown_tool", "Error: Tool not found: nope", "unknown_tool")),
        (
            "lookup_policy",
            "{",
            (
                "json.decoder.JSONDecodeError",
                "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
                "bad_arguments",
            ),
        ),
    ],
)
async def test_failure_behind_a_tool_agent_is_told(recorder, name, arguments, expected):
    """T8: a core ToolAgent raises a ToolException whose text is empty."""
    with autogen_otel.request("req-42"), pytest.raises(ToolException) as caught:
        runtime, agent = await tool_agent(FunctionTool(lookup_policy, "A tool."))
        await runtime.send_message(FunctionCall(id="call_1", name=name, arguments=arguments), agent)
    await runtime.stop()

    fault, calls = recorder.story(), recorder.named(f"execute_tool {name}")
    assert (
        str(caught.value),
        (fault["type"], fault["message"], fault["kind"]),
        fault["tool"],
        fault["request"],
        [span.attributes[names.TOOL_CALL_ID] for span in calls],
    ) == ("", expected, name, "req-42", ["call_1"])


async def test_failure_in_the_caller_loop_is_told(recorder, provider):
    """T9: the loop of core agents sends `Error: ` to the model and nothing else."""
    tool = FunctionTool(lookup_policy, "A tool.")
    with autogen_otel.request("req-42"):
        runtime, agent = await tool_agent(tool)
        messages = await tool_agent_caller_loop(
            runtime,
            tool_agent_id=agent,
            model_client=client_of(provider),
            input_messages=[UserMessage(content=called(lookup_policy), source="user")],
            tool_schema=[tool],
        )
    await runtime.stop()

    results = [one.content for one in messages if isinstance(one, FunctionExecutionResultMessage)]
    place = f"{__file__}:{line_of(lookup_policy, FAILING[lookup_policy])}"
    # What the loop of the application's asks its own tools has reached it as an exception, though it went on.
    assert ([one.content for one in results[0]], told(recorder)) == (
        ["Error: "],
        story("lookup_policy", "KeyError", "'p9'", place=place, agent="tools", masked=[False]),
    )


async def test_failure_inside_an_agent_as_tool_is_told(recorder, provider):
    """T10: the outer tool call looks well, for the inner agent has answered on its tool's error."""
    inner = assistant_of(provider, lookup_policy, name="inner")
    outer = assistant_of(provider, AgentTool(inner))

    await ask(outer, f"call inner {json.dumps({'task': called(lookup_policy)})}")

    (span,) = recorder.named("execute_tool inner")
    assert (recorder.story(), span.status.status_code.name) == (
        story("lookup_policy", "KeyError", "'p9'", agent="inner"),
        "UNSET",
    )


async def test_failure_of_a_team_as_tool_is_told(recorder, provider):
    """T10: the model gets the whole traceback of the team; the exception of its member is told, once."""
    team = RoundRobinGroupChat([Saying("member", raising(OSError("disk")))], max_turns=1)
    tool = TeamTool(team, name="team", description="A team.")

    answer = await ask(assistant_of(provider, tool), 'call team {"task": "go"}')

    assert (recorder.story(), "Traceback" in answer) == (
        {**story("fail", "OSError", "disk", agent="member"), "tool": None},
        True,
    )


async def test_tool_run_directly_is_told(recorder):
    """An agent of another kind runs a tool past any workbench."""
    tool = FunctionTool(lookup_policy, "A tool.")

    with autogen_otel.request("req-42"), pytest.raises(KeyError):
        await tool.run_json({"policy_id": "p9"}, CancellationToken(), call_id="call_1")

    assert (recorder.story(), len(recorder.named("execute_tool lookup_policy"))) == (
        story("lookup_policy", "KeyError", "'p9'", agent=None, masked=[False]),
        1,
    )


async def test_tool_that_calls_a_tool_is_two_calls(recorder, provider):
    """The inner call has a span of its own, and its failure is not the outer one's when that answers on it."""
    inner = FunctionTool(lookup_policy, "A tool.")

    async def careful(policy_id: str) -> str:
        """Look a policy up, if there is one."""
        try:
            return str(await inner.run_json({"policy_id": policy_id}, CancellationToken()))
        except KeyError:
            return "none"

    answer = await ask(assistant_of(provider, careful), called(careful))

    calls = [(span.name, span.status.status_code.name) for span in recorder.spans if "execute_tool" in span.name]
    assert (answer, calls, recorder.masked) == (
        "none TERMINATE",
        [("execute_tool careful", "UNSET"), ("execute_tool lookup_policy", "ERROR")],
        [True],
    )


async def test_parallel_calls_are_told_apart(recorder, provider):
    """Two calls of one tool in one answer of the model have a span and a fault each."""
    await ask(
        assistant_of(provider, alookup_policy),
        "\n".join(called(alookup_policy, json.dumps({"policy_id": one})) for one in ("p8", "p9")),
    )

    ids = [span.attributes[names.TOOL_CALL_ID] for span in recorder.named("execute_tool alookup_policy")]
    assert (sorted(fault.message for fault in recorder.facts.faults), len(set(ids))) == (["'p8'", "'p9'"], 2)


async def test_agent_made_before_instrument_is_covered(application, provider):
    """Agents and tools made before `instrument()` are observed alike."""
    autogen_otel.uninstrument()
    agent = assistant_of(provider, lookup_policy)
    autogen_otel.instrument()
    application.spans.clear()

    await agent.run(task=called(lookup_policy))

    found = [span for span in application.spans.get_finished_spans() if span.attributes.get("error.type") == "KeyError"]
    assert [span.name for span in found] == ["execute_tool lookup_policy"]


async def test_uninstrumented_agent_is_silent(recorder, provider):
    """After `uninstrument()` an agent that was observed is not any more."""
    agent = assistant_of(provider, lookup_policy)
    autogen_otel.uninstrument()

    await agent.run(task=called(lookup_policy))

    assert recorder.facts.operations == []


async def test_cancelled_run_is_no_fault_of_the_tool(recorder, provider):
    """A consumer that gives up while a tool runs has cancelled it; nothing is told as raised."""
    started, release = asyncio.Event(), asyncio.Event()

    async def waiting(policy_id: str) -> str:
        """Wait."""
        started.set()
        await release.wait()
        return "done"

    running = asyncio.ensure_future(ask(assistant_of(provider, waiting), called(waiting)))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    release.set()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))

    assert recorder.facts.faults == []
