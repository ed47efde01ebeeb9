"""From a reply to the bytes that go over the wire."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider.completions import chunks, completion, error_body
from autogen_otel.demo.provider.replies import BrokenJson, DropMidway, Html, Sendable, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autogen_otel.demo.provider.chat import ChatRequest

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream; charset=utf-8"
_BROKEN: Final = b'{"id": "chatcmpl-provider-broken", "object": "chat.compl'
_HTML: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Please sign in</h1></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Response:
    """A response, encoded.

    Attributes:
        status: The HTTP status.
        headers: The HTTP headers, those included that say where the body ends.
        parts: The body, in the pieces in which it is sent.
        cut: Whether the connection is cut off after them.
    """

    status: int
    headers: Mapping[str, str]
    parts: tuple[bytes, ...]
    cut: bool = False


def encode(chat: ChatRequest, reply: Sendable) -> Response:
    """Return the response that a reply to this request makes."""
    match reply:
        case Status():
            return error(reply)
        case Html():
            return _whole(200, "text/html; charset=utf-8", _HTML)
        case BrokenJson():
            return _stream([_BROKEN]) if chat.stream else _whole(200, _JSON, _BROKEN)
        case DropMidway():
            return _half(encode(chat, reply.reply))
        case _ if chat.stream:
            return _stream([*(_dump(chunk) for chunk in chunks(chat, reply)), b"[DONE]"])
        case _:
            return document(completion(chat, reply))


def error(status: Status) -> Response:
    """Return the response that tells of an error."""
    response = _whole(status.code, _JSON, _dump(error_body(status)))
    if status.retry_after is None:
        return response
    seconds, milliseconds = math.ceil(status.retry_after), math.ceil(status.retry_after * 1000)
    return replace(
        response, headers={**response.headers, "Retry-After": str(seconds), "retry-after-ms": str(milliseconds)}
    )


def document(body: Mapping[str, Any]) -> Response:
    """Return the response (200) with this JSON body."""
    return _whole(200, _JSON, _dump(body))


def _whole(status: int, content_type: str, body: bytes) -> Response:
    return Response(status, {"Content-Type": content_type, "Content-Length": str(len(body))}, (body,))


def _stream(events: Iterable[bytes]) -> Response:
    """Return a response of server-sent events, each in an HTTP chunk of its own."""
    parts = (b"data: " + event + b"\n\n" for event in events)
    *first, last = (b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    headers = {"Content-Type": _EVENTS, "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"}
    return Response(200, headers, (*first, last + b"0\r\n\r\n"))


def _half(response: Response) -> Response:
    """Return the first half of a response; its headers still promise the whole."""
    if len(response.parts) > 1:
        return replace(response, parts=response.parts[: len(response.parts) // 2], cut=True)
    (body,) = response.parts
    return replace(response, parts=(body[: len(body) // 2],), cut=True)


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
