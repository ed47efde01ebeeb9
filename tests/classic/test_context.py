"""The request goes along through every thread, executor and task that classic AutoGen opens."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry import trace
from support.classic import HTTPX, a_chat, autogen, chat, ends, llm_config, mute, needs, pair, user_of

import autogen_otel
from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Callable

_app = logging.getLogger("app")
ASK = "call look {}\ncall alook {}"


class Witness:
    """Tools and a hook that tell what the context says where they run."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, ...]] = []

        def look() -> str:
            self.look_from("tool")
            return "seen"

        async def alook() -> str:
            self.look_from("async tool")
            return "seen"

        self.tools = (look, alook)

    def look_from(self, place: str) -> None:
        """Note what the context says here, and log a line."""
        _app.warning("seen from %s", place)
        self.seen.append(
            (
                place,
                autogen_otel.current_request_id(),
                structlog.contextvars.get_contextvars().get("tenant"),
                trace.get_current_span().get_span_context().is_valid,
            )
        )

    def hook(self, message: Any) -> Any:
        """Look from a hook of the agent."""
        self.look_from("hook")
        return message


def _read(response: Any) -> None:
    for event in response.events:
        if event.type == "input_request":
            event.content.respond("exit")


async def _aread(response: Any) -> None:
    async for _ in response.events:
        pass


def _group(assistant: Any, user: Any) -> tuple[Any, Any]:
    group = autogen.GroupChat([user, assistant], messages=[], max_round=4, speaker_selection_method="round_robin")
    return user, autogen.GroupChatManager(group, llm_config=False, is_termination_msg=ends)


def _run(assistant: Any, user: Any) -> None:
    _read(user.run(assistant, message=ASK, silent=True))


def _run_iter(assistant: Any, user: Any) -> None:
    for _ in user.run_iter(assistant, message=ASK, silent=True):
        pass


def _sequential_run(assistant: Any, user: Any) -> None:
    for response in user.sequential_run([{"recipient": assistant, "message": ASK, "silent": True}]):
        _read(response)


async def _a_run(assistant: Any, user: Any) -> None:
    await _aread(await user.a_run(assistant, message=ASK, silent=True))


async def _a_run_iter(assistant: Any, user: Any) -> None:
    async for _ in user.a_run_iter(assistant, message=ASK, silent=True):
        pass


async def _sync_inside_async(assistant: Any, user: Any) -> None:
    chat(user, assistant, ASK)


def _nesting(assistant: Any, user: Any, **more: Any) -> tuple[Any, Any]:
    """Return two agents of which the second answers with a chat of the given ones."""
    asking, front = mute("asking"), mute("front")
    queue = [{"chat_id": 1, "sender": user, "recipient": assistant, "message": ASK, "summary_method": "last_msg"}]
    front.register_nested_chats(queue, trigger=asking, **more)
    return asking, front


def _pattern(assistant: Any, user: Any) -> dict[str, Any]:
    """Return how to start a pattern in which the assistant has the tools of the user proxy."""
    from autogen.agentchat.group.patterns import DefaultPattern

    assistant._function_map.update(user._function_map)
    pattern = DefaultPattern(initial_agent=assistant, agents=[assistant], user_agent=mute("human"))
    return {"pattern": pattern, "messages": ASK, "max_rounds": 5}


def _group_chat(assistant: Any, user: Any) -> None:
    autogen.agentchat.initiate_group_chat(**_pattern(assistant, user))


async def _a_group_chat(assistant: Any, user: Any) -> None:
    await autogen.agentchat.a_initiate_group_chat(**_pattern(assistant, user))


def _run_group_chat(assistant: Any, user: Any) -> None:
    _read(autogen.agentchat.run_group_chat(**_pattern(assistant, user)))


async def _a_run_group_chat(assistant: Any, user: Any) -> None:
    await _aread(await autogen.agentchat.a_run_group_chat(**_pattern(assistant, user)))


def _run_group_chat_iter(assistant: Any, user: Any) -> None:
    for _ in autogen.agentchat.run_group_chat_iter(**_pattern(assistant, user)):
        pass


async def _a_run_group_chat_iter(assistant: Any, user: Any) -> None:
    async for _ in autogen.agentchat.a_run_group_chat_iter(**_pattern(assistant, user)):
        pass


