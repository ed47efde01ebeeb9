"""A real server process for the tests: started on free ports, waited for, always stopped."""

from __future__ import annotations

import contextlib
import os
import runpy
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Self

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "collector"
_PAUSE = 0.05  # seconds between two looks at a server
_OURS = ("AUTOGEN_", "JAEGER_", "OTEL_", "OTELCOL_")
# A test never goes through the proxy that the environment may name.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def binary(name: str) -> Path | None:
    """Return the binary that `scripts/backends.py` built for `name` (jaeger, collector), None where there is none."""
    path: Path = runpy.run_path(str(ROOT / "scripts" / "backends.py"))["binary_path"](name)
    return path if path.exists() else None


def poll(look: Callable[[], T], until: Callable[[T], object], timeout: float) -> T:
    """Return the first result of `look` that satisfies `until`, looking for at most `timeout` seconds.

    Raises:
        TimeoutError: no result did; the message holds the last one.
    """
    deadline = time.monotonic() + timeout
    while not until(seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s, last seen: {seen!r:.2000}")
        time.sleep(_PAUSE)
    return seen


def get(url: str) -> tuple[int, bytes]:
    """Return status and body of a GET; status 0 when nothing answers."""
    try:
        with _OPENER.open(url, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError:
        return 0, b""


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a different port for each name, free a moment ago: a start that finds one taken is tried again."""
    with contextlib.ExitStack() as held:
        return {name: _bound(held.enter_context(socket.socket())) for name in names}


def _bound(one: socket.socket) -> int:
    one.bind(("127.0.0.1", 0))
    port: int = one.getsockname()[1]
    return port


class Server:
    """A server process with one of the configurations in `collector/`; a context manager that starts and stops it."""

    port_names: ClassVar[tuple[str, ...]]  # the environment variables of the configuration that take a port
    health: ClassVar[tuple[str, str]]  # the one that answers when all is ready, and its path
    starts: ClassVar[int] = 3
    patience: ClassVar[float] = 30.0  # seconds for one start

    def __init__(self, binary: Path, config: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = [str(binary), "--config", str(config)]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)} | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self.__exit__)
            for _ in range(self.starts):
                if self._start():
                    undo.pop_all()
                    return self
            raise RuntimeError(f"{self._command} did not start:\n{self.log()[-4000:]}")

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._output.close()

    def log(self) -> str:
        """Return what the server wrote so far."""
        self._output.flush()
        return os.pread(self._output.fileno(), 10_000_000, 0).decode(errors="replace")

    def url(self, port_name: str) -> str:
        """Return the address of the port that `port_name` names, without a slash at the end."""
        return f"http://127.0.0.1:{self.ports[port_name]}"

    def _start(self) -> bool:
        self.ports = free_ports(self.port_names)
        environment = self._environment | {name: str(port) for name, port in self.ports.items()}
        self._process = process = subprocess.Popen(
            self._command, env=environment, stdout=self._output, stderr=subprocess.STDOUT
        )
        ready = self.url(self.health[0]) + self.health[1]
        try:
            poll(
                lambda: (get(ready)[0], process.poll()),
                lambda seen: seen[0] == 200 or seen[1] is not None,
                self.patience,
            )
        except TimeoutError:
            self._stop()
        return process.poll() is None

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
