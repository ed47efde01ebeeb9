"""ag2 1.x as an application uses it."""

from __future__ import annotations

import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent
from ag2.config import OpenAIConfig

import autogen_otel

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.provider import Provider
    from support.recorder import Recorder

VERSION = tuple(int(part) for part in version("ag2").split(".")[:3])
ASSISTANT = "assistant"
# openai 3 has left httpx for a fork of it.
HTTPX = "httpx2" if int(version("openai").split(".")[0]) >= 3 else "httpx"


def needs(*version: int) -> Any:
    """Skip a test below a version of ag2."""
    return pytest.mark.skipif(version > VERSION, reason=f"ag2 {VERSION} does not have it")


def config(provider: Provider, model: str = "gpt-4o-mini", **more: Any) -> Any:
    """Return a config that talks to the provider, without retries of the client."""
    return OpenAIConfig(model, **{"api_key": "sk-" + "a" * 48, "base_url": provider.base_url, "max_retries": 0, **more})


def agent_of(provider: Provider, *tools: Callable[..., Any], name: str = ASSISTANT, **more: Any) -> Any:
    """Return an agent with a model and tools."""
    return Agent(name, **{"config": config(provider), "tools": list(tools), **more})


async def ask(agent: Any, message: str, **more: Any) -> str:
    """Ask in request req-42 and return the answer."""
    with autogen_otel.request("req-42"):
        reply = await agent.ask(message, **more)
    return str(reply.body)


async def fail(agent: Any, message: str = "hello", **more: Any) -> BaseException:
    """Ask in request req-42 and return what the application catches."""
    with pytest.raises(BaseException) as caught, autogen_otel.request("req-42"):  # noqa: PT011 - each test looks at it
        await agent.ask(message, **more)
    return caught.value


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


def wrong(recorder: Recorder) -> list[str]:
    """Return the names of the spans whose status is ERROR, without those of HTTP attempts."""
    return [span.name for span in recorder.spans if not span.status.is_ok and span.name != "POST"]
