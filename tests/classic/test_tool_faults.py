"""Each place where classic AutoGen makes a text of a tool's exception."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from support.classic import USER, VERSION, a_chat, chain, chat, named, needs, pair, raised, told

import autogen_otel

if TYPE_CHECKING:
    from collections.abc import Callable

POLICIES: dict[str, str] = {}


class PolicyError(Exception):
    """An exception of the application."""


def lookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


async def alookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


def wordless(policy_id: str) -> str:
    raise PolicyError


def wrapped(policy_id: str) -> str:
    try:
        return POLICIES[policy_id]
    except KeyError as error:
        raise PolicyError("no such policy") from error


def story(tool: str, type_: str, message: str, **more: Any) -> dict[str, Any]:
    """Return what is to be told of a fault for which no exception was raised in the tool."""
    return {
        "type": type_,
        "message": message,
        "function": None,
        "place": None,
        "agent": USER,
        "tool": tool,
        "request": "req-42",
        "kind": "raised",
        "masked": [True],
        **more,
    }


def raised_by(function: Callable[..., Any], /, **more: Any) -> dict[str, Any]:
    """Return what is to be told of a tool that raises: type, message, file and line as when it is called alone."""
    try:
        made = function("p9")
        asyncio.run(made) if asyncio.iscoroutine(made) else None
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        return raised(error, **{"agent": USER, "tool": function.__name__, "masked": [True], **more})
    raise AssertionError("it raises nothing")


@pytest.mark.parametrize("tool", [lookup_policy, alookup_policy])
def test_sync_chat_tells_the_exception_of_a_tool(recorder, provider, tool):
    """A sync chat records the KeyError that AutoGen sends to the model as a text."""
    assistant, user = pair(provider, tool)

    with autogen_otel.request("req-42"):
        answer = chat(user, assistant, f'call {tool.__name__} {{"policy_id": "p9"}}')

    assert (told(recorder), chain(recorder), "Error: 'p9'" in answer) == (raised_by(tool), [("KeyError", "")], True)


@pytest.mark.parametrize("tool", [lookup_policy, alookup_policy])
def test_async_chat_tells_the_exception_of_a_tool(recorder, provider, tool):
    """An async chat records the same."""
    assistant, user = pair(provider, tool)

    with autogen_otel.request("req-42"):
        answer = asyncio.run(a_chat(user, assistant, f'call {tool.__name__} {{"policy_id": "p9"}}'))

    assert (told(recorder), chain(recorder), "Error: 'p9'" in answer) == (raised_by(tool), [("KeyError", "")], True)


def test_raising_line_and_frames_are_those_of_the_tool(recorder, provider):
    """The last frame is the line of the tool that raised, with its file and source."""
    assistant, user = pair(provider, lookup_policy)

    chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    frame = recorder.fault.raised_at
    line = lookup_policy.__code__.co_firstlineno + 1
    assert (frame.file, frame.line, frame.source) == (__file__, line, "return POLICIES[policy_id]")


def test_tool_registered_before_instrument_is_covered(application, provider):
    """Agents and tools made before `instrument()` are observed alike."""
    assistant, user = pair(provider, lookup_policy)
    autogen_otel.instrument()
    application.spans.clear()

    chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    types = [span.attributes.get("error.type") for span in application.spans.get_finished_spans()]
    assert types.count("KeyError") == 1


def test_exception_without_a_text_is_told_by_its_type(recorder, provider):
    """`Error: ` with nothing behind it was a PolicyError."""
    assistant, user = pair(provider, wordless)

    with autogen_otel.request("req-42"):
        answer = chat(user, assistant, 'call wordless {"policy_id": "p9"}')

    assert (told(recorder), answer.split()) == (raised_by(wordless), ["Error:", "TERMINATE"])


def test_cause_chain_is_kept(recorder, provider):
    """An exception raised from another one carries it as its cause."""
    assistant, user = pair(provider, wrapped)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call wrapped {"policy_id": "p9"}')

    cause = recorder.fault.chain[1]
    assert (told(recorder), chain(recorder), cause.message, cause.frames[-1].source) == (
        raised_by(wrapped),
        [(f"{__name__}.PolicyError", ""), ("KeyError", "cause")],
        "'p9'",
        "return POLICIES[policy_id]",
    )


def test_unknown_tool_is_no_exception_of_a_tool(recorder, provider):
    """A tool that the model made up is told as such."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, "call nope {}")

    assert told(recorder) == story("nope", "unknown_tool", "Function nope not found.", kind="unknown_tool")