ENTRIES = [
    pytest.param(lambda a, u: chat(u, a, ASK), id="initiate_chat"),
    pytest.param(lambda a, u: a_chat(u, a, ASK), id="a_initiate_chat"),
    pytest.param(
        lambda a, u: u.initiate_chats([{"recipient": a, "message": ASK, "silent": True}]), id="initiate_chats"
    ),
    pytest.param(
        lambda a, u: u.a_initiate_chats([{"chat_id": 1, "recipient": a, "message": ASK, "silent": True}]),
        id="a_initiate_chats",
    ),
    pytest.param(lambda a, u: chat(*_group(a, u), ASK), id="group"),
    pytest.param(lambda a, u: a_chat(*_group(a, u), ASK), id="a_group"),
    pytest.param(_run, id="run", marks=needs(0, 9)),
    pytest.param(_run_iter, id="run_iter", marks=needs(0, 10)),
    pytest.param(_sequential_run, id="sequential_run", marks=needs(0, 10)),
    pytest.param(_a_run, id="a_run", marks=needs(0, 9)),
    pytest.param(_a_run_iter, id="a_run_iter", marks=needs(0, 10)),
    pytest.param(_sync_inside_async, id="sync_inside_async", marks=needs(0, 10)),
    pytest.param(lambda a, u: chat(*_nesting(a, u), "go", max_turns=1), id="nested"),
    pytest.param(lambda a, u: a_chat(*_nesting(a, u, use_async=True), "go", max_turns=1), id="a_nested"),
    pytest.param(lambda a, u: a_chat(*_nesting(a, u), "go", max_turns=1), id="nested in async", marks=needs(0, 10)),
]
PATTERNS = [
    pytest.param(_group_chat, id="pattern", marks=needs(0, 9)),
    pytest.param(_a_group_chat, id="a_pattern", marks=needs(0, 10)),
    pytest.param(_run_group_chat, id="run_group_chat", marks=needs(0, 10)),
    pytest.param(_a_run_group_chat, id="a_run_group_chat", marks=needs(0, 10)),
    pytest.param(_run_group_chat_iter, id="run_group_chat_iter", marks=needs(0, 10)),
    pytest.param(_a_run_group_chat_iter, id="a_run_group_chat_iter", marks=needs(0, 10)),
]
# Whose records must name the request: openai's client logs each call where it makes it.
LOGGERS = frozenset({"app", "autogen_otel", "httpx", "httpx2"})


def _perform(entry: Callable[[Any, Any], Any], assistant: Any, user: Any) -> None:
    """Run an entry as an application does: on a loop of its own when it is async."""
    if asyncio.iscoroutinefunction(entry):
        asyncio.run(entry(assistant, user))
        return
    made = entry(assistant, user)
    if asyncio.iscoroutine(made):
        asyncio.run(made)


@pytest.mark.parametrize("entry", [*ENTRIES, *PATTERNS])
def test_request_is_right_in_every_place(recorder, provider, entry):
    """Hook, model call and both tools see the request, structlog's variables and a span; all spans are one trace."""
    witness = Witness()
    assistant, user = pair(provider, *witness.tools)
    assistant.register_hook("process_last_received_message", witness.hook)

    with structlog.contextvars.bound_contextvars(tenant="acme"), autogen_otel.request("req-42"):
        _perform(entry, assistant, user)

    lines = [line for line in recorder.logs if line["logger"] in LOGGERS]
    assert (
        {seen[0] for seen in witness.seen},
        {seen[1:] for seen in witness.seen},
        set(recorder.request_ids()),
        len(recorder.traces),
        {line["logger"] for line in lines},
        {(line.get("request_id"), line.get("tenant")) for line in lines},
    ) == (
        {"hook", "tool", "async tool"},
        {("req-42", "acme", True)},
        {"req-42"},
        1,
        {"app", "autogen_otel", HTTPX},
        {("req-42", "acme")},
    )


