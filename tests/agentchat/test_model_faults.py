"""Model calls that fail: the exceptions come out as they are, except where an agent makes its answer of one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import UserMessage
from support.agentchat import ASSISTANT, assistant_of, client_of, raised, told

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import (
    BrokenJson,
    Drop,
    DropMidway,
    Hang,
    NoChoices,
    Provider,
    Status,
    Text,
    failing_first,
    insufficient_quota,
    rate_limit_exceeded,
)

FAILURES = {
    "429": rate_limit_exceeded(0.01),
    "quota": insufficient_quota(),
    "500": Status(500),
    "401": Status(401),
    "drop": Drop(),
    "drop midway": DropMidway(),
    "broken json": BrokenJson(),
    "no choices": NoChoices(),
    "late": Hang(),
}


def assistant(provider: Provider, *, timeout: float = 20, **more: Any) -> AssistantAgent:
    """Return an assistant whose client gives up after so many seconds."""
    return AssistantAgent(ASSISTANT, model_client=client_of(provider, timeout=timeout), **more)


async def run(agent: Any) -> Any:
    return await agent.run(task="hello")


async def run_stream(agent: Any) -> Any:
    return [item async for item in agent.run_stream(task="hello")]


@pytest.mark.parametrize("asking", [run, run_stream])
@pytest.mark.parametrize("failure", FAILURES)
async def test_exception_of_a_model_call_is_told(recorder, failure, asking):
    """The client's exception comes out as it is; it is told once, with its line, on the model call."""
    with (
        Provider(FAILURES[failure]) as provider,
        autogen_otel.request("req-42"),
        pytest.raises(Exception) as caught,  # noqa: PT011 - which one is what the test compares
    ):
        await asking(assistant(provider, timeout=0.2 if failure == "late" else 20))

    # The spans of the HTTP attempts, by another instrumentation, have their own.
    ours = [span for span in recorder.spans if span.name != "POST"]
    spans = [span.name for span in ours if any(event.name == "exception" for event in span.events)]
    assert (told(recorder), spans) == (raised(caught.value), ["chat gpt-4o-mini"])


@pytest.mark.parametrize("failure", ["429", "500", "drop midway"])
async def test_exception_of_a_streamed_model_call_is_told(recorder, failure):
    """`create_stream` that fails at once, or in the middle."""
    with (
        Provider(FAILURES[failure]) as provider,
        autogen_otel.request("req-42"),
        pytest.raises(Exception) as caught,  # noqa: PT011
    ):
        await run(assistant(provider, model_client_stream=True))

    assert told(recorder) == raised(caught.value)


async def test_what_the_provider_said_is_told(recorder):
    """Status, retry-after, the provider's ID and the attempts stand on the span of the model call."""
    with Provider(rate_limit_exceeded(0.01)) as provider, autogen_otel.request("req-42"), pytest.raises(Exception):  # noqa: B017, PT011
        await run(AssistantAgent(ASSISTANT, model_client=client_of(provider, max_retries=2)))

    (span,) = recorder.named("chat gpt-4o-mini")
    keys = (names.HTTP_STATUS, names.RETRY_AFTER, names.PROVIDER_REQUEST_ID, names.MODEL_ATTEMPTS, names.ERROR_TYPE)
    assert [span.attributes[key] for key in keys] == [429, "1", "req_provider_3", 3, "openai.RateLimitError"]


