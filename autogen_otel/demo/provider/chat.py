"""What a script is asked: one request for a completion, and how to read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TOKEN: Final = re.compile(r'\[rq:([^\]\s"\\]+)\]')


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for a completion.

    Attributes:
        number: Its ordinal among all requests to the provider, from 1.
        model: The model that is asked for; empty when the client named none.
        messages: The prompt, without entries that are no objects.
        tools: The tools on offer.
        stream: Whether the client wants server-sent events.
        api_key: The bearer token; empty without one.
        headers: The HTTP headers, names in lower case.
        retry_count: How often the client had tried before, by its own word (`x-stainless-retry-count`).
        body: Everything that was sent.
    """

    number: int
    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...]
    stream: bool
    api_key: str
    headers: Mapping[str, str]
    retry_count: int
    body: Mapping[str, Any]

    @classmethod
    def parse(cls, number: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> ChatRequest:
        """Return the request that these headers (names in lower case) and this body make, however wrong they are."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        retries = headers.get("x-stainless-retry-count", "")
        return cls(
            number=number,
            model=str(body.get("model") or ""),
            messages=_objects(body.get("messages")),
            tools=_objects(body.get("tools")),
            stream=body.get("stream") is True,
            api_key=key.strip() if scheme.lower() == "bearer" else "",
            headers=headers,
            retry_count=int(retries) if retries.isdecimal() else 0,
            body=body,
        )

    @property
    def functions(self) -> tuple[Mapping[str, Any], ...]:
        """The functions on offer to a client that still speaks the API of before `tools`."""
        return () if self.tools else _objects(self.body.get("functions"))

    @property
    def last_user_message(self) -> Mapping[str, Any]:
        """The newest message of a user; empty when there is none."""
        return next((one for one in reversed(self.messages) if one.get("role") == "user"), {})

    @property
    def tokens(self) -> tuple[str, ...]:
        """The request tokens in the prompt, each once, in the order of their first appearance."""
        return tokens_in(self.messages)

    @property
    def user_tokens(self) -> tuple[str, ...]:
        """The request tokens in the newest message of a user."""
        return tokens_in(self.last_user_message)


def tokens_in(part: Any) -> tuple[str, ...]:
    """Return the request tokens in a part of a prompt: of each `[rq:TOKEN]` the TOKEN, each once."""
    # Also names and the arguments of calls are part of what the model reads, so the whole part is searched.
    return tuple(dict.fromkeys(_TOKEN.findall(json.dumps(part, ensure_ascii=False))))


def without_tokens(text: str) -> str:
    """Return the text without its request tokens."""
    return _TOKEN.sub("", text)


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whether its content is a text, a list of parts or missing."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in _objects(content))
    return content if isinstance(content, str) else ""


def _objects(value: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()
