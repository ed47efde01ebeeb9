"""Each place where ag2 makes an event, and a text for the model, of a tool's exception."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, chain, fail, told, wrong

import autogen_otel
from autogen_otel.core import names

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Context, Middleware, exceptions, observer, tool
from ag2.events import HumanInputRequest, ToolCallEvent, ToolErrorEvent, ToolResultEvent
from ag2.middleware import BaseMiddleware

POLICIES: dict[str, str] = {}
# Before, a human who does not answer was a tool that failed.
ENDS_THE_TURN = hasattr(exceptions, "HumanInputFailedError")
CALL = 'call lookup_policy {"policy_id": "p9"}'


class PolicyError(Exception):
    """An exception of the application."""


def lookup_policy(policy_id: str) -> str:
    """Look up a policy."""
    return POLICIES[policy_id]


async def alookup_policy(policy_id: str) -> str:
    """Look up a policy."""
    return POLICIES[policy_id]


def wrapped(policy_id: str) -> str:
    """Look up a policy."""
    try:
        return POLICIES[policy_id]
    except KeyError as error:
        raise PolicyError("no such policy") from error


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


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_coroutine_in_the_text_of_a_result_is_told(recorder, provider):
    """A tool that puts one into its answer."""

    def forgetful(policy_id: str) -> str:
        return f"the policy is {alookup_policy(policy_id)}"

    await ask(agent_of(provider, forgetful), 'call forgetful {"policy_id": "p9"}')

    text = "coroutine 'alookup_policy' was never awaited"
    assert recorder.story() == story("forgetful", "RuntimeWarning", text, function=None)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_coroutine_that_nobody_awaits_is_told(recorder, provider):
    """A tool that returns a coroutine; ag2 then fails to make JSON of it, which ends the turn."""

    async def forgetful(policy_id: str) -> str:
        return alookup_policy(policy_id)  # type: ignore[return-value]

    await fail(agent_of(provider, forgetful), 'call forgetful {"policy_id": "p9"}')

    assert [(fault.tool_name, fault.message) for fault in recorder.facts.faults] == [
        ("forgetful", "coroutine 'alookup_policy' was never awaited"),
        (None, "Unable to serialize unknown type: <class 'coroutine'>"),
    ]


@pytest.mark.parametrize("tool", [lookup_policy, alookup_policy])
async def test_exception_of_a_tool(recorder, provider, tool):
    """The KeyError is recorded of which ag2 sends the whole traceback to the model."""
    answer = await ask(agent_of(provider, tool), f'call {tool.__name__} {{"policy_id": "p9"}}')

    assert (recorder.story(), "KeyError: 'p9'" in answer) == (story(tool.__name__, "KeyError", "'p9'"), True)


async def test_raising_line_is_that_of_the_tool(recorder, provider):
    """The last frame is the line of the tool that raised, with its file and source."""
    await ask(agent_of(provider, lookup_policy), CALL)

    frame = recorder.fault.raised_at
    line = lookup_policy.__code__.co_firstlineno + 2
    assert (frame.file, frame.line, frame.source) == (__file__, line, "return POLICIES[policy_id]")


async def test_cause_chain_is_kept(recorder, provider):
    """An exception raised from another one carries it as its cause."""
    await ask(agent_of(provider, wrapped), 'call wrapped {"policy_id": "p9"}')

    types = [(type_.rpartition(".")[2], link) for type_, link in chain(recorder)]
    assert types == [("PolicyError", ""), ("KeyError", "cause")]


async def test_agent_made_before_instrument_is_covered(application, provider):
    """Agents and tools made before `instrument()` are observed alike, and left as they were made."""
    agent = agent_of(provider, lookup_policy)
    before = list(agent._middleware)
    autogen_otel.instrument()
    application.spans.clear()

    await ask(agent, CALL)

    types = [span.attributes.get("error.type") for span in application.spans.get_finished_spans()]
    assert (types.count("KeyError"), agent._middleware == before) == (1, True)


async def test_call_id_is_that_of_the_model(recorder, provider):
    """The call's ID leads from the tool's span to the message of the model."""
    await ask(agent_of(provider, lookup_policy), CALL)

    (span,) = recorder.named("execute_tool lookup_policy")
    assert (span.attributes[names.TOOL_CALL_ID], span.attributes[names.TOOL_TYPE]) == ("call_1_1", "function")


async def test_unknown_tool_is_no_exception_of_a_tool(recorder, provider):
    """A tool that the model made up is told as such, though no middleware of ag2 ever sees the call."""
    await ask(agent_of(provider, lookup_policy), "call nope {}")

    (span,) = recorder.named("execute_tool nope")
    assert (recorder.story(), span.attributes[names.TOOL_KNOWN]) == (
        story("nope", "unknown_tool", "Tool `nope` not found", kind="unknown_tool", function=None),
        False,
    )


@pytest.mark.parametrize(
    ("arguments", "type_"),
    [
        ("{}", "pydantic_core._pydantic_core.ValidationError"),
        ('{"policy_id": {"a": 1}}', "pydantic_core._pydantic_core.ValidationError"),
        ("[1]", "TypeError"),
        ("null", "TypeError"),
    ],
)
async def test_arguments_that_do_not_fit_are_the_models_fault(recorder, provider, arguments, type_):
    """Arguments that never reach the tool's own code are told apart from a tool that raised."""
    await ask(agent_of(provider, lookup_policy), f"call lookup_policy {arguments}")

    fault = recorder.fault
    assert (fault.kind.value, fault.type, fault.tool_name) == ("bad_arguments", type_, "lookup_policy")


