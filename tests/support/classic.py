"""Classic AutoGen as an application uses it, on whichever of its versions is installed."""

from __future__ import annotations

import functools
import socket
import threading
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

autogen = pytest.importorskip("autogen", reason="classic AutoGen is not installed")

from autogen_otel.demo.provider import Provider
from autogen_otel.instrumentation.threads import CarryingThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.recorder import Recorder

VERSION = tuple(int(part) for part in autogen.__version__.split(".")[:2])
ASSISTANT, USER = "assistant", "user"
# 0.9 knows no key `max_retries`; its client always tries three times.
ATTEMPTS = 3 if VERSION == (0, 9) else 1
RETRYING: dict[str, Any] = {} if VERSION == (0, 9) else {"max_retries": 2}
ONCE_AGAIN: dict[str, Any] = {} if VERSION == (0, 9) else {"max_retries": 1}
# openai 3 has left httpx for a fork of it.
HTTPX = "httpx2" if int(version("openai").split(".")[0]) >= 3 else "httpx"


def needs(*version: int) -> Any:
    """Skip a test below a version of AutoGen."""
    return pytest.mark.skipif(version > VERSION, reason=f"AutoGen {autogen.__version__} does not have it")


def config(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return an entry of a config_list that talks to the provider, without retries of the client."""
    entry = {"model": "gpt-4o-mini", "api_key": "sk-" + "a" * 48, "base_url": provider.base_url, "price": [0, 0]}
    if VERSION != (0, 9):
        entry["max_retries"] = 0
    return {**entry, **more}


def llm_config(*configs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an llm_config without the disk cache that 0.2 switches on by itself."""
    return {"config_list": list(configs), "cache_seed": None, **more}


def assistant_of(*configs: dict[str, Any], **more: Any) -> Any:
    """Return an assistant with these entries in its config_list."""
    return autogen.AssistantAgent(ASSISTANT, llm_config=llm_config(*configs), **more)


def tune(assistant: Any, **entry: Any) -> Any:
    """Set parameters of an assistant's model calls that some versions accept in no llm_config."""
    assistant.client._config_list[0].update(entry)
    return assistant


def pair(provider: Provider, *tools: Callable[..., Any], **more: Any) -> tuple[Any, Any]:
    """Return assistant and user proxy, with tools that the assistant may call and the user proxy executes."""
    assistant = assistant_of(config(provider, **more))
    return assistant, user_of(assistant, *tools)


def user_of(assistant: Any, *tools: Callable[..., Any], **more: Any) -> Any:
    """Return a user proxy for an assistant."""
    user = autogen.UserProxyAgent(
        USER,
        human_input_mode="NEVER",
        max_consecutive_auto_reply=4,
        is_termination_msg=ends,
        **{"code_execution_config": False, **more},
    )
    for tool in tools:
        autogen.register_function(tool, caller=assistant, executor=user, name=tool.__name__, description="A tool.")
    return user


def ends(message: dict[str, Any]) -> bool:
    """Tell whether the provider said that it is done."""
    return "TERMINATE" in str(message.get("content") or "")


def chat(user: Any, assistant: Any, message: str, **more: Any) -> str:
    """Run a chat to its end and return the last text."""
    result = user.initiate_chat(assistant, message=message, silent=True, **more)
    return str(result.chat_history[-1]["content"])


async def a_chat(user: Any, assistant: Any, message: str, **more: Any) -> str:
    """The same, async."""
    result = await user.a_initiate_chat(assistant, message=message, silent=True, **more)
    return str(result.chat_history[-1]["content"])


def read(response: Any) -> None:
    """Read a `run()` to its end, as a user interface does; raise what it failed with."""
    for event in response.events:
        if event.type == "input_request":
            event.content.respond("exit")


def count_without_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let versions that count the tokens of a stream themselves do so without a download."""
    if VERSION < (0, 10):
        monkeypatch.setattr("autogen.oai.client.count_token", lambda *_: 7)


def refusing() -> str:
    """Return the URL of a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def wait_for_background() -> None:
    """Wait until the threads that AutoGen has opened are done, though nobody reads what they do."""
    for thread in threading.enumerate():
        if isinstance(thread, CarryingThread):
            thread.join(20)


def agent_of(provider: Provider, name: str, **more: Any) -> Any:
    """Return an agent with a model."""
    return autogen.ConversableAgent(
        name, llm_config=llm_config(config(provider)), human_input_mode="NEVER", silent=True, **more
    )


def mute(name: str, **more: Any) -> Any:
    """Return an agent without a model."""
    return autogen.ConversableAgent(name, llm_config=False, human_input_mode="NEVER", silent=True, **more)


def group_of(provider: Provider, *members: Any, method: str = "round_robin", **more: Any) -> Any:
    """Return the manager of a group chat."""
    settings = {"messages": [], "max_round": 4, **more}
    group = autogen.GroupChat(list(members), speaker_selection_method=method, **settings)
    return autogen.GroupChatManager(
        group, llm_config=llm_config(config(provider)), is_termination_msg=ends, silent=True
    )


def named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function under another name."""

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    renamed.__name__ = name
    return renamed


def told(recorder: Recorder) -> dict[str, Any]:
    """Return the only fault as the on-call engineer wants it, with the place that raised."""
    frame = recorder.fault.raised_at
    return {**recorder.story(), "place": f"{frame.file}:{frame.line}" if frame else None}


def raised(error: BaseException, **more: Any) -> dict[str, Any]:
    """Return what is to be told of an exception that was raised in request req-42 while the assistant replied."""
    cls, frame = type(error), traceback.extract_tb(error.__traceback__)[-1]
    return {
        "type": cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}",
        "message": str(error),
        "function": frame.name,
        "place": f"{frame.filename}:{frame.lineno}",
        "agent": ASSISTANT,
        "tool": None,
        "request": "req-42",
        "kind": "raised",
        "masked": [False],
        **more,
    }


def chain(recorder: Recorder) -> list[tuple[str, str]]:
    """Return types and links of the only fault's causes, the exception itself first."""
    return [(data.type, data.link) for data in recorder.fault.chain]
