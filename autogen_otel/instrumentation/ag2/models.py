"""Model calls of ag2 1.x: what the client and its answer tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.content import answers, input_messages
from autogen_otel.instrumentation.messages import foreign_attributes
from autogen_otel.instrumentation.model_calls import request_attributes
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.provenance import introduce

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def open_chat(turn: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    """Open a model call of a turn; the arguments are those of the middleware's hook."""
    # The innermost link of the chain of middleware is a partial of the client.
    client = getattr(args[0], "func", args[0])
    attributes = {**_attributes_of(client), **foreign_attributes(texts_of(args[1]))}
    opened: OpenOperation = turn.open(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)
    if turn.content:
        opened.attributes.update(input_messages(messages_of(args[1])))
    return opened


def close_chat(opened: OpenOperation, response: Any) -> None:
    """Note what the model's answer tells."""
    introduce(getattr(response, "content", None))
    attributes = opened.attributes
    usage = getattr(response, "usage", None)
    for thing, key, name in (
        (response, "model", names.RESPONSE_MODEL),
        (response, "response_id", names.RESPONSE_ID),
        (usage, "prompt_tokens", names.INPUT_TOKENS),
        (usage, "completion_tokens", names.OUTPUT_TOKENS),
    ):
        value = getattr(thing, key, None)
        if isinstance(value, str):
            attributes[name] = value
        elif isinstance(value, (int, float)):
            attributes[name] = int(value)
    reason = getattr(response, "finish_reason", None)
    if isinstance(reason, str):
        attributes[names.FINISH_REASONS] = [reason]
    if names.INPUT_MESSAGES in attributes:
        attributes.update(answers([_answer(response)]))


def open_bypassing(client: Any, args: Args, kwargs: Kwargs) -> OpenOperation | None:  # noqa: ARG001
    """Open a model call that no middleware sees, such as the one that makes a summary of the conversation."""
    current = current_operation()
    if current is not None and current.fact.kind is Kind.MODEL:
        return None
    attributes = _attributes_of(client)
    return open_operation(Kind.MODEL, attributes[names.REQUEST_MODEL], attributes=attributes)


def _attributes_of(client: Any) -> dict[str, Any]:
    options: Mapping[str, Any] = getattr(client, "_create_options", None) or {}
    attributes = request_attributes(client, options)
    if "model" not in options:
        model = getattr(client, "_model", None) or getattr(client, "_model_name", None)
        if isinstance(model, str):
            attributes[names.REQUEST_MODEL] = model
    return attributes


def _said(events: Iterable[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield who says something in the events of a model call, the text, and that in which it is said."""
    for event in events:
        kind = type(event).__name__
        if kind == "ToolResultsEvent":
            for result in event.results:
                yield "tool", text_of(result.result.parts), result
        elif kind == "ModelResponse":
            yield "assistant", event.content, event
        elif kind == "CompactionSummary":
            yield "user", event.summary, event
        elif hasattr(event, "parts"):
            yield "user", text_of(event.parts), event


def messages_of(events: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield what a model is sent, each event as OpenAI's API writes a message."""
    for role, text, thing in _said(events):
        if role == "assistant":
            yield _answer(thing)
        else:
            call = {"tool_call_id": thing.parent_id} if role == "tool" else {}
            yield {"role": role, "content": text, **call}


def texts_of(events: Iterable[Any]) -> list[str]:
    """Return the texts of the messages of a model call: the `events` that `on_llm_call` gets."""
    return [str(text) for _, text, _ in _said(events) if text]


def text_of(parts: Iterable[Any]) -> str:
    """Return the text in the parts of a message or of a tool's result; images and files have none."""
    texts = [
        getattr(part, "content", None) or getattr(part, "data", None) or getattr(part, "url", None) for part in parts
    ]
    return "\n".join([str(text) for text in texts if text is not None and not isinstance(text, bytes)])


def _answer(response: Any) -> dict[str, Any]:
    calls = getattr(getattr(response, "tool_calls", None), "calls", ())
    return {
        "role": "assistant",
        "content": response.content,
        "tool_calls": [{"id": call.id, "function": {"name": call.name, "arguments": call.arguments}} for call in calls],
    }
