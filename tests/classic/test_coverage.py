"""Each way in which classic AutoGen holds a conversation is one tree of spans, the same on all its versions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from support.classic import (
    ASSISTANT,
    USER,
    a_chat,
    agent_of,
    autogen,
    chat,
    config,
    group_of,
    llm_config,
    mute,
    needs,
    pair,
    read,
    wait_for_background,
)

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import ChatRequest, Provider, Reply, Text, echo_tools

if TYPE_CHECKING:
    from collections.abc import Callable

ASK = 'call look {"where": "up"}'


def look(where: str) -> str:
    return f"looked {where}"


async def alook(where: str) -> str:
    return f"looked {where}"


def tree(recorder: Any) -> list[str]:
    """Return the tree of req-42: each span's name, `@` the agent that it names; whatever is not of it is told."""
    lines = recorder.tree(label=_label)
    strangers = {key: count for key, count in recorder.request_ids().items() if key != "req-42"}
    return [*lines, *([f"other requests: {strangers}"] if strangers else [])]


def _label(span: Any) -> str:
    agent = span.attributes.get(names.AGENT_NAME)
    return f"{span.name} @{agent}" if agent else span.name


def call(agent: str, depth: int) -> list[str]:
    """Return the lines of a model call."""
    return ["  " * depth + f"chat gpt-4o-mini @{agent}", "  " * (depth + 1) + f"POST @{agent}"]


def reply(agent: str, depth: int) -> list[str]:
    """Return the lines of an agent that asks its model once."""
    return ["  " * depth + f"invoke_agent {agent} @{agent}", *call(agent, depth + 1)]


# Two agents and a tool


async def _aread(response: Any) -> None:
    async for _ in response.events:
        pass


async def _a_run(assistant: Any, user: Any, message: str) -> None:
    await _aread(await user.a_run(assistant, message=message, silent=True))


def _sequential_run(assistant: Any, user: Any, message: str) -> None:
    (response,) = user.sequential_run([{"recipient": assistant, "message": message, "silent": True}])
    read(response)


def _run_iter(assistant: Any, user: Any, message: str) -> None:
    list(user.run_iter(assistant, message=message, silent=True))


async def _a_run_iter(assistant: Any, user: Any, message: str) -> None:
    async for _ in user.a_run_iter(assistant, message=message, silent=True):
        pass


DRIVERS: dict[str, Callable[[Any, Any, str], Any]] = {
    "initiate_chat": lambda assistant, user, message: chat(user, assistant, message),
    "a_initiate_chat": lambda assistant, user, message: a_chat(user, assistant, message),
    "run": lambda assistant, user, message: read(user.run(assistant, message=message, silent=True)),
    "a_run": _a_run,
    "run_iter": _run_iter,
    "a_run_iter": _a_run_iter,
    "sequential_run": _sequential_run,
}


@pytest.mark.parametrize("tool", [look, alook])
@pytest.mark.parametrize("driver", DRIVERS)
def test_chat_of_two_agents(recorder, provider, driver, tool):
    """Sync or async, in the foreground or in the background: the same tree."""
    if not hasattr(autogen.ConversableAgent, driver):
        pytest.skip(f"this version has no {driver}")
    assistant, user = pair(provider, tool)

    with autogen_otel.request("req-42"):
        waiting = DRIVERS[driver](assistant, user, ASK.replace("look", tool.__name__))
        if waiting is not None and asyncio.iscoroutine(waiting):
            asyncio.run(waiting)
        wait_for_background()

    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> assistant",
        *reply(ASSISTANT, 2),
        "    invoke_agent user @user",
        f"      execute_tool {tool.__name__} @user",
        *reply(ASSISTANT, 2),
        "    invoke_agent user @user",
    ]


@needs(0, 9)
def test_run_of_one_agent(recorder, provider):
    """An agent that runs alone talks to an executor that AutoGen makes for it and calls `user`."""
    assistant = agent_of(provider, ASSISTANT)

    with autogen_otel.request("req-42"):
        read(assistant.run(message="hello", max_turns=1, user_input=False))
        wait_for_background()

    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> assistant",
        *reply(ASSISTANT, 2),
    ]


# Groups


def selecting(asked: ChatRequest) -> Reply:
    """Let the model that selects a speaker name `a`, and everybody else repeat what was said."""
    return Text("a") if "play" in str(asked.messages) else echo_tools(asked)


