"""One client connection: reads requests, asks the script, sends what it says."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider.chat import ChatRequest
from autogen_otel.demo.provider.completions import models
from autogen_otel.demo.provider.received import Received, ReceivedLog, request_id
from autogen_otel.demo.provider.replies import Drop, Hang, Reply, Slow, Status
from autogen_otel.demo.provider.wire import Response, document, encode, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.provider.listener import Address

_UNREADABLE: Final = Status(400, "We could not parse the JSON body of your request.")


class Connection(BaseHTTPRequestHandler):
    """Serves one connection; the constructor returns when it is over.

    Args:
        connection: The client's socket.
        peer: The client's address.
        answer: Returns the reply to a request.
        log: Is told of each request for a completion.

    Raises:
        ConnectionError: The client went away.
    """

    protocol_version = "HTTP/1.1"
    server_version = "autogen-otel-provider"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that the head and a short body leave in one packet

    def __init__(
        self, connection: socket.socket, peer: Address, answer: Callable[[ChatRequest], Reply], log: ReceivedLog
    ) -> None:
        self._answer = answer
        self._log = log
        self._status = 0
        super().__init__(connection, peer, None)  # type: ignore[arg-type]  # the base class only stores the server

    def do_GET(self) -> None:
        """Answer a GET: the list of models."""
        known = self._route() == "/v1/models"
        self._send(self._log.next_number(), document(models()) if known else self._unknown())

    def do_POST(self) -> None:
        """Answer a POST: a completion."""
        number, started = self._log.next_number(), time.monotonic()
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._route() != "/v1/chat/completions":
            self._send(number, self._unknown())
            return
        body = _parse(raw)
        if body is None:
            self._send(number, error(_UNREADABLE))
            return
        chat = ChatRequest.parse(number, {name.lower(): value for name, value in self.headers.items()}, body)
        self._log.open(_record(chat, started, self.client_address[1]))
        self._status = 0
        try:
            self._reply(chat, self._answer(chat))
        finally:
            self._close_record(number)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing: what happened stands in the log of requests."""

    def _reply(self, chat: ChatRequest, reply: Reply) -> None:
        match reply:
            case Slow() if self._client_stays(reply.seconds):
                self._reply(chat, reply.reply)
            case Slow() | Drop():
                self._cut(chat.number)
            case Hang():
                self._client_stays(None)
                self._cut(chat.number)
            case _:
                self._send(chat.number, encode(chat, reply))

    def _send(self, number: int, response: Response) -> None:
        self._status = response.status
        self.send_response(response.status)
        self.send_header("x-request-id", request_id(number))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        *first, last = response.parts
        for part in first:
            self.wfile.write(part)
            self.wfile.flush()
        # Whoever has the whole answer must find it in the log, so the log is told first.
        self._close_record(number)
        self.wfile.write(last)
        self.wfile.flush()
        if response.cut:
            self._cut(number)

    def _cut(self, number: int) -> None:
        """End the connection."""
        self._close_record(number)
        self.close_connection = True
        # Closing it would not do: `rfile` and `wfile` hold on to the socket, and the client would wait.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _close_record(self, number: int) -> None:
        self._log.close(number, self._status, time.monotonic())

    def _client_stays(self, seconds: float | None) -> bool:
        """Wait that long (None: without end) and return True; return False as soon as the connection is gone.

        The provider's end shuts the connection down, which is the same as the client going away.
        """
        self.connection.settimeout(seconds)
        try:
            self.connection.recv(1, socket.MSG_PEEK)
        except (TimeoutError, BlockingIOError):
            return True
        except OSError:
            return False
        finally:
            self.connection.settimeout(None)
        return False

    def _route(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _unknown(self) -> Response:
        return error(Status(404, f"Invalid URL ({self.command} {self.path})"))


def _parse(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _record(chat: ChatRequest, started: float, port: int) -> Received:
    return Received(
        number=chat.number,
        model=chat.model,
        status=0,
        tokens=chat.tokens,
        user_tokens=chat.user_tokens,
        api_key=chat.api_key,
        headers=chat.headers,
        retry_count=chat.retry_count,
        started=started,
        ended=None,
        port=port,
        body=chat.body,
    )
