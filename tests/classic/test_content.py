"""Private by default; prompts, arguments and results only for those who ask for them."""

from __future__ import annotations

import json
from typing import Any

from support.classic import chat, pair

import autogen_otel

SECRET = "sk-" + "s" * 40


def lookup_policy(policy_id: str) -> str:
    return f"policy {policy_id} of Erika"


def _everything(application: Any) -> str:
    return "\n".join(span.to_json() for span in application.spans.get_finished_spans())


def test_nothing_of_the_conversation_leaves_by_default(recorder, provider, application):
    """No prompt, argument or result is on any span or log line."""
    assistant, user = pair(provider, lookup_policy)

    chat(user, assistant, 'call lookup_policy {"policy_id": "p-4711"}')

    told = _everything(application) + "\n".join(recorder.lines)
    assert [word for word in ("p-4711", "Erika", "TERMINATE") if word in told] == []


def test_arguments_in_an_error_of_validation_do_not_leave(recorder, provider, application):
    """Pydantic quotes the input into its message; the quote is taken out."""

    def count(number: int) -> int:
        return number

    assistant, user = pair(provider, count)

    chat(user, assistant, 'call count {"number": "Erika Mustermann"}')

    assert "Erika" not in _everything(application) + "\n".join(recorder.lines)


def test_content_is_recorded_for_those_who_ask(application, provider, monkeypatch):
    """With SPAN_ONLY the newest messages, arguments and results are on their spans, redacted."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    application.spans.clear()
    autogen_otel.instrument()
    assistant, user = pair(provider, lookup_policy)

    chat(user, assistant, f'call lookup_policy {{"policy_id": "{SECRET}"}}')

    spans = {span.name: span.attributes for span in application.spans.get_finished_spans()}
    tool = spans["execute_tool lookup_policy"]
    prompt = json.loads(spans["chat gpt-4o-mini"]["gen_ai.input.messages"])
    assert (
        json.loads(tool["gen_ai.tool.call.arguments"]),
        tool["gen_ai.tool.call.result"],
        [message["parts"][0]["type"] for message in prompt],
        SECRET in _everything(application),
    ) == ({"policy_id": "[redacted]"}, "policy [redacted] of Erika", ["tool_call_response"], False)


def test_old_values_of_the_variable_record_nothing(monkeypatch):
    """`true`, which older versions of the conventions took, is no consent."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")

    assert autogen_otel.Settings.from_env().capture_content is False
