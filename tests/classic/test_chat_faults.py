"""Each place where classic AutoGen loses what a chat, a group or a background run failed with."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from support.classic import (
    ASSISTANT,
    USER,
    VERSION,
    a_chat,
    agent_of,
    autogen,
    chat,
    group_of,
    mute,
    needs,
    pair,
    raised,
    read,
    told,
    wait_for_background,
)

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.demo.provider import ChatRequest, Provider, Reply, Sequence, Status, Text, echo_tools

if TYPE_CHECKING:
    from collections.abc import Callable

BOOM = Status(500, "boom", retry_after=0.001)
POLICIES: dict[str, str] = {}
ASK = 'call lookup_policy {"policy_id": "p9"}'

# AutoGen itself ends a thread of its with an exception.
thread_dies = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Oops(Exception):
    """An exception of the application."""


def oops(*_: Any, **__: Any) -> Any:
    raise Oops("from the application")


async def aoops(*_: Any, **__: Any) -> Any:
    raise Oops("from the application")


def lookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


def brief(recorder: Any) -> list[tuple[Any, ...]]:
    """Return of each fault: type, agent, tool, request."""
    return [(fault.type, fault.agent_name, fault.tool_name, fault.request_id) for fault in recorder.facts.faults]


def status(recorder: Any) -> str:
    """Return the status of the request's span."""
    (span,) = recorder.named("request")
    return span.status.status_code.name


# Summaries


@needs(0, 9)
@pytest.mark.filterwarnings("ignore:Cannot extract summary")
def test_summary_that_fails_is_masked(recorder):
    """A 500 while the summary is written becomes an empty summary; it is recorded, and the request stays well."""
    with Provider(Sequence([echo_tools, BOOM])) as provider:
        assistant, user = pair(provider)
        with autogen_otel.request("req-42"):
            result = user.initiate_chat(assistant, message="hello", silent=True, summary_method="reflection_with_llm")

    assert (result.summary, brief(recorder), recorder.masked, status(recorder)) == (
        "",
        [("openai.InternalServerError", USER, None, "req-42")],
        [True],
        "UNSET",
    )


@pytest.mark.skipif(VERSION >= (0, 9), reason="later versions swallow it")
def test_summary_that_fails_ends_the_chat(recorder):
    """0.2 lets the 500 through."""
    with Provider(Sequence([echo_tools, BOOM])) as provider:
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            user.initiate_chat(assistant, message="hello", silent=True, summary_method="reflection_with_llm")

    assert told(recorder) == raised(caught.value, agent=USER)


# Runs in the background


RUNS: dict[str, Callable[[Any, Any], Any]] = {
    "run": lambda assistant, user: user.run(assistant, message="hello", silent=True),
    "run alone": lambda assistant, _: assistant.run(message="hello", max_turns=1),
    "sequential_run": lambda assistant, user: user.sequential_run(
        [{"chat_id": number, "recipient": assistant, "message": "hello", "silent": True} for number in (1, 2)]
    ),
}


@needs(0, 9)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_run_that_nobody_reads_is_recorded(recorder, run):
    """A run whose events nobody reads leaves no trace in AutoGen: no log, no exception, an empty summary."""
    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        run(*pair(provider))
        wait_for_background()

    assert (brief(recorder), recorder.masked, status(recorder)) == (
        [("openai.InternalServerError", ASSISTANT, None, "req-42")],
        [False],
        "ERROR",
    )


@needs(0, 9)
def test_run_that_is_read_raises_what_was_recorded(recorder):
    """Whoever reads the events of a run gets the original exception, and it is recorded once."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            read(user.run(assistant, message="hello", silent=True))
        wait_for_background()

    assert (told(recorder), status(recorder)) == (raised(caught.value, **_place(recorder)), "ERROR")


def _place(recorder: Any) -> dict[str, str]:
    """Return what the last frame says: an exception that was handed on has more frames after it."""
    return {key: told(recorder)[key] for key in ("place", "function")}


@needs(0, 9)
def test_run_outside_a_request_is_recorded_once(recorder):
    """A run outside any request is a request of its own; its failure is recorded once."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        user.run(assistant, message="hello", silent=True)
        wait_for_background()

    assert ([fault.type for fault in recorder.facts.faults], recorder.masked, len(recorder.traces)) == (
        ["openai.InternalServerError"],
        [False],
        1,
    )


