"""The model clients of `autogen_ext` beside OpenAI's, each in its own wire format."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from autogen_agentchat.agents import AssistantAgent
from support.agentchat import ASSISTANT, raised, told
from support.wire import answering

import autogen_otel
from autogen_otel.core import names

if TYPE_CHECKING:
    from collections.abc import Callable

INFO = {"vision": False, "function_calling": True, "json_output": True, "family": "unknown", "structured_output": False}
FAILURE = {"error": {"type": "rate_limit_error", "message": "slow down"}, "type": "error"}
HEADERS = {"x-request-id": "req_1", "retry-after": "7"}


class Format(NamedTuple):
    """How one provider is talked to.

    Attributes:
        name: As OpenTelemetry calls the provider.
        client: Module and class of AutoGen's client.
        settings: Those of the client, from the URL of the server.
        answer: What it says when all is well.
        error: The exception of the provider's own client on a 429.
    """

    name: str
    client: str
    settings: Callable[[str], dict[str, Any]]
    answer: dict[str, Any]
    error: str


FORMATS = (
    Format(
        "anthropic",
        "autogen_ext.models.anthropic:AnthropicChatCompletionClient",
        lambda url: {"api_key": "k", "base_url": url, "max_retries": 0},
        {
            "id": "one",
            "type": "message",
            "role": "assistant",
            "model": "some-model",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
        "anthropic.RateLimitError",
    ),
    Format(
        "ollama",
        "autogen_ext.models.ollama:OllamaChatCompletionClient",
        lambda url: {"host": url},
        {
            "model": "some-model",
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "hi"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
        "ollama._types.ResponseError",
    ),
)


@pytest.fixture(params=FORMATS, ids=lambda one: one.name)
def wire(request: pytest.FixtureRequest) -> tuple[Format, Callable[[str], AssistantAgent]]:
    """Return a format, and what makes an agent that uses it from the URL of a server."""
    one = request.param
    module, _, name = one.client.partition(":")
    pytest.importorskip(module, reason=f"{one.name} is not installed", exc_type=ImportError)
    client = getattr(importlib.import_module(module), name)

    def agent(url: str) -> AssistantAgent:
        made = client(model="some-model", model_info=INFO, **one.settings(url))
        return AssistantAgent(ASSISTANT, model_client=made)

    return one, agent


async def test_answer_of_a_provider_is_told(recorder, wire):
    """Provider, model, tokens and finish reason stand on one span, with the agent and the request."""
    one, agent = wire
    with answering(200, one.answer) as url, autogen_otel.request("req-42"):
        result = await agent(url).run(task="hello")

    (span,) = recorder.named("chat some-model")
    wanted = {
        names.PROVIDER_NAME: one.name,
        names.REQUEST_MODEL: "some-model",
        names.INPUT_TOKENS: 3,
        names.OUTPUT_TOKENS: 2,
        names.FINISH_REASONS: ("stop",),
        names.AGENT_NAME: ASSISTANT,
        names.REQUEST_ID: "req-42",
    }
    assert (
        result.messages[-1].content,
        {name: span.attributes.get(name) for name in wanted},
        recorder.facts.faults,
    ) == ("hi", wanted, [])


async def test_failure_of_a_provider_is_told(recorder, wire):
    """A 429 is told once, on the model call, as the client of that provider raised it, with its status and cause."""
    one, agent = wire
    with (
        answering(429, FAILURE, headers=HEADERS) as url,
        autogen_otel.request("req-42"),
        pytest.raises(Exception) as caught,  # noqa: PT011 - compared below
    ):
        await agent(url).run(task="hello")

    fault = recorder.fault
    assert (
        told(recorder),
        (fault.type, fault.fields.get(names.HTTP_STATUS), fault.transient),
        [verdict.cause.value for verdict in recorder.facts.verdicts],
    ) == (raised(caught.value), (one.error, 429, True), ["rate_limit"])
