"""The texts in messages of OpenAI's shape: what is said in a conversation, and what a model is given of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.operations.provenance import foreign_requests, introduce

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def texts_of(message: Any) -> Iterator[str]:
    """Yield the texts of a message: its content, the text parts of a list, the answers of several tools in one."""
    if isinstance(message, str):
        yield message
        return
    if not isinstance(message, dict):
        return
    content = message.get("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(text := part.get("text"), str):
                yield text
    for response in message.get("tool_responses") or ():
        yield from texts_of(response)


def introduce_message(message: Any) -> None:
    """Note that a message was said in the current request."""
    for text in texts_of(message):
        introduce(text)


def foreign_attributes(texts: Iterable[object]) -> dict[str, list[str]]:
    """Return the requests whose texts stand in the input of a model call of this one, as a span attribute."""
    found = foreign_requests(texts)
    return {names.FOREIGN_REQUESTS: found} if found else {}
