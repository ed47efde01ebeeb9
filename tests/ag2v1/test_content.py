"""Private by default; prompts, arguments and results only for those who ask for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.ag2 import agent_of, ask

import autogen_otel
from autogen_otel.instrumentation.ag2.models import texts_of

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Middleware
from ag2.middleware import BaseMiddleware

SECRET = "sk-" + "s" * 40


def lookup_policy(policy_id: str) -> str:
    """Look up a policy."""
    return f"policy {policy_id} of Erika"


def _everything(application: Any) -> str:
    return "\n".join(span.to_json() for span in application.spans.get_finished_spans())


async def test_nothing_of_the_conversation_leaves_by_default(recorder, provider, application):
    """No prompt, argument or result is on any span or log line."""
    await ask(agent_of(provider, lookup_policy), 'call lookup_policy {"policy_id": "p-4711"}')

    told = _everything(application) + "\n".join(recorder.lines)
    assert [word for word in ("p-4711", "Erika", "TERMINATE") if word in told] == []


async def test_content_is_recorded_for_those_who_ask(application, provider, monkeypatch):
    """With SPAN_ONLY the newest messages, arguments and results are on their spans, redacted."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    application.spans.clear()
    autogen_otel.instrument()

    await ask(agent_of(provider, lookup_policy), f'call lookup_policy {{"policy_id": "{SECRET}"}}')

    spans = {span.name: span.attributes for span in application.spans.get_finished_spans()}
    tool, chat = spans["execute_tool lookup_policy"], spans["chat gpt-4o-mini"]
    assert (
        json.loads(tool["gen_ai.tool.call.arguments"]),
        tool["gen_ai.tool.call.result"],
        [message["parts"][0]["type"] for message in json.loads(chat["gen_ai.input.messages"])],
        json.loads(chat["gen_ai.output.messages"]),
        SECRET in _everything(application),
    ) == (
        {"policy_id": "[redacted]"},
        "policy [redacted] of Erika",
        ["tool_call_response"],
        [{"role": "assistant", "parts": [{"type": "text", "content": "policy [redacted] of Erika TERMINATE"}]}],
        False,
    )


class _Reader(BaseMiddleware):
    calls: list[list[str]]

    async def on_llm_call(self, call_next: Any, events: Any, context: Any) -> Any:
        type(self).calls.append(texts_of(events))
        return await call_next(events, context)


async def test_texts_of_a_model_call(provider):
    """The texts of user, assistant and tools, in the order in which the model is sent them."""
    _Reader.calls = []
    agent = agent_of(provider, lookup_policy, middleware=[Middleware(_Reader)])

    reply = await agent.ask('call lookup_policy {"policy_id": "p1"}')
    await reply.ask("thanks")

    ask_, result = 'call lookup_policy {"policy_id": "p1"}', "policy p1 of Erika"
    assert _Reader.calls == [[ask_], [ask_, result], [ask_, result, f"{result} TERMINATE", "thanks"]]