def _select(depth: int) -> list[str]:
    """Return the lines of a selection that a model makes; the chat in which it does so is AutoGen's own."""
    return [
        "  " * depth + "select_speaker @chat_manager",
        "  " * (depth + 1) + "invoke_workflow checking_agent -> speaker_selection_agent @chat_manager",
        *reply("speaker_selection_agent", depth + 2),
        "  " * (depth + 2) + "invoke_agent checking_agent @checking_agent",
    ]


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("method", ["round_robin", "auto"])
def test_group_chat(recorder, method, asynchronous):
    """Each turn of a group chat is a selection and a reply, below the manager's reply."""
    with Provider(selecting) as provider, autogen_otel.request("req-42"):
        user = mute(USER)
        manager = group_of(provider, user, agent_of(provider, "a"), agent_of(provider, "b"), method=method, max_round=3)
        manager._is_termination_msg = lambda _: False
        if asynchronous:
            asyncio.run(a_chat(user, manager, "hello"))
        else:
            chat(user, manager, "hello")

    select = _select(3) if method == "auto" else ["      select_speaker @chat_manager"]
    second = "a" if method == "auto" else "b"
    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> chat_manager",
        "    invoke_agent chat_manager @chat_manager",
        *select,
        *reply("a", 3),
        *select,
        *reply(second, 3),
    ]


# Chats in chats, chats after chats


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_nested_chat(recorder, provider, asynchronous):
    """A nested chat stands below the reply that it makes."""
    outer, inner, user = mute("outer"), agent_of(provider, "inner"), mute(USER)
    queue = [{"recipient": inner, "message": "look inside", "max_turns": 1, "summary_method": "last_msg"}]
    if asynchronous:
        queue[0]["chat_id"] = 1
    outer.register_nested_chats(queue, trigger=user, **({"use_async": True} if asynchronous else {}))

    with autogen_otel.request("req-42"):
        if asynchronous:
            asyncio.run(a_chat(user, outer, "hello", max_turns=1))
        else:
            chat(user, outer, "hello", max_turns=1)

    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> outer",
        "    invoke_agent outer @outer",
        "      invoke_workflow outer -> inner @outer",
        *reply("inner", 4),
    ]


QUEUES: dict[str, Callable[[Any, list[dict[str, Any]]], Any]] = {
    "method": lambda user, queue: user.initiate_chats(queue),
    "function": lambda user, queue: autogen.initiate_chats([{"sender": user, **one} for one in queue]),
    "async method": lambda user, queue: asyncio.run(
        user.a_initiate_chats([{"chat_id": 1, **queue[0]}, {"chat_id": 2, "prerequisites": [1], **queue[1]}])
    ),
}


@pytest.mark.parametrize("start", QUEUES.values(), ids=QUEUES)
def test_queue_of_chats(recorder, provider, start):
    """A queue of chats is one workflow with a workflow for each chat."""
    user = mute(USER)
    queue = [
        {"recipient": agent_of(provider, name), "message": "hello", "max_turns": 1, "silent": True} for name in "ab"
    ]

    with autogen_otel.request("req-42"):
        start(user, queue)

    assert tree(recorder) == [
        "request",
        "  invoke_workflow initiate_chats",
        "    invoke_workflow user -> a",
        *reply("a", 3),
        "    invoke_workflow user -> b",
        *reply("b", 3),
    ]


# Patterns


def _pattern(kind: str, provider: Provider) -> Any:
    from autogen.agentchat.group import patterns

    first = agent_of(provider, "a", functions=[look])
    manager = {"llm_config": llm_config(config(provider))}
    return getattr(patterns, kind)(
        initial_agent=first, agents=[first], user_agent=mute(USER), group_manager_args=manager
    )


PATTERN_DRIVERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "initiate_group_chat": lambda start, how: start(**how),
    "a_initiate_group_chat": lambda start, how: asyncio.run(start(**how)),
    "run_group_chat": lambda start, how: read(start(**how)),
    "a_run_group_chat": lambda start, how: asyncio.run(_read_started(start, how)),
    "run_group_chat_iter": lambda start, how: list(start(**how)),
}


async def _read_started(start: Any, how: dict[str, Any]) -> None:
    await _aread(await start(**how))