def test_arguments_that_are_no_json_are_the_models_fault(recorder, provider):
    """Broken JSON of the model is told apart from a tool that raised."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": ')

    message = "Expecting value: line 1 column 14 (char 13)\n The argument must be in JSON format."
    expected = story("lookup_policy", "json.decoder.JSONDecodeError", message, kind="bad_arguments")
    assert told(recorder) == expected


def test_arguments_that_do_not_fit_are_the_models_fault(recorder, provider):
    """A missing argument is told apart from a tool that raised: the tool was never entered."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"wrong": 1}')

    expected = "TypeError" if VERSION < (0, 3) else "ValidationError"
    found = recorder.story()
    assert (found["type"].rpartition(".")[2], found["kind"], found["masked"]) == (expected, "bad_arguments", [True])


def test_arguments_that_are_no_object_abort_the_chat(recorder, provider):
    """`null` makes AutoGen itself raise; the chat fails and the fault is the model's arguments."""
    assistant, user = pair(provider, lookup_policy)

    with pytest.raises(UnboundLocalError) as caught, autogen_otel.request("req-42"):
        chat(user, assistant, "call lookup_policy null")

    assert told(recorder) == _aborted(caught.value)


def _aborted(error: BaseException) -> dict[str, Any]:
    """Return what is to be told where AutoGen itself fails at the arguments, and the chat with it."""
    return raised(error, agent=USER, tool="lookup_policy", kind="bad_arguments")


def test_direct_function_map_is_observed(recorder, provider):
    """A function that was put into `function_map` and not registered is observed too."""
    assistant, user = pair(provider, lookup_policy)
    user._function_map["lookup_policy"] = found = lambda policy_id: POLICIES[policy_id]

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    assert told(recorder) == raised_by(found, tool="lookup_policy")


@needs(0, 10)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_value_key_error_is_the_tools_exception(recorder, provider):
    """`Error: 'value'`, which AutoGen's thread makes of any exception, is told by what the coroutine raised."""
    assistant, user = pair(provider, lookup_policy)

    async def late(policy_id: str) -> str:
        return POLICIES[policy_id]

    user._function_map["lookup_policy"] = lambda policy_id: late(policy_id)  # noqa: PLW0108 - no coroutine function

    with autogen_otel.request("req-42"):
        answer = chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    assert (told(recorder), "Error: 'value'" in answer) == (raised_by(late, tool="lookup_policy"), True)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_base_exception_of_a_tool_flies_out_and_is_recorded(recorder, provider, error):
    """SystemExit and KeyboardInterrupt are not caught by AutoGen and not by us."""

    def lookup_policy(policy_id: str) -> str:
        raise error

    assistant, user = pair(provider, lookup_policy)

    with pytest.raises(type(error)) as caught, autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    expected = raised_by(lookup_policy, masked=[False])
    assert (caught.value is error, told(recorder)) == (True, expected)


@needs(0, 10)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError("late")])
def test_base_exception_of_an_async_tool_on_a_sync_path(recorder, provider, error):
    """AutoGen gives the application KeyError('value'); the recorded fault and `__cause__` are the original."""

    async def lookup_policy(policy_id: str) -> str:
        raise error

    assistant, user = pair(provider, lookup_policy)

    with pytest.raises(KeyError, match="value") as caught, autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    line = lookup_policy.__code__.co_firstlineno + 1
    assert (autogen_otel.original_exception(caught.value) is error, told(recorder)) == (
        True,
        raised(error, function="lookup_policy", place=f"{__file__}:{line}", agent=USER, tool="lookup_policy"),
    )


