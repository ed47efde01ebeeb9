"""What a model call's parameters and answer tell: the attributes that the GenAI conventions ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.ids import PerObject

if TYPE_CHECKING:
    from collections.abc import Mapping

# Clients by the name of their class; what is not here is named after its module, as far as that says something.
_PROVIDERS: Final = {
    "AzureOpenAI": "azure.ai.openai",
    "AsyncAzureOpenAI": "azure.ai.openai",
    "AsyncOpenAI": "openai",
    "AsyncAnthropic": "anthropic",
    "AsyncAnthropicBedrock": "aws.bedrock",
    "AzureAIChatCompletionClient": "azure.ai.inference",
    "OllamaChatCompletionClient": "ollama",
    "AnthropicClient": "anthropic",
    "BedrockClient": "aws.bedrock",
    "CerebrasClient": "cerebras",
    "CohereClient": "cohere",
    "DashScopeClient": "dashscope",
    "GeminiClient": "gcp.gemini",
    "GroqClient": "groq",
    "MistralAIClient": "mistral_ai",
    "MistralClient": "mistral_ai",
    "OllamaClient": "ollama",
    "OpenAIClient": "openai",
    "OpenAIResponsesClient": "openai",
    "TogetherClient": "together",
    "XAIClient": "x_ai",
    "ZAIClient": "zai",
}


def _provider_of(client: Any) -> dict[str, Any]:
    """Return provider and server of a client; asked once for each client."""
    # The first name is that of classic AutoGen's clients, the other that of ag2's.
    inner = getattr(client, "_oai_client", None) or getattr(client, "_client", None)
    provider = _PROVIDERS.get(type(inner).__name__) or _PROVIDERS.get(type(client).__name__, type(client).__name__)
    found: dict[str, Any] = {names.PROVIDER_NAME: provider}
    url = getattr(inner, "base_url", None)
    host, port = getattr(url, "host", None), getattr(url, "port", None)
    if isinstance(host, str) and host:
        found[names.SERVER_ADDRESS] = host
        if isinstance(port, int):
            found[names.SERVER_PORT] = port
    return found


_providers: Final = PerObject(_provider_of)


def request_attributes(client: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known before the call: provider, server, model and the sampling parameters."""
    attributes = dict(_providers.of(client))
    attributes[names.REQUEST_MODEL] = str(params.get("model") or "unknown")
    if params.get("stream"):
        attributes[names.REQUEST_STREAM] = True
    for key, name in (("temperature", names.REQUEST_TEMPERATURE), ("max_tokens", names.REQUEST_MAX_TOKENS)):
        value = params.get(key)
        if isinstance(value, (int, float)):
            attributes[name] = value
    return attributes


def response_attributes(response: Any) -> dict[str, Any]:
    """Return what an answer in OpenAI's shape tells: model, ID, tokens, finish reasons, provider's request ID."""
    usage = getattr(response, "usage", None)
    sent, answered = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if sent is None:
        # The Responses API has other names for the tokens.
        sent, answered = getattr(usage, "input_tokens", None), getattr(usage, "output_tokens", None)
    told = (
        (names.RESPONSE_MODEL, getattr(response, "model", None)),
        (names.RESPONSE_ID, getattr(response, "id", None)),
        (names.PROVIDER_REQUEST_ID, getattr(response, "_request_id", None)),
        (names.INPUT_TOKENS, sent),
        (names.OUTPUT_TOKENS, answered),
    )
    attributes: dict[str, Any] = {name: value for name, value in told if isinstance(value, (str, int))}
    choices = getattr(response, "choices", None)
    if isinstance(choices, list):
        reasons = [reason for choice in choices if isinstance(reason := getattr(choice, "finish_reason", None), str)]
        if reasons:
            attributes[names.FINISH_REASONS] = reasons
    return attributes