async def test_arguments_that_are_no_json_fail_twice(recorder, provider):
    """Broken JSON fails the tool and, when ag2 sends the history again, the turn: both are told."""
    error = await fail(agent_of(provider, lookup_policy), 'call lookup_policy {"policy_id": ')

    kinds = [(fault.kind.value, fault.type, fault.tool_name) for fault in recorder.facts.faults]
    assert (kinds, recorder.masked, type(error)) == (
        [
            ("bad_arguments", "json.decoder.JSONDecodeError", "lookup_policy"),
            ("raised", "json.decoder.JSONDecodeError", None),
        ],
        [True, False],
        json.JSONDecodeError,
    )


async def test_validation_inside_a_tool_is_the_tools_own(recorder, provider):
    """A tool that validates something of its own and fails has raised; its arguments were right."""
    pydantic = pytest.importorskip("pydantic")

    class Policy(pydantic.BaseModel):
        number: int

    def validate(text: str) -> str:
        """Validate a policy."""
        return str(Policy(number=text))

    await ask(agent_of(provider, validate), 'call validate {"text": "x"}')

    assert (recorder.fault.kind.value, recorder.fault.chain[0].frames[-2].function.rpartition(".")[2]) == (
        "raised",
        "validate",
    )


class _Strict(BaseMiddleware):
    async def on_tool_execution(self, call_next: Any, event: Any, context: Any) -> Any:
        raise PermissionError("not you")


async def test_exception_of_a_tool_middleware(recorder, provider):
    """What a middleware raises is told in the tool call that it broke."""
    await ask(agent_of(provider, lookup_policy, middleware=[Middleware(_Strict)]), CALL)

    assert recorder.story() == story("lookup_policy", "PermissionError", "not you", function="on_tool_execution")


def _refuse(event: Any) -> None:
    raise PolicyError(f"no {type(event).__name__}")


