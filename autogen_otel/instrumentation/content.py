"""Arguments, results and messages: recorded only for those who ask for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.faults.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CONTENT: Final = 8_192


def content_of(value: Any) -> str:
    """Return a tool's arguments or result as a text without secrets, cut at 8,192 characters."""
    return redact(value if isinstance(value, str) else json.dumps(value, default=str), MAX_CONTENT)


def input_messages(messages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the prompt in the form of the conventions: a JSON list of `{role, parts}`.

    A chat sends its whole history with each call, so only what came after the last answer of the model is recorded: the
    rest stands on the calls before.
    """
    fresh: list[Mapping[str, Any]] = []
    for message in messages:
        if message.get("role") == "assistant":
            fresh.clear()
        else:
            fresh.append(message)
    return {names.INPUT_MESSAGES: content_of([_message(str(message.get("role")), message) for message in fresh])}


def output_messages(response: Any) -> dict[str, str]:
    """Return the answers of a response in OpenAI's shape, in the same form."""
    found: list[Any] = [getattr(choice, "message", None) for choice in getattr(response, "choices", None) or ()]
    dumped = [message.model_dump() for message in found if hasattr(message, "model_dump")]
    return answers(dumped)


def answers(messages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return answers of a model, each as OpenAI's API writes a message, in the same form."""
    return {names.OUTPUT_MESSAGES: content_of([_message("assistant", message) for message in messages])}


def _message(role: str, message: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    content = message.get("content")
    if role == "tool":
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})
    elif content:
        parts.append({"type": "text", "content": content})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments"),
            }
        )
    return {"role": role, "parts": parts}