@needs(0, 9)
def test_run_that_is_read_late(recorder):
    """However many other requests have failed meanwhile, the exception is known again when somebody reads the run."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom"), autogen_otel.request("req-42"):
            response = user.run(assistant, message="hello", silent=True)
            wait_for_background()
            for number in range(300):
                with pytest.raises(Oops), autogen_otel.request(f"other-{number}"):
                    oops()
            read(response)

    assert [line["exception_type"] for line in recorder.events("fault") if line["request_id"] == "req-42"] == [
        "openai.InternalServerError"
    ]


async def finish_tasks() -> None:
    """Wait for all other tasks, and for those who wait for them."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    await asyncio.sleep(0)


@needs(0, 9)
@pytest.mark.parametrize("reads", [True, False])
async def test_async_run(recorder, reads):
    """An async run, read or not, is recorded once."""
    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        assistant, user = pair(provider)
        response = await user.a_run(assistant, message="hello", silent=True)
        if reads:
            with pytest.raises(Exception, match="boom"):
                _ = [event async for event in response.events]
        await finish_tasks()

    assert (brief(recorder), recorder.masked, status(recorder)) == (
        [("openai.InternalServerError", ASSISTANT, None, "req-42")],
        [False],
        "ERROR",
    )


class Gate:
    """A model that answers when the request has long been left."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, asked: ChatRequest) -> Reply:
        assert self.open.wait(20)
        return BOOM


@needs(0, 9)
@pytest.mark.parametrize("decorated", [True, False], ids=["decorator", "with"])
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_run_that_outlives_its_request(recorder, run, decorated):
    """A request that is left while a run goes on ends with the run, and has failed if that has: in one span."""
    gate = Gate()
    with Provider(gate) as provider:
        if decorated:
            autogen_otel.request("req-42")(run)(*pair(provider))
        else:
            with autogen_otel.request("req-42"):
                run(*pair(provider))
        before = recorder.named("request"), autogen_otel.current_request_id()
        gate.open.set()
        wait_for_background()

    (line,) = recorder.events("request finished")
    assert (before, brief(recorder), status(recorder), line["outcome"], recorder.facts.verdicts[0].failed) == (
        ([], None),
        [("openai.InternalServerError", ASSISTANT, None, "req-42")],
        "ERROR",
        "error",
        True,
    )


@needs(0, 9)
def test_run_that_outlives_its_request_and_goes_well(recorder, provider):
    """A request that is left while a run goes on is well if the run is."""
    assistant, user = pair(provider)
    gate = threading.Event()
    assistant.register_hook("process_last_received_message", lambda message: message if gate.wait(20) else "")

    with autogen_otel.request("req-42"):
        user.run(assistant, message="hello", silent=True)
    gate.set()
    wait_for_background()

    assert (status(recorder), [end.operation.kind for end in recorder.facts.ends][-1]) == ("UNSET", Kind.REQUEST)


@needs(0, 9)
def test_run_that_outlives_the_tool_that_began_it(recorder):
    """A run that a tool starts and nobody reads fails the request, though tool and chat are over."""
    gate = Gate()

    def ask_expert() -> str:
        expert = agent_of(later, "expert")
        mute("asker").run(expert, message="hello", silent=True)
        return "asked"

    with Provider(gate) as later, Provider() as provider:
        assistant, user = pair(provider, ask_expert)
        with autogen_otel.request("req-42"):
            chat(user, assistant, "call ask_expert {}")
        gate.open.set()
        wait_for_background()

    assert (brief(recorder), status(recorder)) == ([("openai.InternalServerError", "expert", None, "req-42")], "ERROR")


@needs(0, 9)
async def test_async_run_that_outlives_its_request(recorder):
    """The same for a run in a task."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with autogen_otel.request("req-42"):
            await user.a_run(assistant, message="hello", silent=True)
        before = recorder.named("request")
        await finish_tasks()

    assert (before, status(recorder)) == ([], "ERROR")