@pytest.mark.parametrize(
    ("entry", "agent"),
    [
        pytest.param(*entry.values, agent, id=entry.id, marks=entry.marks)
        for entries, agent in ((ENTRIES, "user"), (PATTERNS, "assistant"))
        for entry in entries
    ],
)
def test_agent_and_tool_are_right_on_every_line(recorder, provider, entry, agent):
    """A line logged inside a tool carries the tool, and the agent that runs it or, in a pattern, has asked for it."""
    witness = Witness()
    assistant, user = pair(provider, *witness.tools)

    _perform(entry, assistant, user)

    found = {(line.get("agent_name"), line.get("tool_name")) for line in recorder.logs if line["logger"] == "app"}
    assert found == {(agent, "look"), (agent, "alook")}


class _Binding:
    """A model client of the application's that binds a variable in the executor's thread and forgets it there."""

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        self.seen: list[Any] = []

    def create(self, params: dict[str, Any]) -> Any:
        self.seen.append((threading.current_thread().name, structlog.contextvars.get_contextvars().get("bound")))
        structlog.contextvars.bind_contextvars(bound=autogen_otel.current_request_id())
        from types import SimpleNamespace

        message = SimpleNamespace(content="done TERMINATE", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="own", cost=0)

    def message_retrieval(self, response: Any) -> list[str]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        return 0.0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {}


def test_executor_thread_does_not_keep_the_context_of_an_earlier_request(recorder):
    """What one request binds in an executor's thread is not seen by the next that gets the same thread."""

    async def serve() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
        seen = []
        for number in range(3):
            entry = {"model": "own", "model_client_cls": "_Binding"}
            assistant = autogen.AssistantAgent("assistant", llm_config=llm_config(entry))
            assistant.register_model_client(model_client_cls=_Binding)
            with autogen_otel.request(f"req-{number}"):
                await a_chat(user_of(assistant), assistant, "hello")
            seen += [bound for _, bound in assistant.client._clients[0].seen]
        return seen

    assert asyncio.run(serve()) == [None, None, None]


def _serve(provider: Any, number: int) -> None:
    def look() -> str:
        _app.warning("inside %d", number)
        return "seen"

    assistant, user = pair(provider, look)
    with autogen_otel.request(f"req-{number}"):
        answer = chat(user, assistant, f"[rq:{number}]\ncall look {{}}")
    assert f"[rq:{number}]" in answer


async def _aserve(provider: Any, number: int, gate: asyncio.Semaphore) -> None:
    async def look() -> str:
        _app.warning("inside %d", number)
        return "seen"

    async with gate:
        assistant, user = pair(provider, look)
        with autogen_otel.request(f"req-{number}"):
            answer = await a_chat(user, assistant, f"[rq:{number}]\ncall look {{}}")
        assert f"[rq:{number}]" in answer


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


def test_200_requests_at_20_threads_do_not_mix(recorder, provider):
    """No span and no log line of 200 requests in 20 threads carries a foreign request ID."""
    with ThreadPoolExecutor(20) as executor:
        list(executor.map(lambda number: _serve(provider, number), range(200)))

    assert (_foreign(recorder), len(recorder.named("request")), len(recorder.events("inside 7"))) == ([], 200, 1)


def test_200_requests_at_20_tasks_do_not_mix(recorder, provider):
    """No span and no log line of 200 requests in 20 tasks carries a foreign request ID."""

    async def serve() -> None:
        gate = asyncio.Semaphore(20)
        await asyncio.gather(*(_aserve(provider, number, gate) for number in range(200)))

    asyncio.run(serve())

    assert (_foreign(recorder), len(recorder.named("request")), len(recorder.events("inside 7"))) == ([], 200, 1)


def test_chat_outside_any_request_opens_one(recorder, provider):
    """Without `request()` each chat is a request of its own, with an ID of its own."""
    assistant, user = pair(provider)

    chat(user, assistant, "hello")
    chat(user, assistant, "hello")

    assert (len(recorder.traces), len(recorder.request_ids())) == (2, 2)


def test_helper_thread_of_a_tool_can_be_given_the_context(recorder, provider):
    """`carry` takes the request into a thread of the application's own."""
    seen = []

    def look() -> str:
        thread = threading.Thread(target=autogen_otel.carry(lambda: seen.append(autogen_otel.current_request_id())))
        thread.start()
        thread.join()
        return "seen"

    assistant, user = pair(provider, look)
    with autogen_otel.request("req-42"):
        chat(user, assistant, "call look {}")

    assert seen == ["req-42"]
