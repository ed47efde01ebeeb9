"""Takes a picture of a page of Jaeger, with the details of the failing span open.

`python scripts/screenshot.py TRACE_ID trace.png`, or the address of any page of Jaeger instead of the trace ID. It
drives a headless Chromium (`--browser`, else the first one on PATH). A Jaeger built from the Go module has no
web page: start it with JAEGER_UI_ASSETS, see `collector/jaeger.yaml`. Exit status: 0 done, 1 the page did not show it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 30.0  # seconds for one answer of the browser
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

# Waits for what the page shows, opens the details of a span and returns the height of all that.
SHOW = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


class Browser:
    """A Chromium that is spoken to through two pipes, one JSON message after the other with a zero byte between."""

    def __init__(self, answers: int, orders: int) -> None:
        self._answers, self._orders = answers, orders
        self._unread = b""
        self._last_id = 0
        self._session: dict[str, str] = {}

    def open_page(self, width: int, height: int) -> None:
        """Open an empty page of this size in pixels; what is called from then on goes to it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result.

        Raises:
            RuntimeError: the browser refused.
            TimeoutError: it did not answer in time.
        """
        self._last_id += 1
        order = {"id": self._last_id, "method": method, "params": parameters, **self._session}
        os.write(self._orders, json.dumps(order).encode() + b"\0")
        answer = self.wait_for("id", self._last_id)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, key: str, value: object) -> dict[str, Any]:
        """Return the next message that has `value` under `key`, and forget those before it."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            while b"\0" not in self._unread:
                if not select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise TimeoutError(f"the browser sent no {key} {value} within {TIMEOUT} s")
                if not (read := os.read(self._answers, 1 << 20)):
                    raise RuntimeError("the browser ended")
                self._unread += read
            message, self._unread = self._unread.split(b"\0", 1)
            decoded: dict[str, Any] = json.loads(message)
            if decoded.get(key) == value:
                return decoded


@contextlib.contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start the browser with a profile of its own, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser expects its pipes at 3 and 4; high numbers here cannot be in the way of that.
        theirs_in, orders = map(_moved_up, os.pipe())
        answers, theirs_out = map(_moved_up, os.pipe())
        process = os.posix_spawnp(
            program,
            [program, *FLAGS, f"--user-data-dir={profile}"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Browser(answers, orders)
        finally:
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
            os.close(orders)
            os.close(answers)


def _moved_up(descriptor: int) -> int:
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high


def take(program: str, address: str, width: int, span: str) -> bytes:
    """Return the PNG of a page of Jaeger, `width` pixels wide and as high as what it shows.

    Raises:
        RuntimeError: the page did not show a trace, or not the span.
        OSError: the browser did not start, or did not answer in time.
    """
    with browser(program) as chromium:
        # Only rows in sight exist: a window that is higher than any trace worth a picture.
        chromium.open_page(width, height=4000)
        if failed := chromium.call("Page.navigate", url=address).get("errorText"):
            raise RuntimeError(f"{address}: {failed}")
        chromium.wait_for("method", "Page.loadEventFired")
        shown = chromium.call(
            "Runtime.evaluate", expression=f"({SHOW})({json.dumps(span)})", awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in shown:
            raise RuntimeError(shown["exceptionDetails"]["exception"]["description"].splitlines()[0])
        clip = {"x": 0, "y": 0, "width": width, "height": shown["result"]["value"] + 16, "scale": 1}
        return base64.b64decode(chromium.call("Page.captureScreenshot", format="png", clip=clip)["data"])


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Take a picture of a page of Jaeger.")
    parser.add_argument("page", help="a trace ID, or the address of a page")
    parser.add_argument("file", type=Path, help="the PNG to write")
    parser.add_argument("--jaeger", default="http://localhost:16686", help="where a trace ID is looked up")
    parser.add_argument(
        "--span", default="", help="ID or part of the name of the span to open (default: deepest failed)"
    )
    parser.add_argument("--width", type=int, default=1400, help="in pixels")
    parser.add_argument("--browser", default=next(filter(shutil.which, BROWSERS), None))
    options = parser.parse_args(arguments)
    if options.browser is None:
        parser.error(f"there is no browser on PATH, looked for {', '.join(BROWSERS)}")
    is_trace_id = re.fullmatch(r"[0-9a-f]{16,32}", options.page)
    address = f"{options.jaeger}/trace/{options.page}" if is_trace_id else options.page
    try:
        options.file.write_bytes(take(options.browser, address, options.width, options.span))
    except (RuntimeError, OSError) as problem:
        print(f"screenshot: {problem}", file=sys.stderr)
        return 1
    print(f"screenshot: {options.file} of {address}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
