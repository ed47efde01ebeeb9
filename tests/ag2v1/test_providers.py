"""The providers that ag2 can talk to beside OpenAI, each in its own wire format."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support.ag2 import ASSISTANT, ask, fail, raised, told, wrong
from support.wire import answering

from autogen_otel.core import names

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "some-model"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
COMPLETION = {
    "id": "one",
    "object": "chat.completion",
    "created": 0,
    "model": MODEL,
    "choices": [CHOICE],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
FAILURE = {"error": {"type": "rate_limit_error", "message": "slow down"}, "message": "slow down"}
HEADERS = {"x-request-id": "req_1", "retry-after": "7"}


class Format(NamedTuple):
    """How one provider is talked to.

    Attributes:
        name: As OpenTelemetry calls the provider.
        package: Without which ag2 does not talk to it.
        config: The name of its config.
        settings: Those of the config, from the URL of the server.
        answer: What it says when all is well.
        error: The exception of its client on a 429, or the one that ag2 makes of it.
        reason: Why it has ended its answer.
    """

    name: str
    package: str
    config: str
    settings: Callable[[str], dict[str, Any]]
    answer: dict[str, Any]
    error: str
    reason: str = "stop"


FORMATS = (
    Format(
        "anthropic",
        "anthropic",
        "AnthropicConfig",
        lambda url: {"api_key": "k", "base_url": url, "max_retries": 0},
        {
            "id": "one",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
        "anthropic.RateLimitError",
        "end_turn",
    ),
    Format(
        "gcp.gemini",
        "google.genai",
        "GeminiConfig",
        lambda url: {"api_key": "k"},
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            "modelVersion": MODEL,
        },
        "google.genai.errors.ClientError",
    ),
    Format(
        "ollama",
        "ollama",
        "OllamaConfig",
        lambda url: {"host": url},
        {
            "model": MODEL,
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "hi"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
        "ollama._types.ResponseError",
    ),
    Format(
        "mistral_ai",
        "mistralai.client",
        "MistralConfig",
        lambda url: {"api_key": "k", "server_url": url},
        COMPLETION,
        "mistralai.client.errors.sdkerror.SDKError",
    ),
    Format(
        "aws.bedrock",
        "aiobotocore",
        "BedrockConfig",
        lambda url: {
            "aws_access_key_id": "k",
            "aws_secret_access_key": "s",
            "region_name": "eu-west-1",
            "endpoint_url": url,
            "max_retries": 0,
        },
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
            "metrics": {"latencyMs": 1},
        },
        "botocore.exceptions.ClientError",
        "end_turn",
    ),
    Format(
        "zai",
        "zai",
        "ZAIConfig",
        lambda url: {"api_key": "k", "base_url": url, "max_retries": 0},
        COMPLETION,
        "zai.core._errors.APIReachLimitError",
    ),
)


@pytest.fixture(params=FORMATS, ids=lambda one: one.name)
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Format, Callable[[str], Any]]:
    """Return a format, and what makes an agent that uses it from the URL of a server."""
    one = request.param
    pytest.importorskip(one.package, reason=f"{one.package} is not installed")
    config = getattr(importlib.import_module("ag2.config"), one.config)

    def agent(url: str) -> Any:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
        return Agent(ASSISTANT, config=config(MODEL, **one.settings(url)))

    return one, agent


async def test_answer_of_a_provider_is_told(recorder, wire):
    """Provider, model, tokens and finish reason stand on one span, with the agent and the request."""
    one, agent = wire
    with answering(200, one.answer) as url:
        said = await ask(agent(url), "hello")

    (span,) = recorder.named(f"chat {MODEL}")
    wanted = {
        names.PROVIDER_NAME: one.name,
        names.REQUEST_MODEL: MODEL,
        names.RESPONSE_MODEL: MODEL,
        names.INPUT_TOKENS: 3,
        names.OUTPUT_TOKENS: 2,
        names.FINISH_REASONS: (one.reason,),
        names.AGENT_NAME: ASSISTANT,
        names.REQUEST_ID: "req-42",
    }
    assert (said, {name: span.attributes.get(name) for name in wanted}, recorder.facts.faults) == ("hi", wanted, [])


async def test_failure_of_a_provider_is_told(recorder, wire):
    """A 429 is told once, on the model call, as the client of that provider raised it, with its status."""
    one, agent = wire
    with answering(429, FAILURE, headers=HEADERS) as url:
        error = await fail(agent(url))

    fault = recorder.fault
    assert (
        told(recorder),
        (fault.type, fault.fields.get(names.HTTP_STATUS), fault.transient),
        # anthropic's client makes a span of its own, as httpx has one.
        [name for name in wrong(recorder) if not name.startswith("anthropic.")],
        [verdict.cause.value for verdict in recorder.facts.verdicts],
    ) == (
        raised(error),
        (one.error, 429, True),
        ["request", f"invoke_agent {ASSISTANT}", f"chat {MODEL}"],
        ["rate_limit"],
    )