@needs(0, 10)
def test_run_iter_that_is_read_after_its_request(recorder):
    """A run that is stepped through after its request was left belongs to it; one that is thrown away ends it too."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with autogen_otel.request("req-42"):
            steps = user.run_iter(assistant, message="hello", silent=True)
        with autogen_otel.request("other"):
            user.run_iter(assistant, message="hello", silent=True)
        with pytest.raises(Exception, match="boom"):
            list(steps)
        wait_for_background()

    found = {span.attributes[names.REQUEST_ID]: span.status.status_code.name for span in recorder.named("request")}
    assert found == {"other": "UNSET", "req-42": "ERROR"}


@needs(0, 9)
def test_request_of_a_run_that_still_goes_on_is_told_at_the_end_of_the_program(recorder, provider):
    """A program that ends, or `uninstrument()`, in the middle of a run tells the requests that were left."""
    assistant, user = pair(provider)
    gate = threading.Event()
    assistant.register_hook("process_last_received_message", lambda message: message if gate.wait(20) else "")

    with autogen_otel.request("req-42"):
        user.run(assistant, message="hello", silent=True)
    autogen_otel.uninstrument()
    gate.set()
    wait_for_background()

    ((line,), (trace_id,)) = recorder.events("request finished"), recorder.traces
    assert (status(recorder), line["trace_id"]) == ("UNSET", f"{trace_id:032x}")


@needs(0, 10)
def test_run_iter(recorder):
    """A run that is stepped through raises the original exception, which is recorded once."""
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            list(user.run_iter(assistant, message="hello", silent=True))
        wait_for_background()

    assert told(recorder) == raised(caught.value, **_place(recorder))


@needs(0, 9)
@thread_dies
def test_run_whose_executor_cannot_be_made(recorder, provider):
    """An exception outside AutoGen's own try ends the thread, and whoever reads the events waits for ever."""
    assistant, _ = pair(provider)

    with autogen_otel.request("req-42"):
        assistant.run(message="hello", executor_kwargs={"nope": 1})
        wait_for_background()

    found = told(recorder)
    assert (found["type"], "nope" in found["message"], found["request"], found["masked"], status(recorder)) == (
        "TypeError",
        True,
        "req-42",
        [False],
        "ERROR",
    )


@needs(0, 9)
def test_run_that_fails_after_its_chat(recorder, provider, monkeypatch):
    """A failure of AutoGen's own lines after the chat goes into a queue and nowhere else; it is recorded."""
    assistant, user = pair(provider)
    monkeypatch.setattr(type(user), "initiate_chat", lambda *_, **__: None)

    with autogen_otel.request("req-42"):
        user.run(assistant, message="hello", silent=True)
        wait_for_background()

    assert (brief(recorder), recorder.fault.raised_at.function.rpartition(".")[2], recorder.masked) == (
        [("AttributeError", None, None, "req-42")],
        "initiate_chat",
        [False],
    )


@needs(0, 9)
@thread_dies
def test_exit_in_a_tool_of_a_run(recorder, provider):
    """SystemExit ends the thread without a word on standard error; tool, agent and place are recorded."""

    def lookup_policy(policy_id: str) -> str:
        raise SystemExit(3)

    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        user.run(assistant, message=ASK, silent=True)
        wait_for_background()

    assert recorder.story() == {
        "type": "SystemExit",
        "message": "3",
        "function": "lookup_policy",
        "agent": USER,
        "tool": "lookup_policy",
        "request": "req-42",
        "kind": "raised",
        "masked": [False],
    }


# Patterns and group chats


def pattern_of(provider: Provider, *tools: Callable[..., Any]) -> Any:
    """Return a pattern in which one assistant answers a user."""
    from autogen.agentchat.group.patterns import DefaultPattern

    assistant = agent_of(provider, ASSISTANT, functions=list(tools))
    return DefaultPattern(initial_agent=assistant, agents=[assistant], user_agent=mute(USER))


def start(pattern: Any, message: str = "hello") -> Any:
    """Run a pattern to its end."""
    from autogen.agentchat import initiate_group_chat

    return initiate_group_chat(pattern=pattern, messages=message, max_rounds=4)


def start_in_background(pattern: Any, message: str = "hello") -> None:
    """Run a pattern in a thread; nobody reads its events."""
    from autogen.agentchat import run_group_chat

    run_group_chat(pattern=pattern, messages=message, max_rounds=4)
    wait_for_background()


@needs(0, 9)
def test_pattern_raises_what_was_recorded(recorder):
    """A 500 in a pattern is told with the agent that got it."""
    with Provider(BOOM) as provider, pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
        start(pattern_of(provider))

    assert told(recorder) == raised(caught.value)


@needs(0, 10)
def test_pattern_in_the_background_that_nobody_reads(recorder):
    """`run_group_chat` whose events nobody reads is recorded."""
    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        start_in_background(pattern_of(provider))

    assert (brief(recorder), recorder.masked) == ([("openai.InternalServerError", ASSISTANT, None, "req-42")], [False])


