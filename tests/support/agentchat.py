"""AutoGen 0.7 (`autogen_agentchat`) as an application uses it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("autogen_agentchat", reason="autogen_agentchat is not installed")
pytest.importorskip("openai", reason="openai is not installed")

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import TextMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

from autogen_otel.demo.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.recorder import Recorder

ASSISTANT = "assistant"
# What AutoGen's runtime adds to a trace beside ours: one span for each message.
MESSAGES = ("autogen ", "create_agent ")


def client_of(provider: Provider, **more: Any) -> OpenAIChatCompletionClient:
    """Return a model client that talks to the provider, without retries of its own."""
    settings = {"model": "gpt-4o-mini", "api_key": "sk-" + "a" * 48, "max_retries": 0, "timeout": 20, **more}
    return OpenAIChatCompletionClient(base_url=provider.base_url, **settings)


def assistant_of(provider: Provider, *tools: Any, name: str = ASSISTANT, **more: Any) -> AssistantAgent:
    """Return an assistant with tools, which says what the model makes of their results."""
    settings = {"model_client": client_of(provider), **more}
    return AssistantAgent(
        name, tools=list(tools) or None, **({"reflect_on_tool_use": True} if tools else {}), **settings
    )


class Saying(BaseChatAgent):
    """An agent without a model that does what a function says."""

    def __init__(self, name: str, say: Callable[[], str] = lambda: "hi") -> None:
        super().__init__(name, description=f"{name} says something.")
        self._say = say

    @property
    def produced_message_types(self) -> Sequence[type[TextMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        return Response(chat_message=TextMessage(content=self._say(), source=self.name))

    async def on_reset(self, cancellation_token: Any) -> None:
        pass


def raising(error: BaseException) -> Callable[[], str]:
    """Return a function that raises this."""

    def fail() -> str:
        raise error

    return fail


def told(recorder: Recorder) -> dict[str, Any]:
    """Return the only fault as the on-call engineer wants it, with the place that raised."""
    frame = recorder.fault.raised_at
    return {**recorder.story(), "place": f"{frame.file}:{frame.line}" if frame else None}


def raised(error: BaseException, **more: Any) -> dict[str, Any]:
    """Return what is to be told of an exception that was raised in request req-42 and reached the application."""
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


def line_of(function: Callable[..., Any], text: str) -> int:
    """Return the number of the line of a function that holds a text."""
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def operations(recorder: Recorder) -> list[str]:
    """Return the tree of a trace without the spans of AutoGen's messages; what was below one moves up."""
    spans = {span.context.span_id: span for span in recorder.spans}

    def shown(span: Any) -> bool:
        return not span.name.startswith(MESSAGES) and span.name != "POST"

    def depth(span: Any) -> int:
        above = spans.get(span.parent.span_id) if span.parent else None
        return 0 if above is None else depth(above) + shown(above)

    found: list[str] = []

    def visit(parent: int | None) -> None:
        for span in recorder.spans:
            own = span.parent.span_id if span.parent and span.parent.span_id in spans else None
            if own == parent:
                if shown(span):
                    failed = "!" if span.status.status_code.name == "ERROR" else ""
                    found.append("  " * depth(span) + span.name + failed)
                visit(span.context.span_id)

    visit(None)
    return found
