"""The texts in messages of OpenAI's shape: what is said in a conversation, and what a model is given of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core import names
from autogen_otel.operations.provenance import foreign_requests, introduce

if TYPE_CHECKING:
    from collections.abc import Iterable


def texts_of(message: Any) -> list[str]:
    """Return the texts of a message: its content, the text parts of a list, the answers of several tools in one."""
    if isinstance(message, str):
        return [message]
    if not isinstance(message, dict):
        return []
    content = message.get("content")
    texts = [content] if isinstance(content, str) else _parts(content)
    for response in message.get("tool_responses") or ():
        texts += texts_of(response)
    return texts


def _parts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else ()
    return [text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str)]


def introduce_message(message: Any) -> None:
    """Note that a message was said in the current request."""
    for text in texts_of(message):
        introduce(text)


def foreign_attributes(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return the requests whose texts stand in the input of a model call of this one, as a span attribute."""
    found = foreign_requests(texts)
    return {names.FOREIGN_REQUESTS: found} if found else {}