@needs(0, 9)
def test_end_of_a_pattern_is_no_fault(recorder, provider):
    """AutoGen ends a pattern with an exception of its own; that is how it says that it is done."""
    with autogen_otel.request("req-42"):
        start(pattern_of(provider))

    assert (recorder.facts.faults, [line for line in recorder.tree() if "!" in line]) == ([], [])


@needs(0, 10)
def test_pattern_in_the_background_that_cannot_be_set_up(recorder, provider):
    """An exception before the chat begins is recorded too, though no chat was there to record it."""
    pattern = pattern_of(provider)
    pattern.agents.append(pattern.agents[0])

    with autogen_otel.request("req-42"):
        start_in_background(pattern)

    assert (brief(recorder), recorder.masked) == ([("AssertionError", None, None, "req-42")], [False])


@needs(0, 9)
@pytest.mark.parametrize("begin", ["start", "start_in_background"])
def test_tool_of_a_pattern(recorder, provider, begin):
    """A tool that a pattern's executor calls is told with the agent that asked for it; the fault is masked."""
    if begin == "start_in_background" and VERSION < (0, 10):
        pytest.skip("0.9 has no run_group_chat")

    with autogen_otel.request("req-42"):
        globals()[begin](pattern_of(provider, lookup_policy), ASK)

    assert (brief(recorder), recorder.masked, status(recorder)) == (
        [("KeyError", ASSISTANT, "lookup_policy", "req-42")],
        [True],
        "UNSET",
    )


@needs(0, 9)
def test_tool_of_a_run(recorder, provider):
    """A tool that fails in a background run is recorded with agent and tool; the fault is masked."""
    assistant, user = pair(provider, lookup_policy)

    with autogen_otel.request("req-42"):
        read(user.run(assistant, message=ASK, silent=True))
        wait_for_background()

    assert (brief(recorder), recorder.masked) == ([("KeyError", USER, "lookup_policy", "req-42")], [True])


@needs(0, 9)
def test_group_inside_a_group_makes_an_outage_a_message(recorder):
    """`Error running group chat: ...` was an InternalServerError of the inner agent; it is masked."""
    from autogen.agentchat.group import GroupChatConfig, GroupChatTarget, OnContextCondition

    def reply(asked: ChatRequest) -> Reply:
        return BOOM if "you are inner" in str(asked.messages[0]) else echo_tools(asked)

    with Provider(reply) as provider, autogen_otel.request("req-42"):
        inner = pattern_of(provider)
        inner.agents[0].update_system_message("you are inner")
        outer = agent_of(provider, "outer")
        # Newer versions of pydantic cannot validate AutoGen's model.
        inside = GroupChatConfig.model_construct(pattern=inner, messages="x", max_rounds=3)
        target = GroupChatTarget.model_construct(group_chat_config=inside)
        always = SimpleNamespace(evaluate=lambda _: True)
        outer.handoffs.add_context_condition(OnContextCondition.model_construct(target=target, condition=always))
        pattern = pattern_of(provider)
        pattern.initial_agent, pattern.agents = outer, [outer]
        result, *_ = start(pattern)

    texts = [str(message.get("content")) for message in result.chat_history]
    assert (
        any("Error running group chat: " in text for text in texts),
        set(brief(recorder)),
        set(recorder.masked),
    ) == (
        True,
        {("openai.InternalServerError", ASSISTANT, None, "req-42")},
        {True},
    )


@pytest.mark.parametrize("asynchronous", [True, False])
def test_model_that_selects_the_speaker_fails(recorder, asynchronous):
    """A 500 while the next speaker is selected goes through to the application, told with the agent that got it."""
    with Provider(BOOM) as provider, pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
        manager = group_of(provider, user := mute(USER), mute("a"), mute("b"), method="auto")
        if asynchronous:
            asyncio.run(a_chat(user, manager, "hello"))
        else:
            chat(user, manager, "hello")

    agent = "speaker_selection_agent"
    assert told(recorder) == raised(caught.value, agent=agent, **_place(recorder))


def test_nobody_may_speak_next(recorder, provider):
    """A group chat in which nobody may speak ends as if it were done; the exception is recorded and masked."""
    user = mute(USER)
    transitions = {"allowed_or_disallowed_speaker_transitions": {}, "speaker_transitions_type": "allowed"}

    with autogen_otel.request("req-42"):
        chat(user, group_of(provider, user, mute("a"), **transitions), "hello")

    ((type_, *where),) = brief(recorder)
    assert (
        type_.startswith("autogen.exception_utils.NoEligibleSpeaker"),
        where,
        recorder.masked,
        status(recorder),
    ) == (
        True,
        ["chat_manager", None, "req-42"],
        [True],
        "UNSET",
    )