def test_parallel_tools_of_which_one_exits(recorder, provider):
    """One SystemExit among parallel tools is recorded; the sibling that is cancelled for it is no fault."""

    async def leave() -> str:
        raise SystemExit(3)

    async def wait() -> str:
        await asyncio.Event().wait()
        return "never"

    assistant, user = pair(provider, leave, wait)

    with pytest.raises(SystemExit) as caught, autogen_otel.request("req-42"):
        asyncio.run(a_chat(user, assistant, "call leave {}\ncall wait {}"))

    line = leave.__code__.co_firstlineno + 1
    assert told(recorder) == raised(
        caught.value, function="leave", place=f"{__file__}:{line}", agent=USER, tool="leave"
    )


async def test_missing_call_id_of_a_provider(recorder, provider):
    """A provider that gives tool calls no ID makes async AutoGen raise KeyError('id'); the chat fails with it."""
    assistant, user = pair(provider, lookup_policy)
    call = {"type": "function", "function": {"name": "lookup_policy", "arguments": json.dumps({"policy_id": "p9"})}}

    with pytest.raises(KeyError, match="id") as caught, autogen_otel.request("req-42"):
        await user.a_generate_reply(
            messages=[{"role": "assistant", "content": None, "tool_calls": [call]}], sender=assistant
        )

    assert told(recorder) == raised(caught.value, agent=USER)


def test_masked_fault_leaves_the_request_well(recorder, provider):
    """A fault on which AutoGen answered is marked, and every span above it stays well."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    wrong = [
        (span.name, span.attributes.get("autogen.fault.masked"))
        for span in recorder.spans
        if span.status.status_code.name == "ERROR"
    ]
    assert wrong == [("execute_tool lookup_policy", True)]


def test_one_exception_is_one_event_and_one_record(recorder, provider):
    """The exception event stands once in the trace, the fault once in the log."""
    assistant, user = pair(provider, lookup_policy)

    chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    events = [event.name for span in recorder.spans for event in span.events]
    assert (events, [line["exception_type"] for line in recorder.events("fault")]) == (["exception"], ["KeyError"])


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("tool", [lookup_policy, alookup_policy])
def test_legacy_function_call_is_a_tool_call(recorder, provider, tool, asynchronous):
    """The older `function_call` of OpenAI's API is observed like a tool call."""
    assistant, user = pair(provider, tool)
    message = {
        "role": "assistant",
        "content": None,
        "function_call": {"name": tool.__name__, "arguments": '{"policy_id": "p9"}'},
    }

    with autogen_otel.request("req-42"):
        if asynchronous:
            asyncio.run(user.a_generate_reply(messages=[message], sender=assistant))
        else:
            user.generate_reply(messages=[message], sender=assistant)

    assert told(recorder) == raised_by(tool)