@needs(0, 9)
@pytest.mark.parametrize("driver", PATTERN_DRIVERS)
@pytest.mark.parametrize("kind", ["DefaultPattern", "RoundRobinPattern", "AutoPattern"])
def test_pattern(recorder, driver, kind):
    """A pattern is a group chat whose tools an executor of its own calls; only AutoPattern asks a model who is next."""
    start = getattr(autogen.agentchat, driver, None)
    if start is None:
        pytest.skip(f"this version has no {driver}")

    with Provider(selecting) as provider, autogen_otel.request("req-42"):
        PATTERN_DRIVERS[driver](start, {"pattern": _pattern(kind, provider), "messages": ASK, "max_rounds": 5})
        wait_for_background()

    last = {
        "DefaultPattern": ["      select_speaker @chat_manager"],
        "RoundRobinPattern": ["      select_speaker @chat_manager", "      invoke_agent user @user"],
        "AutoPattern": [*_select(3), *reply("a", 3)],
    }
    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> chat_manager",
        "    invoke_agent chat_manager @chat_manager",
        "      select_speaker @chat_manager",
        *reply("a", 3),
        "      select_speaker @chat_manager",
        "      invoke_agent _Group_Tool_Executor @_Group_Tool_Executor",
        "        execute_tool look @a",
        "      select_speaker @chat_manager",
        *reply("a", 3),
        *last[kind],
    ]


SWARM_DRIVERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "initiate_swarm_chat": PATTERN_DRIVERS["initiate_group_chat"],
    "a_initiate_swarm_chat": PATTERN_DRIVERS["a_initiate_group_chat"],
    "run_swarm": PATTERN_DRIVERS["run_group_chat"],
    "a_run_swarm": PATTERN_DRIVERS["a_run_group_chat"],
}


@pytest.mark.parametrize("driver", SWARM_DRIVERS)
def test_swarm(recorder, provider, driver):
    """A swarm, as 0.9 still has it, is the same tree with an executor of another name."""
    start = getattr(autogen, driver, None)
    if start is None:
        pytest.skip(f"this version has no {driver}")
    first = agent_of(provider, "a", functions=[look])

    with autogen_otel.request("req-42"):
        SWARM_DRIVERS[driver](start, {"initial_agent": first, "messages": ASK, "agents": [first], "max_rounds": 5})
        wait_for_background()

    assert tree(recorder) == [
        "request",
        "  invoke_workflow _User -> chat_manager",
        "    invoke_agent chat_manager @chat_manager",
        "      select_speaker @chat_manager",
        *reply("a", 3),
        "      select_speaker @chat_manager",
        "      invoke_agent _Swarm_Tool_Executor @_Swarm_Tool_Executor",
        "        execute_tool look @a",
        "      select_speaker @chat_manager",
        *reply("a", 3),
        "      select_speaker @chat_manager",
    ]


# A human, code, the wrapper alone


def test_code_is_run(recorder, tmp_path):
    """Code that an agent runs is a span below its reply."""
    from autogen.coding import LocalCommandLineCodeExecutor

    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    user = mute(USER, code_execution_config={"executor": executor})
    with Provider(Text("```sh\ntrue\n```")) as provider, autogen_otel.request("req-42"):
        chat(user, agent_of(provider, ASSISTANT), "hello", max_turns=2)

    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> assistant",
        *reply(ASSISTANT, 2),
        "    invoke_agent user @user",
        "      execute_code LocalCommandLineCodeExecutor @user",
        *reply(ASSISTANT, 2),
    ]


def test_wrapper_alone(recorder, provider):
    """A model that the application asks itself, through AutoGen's wrapper, is a workflow of its own."""
    wrapper = autogen.OpenAIWrapper(**llm_config(config(provider)))

    with autogen_otel.request("req-42"):
        wrapper.create(messages=[{"role": "user", "content": "hello"}])

    assert tree(recorder) == [
        "request",
        "  invoke_workflow OpenAIWrapper.create",
        "    chat gpt-4o-mini",
        "      POST",
    ]


def test_human_is_asked(recorder, provider, monkeypatch):
    """The time that a human takes is a span of its own."""
    monkeypatch.setattr("builtins.input", lambda *_: "exit")
    assistant = agent_of(provider, ASSISTANT)
    user = autogen.ConversableAgent(USER, llm_config=False, human_input_mode="ALWAYS")

    with autogen_otel.request("req-42"):
        chat(user, assistant, "hello")

    assert tree(recorder) == [
        "request",
        "  invoke_workflow user -> assistant",
        *reply(ASSISTANT, 2),
        "    invoke_agent user @user",
        "      await_input user @user",
    ]