@pytest.mark.parametrize("admin", [True, False])
def test_interrupt_in_a_group(recorder, provider, admin):
    """Ctrl+C in a group chat goes to its Admin if it has one, else to the application."""

    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    user, hit = mute(USER), mute("hit")
    hit.register_reply([autogen.Agent, None], interrupt)
    manager = group_of(provider, user, hit, mute("Admin" if admin else "other"), max_round=2)

    with autogen_otel.request("req-42"):
        try:
            chat(user, manager, "hello")
        except KeyboardInterrupt:
            assert not admin

    assert (brief(recorder), recorder.masked, status(recorder)) == (
        [("KeyboardInterrupt", "hit", None, "req-42")],
        [admin],
        "UNSET" if admin else "ERROR",
    )


async def test_queue_of_async_chats(recorder):
    """A chat that fails in `a_initiate_chats` is recorded once, though AutoGen reports it to the event loop as well."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: reported.append(found["exception"]))
    with Provider(BOOM) as provider:
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            await user.a_initiate_chats([{"chat_id": 1, "recipient": assistant, "message": "hello", "silent": True}])

    assert (told(recorder), reported) == (raised(caught.value, **_place(recorder)), [caught.value])


# Chats inside tools


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("catches", [True, False])
def test_chat_inside_a_tool_fails(recorder, catches, asynchronous):
    """A 500 in a chat that a tool starts is one fault, of the inner agent, whether the tool catches it or AutoGen."""

    def ask_expert() -> str:
        try:
            return chat(mute("asker"), agent_of(provider, "expert"), "hello")
        except Exception:
            if catches:
                return "nobody there"
            raise

    def reply(asked: ChatRequest) -> Reply:
        return echo_tools(asked) if asked.tools else BOOM

    with Provider(reply) as provider, autogen_otel.request("req-42"):
        assistant, user = pair(provider, ask_expert)
        if asynchronous:
            asyncio.run(a_chat(user, assistant, "call ask_expert {}"))
        else:
            chat(user, assistant, "call ask_expert {}")

    wrong = [line.strip() for line in recorder.tree() if line.endswith("!") and "POST" not in line]
    assert (brief(recorder), recorder.masked, wrong, len(recorder.events("fault"))) == (
        [("openai.InternalServerError", "expert", None, "req-42")],
        [True],
        [
            *([] if catches else ["execute_tool ask_expert!"]),
            "invoke_workflow asker -> expert!",
            "invoke_agent expert!",
            "chat gpt-4o-mini!",
        ],
        1,
    )


# Guardrails


def _guarded(provider: Provider, answer: str | None) -> Any:
    """Return a pattern whose assistant is guarded by a model."""
    from autogen import LLMConfig
    from autogen.agentchat.group import TerminateTarget
    from autogen.agentchat.group.guardrails import LLMGuardrail
    from support.classic import config

    pattern = pattern_of(provider)
    guardrail = LLMGuardrail(
        name="guard",
        condition="anything",
        target=TerminateTarget(),
        llm_config=LLMConfig(config(provider, model="gpt-4o")),
    )
    pattern.agents[0].register_input_guardrail(guardrail)
    return pattern


@needs(0, 10)
def test_guardrail_that_cannot_be_read(recorder):
    """`Failed to parse GuardrailResult` is told with the exception of the parser as its cause."""
    with Provider(lambda asked: Text("no JSON") if asked.model == "gpt-4o" else echo_tools(asked)) as provider:
        pattern = _guarded(provider, "no JSON")
        with pytest.raises(ValueError, match="Failed to parse") as caught, autogen_otel.request("req-42"):
            start(pattern)

    causes = [data.type for data in recorder.fault.chain[:2]]
    assert (told(recorder), causes) == (
        raised(caught.value, agent="chat_manager"),
        ["ValueError", "json.decoder.JSONDecodeError"],
    )


@needs(0, 10)
def test_safeguard_whose_model_fails(recorder):
    """`Safeguard check failed: ...` is told by the 500 behind it, which is handed back."""
    from autogen import LLMConfig
    from autogen.agentchat.group.safeguards.enforcer import SafeguardEnforcer
    from support.classic import config

    with Provider(BOOM) as provider:
        enforcer = SafeguardEnforcer(
            policy={"agent_environment_safeguards": {}},
            safeguard_llm_config=LLMConfig(config(provider)),
        )
        with pytest.raises(RuntimeError, match="Safeguard check failed") as caught, autogen_otel.request("req-42"):
            enforcer._check_llm_violation("hello", "anything", None)

    original = autogen_otel.original_exception(caught.value)
    assert (type(original).__name__, told(recorder)) == ("InternalServerError", raised(original, agent=None))


# What AutoGen does not catch


def _with_hook(hook: str) -> Callable[[Any, Any], dict[str, Any]]:
    def prepare(assistant: Any, user: Any) -> dict[str, Any]:
        if hook not in assistant.hook_lists:
            pytest.skip(f"this version has no hook {hook}")
        assistant.register_hook(hook, oops)
        return {}

    return prepare


def _with_reply(assistant: Any, user: Any) -> dict[str, Any]:
    assistant.register_reply([autogen.Agent, None], oops)
    return {}


def _with_termination(assistant: Any, user: Any) -> dict[str, Any]:
    assistant._is_termination_msg = oops
    return {}


def _with_message(assistant: Any, user: Any) -> dict[str, Any]:
    return {"message": oops}


def _with_summary(assistant: Any, user: Any) -> dict[str, Any]:
    return {"summary_method": oops}


HOOKS = (
    "process_last_received_message",
    "process_all_messages_before_reply",
    "update_agent_state",
    "safeguard_llm_inputs",
    "safeguard_llm_outputs",
)
PLACES = {
    **{hook: (_with_hook(hook), ASSISTANT) for hook in HOOKS},
    "reply function": (_with_reply, ASSISTANT),
    "process_message_before_send": (_with_hook("process_message_before_send"), None),
    "termination": (_with_termination, ASSISTANT),
    "message": (_with_message, None),
    "summary": (_with_summary, None),
}


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("place", PLACES)
def test_exception_of_the_application_goes_through(recorder, provider, place, asynchronous):
    """What a callable of the application raises reaches the application as it is, and is recorded once."""
    prepare, agent = PLACES[place]
    assistant, user = pair(provider)
    more = {"message": "hello", "silent": True, **prepare(assistant, user)}

    with pytest.raises(Oops) as caught, autogen_otel.request("req-42"):
        if asynchronous:
            asyncio.run(user.a_initiate_chat(assistant, **more))
        else:
            user.initiate_chat(assistant, **more)

    assert told(recorder) == raised(caught.value, function="oops", agent=agent)


def test_async_reply_function_in_a_sync_chat(recorder, provider):
    """AutoGen refuses the chat; its own exception is recorded."""
    assistant, user = pair(provider)
    assistant.register_reply([autogen.Agent, None], aoops)

    with pytest.raises(RuntimeError) as caught, autogen_otel.request("req-42"):
        chat(user, assistant, "hello")

    assert told(recorder) == raised(caught.value, agent=None)


# What a request tells of a chat that failed


def test_failure_that_the_application_caught_fails_the_request(recorder):
    """An application that answers 500 itself leaves `with request()` normally: the request has failed all the same."""
    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        assistant, user = pair(provider)
        with pytest.raises(Exception, match="boom"):
            chat(user, assistant, "hello")

    assert (status(recorder), recorder.masked) == ("ERROR", [False])


def test_later_chat_that_went_well_saves_the_request(recorder):
    """An application that tries again within the request, and succeeds, has answered it."""
    with Provider(Sequence([BOOM] * 3 + [echo_tools] if VERSION == (0, 9) else [BOOM, echo_tools])) as provider:
        assistant, user = pair(provider)
        with autogen_otel.request("req-42"):
            with pytest.raises(Exception, match="boom"):
                chat(user, assistant, "hello")
            chat(user, assistant, "hello")

    assert (status(recorder), brief(recorder)) == ("UNSET", [("openai.InternalServerError", ASSISTANT, None, "req-42")])


def test_log_of_a_failed_request_tells_the_fault_once(recorder):
    """`grep req-42` gives one line of level error, with exception, agent and trace."""
    with Provider(BOOM) as provider, pytest.raises(Exception, match="boom"), autogen_otel.request("req-42"):
        assistant, user = pair(provider)
        chat(user, assistant, "hello")

    (line,) = [json.loads(line) for line in recorder.lines if json.loads(line)["level"] == "error"]
    keys = ("event", "request_id", "agent_name", "exception_type", "trace_id")
    (trace_id,) = recorder.traces
    assert [line[key] for key in keys] == [
        "fault",
        "req-42",
        ASSISTANT,
        "openai.InternalServerError",
        f"{trace_id:032x}",
    ]