@pytest.mark.skipif(VERSION >= (0, 9), reason="later versions abort the chat")
def test_arguments_that_are_a_list_are_the_models_fault(recorder, provider):
    """A list in the place of an object fails before the tool is entered."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy ["p9"]')

    found = recorder.story()
    assert (found["type"], "mapping" in found["message"], found["kind"], found["masked"]) == (
        "TypeError",
        True,
        "bad_arguments",
        [True],
    )


@needs(0, 9)
def test_arguments_that_are_a_list_abort_the_chat(recorder, provider):
    """A list in the place of an object breaks an event of AutoGen's, and the chat with it."""
    assistant, user = pair(provider, lookup_policy)

    with pytest.raises(ValueError, match="ExecuteFunctionEvent") as caught, autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy ["p9"]')

    # What the model has said is not told.
    expected = {**_aborted(caught.value), "message": told(recorder)["message"]}
    assert (told(recorder), "p9" in told(recorder)["message"]) == (expected, False)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_coroutine_in_the_text_of_a_result_is_told(recorder, provider):
    """A tool that puts one into its answer."""

    def forgetful(policy_id: str) -> str:
        return f"the policy is {alookup_policy(policy_id)}"

    assistant, user = pair(provider, forgetful)
    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call forgetful {"policy_id": "p9"}')

    found = recorder.story()
    assert (found["message"], found["tool"], found["masked"]) == (
        "coroutine 'alookup_policy' was never awaited",
        "forgetful",
        [True],
    )


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_coroutine_that_nobody_awaits(recorder, provider):
    """A plain function that returns a coroutine gives the model `<coroutine object ...>`; that is told as a fault."""

    def forgetful(policy_id: str) -> str:
        return alookup_policy(policy_id)

    assistant, user = pair(provider, forgetful)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call forgetful {"policy_id": "p9"}')

    expected = {
        True: story("forgetful", "RuntimeWarning", "coroutine 'alookup_policy' was never awaited"),
        False: story("forgetful", "TypeError", "Object of type coroutine is not JSON serializable"),
    }[VERSION >= (0, 9)]
    found = told(recorder)
    # In 0.2 the json module has raised it.
    assert {**found, "place": None, "function": None} == expected


@needs(0, 9)
@pytest.mark.parametrize("error", [KeyError("p9"), TypeError("no session")], ids=["KeyError", "TypeError"])
def test_dependency_of_a_tool_fails(recorder, provider, error):
    """What a dependency of a tool raises is the application's, though the tool itself was never entered."""
    from autogen.tools import Depends

    def session(*_: Any) -> str:
        raise error

    def lookup_policy(policy_id: str, session: Annotated[str, Depends(session)]) -> str:
        return "never"

    lookup_policy.__annotations__ = {"policy_id": str, "session": Annotated[str, Depends(session)], "return": str}
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    assert told(recorder) == raised_by(session, tool="lookup_policy")


@pytest.mark.parametrize("arguments", ['{"wrong": 1}', "{}"])
def test_arguments_that_do_not_fit_a_decorated_tool_are_the_models_fault(recorder, provider, arguments):
    """A decorator of the application's between AutoGen and the tool does not make the arguments its fault."""
    assistant, user = pair(provider, lookup_policy)
    user._function_map["lookup_policy"] = named("lookup_policy", lookup_policy)

    with autogen_otel.request("req-42"):
        chat(user, assistant, f"call lookup_policy {arguments}")

    found = told(recorder)
    assert (found["type"], found["kind"], found["tool"], found["masked"]) == (
        "TypeError",
        "bad_arguments",
        "lookup_policy",
        [True],
    )


async def test_tool_of_an_mcp_server(recorder, provider):
    """An error of an MCP server is told with what AutoGen makes of it; the server's own exception stays there."""
    types = pytest.importorskip("mcp.types")
    client = pytest.importorskip("autogen.mcp.mcp_client").MCPClient

    class Session:
        async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            text = types.TextContent(type="text", text="Error executing tool lookup_policy: 'p9'")
            return types.CallToolResult(content=[text], isError=True)

    schema = {"type": "object", "properties": {"policy_id": {"type": "string"}}}
    tool = client.convert_tool(types.Tool(name="lookup_policy", inputSchema=schema), Session())
    assistant, user = pair(provider)
    tool.register_for_llm(assistant)
    tool.register_for_execution(user)

    with autogen_otel.request("req-42"):
        await a_chat(user, assistant, 'call lookup_policy {"policy_id": "p9"}')

    message = "Tool call failed: Error executing tool lookup_policy: 'p9'"
    expected = story("lookup_policy", "ValueError", message, function="_convert_call_tool_result")
    assert {**told(recorder), "place": None} == expected
