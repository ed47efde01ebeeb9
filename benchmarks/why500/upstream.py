"""Another company's API, which a tool calls: answers so many requests and refuses the rest."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Upstream:
    """An HTTP server on this machine: `GET /ITEM`.

    Args:
        allowed: How many requests are answered before the rest is refused with 429.

    Attributes:
        refused: The items that were refused.
    """

    def __init__(self, allowed: int) -> None:
        self.refused: set[str] = set()
        self._left = allowed
        self._lock = threading.Lock()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                item = self.path.strip("/")
                status, body = upstream._answer(item)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, item: str) -> tuple[int, dict[str, str]]:
        with self._lock:
            self._left -= 1
            if self._left >= 0:
                return 200, {"item": item}
            self.refused.add(item)
            return 429, {"error": "Too many requests"}
