"""One process that is measured. It reads orders, a line of JSON each, and answers each with a line of JSON."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

import autogen_otel
from autogen_otel.core.facts import Kind
from autogen_otel.operations.opening import open_operation
from benchmarks import capture, limit, memory, telemetry
from benchmarks.clock import microseconds
from benchmarks.hosts import module_of
from benchmarks.recording import Opened, recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Worker:
    """Carries out orders.

    Args:
        line: The line of AutoGen.
        instrumentation: `none`, `ours` or `limit`.
        sampled: Whether the application's sampler takes every trace, or none.
        templates: What the limit has to open, as `record` of another worker has told.
    """

    def __init__(self, line: str, instrumentation: str, *, sampled: bool, templates: list[dict[str, Any]]) -> None:
        host = module_of(line)
        if instrumentation != "none":
            # Without it AutoGen's own spans cost nothing, where it has some.
            telemetry.set_up(sampled=sampled)
        self._request: Callable[[], AbstractContextManager[Any]] = nullcontext
        self._turn: Callable[[], AbstractContextManager[Any]] = nullcontext
        if instrumentation == "ours":
            autogen_otel.instrument()
            self._request, self._turn = autogen_otel.request, _turn
        elif instrumentation == "limit":
            host.silence()
            limit.instrument(host.PLACES, [Opened(**template) for template in templates])
            self._request = lambda: trace.get_tracer("limit").start_as_current_span("request")
            self._turn = lambda: trace.get_tracer("limit").start_as_current_span("invoke_agent")
        self._host = host.Host()

    def chat(self, times: int) -> float:
        """Return the microseconds of one chat; each is a request of its own."""
        return microseconds(lambda: self._host.chat(times)) / times

    def tool(self, times: int) -> float:
        """Return the microseconds of one tool call, inside a request and an agent's turn, as all of them are."""
        with self._request(), self._turn():
            return microseconds(lambda: self._host.tool(times)) / times

    def record(self, times: int) -> list[dict[str, Any]]:
        """Return what one chat opens."""
        self.chat(times)
        with recording() as found:
            self._host.chat(1)
        return [opened.as_json() for opened in found]

    def capture(self, times: int) -> dict[str, list[float]]:
        """Return the microseconds of capturing two exceptions, and of OpenTelemetry's own way."""
        return capture.compare(self._host, times)

    def memory(self, times: int) -> dict[str, Any]:
        """Return what so many tool calls leave behind."""
        return memory.growth(self._host, self._request, times)


@contextmanager
def _turn() -> Iterator[None]:
    operation = open_operation(Kind.AGENT, "assistant", agent="assistant")
    operation.enter()
    yield
    operation.finish()
    operation.leave()


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # AutoGen prints; nobody reads it.
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    worker = Worker(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        order, times = json.loads(line)
        answers.write(f"{json.dumps(getattr(worker, order)(times))}\n")


if __name__ == "__main__":
    _main()