async def test_attempts_that_were_hidden_by_retries_are_told(recorder):
    """A model call that went well in the end has its statuses."""
    with Provider(failing_first(2, rate_limit_exceeded(0.01))) as provider:
        await run(AssistantAgent(ASSISTANT, model_client=client_of(provider, max_retries=2)))

    (span,) = recorder.named("chat gpt-4o-mini")
    assert (list(span.attributes[names.MODEL_ATTEMPT_STATUSES]), span.status.status_code.name) == (
        [429, 429, 200],
        "UNSET",
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_attributes_of_a_model_call(recorder, provider, stream):
    """Provider, model, tokens, finish reason and the IDs of the answer, streamed or not."""
    extra = {"stream_options": {"include_usage": True}} if stream else {}
    client = client_of(provider, temperature=0.5, **extra)

    await run(AssistantAgent(ASSISTANT, model_client=client, model_client_stream=stream))

    (span,) = recorder.named("chat gpt-4o-mini")
    (received,) = provider.received
    known = {
        names.PROVIDER_NAME: "openai",
        names.SERVER_ADDRESS: "127.0.0.1",
        names.REQUEST_MODEL: "gpt-4o-mini",
        names.REQUEST_TEMPERATURE: 0.5,
        names.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
        names.FINISH_REASONS: ("stop",),
        names.HTTP_STATUS: 200,
        names.MODEL_ATTEMPTS: 1,
        names.AGENT_NAME: ASSISTANT,
    }
    assert (
        {key: span.attributes.get(key) for key in known},
        span.attributes.get(names.REQUEST_STREAM, False),
        span.attributes[names.INPUT_TOKENS] > 0,
        span.attributes[names.OUTPUT_TOKENS] > 0,
        names.INPUT_MESSAGES in span.attributes,
        received.status,
    ) == (known, stream, True, True, False, 200)


async def test_failure_that_the_agent_answers_with_is_told(recorder):
    """A2: OpenAIAgent makes its answer of any failure (here: a provider without this API), and the run looks well."""
    openai_agent = pytest.importorskip("autogen_ext.agents.openai")
    import openai

    with Provider() as provider:
        client = openai.AsyncOpenAI(api_key="sk-" + "a" * 48, base_url=provider.base_url, max_retries=0)
        agent = openai_agent.OpenAIAgent(
            name=ASSISTANT, description="An agent.", client=client, model="gpt-4o-mini", instructions="Answer."
        )
        with autogen_otel.request("req-42"):
            result = await agent.run(task="hello")

    answer = result.messages[-1].content
    assert (answer.partition(": ")[0], recorder.story(), recorder.fault.raised_at.file.endswith("_base_client.py")) == (
        "Error generating response",
        {
            "type": "openai.NotFoundError",
            "message": answer.partition(": ")[2],
            "function": "request",
            "agent": ASSISTANT,
            "tool": None,
            "request": "req-42",
            "kind": "raised",
            "masked": [True],
        },
        True,
    )


async def test_team_hands_back_what_a_provider_said(recorder):
    """A 429 inside a team is a RuntimeError; its cause is openai's own exception, with its headers."""
    with Provider(rate_limit_exceeded(0.01)) as provider, pytest.raises(RuntimeError) as caught:
        await RoundRobinGroupChat([assistant(provider)], max_turns=1).run(task="hello")

    original = autogen_otel.original_exception(caught.value)
    assert (
        type(original).__name__,
        original is caught.value.__cause__,
        original.status_code,
        original.response.headers["retry-after"],
        original.request_id,
    ) == ("RateLimitError", True, 429, "1", "req_provider_1")


async def test_client_used_directly_is_told(recorder, provider):
    """A model client that an application calls by itself has a span too."""
    with autogen_otel.request("req-42"):
        await client_of(provider).create([UserMessage(content="hello", source="user")])

    assert recorder.tree() == ["request", "  chat gpt-4o-mini", "    POST"]


async def test_content_is_recorded_for_those_who_ask(application, provider, monkeypatch):
    """Prompt, answer, arguments and result, only with the content switched on."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    autogen_otel.uninstrument()
    application.spans.clear()
    autogen_otel.instrument()

    def lookup_policy(policy_id: str) -> str:
        """Look a policy up."""
        return f"policy {policy_id}"

    await assistant_of(provider, lookup_policy).run(task='call lookup_policy {"policy_id": "p9"}')

    spans = {span.name: span.attributes for span in reversed(application.spans.get_finished_spans())}
    chat, tool = spans["chat gpt-4o-mini"], spans["execute_tool lookup_policy"]
    first = json.loads(chat[names.INPUT_MESSAGES])
    assert (
        [message["role"] for message in first],
        json.loads(chat[names.OUTPUT_MESSAGES])[0]["parts"][0]["name"],
        tool[names.TOOL_ARGUMENTS],
        tool[names.TOOL_RESULT],
    ) == (["system", "user"], "lookup_policy", '{"policy_id": "p9"}', "policy p9")


async def test_cache_in_front_of_a_client_is_one_call(recorder):
    """A cached answer has a span that says so and counts no tokens; one that is fetched has one span, not two."""
    cache = pytest.importorskip("autogen_ext.models.cache")
    from autogen_core import InMemoryStore

    with Provider(Text("hi")) as provider:
        client = cache.ChatCompletionCache(client_of(provider), InMemoryStore())
        for _ in range(2):
            await client.create([UserMessage(content="hello", source="user")])

    spans = recorder.named("chat gpt-4o-mini")
    found = [(span.attributes.get(names.CACHE_HIT), names.INPUT_TOKENS in span.attributes) for span in spans]
    assert found == [(None, True), (True, False)]


def test_texts_of_a_model_call():
    """What a model is given: texts, parts, results of tools and arguments of calls."""
    from autogen_core import FunctionCall
    from autogen_core.models import AssistantMessage, FunctionExecutionResult, FunctionExecutionResultMessage

    from autogen_otel.instrumentation.agentchat.models import texts_of_input

    messages = [
        UserMessage(content=["part", "other"], source="user"),
        AssistantMessage(content=[FunctionCall(id="1", name="tool", arguments="{}")], source="a"),
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="result", name="tool", call_id="1")]),
        AssistantMessage(content="answer", source="a"),
    ]
    assert texts_of_input(messages) == ["part", "other", "{}", "result", "answer"]