@pytest.mark.parametrize("event", [ToolCallEvent, ToolResultEvent])
async def test_exception_of_an_observer_of_tool_calls(recorder, provider, event):
    """An observer's exception reaches the model as the tool's; there is one tool call, and it is told there."""
    POLICIES["p1"] = "covered"
    agent = agent_of(provider, lookup_policy, observers=[observer(event, _refuse)])

    await ask(agent, 'call lookup_policy {"policy_id": "p1"}')

    type_ = f"{PolicyError.__module__}.PolicyError"
    assert (recorder.story(), len(recorder.named("execute_tool lookup_policy"))) == (
        story("lookup_policy", type_, f"no {event.__name__}", function="_refuse"),
        1,
    )


async def test_tool_that_returns_its_error(recorder, provider):
    """A tool middleware may make the event itself, as ag2's MCP toolkit and its shell do."""

    async def answer(call_next: Any, event: Any, context: Any) -> Any:
        try:
            raise ConnectionError("the MCP server is gone")
        except ConnectionError as error:
            return ToolErrorEvent.from_call(event, error=error)

    mcp = tool(lookup_policy, middleware=[answer])

    await ask(agent_of(provider, mcp), CALL)

    assert recorder.story() == story("lookup_policy", "ConnectionError", "the MCP server is gone", function="answer")


async def test_result_that_cannot_be_sent_ends_the_turn(recorder, provider):
    """The tool went well; what it returned cannot be serialised, and that is told where it is raised."""

    def lookup_policy(policy_id: str) -> Any:
        """Look up a policy."""
        return object()

    error = await fail(agent_of(provider, lookup_policy), CALL)

    told_ = told(recorder)
    assert (told_["type"].rpartition(".")[2], told_["agent"], told_["tool"], told_["masked"], wrong(recorder)) == (
        type(error).__name__,
        ASSISTANT,
        None,
        [False],
        ["request", f"invoke_agent {ASSISTANT}", "chat gpt-4o-mini"],
    )


async def test_cancelled_tool_is_no_fault(recorder, provider):
    """A tool that is cancelled cancels the turn; nothing has failed."""

    async def wait(policy_id: str) -> str:
        """Wait."""
        raise asyncio.CancelledError

    error = await fail(agent_of(provider, wait), 'call wait {"policy_id": "p9"}')

    outcomes = {end.operation.kind.value: end.outcome.value for end in recorder.facts.ends}
    assert (type(error), recorder.facts.faults, outcomes["execute_tool"], outcomes["invoke_agent"]) == (
        asyncio.CancelledError,
        [],
        "cancelled",
        "cancelled",
    )


async def confirm(context: Context) -> str:
    """Ask the human."""
    return await context.input("sure?")


def closed(event: HumanInputRequest) -> str:
    raise EOFError("the terminal is closed")


async def test_human_who_does_not_answer(recorder, provider):
    """What a hook raises is told where it was raised; from 1.0.6 on it ends the turn, before it was the tool's."""
    with contextlib.suppress(Exception):
        await ask(agent_of(provider, confirm, hitl_hook=closed), "call confirm {}")

    assert (recorder.story(), f"await_input {ASSISTANT}" in wrong(recorder)) == (
        story("confirm", "EOFError", "the terminal is closed", function="closed", masked=[not ENDS_THE_TURN]),
        True,
    )


@pytest.mark.skipif(not ENDS_THE_TURN, reason="the model is told instead")
async def test_original_of_a_human_who_does_not_answer(recorder, provider):
    """From ag2's error the application gets the original back."""
    error = await fail(agent_of(provider, confirm, hitl_hook=closed), "call confirm {}")

    assert (type(error).__name__, type(autogen_otel.original_exception(error))) == ("HumanInputFailedError", EOFError)


async def test_human_without_a_hook(recorder, provider):
    """Where nobody can be asked, that is told in the tool that asked."""
    with contextlib.suppress(Exception):
        await ask(agent_of(provider, confirm), "call confirm {}")

    assert (recorder.fault.chain[-1].type, recorder.fault.tool_name) == (
        "ag2.exceptions.HumanInputNotProvidedError",
        "confirm",
    )
