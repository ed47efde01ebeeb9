"""The JSON of OpenAI's API: completions whole and in chunks, errors, the list of models."""

from __future__ import annotations

import re
import time
from http.client import responses
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from autogen_otel.demo.provider.chat import text_of
from autogen_otel.demo.provider.replies import Completion, NoChoices, Status, Text, ToolCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.demo.provider.chat import ChatRequest

Json: TypeAlias = dict[str, Any]

_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_RELEASE: Final = "-2024-07-18"
_MODELS: Final = ("gpt-4o-mini", "gpt-4o")
# What OpenAI says most often under a status: message, type, code.
_USUAL: Final = {
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", None),
}


def completion(chat: ChatRequest, reply: Completion) -> Json:
    """Return the body of a completion."""
    choices = []
    if not isinstance(reply, NoChoices):
        message, reason = _message(chat, reply)
        choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}]
    return {**_head(chat, "chat.completion"), "choices": choices, "usage": _usage(chat, reply)}


def chunks(chat: ChatRequest, reply: Completion) -> Iterator[Json]:
    """Yield the bodies of the events of a streamed completion, without the closing `[DONE]`."""
    head = _head(chat, "chat.completion.chunk")
    wants_usage = bool((chat.body.get("stream_options") or {}).get("include_usage"))
    no_usage = {"usage": None} if wants_usage else {}
    if isinstance(reply, NoChoices):
        yield {**head, "choices": [], **no_usage}
    else:
        message, reason = _message(chat, reply)
        for delta in _deltas(message):
            yield {**head, "choices": [_choice(delta, None)], **no_usage}
        yield {**head, "choices": [_choice({}, reason)], **no_usage}
    if wants_usage:
        yield {**head, "choices": [], "usage": _usage(chat, reply)}


def error_body(status: Status) -> Json:
    """Return the body of an error."""
    kind = "server_error" if status.code >= 500 else "invalid_request_error"
    usual = _USUAL.get(status.code, (responses.get(status.code, "Error"), kind, None))
    return {
        "error": {
            "message": status.message or usual[0],
            "type": status.type or usual[1],
            "param": status.param,
            "code": status.error_code or usual[2],
        }
    }


def models() -> Json:
    """Return the body of the list of models."""
    entries = [{"id": name, "object": "model", "created": 1721172741, "owned_by": "system"} for name in _MODELS]
    return {"object": "list", "data": entries}


def _head(chat: ChatRequest, kind: str) -> Json:
    return {
        "id": f"chatcmpl-provider-{chat.number}",
        "object": kind,
        "created": int(time.time()),
        "model": chat.model if _DATED.search(chat.model) else chat.model + _RELEASE,
        "system_fingerprint": "fp_provider",
    }


def _message(chat: ChatRequest, reply: Text | ToolCalls) -> tuple[Json, str]:
    """Return the assistant's message and the reason why it ends there."""
    message: Json = {"role": "assistant", "content": reply.content, "refusal": None}
    if isinstance(reply, Text):
        return message, "stop"
    functions = [{"name": name, "arguments": arguments} for name, arguments in reply.calls]
    if chat.functions:
        return {**message, "function_call": functions[0]}, "function_call"
    calls = [
        {"id": f"call_{chat.number}_{ordinal}", "type": "function", "function": function}
        for ordinal, function in enumerate(functions, 1)
    ]
    return {**message, "tool_calls": calls}, "tool_calls"


def _choice(delta: Json, reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _deltas(message: Json) -> Iterator[Json]:
    """Yield the pieces of a message: who speaks, the text word by word, each call with its arguments in two halves."""
    yield {"role": "assistant", "content": None if message["content"] is None else "", "refusal": None}
    for word in re.findall(r"\s*\S+|\s+$", message["content"] or ""):
        yield {"content": word}
    if "function_call" in message:
        for function in _halves(message["function_call"]):
            yield {"function_call": function}
    for index, call in enumerate(message.get("tool_calls", ())):
        first, *others = _halves(call["function"])
        yield {"tool_calls": [{**call, "index": index, "function": first}]}
        for function in others:
            yield {"tool_calls": [{"index": index, "function": function}]}


def _halves(function: Json) -> Iterator[Json]:
    arguments = function["arguments"]
    middle = len(arguments) // 2
    yield {**function, "arguments": ""}
    yield {"arguments": arguments[:middle]}
    yield {"arguments": arguments[middle:]}


def _usage(chat: ChatRequest, reply: Completion) -> Json:
    """Return token counts, one token a word: near enough to be plausible, and the same each time."""
    prompt = 3 + sum(4 + _words(text_of(message)) for message in chat.messages)
    answer = "" if isinstance(reply, NoChoices) else reply.content or ""
    calls = reply.calls if isinstance(reply, ToolCalls) else ()
    answered = _words(answer) + sum(4 + _words(arguments) for _, arguments in calls)
    return {"prompt_tokens": prompt, "completion_tokens": answered, "total_tokens": prompt + answered}


def _words(text: str) -> int:
    return len(text.split())
