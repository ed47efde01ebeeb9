"""`python -m benchmarks.diagnose [SPANS ...]`: what a diagnosis of a large store costs, in time and memory.

The spans have the form and the attributes of real ones (a chat with two model calls and a tool, each with its HTTP
attempt); of all requests one in fifty has a failing tool, one in a hundred is refused by its provider, and one in a
hundred overlaps with another one in a shared conversation.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.paths import store_file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
MS: Final = 10**6
_START: Final = 1_795_000_000 * 10**9
_LINE: Final = 512
_FILE: Final = 16 * 1024 * 1024
_PROGRAM: Final = "import sys; from autogen_otel.cli import main; sys.exit(main())"
_STACK: Final = """Traceback (most recent call last):
  File "/srv/app/tools.py", line 41, in lookup_policy
    return POLICIES[policy_id]
KeyError: 'p9'
"""


class Run(NamedTuple):
    """One run: seconds on the wall, seconds of CPU of all its processes, and the largest resident size in bytes."""

    seconds: float
    cpu: float
    rss: int


class Store:
    """Writes the spans of requests into a folder, as the local store does."""

    def __init__(self, folder: Path, spans: int, seed: int = 7) -> None:
        self._folder = folder
        self._left = spans
        self._random = random.Random(seed)

    def write(self) -> None:
        """Write files of 16 MiB with lines of 512 spans."""
        number, size = 0, _FILE
        for line in self._lines():
            if size + len(line) > _FILE:
                number, size = number + 1, 0
                path = self._folder / store_file_name("traces", _START + number * 10**9, 4711)
            with path.open("a") as file:
                size += file.write(line)

    def _lines(self) -> Iterator[str]:
        ours: list[Json] = []
        https: list[Json] = []
        number = 0
        while self._left > 0:
            for span in self._request(number):
                (https if span["name"] == "POST" else ours).append(span)
                self._left -= 1
            number += 1
            if len(ours) + len(https) >= _LINE or self._left <= 0:
                scopes = [
                    {"scope": {"name": "autogen_otel"}, "spans": ours},
                    {"scope": {"name": "httpx"}, "spans": https},
                ]
                resource_ = {"attributes": _attributes({"service.name": "insurance"})}
                yield json.dumps({"resourceSpans": [{"resource": resource_, "scopeSpans": scopes}]}) + "\n"
                ours, https = [], []

    def _request(self, number: int) -> Iterator[Json]:
        """Yield the spans of a request, in the order in which they end."""
        hex_, start = self._random.getrandbits, _START + number * 40 * MS
        trace, thread = f"{hex_(128):032x}", f"worker_{number % 8}"
        pid, in_flight = 4711 + number % 4, 1 + number % 9
        broken = number % 50 == 0
        refused = number % 100 == 1
        conversation = "1-2" if number % 200 in (4, 8) else f"{2 * number + 10}-{2 * number + 11}"
        common = {
            names.REQUEST_ID: f"req-{number}",
            names.PROCESS_PID: 4715 if conversation == "1-2" else pid,
            names.THREAD_NAME: thread,
            names.REQUESTS_IN_FLIGHT: in_flight,
        }
        ids = [f"{hex_(64) or 1:016x}" for _ in range(10)]

        def span(which: int, parent: int, name: str, at: int, ms: int, error: str = "", **more: Any) -> Json:
            made: Json = {"traceId": trace, "spanId": ids[which], "name": name, "kind": 1, "flags": 259}
            if parent >= 0:
                made["parentSpanId"] = ids[parent]
            made["startTimeUnixNano"] = str(start + at * MS + which)
            made["endTimeUnixNano"] = str(start + (at + ms) * MS - which)
            attributes = {**common, **more.pop("attributes", {})}
            if error:
                fault = {names.FAULT_ID: f"{number:016x}", names.FAULT_TYPE: error, names.FAULT_KIND: "raised"}
                attributes |= {names.OUTCOME: "error", names.ERROR_TYPE: error, **fault}
                made["status"] = {"code": 2, "message": "it failed"}
            return {**made, "attributes": _attributes(attributes), **more}

        def model(which: int, parent: int, at: int, error: str = "") -> Iterator[Json]:
            status = 429 if error else 200
            url = {
                "http.method": "POST",
                "http.url": "https://api.example/v1/chat/completions",
                "http.status_code": status,
            }
            yield span(which + 1, which, "POST", at + 1, 90, attributes={names.AGENT_NAME: "assistant", **url})
            attributes = {
                names.AGENT_NAME: "assistant",
                names.PROVIDER_NAME: "openai",
                names.SERVER_ADDRESS: "api.example",
                names.SERVER_PORT: 443,
                names.REQUEST_MODEL: "gpt-4o-mini",
                names.MODEL_CONFIG_INDEX: 0,
                names.CLIENT_INSTANCE: number % 8,
                names.OPERATION_NAME: "chat",
                names.MODEL_ATTEMPTS: 1,
                names.MODEL_ATTEMPT_STATUSES: [status],
                names.HTTP_STATUS: status,
                names.PROVIDER_REQUEST_ID: f"req_{number}",
                names.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
                names.RESPONSE_ID: f"chatcmpl-{number}",
                names.FINISH_REASONS: ["stop"],
                names.INPUT_TOKENS: 394,
                names.OUTPUT_TOKENS: 12,
            }
            events = {"events": [_event(start + (at + 91) * MS, number, error, "Error code: 429")]} if error else {}
            yield span(which, parent, "chat gpt-4o-mini", at, 92, error, attributes=attributes, **events)

        agent = {names.OPERATION_NAME: "invoke_agent", names.AGENT_INSTANCE: 2 * number + 10}
        assistant, user = {**agent, names.AGENT_NAME: "assistant"}, {**agent, names.AGENT_NAME: "user"}
        failure = "openai.RateLimitError" if refused else ""
        yield from model(3, 2, 4, failure)
        yield span(2, 1, "invoke_agent assistant", 3, 95, failure, attributes=assistant)
        if not refused:
            tool = {names.AGENT_NAME: "user", names.TOOL_NAME: "lookup_policy", names.OPERATION_NAME: "execute_tool"}
            events = {"events": [_event(start + 105 * MS, number, "KeyError", "'p9'")]} if broken else {}
            if broken:
                tool[names.FAULT_MASKED] = True  # type: ignore[assignment]
            yield span(
                6, 5, "execute_tool lookup_policy", 101, 8, "KeyError" if broken else "", attributes=tool, **events
            )
            yield span(5, 1, "invoke_agent user", 100, 10, attributes=user)
            yield from model(8, 7, 112)
            yield span(7, 1, "invoke_agent assistant", 111, 95, attributes=assistant)
        chat = {names.OPERATION_NAME: "invoke_workflow", names.CONVERSATIONS: [conversation]}
        yield span(1, 0, "invoke_workflow user -> assistant", 2, 206, failure, attributes=chat)
        yield span(0, -1, "request", 0, 210, failure)


def _event(time_ns: int, number: int, type_: str, message: str) -> Json:
    attributes = {
        names.EXCEPTION_TYPE: type_,
        names.EXCEPTION_MESSAGE: message,
        names.EXCEPTION_STACKTRACE: _STACK.replace("KeyError: 'p9'", f"{type_}: {message}"),
        names.FAULT_ID: f"{number:016x}",
    }
    return {"timeUnixNano": str(time_ns), "name": "exception", "attributes": _attributes(attributes)}


def _attributes(values: Json) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"arrayValue": {"values": list(map(_value, value))}} if isinstance(value, list) else {"stringValue": value}


def measure(store: Path, *arguments: str) -> Run:
    """Run the command in a process of its own; the children of that process count for the memory too."""
    command = [sys.executable, "-c", _PROGRAM, "diagnose", str(store), *arguments]
    before, cpu = time.perf_counter(), _cpu()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    seconds, cpu = time.perf_counter() - before, _cpu() - cpu
    if done.returncode != 1:
        raise SystemExit(f"the diagnosis ended with {done.returncode}, though there are causes")
    return Run(seconds, cpu, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure for each size, smallest first: the largest resident size is that of the largest so far."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnose", description=__doc__)
    parser.add_argument("spans", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="write the store there, measure nothing")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        Store(options.keep, max(options.spans)).write()
        return
    for spans in sorted(options.spans):
        with tempfile.TemporaryDirectory() as folder:
            Store(Path(folder), spans).write()
            run = measure(Path(folder))
        per_span = run.cpu / spans * 10**6
        print(
            f"{spans:>9,} spans  {run.seconds:6.1f} s  {run.cpu:6.1f} s of CPU, {per_span:5.1f} µs a span"
            f"  {run.rss / 10**6:6.0f} MB"
        )


if __name__ == "__main__":
    main()
