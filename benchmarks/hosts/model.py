"""A model that answers at once: below the methods of openai that instrumentations wrap, above all that costs time."""

from __future__ import annotations

from typing import Any, Final

import openai._base_client
from openai._models import add_request_id
from openai.types.chat import ChatCompletion

TOOL: Final = "lookup_policy"
CALL_ID: Final = "call_1"
MODEL: Final = "gpt-4o-mini"
KEY: Final = "sk-" + "a" * 48
_POLICIES: Final = {"p1": "30 days"}


def lookup_policy(policy_id: str) -> str:
    """Look up a policy: the tool that the model asks for."""
    return _POLICIES[policy_id]


async def lookup_policy_async(policy_id: str) -> str:
    """Look up a policy, where a plain function would be run in a thread."""
    return _POLICIES[policy_id]


lookup_policy_async.__name__ = TOOL


def answer_at_once() -> None:
    """Let all clients of openai ask for the tool, and end the chat when they have its result."""
    function = {"name": TOOL, "arguments": '{"policy_id": "p1"}'}
    asks = {"content": None, "tool_calls": [{"id": CALL_ID, "type": "function", "function": function}]}
    first = _completion(asks, "tool_calls")
    last = _completion({"content": "30 days. TERMINATE"}, "stop")

    def request(client: Any, cast_to: Any, options: Any, **_: Any) -> ChatCompletion:  # noqa: ARG001
        answer = last if options.json_data["messages"][-1]["role"] == "tool" else first
        return answer.model_copy(deep=True)

    async def request_async(client: Any, cast_to: Any, options: Any, **_: Any) -> ChatCompletion:
        return request(client, cast_to, options)

    openai._base_client.SyncAPIClient.request = request  # type: ignore[assignment, method-assign]
    openai._base_client.AsyncAPIClient.request = request_async  # type: ignore[assignment, method-assign]


def _completion(message: dict[str, Any], reason: str) -> ChatCompletion:
    completion = ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 9, "total_tokens": 99},
        }
    )
    add_request_id(completion, "req_1")
    return completion
